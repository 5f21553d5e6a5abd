"""Sends an API in memory what its description allows, and what it does not, and collects where the two differ."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.engine import Status, events, from_schema

from services.console.rest.versions import CHANGED
from shared.io.envelope import Stored
from shared.io.memory import MemoryBroker, MemoryBus
from shared.io.ports import Outbound
from shared.io.redis.attempts import Lane, MemoryAttempts
from shared.wire import topics
from shared.wire.messages import Parked, SetupDoc
from tests.console.web.examples import show_everything
from tests.docs.api_reference import document, routes
from tests.docs.described import closed
from tests.services.console.conftest import opened
from tests.services.console.harness import TOKEN, ConsoleHarness, caller_of
from tests.services.environment import LEFT, RIGHT, people

SEED: Final = 1
_WORLD: Final = {
    "POST /api/v1/apps/{id}/authorize": "not every app has a page on which people agree",
    "POST /api/v1/connections/agreed": "nobody was asked to agree",
    "PUT /api/v1/account/password": "the installation itself has none",
    "PUT /api/v1/sign-in-provider": "the provider is asked whether it is one",
    "POST /api/v1/connections": "the account is asked who it is",
    "POST /api/v1/apps/{id}/places": "the account is asked what it has",
    "PUT /api/v1/apps/{id}/credentials": "not every app has a page on which people agree",
    "PUT /api/v1/connections/{id}/secrets": "the account is asked whether they are right",
    "PUT /api/v1/connections/{id}/changes": "not every app calls by itself",
    "PUT /api/v1/mail-server": "a user takes a password, and a password TLS",
    "POST /api/v1/alerts": "what is watched has a place of its kind, and somebody is told",
    "PUT /api/v1/alerts/{id}": "what is watched stays",
    "PUT /api/v1/account/preferences": "a time zone is one of those that there are",
    "POST /api/v1/tokens": "a scope may open nothing to the role",
    "POST /api/v1/users": "an address may be that of a user already",
    "POST /api/v1/exports": "a key may have asked for another file",
    "POST /api/v1/jobs": "a key may have asked for other work",
    "POST /api/v1/records/resync": "a key may have asked for other work",
    "GET /api/v1/explanations": "a record is named by q, or else by the other three",
}
"""Where what is described is refused for what no description can say."""
_FILE: Final = "GET /api/v1/exports/{id}/file"
"""A file may be gone, or shorter than the part that is asked for: neither is wrong with the request."""
_REFUSED: Final = ("400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "429")
"""How a request is refused of which something is wrong; one that is too large is not looked at any further."""
ENDLESS: Final = "GET /api/v1/events"
"""Its answer does not end by itself, and is no JSON: it has tests of its own."""
_PARKED: Final = 40


@dataclass
class Outcome:
    """What came of it."""

    calls: Counter[str] = field(default_factory=Counter)
    """Answers by route and status."""
    failures: dict[str, str] = field(default_factory=dict)
    """Differences: where and which, with how to see it again."""
    errors: list[str] = field(default_factory=list)
    """What kept the checks from being made."""

    @property
    def server_errors(self) -> list[str]:
        """List the routes that answered as if the fault were ours."""
        return [name for name in self.calls if name.rpartition(" ")[2] >= "500"]


class _Patient(MemoryAttempts):
    """Lets everybody try wrong tokens as often as they like."""

    def wait_ms(self, lanes: Sequence[Lane]) -> int:
        del lanes
        return 0

    begin = wait_ms


class _Followed(MemoryBus):
    """Has the console follow what it publishes before it answers, as it does a moment later by Kafka."""

    def __init__(self, broker: MemoryBroker, console: ConsoleHarness) -> None:
        super().__init__(broker, setups=lambda: console.env.setups.offset)
        self._console = console

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        offsets = await super().publish(messages)
        for offset, row in zip(offsets, messages, strict=True):
            message: Any = row.message
            if row.topic is topics.JOBS:
                part, _, name = row.key.partition(":")
                self._console.env.set_job(part, message, name)
            elif row.topic in (topics.PARKED_DECISIONS, topics.ACTIVITY):
                stored = Stored(partition=0, offset=offset, key=row.key, message=message, raw=b"", headers={})
                self._console.views.take(row.topic.name, [stored], {0: offset + 1})
        return offsets


@contextmanager
def shown(folder: Path) -> Iterator[ConsoleHarness]:
    """Serve an API with something of everything."""
    (folder / "first").mkdir()
    (folder / "second").mkdir()
    with opened(folder / "first") as renew:
        console = renew(folder / "second")
        show_everything(console)
        console.env.set_up("sync", SetupDoc(sync=people(id="contacts")), "contacts")
        console.park(*(_parked(number) for number in range(_PARKED)))
        console.access.attempts = _Patient(console.env.clock)
        console.installation.bus = _Followed(console.env.broker, console)
        yield console


def _known(console: ConsoleHarness) -> dict[str, tuple[list[Any], tuple[str, ...]]]:
    """Return what there is, by kind, and the places of a request that it fits."""
    return {
        "names": (_names(console), ("path.id",)),
        "messages": (list(range(_PARKED)), ("body.messages[*]",)),
        "syncs": (["people", "contacts"], ("body.sync", "query.sync")),
        "connections": ([LEFT, RIGHT], ("query.connection",)),
        "objects": (["contact"], ("query.object",)),
        "records": (["h-ann", "h-bob", "b-ann"], ("query.record_id",)),
    }


def _names(console: ConsoleHarness) -> list[str]:
    """Return names of all kinds that there are."""
    ann, bob = console.person("admin"), console.person("viewer", "bob@x.example")
    token = console.access.tokens.make(caller_of(ann), "own", "viewer", 0)[0]
    jobs = [row["id"] for row in console.installation.all_jobs()]
    return [
        "ann",
        "bob",
        "eve",
        *map(str, range(9)),
        "ordered",
        "opaque",
        "hub",
        "book",
        "spare",
        bob.id,
        "fails",
        token.id,
        *jobs,
    ]


def _parked(number: int) -> Parked:
    return Parked(
        topic="notices", partition=0, offset=number, key=f"{LEFT}/contact/h-{number}", raw_base64="e30=",
        reason="malformed", at_ms=number + 1,
    )  # fmt: skip


def check(console: ConsoleHarness, *, examples: int, seed: int = SEED, phases: Sequence[str] = ()) -> Outcome:
    """Send an API many requests, and return where it is not as it is described.

    Args:
        console: The API.
        examples: Requests that are made up for each route, in each way.
        seed: Chooses them.
        phases: Of which kinds; all when empty.
    """
    described, found = closed(document()), Outcome()
    schema = schemathesis.openapi.from_dict(described, config=_config(console, described, examples, seed, phases))
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _collect(event, found)
        elif isinstance(event, events.NonFatalError):
            found.errors.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.EngineFinished):
            for failure in event.failures:
                found.failures.setdefault(f"{failure.operation}: {failure.title}", str(failure))
    return found


def _collect(event: events.ScenarioFinished, found: Outcome) -> None:
    for name, seen in event.recorder.interactions.items():
        if seen.response is not None:
            case = event.recorder.cases[name].value
            found.calls[f"{case.operation.label} {seen.response.status_code}"] += 1
    for name, checks in event.recorder.checks.items():
        answer = event.recorder.interactions[name].response
        for one in checks:
            if one.status is Status.FAILURE and one.failure_info is not None:
                failure = one.failure_info.failure
                found.failures.setdefault(
                    f"{failure.operation}: {failure.title}",
                    f"{failure}\n{one.failure_info.code_sample}\n{_shown(answer)}",
                )


def _shown(answer: Response | None) -> str:
    """Return an answer's status and the beginning of its text."""
    return "no answer" if answer is None else f"{answer.status_code} {answer.content[:500]!r}"


def _config(
    console: ConsoleHarness, described: dict[str, Any], examples: int, seed: int, phases: Sequence[str]
) -> SchemathesisConfig:
    known, every = _known(console), ("examples", "coverage", "fuzzing", "stateful")
    refused = {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "404", "409", "422"]}}
    lists = [
        f"{method} {path}"
        for method, path, route in routes(described)
        if any(row["name"] == "cursor" for row in route["parameters"])  # one that was not given is refused
    ]
    unseen = {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "404", "409", "412", "422"]}}
    gone = {"positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "410", "416"]}}
    changed = [row.replace("/{name}", "/{id}") for row in CHANGED]
    return SchemathesisConfig.from_dict(
        {
            "base-url": console.address,
            "seed": seed,
            "dictionaries": {name: {"values": values} for name, (values, _) in known.items()},
            "parameters": {
                place: {"dictionary": name, "probability": 0.5}
                for name, (_, places) in known.items()
                for place in places
            },
            "auth": {"openapi": {"token": {"bearer": TOKEN}}},
            "generation": {"max-examples": examples, "database": "none", "no-shrink": True},
            "continue-on-failure": True,
            "checks": {"negative_data_rejection": {"expected-statuses": [*_REFUSED]}},
            "phases": {name: {"enabled": not phases or name in phases} for name in every},
            "operations": [
                {"include-name": ENDLESS, "enabled": False},
                *({"include-name": name, "checks": refused} for name in (*_WORLD, *lists) if name not in changed),
                *({"include-name": name, "checks": unseen} for name in changed),
                {"include-name": _FILE, "checks": gone},
            ],
        }
    )
