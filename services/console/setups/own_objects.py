"""Objects that only one account has, as a plan knows them: as they were found for it, else as they were before."""

from collections.abc import Iterator, Mapping

from services.console.setups.ends import Unasked
from services.console.setups.files import SetupError, SyncFile
from services.console.setups.plans import Change, Current, Discovered
from shared.contract.app import Binding
from shared.model.fields import FoundObject
from shared.model.syncs import Connection, SyncSide
from shared.wire.messages import ObjectFound, SetupDoc


def place_of(end: SyncSide) -> str:
    """Name an end's object as the settings do."""
    return f"{end.connection}/{end.object}"


def must_find(wanted: SyncFile, end: SyncSide, current: Current) -> bool:
    """Check whether an account must be asked for its own objects before a sync can be planned."""
    known = current.found.get(place_of(end))
    return wanted.id not in current.syncs or known is None


class Objects:
    """The objects of all connections of a plan.

    Args:
        rows: The connections as they will be.
        current: What is set up.
        discovered: What was found out.
    """

    def __init__(self, rows: Mapping[str, Connection], current: Current, discovered: Discovered) -> None:
        self._rows = rows
        self._current = current
        self._discovered = discovered

    def own(self, connection: str) -> Mapping[str, FoundObject]:
        """Return the objects that an account has of its own."""
        told = self._discovered.objects.get(connection, Unasked("nobody asked", refused=False))
        if not isinstance(told, Unasked):
            return {one.name: one for one in told}
        before = (row for row in self._current.found.values() if row.connection == connection and not row.gone)
        return {row.object.name: row.object for row in before}

    def of(self, connection: str) -> Mapping[str, Binding]:
        """Return how a connection's app holds each of its objects."""
        app = self._current.apps[self._rows[connection].app]
        own = app.own_objects
        found = {name: own.bind(one) for name, one in self.own(connection).items()} if own is not None else {}
        return {**found, **app.objects}

    def binding(self, connection: str, object_: str) -> Binding:
        """Return how a connection's app holds one object; raises KeyError."""
        return self.of(connection)[object_]

    def named(self, connection: str) -> str:
        """Name all objects of a connection, for people."""
        own = self.own(connection)
        names = sorted(self.of(connection), key=lambda one: one in own)
        return ", ".join(f"{one} ({own[one].label})" if one in own else one for one in names) or "none at all"

    def unasked(self, end: SyncSide) -> Unasked | None:
        """Return why it is not known whether an account has an object; None where it is known."""
        told = self._discovered.objects.get(end.connection)
        if not isinstance(told, Unasked) or end.object in self.of(end.connection):
            return None
        reason = f"the objects of connection {end.connection!r} cannot be listed: {told.reason}"
        return Unasked(reason, refused=told.refused)

    def gone(self, end: SyncSide) -> str:
        """Return why an account has an object no longer; empty while it has."""
        known = self._current.found.get(place_of(end))
        return known.gone if known is not None and end.object not in self.of(end.connection) else ""

    def found(self, wanted: SyncFile) -> Iterator[Change]:
        """Yield what the settings must say of the objects of a sync; raises `SetupError` where one is another now."""
        for end in (wanted.left, wanted.right):
            told = self._discovered.objects.get(end.connection)
            one = self.own(end.connection).get(end.object)
            if told is None or isinstance(told, Unasked) or one is None:
                continue
            place, fields = place_of(end), tuple(info.model_copy(update={"options": ()}) for info in one.fields)
            new = ObjectFound(
                connection=end.connection,
                object=one.model_copy(update={"fields": fields}),
                at_ms=self._discovered.at_ms,
            )
            old = self._current.found.get(place)
            if old is not None and old.object.id != one.id:
                self._refuse_another(wanted, end)
            if old is None or (old.object, old.gone) != (new.object, new.gone):
                yield Change(key=f"object:{place}", doc=SetupDoc(object=new))

    def _refuse_another(self, wanted: SyncFile, end: SyncSide) -> None:
        others = [
            sync.id
            for sync in self._current.syncs.values()
            if place_of(end) in (place_of(sync.left), place_of(sync.right))
        ]
        if others:
            raise SetupError(
                f"sync {wanted.id!r}: {end.object} of connection {end.connection!r} is another object than the one "
                f"that {', '.join(others)} was set up for: delete that sync first, and set it up anew"
            )
