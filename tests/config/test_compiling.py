"""What settings become when they are made ready to run."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from shared.apps import APPS
from shared.config.compiling import compile_policy
from shared.engine.policies import Policy
from shared.model.mapping import FieldMapping, MatchSettings
from shared.model.syncs import Connection, Sync, SyncSide
from shared.objects import OBJECTS
from shared.objects.contact import ContactRules

if TYPE_CHECKING:
    from shared.model.records import Fields, Value


def compiled(
    object_: str = "contact",
    *mappings: FieldMapping,
    match: MatchSettings | None = None,
    type_: str = "",
    roles: Mapping[str, str] | None = None,
    **more: Any,
) -> Policy:
    """Compile a sync of two HubSpot accounts, the left one in Rome, the right one in Los Angeles."""
    connections = {
        name: Connection(id=name, app="hubspot", label="", account=name, base_url="http://x", auth="api_key", zone=zone)
        for name, zone in (("one", "Europe/Rome"), ("two", "America/Los_Angeles"))
    }
    sync = Sync(
        id="s",
        left=SyncSide(connection="one", object=object_, type=type_, roles=roles or {}),
        right=SyncSide(connection="two", object=object_, type=type_),
        mappings=mappings,
        match=match or MatchSettings(),
        **more,
    )
    return compile_policy(sync, connections, lambda _, object_: APPS["hubspot"].objects[object_], live=True)


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        ("", "2024-02-03T08:00:00.000Z"),
        ("Asia/Tokyo", "2024-02-02T15:00:00.000Z"),
    ],
)
def test_a_day_begins_where_the_time_is_held_unless_the_mapping_names_a_zone(zone: str, moment: str) -> None:
    row = FieldMapping(key="d", left="a", right="b", lens="date_datetime", zone=zone)
    (rule,) = compiled("contact", row).rules
    assert rule.get("2024-02-03") == moment


def test_a_time_on_the_left_becomes_the_day_it_is_there() -> None:
    (rule,) = compiled("contact", FieldMapping(key="d", left="a", right="b", lens="datetime_date")).rules
    assert rule.get("2024-02-02T23:30:00.000Z") == "2024-02-03"


def test_a_company_needs_a_name_or_a_domain() -> None:
    """HubSpot creates none without; a contact needs nothing."""
    assert compiled("company").sides.right.required == (("name", "domain"),)
    assert compiled("contact").sides.right.required == ()


@pytest.mark.parametrize(
    ("email", "others", "primary", "reason"),
    [
        ("Ann@Acme.example", (), "ann@acme.example", ""),
        ("noemail@acme.example", (), "", "email_missing"),
        ("noemail@acme.example", ("ann@acme.example",), "ann@acme.example", ""),
        ("NONE@x.example", (), "", "email_missing"),
        ("ann at acme", (), "", "email_invalid"),
        ("ann at acme", ("none@x.example",), "", "email_invalid"),
        (None, (), "", "email_missing"),
    ],
)
def test_a_placeholder_is_no_address(email: str | None, others: tuple[str, ...], primary: str, reason: str) -> None:
    rules = ContactRules(placeholder_emails=("noemail@*", "None@*"))
    values: dict[str, Value | None] = {"email": email, "other_emails": others or None}
    identity, excluded = OBJECTS["contact"].identify(values, rules)
    assert (identity.p, excluded) == (primary, reason)
    assert all("none" not in key and "noemail" not in key for key in OBJECTS["contact"].keys(identity, rules))


def test_records_follow_the_rules_of_the_type_that_their_end_names() -> None:
    """Two people of one name at one company are one contact, and two leads."""
    ann: Fields = {"firstname": "Ann", "lastname": "Lee", "company": "Acme", "email": None}
    contacts = compiled(rules={"email_required": False})
    leads = compiled(type_="lead", rules={"email_required": False})
    assert (contacts.sides.left.identify(ann).keys, leads.sides.left.identify(ann).keys) == (("n:ann|lee|c:acme",), ())
    assert contacts.sides.left.identify(ann).excluded == ""
    assert compiled(type_="lead").sides.left.identify(ann).excluded == "email_missing"
    by_company = compiled(type_="lead", rules={"contact_company": True})
    assert by_company.sides.left.identify(ann).keys == ("n:ann|lee|c:acme",)
    assert [end.object for end in leads.sides] == ["contact", "contact"], "as settings and messages call it"


def test_a_sync_whose_ends_follow_two_types_or_no_rule_that_is_known_does_not_run() -> None:
    for changes in ({"type_": "person"}, {"rules": {"colour": "red"}}, {"rules": {"email_required": "perhaps"}}):
        with pytest.raises(KeyError):
            compiled("contact", **changes)
    made = compiled("deal", rules={"email_required": False})
    assert made.sides.left.identify({}).excluded == "", "what earlier versions took at every sync is passed over"


def test_a_record_is_recognised_and_named_by_the_fields_that_have_the_roles() -> None:
    """They are read although no mapping names them."""
    policy = compiled(roles={"email": "work_email", "last_name": "jobtitle"})
    ann: Fields = {"work_email": "Ann@X.example", "email": "old@x.example", "firstname": "Ann", "jobtitle": "Lee"}
    assert policy.sides.left.identify(ann).keys == ("e:ann@x.example",)
    assert policy.sides.right.identify(ann).keys == ("e:old@x.example",), "the other end has its usual fields"
    assert policy.sides.left.label(ann) == "Ann Lee"
    assert {"work_email", "jobtitle"} <= policy.sides.left.fields & policy.sides.left.identifiers
    assert "email" not in policy.sides.left.identifiers
    deal = compiled("deal", roles={"name": "description"})
    assert deal.sides.left.fields == {"description"}
    assert deal.sides.left.label({"description": "Big"}) == "Big"
    with pytest.raises(KeyError, match="mail"):
        compiled(roles={"mail": "email"})
