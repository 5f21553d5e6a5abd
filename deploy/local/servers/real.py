"""The real servers that a local run, the tests and the bench use, each from wheels that pip installs."""

from deploy.local.servers.base import Server, ServerError, free_port
from deploy.local.servers.carddav import RadicaleServer, XandikosServer
from deploy.local.servers.kafka import KafkaServer
from deploy.local.servers.redis import RedisServer

__all__ = [
    "KafkaServer",
    "RadicaleServer",
    "RedisServer",
    "Server",
    "ServerError",
    "XandikosServer",
    "free_port",
]
