"""Drives the console's API over an installation in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from services.console.access.authentication import Access
from services.console.access.people import People
from services.console.use.callers import Caller
from services.console.use.standing.installation import Installation
from services.console.views.projection import FOLLOWED, Views
from services.console.web.sessions import Sessions
from shared.io.calls.tokens import Paused
from shared.io.calls.webhook_refusals import Refusals
from shared.io.envelope import Stored
from shared.io.memory import MemoryReader
from shared.io.ports import BusUnavailable, Outbound, run_blocking
from shared.model.pairs import Pair, SideState
from shared.model.records import Version
from shared.wire import topics
from shared.wire.exports import ExportDoc, ExportFile, ExportProgress
from shared.wire.messages import Parked, Role, User
from shared.wire.topics import Topic
from tests.services.console.files import exporter_of
from tests.services.environment import SYNC, Environment
from tests.sessions import session

TOKEN: Final = "a long random token"
PASSWORD: Final = "nine green bottles"


@dataclass
class ConsoleHarness:
    """Serves the console of an installation in memory, and calls its API."""

    env: Environment
    views: Views
    address: str
    installation: Installation
    access: Access
    ready: bool = True
    refused: dict[str, Refusals] = field(default_factory=dict)
    """Webhooks that were refused, by connection."""
    paused: dict[str, Paused] = field(default_factory=dict)
    """Sign-ins that were refused, by connection."""

    def person(self, role: Role, email: str = "ann@x.example") -> User:
        """Make a user who has chosen `PASSWORD`; the same one when asked for again."""
        accounts = self.access.accounts
        found = accounts.people.by_email(email)
        if found is None:
            accounts.accept(accounts.invite(email, role)[1], PASSWORD)
            found = accounts.people.by_email(email)
        assert found is not None
        return found if found.role == role else accounts.change(found.id, role=role)

    @property
    def sessions(self) -> Sessions:
        """Return what knows the sessions of this console."""
        return Sessions(TOKEN, self.access.now_ms, self.access.accounts.people)

    def token(self, role: Role) -> str:
        """Make a token of the API."""
        return self.access.tokens.make(Caller("installation", "admin"), f"for a {role}", role, 1)[1]

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Call with the token."""
        headers = {"Authorization": f"Bearer {TOKEN}", **more.pop("headers", {})}
        return session().request(method, f"{self.address}/api/v1/{path}", headers=headers, timeout=20, **more)

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON at a path."""
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, key: str | None = None, **body: Any) -> requests.Response:
        """Ask for a job."""
        return self.call("POST", "jobs", json=body, headers={} if key is None else {"Idempotency-Key": key})

    def show(self, *pairs: Pair) -> None:
        """Put pairs into the views, as the journal's follower does."""
        rows = [
            Stored(partition=0, offset=0, key=row.pair, message=row, raw=row.text().encode(), headers={})
            for row in pairs
        ]
        self.views.take(topics.PAIR_STATE.name, rows, {})

    def park(self, *messages: Parked) -> list[int]:
        """Park messages, and have the views follow; return their places."""
        out = [Outbound(topic=topics.PARKED, key=row.key, message=row) for row in messages]
        ats = list(run_blocking(self.env.bus.publish(out)))
        self.follow_views()
        return ats

    def follow_views(self) -> None:
        """Apply parked messages, decisions on them, and activity to the views."""
        for topic in FOLLOWED:
            if topic not in (topics.PARKED, topics.PARKED_DECISIONS, topics.ACTIVITY):
                continue
            reader = MemoryReader(self.env.broker, topic)
            self.views.take(topic.name, list(reader.read_to_end()), reader.positions)

    def make_files(self) -> None:
        """Make the files that were asked for."""
        exporter_of(self.installation, self.access.mailing).look()

    def publish_export(self, told: ExportFile | ExportProgress) -> None:
        """Publish the state of a file."""
        part = "file" if isinstance(told, ExportFile) else "progress"
        doc = ExportDoc.model_validate({part: told})
        run_blocking(self.env.bus.publish([Outbound(topic=topics.EXPORTS, key=f"{part}:{told.export}", message=doc)]))

    def stored(self, topic: Topic[Any]) -> Sequence[Stored[Any]]:
        """Return what was written to a topic."""
        return MemoryReader(self.env.broker, topic).poll(0)

    def follow(self) -> None:
        """Apply what was published to `jobs`."""
        for row in MemoryReader(self.env.broker, topics.JOBS).read_to_end():
            part, _, name = row.key.partition(":")
            self.env.set_job(part, row.message, name)


def caller_of(user: User) -> Caller:
    """Return a user as whoever asks."""
    return Caller(user.email, user.role, user=user.id)


class FollowedPeople:
    """The users of an installation in memory, read from its broker whenever something was published."""

    def __init__(self, env: Environment) -> None:
        self.people = People()
        self.renew(env)

    def renew(self, env: Environment) -> None:
        """Read another installation's."""
        self.people.__init__()  # type: ignore[misc]  # the console holds on to the object
        self._reader = MemoryReader(env.broker, topics.ACCESS)

    def settle(self, offsets: Sequence[int] = ()) -> None:
        """Apply what was published."""
        del offsets
        for stored in self._reader.poll(0):
            self.people.apply(stored.offset, stored.key, stored.message)


class MemoryRetention:
    """How long the brokers of an installation in memory keep topics."""

    def __init__(self) -> None:
        self.held = {topic.name: topic.retention_ms for topic in topics.kept_topics(topics.Kept())}
        self.refuses = ""

    def held_ms(self, names: Sequence[str]) -> Mapping[str, int]:
        """Return for how long topics are kept."""
        if self.refuses:
            raise BusUnavailable(self.refuses)
        return {name: self.held[name] for name in names}

    def keep(self, topics: Sequence[Topic[Any]]) -> Sequence[str]:
        """Set the retention of topics, and return the names of those that changed."""
        if self.refuses:
            raise BusUnavailable(self.refuses)
        changed = [topic.name for topic in topics if self.held[topic.name] != topic.retention_ms]
        self.held |= {topic.name: topic.retention_ms for topic in topics}
        return changed


def pair(name: str, status: str = "in_sync", **more: Any) -> Pair:
    fields: dict[str, Any] = {
        "sync": SYNC, "pair": name, "rev": 1, "status": status, "label": name.title(), "changed_ms": 5,
        "L": SideState(id=f"h-{name}", version=Version(order=1), fields={"email": "ann@x.example", "f": None}),
    }  # fmt: skip
    return Pair(**{**fields, **more})


def linked(name: str, **more: Any) -> Pair:
    end = SideState(id=f"b-{name}", version=Version(token="v1"), fields={"email": "ann@x.example"})
    return pair(name, **{"R": end, **more})


def is_problem(answer: requests.Response, status: int) -> str:
    """Check that an answer is a problem by RFC 9457, and return its sentence."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    return str(body["detail"])
