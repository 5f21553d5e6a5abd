"""Which records are the same: the acceptance cases, and what no order of reading and no choice of sides may change."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.engine.matching import (
    COMPONENT_LIMIT,
    Ambiguous,
    Create,
    Duplicate,
    Identity,
    Link,
    Member,
    Node,
    Rule,
    TooCommon,
    Verdict,
    choose,
)
from shared.model.mapping import MatchSettings
from shared.model.records import Side
from shared.rules.match_rules import COMPANIES, CONTACTS, CONTACTS_BY_EMAIL

HOLD, OLDEST = MatchSettings(), MatchSettings(ambiguous="oldest")
CREATE = Create()


def person(name: str, *emails: str, at: str = "Acme", who: str = "ann|lee", **more: Any) -> Member:
    """Make a contact; the first letter of its name is its side, the first address its primary one."""
    identity = Identity(p=emails[0] if emails else "", s=emails, n=who, c=(f"c:{at.lower()}",) if at else ())
    return _member(name, identity, **more)


def firm(name: str, called: str = "", *domains: str, **more: Any) -> Member:
    """Make a company."""
    return _member(name, Identity(n=called.lower(), s=domains), **more)


def _member(name: str, identity: Identity, **more: Any) -> Member:
    return Member(side=_side(name), id=name, identity=identity, **more)


def _side(name: str) -> Side:
    return "L" if name[0] == "h" else "R"


def verdicts(rule: Rule, *members: Member, how: MatchSettings = HOLD) -> dict[str, Verdict]:
    """Give each record's verdict; whom a created one is like is another test's matter."""
    return {
        node[1]: CREATE if isinstance(verdict, Create) else verdict
        for node, verdict in choose(rule, members, how).items()
    }


def node(name: str) -> Node:
    return _side(name), name


# The acceptance cases of the semantics


def test_two_colleagues_with_addresses_of_their_own_are_two_people() -> None:
    """Case b: the same name at the same firm says nothing against two addresses."""
    assert verdicts(CONTACTS, person("h1", "ann@acme.com"), person("d1", "bob@acme.com")) == {
        "h1": CREATE,
        "d1": CREATE,
    }


def test_a_person_without_an_address_is_found_by_name_and_firm() -> None:
    """Case c."""
    found = verdicts(CONTACTS, person("h1"), person("d1", "ann@gmail.com"))
    assert found == {"h1": Link(node("d1"), "company"), "d1": Link(node("h1"), "company")}
    assert verdicts(CONTACTS_BY_EMAIL, person("h1"), person("d1", "ann@gmail.com")) == {"h1": CREATE, "d1": CREATE}


def test_a_name_that_two_share_is_no_name_to_go_by() -> None:
    """Case d: nobody is linked, and nobody is kept from being created."""
    assert verdicts(CONTACTS, person("h1"), person("d1", "a@x.it"), person("d2", "b@x.it")) == dict.fromkeys(
        ("h1", "d1", "d2"), CREATE
    )


def test_of_two_with_one_address_the_oldest_is_linked() -> None:
    """Case e: by the app's own date, else by the id; a date that is not known is the latest."""
    h = person("h1", "a@x.it")
    for dates, first in ((("2", "1"), "d2"), (("1", "2"), "d1"), (("", "9"), "d2"), (("1", "1"), "d1")):
        rows = [person(f"d{n}", "a@x.it", created=at) for n, at in enumerate(dates, 1)]
        second = {"d1": "d2", "d2": "d1"}[first]
        assert verdicts(CONTACTS, h, *rows) == {
            "h1": Link(node(first), "email", "a@x.it"),
            first: Link(node("h1"), "email", "a@x.it"),
            second: Duplicate(node("h1"), "a@x.it"),
        }
    left = verdicts(CONTACTS, h, person("d2", "a@x.it"))
    assert left["d2"] == Link(node("h1"), "email", "a@x.it"), "the first one was deleted"


def test_a_primary_address_goes_before_a_second_one() -> None:
    """Case f: the other record is no new person; its key is held."""
    found = verdicts(CONTACTS, person("h1", "e1@x.it", "e2@x.it"), person("d1", "e1@x.it"), person("d2", "e2@x.it"))
    assert found["h1"] == Link(node("d1"), "email", "e1@x.it")
    assert found["d2"] == Duplicate(node("h1"), "e2@x.it")


def test_one_firm_of_a_name_is_linked_although_its_domain_differs() -> None:
    """Case g: the score says which, not whether."""
    found = verdicts(COMPANIES, firm("h1", "Acme", "acme.com"), firm("d1", "Acme", "acme.it"))
    assert found == {"h1": Link(node("d1"), "name"), "d1": Link(node("h1"), "name")}


def test_a_domain_goes_before_a_name() -> None:
    """Case h."""
    found = verdicts(COMPANIES, firm("h1", "Acme", "acme.com"), firm("d1", "Acme"), firm("d2", "Beta", "acme.com"))
    assert found == {
        "h1": Link(node("d2"), "domain", "acme.com"),
        "d2": Link(node("h1"), "domain", "acme.com"),
        "d1": Duplicate(node("h1")),
    }


def test_two_firms_of_one_name_are_held_for_a_person_to_decide() -> None:
    """Case i: or, where it is set so, the oldest is linked."""
    rows = (firm("h1", "Acme"), firm("h2", "Acme"), firm("d1", "Acme"))
    assert verdicts(COMPANIES, *rows) == {
        "h1": Ambiguous(((node("d1"), 1.5),)),
        "h2": Ambiguous(((node("d1"), 1.5),)),
        "d1": Ambiguous(((node("h1"), 1.5), (node("h2"), 1.5))),
    }
    assert verdicts(COMPANIES, *rows, how=OLDEST) == {
        "h1": Link(node("d1"), "name"),
        "d1": Link(node("h1"), "name"),
        "h2": Duplicate(node("d1")),
    }


def test_two_addresses_that_lead_to_two_records_are_a_contradiction() -> None:
    """No single identifier explains both."""
    found = verdicts(CONTACTS, person("h1", "x@x.it", "e1@x.it", "e2@x.it"), person("d1", "y@x.it", "e1@x.it"),
                     person("d2", "z@x.it", "e2@x.it"))  # fmt: skip
    assert {type(verdict) for verdict in found.values()} == {Ambiguous}


# What is taken, in flight, or too much


def test_a_record_whose_partner_is_taken_is_a_duplicate_and_not_created() -> None:
    """It names who holds its key; a name alone keeps nobody from being created."""
    held = [person("h1", "a@x.it", held=True), person("d1", "a@x.it", held=True)]
    assert verdicts(CONTACTS, *held, person("d2", "a@x.it")) == {"d2": Duplicate(node("h1"), "a@x.it")}
    assert verdicts(CONTACTS, *held, person("d2")) == {"d2": CREATE}


def test_a_record_joins_the_pair_whose_create_is_on_its_way() -> None:
    """From the other side; on its own side it is a duplicate of the one that creates."""
    waits = person("h1", "a@x.it", creating=True)
    assert verdicts(CONTACTS, waits, person("d1", "a@x.it"))["d1"] == Link(node("h1"), "email", "a@x.it")
    assert verdicts(CONTACTS, waits, person("h0", "a@x.it", created="0")) == {
        "h1": CREATE, "h0": Duplicate(node("h1"), "a@x.it"),
    }  # fmt: skip


def test_of_several_new_ones_on_one_side_the_oldest_creates() -> None:
    """The others would be refused by the app, or be doubled there."""
    rows = (person("h1", "a@x.it", created="2"), person("h2", "a@x.it", created="1"), person("h3"))
    assert verdicts(CONTACTS, *rows) == {"h2": CREATE, "h1": Duplicate(node("h2"), "a@x.it"), "h3": CREATE}


@pytest.mark.parametrize(("number", "expected"), [(COMPONENT_LIMIT, Create), (COMPONENT_LIMIT + 1, TooCommon)])
def test_a_key_that_everybody_has_means_nothing(number: int, expected: type) -> None:
    """All of them are held, and told so; who is linked already stays out of it."""
    rows = [firm(f"h{n}", f"name {n}", held=n == 0) for n in range(number)]
    found = verdicts(COMPANIES, *rows)
    assert set(map(type, found.values())) == {expected}
    assert "h0" not in found


# Laws

EMAILS = ("a@x.it", "b@x.it", "c@x.it")
DATES = st.sampled_from(("", "1", "2", "3"))
SOME = st.lists(st.sampled_from(EMAILS), max_size=3, unique=True).map(tuple)
PERSONS = st.builds(
    lambda emails, at, who, created: person("?", *emails, at=at, who=who, created=created),
    SOME, st.sampled_from(("Acme", "Beta", "")), st.sampled_from(("ann|lee", "bob|ray", "")), DATES,
)  # fmt: skip
FIRMS = st.builds(
    lambda called, domains, created: firm("?", called, *domains, created=created),
    st.sampled_from(("acme", "beta", "")),
    st.lists(st.sampled_from(("acme.com", "acme.it", "acme.de")), max_size=2, unique=True),
    DATES,
)  # fmt: skip


def _named(rows: list[tuple[Member, str]]) -> list[Member]:
    """Give every member an id of its own, and some a partner or an open create."""
    return [
        Member(
            side=_side(side), id=f"{side}{number}", identity=row.identity, created=row.created,
            held=what == "held", creating=what == "creating",
        )
        for number, (row, (side, what)) in enumerate(((row, place.split()) for row, place in rows))
    ]  # fmt: skip


PLACES = st.sampled_from(("h free", "d free", "h free", "d free", "h held", "d held", "h creating", "d creating"))
COMPONENTS = st.one_of(
    st.tuples(st.just(CONTACTS), st.lists(st.tuples(PERSONS, PLACES), max_size=8).map(_named)),
    st.tuples(st.just(COMPANIES), st.lists(st.tuples(FIRMS, PLACES), max_size=8).map(_named)),
)
HOW = st.sampled_from((HOLD, OLDEST))


@given(COMPONENTS, HOW, st.randoms())
def test_the_order_of_reading_changes_nothing(
    component: tuple[Rule, list[Member]], how: MatchSettings, rng: Any
) -> None:
    """However the pages came, the same records are linked."""
    rule, members = component
    shuffled = list(members)
    rng.shuffle(shuffled)
    assert choose(rule, shuffled, how) == choose(rule, members, how)


def _other(place: Node) -> Node:
    return ("R" if place[0] == "L" else "L"), place[1]


def _swapped(verdict: Verdict) -> Verdict:
    match verdict:
        case Link(partner, by, key):
            return Link(_other(partner), by, key)
        case Duplicate(holder, key):
            return Duplicate(_other(holder), key)
        case Ambiguous(candidates):
            return Ambiguous(tuple(sorted((_other(place), score) for place, score in candidates)))
        case Create(alike):
            return Create(tuple(sorted(_other(place) for place in alike)))
        case _:
            return verdict


@given(COMPONENTS, HOW)
@settings(max_examples=300)
def test_which_side_is_called_left_changes_nothing(component: tuple[Rule, list[Member]], how: MatchSettings) -> None:
    """The same sync set up the other way round links the same records."""
    rule, members = component
    swapped = [
        Member(
            side=_other(row.node)[0], id=row.id, identity=row.identity, created=row.created,
            held=row.held, creating=row.creating,
        )
        for row in members
    ]  # fmt: skip
    expected = {_other(place): _swapped(verdict) for place, verdict in choose(rule, members, how).items()}
    assert choose(rule, swapped, how) == expected


def test_the_oldest_of_a_chain_is_the_same_from_both_ends() -> None:
    """The two oldest have no edge with each other: the one that is older of them chooses its partner."""
    chain = [
        firm("h1", "", "a.it", created="1"), firm("d2", "", "a.it", "b.it", created="4"),
        firm("h2", "", "b.it", "c.it", created="3"), firm("d1", "", "c.it", created="2"),
    ]  # fmt: skip
    assert verdicts(COMPANIES, *chain, how=OLDEST)["h1"] == Link(node("d2"), "domain", "a.it")
    mirrored = [
        firm({"h": "d", "d": "h"}[row.id[0]] + row.id[1], "", *row.identity.s, created=row.created) for row in chain
    ]
    assert verdicts(COMPANIES, *mirrored, how=OLDEST)["d1"] == Link(node("h2"), "domain", "a.it")


@given(COMPONENTS, HOW)
def test_verdicts_fit_together(component: tuple[Rule, list[Member]], how: MatchSettings) -> None:
    """Everybody free gets one; a link is meant by both its ends, is between sides, and never breaks another link."""
    rule, members = component
    found = choose(rule, members, how)
    by_node = {row.node: row for row in members}
    assert set(found) == {row.node for row in members if not row.held}
    for place, verdict in found.items():
        if isinstance(verdict, Link):
            back = found[verdict.partner]
            assert isinstance(back, Link)
            assert back.partner == place
            assert verdict.partner[0] != place[0]
            assert rule.compare(by_node[place].identity, by_node[verdict.partner].identity) is not None
        if isinstance(verdict, Duplicate):
            assert verdict.holder != place
            assert verdict.holder in by_node
