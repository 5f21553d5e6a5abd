"""Deletes a sync or a connection: what is set up, and what was kept of it. Records in the apps stay as they are.

The settings go first: from then on no worker takes anything up for it. What the journal and Redis know of a sync goes
next; a command that was broken off there is run again, and finishes the rest.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from services.console.setups.accounts.discovery import Apps
from services.console.setups.accounts.revoking import MakeApps, Revoked, auth_of, revoke
from services.console.setups.files import SetupError
from services.console.setups.publishing import remove, tell
from services.console.use.activity import Did
from shared.config.jobs import PARTS, Jobs
from shared.config.setups import Setups
from shared.io.envelope import Stored
from shared.io.kafka.reader import read_to_end
from shared.io.ports import BusUnavailable, NotReady
from shared.io.process.service import Service
from shared.io.redis.purging import purge_links
from shared.wire import topics
from shared.wire.topics import Topic

Read: TypeAlias = Callable[[Topic[Any]], Iterable[Stored[Any]]]
_SETTLE_S: Final = 2.0
"""Time for every worker to read that the sync is gone, before what it has written is looked for."""
_CHUNK: Final = 1000


def run(
    service: Service,
    kind: str,
    name: str,
    *,
    read: Read | None = None,
    settle_s: float = _SETTLE_S,
    as_json: bool = False,
) -> int:
    """Delete; returns the exit code: 0 deleted, 1 refused.

    Args:
        service: The parts of this process.
        kind: `sync` or `connection`.
        name: Its id.
        read: Reads a topic from its beginning to its end.
        settle_s: Seconds between what is set up and what was kept of it.
        as_json: Print what was done for programs.
    """

    def from_kafka(topic: Topic[Any]) -> Iterable[Stored[Any]]:
        return read_to_end(service.settings, topic)

    try:
        read = read or from_kafka
        lines = _sync(service, name, read, settle_s) if kind == "sync" else disconnect(service, name, read).done
        done = list(lines)
        sys.stdout.write(
            json.dumps({"done": done}, indent=2) + "\n" if as_json else "".join(f"{line}\n" for line in done)
        )
    except (SetupError, BusUnavailable, NotReady) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def documents_of_sync(setups: Setups, name: str) -> list[str]:
    """List the keys of a sync's settings, itself first; raises `SetupError` where it must stay."""
    sync = setups.sync(name)
    if sync is not None and sync.enabled:
        raise SetupError(f"sync {name!r} runs: switch it off first, with `enabled: false` and `apply`")
    # Where the version before keeps jobs.
    jobs = [f"{kind}:{job.id}" for job, _ in setups.jobs() if job.sync == name for kind in ("job", "progress")]
    return [*([f"sync:{name}", f"phase:{name}", f"rebuilt:{name}"] if sync is not None else []), *jobs]


def documents_of_jobs(jobs: Jobs, sync: str) -> list[str]:
    """List the keys of all documents of a sync's jobs."""
    return [f"{part}:{row.job.id}" for row in jobs.of_sync(sync) for part in PARTS]


def documents_of_connection(setups: Setups, name: str) -> list[str]:
    """List the keys of all documents of a connection; raises `SetupError` where it must stay."""
    if all(row.id != name for row in setups.connections()):
        known = ", ".join(row.id for row in setups.connections()) or "none"
        raise SetupError(f"there is no connection {name!r}; there are {known}")
    used = [sync.id for sync in setups.syncs() if name in (sync.left.connection, sync.right.connection)]
    if used:
        raise SetupError(f"connection {name!r} is used by {', '.join(used)}: delete these syncs first")
    own = [f"object:{place}" for place, row in setups.found().items() if row.connection == name]
    return [f"connection:{name}", f"rotated:{name}", f"people:{name}", *own]


def _sync(service: Service, name: str, read: Read, settle_s: float) -> Iterator[str]:
    was_there = service.setups.sync(name) is not None
    keys = documents_of_sync(service.setups, name)
    service.read_jobs()
    jobs = documents_of_jobs(service.jobs, name)
    remove(service, topics.SETUPS, keys)
    remove(service, topics.JOBS, jobs)
    tell(service, [Did(what="setup.deleted", about=f"sync:{name}")])
    service.pause(settle_s)
    # A job that was under way may have told once more how far it is.
    remove(service, topics.SETUPS, [key for key in keys if key.startswith("progress:")])
    remove(service, topics.JOBS, [key for key in jobs if key.startswith("progress:")])
    pairs = _keys(read(topics.PAIR_STATE), lambda pair: bool(pair.sync == name))
    _remove_all(service, topics.PAIR_STATE, pairs)
    links = purge_links(service.settings, name)
    if not was_there and not pairs and not links:
        known = ", ".join(sync.id for sync in service.setups.syncs()) or "none"
        raise SetupError(f"there is no sync {name!r}; there are {known}")
    yield f"deleted sync {name}, and what was known of {len(pairs)} of its records"
    yield "The records in both apps stay as they are."
    waiting = [one.id for one in service.setups.syncs() if any(row.to == name for row in one.associations)]
    if waiting:
        yield f"Associations of {', '.join(waiting)} wait until a sync {name} is set up again."


def left_behind(setups: Setups, name: str) -> tuple[str, ...]:
    """Describe what Syncline leaves in an app when an account is disconnected."""
    app, row = setups.app_of(name), setups.connection(name)
    own = [found.object.name for found in setups.found().values() if found.connection == name and not found.gone]
    prepared = [one for one in (*app.objects, *own) if setups.binding(name, one).prepare is not None]
    auth, lines = auth_of(app, row), []
    if prepared:
        records = " and ".join(prepared)
        lines.append(f"What Syncline added to {app.title} stays there: the property that marks {records} records.")
    if auth is not None and auth.outlives:
        lines.append(auth.outlives)
    if app.webhook is not None and row.webhook_secret:
        lines.append(
            f"Webhooks that somebody set up at {app.title} go on, and are refused here: remove them there, where no "
            "other account uses them."
        )
    return tuple(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """What was done to disconnect an account."""

    done: tuple[str, ...]
    """What was done, and what is left behind, line by line."""
    revoked: Revoked


def disconnect(service: Service, name: str, read: Read, apps_with: MakeApps = Apps) -> Disconnected:
    """Revoke and remove a connection that no sync uses; raises `SetupError` where it must stay, `BusUnavailable`.

    It is revoked first: what was forgotten here could not be revoked any more.
    """
    keys, left = documents_of_connection(service.setups, name), left_behind(service.setups, name)
    revoked = revoke(service, name, apps_with)
    remove(service, topics.SETUPS, keys)
    tell(service, [Did(what="setup.deleted", about=f"connection:{name}", note=revoked.line)])
    cursors = _keys(read(topics.CURSORS), lambda cursor: bool(cursor.connection == name))
    _remove_all(service, topics.CURSORS, cursors)
    told = [f"deleted connection {name}, and its secrets", revoked.line, *left]
    return Disconnected(done=tuple(filter(None, told)), revoked=revoked)


def _keys(rows: Iterable[Stored[Any]], wanted: Callable[[Any], bool]) -> list[str]:
    """List the keys whose last message is wanted; one that was removed has none."""
    last = {row.key: row.message is not None and wanted(row.message) for row in rows}
    return [key for key, found in last.items() if found]


def _remove_all(service: Service, topic: Topic[Any], keys: Sequence[str]) -> None:
    for start in range(0, len(keys), _CHUNK):
        remove(service, topic, keys[start : start + _CHUNK])
