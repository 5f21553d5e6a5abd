"""A swap is refused when what it was decided from no longer holds, and then it changes nothing at all."""

from collections.abc import Callable

import pytest

from shared.io.links.requests import Swap, Swapped
from shared.io.ports import NotReady
from tests.io.links.links import Links, claim, place, swap


def _two_people(links: Links) -> None:
    """Let Redis know a half pair on each side, and what the left one shares keys with."""
    links.claim(claim("La", "k"), claim("Rb", "other"))
    assert links.swap(swap("pLa", 0, {"L": place("a", "k")})).what == "ok"
    assert links.swap(swap("pRb", 0, {"R": place("b", "other")})).what == "ok"


def _create(links: Links, **changes: object) -> Swap:
    """Ask for the grant to create a's partner, by what is known now."""
    digest = links.component("La").digest
    return swap("pLa", 1, {"L": place("a", "k")}, create="R", digest=digest, origin="La", **changes)


def _stale(links: Links) -> Swap:
    wanted = _create(links)
    links.swap(swap("pLa", 1, {"L": place("a", "k")}))  # another worker was faster
    return wanted


def _changed(links: Links) -> Swap:
    wanted = _create(links)
    links.claim(claim("Rc", "k"))  # the partner turned up
    return wanted


def _occupied(links: Links) -> Swap:
    links.claim(claim("Rc", "new", marked="pLa"))  # the record that an earlier create made
    return _create(links)


def _taken(_links: Links) -> Swap:
    return swap("pLa", 1, {"L": place("a", "k"), "R": place("b", "other")})


def _taken_as_a_copy(links: Links) -> Swap:
    links.claim(claim("Rc", "new", marked="pLa"))
    links.claim(claim("Rd", "new", marked="pLa"))
    return swap("pLa", 1, {"L": place("a", "k"), "R": place("d", "new")})


def _given_to_a_full_pair(links: Links) -> Swap:
    wanted = swap("pLa", 1, {"L": place("a", "k")}, give_to="pRb")
    links.claim(claim("Lc", "new", marked="pRb"))
    return wanted


@pytest.mark.parametrize(
    ("arrange", "answer"),
    [
        (_stale, Swapped("stale")),
        (_changed, Swapped("changed")),
        (_occupied, Swapped("occupied")),
        (_taken, Swapped("taken", side="R", owner="pRb")),
        (_taken_as_a_copy, Swapped("taken", side="R", owner="pRd", surplus=True)),
        (_given_to_a_full_pair, Swapped("changed")),
    ],
    ids=["revision", "component", "place", "owner", "copy", "heir"],
)
def test_a_swap_on_old_knowledge_is_refused(links: Links, arrange: Callable[[Links], Swap], answer: Swapped) -> None:
    _two_people(links)
    wanted = arrange(links)
    before = links.dump()
    assert links.swap(wanted) == answer
    assert links.dump() == before


def test_a_create_is_granted_when_nothing_changed(links: Links) -> None:
    _two_people(links)
    assert links.swap(_create(links)).what == "ok"
    assert links.slots("pLa") == (":a", "*")


def test_another_redis_answers_nothing(links: Links) -> None:
    """A replica that took over has an id of its own, and may lack the last writes of the one before."""
    _two_people(links)
    links.load("pLa")
    links.failover()
    with pytest.raises(NotReady):
        links.load("pLa")


def test_a_place_stays_with_the_record_that_took_it_last_though_it_left(links: Links) -> None:
    """A report of the record before it, which is stepped late, must not put that one back."""
    links.claim(claim("La", "k"), claim("Lb", "k", aliases=("a",)), claim("La", "k"), claim("Lb", alive=False))
    assert links.look("Lb")[1].L == "-b"
    links.swap(swap("pLa", 0, {"L": place("a", "k")}))
    assert links.look("Lb")[1].L == "-b"


def test_a_pair_that_takes_a_record_it_had_let_go_holds_it_again(links: Links) -> None:
    """It was let go by an early step; a later report of it is stepped all the same, before its survivor's."""
    links.claim(claim("La", "k"), claim("Lb", "k", aliases=("a",)))
    links.swap(swap("pLa", 0, {}))
    links.let_go("La", "pLa", 1)
    links.swap(swap("pLa", 1, {"L": place("a", "k")}))
    assert links.slots("pLa")[0] == ":b"
    assert links.claim(claim("La", "k"))[0].pair == "pLa"


def test_a_place_given_away_before_its_create_was_granted_is_free_for_what_is_created(links: Links) -> None:
    _two_people(links)
    links.claim(claim("Rc", "new", marked="pLa"), claim("Rc", alive=False))
    assert links.slots("pLa") == (":a", "-c")
    assert links.swap(_create(links)).what == "ok"
    links.swap(swap("pLa", 2, {"L": place("a", "k"), "R": place("d", "k")}))
    assert links.slots("pLa") == (":a", ":d")


def test_a_place_taken_after_its_create_was_granted_stays_though_its_record_left(links: Links) -> None:
    """The create's own answer comes late; the record that it made was merged into the one that took the place."""
    _two_people(links)
    assert links.swap(_create(links)).what == "ok"
    links.claim(claim("Rc", "new", marked="pLa"), claim("Rc", alive=False))
    links.swap(swap("pLa", 2, {"L": place("a", "k"), "R": place("d", "k")}))
    assert links.slots("pLa") == (":a", "-c")
