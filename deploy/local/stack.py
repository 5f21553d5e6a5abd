"""Runs everything on this machine: real Kafka, Redis and Radicale, a HubSpot simulator, and Syncline's four services.

``make run`` calls it. Ctrl-C stops everything; the next run goes on with the same data, ``make clean`` forgets it.
"""

import json
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import yaml

from deploy.local import doctor, people
from deploy.local.progress import Display
from deploy.local.servers.hubspot import HubSpotProcess
from deploy.local.servers.ports import port_layout
from deploy.local.servers.processes import Child, Group, Stoppable, keep_short
from deploy.local.servers.readiness import late
from deploy.local.servers.real import KafkaServer, RadicaleServer, RedisServer, ServerError

ROOT: Final = Path(__file__).parents[2]
PORTAL: Final = 4001
SERVICES: Final = ("ingest", "matcher", "writer", "console")
SYNC: Final = "contacts"
_READY_S: Final = 60.0
"""How long a start may show no progress."""
_STOP_S: Final = 9.0


class StackError(RuntimeError):
    """The stack cannot run; the message says why, and what to do."""


class Stack:
    """One local installation in a folder.

    Args:
        data: Where everything is kept.
        ports: Port of each part.
        kafka: Address of a Kafka that runs already; empty for one of our own.
        redis: URL of a Redis that runs already; empty for one of our own.
        poll_s: Seconds between two polls of the address book.
        sync: Settings of the sync that differ from the defaults.
        env: Settings of the services that differ, such as ``SYNCLINE_LOG_LEVEL``.
    """

    def __init__(
        self,
        data: Path,
        ports: Mapping[str, int],
        *,
        kafka: str = "",
        redis: str = "",
        poll_s: float = 5.0,
        sync: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data.resolve()
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.ports = ports
        self.secrets = self._read_secrets()
        self._poll_s = poll_s
        self._sync = dict(sync or {})
        self._env = dict(env or {})
        self.kafka = (
            None
            if kafka
            else KafkaServer(self.data / "kafka", ports["kafka"], controller_port=ports["kafka_controller"])
        )
        self.redis = None if redis else RedisServer(self.data / "redis", ports["redis"])
        self.bootstrap = self.kafka.bootstrap if self.kafka else kafka
        self.redis_url = self.redis.url if self.redis else redis
        self.radicale = RadicaleServer(self.data / "radicale", ports["carddav"])
        self.hubspot = HubSpotProcess(
            self.data / "hubspot", ports["hubspot"], accounts={PORTAL: self.secrets["hubspot_token"]}
        )
        self.services = {name: self._service(name) for name in SERVICES}
        servers: list[Stoppable] = [self.radicale, self.hubspot]
        servers += [one for one in (self.kafka, self.redis) if one is not None]
        self.servers = Group([servers])
        self.workers = Group([list(self.services.values())])

    # Addresses

    @property
    def ingest_url(self) -> str:
        """Return where webhooks are received."""
        return f"http://127.0.0.1:{self.ports['ingest']}"

    @property
    def console_url(self) -> str:
        """Return the address of the console: its pages, and its API."""
        return f"http://127.0.0.1:{self.ports['console']}"

    def metrics_url(self, service: str) -> str:
        """Return where a service shows its metrics; `/healthz` and `/readyz` are beside it."""
        port = self.ports[service if service in ("matcher", "writer") else f"{service}_metrics"]
        return f"http://127.0.0.1:{port}/metrics"

    def endpoints(self) -> dict[str, Any]:
        """Return all addresses, as `.run/endpoints.json` holds them."""
        return {
            "hubspot": self.hubspot.url,
            "hubspot_token": self.secrets["hubspot_token"],
            "hubspot_portal": PORTAL,
            "hubspot_admin_token": self.hubspot.admin_token,
            "carddav": self.radicale.book_url,
            "carddav_user": self.radicale.user,
            "carddav_password": self.radicale.password,
            "ingest": self.ingest_url,
            "console": self.console_url,
            "console_token": self.secrets["console_token"],
            "kafka": self.bootstrap,
            "redis": self.redis_url,
            "metrics": {name: self.metrics_url(name) for name in SERVICES},
            "settings": {name: value for name, value in self.env("console").items() if name.startswith("SYNCLINE_")},
            "pids": {name: [child.pid] for name, child in self.services.items() if child.is_running()},
        }

    def write_endpoints(self) -> None:
        """Write `.run/endpoints.json`, readable by this user alone: it holds tokens."""
        path = self.data / "endpoints.json"
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(self.endpoints(), indent=2) + "\n")
        new.replace(path)

    def _read_secrets(self) -> dict[str, str]:
        path = self.data / "secrets.json"
        if not path.exists():
            path.touch(mode=0o600)
            made = {
                "hubspot_token": f"pat-{secrets.token_hex(16)}",
                "console_token": secrets.token_urlsafe(24),
            }
            path.write_text(json.dumps(made))
            from shared.io.calls.vault import new_key  # noqa: PLC0415 - the preflight comes before any import of the product

            key = self.data / "key"
            key.touch(mode=0o600)
            key.write_text(new_key() + "\n")
        found: dict[str, str] = json.loads(path.read_text())
        return found

    # Processes

    def env(self, service: str) -> dict[str, str]:
        """Return the settings of a service."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("SYNCLINE_")}
        private = [f"127.0.0.1:{self.ports[name]}" for name in ("hubspot", "carddav")]
        return {
            **own,
            "PYTHONUNBUFFERED": "1",
            "SYNCLINE_KAFKA_BOOTSTRAP": self.bootstrap,
            "SYNCLINE_KAFKA_REPLICATION": "1",
            "SYNCLINE_KAFKA_PARTITIONS": "4",
            "SYNCLINE_REDIS_URL": self.redis_url,
            "SYNCLINE_KEY_FILE": str(self.data / "key"),
            "SYNCLINE_DATA_DIR": str(self.data / "console"),
            "SYNCLINE_INGEST_PORT": str(self.ports["ingest"]),
            "SYNCLINE_PUBLIC_URL": self.ingest_url,
            "SYNCLINE_CONSOLE_PORT": str(self.ports["console"]),
            "SYNCLINE_CONSOLE_TOKEN": self.secrets["console_token"],
            "SYNCLINE_METRICS_PORT": self.metrics_url(service).rsplit(":", 1)[1].split("/")[0],
            "SYNCLINE_ALLOW_PRIVATE_ADDRESSES": ",".join(private),
            "SYNCLINE_SESSION_TIMEOUT_S": "6",
            "SYNCLINE_INSTANCE": "local",
            **self._env,
        }

    def _service(self, name: str) -> Child:
        return Child(
            name,
            [sys.executable, "-m", f"services.{name}"],
            log=self.data / f"{name}.log",
            env=self.env(name),
            cwd=ROOT,
        )

    def command(self, *arguments: str) -> None:
        """Run one of the product's commands to its end; raises `StackError` with what it said."""
        child = Child(
            arguments[0],
            [sys.executable, "-m", *arguments],
            log=self.data / "commands.log",
            env=self.env("console"),
            cwd=ROOT,
        )
        start = child.log.stat().st_size if child.log.exists() else 0
        child.start()
        deadline = time.monotonic() + 90
        while child.is_running():
            if time.monotonic() > deadline:
                child.kill()
                raise StackError(f"{' '.join(arguments)} did not end:\n{child.log_tail()}")
            time.sleep(0.02)
        if child.exit_code:
            raise StackError(f"{' '.join(arguments)} failed:\n{child.log.read_bytes()[start:].decode()}")

    # Starting

    def start(
        self, tell: Callable[[str], None], *, empty: bool, data: Callable[[], people.People] = people.make
    ) -> None:
        """Start everything; raises `StackError` or `ServerError`."""
        tell("starting Kafka, Redis, Radicale and the HubSpot simulator")
        self.servers.start()
        self.command("shared.io.kafka.topics")
        tell("starting ingest, matcher, writer and console")
        hook = self.subscribe(PORTAL)
        self.workers.start()
        loaded = self.data / "loaded"
        if not empty and not loaded.exists():
            tell("loading contacts, companies and cards")
            self.load(data())
            loaded.touch()
        self.apply(hook)
        self._wait_ready()
        self.write_endpoints()

    def subscribe(self, portal: int) -> str:
        """Subscribe to an account of HubSpot, and return the secret of its signatures."""
        from shared.apps import APPS  # noqa: PLC0415 - see above

        admin = self.hubspot.admin()
        events = []
        for kind, binding in APPS["hubspot"].objects.items():
            events += [f"{kind}.{what}" for what in ("creation", "deletion", "merge", "restore")]
            properties = [info.name for info in binding.fields if info.canonical and info.updatable]
            events += [f"{kind}.propertyChange:{name}" for name in properties]
        events += ["contact.privacyDeletion", "contact.associationChange", "deal.associationChange"]
        try:
            answer = admin.set_webhooks(portal, f"{self.ingest_url}/webhooks/hubspot", events)
            return str(answer["clientSecret"])
        finally:
            admin.close()

    def load(self, made: people.People) -> None:
        """Fill both apps."""
        admin = self.hubspot.admin()
        try:
            admin.load(PORTAL, **made.hubspot.as_load())
        finally:
            admin.close()
        people.put_cards(self.radicale.book_url, self.radicale.user, self.radicale.password, made.cards)

    def setup(self, hook: str) -> dict[str, Any]:
        """Return what is set up, as `apply` takes it."""
        book = "/" + self.radicale.book_url.split("/", 3)[3]
        return {
            "connections": [
                {
                    "id": "hubspot-main", "app": "hubspot", "label": "HubSpot", "base_url": self.hubspot.url,
                    "auth": "api_key", "secrets": {"access_token": self.secrets["hubspot_token"]},
                    "webhook_secret": hook, "poll_interval_s": 30,
                },
                {
                    "id": "address-book", "app": "carddav", "label": "Address book",
                    "base_url": f"http://127.0.0.1:{self.ports['carddav']}", "options": {"book": book},
                    "auth": "basic", "poll_interval_s": self._poll_s, **self._moved(book),
                    "secrets": {"user": self.radicale.user, "password": self.radicale.password},
                },
            ],
            "syncs": [
                {
                    "id": SYNC,
                    "left": {"connection": "hubspot-main", "object": "contact"},
                    "right": {"connection": "address-book", "object": "contact"},
                    **self._sync,
                },
            ],
        }  # fmt: skip

    def _moved(self, book: str) -> dict[str, str]:
        """Return where the book was, when the run before had other ports."""
        path = self.data / "setup.yaml"
        before = yaml.safe_load(path.read_text()) if path.exists() else None
        rows = (before or {}).get("connections", [])
        found = [urlsplit(row["base_url"]).netloc for row in rows if row["id"] == "address-book"]
        return {"moved_from": found[0] + book} if found else {}

    def apply(self, hook: str) -> None:
        """Set up connections and sync; what is set up already stays as it is."""
        path = self.data / "setup.yaml"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(self.setup(hook), sort_keys=False))
        self.command("services.console.commands", "apply", str(path))

    def _wait_ready(self) -> None:
        waiting = late(self.services, self._unready, self.check, patience_s=_READY_S)
        if waiting:
            why = "; ".join(f"{name}: {said or 'does not answer'}" for name, said in waiting.items())
            tails = "\n".join(self.services[name].log_tail(5) for name in waiting)
            raise StackError(f"nothing moved for {_READY_S:.0f} s. {why}\n{tails}")

    def _unready(self, name: str) -> str | None:
        """Ask a service why it is not ready; it says how far it is."""
        url = self.metrics_url(name).replace("/metrics", "/readyz")
        with requests.Session() as session:
            session.trust_env = False
            try:
                reply = session.get(url, timeout=5)
                return None if reply.status_code == 200 else "; ".join(reply.json()["reasons"])
            except (requests.RequestException, ValueError):
                return ""

    # Asking

    @staticmethod
    def ask(url: str, token: str = "", **query: str) -> Any:
        """Return what an address answers: parsed JSON, or nothing when it does not answer 200."""
        with requests.Session() as session:
            session.trust_env = False
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            try:
                reply = session.get(url, headers=headers, params=query, timeout=5)
            except requests.RequestException:
                return None
            return reply.json() if reply.status_code == 200 else None

    def api(self, path: str, **query: str) -> Any:
        """Ask the console's API."""
        return self.ask(f"{self.console_url}/api/v1/{path}", self.secrets["console_token"], **query)

    def sign_in_link(self) -> str:
        """Return an address that signs a browser in, once; raises `StackError`."""
        with requests.Session() as session:
            session.trust_env = False
            headers = {"Authorization": f"Bearer {self.secrets['console_token']}"}
            try:
                reply = session.post(f"{self.console_url}/api/v1/sign-in-links", headers=headers, timeout=10)
                reply.raise_for_status()
            except requests.RequestException as error:
                raise StackError(f"the console makes no link to sign in: {error}") from error
            return f"{self.console_url}{reply.json()['path']}"

    def check(self) -> None:
        """Make sure that every service runs; raises `StackError` with the last words of one that has ended."""
        for name, child in self.services.items():
            if not child.is_running():
                raise StackError(f"{name} has ended with code {child.exit_code}:\n{child.log_tail()}")

    def stop(self, timeout: float = _STOP_S) -> list[str]:
        """Stop everything, services first; returns the names of those that had to be killed."""
        deadline = time.monotonic() + timeout
        killed = self.workers.stop(max(1.0, timeout - 3.5))
        return killed + self.servers.stop(max(1.0, deadline - time.monotonic()))

    def logs(self) -> list[Path]:
        """Return the logs of all that runs here."""
        servers = [one for one in (self.kafka, self.redis, self.radicale, self.hubspot) if one is not None]
        return [self.data / "commands.log", *(one.log for one in (*self.services.values(), *servers))]

    def revive(self) -> list[str]:
        """Start again what has ended, and keep the logs short."""
        now = time.monotonic()
        for log in self.logs():
            keep_short(log)
        names = self.servers.revive(now) + self.workers.revive(now)
        if names:
            self.write_endpoints()
        return names


def _things_to_try(stack: Stack) -> Sequence[str]:
    where = stack.data.name
    return (
        f"Endpoints and tokens: {where}/endpoints.json; logs: {where}/*.log",
        f"How everything stands: {stack.console_url} (sign in with the console_token of endpoints.json)",
        f"The same, signed in at once (works once, within an hour): {stack.sign_in_link()}",
        "Three things to try, in another terminal:",
        "  1. change a contact in HubSpot, and see its card change:",
        f"     .venv/bin/python -m deploy.local.edit hubspot --data {where}",
        f"  2. change a card, and see the contact change within {stack._poll_s:g} s and a moment:",  # noqa: SLF001 - of this file
        f"     .venv/bin/python -m deploy.local.edit card --data {where}",
        "  3. ask why a record is as it is:",
        "     ./syncline why",
        "Ctrl-C stops everything; `make run` goes on with the same data, `make clean` forgets it.",
    )


def _run(stack: Stack, display: Display, stop: threading.Event) -> None:
    started = time.monotonic()
    for group in (stack.servers, stack.workers):
        group.tell = display.line
    stack.start(display.line, empty=bool(os.environ.get("EMPTY")))

    def health() -> Any:
        _revive(stack, display)
        return stack.api("health")

    display.first_sync(health, stop)
    if not stop.is_set():
        display.line(f"live after {time.monotonic() - started:.0f} s")
        display.health(stack.api("health"), stack.endpoints())
        for line in _things_to_try(stack):
            display.line(line)
    while not stop.wait(1.0):
        _revive(stack, display)


def _revive(stack: Stack, display: Display) -> None:
    for name in stack.revive():
        display.line(f"{name} was started again; see its log")


def run(needs: doctor.Needs) -> int:
    """Run until Ctrl-C; returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    ports = port_layout(int(os.environ.get("PORT_BASE") or port_layout()["console"]))
    display = Display()
    stack = Stack(needs.data, ports, kafka=needs.kafka, redis=needs.redis)
    code = 0
    try:
        _run(stack, display, stop)
    except (StackError, ServerError) as error:
        sys.stderr.write(f"{error}\n")
        code = 1
    display.line("stopping")
    killed = stack.stop()
    if killed:
        display.line(f"had to be killed: {', '.join(killed)}")
    return code
