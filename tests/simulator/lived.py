"""One pair alone, and the events that come by: the engine without links, apps or a broker."""

import operator
from typing import Any, Final

from shared.engine.merging import Flow
from shared.engine.pairing import open_step
from shared.engine.policies import Counterpart, Neighbours, Policy
from shared.model.fields import link_name
from shared.model.pairs import Answer, Pair, PairEvent
from shared.model.records import Side
from shared.model.sides import BySide
from tests.simulator.faults import CALM
from tests.simulator.settings import SYNC
from tests.simulator.world import World

CONNECTIONS: Final[dict[Side, str]] = {"L": "a", "R": "b"}


def live_policy() -> Policy:
    """Return the policy of the world's sync of people once it is live."""
    world = World(0, CALM)
    world.first_sync()
    policy = world.setups.policy(SYNC)
    assert policy is not None
    return policy


def association(label: str, to: str, **changes: Any) -> Flow:
    """Make an association with one end."""
    itself = {"get": lambda value: value, "put": lambda value, _old: value, "same": operator.eq}
    return Flow(key=link_name(label), names=BySide(label, label), to=to, **{**itself, **changes})


class Lived:
    """A pair that takes one event after the other."""

    def __init__(self, policy: Policy) -> None:
        self.pair = Pair(sync=policy.sync, pair="0" * 20)
        self.seated: dict[Side, str] = {}
        """Who has the places, as the links would say."""
        self.policy = policy
        self._offset = 0

    def event(self, kind: Any, side: Side | None = None, **more: Any) -> PairEvent:
        """Make an event of this pair."""
        return PairEvent(sync=self.pair.sync, pair=self.pair.pair, kind=kind, side=side, **more)

    def take(self, *events: PairEvent) -> None:
        """Let the pair take events in one step, and decide. Who looks for a partner finds none, and creates."""
        step = open_step(self.pair, self.policy, self.seated)
        step.take(list(enumerate(events, self._offset)))
        self._offset += len(events)
        found = Counterpart(what="create") if step.wants_match else None
        self.pair = step.decide(found, self.neighbours(step.draft.ends), self._offset).pair

    def neighbours(self, ends: Any) -> Neighbours:
        """Say what is known of the records that the pair's records are associated with."""
        del ends
        return {}

    def touch(self, reason: str) -> None:
        """Let the pair look again."""
        self.take(self.event("touch", reason=reason))

    def answer(self, side: Side, result: Any, **more: Any) -> None:
        """Answer the write that is under way."""
        self.take(self.event("answer", side, answer=Answer(write=self.pair.pending[side].key, result=result, **more)))
