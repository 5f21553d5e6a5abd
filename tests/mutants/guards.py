"""Every guard, and the tests that notice when it is gone.

A guard of the protocol must be noticed by a small test and by the simulator; one that the protocol never sees by a
small test. What no test can notice is no guard, and is removed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from tests.mutants import others
from tests.simulator import mutations
from tests.simulator.faults import Faults
from tests.simulator.people import DELETING, HARD
from tests.simulator.test_mutations import CAUGHT, Caught

_SWAPS: Final = "tests/io/links/test_swaps.py::test_a_swap_on_old_knowledge_is_refused"
_STEPS: Final = "tests/services/matcher/test_guards.py"
_LATE: Final = "tests/services/matcher/test_late.py"
_CLAIMS: Final = "tests/io/links/test_claims.py"
_STORE: Final = "tests/io/links/test_store_suite.py"
_TELLING: Final = "tests/services/matcher/test_telling.py"
_LEAVING: Final = "tests/simulator/test_leaving.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A rule that something else would go wrong without."""

    off: mutations.Patch
    small: str
    """The small test that names the answer which it gives."""
    caught: Caught | None = None
    """A run of the simulator that misses it; None where no run can."""
    stays: str = ""
    """Why a guard of the protocol stays that no run can miss."""

    @property
    def name(self) -> str:
        """Return the name of what happens without it."""
        return self.off.__name__


_SMALL: Final[dict[Callable[[pytest.MonkeyPatch], None], str]] = {
    mutations.no_epoch: f"{_STORE}::TestEpoch::test_nothing_happens_before_the_links_are_whole",
    mutations.any_redis: "tests/io/links/test_swaps.py::test_another_redis_answers_nothing",
    mutations.no_revision: f"{_SWAPS}[memory-revision]",
    mutations.create_into_a_full_place: f"{_SWAPS}[memory-place]",
    mutations.records_of_others: f"{_SWAPS}[memory-owner]",
    mutations.late_reports_believed: f"{_LATE}::test_a_record_of_a_late_report_is_read_again_before_anything_follows",
    mutations.nothing_noted_of_the_dead: f"{_LATE}::"
    "test_what_a_worker_died_before_it_told_is_told_when_the_sync_runs_again",
    mutations.nothing_noted_in_a_rebuild: "tests/io/links/test_rebuild.py::"
    "test_a_state_that_redis_kept_and_the_journal_never_heard_of_is_told_as_well",
    mutations.no_waiting_claims_in_a_rebuild: "tests/io/links/test_rebuild.py::"
    "test_what_a_message_claimed_that_waits_is_put_back_and_its_pair_tells_all_once_more",
    mutations.given_as_it_comes_in_a_rebuild: "tests/io/links/test_rebuild.py::"
    "test_a_record_that_was_given_twice_is_found_where_it_was_given_last",
    mutations.claims_by_time_in_a_rebuild: "tests/io/links/test_rebuild.py::"
    "test_a_message_that_waits_undoes_no_doubt_that_came_after_it",
    mutations.bundles_pass_for_one_message: f"{_STEPS}::test_a_bundle_may_end_in_a_later_batch",
    mutations.no_digest: f"{_STEPS}::test_no_partner_is_created_beside_one_that_turned_up_since_the_decision",
    mutations.no_claims_in_a_rebuild: "tests/simulator/test_handing_over.py",
    mutations.no_second_look_at_the_epoch: f"{_STORE}::TestEpoch",
    mutations.no_pending_check: "tests/services/writer/test_write.py::test_a_mark_that_is_gone_is_not_sent",
    mutations.no_quiet_field: "tests/engine/test_pairing.py::"
    "test_a_field_is_not_written_to_one_side_while_its_write_to_the_other_is_unanswered",
    mutations.no_own_values: _LEAVING,
    mutations.no_doubt: "tests/simulator/test_given_up.py",
    mutations.publish_first: f"{_STEPS}::test_no_partner_is_created_beside_one_that_turned_up_since_the_decision",
    mutations.history_lost_on_redelivery: f"{_TELLING}::test_what_was_not_published_is_told_again_as_it_was",
    mutations.history_told_as_anew: f"{_TELLING}::test_what_was_not_published_is_told_again_as_it_was",
    mutations.history_told_first: f"{_TELLING}::test_nothing_is_told_of_a_step_that_was_refused",
    mutations.create_id_of_the_content: "tests/engine/test_refusals.py",
    mutations.links_by_another_report: f"{_STEPS}::"
    "test_no_partner_is_created_by_an_identity_that_a_newer_report_replaced",
    mutations.step_over_claims: f"{_STEPS}::test_a_step_leaves_the_identity_that_a_newer_report_has_set",
    mutations.rebuild_over_claims: f"{_CLAIMS}::TestRebuild",
    mutations.nobody_looks_again: f"{_STORE}::TestKeys::test_pokes_name_other_half_pairs_under_the_keys",
    mutations.refused_once_and_for_all: _LEAVING,
    mutations.nobody_gives_up: "tests/engine/test_refusals.py::"
    "test_an_identifier_is_given_up_that_the_source_has_no_more",
    mutations.nobody_told_of_freed_keys: f"{_CLAIMS}::test_who_carries_a_freed_key_looks_again_even_when_linked",
    mutations.no_wake: f"{_STORE}::TestWaits",
    mutations.published_once: "tests/services/matcher/test_outputs.py::"
    "test_a_message_that_comes_twice_publishes_the_same_twice",
    mutations.parts_taken_for_the_whole: "tests/engine/test_parts.py",
    mutations.believed_at_once: f"{_STEPS}::"
    "test_of_two_states_without_an_order_neither_is_believed_before_a_second_read",
    mutations.half_of_an_amount: "tests/laws/test_money.py::test_amount_and_currency_of_two_edits_are_never_mixed",
    mutations.both_pairs_carry: "tests/laws/test_mutual_sets.py::"
    "test_what_is_taken_back_on_the_other_side_before_the_other_pair_looks_stays_so",
    mutations.no_marker: f"{_STEPS}::test_a_record_that_carries_our_marker_is_its_pair_s_whatever_it_holds",
}
_OTHERS: Final = {
    others.any_signature: "tests/services/ingest/test_webhook_signatures.py",
    others.signatures_without_a_time: "tests/services/ingest/test_webhook_signatures.py",
    others.signatures_of_any_age: "tests/services/ingest",
    others.bodies_of_any_size: "tests/services/ingest/test_webhooks.py",
    others.any_address: "tests/io/net/test_ssrf.py",
    others.resolved_twice: "tests/io/net/test_ssrf.py",
    others.secrets_in_any_place: "tests/io/calls/test_vault.py",
    others.any_token: "tests/services/console/test_api_input.py",
    others.no_quota: "tests/io/calls/test_budgets.py",
}
_UNREACHED: Final = {
    mutations.create_into_a_full_place: "the digest of the component tells the pair's own places, too; the guard stays "
    "because a swap without a digest must not be granted a create either",
}
"""Guards of the protocol that no run of the simulator can miss, and why they stay."""
_RARE: Final = (
    Caught(mutations.any_redis, 34, Faults(crash=0.03, zombie=0, flush=0.006, failover=0.012), HARD),
    Caught(mutations.records_of_others, 30, habits=DELETING, look_again=False),
)
"""Runs that miss a guard so seldom that the tests leave them to this command."""
GUARDS: Final = (
    *(Guard(off=caught.off, small=_SMALL[caught.off], caught=caught) for caught in (*CAUGHT, *_RARE)),
    *(Guard(off=off, small=_SMALL[off], stays=why) for off, why in _UNREACHED.items()),
    *(Guard(off=off, small=small) for off, small in _OTHERS.items()),
)
