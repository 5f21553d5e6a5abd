"""Which records are the same: what a name alone may decide."""

import pytest

from shared.engine.matching import Create, Identity, Link, Member, Node, Verdict, choose
from shared.model.mapping import MatchSettings
from shared.model.records import Side
from shared.rules.match_rules import CONTACTS

ANN = Identity(n="ann|lee", c=("c:acme",))


def _ann(side: Side, name: str, address: str = "", *, held: bool = False) -> Member:
    identity = ANN.model_copy(update={"p": address, "s": (address,) if address else ()})
    return Member(side=side, id=name, identity=identity, created=name, held=held)


def _chosen(*members: Member) -> dict[Node, Verdict]:
    return choose(CONTACTS, members, MatchSettings())


@pytest.mark.parametrize("other", ["L", "R"])
def test_name_and_company_link_when_one_has_no_address_c(other: Side) -> None:
    one: Side = "R" if other == "L" else "L"
    found = _chosen(_ann(one, "1"), _ann(other, "2", "ann@gmail.com"))
    assert found == {(one, "1"): Link((other, "2"), "company"), (other, "2"): Link((one, "1"), "company")}


def test_two_of_a_name_are_not_chosen_from_d() -> None:
    """It is created, and who might have been it is told."""
    found = _chosen(_ann("L", "1"), _ann("R", "2", "ann@gmail.com"), _ann("R", "3"))
    assert found[("L", "1")] == Create((("R", "2"), ("R", "3")))
    assert found[("R", "3")] == Create((("L", "1"),))


def test_a_name_that_is_linked_already_is_told_as_well() -> None:
    """Too little tells that it is the same person again: it is neither linked nor kept from being created."""
    found = _chosen(_ann("L", "1"), _ann("R", "2", "ann@gmail.com", held=True))
    assert found == {("L", "1"): Create((("R", "2"),))}


def test_a_record_alone_is_like_nobody() -> None:
    assert _chosen(_ann("L", "1")) == {("L", "1"): Create()}
