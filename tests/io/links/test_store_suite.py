"""One suite for the links: the in-memory Redis and a real one, through both clients, mean the same.

Each rule of a script has a test here that fails without it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest

from shared.io.links.requests import Claimed, Loaded, Place, Slots
from shared.io.links.store import BUCKETS, COMPONENT_LIMIT
from shared.io.ports import NotReady
from shared.model.records import Side
from tests.io.links.links import Links, claim, place, swap

OTHER = ("t", "q")
"""A pair of another sync that waits."""


def _linked(links: Links, pair: str = "pLa", left: str = "a", right: str = "b", *keys: str) -> None:
    links.claim(claim(f"L{left}", *keys, fresh=pair))
    result = links.swap(swap(pair, 0, {"L": place(left, *keys), "R": place(right, *keys)}))
    assert result.what == "ok"


CALLS: dict[str, Callable[[Links], object]] = {
    "claim": lambda links: links.claim(claim("La", "k")),
    "load": lambda links: links.load("p"),
    "component": lambda links: links.component("La"),
    "swap": lambda links: links.swap(swap("p", 0, {"L": place("a", "k")})),
    "wait": lambda links: links.look("La", OTHER),
    "unwait": lambda links: links.unwait("La", OTHER),
    "let_go": lambda links: links.let_go("Lb", "pLa", 1),
    "scan": lambda links: links.run(links.store.pairs_in(links.sync, BUCKETS[:1])),
}


class TestEpoch:
    """Links that may have lost something answer nothing and change nothing."""

    @pytest.mark.parametrize("name", CALLS)
    def test_nothing_happens_before_the_links_are_whole(self, empty: Links, name: str) -> None:
        with pytest.raises(NotReady):
            CALLS[name](empty)
        assert empty.dump() == {}

    @pytest.mark.parametrize("name", CALLS)
    def test_nothing_happens_while_they_are_rebuilt(self, empty: Links, name: str) -> None:
        empty.run(empty.store.begin_rebuild(empty.sync, "t", 60_000))
        with pytest.raises(NotReady):
            CALLS[name](empty)
        assert empty.dump() == {}

    @pytest.mark.parametrize("name", CALLS)
    def test_everything_answers_once_they_are_whole(self, links: Links, name: str) -> None:
        CALLS[name](links)

    def test_one_lost_sync_stops_no_other(self, links: Links) -> None:
        with pytest.raises(NotReady):
            links.run(links.store.load([("other", "p")]))
        assert links.load("p") == Loaded("", Slots())

    def test_a_rebuild_goes_from_lost_over_busy_to_ready(self, empty: Links) -> None:
        store, run, sync = empty.store, empty.run, empty.sync
        assert run(store.is_ready(sync)) == "lost"
        assert run(store.begin_rebuild(sync, "one", 60_000)) == "begun"
        assert run(store.is_ready(sync)) == "busy"
        assert run(store.begin_rebuild(sync, "two", 60_000)) == "busy"
        assert run(store.begin_rebuild(sync, "one", 60_000)) == "begun"
        assert not run(store.finish_rebuild(sync, "two"))
        assert run(store.is_ready(sync)) == "busy"
        assert run(store.finish_rebuild(sync, "one"))
        assert run(store.is_ready(sync)) == "ready"
        assert run(store.begin_rebuild(sync, "three", 60_000)) == "ready"
        assert not run(store.finish_rebuild(sync, "one"))

    def test_an_epoch_ends_when_the_links_are_lost_even_when_they_are_whole_again(self, links: Links) -> None:
        epochs = {links.load("p").epoch, links.claim(claim("La"))[0].epoch}
        assert len(epochs) == 1
        held = {links.sync: epochs.pop()}
        links.run(links.store.check_epochs(held))
        links.flush()
        with pytest.raises(NotReady):
            links.run(links.store.check_epochs(held))
        links.ready("another")
        with pytest.raises(NotReady):
            links.run(links.store.check_epochs(held))

    def test_a_flush_is_noticed_in_the_middle_of_a_rebuild(self, empty: Links) -> None:
        empty.run(empty.store.begin_rebuild(empty.sync, "t", 60_000))
        empty.flush()
        assert not empty.run(empty.store.finish_rebuild(empty.sync, "t"))
        assert empty.run(empty.store.is_ready(empty.sync)) == "lost"

    def test_a_flush_is_noticed_afterwards(self, links: Links) -> None:
        links.flush()
        with pytest.raises(NotReady):
            links.load("p")


class TestClaim:
    """Each record finds its pair."""

    def test_a_new_record_founds_a_half_pair(self, links: Links) -> None:
        assert links.claim(claim("La", "k1", "k2")) == [Claimed("new", "pLa")]
        assert links.slots("pLa") == (":a", "")
        assert links.keys_of("La") == {"k1", "k2"}

    def test_a_known_record_keeps_its_pair_and_swaps_its_keys(self, links: Links) -> None:
        links.claim(claim("La", "k1", "k2"))
        assert links.claim(claim("La", "k2", "k3", fresh="else")) == [Claimed("linked", "pLa")]
        assert links.keys_of("La") == {"k2", "k3"}
        assert links.slots("else") == ("", "")

    def test_the_sides_do_not_mix(self, links: Links) -> None:
        assert links.claim(claim("La"), claim("Ra")) == [Claimed("new", "pLa"), Claimed("new", "pRa")]
        assert links.slots("pRa") == ("", ":a")

    def test_a_partial_report_leaves_identity_and_keys(self, links: Links) -> None:
        links.claim(claim("La", "k", identity="i", created="2024"))
        links.claim(claim("La", identity="?"))
        (member,) = links.component("La").members
        assert (member.identity, member.created) == ("i", "2024")
        assert links.keys_of("La") == {"k"}

    def test_a_partial_report_of_an_unknown_record_tells_no_identity(self, links: Links) -> None:
        assert links.claim(claim("La", "k", identity="?")) == [Claimed("new", "pLa")]
        (member,) = links.component("La").members
        assert member.identity == ""
        assert links.keys_of("La") == set()

    def test_what_a_report_does_not_say_stays(self, links: Links) -> None:
        links.claim(claim("La", identity="i", created="2024"))
        links.claim(claim("La"))
        (member,) = links.component("La").members
        assert (member.identity, member.created) == ("i", "2024")
        links.claim(claim("La", identity="j", created="2025"))
        (member,) = links.component("La").members
        assert (member.identity, member.created) == ("j", "2025")

    def test_an_unknown_record_that_left_is_nobody(self, links: Links) -> None:
        assert links.claim(claim("La", "k", alive=False)) == [Claimed("dead", "")]
        assert links.dump() == {}

    def test_a_record_that_left_keeps_its_place_without_keys_and_may_return(self, links: Links) -> None:
        links.claim(claim("La", "k"))
        assert links.claim(claim("La", "k", alive=False)) == [Claimed("linked", "pLa")]
        assert (links.slots("pLa"), links.keys_of("La")) == (("-a", ""), set())
        assert links.claim(claim("La", "k")) == [Claimed("linked", "pLa")]
        assert (links.slots("pLa"), links.keys_of("La")) == ((":a", ""), {"k"})

    @pytest.mark.parametrize("slot", ["", "*", "own", "gone"])
    def test_a_marker_leads_to_its_pair_when_the_place_is_free(self, links: Links, slot: str) -> None:
        links.claim(claim("La"))
        if slot == "*":
            links.swap(swap("pLa", 0, {"L": place("a")}, create="R"))
        elif slot == "own":
            links.swap(swap("pLa", 0, {"L": place("a"), "R": place("b")}))
        elif slot == "gone":
            links.swap(swap("pLa", 0, {"L": place("a"), "R": place("x", alive=False)}))
        what: Literal["linked", "joined"] = "linked" if slot == "own" else "joined"
        assert links.claim(claim("Rb", marked="pLa")) == [Claimed(what, "pLa")]
        assert links.slots("pLa") == (":a", ":b")

    def test_a_marker_brings_back_a_pair_that_the_links_forgot(self, links: Links) -> None:
        assert links.claim(claim("Rb", marked="p")) == [Claimed("joined", "p")]
        assert links.slots("p") == ("", ":b")

    def test_a_marked_record_that_left_is_its_pair_s(self, links: Links) -> None:
        links.claim(claim("La"))
        assert links.claim(claim("Rb", marked="pLa", alive=False)) == [Claimed("joined", "pLa")]
        assert links.slots("pLa") == (":a", "-b")

    def test_a_copy_with_a_marker_whose_place_is_taken_is_surplus_for_good(self, links: Links) -> None:
        _linked(links)
        assert links.claim(claim("Rc", "k", marked="pLa")) == [Claimed("surplus", "pRc")]
        assert links.claim(claim("Rc", "k")) == [Claimed("surplus", "pRc")]
        assert links.slots("pLa") == (":a", ":b")
        assert [member.surplus for member in links.component("Rc").members] == [True]
        links.swap(swap("pRc", 0, {"R": place("c", "k")}))
        assert links.claim(claim("Rc", "k")) == [Claimed("surplus", "pRc")]

    def test_the_survivor_of_a_merge_takes_the_place_of_the_old_record(self, links: Links) -> None:
        _linked(links, "pLa", "a", "b", "k")
        assert links.claim(claim("Rc", "n", aliases=("x", "b", "y"))) == [Claimed("joined", "pLa")]
        assert links.slots("pLa") == (":a", ":c")
        assert (links.keys_of("Rb"), links.keys_of("Rc")) == (set(), {"n"})
        links.claim(claim("Rb", alive=False))
        assert links.slots("pLa") == (":a", ":c")

    def test_the_survivor_comes_after_the_report_that_the_old_record_left(self, links: Links) -> None:
        _linked(links)
        links.claim(claim("Rb", alive=False))
        assert links.claim(claim("Rc", aliases=("b",))) == [Claimed("joined", "pLa")]

    def test_an_alias_without_a_place_leads_nowhere(self, links: Links) -> None:
        _linked(links)
        links.claim(claim("Rc", aliases=("b",)))
        assert links.claim(claim("Rd", "k", aliases=("b",))) == [Claimed("new", "pRd")]
        assert links.slots("pLa") == (":a", ":c")

    def test_the_first_alias_with_a_place_decides(self, links: Links) -> None:
        links.claim(claim("Ra", "k"), claim("Rb", "k"))
        assert links.claim(claim("Rc", aliases=("b", "a"))) == [Claimed("joined", "pRb")]
        assert links.keys_of("Ra") == {"k"}

    def test_a_marker_counts_more_than_an_alias(self, links: Links) -> None:
        links.claim(claim("La"), claim("Rb", "k"))
        assert links.claim(claim("Rc", marked="pLa", aliases=("b",))) == [Claimed("joined", "pLa")]
        assert links.slots("pRb") == ("", ":b")

    def test_where_markers_cannot_be_carried_new_records_wait_for_open_creates(self, links: Links) -> None:
        links.claim(claim("La"), claim("Rknown"))
        links.swap(swap("pLa", 0, {"L": place("a")}, create="R"))
        before = links.dump()
        assert links.claim(claim("Rb", hold=True)) == [Claimed("hold", "")]
        assert links.dump() == before
        assert links.claim(claim("Rknown", hold=True), claim("Rc", hold=False), claim("Lb", hold=True)) == [
            Claimed("linked", "pRknown"),
            Claimed("new", "pRc"),
            Claimed("new", "pLb"),
        ]
        assert links.claim(claim("Rd", aliases=("known",), hold=True)) == [Claimed("joined", "pRknown")]
        links.swap(swap("pLa", 1, {"L": place("a"), "R": place("new")}))
        assert links.claim(claim("Rb", hold=True)) == [Claimed("new", "pRb")]

    def test_many_claims_of_several_syncs_are_answered_in_order(self, links: Links) -> None:
        links.sync, claims = "other", [claim(f"L{n}", hold=n % 3 == 0) for n in range(450)]
        links.ready()
        answer = links.run(links.store.claim({"s": claims[:10], "other": claims}))
        assert [one.pair for one in answer["other"]] == [f"pL{n}" for n in range(450)]
        assert [one.pair for one in answer["s"]] == [f"pL{n}" for n in range(10)]


class TestKeys:
    """Who carries which key."""

    def test_a_component_reaches_over_shared_keys(self, links: Links) -> None:
        links.claim(claim("La", "k1"), claim("Rb", "k1", "k2"), claim("Lc", "k2"), claim("Rd", "k3"))
        assert links.members("La") == links.members("Lc") == {"La", "Rb", "Lc"}
        assert links.members("Rd") == {"Rd"}
        assert links.members("Lnobody") == set()

    def test_a_component_stops_just_above_its_limit(self, links: Links) -> None:
        links.claim(*(claim(f"L{n}", "common") for n in range(COMPONENT_LIMIT + 30)))
        assert len(links.component("L7").members) == COMPONENT_LIMIT + 1

    @pytest.mark.parametrize(
        "change",
        [
            lambda links: links.claim(claim("Lc", "k")),
            lambda links: links.claim(claim("Rb", "k", identity="other")),
            lambda links: links.claim(claim("Rb", "k", alive=False)),
            lambda links: links.claim(claim("Rb", "else")),
            lambda links: links.claim(claim("Rb", "k", created="2020")),
            lambda links: links.claim(claim("Lx", marked="pRb")),
            lambda links: links.swap(swap("pRb", 0, {"R": place("b", "k")}, create="L")),
        ],
    )
    def test_the_digest_changes_with_what_matching_looks_at(
        self, links: Links, change: Callable[[Links], object]
    ) -> None:
        links.claim(claim("La", "k"), claim("Rb", "k"))
        before = links.component("La").digest
        change(links)
        assert links.component("La").digest != before

    def test_the_digest_does_not_depend_on_where_one_begins(self, links: Links) -> None:
        links.claim(claim("La", "k"), claim("Rb", "k"), claim("Lc", "k"))
        before = links.component("La").digest
        links.claim(claim("La", "k"), claim("Lz", "far"))
        assert links.component("La").digest == links.component("Rb").digest == before

    def test_a_key_of_very_many_records_is_added_to_and_removed_from(self, links: Links) -> None:
        everyone = [f"L{n:03d}" for n in range(70)]
        links.claim(*(claim(ref, "common") for ref in everyone))
        assert all(links.keys_of(ref) == {"common"} for ref in (everyone[0], everyone[63], everyone[69]))
        links.claim(*(claim(ref, "common") for ref in everyone))
        assert len(links.swap(swap("p", 0, pokes=("common",))).poked) == 50
        links.claim(*(claim(ref, "own" + ref) for ref in everyone[1:]))
        assert links.members(everyone[0]) == {everyone[0]}
        links.claim(claim(everyone[0]))
        assert not [name for name in links.dump() if "}k:" in name]
        links.claim(claim("Rx", "common"))
        assert links.members("Rx") == {"Rx"}

    def test_pokes_name_other_half_pairs_under_the_keys(self, links: Links) -> None:
        _linked(links, "pLa", "a", "b", "k")
        links.claim(claim("Lself", "k"), claim("Lc", "k"), claim("Rd", "k", "k2"), claim("Le", "k2"), claim("Rf", "k3"))
        ends: dict[Side, Place] = {"L": place("self", "k")}
        assert set(links.swap(swap("pLself", 0, ends, pokes=("k", "k2"))).poked) == {"pLc", "pRd", "pLe"}
        assert set(links.swap(swap("pLself", 1, ends, pokes=("k",))).poked) == {"pLc", "pRd"}


class TestLoadAndScan:
    """What is stored is read back."""

    def test_a_pair_that_nobody_knows_is_empty(self, links: Links) -> None:
        assert links.load("p") == Loaded("", Slots())

    def test_a_state_comes_back_as_it_was(self, links: Links) -> None:
        text = '{"a":"line\\n\ttab é 漢"}\nend'
        one = swap("p", 0, {"L": place("a")})
        links.run(links.store.swap({links.sync: [replace(one, state=text)]}))
        assert links.load("p") == Loaded(text, Slots(":a", ""))

    def test_pairs_of_several_syncs_are_loaded_together(self, links: Links) -> None:
        links.claim(claim("La"))
        links.sync = "other"
        links.ready()
        links.claim(claim("Rz"))
        loaded = links.run(links.store.load([("s", "pLa"), ("other", "pRz"), ("other", "pLa"), ("s", "pLa")]))
        assert {key: value.slots for key, value in loaded.items()} == {
            ("s", "pLa"): Slots(":a", ""),
            ("other", "pRz"): Slots("", ":z"),
            ("other", "pLa"): Slots("", ""),
        }

    def test_all_buckets_together_list_every_pair_once(self, links: Links) -> None:
        links.claim(*(claim(f"L{n}") for n in range(300)))
        _linked(links, "pair", "x", "y")
        found = links.run(links.store.pairs_in(links.sync, BUCKETS))
        assert len(found) == 301
        assert dict(found) == {**{f"pL{n}": Slots(f":{n}", "") for n in range(300)}, "pair": Slots(":x", ":y")}


class TestWaits:
    """Whoever waits for a record hears of its link, whichever comes first."""

    def test_who_waits_is_told_of_the_link(self, links: Links) -> None:
        links.claim(claim("La"))
        assert links.look("La", OTHER) == ("pLa", Slots(":a", ""))
        assert links.look("Rb", OTHER) == ("", Slots())
        result = links.swap(swap("pLa", 0, {"L": place("a"), "R": place("b")}, woken=True))
        assert result.waiting == (OTHER,)
        assert links.waiting("La") == {OTHER}

    def test_a_step_that_nobody_waits_for_wakes_nobody(self, links: Links) -> None:
        links.claim(claim("La"))
        links.look("La", OTHER)
        assert links.swap(swap("pLa", 0, {"L": place("a")})).waiting == ()

    def test_who_waits_for_a_record_waits_for_what_it_is_merged_into(self, links: Links) -> None:
        links.claim(claim("La"))
        links.look("La", OTHER)
        links.claim(claim("Lc", aliases=("a",)))
        assert links.swap(swap("pLa", 0, {"L": place("c")}, woken=True)).waiting == (OTHER,)

    def test_nobody_waits_for_what_is_linked(self, links: Links) -> None:
        _linked(links)
        assert links.look("La", OTHER) == ("pLa", Slots(":a", ":b"))
        assert links.waiting("La") == links.waiting("Rb") == set()

    def test_looking_alone_registers_nothing(self, links: Links) -> None:
        before = links.dump()
        links.look("La")
        assert links.dump() == before

    def test_who_stops_waiting_is_forgotten_alone(self, links: Links) -> None:
        links.look("La", OTHER)
        links.look("La", ("t", "q2"))
        links.unwait("La", OTHER)
        assert links.waiting("La") == {("t", "q2")}


def _ends(left: Place | None = None, right: Place | None = None) -> dict[Side, Place]:
    ends: dict[Side, Place] = {}
    if left:
        ends["L"] = left
    if right:
        ends["R"] = right
    return ends
