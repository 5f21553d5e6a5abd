"""Which versions every sync has taken already: what a feed or a webhook tells of them is an echo of our own writes."""

from collections.abc import Sequence

from shared.config.setups import Setups
from shared.engine.policies import Policy
from shared.io.links.store import Store
from shared.model.pairs import NewerState, Pair
from shared.model.records import Life, Side
from shared.wire.messages import Notice


class TakenVersions:
    """Asks the links what the pairs of a record know of it."""

    def __init__(self, store: Store, setups: Setups) -> None:
        self._store = store
        self._setups = setups

    async def among(self, notices: Sequence[Notice]) -> set[int]:
        """Find the notices, by their place in the list, that tell nothing new; raises `NotReady` without Redis."""
        wanted: list[tuple[int, Notice, Policy, Side]] = []
        running = self._setups.running
        for number, notice in enumerate(notices):
            if running.foreign_syncs(notice.connection, notice.object):
                continue  # what a sync that does not run here knows cannot be told
            if notice.ask or notice.kind != "changed" or notice.version is None or notice.version.order is None:
                continue
            wanted += [
                (number, notice, policy, side)
                for policy, side in running.sides_of(notice.connection, notice.object)
                if policy.sides[side].ordered
            ]
        if not wanted:
            return set()
        places = await self._store.look([(policy.sync, side, notice.id, None) for _, notice, policy, side in wanted])
        found = list(zip(wanted, (pair for pair, _ in places), strict=True))
        pairs = await self._store.load({(policy.sync, pair) for (_, _, policy, _), pair in found})
        fresh: set[int] = set()
        for (number, notice, policy, side), pair in found:
            state = pairs[policy.sync, pair].state if pair else ""
            if not state or not _has(state, policy, side, notice):
                fresh.add(number)
        return {number for number, _, _, _ in wanted} - fresh


def _has(state: str, policy: Policy, side: Side, notice: Notice) -> bool:
    """Check whether a pair has seen all of this version: an answer to a write shows only some of the record."""
    try:
        end = Pair.read(state).side(side)
    except NewerState:
        return False  # whoever reads it may
    if end is None or end.id != notice.id or end.version.order is None or end.life is not Life.ALIVE:
        return False  # a record that is gone and has changed may be back, under the version that it had
    part = policy.sides[side]
    if end.partial or not part.fields <= end.fields.keys() or not part.links <= end.links.keys():
        return False
    return notice.version is not None and notice.version.order is not None and end.version.order >= notice.version.order
