"""Drives the writer over two apps in memory, with pairs that wait for its writes."""

from collections.abc import Callable
from typing import Any

from services.writer.write import Write
from shared.io.links.places import places
from shared.io.links.requests import Swap
from shared.io.ports import run_blocking
from shared.model.outcomes import Outcome
from shared.model.pairs import Pair, Pending, SideState
from shared.model.records import Version
from shared.wire import topics
from shared.wire.messages import WriteCommand
from tests.services.environment import LEFT, RIGHT, SYNC, Environment
from tests.simulator.apps import MemoryApp
from tests.simulator.objects import FIELDS


class WriterHarness:
    """Hands commands to a writer and holds the two apps that it writes to."""

    def __init__(self) -> None:
        self.env = Environment()
        self.apps = {
            LEFT: MemoryApp("h", "ordered", unique_email=True),
            RIGHT: MemoryApp("b", "opaque", unique_email=True),
        }
        for what in ("create", "update"):
            self.env.answers[what] = self.serve(what)
        self.stopped = False
        self.write = Write(
            self.env.store, self.env.bus, self.env.setups, self.env.caller, clock=self.env.clock,
            metrics=self.env.metrics, stop=lambda: self.stopped,
        )  # fmt: skip

    def serve(self, what: str) -> Callable[[str, Any], Any]:
        """Return an answer that the app in memory makes."""
        return lambda at, items: getattr(self.apps[at], f"_{what}")(items)

    def update(self, name: str, at: str = LEFT, *, setup: int = 1, email: str = "", **fields: str) -> WriteCommand:
        """Store a pair that waits for an update of a record in the app, and return its command."""
        app, side = self.apps[at], "L" if at == LEFT else "R"
        row = app.insert({**dict.fromkeys(FIELDS), "email": email or f"{name}@{at}.example"})
        version = Version(order=row.version) if at == LEFT else Version(token=f"v{row.version}")
        sent = dict(fields) or {"f": "new"}
        pending = Pending(
            key=f"k-{name}", op="update", fields=sent, before=dict.fromkeys(sent), expected=version, setup=setup
        )
        end = SideState(id=row.id, version=version, fields=row.values)
        other = SideState(id=f"other-{name}", version=Version(token="v1", order=1))
        ends = {side: end, "R" if side == "L" else "L": other}
        self.env.keep(Pair(sync=SYNC, pair=name, rev=1, pending={side: pending}, **ends))  # type: ignore[arg-type, dict-item]  # sides as text
        return self.command(
            name, at, op="update", id=row.id, fields=sent, before=pending.before, expected=version, setup=setup
        )

    def create(self, name: str, at: str = LEFT, email: str = "") -> WriteCommand:
        """Store a pair that waits for a create whose place was granted, and return its command."""
        side, other = ("L", "R") if at == LEFT else ("R", "L")
        fields = {"email": email or f"{name}@new.example"}
        pending = Pending(key=f"k-{name}", op="create", fields=fields, setup=1)
        end = SideState(id=f"other-{name}", version=Version(token="v1", order=1))
        pair = Pair(sync=SYNC, pair=name, rev=1, pending={side: pending}, **{other: end})  # type: ignore[arg-type, dict-item]  # sides as text
        self.grant(pair, side)
        return self.command(name, at, op="create", marker=pending.key, fields=fields)

    def grant(self, pair: Pair, side: Any) -> None:
        """Store a pair with its place on a side kept for a create."""
        swap = Swap(
            pair=pair.pair, expected=0, rev=1, state=pair.model_dump_json(exclude_defaults=True),
            ends=places(self.env.policy, pair), create=side,
        )  # fmt: skip
        assert run_blocking(self.env.store.swap({SYNC: [swap]}))[SYNC, pair.pair].what == "ok"

    def command(self, name: str, at: str, **fields: Any) -> WriteCommand:
        given = {"setup": 1, "accepted_ms": self.env.clock.now_ms(), **fields}
        return WriteCommand(
            sync=SYNC,
            pair=name,
            side="L" if at == LEFT else "R",
            connection=at,
            object="contact",
            key=f"k-{name}",
            **given,
        )

    def inbound(self, *commands: WriteCommand, backfill: bool = False, **headers: str) -> list[Any]:
        """Return commands as the broker delivers them."""
        topic = topics.writes("ordered", backfill=backfill)
        spelt = {name.replace("_", "-"): value for name, value in headers.items()}
        found: list[Any] = self.env.inbound(topic, *((row.id or row.pair, row) for row in commands), headers=spelt)
        return found

    def handle(self, *commands: WriteCommand, **more: Any) -> list[Outcome]:
        """Handle a batch of commands."""
        return run_blocking(self.write.handle(self.inbound(*commands, **more)))

    def answers(self) -> dict[str, Any]:
        """Return the answers, by write."""
        found = {row.answer.write: row.answer for row in self.env.told(topics.PAIRS) if row.answer}
        for seen in self.env.told(topics.RECORDS):
            found |= {row.answer.write: row.answer for row in seen.answers}
        return found

    def results(self) -> dict[str, str]:
        return {key: answer.result for key, answer in self.answers().items()}

    def keys_of(self, what: str) -> list[list[str]]:
        """List the calls of one kind, each by the records in it."""
        return [[row.get("id") or row["marker"] for row in items] for items in self.env.asked(what)]
