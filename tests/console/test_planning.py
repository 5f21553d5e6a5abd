"""The plan of a file, out of values alone: what changes, what is refused, and what nobody can tell at this moment."""

from collections.abc import Sequence
from typing import Any, Final

import pytest

from services.console.setups.ends import Unasked
from services.console.setups.plans import Plan
from shared.contract.people import People, Person
from shared.io.calls.budgets import account_of
from shared.model.syncs import Moved
from tests.console.planner import BOOK, PAUSED, Planner, between, book, crm, lines

ANN: Final = Person(id="1", email="ann@x.example")
BOB: Final = Person(id="2", email="bob@x.example")


def test_a_plan_is_made_of_values_alone(planner: Planner) -> None:
    rows = crm("one"), book("cards"), between("one", "cards")
    assert [change.key for change in planner.plan(*rows).changes] == [
        "connection:one", "connection:cards", "sync:people", "job:first-people",
    ]  # fmt: skip
    planner.apply(*rows)
    assert planner.plan(*rows) == Plan(changes=(), hints=(), errors=(), unasked=())


def test_what_a_newer_version_wrote_into_the_settings_is_no_change_and_stays(planner: Planner) -> None:
    """An older console does not know it, and must not undo it."""
    rows = crm("one"), book("cards"), between("one", "cards")
    planner.apply(*rows)
    sync = planner.syncs["people"]
    sides = {name: getattr(sync, name).model_copy(update={"filter": "all"}) for name in ("left", "right", "match")}
    mapping = sync.mappings[0].model_copy(update={"weight": 2})
    news = {**sides, "mappings": (mapping, *sync.mappings[1:]), "guard": {"deletes": 10}}
    planner.syncs["people"] = sync.model_copy(update=news)
    planner.connections["one"] = planner.connections["one"].model_copy(update={"team": "crm"})
    assert planner.plan(*rows) == Plan(changes=(), hints=(), errors=(), unasked=())
    planner.apply(crm("one", poll_interval_s=5), between("one", "cards", enabled=False))
    assert planner.connections["one"].model_extra == {"team": "crm"}
    made = planner.syncs["people"]
    assert (made.enabled, made.version, made.model_extra) == (False, 2, {"guard": {"deletes": 10}})
    assert (made.left.model_extra, made.match.model_extra) == ({"filter": "all"}, {"filter": "all"})
    assert made.mappings[0].model_extra == {"weight": 2}


def test_everything_that_is_wrong_is_listed(planner: Planner) -> None:
    """Not only the first of it; a sync of a connection that is wrong says nothing more."""
    found = planner.plan(crm("one", auth="magic"), crm("two", base_url="ftp://x"), between("one", "two"))
    assert [error.partition(":")[0] for error in found.errors] == ["connection 'one'", "connection 'two'"]


# Old and new values


def test_what_changes_is_shown_with_old_and_new_values(planner: Planner) -> None:
    mappings = [{"key": key, "left": key, "right": right} for key, right in (("phone", "phone"), ("email", "email"))]
    planner.apply(crm("one"), book("cards"), between("one", "cards", mappings=mappings))
    mappings[0]["direction"] = "to_right"
    del mappings[1]
    mappings.append({"key": "town", "left": "city", "right": "city"})
    found = planner.apply(
        crm("one", country="IT", limits={"calls": 100}, poll_interval_s=5),
        between("one", "cards", mappings=mappings, create={"to_left": False}, match={"ambiguous": "oldest"}),
    )
    assert lines(found) == [
        "~ connection one", "    country: (none) -> IT", "    poll_interval_s: 60 -> 5",
        "    limits.calls: (none) -> 100",
        "~ sync people", "    create.to_left: true -> false", "    match.ambiguous: hold -> oldest",
        "    - mapping email: email <-> email", "    + mapping town: city <-> city",
        "    mapping phone: direction: two_way -> to_right",
    ]  # fmt: skip


def test_mappings_written_out_as_they_stand_change_nothing(planner: Planner) -> None:
    """A person who writes the defaults into the file has decided nothing new."""
    planner.apply(crm("one"), book("cards"), between("one", "cards"))
    written = [{"key": row.key, "left": row.left, "right": row.right} for row in planner.syncs["people"].mappings]
    assert planner.plan(between("one", "cards", mappings=written)).changes == ()


# Mappings


def test_a_list_of_mappings_means_exactly_these_and_names_the_defaults_left_out(planner: Planner) -> None:
    rows = [{"key": "email", "left": "email", "right": "email"}]
    found = planner.plan(crm("one"), book("cards"), between("one", "cards", mappings=rows))
    told = [hint for hint in found.hints if "leaves the default mapping" in hint]
    assert "sync 'people': the file leaves the default mapping phone (phone <-> phone) out" in told
    planner.apply(crm("one"), book("cards"), between("one", "cards"))
    assert len(told) == len(planner.syncs["people"].mappings) - 1


def test_changes_of_the_defaults(planner: Planner) -> None:
    """One is added, one takes the place of a default, one is off; everything else stays as both apps suggest."""
    change: dict[str, Any] = {
        "add": [{"key": "phone", "left": "mobilephone", "right": "phone", "direction": "to_right"}]
    }
    change["off"] = ["mobile"]
    rows = crm("one"), book("cards"), between("one", "cards", mappings=change)
    planner.apply(*rows)
    made = {row.key: row for row in planner.syncs["people"].mappings}
    assert (made["phone"].left, made["phone"].origin, made["mobile"].on) == ("mobilephone", "custom", False)
    assert made["email"].origin == "default"
    assert planner.plan(*rows).changes == ()
    said = planner.refused(between("one", "cards", mappings={"off": ["fone"]}))
    assert "mappings.off names fone, which is no default; the defaults are " in said


# What does not go together


def test_objects_that_do_not_go_together_are_refused(planner: Planner) -> None:
    sync = {**between("one", "two"), "left": {"connection": "one", "object": "company"}}
    assert "company and contact are not the same kind of record" in planner.refused(crm("one"), crm("two"), sync)


def test_a_sync_that_could_never_create_is_refused(planner: Planner) -> None:
    """A company needs a name or a domain; without creates it may do without."""
    rows = [{"key": "phone", "left": "phone", "right": "phone"}]
    sync = between("one", "two", object_="company", mappings=rows)
    found = planner.plan(crm("one"), crm("two"), sync)
    said = "sync 'people' could never create a company of HubSpot (connection 'one'): map name or domain, or write "
    assert found.errors == (f"{said}`create: {{to_left: false}}`",)
    one_way = {**sync, "create": {"to_left": False}}
    assert "map name or domain, or write `create: {to_right: false}`" in planner.refused(
        crm("one"), crm("two"), one_way
    )
    named = {"key": "name", "left": "name", "right": "name", "direction": "to_right"}
    assert planner.plan(crm("one"), crm("two"), {**one_way, "mappings": [*rows, named]}).errors == ()


def test_a_sync_that_would_create_empty_records_is_refused(planner: Planner) -> None:
    said = planner.refused(crm("one"), book("cards"), between("one", "cards", mappings=[]))
    assert "would create each contact of HubSpot (connection 'one') empty" in said


# One account, one connection


def test_a_second_connection_of_one_account_is_refused(planner: Planner) -> None:
    """Whatever host is called: a portal's number is unique in the world."""
    planner.portals["two"] = planner.portals["one"]
    said = "connection 'two' leads to the same account (11) as 'one'"
    planner.apply(crm("one"))
    assert said in planner.refused(crm("two", base_url="https://proxy.example"))
    fresh = Planner()
    fresh.portals["two"] = fresh.portals["one"]
    assert any(said in error for error in fresh.plan(crm("one"), crm("two")).errors)


def test_a_book_of_the_same_path_on_another_server_is_another_account(planner: Planner) -> None:
    """The port counts, the scheme does not, nor the port that it implies."""
    planner.apply(book("here"), book("there", "other.example"), book("beside", "dav.example:8443"))
    assert [row.account for row in planner.connections.values()] == [
        f"dav.example{BOOK}", f"other.example{BOOK}", f"dav.example:8443{BOOK}",
    ]  # fmt: skip
    budgets = {account_of(row) for row in planner.connections.values()}
    assert len(budgets) == 3, "a pause of one holds up no other"
    same = {**book("again"), "base_url": "http://DAV.example:80"}
    assert "leads to the same account" in planner.refused(same)


def test_a_connection_that_leads_to_another_server_is_refused(planner: Planner) -> None:
    """Its cards would be strangers; who moved the server says so."""
    planner.apply(book("cards"))
    moved = book("cards", "new.example")
    said = planner.refused(moved)
    assert f"leads to account 'new.example{BOOK}' (Team) now, and was made for 'dav.example{BOOK}'" in said
    assert f"add `moved_from: dav.example{BOOK}`" in said
    planner.apply({**moved, "moved_from": f"dav.example{BOOK}"})
    assert planner.connections["cards"].account == f"new.example{BOOK}"


@pytest.mark.parametrize("old", [f"/ann/ {BOOK}", BOOK])
def test_an_account_in_the_form_of_earlier_versions_is_recognised_and_renewed(planner: Planner, old: str) -> None:
    """Its server is the one that the connection has called until now."""
    planner.apply(book("cards"))
    row = planner.connections["cards"]
    planner.connections["cards"] = row.model_copy(update={"account": old})
    assert "was made for" in planner.refused(book("cards", "new.example"))
    assert lines(planner.apply(book("cards"))) == [
        "~ connection cards", f"    account: {old} -> dav.example{BOOK}",
    ]  # fmt: skip


def test_connections_of_one_account_that_stand_are_pointed_out_and_go_on(planner: Planner) -> None:
    planner.apply(crm("one"), crm("two"))
    planner.connections["two"] = planner.connections["two"].model_copy(update={"account": "11"})
    planner.portals["two"] = "11"
    found = planner.plan(crm("one"), crm("two", poll_interval_s=5))
    assert found.errors == ()
    assert [hint.partition(":")[0] for hint in found.hints] == [
        "connection 'one' leads to the same account (11) as 'two'",
        "connection 'two' leads to the same account (11) as 'one'",
    ]
    assert [change.key for change in found.changes] == ["connection:two"]


def test_a_circle_through_two_connections_of_one_account_is_refused(planner: Planner) -> None:
    """Two syncs of one portal with one book would carry a change by two ways; those that stand are pointed out."""
    planner.apply(crm("one"), crm("two"), book("cards"), between("one", "cards"))
    planner.connections["two"] = planner.connections["two"].model_copy(update={"account": "11"})
    assert "its two ends are kept the same already by people" in planner.refused(between("two", "cards", "again"))
    planner.syncs["again"] = planner.syncs["people"].model_copy(
        update={"id": "again", "left": planner.syncs["people"].left.model_copy(update={"connection": "two"})}
    )
    found = planner.plan(between("one", "cards"))
    assert found.errors == ()
    assert "sync 'people': its two ends are kept the same by again, too" in found.hints[0]


# Apps that cannot be asked


def test_what_a_paused_account_cannot_tell_is_named_and_the_rest_is_planned(planner: Planner) -> None:
    planner.apply(crm("one"), crm("two"), crm("three"), between("one", "two"))
    planner.away["one"] = PAUSED
    other = between("one", "three", "second")
    found = planner.plan(crm("one"), crm("three", poll_interval_s=5), between("one", "two", default_app="R"), other)
    assert found.errors == ()
    said = "sync 'second' cannot be planned now: the fields of contact of connection 'one' cannot be read: "
    assert found.unasked == (f"{said}{PAUSED.reason}",)
    assert found.hints == (
        "connection 'one' does not answer now, and is taken as it was: app_unavailable: the app did not answer lately",
    )
    assert [line for line in lines(found) if line[0] != " "] == ["~ connection three", "~ sync people"]


def test_a_new_way_into_an_account_must_be_asked(planner: Planner) -> None:
    """Whose it is cannot be told; what the account does not decide can be changed meanwhile."""
    planner.apply(crm("one"))
    planner.away["one"] = PAUSED
    assert planner.plan(crm("one", base_url="https://other.example")).unasked == (
        "connection 'one' does not work now: app_unavailable: the app did not answer lately",
    )
    assert lines(planner.plan(crm("one", label="CRM"))) == ["~ connection one", "    label: HubSpot -> CRM"]
    planner.away["one"] = Unasked("auth_expired: the token was refused", refused=True)
    assert "does not work: auth_expired" in planner.refused(crm("one", base_url="https://other.example"))


def test_mappings_that_stand_need_no_answer(planner: Planner) -> None:
    """The file says what stands already, as far as can be told without the app's fields."""
    rows = [{"key": "email", "left": "email", "right": "email"}, {"key": "phone", "left": "phone", "right": "phone"}]
    planner.apply(crm("one"), crm("two"), between("one", "two", mappings=rows))
    planner.away["two"] = PAUSED
    found = planner.plan(between("one", "two", mappings=rows, direction="to_right"))
    assert [change.key for change in found.changes] == ["sync:people", "job:edited-people-2"]
    assert "its fields cannot be read now, and are taken as they were" in found.hints[0]
    rows[1]["left"] = "mobilephone"
    assert "sync 'people' cannot be planned now" in planner.plan(between("one", "two", mappings=rows)).unasked[0]


# Country and time zone


def test_a_changed_country_or_zone_has_the_pairs_judged_again(planner: Planner) -> None:
    """A number without a country, a day at midnight: each may mean something else now."""
    planner.apply(crm("one"), crm("two"), crm("three"), between("one", "two"), between("two", "three", "other"))
    found = planner.apply(crm("one", country="IT"))
    assert lines(found) == [
        "~ connection one", "    country: (none) -> IT", "    all records are judged again of: people",
    ]  # fmt: skip
    assert planner.connections["one"].moved == Moved(version=2, syncs=("people",))
    planner.zone = "Europe/Rome"
    found = planner.apply(crm("two"))
    assert [change.key for change in found.changes] == ["connection:two"], "workers ask for the jobs"
    assert planner.connections["two"].moved == Moved(version=2, syncs=("people", "other"))
    assert planner.plan(crm("two")).changes == ()
    planner.apply(crm("two", label="Second"))
    assert planner.connections["two"].moved == Moved(version=2, syncs=("people", "other")), "nothing moves once more"


def test_a_sync_that_changes_anyway_is_judged_once(planner: Planner) -> None:
    planner.apply(crm("one"), crm("two"), between("one", "two"))
    found = planner.plan(crm("one", country="IT"), between("one", "two", direction="to_right"))
    assert [change.key for change in found.changes] == ["connection:one", "sync:people", "job:edited-people-2"]
    found = planner.apply(between("one", "two", enabled=False))
    planner.apply(crm("one", country="IT"))
    assert planner.connections["one"].moved is None, "a sync that is off is judged when it is switched on"


def _owners(planner: Planner, one: Sequence[Person], two: Sequence[Person], **more: Any) -> Plan:
    people = {name: People(connection=name, people=tuple(rows)) for name, rows in (("one", one), ("two", two))}
    planner.people = {**people}
    row = {"key": "owner", "left": "hubspot_owner_id", "right": "hubspot_owner_id", **more}
    return planner.plan(crm("one"), crm("two"), between("one", "two", mappings={"add": [row]}))


def test_people_are_published_before_the_sync_that_carries_owners(planner: Planner) -> None:
    """And not again while they stay the same."""
    found = _owners(planner, [ANN], [ANN])
    assert [change.key for change in found.changes] == [
        "connection:one", "connection:two", "people:one", "people:two", "sync:people", "job:first-people",
    ]  # fmt: skip
    assert found.hints == ()
    assert [line for line in lines(found) if "people:" in line] == []


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, ["bob@x.example of connection 'one' is nobody of 'two': records of theirs keep the owner that they have"]),
        ({"unmapped": "fail"}, ["bob@x.example of connection 'one' is nobody of 'two': records of theirs fail"]),
        ({"otherwise": {"right": "ANN@x.example"}}, []),
        ({"direction": "to_left"}, []),
        ({"values": [{"left": "bob@x.example", "right": "ann@x.example"}]}, []),
        (
            {"otherwise": {"right": "eve@x.example"}},
            ["nobody of connection 'two' has the address eve@x.example", "bob"],
        ),
    ],
)
def test_who_is_nobody_in_the_other_account_is_pointed_out(planner: Planner, more: Any, told: list[str]) -> None:
    hints = _owners(planner, [ANN, BOB], [ANN], **more).hints
    assert len(hints) == len(told)
    assert all(part in hint for part, hint in zip(told, hints, strict=True)), hints


def test_people_who_cannot_be_asked_are_pointed_out(planner: Planner) -> None:
    _owners(planner, [ANN], [ANN])
    planner.people["two"] = Unasked("scope_missing: crm.objects.owners.read", refused=True)
    found = planner.plan(crm("one"), crm("two"), between("one", "two"))
    (hint,) = found.hints
    assert hint.startswith("sync 'people': the people of connection 'two' cannot be read now, so owners are taken as")
    assert hint.endswith("or left out: scope_missing: crm.objects.owners.read")


# Amounts


def test_a_deal_s_amount_travels_with_its_currency_by_default(planner: Planner) -> None:
    planner.apply(crm("one"), crm("two"), between("one", "two", object_="deal"))
    rows = {row.key: row for row in planner.syncs["people"].mappings}
    assert "currency" not in rows
    assert (rows["amount"].lens, rows["amount"].fields("L")) == ("money", ("amount", "deal_currency_code"))
    assert planner.connections["one"].own_currency == "CHF"


def test_a_currency_that_changes_has_pairs_judged_again(planner: Planner) -> None:
    rows = crm("one"), crm("two"), between("one", "two", object_="deal")
    planner.apply(*rows)
    planner.apply(crm("one", currency="USD"), *rows[1:])
    assert planner.connections["one"].moved == Moved(version=2, syncs=("people",))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"left_currency": "coin"}, "HubSpot has no field 'coin' of deal"),
        ({"left_currency": "closedate"}, "'closedate' (datetime) of HubSpot names no currency"),
        ({"left_currency": "deal_currency_code", "left": "dealname"}, "'dealname' (text) of HubSpot is no amount"),
        ({"left_currency": "deal_currency_code", "lens": "number"}, "write `lens: money`, or leave it out"),
        ({"left_currency": "deal_currency_code", "values": [{"left": "1", "right": "2"}]}, "leave `values` out"),
        ({"left_currency": "deal_currency_code", "key": "mine"}, "both write the field 'amount'"),
    ],
)
def test_an_amount_that_cannot_be_is_refused_with_what_to_write(planner: Planner, row: Any, said: str) -> None:
    full = {"key": "amount", "left": "amount", "right": "amount", **row}
    refused = planner.refused(crm("one"), crm("two"), between("one", "two", object_="deal", mappings={"add": [full]}))
    assert said in refused


def test_an_amount_needs_a_currency_on_each_side(planner: Planner) -> None:
    """Its own field, or the connection's."""
    planner.currency = ""
    row = {"key": "amount", "left": "amount", "right": "amount", "left_currency": "deal_currency_code"}
    deals = between("one", "two", object_="deal", mappings={"add": [row]})
    told = planner.refused(crm("one"), crm("two"), deals)
    assert told.endswith("name the field that tells it, or write `currency` at connection 'two'")
    planner.apply(crm("one"), crm("two", currency="EUR"), deals)


def test_an_amount_without_its_currency_is_pointed_out(planner: Planner) -> None:
    row = {"key": "amount", "left": "amount", "right": "amount"}
    deals = between("one", "two", object_="deal", mappings={"add": [row]})
    hints = planner.plan(crm("one"), crm("two"), deals).hints
    assert [hint.partition("write ")[2] for hint in hints if "names" in hint] == [
        f"`{side}_currency: deal_currency_code`, so that both travel as one" for side in ("left", "right")
    ]
