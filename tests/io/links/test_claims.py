"""Claims come before steps: what the links were told last of a record stands until its pair has heard of it."""

from dataclasses import replace

import pytest

from shared.io.links.requests import Claimed, Place, Restored, spell_keys
from shared.model.pairs import place_at
from tests.io.links.links import Links, claim, place, swap


def _step(links: Links, rev: int, left: Place, *brought: str) -> str:
    """Let the pair of a step to another state, after messages that were claimed with these keys."""
    found = swap("pLa", rev, {"L": left}, stepped={"L": brought})
    return links.swap(found).what


class TestSteps:
    """A step does not undo a claim whose report it has not taken."""

    def test_keys_of_a_newer_claim_stay(self, links: Links) -> None:
        links.claim(claim("La", "old"))
        links.claim(claim("La", "new"))
        assert _step(links, 0, place("a", "old"), "old") == "ok"
        assert links.keys_of("La") == {"new"}

    def test_keys_of_a_claim_that_was_not_believed_go(self, links: Links) -> None:
        links.claim(claim("La", "new"))
        links.claim(claim("La", "old"))
        assert _step(links, 0, place("a", "new"), "new", "old") == "ok"
        assert links.keys_of("La") == {"new"}

    def test_new_settings_replace_all_keys(self, links: Links) -> None:
        links.claim(claim("La", "by-name"))
        links.swap(swap("pLa", 0, {"L": place("a", "by-address")}, stepped=None))
        assert links.keys_of("La") == {"by-address"}

    @pytest.mark.parametrize("alive", [True, False])
    def test_life_of_a_newer_claim_stays(self, links: Links, alive: bool) -> None:  # noqa: FBT001 - a parameter
        links.claim(claim("La", "k", alive=True))
        links.claim(claim("La", "k", alive=alive))
        assert _step(links, 0, place("a", "k", alive=not alive), spell_keys(place("a", "k", alive=not alive))) == "ok"
        now = ":a" if alive else "-a"
        assert links.slots("pLa")[0] == now

    def test_a_place_that_a_claim_gave_away_is_not_taken_back(self, links: Links) -> None:
        links.claim(claim("La", "k"))
        links.claim(claim("Lb", "k", aliases=("a",)))
        assert _step(links, 0, place("a", "k"), "k") == "ok"
        assert links.slots("pLa")[0] == ":b"
        links.claim(claim("Lb", alive=False))
        assert _step(links, 1, place("a", "k"), "k") == "ok"
        assert links.slots("pLa")[0] == "-b"


class TestRebuild:
    """A rebuild knows claims that their pairs have not heard of."""

    def _rebuilt(self, empty: Links, state: str, offset: int, *keys: str, alive: bool = True) -> Links:
        assert empty.run(empty.store.begin_rebuild(empty.sync, "t", 60_000)) == "begun"
        half = Restored(pair="pLa", rev=1, state=state, kind="half", ends={"L": place("a", "old")})
        tail = Restored(
            pair="pLa", rev=place_at(offset, 0), state="", kind="tail", ends={"L": place("a", *keys, alive=alive)}
        )
        assert empty.restore(half, tail)
        assert empty.run(empty.store.finish_rebuild(empty.sync, "t"))
        return empty

    def test_a_claim_that_the_pair_has_not_taken_is_newer(self, empty: Links) -> None:
        assert self._rebuilt(empty, '{"at":7}', 8, "new").keys_of("La") == {"new"}

    def test_a_claim_that_the_pair_has_taken_is_not(self, empty: Links) -> None:
        assert self._rebuilt(empty, '{"at":8}', 8, "new").keys_of("La") == {"old"}

    @pytest.mark.parametrize(("item", "keys"), [(3, {"old"}), (4, {"new"})])
    def test_of_a_bundle_each_item_is_a_claim_of_its_own(self, empty: Links, item: int, keys: set[str]) -> None:
        half = Restored(pair="pLa", rev=1, state='{"at":8,"item":3}', kind="half", ends={"L": place("a", "old")})
        tail = Restored(pair="pLa", rev=place_at(8, item), state="", kind="tail", ends={"L": place("a", "new")})
        assert empty.run(empty.store.begin_rebuild(empty.sync, "t", 60_000)) == "begun"
        assert empty.restore(half, tail)
        assert empty.run(empty.store.finish_rebuild(empty.sync, "t"))
        assert empty.keys_of("La") == keys

    @pytest.mark.parametrize(("item", "noted"), [(2, True), (3, True), (4, False)])
    def test_a_pair_has_yet_to_tell_what_it_took_of_a_message_that_comes_again(
        self,
        empty: Links,
        item: int,
        noted: bool,  # noqa: FBT001 - a column of a table
    ) -> None:
        taken = Restored(pair="pLa", rev=1, state='{"at":8,"item":3}', kind="half", ends={"L": place("a", "k")})
        again = Restored(pair="pLa", rev=place_at(8, item), state="", kind="untold")
        nobody = Restored(pair="pLb", rev=-1, state="", kind="untold")
        assert empty.run(empty.store.begin_rebuild(empty.sync, "t", 60_000)) == "begun"
        assert empty.restore(taken, again, again, nobody)
        assert empty.run(empty.store.finish_rebuild(empty.sync, "t"))
        assert empty.load("pLa").state == ('{"at":8,"item":3,"untold":true}' if noted else '{"at":8,"item":3}')
        assert (empty.slots("pLa"), empty.load("pLb").state) == ((":a", ""), "")

    def test_a_record_that_was_claimed_as_gone_is_gone(self, empty: Links) -> None:
        links = self._rebuilt(empty, '{"at":7}', 8, alive=False)
        assert (links.keys_of("La"), links.slots("pLa")[0]) == (set(), "-a")

    def _handed_over(self, empty: Links, *before: Restored) -> Links:
        """Let a rebuild read that a record was handed over to a pair, after what it read before."""
        assert empty.run(empty.store.begin_rebuild(empty.sync, "t", 60_000)) == "begun"
        given = Restored(pair="p", rev=place_at(9, 0), state="", kind="given", ends={"L": place("a", "k")})
        assert empty.restore(*before, given)
        assert empty.run(empty.store.finish_rebuild(empty.sync, "t"))
        return empty

    def test_a_record_that_was_handed_over_has_its_place(self, empty: Links) -> None:
        half = Restored(pair="p", rev=1, state='{"at":7}', kind="half", ends={"R": place("b", "k")})
        assert self._handed_over(empty, half).slots("p") == (":a", ":b")

    def test_a_late_word_of_a_hand_over_does_not_undo_a_claim(self, empty: Links) -> None:
        half = Restored(pair="p", rev=1, state='{"at":7}', kind="half", ends={"R": place("b", "k")})
        gone = Restored(pair="p", rev=place_at(8, 0), state="", kind="tail", ends={"L": place("a", alive=False)})
        links = self._handed_over(empty, half, gone)
        assert (links.slots("p"), links.keys_of("La")) == (("-a", ":b"), set())

    def test_a_record_whose_place_was_taken_since_its_hand_over_must_be_claimed_again(self, empty: Links) -> None:
        full = Restored(
            pair="p", rev=1, state='{"at":7}', kind="full", ends={"L": place("c", alive=False), "R": place("b", "k")},
        )  # fmt: skip
        links = self._handed_over(empty, full)
        assert (links.slots("p"), links.keys_of("La")) == (("-c", ":b"), {"k"})
        links.claim(claim("La", "k"))
        assert links.slots("p") == (":a", ":b")

    def test_the_survivor_of_a_merge_keeps_its_place(self, empty: Links) -> None:
        assert empty.run(empty.store.begin_rebuild(empty.sync, "t", 60_000)) == "begun"
        half = Restored(pair="pLa", rev=1, state='{"at":7}', kind="half", ends={"L": place("a", "k")})
        tail = Restored(
            pair="pLa", rev=place_at(8, 0), state="", kind="tail", ends={"L": place("b", "k")}, aliases=("a",)
        )
        assert empty.restore(half, tail)
        assert empty.run(empty.store.finish_rebuild(empty.sync, "t"))
        assert (empty.slots("pLa")[0], empty.keys_of("La"), empty.keys_of("Lb")) == (":b", set(), {"k"})
        assert empty.claim(claim("Lb", alive=False)) == [Claimed("linked", "pLa")]

    def test_a_copy_stays_a_copy(self, empty: Links) -> None:
        assert empty.run(empty.store.begin_rebuild(empty.sync, "t", 60_000)) == "begun"
        copies = [
            Restored(pair="pLa", rev=1, state="{}", kind="half", ends={"L": place("a", "k")}, surplus=True),
            Restored(pair="pLb", rev=5, state="", kind="tail", ends={"L": place("b", "k")}, surplus=True),
        ]
        assert empty.restore(*copies)
        assert empty.run(empty.store.finish_rebuild(empty.sync, "t"))
        assert [member.surplus for member in empty.component("La").members] == [True, True]


class TestMerges:
    """The survivor of a merge takes the place that matters."""

    def test_a_linked_pair_goes_before_one_without_a_partner(self, links: Links) -> None:
        links.claim(claim("La", "k"), claim("Lb", "k2"))
        links.swap(swap("pLb", 0, {"L": place("b", "k2"), "R": place("c", "k2")}))
        assert links.claim(claim("Ld", "k", aliases=("a", "b"))) == [Claimed("joined", "pLb")]

    @pytest.mark.parametrize("order", ["ab", "ba"])
    def test_of_two_linked_pairs_the_one_named_first_is_kept(self, links: Links, order: str) -> None:
        links.claim(claim("La", "k"), claim("Lb", "k2"))
        links.swap(swap("pLa", 0, {"L": place("a", "k"), "R": place("c", "k")}))
        links.swap(swap("pLb", 0, {"L": place("b", "k2"), "R": place("d", "k2")}))
        assert links.claim(claim("Le", "k", aliases=tuple(order))) == [Claimed("joined", f"pL{order[0]}")]
        assert links.claim(claim("Le", "k", aliases=tuple(order[::-1]))) == [Claimed("linked", f"pL{order[0]}")]

    def test_the_loser_s_marker_does_not_make_it_a_copy(self, links: Links) -> None:
        links.claim(claim("La", "k"), claim("Lb", "k2", marked="pRc"))
        assert links.claim(claim("Ld", "k", aliases=("a", "b"), marked="pRc")) == [Claimed("joined", "pLa")]

    def test_a_create_in_flight_finds_what_it_made(self, links: Links) -> None:
        links.claim(claim("La", "k"), claim("Rc", "k2"))
        links.swap(swap("pRc", 0, {"R": place("c", "k2")}, create="L"))
        assert links.claim(claim("Ld", "k", aliases=("a", "b"), marked="pRc")) == [Claimed("joined", "pRc")]


class TestComingBack:
    """A record whose place was taken while it was away founds a pair of its own."""

    def _replaced(self, links: Links) -> Links:
        links.claim(claim("La", "k"))
        links.swap(swap("pLa", 0, {"L": place("a", "k"), "R": place("c", "k")}))
        links.claim(claim("La", alive=False))
        links.claim(claim("Lb", "k", marked="pLa"))
        assert links.slots("pLa")[0] == ":b"
        return links

    def test_its_pair_hears_of_it_until_it_lets_go(self, links: Links) -> None:
        self._replaced(links)
        assert links.claim(claim("La", "k")) == [Claimed("linked", "pLa")]
        links.let_go("La", "pLa", 1)
        (back,) = links.claim(claim("La", "k"))
        assert (back.what, back.pair in ("", "pLa")) == ("back", False)
        assert links.slots(back.pair)[0] == ":a"
        assert links.slots("pLa")[0] == ":b"
        assert links.claim(claim("La", "k")) == [Claimed("linked", back.pair)]

    def test_a_pair_that_moved_on_lets_nobody_go(self, links: Links) -> None:
        self._replaced(links)
        links.let_go("La", "pLa", 7)
        assert links.claim(claim("La", "k")) == [Claimed("linked", "pLa")]

    def test_a_record_in_its_place_is_not_let_go(self, links: Links) -> None:
        self._replaced(links)
        links.let_go("Lb", "pLa", 1)
        assert links.claim(claim("Lb", "k")) == [Claimed("linked", "pLa")]

    def test_what_it_left_goes_to_the_record_that_its_pair_holds(self, links: Links) -> None:
        """A claim gave the place to one that left again, while the answer with the pair's own record was on its way."""
        self._replaced(links)
        links.claim(claim("Lb", alive=False))
        links.swap(swap("pLa", 1, {"L": place("d", "k"), "R": place("c", "k")}))
        assert links.slots("pLa")[0] == "-b"
        links.let_go("Lb", "pLa", 2, held=place("d", "k"))
        assert links.slots("pLa")[0] == ":d"
        assert links.claim(claim("Lb", "k"))[0].pair != "pLa"

    def test_what_it_left_is_of_one_that_left_when_the_held_record_did(self, links: Links) -> None:
        """The report is still to come, so that the pair holds it for alive."""
        self._replaced(links)
        links.claim(claim("Lb", alive=False))
        links.swap(swap("pLa", 1, {"L": place("d", "k"), "R": place("c", "k")}))
        links.claim(claim("Ld", alive=False))
        links.let_go("Lb", "pLa", 2, held=place("d", "k"))
        assert links.slots("pLa")[0] == "-d"

    def test_it_takes_a_place_that_is_free_again(self, links: Links) -> None:
        self._replaced(links)
        links.claim(claim("Lb", alive=False))
        assert links.claim(claim("La", "k")) == [Claimed("linked", "pLa")]
        assert links.slots("pLa")[0] == ":a"

    def test_what_a_pair_made_that_gave_itself_away_goes_to_whom_it_gave_itself(self, links: Links) -> None:
        links.claim(claim("Ra", "k"), claim("Lb", "k"))
        digest = links.component("Ra").digest
        given = replace(swap("pRa", 0, {"R": place("a", "k")}, give_to="pLb"), state='{"absorbed_by":"pLb"}')
        assert links.swap(replace(given, digest=digest, origin="Ra")).what == "ok"
        (made,) = links.claim(claim("Lc", "k", marked="pRa"))
        assert (made.what, made.pair in ("pRa", "pLb")) == ("surplus", False)
        links.claim(claim("Lb", alive=False))
        assert links.claim(claim("Ld", "k", marked="pRa")) == [Claimed("joined", "pLb")]

    def test_what_a_copy_lives_on_in_is_a_copy(self, links: Links) -> None:
        links.claim(claim("Rb", "k"), claim("La", "k", marked="pRb"))
        (copy,) = links.claim(claim("Lc", "k", marked="pRb"))
        assert copy.what == "surplus"
        assert links.claim(claim("Ld", "k", marked="pRb", aliases=("c",))) == [Claimed("joined", copy.pair)]
        assert links.claim(claim("Ld", "k", marked="pRb", aliases=("c",))) == [Claimed("surplus", copy.pair)]

    def test_a_record_founds_no_pair_under_a_name_that_is_used(self, links: Links) -> None:
        links.claim(claim("La", "k"))
        (found,) = links.claim(claim("Lb", "k", fresh="pLa"))
        assert (found.what, found.pair == "pLa") == ("new", False)
        assert links.slots("pLa")[0] == ":a"


def test_who_carries_a_freed_key_looks_again_even_when_linked(links: Links) -> None:
    links.claim(claim("La", "k"), claim("Lz", "k"))
    links.swap(swap("pLz", 0, {"L": place("z", "k"), "R": place("y")}))
    assert links.swap(swap("pLa", 0, {"L": place("a")}, pokes=("k",))).poked == ()
    assert links.swap(swap("pLa", 1, {"L": place("a")}, pokes=("k",), freed=("k",))).poked == ("pLz",)
