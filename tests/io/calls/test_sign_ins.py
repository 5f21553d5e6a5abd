"""Signing in by OAuth over HTTP: two processes share one access token, renew it once, and never call in vain.

The app is the HubSpot simulator with tokens that live for a second or two. Each process has settings of its own; the
cache is in memory, and where it matters that it is shared by real processes, in a real Redis.
"""

import io
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from deploy.local.hubspot import AdminClient, Clock, HubSpotServer
from shared import logs
from shared.contract.calls import AppError, Exchange
from shared.io.calls import signing, tokens
from shared.io.calls.tokens import MemoryTokens, TokenCache
from shared.io.calls.vault import Vault
from shared.io.ports import BusUnavailable, run_blocking
from shared.wire.messages import SetupDoc
from tests.io.process.installation import Installation, Process

PORTAL = 4100
BACK = "http://127.0.0.1:9/back"


class App:
    """A public app of the simulator, connected to one account."""

    def __init__(
        self, server: HubSpotServer, clock: Clock, admin: AdminClient, cache: TokenCache | None = None
    ) -> None:
        self.server, self.clock, self.admin = server, clock, admin
        free = {"index_lag_ms": 0, "ten_secondly": 0, "oauth_ten_secondly": 0, "token_ttl_s": 1, "token_rotates": True}
        admin.add_account(PORTAL, settings=free)
        self.scopes = ["oauth", "crm.objects.contacts.read", "crm.objects.contacts.write"]
        self.app = admin.call("POST", "apps", {"name": "S", "redirect_uris": [BACK], "scopes": self.scopes})
        self.installation = Installation([f"127.0.0.1:{server.port}"])
        self.installation.cache = cache or self.installation.cache
        self.connect()

    def connect(self) -> None:
        """Have a person agree, and set up what comes of it."""
        client = {"client_id": self.app["client_id"], "client_secret": self.app["client_secret"]}
        query = {"client_id": client["client_id"], "redirect_uri": BACK, "scope": " ".join(self.scopes)}
        form = {"portal_id": str(PORTAL), "decision": "allow"}
        back = requests.post(
            f"{self.server.url}/oauth/authorize", params=query, data=form, allow_redirects=False, timeout=5
        )
        code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
        asked = {**client, "grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
        found = requests.post(f"{self.server.url}/oauth/2026-03/token", data=asked, timeout=5).json()
        self.first_refresh = found["refresh_token"]
        self.installation.connect(
            app="hubspot", base_url=self.server.url, auth="oauth2_code", account=str(PORTAL), limits={"calls": 10_000},
            secrets={**client, "refresh_token": found["refresh_token"]},
        )  # fmt: skip

    def passes(self, seconds: float) -> None:
        """Let time pass for the app and for what its processes share in memory."""
        self.clock.advance(int(seconds * 1000))
        self.installation.watch.advance(int(seconds * 1000))

    def token_calls(self) -> list[int]:
        """Return the answers of the token endpoint to refresh tokens."""
        rows = self.admin.call("GET", "token-calls")["calls"]
        return [row["status"] for row in rows if row["grant"] == "refresh_token"]

    def api_calls(self) -> int:
        return int(self.admin.calls(PORTAL)["total"])

    def all_secrets(self) -> set[str]:
        """Return every token and secret there is now."""
        grants = self.server.run(lambda world: set(world.grants))
        return grants | {self.first_refresh, self.app["client_secret"]}


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


@pytest.fixture(name="server")
def _server(clock: Clock) -> Iterator[HubSpotServer]:
    with HubSpotServer(clock=clock) as server:
        yield server


@pytest.fixture(name="admin")
def _admin(server: HubSpotServer) -> Iterator[AdminClient]:
    with closing(server.admin()) as admin:
        yield admin


@pytest.fixture(name="app")
def _app(server: HubSpotServer, clock: Clock, admin: AdminClient) -> App:
    return App(server, clock, admin)


@pytest.fixture(name="redis_app")
def _redis_app(server: HubSpotServer, clock: Clock, admin: AdminClient, redis_url: str) -> Iterator[App]:
    from shared.io.calls.tokens_redis import RedisTokens  # noqa: PLC0415 - as above
    from shared.io.redis.client import connect  # noqa: PLC0415 - only where a server runs

    client = connect(redis_url)
    yield App(server, clock, admin, RedisTokens(client))
    client.close()


def read(process: Process) -> int:
    """Read one page of contacts; gives how many there are."""
    binding = process.setups.binding("c", "contact")
    page = run_blocking(process.caller.run("c", binding.list_page(process.setups.session("c"), None, ["email"])))
    return len(page.reports)


def refused(process: Process) -> AppError:
    with pytest.raises(AppError) as caught:
        read(process)
    return caught.value


def work(processes: list[Process], seconds: float, threads: int = 3) -> tuple[int, list[Exception]]:
    """Call on end from several threads of each process; gives the number of calls, and what went wrong."""
    done, wrong, until = [0], list[Exception](), time.monotonic() + seconds
    lock = threading.Lock()

    def run(process: Process) -> None:
        while time.monotonic() < until:
            try:
                read(process)
            except Exception as error:  # noqa: BLE001 - told by the test
                wrong.append(error)
                return
            with lock:
                done[0] += 1
            time.sleep(0.01)

    workers = [threading.Thread(target=run, args=(process,)) for process in processes for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return done[0], wrong


def test_two_processes_renew_once_for_each_expiry(redis_app: App) -> None:
    """Over lives of a token whose refresh token rotates, six threads see no error, and the app no second call."""
    redis_app.admin.settings(PORTAL, token_ttl_s=2)
    processes = [redis_app.installation.process() for _ in range(2)]
    calls, wrong = work(processes, 5.4)
    assert wrong == []
    assert calls > 100
    # A token of two seconds is renewed when 1.6 s of it are over: at 0, 1.6, 3.2 and 4.8 s, or a little later.
    answers = redis_app.token_calls()
    assert answers == [200] * len(answers)
    assert 3 <= len(answers) <= 4
    assert sum(process.renewals() for process in processes) == len(answers)
    assert forbidden(*processes) == 0, "no call was made with a token that had ended"


def test_a_process_that_starts_later_goes_on_with_the_newest_refresh_token(app: App) -> None:
    """What rotated stands in Kafka: with Redis emptied and everything started anew, the account is still open."""
    first = app.installation.process()
    read(first)
    app.passes(1.05)
    read(first)
    assert app.token_calls() == [200, 200]
    app.installation.cache = MemoryTokens(lambda: int(time.monotonic() * 1000))
    assert read(app.installation.process()) == 0
    assert app.token_calls() == [200, 200, 200]


@pytest.fixture(name="stream")
def _stream() -> io.StringIO:
    stream = io.StringIO()
    logs.set_up("debug", service="test", stream=stream)
    return stream


def test_no_secret_is_in_the_clear(app: App, stream: io.StringIO) -> None:
    process = app.installation.process()
    read(process)
    app.admin.call("POST", f"accounts/{PORTAL}/revoke")
    known = app.all_secrets()
    app.passes(1.05)
    refused(process)
    kept = repr(app.installation.documents()) + repr(app.installation.cache) + process.metrics.text().decode()
    told = stream.getvalue() + repr(process.caller.sign_ins.open("c"))
    assert "connection_paused" in told
    for secret in known:
        assert secret not in kept
        assert secret not in told


def test_a_refresh_token_is_in_kafka_before_its_access_token_is_used(app: App) -> None:
    """While Kafka is away nothing is called with what was renewed; whoever comes next saves it, also after a crash."""
    process = app.installation.process()
    read(process)
    before = app.api_calls()
    app.passes(1.05)
    broker, bus = app.installation.broker, process.caller.sign_ins._grants._bus

    class Away:
        async def publish(self, messages: Any) -> Any:
            del messages
            raise BusUnavailable("away")

    process.caller.sign_ins._grants._bus = Away()
    with pytest.raises(BusUnavailable):
        read(process)
    assert app.api_calls() == before
    assert app.token_calls() == [200, 200]
    ends = broker.end_offsets("setups")
    process.caller.sign_ins._grants._bus = bus
    app.installation.cache.release("c", app.installation.cache._locks["c"][0])  # type: ignore[attr-defined]  # the wait after a failure
    assert read(app.installation.process()) == 0, "another process has what this one had kept in Redis"
    assert app.token_calls() == [200, 200, 200]
    assert broker.end_offsets("setups")[0] == ends[0] + 2, "the token that was kept, and the one after it"


def test_a_zombie_does_not_put_an_older_token_over_a_newer(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that stood still between the app's answer and Kafka, while another one renewed, keeps what it got."""
    slow, quick = app.installation.process(), app.installation.process()
    exchanged = slow.caller.sign_ins._exchanged

    def stand_still(*arguments: Any) -> Any:
        found = exchanged(*arguments)
        held = app.installation.cache._locks["c"][0]  # type: ignore[attr-defined]  # as if its minute were over
        app.installation.cache.release("c", held)
        # The app has forgotten the first refresh token: a person signs in again, with the same one come back.
        app.server.run(lambda world: world.grants.__setitem__(app.first_refresh, _refresh_grant(world)))
        read(quick)
        return found

    monkeypatch.setattr(slow.caller.sign_ins, "_exchanged", stand_still)
    read(slow)
    assert app.token_calls() == [200, 200]
    assert sum(key.startswith("rotated:") for key in app.installation.documents()) == 1
    assert app.installation.broker.end_offsets("setups")[0] == 2, (
        "one connection, and the token of the one that was quick"
    )
    app.passes(1.05)
    assert read(quick) == 0


def _refresh_grant(world: Any) -> Any:
    return next(grant for grant in world.grants.values() if grant.kind == "refresh")


def test_a_revoked_account_is_tried_once_a_minute_by_all_processes(
    redis_app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal pauses the connection everywhere, with its reason; a person's new agreement ends the pause."""
    monkeypatch.setattr("shared.io.calls.tokens_redis.PROBE_MS", 900)
    processes = [redis_app.installation.process() for _ in range(2)]
    for process in processes:
        read(process)
    redis_app.admin.call("POST", f"accounts/{PORTAL}/revoke")
    time.sleep(0.85)
    started, before = time.monotonic(), redis_app.api_calls()
    while time.monotonic() < started + 2.0:
        for process in processes:
            error = refused(process)
            assert (error.code, error.retry) == ("auth_expired", "auth")
            assert "BAD_REFRESH_TOKEN" in error.message
        time.sleep(0.02)
    answers = redis_app.token_calls()
    assert answers in ([200, 400, 400, 400], [200, 400, 400]), "at 0, 0.9 and 1.8 s, or a little later"
    assert redis_app.api_calls() == before
    assert sum(process.renewals("auth_expired") for process in processes) == len(answers) - 1
    redis_app.connect()
    for process in processes:
        process.follow()
        assert read(process) == 0


def test_an_account_that_somebody_paused_is_not_called(app: App) -> None:
    """Not to renew its sign-in either; whoever resumes it is heard at once."""
    process = app.installation.process()
    row = process.setups.connection("c")
    app.installation.publish(
        "connection:c", SetupDoc(connection=row.model_copy(update={"paused": True, "version": 90}))
    )
    process.follow()
    error = refused(process)
    assert (error.code, error.retry, error.retry_after_s) == ("account_paused", "auth", 60)
    assert (app.api_calls(), app.token_calls()) == (0, [])
    app.installation.publish("connection:c", SetupDoc(connection=row.model_copy(update={"version": 91})))
    process.follow()
    assert read(process) == 0


def test_a_lost_scope_pauses_and_comes_back_by_itself(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "PROBE_MS", 600)
    app.admin.settings(PORTAL, token_ttl_s=600)
    one, other = (app.installation.process() for _ in range(2))
    read(one)
    app.admin.call("POST", f"accounts/{PORTAL}/scopes", {"remove": ["crm.objects.contacts.read"]})
    error = refused(one)
    assert (error.code, error.retry) == ("scope_missing", "auth")
    assert refused(other).message == error.message
    assert forbidden(one, other) == 1
    app.passes(0.65)
    refused(other)
    refused(one)
    assert forbidden(one, other) == 2
    app.server.run(give_back)
    app.passes(0.65)
    assert [read(one), read(other), read(one)] == [0, 0, 0]
    assert app.token_calls() == [200], "a scope is nothing that a renewal brings"


def test_a_401_alone_leads_to_one_renewal_of_an_older_token(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that vanished early is renewed when it is no longer young; one that is young is told as refused."""
    app.admin.settings(PORTAL, token_ttl_s=600)
    process = app.installation.process()
    read(process)
    vanish(app)
    assert refused(process).code == "auth_expired"
    assert app.token_calls() == [200]
    app.installation.cache.resume("c")
    monkeypatch.setattr(signing, "YOUNG_MS", 0)
    assert read(process) == 0
    assert app.token_calls() == [200, 200]


def test_an_app_that_always_says_401_is_not_asked_in_a_loop(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if every token were old enough, a call is signed anew once."""
    monkeypatch.setattr(signing, "YOUNG_MS", 0)
    app.admin.settings(PORTAL, token_ttl_s=600)
    process = app.installation.process()
    read(process)
    app.admin.set_faults(PORTAL, {"kind": "status", "status": 401})
    assert refused(process).code == "auth_expired"
    assert app.token_calls() == [200, 200]
    assert forbidden(process) == 2
    assert refused(process).retry_after_s is not None
    assert (app.token_calls(), forbidden(process)) == ([200, 200], 2)


def give_back(world: Any) -> None:
    for grant in world.grants.values():
        grant.scopes.append("crm.objects.contacts.read")


def forbidden(*processes: Process) -> float:
    """Count the calls that the app refused."""
    return sum(
        process.metrics.value("http_calls_total", connection="c", share="live", status="4xx") for process in processes
    )


def vanish(app: App) -> None:
    """Have the app forget its access tokens."""

    def forget(world: Any) -> None:
        for name in [name for name, grant in world.grants.items() if grant.kind == "access"]:
            del world.grants[name]

    app.server.run(forget)


def test_an_access_token_lives_on_while_the_token_endpoint_is_away(app: App) -> None:
    """A renewal ahead of time that fails costs nothing: the old token is used until it ends."""
    process = app.installation.process()
    app.admin.settings(PORTAL, token_ttl_s=2)
    read(process)
    app.passes(1.7)

    def away(*_: Any) -> Exchange[Any]:
        raise AppError("app_unavailable", "the token endpoint answers 500", retry="outage")
        yield

    binding = process.setups.apps["hubspot"].auth[0]
    good = binding.refresh
    object.__setattr__(binding, "refresh", away)
    try:
        assert read(process) == 0
        assert process.renewals("app_unavailable") == 1
        assert read(process) == 0
        assert process.renewals("app_unavailable") == 1, "nobody tries again at once"
    finally:
        object.__setattr__(binding, "refresh", good)


def test_a_process_without_the_key_pauses_nobody_else(app: App) -> None:
    """What it cannot open is its own trouble: it says which key it lacks."""
    first, other = app.installation.process(), app.installation.process()
    read(first)
    read(other)
    other.caller.sign_ins._vault = Vault([bytes(range(32))])
    app.passes(1.05)
    error = refused(other)
    assert "which is not in SYNCLINE_KEY_FILE" in error.message
    assert read(first) == 0


def test_a_connection_entered_anew_forgets_what_had_rotated(app: App) -> None:
    """A refresh token that a person entered has descendants of its own; the old one's are not taken for them."""
    process = app.installation.process()
    read(process)
    assert any(key == "rotated:c" for key in app.installation.documents())
    app.admin.call("POST", f"accounts/{PORTAL}/revoke")
    app.connect()
    process.follow()
    assert read(process) == 0
    assert app.token_calls() == [200, 200]
    assert re.fullmatch(r"[0-9a-f]{16}", process.caller.sign_ins.open("c").place.grant)
