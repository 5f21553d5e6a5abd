"""Each safety rule of the protocol, switched off, makes a seed fail that holds with it: its loss would be noticed.

Which seed does moves with every change of the engine, so the known one is only tried first.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import pytest

from tests.simulator import mutations
from tests.simulator.faults import CALM, Faults
from tests.simulator.people import ALL, DELETING, HARD, LINKED, MERGING, MILD, MOVING, Habits
from tests.simulator.scenarios import (
    addresses_swapped,
    bundle_cut_in_two,
    create_sent_and_forgotten,
    rebuilt_before_it_was_told,
    swapped_by_a_zombie,
)
from tests.simulator.seeds import quietly
from tests.simulator.world import run

pytestmark = pytest.mark.long

SEEDS: Final = 128
"""Seeds that a rule may take to be missed."""
_SHARING: Final = Habits(shared=0.6, undo=0.8, persons=2)
_USUAL: Final = Faults()
_UNLUCKY: Final = Faults(lost_answer=0.5, crash=0.04, zombie=0, outage=0.1, flush=0.006, failover=0.01)
_PARTS: Final = Faults(parts=True, flush=0, failover=0)
_REMOVED: Final = Faults(removal=0.004)
_STOPPED: Final = Faults(removal=0.01, crash=0.03, zombie=0, flush=0, failover=0)
_BLIND: Final = Faults(blind=True, crash=0, zombie=0, lost_answer=0, outage=0, flush=0, failover=0)


@dataclass(frozen=True)
class Caught:
    """A rule, and the seed that is tried first to miss it."""

    off: mutations.Patch
    seed: int
    faults: Faults = _USUAL
    habits: Habits = MILD
    story: Callable[[int], None] | None = None
    look_again: bool = True
    """Whether every record is looked at again in the end, which helps those who wait for others."""

    def seeds(self) -> Iterable[int]:
        """Return the seeds among which one must miss the rule, a likely one first."""
        return dict.fromkeys((self.seed, *range(SEEDS - 1)))

    def misses(self, seed: int) -> bool:
        """Check whether a seed fails without the rule; with the rule it must hold, or it would tell nothing."""
        with pytest.MonkeyPatch.context() as patch:
            self.off(patch)
            try:
                self._live(seed)
            except AssertionError:
                pass
            else:
                return False
        self._live(seed)
        return True

    def _live(self, seed: int) -> None:
        if self.story is not None:
            self.story(seed)
        else:
            run(seed, self.faults, self.habits, look_again=self.look_again)


CAUGHT: Final = (
    Caught(mutations.no_epoch, 2),
    Caught(mutations.no_revision, 0, story=swapped_by_a_zombie),
    Caught(mutations.no_claims_in_a_rebuild, 0, look_again=False),
    Caught(mutations.no_second_look_at_the_epoch, 0, story=rebuilt_before_it_was_told),
    Caught(mutations.late_reports_believed, 8, _REMOVED, DELETING, look_again=False),
    Caught(mutations.nothing_noted_of_the_dead, 0, _STOPPED, look_again=False),
    Caught(mutations.nothing_noted_in_a_rebuild, 8, _REMOVED, look_again=False),
    Caught(mutations.no_waiting_claims_in_a_rebuild, 16, _REMOVED, MOVING),
    Caught(mutations.given_as_it_comes_in_a_rebuild, 1900, _REMOVED, MERGING, look_again=False),
    Caught(mutations.claims_by_time_in_a_rebuild, 65, _REMOVED, MOVING),
    Caught(mutations.no_digest, 7, habits=Habits(twins=0.6)),
    Caught(mutations.no_pending_check, 13, _UNLUCKY, Habits(undo=0.8, persons=2)),
    Caught(mutations.no_quiet_field, 277, _BLIND, Habits(twins=0.1, shared=0.9, undo=0.6)),
    Caught(mutations.no_own_values, 36, habits=_SHARING),
    Caught(mutations.no_doubt, 36, habits=_SHARING),
    Caught(mutations.publish_first, 0),
    Caught(mutations.history_lost_on_redelivery, 0),
    Caught(mutations.history_told_as_anew, 1),
    Caught(mutations.history_told_first, 0),
    Caught(mutations.create_id_of_the_content, 1, story=create_sent_and_forgotten),
    Caught(mutations.links_by_another_report, 2, habits=MOVING, look_again=False),
    Caught(mutations.step_over_claims, 0, habits=ALL, look_again=False),
    Caught(mutations.rebuild_over_claims, 3, habits=ALL, look_again=False),
    Caught(mutations.nobody_looks_again, 3, habits=ALL, look_again=False),
    Caught(mutations.refused_once_and_for_all, 26, habits=MOVING, look_again=False),
    Caught(mutations.nobody_gives_up, 0, story=addresses_swapped),
    Caught(mutations.nobody_told_of_freed_keys, 1, habits=MOVING, look_again=False),
    Caught(mutations.no_wake, 19, habits=LINKED, look_again=False),
    Caught(mutations.bundles_pass_for_one_message, 0, story=bundle_cut_in_two),
    Caught(mutations.published_once, 5, look_again=False),
    Caught(mutations.believed_at_once, 12, habits=HARD, look_again=False),
    Caught(mutations.parts_taken_for_the_whole, 1, _PARTS, HARD, look_again=False),
    Caught(mutations.no_marker, 0, habits=ALL, look_again=False),
    Caught(mutations.half_of_an_amount, 1, habits=_SHARING),
    Caught(mutations.both_pairs_carry, 0, CALM, Habits(cars=0.9, persons=2), look_again=False),
)


def _name(caught: Caught) -> str:
    return caught.off.__name__


@pytest.mark.parametrize("caught", CAUGHT, ids=_name)
def test_a_rule_that_is_switched_off_is_missed(caught: Caught) -> None:
    quietly()
    assert any(caught.misses(seed) for seed in caught.seeds())
