"""Each real server serves, keeps its data over a kill, and says what is wrong when it cannot start."""

from pathlib import Path

import pytest
import requests
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from redis import Redis

from deploy.local.jars import JarError, JarLock, LockedJar, cache_folder, class_path, read_lock
from deploy.local.servers import kafka as kafka_server
from deploy.local.servers.base import free_port, is_free
from deploy.local.servers.real import KafkaServer, RadicaleServer, RedisServer, ServerError, XandikosServer

pytestmark = pytest.mark.server

_CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u1\r\nFN:Ann Smith\r\nN:Smith;Ann;;;\r\nEND:VCARD\r\n"


def _write_message(server: KafkaServer, topic: str, value: bytes) -> None:
    admin = KafkaAdminClient(bootstrap_servers=server.bootstrap)
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=server.bootstrap, acks="all")
    producer.send(topic, value).get(timeout=30)
    producer.close()


def _read_message(server: KafkaServer, topic: str) -> bytes:
    consumer = KafkaConsumer(
        bootstrap_servers=server.bootstrap, consumer_timeout_ms=30000, auto_offset_reset="earliest"
    )
    consumer.assign([TopicPartition(topic, 0)])
    value: bytes = next(consumer).value
    consumer.close()
    return value


def test_kafka_keeps_what_it_acknowledged_over_a_kill(tmp_path: Path) -> None:
    """A killed broker comes back on the same folder and port with every acknowledged message."""
    server = KafkaServer(tmp_path)
    server.start()
    try:
        _write_message(server, "things", b"kept")
        address, pid = server.bootstrap, server.pid
        server.kill()
        assert not server.is_running()
        server.start()
        assert address == server.bootstrap
        assert pid != server.pid
        assert _read_message(server, "things") == b"kept"
        assert server.stop(20)
    finally:
        server.stop(10)


def test_kafka_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    """A setting that Kafka refuses ends in an error that holds Kafka's own words."""
    server = KafkaServer(tmp_path, config={"log.segment.bytes": "1"})
    with pytest.raises(ServerError, match=r"segment\.bytes"):
        server.start()
    assert not server.is_running()


def test_kafka_starts_only_on_the_locked_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One jar that is not the locked one stops the start before Java runs."""
    locked = read_lock().jars
    small = next(jar for jar in locked if "slf4j-api" in jar.coordinate)
    wrong = JarLock(endpoints=(), jars=(LockedJar(coordinate=small.coordinate, sha256="0" * 64),))
    monkeypatch.setattr(kafka_server, "read_lock", lambda: wrong)
    with pytest.raises(JarError, match=r"slf4j-api.* is not the jar named in jars\.lock\.json"):
        KafkaServer(tmp_path / "kafka", jars=tmp_path / "jars").start()
    assert not (tmp_path / "kafka" / "data").exists()


def test_a_jar_broken_by_an_interrupted_download_is_fetched_again(tmp_path: Path) -> None:
    """Half a jar in the cache is replaced by the locked one."""
    small = next(jar for jar in read_lock().jars if "slf4j-api" in jar.coordinate)
    lock = JarLock(endpoints=(), jars=(small,))
    path = Path(class_path(lock, tmp_path))
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    assert class_path(lock, tmp_path) == str(path)
    assert path.read_bytes() == whole


def test_redis_keeps_its_data_over_a_kill(tmp_path: Path) -> None:
    """A killed Redis loads its append-only file and answers on the same port; ours are the settings."""
    server = RedisServer(tmp_path, config={"hash-max-ziplist-value": "1024"})
    with server, Redis.from_url(server.url, decode_responses=True) as client:
        client.config_set("appendfsync", "always")  # the default may lose the last second, which is not the point here
        client.set("k", "v")
        server.kill()
        server.start()
        assert client.get("k") == "v"
        assert client.config_get("hash-max-ziplist-value") == {"hash-max-ziplist-value": "1024"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_redis_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    """A setting that Redis does not know ends in an error that names it."""
    with pytest.raises(ServerError, match="no-such-setting"):
        RedisServer(tmp_path, config={"no-such-setting": "1"}).start()


def test_a_taken_port_is_named(redis_server: RedisServer, tmp_path: Path) -> None:
    """A second server on the same port is refused with the port's number, and the first one lives on."""
    with pytest.raises(ServerError, match=f"port {redis_server.port} is taken"):
        RedisServer(tmp_path, redis_server.port).start()
    with Redis.from_url(redis_server.url) as client:
        assert client.ping()


def test_radicale_keeps_its_book_and_its_user_over_a_kill(tmp_path: Path) -> None:
    """The book is created once; a card put before a kill is there after it, behind the same password."""
    with RadicaleServer(tmp_path) as server:
        auth = (server.user, server.password)
        card = f"{server.book_url}u1.vcf"
        assert requests.put(card, data=_CARD, auth=auth, timeout=10).status_code == 201
        server.kill()
        server.start()
        assert (server.user, RadicaleServer(tmp_path).password) == auth
        assert "Ann Smith" in requests.get(card, auth=auth, timeout=10).text
        assert requests.get(card, auth=(server.user, "wrong"), timeout=10).status_code == 401
        assert (tmp_path / "users").stat().st_mode & 0o077 == 0


def test_xandikos_offers_an_address_book(tmp_path: Path) -> None:
    """Once started, its book takes a card at once and keeps it over a stop."""
    with XandikosServer(tmp_path) as server:
        card = f"{server.book_url}u1.vcf"
        assert requests.put(card, data=_CARD, headers={"Content-Type": "text/vcard"}, timeout=10).status_code == 201
        assert server.stop(10)
        server.start()
        assert "Ann Smith" in requests.get(card, timeout=10).text


def test_a_free_port_is_never_one_of_an_outgoing_connection() -> None:
    """Ports we pick lie below the system's range for outgoing connections."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = {free_port() for _ in range(20)}
    assert max(ports) < low
    assert all(is_free(port) for port in ports)


def test_every_locked_jar_is_cached_after_a_start(kafka: KafkaServer) -> None:
    """A start needs no network when the cache is full: the class path is the lock, jar by jar."""
    assert kafka.is_running()
    assert len(class_path(read_lock(), cache_folder()).split(":")) == len(read_lock().jars)
