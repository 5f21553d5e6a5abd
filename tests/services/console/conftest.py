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
from services.console.commands import people
from services.console.site import make_site
from services.console.use.accounts import Accounts
from services.console.use.alerts import Alerts
from services.console.use.installation import Installation
from services.console.use.mailing import Mailing
from services.console.use.retention import Keeping
from services.console.use.single_sign_on import SingleSignOn
from services.console.views.projection import Views
from shared import topics
from shared.io.attempts import MemoryAttempts
from shared.io.budgets import MemoryBudgets
from shared.io.call_notes import MemoryCallNotes
from shared.io.feed_notes import MemoryFeedNotes
from shared.io.hooks import make_hook
from shared.io.once import MemoryOnce
from shared.io.openid import OpenId
from shared.io.rates import MemoryRates
from shared.io.ssrf import AddressGuard
from shared.io.vault import Vault
from shared.settings import Settings
from shared.topics import Kept
from tests.services.console.accounts import connections_of
from tests.services.console.bench import PORTALS, AccessFollower, Bench
from tests.services.console.files import POST, exports_of
from tests.services.console.window import TOKEN, FollowedPeople, MemoryRetention, Window
from tests.services.desk import Desk, serving

_QUICK: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes passwords at no cost: most tests are about something else."""


@contextmanager
def opened(folder: Path) -> Iterator[Callable[[Path], Window]]:
    """Serve one console; what is yielded gives it a new installation, whose views lie in a folder."""
    desk, views = Desk(), Views(folder / "views.sqlite")
    installation = Installation(
        views,
        desk.setups,
        desk.jobs,
        desk.bus,
        desk.clock,
        ready=lambda: True,
        refused=lambda _: None,
        webhooks=lambda _: None,
        parked_from=desk.parked_from,
        connections=connections_of(desk),
        exports=exports_of(desk),
        budgets=MemoryBudgets(now_ms=desk.clock.now_ms),
        feed_notes=MemoryFeedNotes(),
        call_notes=MemoryCallNotes(desk.clock),
        states_from=desk.states_from,
    )
    stop = threading.Event()
    events = threading.Thread(target=installation.events.run, args=(stop,), daemon=True)
    events.start()
    followed = FollowedPeople(desk)
    vault = Vault([b"k" * 32])
    accounts = Accounts(
        installation, followed.people, Passwords(vault, _QUICK), MemoryOnce(desk.clock), followed.settle
    )
    installation.followed[topics.ACCESS.name] = lambda: followed.people.offset
    single_sign_on = SingleSignOn(accounts, vault, MemoryOnce(desk.clock), OpenId(AddressGuard(), desk.clock))
    mailing = Mailing(accounts, vault, POST)
    alerts = Alerts(Teller(mailing, vault, make_hook(Settings(allow_private_addresses=("127.0.0.1",)))))
    keeping = Keeping(accounts, Kept(), MemoryRetention())
    access = Access(
        TOKEN,
        desk.clock,
        accounts,
        MemoryAttempts(desk.clock),
        single_sign_on,
        mailing,
        alerts,
        Limits(MemoryRates(desk.clock), 0),
        keeping,
    )

    def renew(place: Path) -> Window:
        desk = Desk()
        installation.views.close()
        window = Window(desk, Views(place / "views.sqlite"), address, installation, access)
        installation.views, installation.setups = window.views, desk.setups
        installation.jobs, installation.bus, installation.clock = desk.jobs, desk.bus, desk.clock
        installation.parked_from, installation.call_notes = desk.parked_from, MemoryCallNotes(desk.clock)
        installation.events._states_from = desk.states_from
        window.views.watchers.append(installation.events.take)
        installation.connections, installation.exports = connections_of(desk), exports_of(desk)
        installation.budgets, installation.feed_notes = MemoryBudgets(now_ms=desk.clock.now_ms), MemoryFeedNotes()
        installation._ready = lambda: window.ready
        installation.refused = lambda row: window.paused.get(row.id)
        installation._webhooks = lambda row: window.refused.get(row.id)
        followed.renew(desk)
        keeping.topics = MemoryRetention()
        accounts.once, accounts._noted = MemoryOnce(desk.clock), {}
        single_sign_on.once, single_sign_on.calls = MemoryOnce(desk.clock), OpenId(AddressGuard(), desk.clock)
        access.limits.rates, access.limits.per_minute = MemoryRates(desk.clock), 0
        # One test's wrong tokens must not shut out the next.
        access.clock, access.attempts = desk.clock, MemoryAttempts(desk.clock)
        return window

    with serving(make_site(installation, access)) as address:
        yield renew
    stop.set()
    events.join()
    installation.views.close()


@pytest.fixture(name="served", scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Window]]:
    """One server for all; each test gives it an installation of its own."""
    with opened(tmp_path_factory.mktemp("first")) as renew:
        yield renew


@pytest.fixture(name="window")
def _window(served: Callable[[Path], Window], tmp_path: Path) -> Window:
    return served(tmp_path)


@pytest.fixture(name="hubspot", scope="module")
def _hubspot() -> Iterator[HubSpotServer]:
    with HubSpotServer(data=None, seed=1) as server:
        admin = server.admin()
        for number in PORTALS.values():  # each test is an installation of its own, so together they call often
            admin.add_account(number, token=f"pat-{number}", settings={"ten_secondly": 1900})
        admin.close()
        yield server


@pytest.fixture(name="bench")
def _bench(hubspot: HubSpotServer, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(people, "TopicFollower", AccessFollower)
    return Bench(hubspot, redis_url, tmp_path)


@pytest.fixture(name="applied")
def _applied(bench: Bench) -> Bench:
    """Offer a console whose file was applied once."""
    assert bench.run("apply", bench.whole()) == 0
    bench.follow()
    return bench
