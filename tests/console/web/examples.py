"""An installation with something of everything, and the pages that show it."""

from dataclasses import replace
from typing import Final

from services.console.alerts.judging import AGAIN_MS
from services.console.use.activity import Did
from services.console.use.callers import Caller
from services.console.use.standing.records import Filter
from services.console.views.hours import HOUR_MS, hour_of
from shared.config.jobs import trace_of
from shared.contract.demands import Limit
from shared.io.calls.budgets import CallRequest, Grant, account_of
from shared.io.calls.call_notes import CallNote
from shared.io.calls.caller import quotas
from shared.io.calls.webhook_refusals import Refusals
from shared.io.envelope import Stored
from shared.io.redis.feed_notes import FeedNote
from shared.model.pairs import Match, Pending, Problem, Trace
from shared.wire import topics
from shared.wire.access import AccessDoc, Alert, AlertDelivery, AlertStanding
from shared.wire.exports import ExportFile, ExportProgress
from shared.wire.messages import Cursor, HealthHour, HistoryBundle, HistoryStep, JobDoc, JobProgress, Parked, SetupDoc
from tests.console.web.objects import show_objects
from tests.services.console.harness import ConsoleHarness, linked, pair
from tests.services.environment import LEFT, RIGHT, connection

PAGES: Final = (
    "/sign-in?next=/", "/", "/syncs/people", "/records", "/records/bob", "/why?q=Person", "/parked", "/health",
    "/objects",
    "/jobs", "/jobs/resync-people.everything", "/exports",
    "/account", "/settings/users", "/settings/sign-in", "/settings/mail", "/settings/alerts", "/settings/tokens",
    "/settings/retention",
    "/apps", "/apps/ordered", "/connections/hub", "/connections/hub/disconnect",
    "/connections/hub/feeds", "/connections/hub/limits", "/connections/hub/objects",
)  # fmt: skip
"""An address of each page."""
STATES: Final = (
    "/syncs/people?panel=excluded&asked=failing",
    "/syncs/people/switch-off",
    "/syncs/members",
    "/jobs/resync-people.review",
    "/jobs/resync-people.running?told=resume",
    "/records?status=failing&q=scr&period=30d&columns=right,status",
    "/objects?sync=people&panel=failing",
    "/objects?connection=nobody",
    "/records?q=nobody",
    "/records/cid",
    "/settings/alerts/fails",
    "/settings/retention?done=late",
    "/settings/alerts/accounts?done=tested",
    "/records/dan?asked=resync",
    "/parked?state=decided",
    "/parked?q=nothing&told=replayed.3.1.2",
    "/health?range=90d&sync=people",
    "/why",
    "/why?q=nobody+at+all",
    "/apps?q=nothing+of+this+kind",
    "/apps/opaque?done=not-revoked",
    "/apps/ordered/connect",
    "/set-up",
    "/set-up?object=contact&left=hub&right=book",
    "/set-up?account=hub&object=p_car&right=book&there=contact&left_field=plate&right_field=email",
    "/set-up?object=contact&left=hub&right=hub",
    "/apps/ordered?object=contact",
    "/connections/hub?tested=auth_expired",
    "/connections/book?tested=works",
    "/connections/spare/disconnect",
    "/connections/spare/feeds",
    "/connections/hub/feeds?reached=not_secure",
    "/connections/spare/limits",
    "/connections/hub/objects/p_car",
)
"""Other states of them."""
LOOKS: Final = PAGES + STATES
ALONE: Final = ("/activity",)
"""Pages at which browsers look in tests of their own, and the tests of all pages as well."""
NASTY: Final = "<script>alert(1)</script>\"'&"
"""A name that must be nothing but a name."""


def show_supply(console: ConsoleHarness) -> None:
    """Show limits of which something is used, a pause, and feeds in several states."""
    setups, now = console.env.setups, console.env.clock.now_ms()
    limits = (
        Limit(name="calls", kind="rolling", scope="token", amount=100, window_s=10),
        Limit(name="search", kind="rolling", scope="account", amount=5, window_s=1),
        Limit(name="daily", kind="daily", scope="account", amount=250_000, window_s=86_400),
    )
    setups.apps = {**setups.apps, "ordered": replace(setups.apps["ordered"], limits=limits)}
    row = setups.connection(LEFT)
    budgets, asked = console.installation.budgets, quotas(setups.apps["ordered"], row, "calls")
    for number in range(42):
        ask = CallRequest(account=account_of(row), quotas=asked, parallel=100, share="live" if number else "backfill")
        grant = budgets.take(ask)
        assert isinstance(grant, Grant)
        if number:
            budgets.settle(grant, late_s=0.0, ok=True, counted={"daily": (250_000, 190_000)})
    notes = console.installation.feed_notes
    notes.note(LEFT, "contact/changed", FeedNote(
        read_ms=now - 1_000, event_ms=now - 61_000, cursor="1764243000000", moved_ms=now - 61_000, asked_s=60.0,
    ))  # fmt: skip
    notes.note(LEFT, "contact/bin", FeedNote(reason="rate_limited", since_ms=now - 30_000, asked_s=300.0))
    for side, status, words in (
        (LEFT, 200, ""),
        (RIGHT, 400, "LASTNAME must not be blank"),
        (RIGHT, 0, NASTY + "x" * 300),
    ):
        path = "/crm/objects/2026-03/contacts/batch/update"
        note = CallNote(method="POST", path=path, status=status, took_ms=41, said=words, about=("eve",))
        console.installation.call_notes.note(side, note)


def show_alerts(console: ConsoleHarness) -> None:
    """Show an alert that fires, could not tell everybody, and one that is fine."""
    now, accounts = console.env.clock.now_ms(), console.access.accounts
    firing = Alert(id="fails", name="People fail", kind="failing", about="sync/people", over=2, minutes=5,
                   mail=("ops@x.example",), url="https://chat.x.example/hooks/1", pause=True, created_ms=1)  # fmt: skip
    fine = Alert(id="accounts", name="Accounts", kind="paused", minutes=10, mail=("ops@x.example",), created_ms=2)
    error = "chat.x.example answered 500"
    standing = AlertStanding(
        alert="fails", about="sync/people", firing=True, at_ms=now - 900_000, number=3,
        words="3 records fail in the sync people", incident="i1", pausing="done", rev=3,
        deliveries=(
            AlertDelivery(to="", firing=True, attempt=len(AGAIN_MS) + 1, error=error, at_ms=now - 60_000),
            AlertDelivery(to="ops@x.example", firing=True, attempt=1, at_ms=now - 890_000),
        ),
    )  # fmt: skip
    docs = {f"alert:{row.id}": AccessDoc(alert=row) for row in (firing, fine)}
    docs["standing:fails/sync/people"] = AccessDoc(standing=standing)
    accounts.store(Did(what="alert.added"), *docs.items())


def show_led(console: ConsoleHarness, job: str) -> None:
    """Show what a job led to: a write that was refused, and many that were taken."""
    now = console.env.clock.now_ms()
    write = Trace(did="write", key="f", side="R")
    ends = {"bob": Trace(did="refused", side="R", note="too_long")}
    taken = Trace(did="written", side="R", note="update")
    steps = tuple(
        HistoryStep(sync="people", pair=name, rev=now, at_ms=now, cause=trace_of(job),
                    decisions=(write, ends.get(name, taken)))
        for name in ("ann", "bob", *(f"p{number:03d}" for number in range(40)))
    )  # fmt: skip
    kept = Stored(partition=0, offset=0, key="any", message=HistoryBundle(steps=steps), raw=b"", headers={})
    console.views.take(topics.HISTORY.name, [kept], {})


def show_everything(console: ConsoleHarness) -> None:
    """Show records in every state, feeds, a parked message, a job and refused webhooks."""
    now = console.env.clock.now_ms()
    console.show(
        linked("ann", changed_ms=now - 5_000, synced_ms=now - 4_000, match=Match(by="email", key="ann@x.example")),
        linked(
            "bob", status="failing", reason="too_long", label=NASTY, changed_ms=now - 90_000,
            problems={"f": Problem(code="too_long", message="at most 10", field="f")},
        ),
        linked("cid", status="pending", reason="queued", changed_ms=now - 2_000,
               pending={"R": Pending(key="k", op="update", fields={"h": "b"}, setup=1)}),
        pair("dan", "excluded", reason="email_missing", changed_ms=now - 7_200_000, label=""),
        pair("eve", "failing", reason="required_missing", changed_ms=now - 86_400_000,
             problems={"*": Problem(code="required_missing", message="LASTNAME must not be blank")}),
        pair("fay", "excluded", reason="duplicate_identifier", others=("Lh-ann",), changed_ms=now - 9_000),
        pair("gus", "hidden"), pair("hal", "closed"), pair("ida", "absorbed", absorbed_by="ann"),
        *(linked(f"p{number:03d}", label=f"Person {number}", changed_ms=now - 60_000 * number) for number in range(60)),
    )  # fmt: skip
    spare = connection("spare", "opaque", scopes=("some",), paused=True, label="")
    console.env.set_up("connection", SetupDoc(connection=spare), "spare")
    for name, behind in ((LEFT, 2_000), (RIGHT, 3_600_000)):
        cursor = Cursor(
            connection=name, object="contact", feed="changed", cursor="c", complete_to_ms=now - behind,
            interval_s=5.0,
        )  # fmt: skip
        row = Stored(partition=0, offset=0, key=f"{name}/contact/changed", message=cursor, raw=b"", headers={})
        console.views.take(topics.CURSORS.name, [row], {})
    show_supply(console)
    show_objects(console)
    parked = Parked(
        topic="records",
        partition=0,
        offset=3,
        raw_base64="",
        key=f"{LEFT}/contact/h-bob",
        reason="unreadable",
        detail="not JSON",
        at_ms=now,
    )
    console.park(parked, parked.model_copy(update={"detail": "again", "headers": {"replayed": "1"}}))
    hours = [
        HealthHour(
            name=name,
            hour_ms=hour_of(now) - number * HOUR_MS,
            covered_s=3600,
            edits=40 + number % 7 * 5,
            counts={"in_sync": 60 + number % 5, "failing": number % 3, "pending": number % 4, "excluded": 2},
            failing={"too_long": number % 3},
            writes=41 + number % 7 * 5,
            delays={"400": 30, "800": 9, "3200": number % 5},
            states={"paused" if name.endswith(RIGHT) and 8 < number < 12 else "running": 3600.0},
        )
        for number in range(1, 200)
        if number not in (5, 6)
        for name in ("sync/people", f"connection/{LEFT}", f"connection/{RIGHT}")
    ]
    kept = [Stored(partition=0, offset=0, key=row.name, message=row, raw=b"", headers={}) for row in hours]
    console.views.take(topics.HEALTH.name, kept, {})
    console.refused[LEFT] = Refusals(reason="old_signature", calls=3, since_ms=now - 60_000, last_ms=now)
    asked = console.ask("everything", sync="people").json()
    console.follow()
    told = JobProgress(job=asked["id"], phase="failed", error="the app <b>went</b> away", at_ms=now)
    console.env.set_job("progress", JobDoc(progress=told), asked["id"])
    exports = console.installation.exports
    exports.ask(Caller("ann@x.example", "viewer"), Filter(status="failing"), "csv")
    exports.ask(Caller("ann@x.example", "viewer"), Filter(q="nobody", period="24h"), "xlsx")
    console.make_files()
    gone = exports.ask(Caller("backup", "viewer"), Filter(), "jsonl", "gone")["id"]
    going = exports.ask(Caller("backup", "viewer"), Filter(sync="people"), "csv", "going")["id"]
    console.publish_export(
        ExportFile(export=gone, error="3 consoles have begun to make the file", until_ms=now + 9_999)
    )
    console.publish_export(ExportProgress(export=going, rows=40, total=66, at_ms=now))
    show_alerts(console)
    review = console.ask("review", sync="people", review=True).json()["id"]
    running = console.ask("running", sync="people").json()["id"]
    console.follow()
    show_led(console, running)
    half = {"L": 1_234, "R": 40}
    for told in (
        JobProgress(job=review, phase="matching", pairs=3),
        JobProgress(job=running, phase="reading", read=half, totals={"R": 300}, touched=12, at_ms=now),
    ):
        console.env.set_job("progress", JobDoc(progress=told), told.job)
