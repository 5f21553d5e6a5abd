"""One API server for all tests; each gives it an installation of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from argon2 import PasswordHasher

from deploy.local.hubspot import HubSpotServer
from services.console.access.authentication import Access
from services.console.access.passwords import Passwords
from services.console.access.rates import Limits
from services.console.alerts.telling import Teller
from services.console.commands.settings import people
from services.console.site import make_site
from services.console.use.administration.alerts import Alerts
from services.console.use.administration.mailing import Mailing
from services.console.use.administration.retention import Keeping
from services.console.use.administration.single_sign_on import SingleSignOn
from services.console.use.administration.users import Accounts
from services.console.use.asking import Asking
from services.console.use.standing.installation import Installation
from services.console.views.projection import Views
from shared.io.calls.budgets import MemoryBudgets
from shared.io.calls.call_notes import MemoryCallNotes
from shared.io.calls.vault import Vault
from shared.io.net.hooks import make_hook
from shared.io.net.openid import OpenId
from shared.io.net.ssrf import AddressGuard
from shared.io.redis.attempts import MemoryAttempts
from shared.io.redis.feed_notes import MemoryFeedNotes
from shared.io.redis.once import MemoryOnce
from shared.io.redis.rates import MemoryRates
from shared.settings import Settings
from shared.wire import topics
from shared.wire.topics import Kept
from tests.services.console.accounts import connections_of
from tests.services.console.files import POST, exports_of
from tests.services.console.harness import TOKEN, ConsoleHarness, FollowedPeople, MemoryRetention
from tests.services.console.setup_harness import PORTALS, AccessFollower, SetupHarness
from tests.services.environment import Environment, serving

_QUICK: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes passwords at no cost: most tests are about something else."""


@contextmanager
def opened(folder: Path) -> Iterator[Callable[[Path], ConsoleHarness]]:
    """Serve one console; what is yielded gives it a new installation, whose views lie in a folder."""
    env, views = Environment(), Views(folder / "views.sqlite")
    installation = Installation(
        views,
        env.setups,
        env.jobs,
        env.bus,
        env.clock,
        ready=lambda: True,
        refused=lambda _: None,
        webhooks=lambda _: None,
        parked_from=env.parked_from,
        connections=connections_of(env),
        exports=exports_of(env),
        budgets=MemoryBudgets(now_ms=env.clock.now_ms),
        feed_notes=MemoryFeedNotes(),
        call_notes=MemoryCallNotes(env.clock),
        states_from=env.states_from,
        asking=Asking(MemoryRates(env.clock)),
    )
    stop = threading.Event()
    events = threading.Thread(target=installation.events.run, args=(stop,), daemon=True)
    events.start()
    followed = FollowedPeople(env)
    vault = Vault([b"k" * 32])
    accounts = Accounts(installation, followed.people, Passwords(vault, _QUICK), MemoryOnce(env.clock), followed.settle)
    installation.followed[topics.ACCESS.name] = lambda: followed.people.offset
    single_sign_on = SingleSignOn(accounts, vault, MemoryOnce(env.clock), OpenId(AddressGuard(), env.clock))
    mailing = Mailing(accounts, vault, POST)
    alerts = Alerts(Teller(mailing, vault, make_hook(Settings(allow_private_addresses=("127.0.0.1",)))))
    keeping = Keeping(accounts, Kept(), MemoryRetention())
    access = Access(
        TOKEN,
        env.clock,
        accounts,
        MemoryAttempts(env.clock),
        single_sign_on,
        mailing,
        alerts,
        Limits(MemoryRates(env.clock), 0),
        keeping,
    )

    def renew(place: Path) -> ConsoleHarness:
        env = Environment()
        installation.views.close()
        console = ConsoleHarness(env, Views(place / "views.sqlite"), address, installation, access)
        installation.views, installation.setups = console.views, env.setups
        installation.jobs, installation.bus, installation.clock = env.jobs, env.bus, env.clock
        installation.parked_from, installation.call_notes = env.parked_from, MemoryCallNotes(env.clock)
        installation.asking = Asking(MemoryRates(env.clock))
        installation.events._states_from = env.states_from
        console.views.watchers.append(installation.events.take)
        installation.connections, installation.exports = connections_of(env), exports_of(env)
        installation.budgets, installation.feed_notes = MemoryBudgets(now_ms=env.clock.now_ms), MemoryFeedNotes()
        installation._ready = lambda: console.ready
        installation.refused = lambda row: console.paused.get(row.id)
        installation._webhooks = lambda row: console.refused.get(row.id)
        followed.renew(env)
        keeping.topics = MemoryRetention()
        accounts.once, accounts._noted = MemoryOnce(env.clock), {}
        single_sign_on.once, single_sign_on.calls = MemoryOnce(env.clock), OpenId(AddressGuard(), env.clock)
        access.limits.rates, access.limits.per_minute = MemoryRates(env.clock), 0
        # One test's wrong tokens must not shut out the next.
        access.clock, access.attempts = env.clock, MemoryAttempts(env.clock)
        return console

    with serving(make_site(installation, access)) as address:
        yield renew
    stop.set()
    events.join()
    installation.views.close()


@pytest.fixture(name="served", scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], ConsoleHarness]]:
    """One server for all; each test gives it an installation of its own."""
    with opened(tmp_path_factory.mktemp("first")) as renew:
        yield renew


@pytest.fixture(name="console")
def _console(served: Callable[[Path], ConsoleHarness], tmp_path: Path) -> ConsoleHarness:
    return served(tmp_path)


@pytest.fixture(name="hubspot", scope="module")
def _hubspot() -> Iterator[HubSpotServer]:
    with HubSpotServer(data=None, seed=1) as server:
        admin = server.admin()
        for number in PORTALS.values():  # each test is an installation of its own, so together they call often
            admin.add_account(number, token=f"pat-{number}", settings={"ten_secondly": 1900})
        admin.close()
        yield server


@pytest.fixture(name="harness")
def _harness(hubspot: HubSpotServer, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SetupHarness:
    monkeypatch.setattr(people, "TopicFollower", AccessFollower)
    return SetupHarness(hubspot, redis_url, tmp_path)


@pytest.fixture(name="applied")
def _applied(harness: SetupHarness) -> SetupHarness:
    """Offer a console whose file was applied once."""
    assert harness.run("apply", harness.whole()) == 0
    harness.follow()
    return harness
