"""Who did what, and when: each change is published together with an entry of the activity log that tells of it.

Who acts is known where a request or a command begins (`acting`), and holds for all that is done within it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from services.console.use.callers import Caller
from shared.io.ports import Outbound
from shared.wire import topics
from shared.wire.messages import Activity, ActivityChange, Via

DEEDS: Final[Mapping[str, str]] = {
    "setup.changed": "changed what is set up",
    "setup.deleted": "deleted what was set up",
    "record.resynced": "had a record read again",
    "job.asked": "asked for a job",
    "job.confirm": "confirmed a job",
    "job.pause": "paused a job",
    "job.resume": "resumed a job",
    "job.cancel": "cancelled a job",
    "export.asked": "asked for a list as a file",
    "export.taken": "downloaded a file",
    "export.deleted": "deleted a file",
    "parked.replayed": "replayed parked messages",
    "parked.dropped": "dropped parked messages",
    "user.first": "became the first admin",
    "user.invited": "invited a user",
    "user.changed": "changed a user",
    "user.reset": "reset a user's password",
    "user.arrived": "signed in by the provider for the first time",
    "user.linked": "linked a user of the provider to another user",
    "user.unlinked": "unlinked a user of the provider",
    "provider.changed": "changed by which provider people sign in",
    "mail.changed": "changed by which server mail is sent",
    "mail.removed": "removed the server by which mail is sent",
    "retention.changed": "changed how long things are kept",
    "alert.added": "added an alert",
    "alert.changed": "changed an alert",
    "alert.removed": "removed an alert",
    "provider.removed": "removed the provider by which people sign in",
    "password.chosen": "chose a password",
    "password.changed": "changed the own password",
    "session.ended": "signed out",
    "sessions.ended": "signed out everywhere",
    "link.made": "made a link to sign in",
    "token.made": "made a token of the API",
    "token.revoked": "revoked a token of the API",
}
"""What can be done, and how the log says it."""
LONGEST: Final = 20_000
"""Characters of what an entry says besides."""
_NOBODY: Final = Caller("installation", "admin")


@dataclass(slots=True)
class Acting:
    """Who acts in a request or a command, as soon as that is known."""

    via: Via
    caller: Caller = _NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """What is done: one entry of the log."""

    what: str
    """One of `DEEDS`."""
    about: str = ""
    """Kind and name of what it is about, such as `user:ann@example.com`."""
    changes: Sequence[tuple[str, str, str]] = ()
    """What changes: its name, its value before and after."""
    note: str = ""
    """What there is to say besides, line by line."""


_acting: ContextVar[Acting | None] = ContextVar("acting", default=None)


@contextmanager
def acting(via: Via, caller: Caller | None = None) -> Iterator[Acting]:
    """Attribute all that is done within to somebody, who may become known later."""
    now = Acting(via, caller or _NOBODY)
    token = _acting.set(now)
    try:
        yield now
    finally:
        _acting.reset(token)


def acts(caller: Caller) -> None:
    """Note who acts, now that it is known."""
    now = _acting.get()
    if now is not None:
        now.caller = caller


def entry(did: Did, now_ms: int) -> Outbound:
    """Return the entry of the log that tells what is done, to be published with it."""
    if did.what not in DEEDS:
        raise KeyError(did.what)
    now = _acting.get() or Acting("process")
    by = now.caller
    changes = tuple(ActivityChange(name=name, before=old, after=new) for name, old, new in did.changes if old != new)
    told = Activity(
        at_ms=now_ms, who=by.who, user=by.user, token=by.token, via=now.via, what=did.what, about=did.about,
        changes=changes, note=did.note[:LONGEST],
    )  # fmt: skip
    return Outbound(topic=topics.ACTIVITY, key=did.about or did.what, message=told)
