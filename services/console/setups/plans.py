"""What a plan is made of: what is set up, and what was found out; and what comes of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self, TypeAlias

from services.console.setups.ends import Unasked
from services.console.setups.owners import Told
from services.console.setups.sealing import Sealed
from shared.config.jobs import Jobs, has_failed, is_asked
from shared.config.setups import Setups
from shared.contract.app import App
from shared.contract.people import People
from shared.contract.sign_in import AccountInfo
from shared.model.fields import FieldInfo, FoundObject
from shared.model.syncs import AppCredentials, Connection, Sync
from shared.wire.messages import JobDoc, ObjectFound, SetupDoc

Fields: TypeAlias = Mapping[str, FieldInfo]


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """What is set up."""

    apps: Mapping[str, App]
    connections: Mapping[str, Connection]
    syncs: Mapping[str, Sync]
    live: frozenset[str]
    """Syncs whose first sync has ended."""
    asked: frozenset[str]
    """Syncs of which a job was asked for that looks at all records under the settings that stand."""
    failed: frozenset[str]
    """Syncs whose first sync has failed, and was not asked for again."""
    rotated: frozenset[str]
    """Connections whose refresh token was replaced by the app."""
    people: Mapping[str, People] = field(default_factory=dict)
    """Whom the apps of connections have named last."""
    credentials: Mapping[str, AppCredentials] = field(default_factory=dict)
    """What Syncline is known by, by app."""
    overruled: frozenset[str] = frozenset()
    """Keys whose last document does not count, since two people published one version."""
    found: Mapping[str, ObjectFound] = field(default_factory=dict)
    """By connection and object, those that accounts have of their own."""

    @classmethod
    def of(cls, setups: Setups, jobs: Jobs) -> Self:
        """Take it from the settings and jobs as they were read."""
        connections = {row.id: row for row in setups.connections()}
        syncs = {row.id: row for row in setups.syncs()}
        return cls(
            apps=setups.apps,
            connections=connections,
            syncs=syncs,
            live=frozenset(name for name in syncs if setups.phase(name) == "live"),
            asked=frozenset(sync.id for sync in syncs.values() if is_asked(sync, jobs.of_sync(sync.id))),
            failed=frozenset(name for name in syncs if setups.phase(name) != "live" and has_failed(jobs.of_sync(name))),
            rotated=frozenset(name for name in connections if setups.rotated(name) is not None),
            people={name: found for name in connections if (found := setups.people(name)) is not None},
            credentials={name: known for name in setups.apps if (known := setups.credentials(name)) is not None},
            overruled=frozenset(setups.overruled()),
            found=setups.found(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """What was found out for a file."""

    sealed: Mapping[str, Sealed] = field(default_factory=dict)
    """The secrets of each connection of the file."""
    accounts: Mapping[str, AccountInfo | Unasked] = field(default_factory=dict)
    """The account that each connection of the file leads to."""
    fields: Mapping[tuple[str, str], Fields | Unasked] = field(default_factory=dict)
    """The fields that a connection's object type has, where a sync of the file needs them."""
    people: Told = field(default_factory=dict)
    """The people of a connection's app, where a sync of the file may carry owners."""
    credentials: "Mapping[str, tuple[Change, ...] | str]" = field(default_factory=dict)
    """What follows from the credentials of each app that the file names, or why they cannot be taken."""
    objects: Mapping[str, Sequence[FoundObject] | Unasked] = field(default_factory=dict)
    """The objects that the accounts of connections have of their own, where a sync of the file names one."""
    at_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One document to publish."""

    key: str
    doc: SetupDoc | JobDoc | None
    sign: Literal["+", "~", "-", ""] = ""
    """Empty for what follows from another change, and is not shown."""
    details: tuple[str, ...] = ()
    """What changes, one setting a line."""

    def lines(self) -> Iterator[str]:
        """Yield it for people to read."""
        if self.sign:
            yield f"{self.sign} {self.key.replace(':', ' ', 1)}"
            yield from (f"    {row}" for row in self.details)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a file changes."""

    changes: tuple[Change, ...]
    hints: tuple[str, ...]
    """What is right, and perhaps not meant."""
    errors: tuple[str, ...]
    """Why the file cannot be applied."""
    unasked: tuple[str, ...]
    """What must be asked of an app before the file can be applied, and cannot be asked now."""
