"""The plan of syncs whose ends name types, roles and objects of an account's own."""

from typing import Any, Final

import pytest

from services.console.setups.ends import Unasked
from shared.apps import APPS
from shared.model.fields import FieldInfo, FoundObject, Option
from shared.model.records import FieldType
from tests.apps.tables import TABLES
from tests.console.planner import PAUSED, Planner, between, book, crm, lines

# Types and their rules


def test_contacts_can_be_kept_the_same_as_leads(planner: Planner) -> None:
    """An end names the type that its object is to be treated as."""
    ends = {side: {"connection": name, "object": "contact"} for side, name in (("left", "one"), ("right", "two"))}
    rows = crm("one"), crm("two")
    told = planner.refused(*rows, {"id": "leads", **ends, "left": {**ends["left"], "type": "lead"}})
    assert "lead and contact are not the same kind of record" in told
    assert "`type: lead`" in told
    ends = {side: {**end, "type": "lead"} for side, end in ends.items()}
    planner.apply(*rows, {"id": "leads", **ends})
    assert planner.syncs["leads"].left.type == "lead"
    ends["right"]["type"] = "person"
    said = planner.refused(*rows, {"id": "leads", **ends})
    assert "there is no type 'person'; contact may be contact, lead, company, deal, record" in said


def test_rules_belong_to_the_type(planner: Planner) -> None:
    """They may stand where earlier versions had them; what is as usual is no change."""
    rows = crm("one"), book("cards")
    planner.apply(*rows, between("one", "cards", rules={"email_required": False, "contact_company": True}))
    assert planner.syncs["people"].rules == {"email_required": False}
    before = between("one", "cards", email_required=False, match={"contact_company": True})
    assert planner.plan(*rows, before).changes == ()
    changed = planner.apply(*rows, between("one", "cards", match={"placeholder_emails": ["no@*"]}))
    assert lines(changed)[1:3] == [
        "    rules.email_required: false -> (none)",
        '    rules.placeholder_emails: (none) -> ["no@*"]',
    ]
    said = planner.refused(*rows, between("one", "cards", rules={"mail_required": False}))
    assert "contact has no rule mail_required; there are email_required, placeholder_emails, contact_company" in said
    assert "email_required: Input should be a valid boolean" in planner.refused(
        *rows, between("one", "cards", rules={"email_required": "perhaps"})
    )


def test_a_rule_of_people_means_nothing_for_deals(planner: Planner) -> None:
    """Earlier versions took it at every sync, so that files may hold it."""
    rows = crm("one"), crm("two")
    found = planner.apply(*rows, between("one", "two", "deals", "deal", email_required=False))
    assert [hint for hint in found.hints if "email_required" in hint] == [
        "sync 'deals': email_required means nothing for records of type deal"
    ]
    assert planner.syncs["deals"].rules == {}
    assert "deal has no rule colour; there are none" in planner.refused(
        *rows, between("one", "two", "deals", "deal", rules={"colour": "red"})
    )


# Roles


def test_a_role_says_which_field_holds_what_records_are_recognised_by(planner: Planner) -> None:
    """The default mappings follow it; the field that usually has the role is a field as any other."""
    rows = crm("one"), crm("two")
    sync = between("one", "two")
    sync["left"]["roles"] = {"email": "salutation"}
    planner.apply(*rows, sync)
    made = {row.key: (row.left, row.right, row.lens) for row in planner.syncs["people"].mappings}
    assert made["email"] == ("salutation", "email", "email")
    assert ("email", "email") not in {row[:2] for row in made.values()}
    sync["left"]["roles"] = {"email": "message"}
    found = planner.apply(*rows, sync)
    assert lines(found)[:2] == ["~ sync people", "    left.roles.email: salutation -> message"]
    assert [change.key for change in found.changes] == ["sync:people", "job:edited-people-2"]
    made = {row.key: (row.left, row.right, row.lens) for row in planner.syncs["people"].mappings}
    assert made["email"] == ("salutation", "email", "email"), "mappings that stand are kept"


def test_a_role_that_the_type_or_the_app_does_not_have_is_refused(planner: Planner) -> None:
    rows = crm("one"), crm("two")
    sync = between("one", "two", "deals", "deal")
    sync["right"]["roles"] = {"email": "dealname"}
    assert "sync 'deals': a deal has no role email; there are name" in planner.refused(*rows, sync)
    sync["right"]["roles"] = {"name": "deal_name"}
    told = planner.refused(*rows, sync)
    assert "role 'name': HubSpot has no field 'deal_name' of deal. Did you mean 'dealname'?" in told
    sync["right"]["roles"] = {}
    planner.apply(*rows, sync)
    planner.away = {"two": PAUSED}
    sync["right"]["roles"] = {"name": "deal_name"}
    assert "the fields of deal of connection 'two' cannot be read" in planner.plan(*rows, sync).unasked[0]


# Objects of an account's own

BOOKS: Final = FoundObject(
    name="books", label="Books", id="t1",
    fields=(
        FieldInfo(name="title", type=FieldType.TEXT, canonical="name"),
        FieldInfo(name="genre", type=FieldType.ENUM, options=(Option(value="a", label="A"),)),
    ),
)  # fmt: skip


def shelf(name: str) -> dict[str, Any]:
    return {"id": name, "app": "tables", "base_url": f"https://{name}.example", "auth": "api_key"}


@pytest.fixture(name="library")
def _library(planner: Planner) -> Planner:
    planner.apps = {**APPS, "tables": TABLES}
    planner.portals |= {"ours": "1", "theirs": "2"}
    planner.own = {"ours": (BOOKS,), "theirs": (BOOKS,)}
    return planner


def test_an_object_that_is_found_in_an_account_is_kept_in_the_settings_with_its_sync(library: Planner) -> None:
    """Before it: whoever reads the sync knows the object. What the options of its fields are is not kept."""
    rows = shelf("ours"), shelf("theirs"), between("ours", "theirs", "books", "books")
    found = library.apply(*rows)
    assert [change.key for change in found.changes] == [
        "connection:ours", "connection:theirs", "object:ours/books", "object:theirs/books", "sync:books",
        "job:first-books",
    ]  # fmt: skip
    assert not any("object" in line for line in lines(found)), "people have not asked for it"
    assert [row.key for row in library.syncs["books"].mappings] == ["name"]
    assert library.found["ours/books"].object == BOOKS.without_options() != BOOKS
    assert library.plan(*rows).changes == ()
    library.own = {}
    assert library.plan(*rows).changes == (), "what is kept is enough"
    library.own = {"ours": (BOOKS.model_copy(update={"label": "Tomes"}),)}
    assert [change.key for change in library.plan(*rows).changes] == ["object:ours/books"]


def test_an_object_that_no_account_has_is_named_with_those_there_are(library: Planner) -> None:
    told = library.refused(shelf("ours"), shelf("theirs"), between("ours", "theirs", "books", "book"))
    assert told == "sync 'books': Tables has no 'book', only books (Books)"
    library.own = {"theirs": ()}
    told = library.refused(shelf("ours"), shelf("theirs"), between("theirs", "ours", "books", "books"))
    assert told == "sync 'books': Tables has no 'books', only none at all"


def test_a_sync_waits_for_an_account_that_does_not_say_which_objects_it_has(library: Planner) -> None:
    """Unless the settings know them; a refusal is an error."""
    rows = shelf("ours"), shelf("theirs")
    library.apply(*rows)
    sync = between("ours", "theirs", "books", "books")
    library.away = {"ours": PAUSED}
    found = library.plan(sync)
    assert (found.errors, found.changes) == ((), ())
    assert "the objects of connection 'ours' cannot be listed: app_unavailable" in found.unasked[0]
    library.away = {"ours": Unasked("scope_missing: custom", refused=True)}
    assert "sync 'books' cannot be set up: the objects of connection 'ours'" in library.refused(sync)
    library.away = {}
    library.apply(sync)
    library.away = {"ours": PAUSED}
    assert library.plan(sync).errors == library.plan(sync).unasked == ()


def test_a_sync_whose_object_is_gone_stays_as_it_is_and_all_else_is_planned(library: Planner) -> None:
    rows = shelf("ours"), shelf("theirs")
    sync = between("ours", "theirs", "books", "books")
    library.apply(*rows, sync)
    library.found["ours/books"] = library.found["ours/books"].model_copy(update={"gone": "it is gone"})
    library.own = {}
    found = library.plan(sync, crm("one"))
    assert found.hints == ("sync 'books' does not run, and stays as it is: it is gone",)
    assert [change.key for change in found.changes] == ["connection:one"]
    again = between("theirs", "ours", "more", "books")
    assert "Tables has no 'books'" in library.refused(again)


def test_another_object_of_the_same_name_needs_a_sync_of_its_own(library: Planner) -> None:
    """Its records are strangers to those of the first one."""
    rows = shelf("ours"), shelf("theirs"), between("ours", "theirs", "books", "books")
    library.apply(*rows)
    library.own = {"ours": (BOOKS.model_copy(update={"id": "t2"}),)}
    told = library.refused(*rows)
    assert "books of connection 'ours' is another object than the one that books was set up for" in told
    del library.syncs["books"]
    library.own |= {"theirs": (BOOKS,)}
    library.apply(*rows)
    assert library.found["ours/books"].object.id == "t2"
