"""The real servers that a local run, the tests and the bench use, each from wheels that pip installs."""

from deploy.local.base_server import Server, ServerError, free_port
from deploy.local.carddav_servers import RadicaleServer, XandikosServer
from deploy.local.kafka_server import KafkaServer
from deploy.local.redis_server import RedisServer

__all__ = [
    "KafkaServer",
    "RadicaleServer",
    "RedisServer",
    "Server",
    "ServerError",
    "XandikosServer",
    "free_port",
]
