"""The last calls to each account, by the records that they were about: workers note them, the console shows them.

A cache in Redis: nothing is decided by it. Of what an app answered it keeps only what it said of a refusal, without the
secrets of the call.
"""

import json
import re
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import ValidationError
from redis.exceptions import RedisError

from shared.apps.kit.bodies import read_object
from shared.contract.calls import HttpResponse
from shared.io.ports import Clock, NotReady
from shared.io.redis.client import text_of
from shared.model.records import Frozen

if TYPE_CHECKING:
    from redis import Redis

KEPT: Final = 500
"""Calls of an account that are kept."""
_KEEP_MS: Final = 7 * 86_400_000
_SAID_MOST: Final = 600
_SECRET_LEAST: Final = 6
"""Characters of what counts as a secret: what is shorter, such as `Basic`, says nothing."""
_HIDDEN: Final = "•••"
_NAMED: Final = re.compile(
    r"((?:access_token|refresh_token|client_secret|api_?key|password|authorization)[\"']?\s*[:=]\s*[\"']?)[^\"'&,\s}]+",
    re.IGNORECASE,
)


class CallNote(Frozen):
    """One call to an app."""

    at_ms: int = 0
    """When it was noted."""
    method: str
    path: str
    status: int = 0
    """What the app answered; 0 where no answer came."""
    took_ms: int = 0
    said: str = ""
    """The app's own words, or what kept it from answering; empty where nothing was refused."""
    about: tuple[str, ...] = ()
    """The records that it was about; of a create, the pair."""


class CallNotesAway(NotReady):
    """Redis, which holds the notes, does not answer."""

    def __init__(self) -> None:
        super().__init__("*")
        self.args = ("the last calls cannot be read: Redis does not answer",)


class CallNotes(Protocol):
    """The last calls of all accounts. Raises `CallNotesAway`."""

    def note(self, connection: str, note: CallNote) -> None:
        """Keep a call."""
        ...

    def about(self, connection: str, records: Collection[str], most: int) -> list[CallNote]:
        """Return the last calls about any of these records or pairs, the newest first."""
        ...


class MemoryCallNotes:
    """The last calls of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[str, deque[CallNote]] = {}

    def note(self, connection: str, note: CallNote) -> None:
        """Keep a call."""
        kept = self._rows.setdefault(connection, deque(maxlen=KEPT))
        kept.append(note.model_copy(update={"at_ms": self._clock.now_ms()}))

    def about(self, connection: str, records: Collection[str], most: int) -> list[CallNote]:
        """Return the last calls about any of these records or pairs, the newest first."""
        return _chosen(reversed(self._rows.get(connection, ())), records, most)


class RedisCallNotes:
    """The last calls of all processes that share a Redis. Safe to use from several threads."""

    def __init__(self, client: "Redis") -> None:
        self._client: Any = client

    def note(self, connection: str, note: CallNote) -> None:
        """Keep a call."""
        try:
            with self._client.pipeline(transaction=False) as pipe:
                fields = {"note": note.model_dump_json(exclude_defaults=True)}
                pipe.xadd(_key(connection), fields, maxlen=KEPT, approximate=True)
                pipe.pexpire(_key(connection), _KEEP_MS)
                pipe.execute()
        except RedisError as error:
            raise CallNotesAway from error

    def about(self, connection: str, records: Collection[str], most: int) -> list[CallNote]:
        """Return the last calls about any of these records or pairs, the newest first; none of a newer version's."""
        try:
            rows = self._client.xrevrange(_key(connection))
        except RedisError as error:
            raise CallNotesAway from error
        names = [json.dumps(record, ensure_ascii=False) for record in records]
        return _chosen(_read(rows, names), records, most)


def said(response: HttpResponse) -> str:
    """Return an app's own words of what it refused; empty where it refused nothing.

    An app that answers for many records at once lists what it refused under `errors`.
    """
    if response.status >= 400:
        return response.body.decode("utf-8", "replace").strip()
    errors = read_object(response.body).get("errors") if b'"errors"' in response.body else None
    return json.dumps(errors, ensure_ascii=False) if errors else ""


def masked(text: str, headers: Mapping[str, str]) -> str:
    """Return a text without the secrets that a call was signed with, nor others that it names; cut where it is long."""
    for value in headers.values():
        for part in value.split():
            if len(part) >= _SECRET_LEAST:
                text = text.replace(part, _HIDDEN)
    text = _NAMED.sub(rf"\1{_HIDDEN}", text)
    return text if len(text) <= _SAID_MOST else text[: _SAID_MOST - 1] + "…"


def _read(rows: Iterable[tuple[Any, Mapping[Any, Any]]], names: Collection[str]) -> Iterable[CallNote]:
    """Yield the notes in which one of these names stands: of most calls nothing more is read."""
    for at, fields in rows:
        text = next((text_of(value) for name, value in fields.items() if text_of(name) == "note"), "")
        if not any(name in text for name in names):
            continue
        try:
            note = CallNote.model_validate_json(text)
        except ValidationError:
            continue
        yield note.model_copy(update={"at_ms": int(text_of(at).partition("-")[0])})


def _chosen(notes: Iterable[CallNote], records: Collection[str], most: int) -> list[CallNote]:
    found: list[CallNote] = []
    for note in notes:
        if not set(note.about).isdisjoint(records):
            found.append(note)
            if len(found) == most:
                break
    return found


def _key(connection: str) -> str:
    return f"calls:{{{connection}}}"
