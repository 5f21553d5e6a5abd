"""What runs here, as of one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.engine.policies import Policy
from shared.model.fields import link_name
from shared.model.records import Side

ConnectionObject = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The syncs that run here, and those that do not, as they were at one moment.

    Settings are taken over by another thread, also while a batch is handled. Whoever looks twice could find that a sync
    does not run yet, and then that it is none of those that do not run: its message would be dropped. So a handler
    takes this once for a batch.
    """

    policies: Mapping[str, Policy] = field(default_factory=dict)
    not_run: Mapping[str, str] = field(default_factory=dict)
    """Syncs that do not run here, and why: they name, or are written as, something that this version lacks."""
    sides: Mapping[ConnectionObject, Sequence[tuple[Policy, Side]]] = field(default_factory=dict)
    foreign: Mapping[ConnectionObject, tuple[str, ...]] = field(default_factory=dict)
    """Syncs that do not run here by the connections' objects that take part in them."""

    def sides_of(self, connection: str, object_: str) -> Sequence[tuple[Policy, Side]]:
        """List the syncs that a connection's object takes part in, and on which side."""
        return self.sides.get((connection, object_), ())

    def foreign_syncs(self, connection: str, object_: str) -> tuple[str, ...]:
        """List the syncs that do not run here, in which a connection's object takes part."""
        return self.foreign.get((connection, object_), ())

    def fields_of(self, connection: str, object_: str) -> tuple[str, ...]:
        """List what must be read of a record: fields of all its syncs, associations by `link_name`."""
        names: set[str] = set()
        for policy, side in self.sides_of(connection, object_):
            names |= policy.sides[side].fields
            names |= {link_name(flow.names[side]) for flow in policy.associations}
        return tuple(sorted(names))
