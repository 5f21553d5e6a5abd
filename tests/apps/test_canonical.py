"""Every app speaks of the same canonical fields, so that default mappings and matching find them."""

import pytest

from shared.apps import APPS
from shared.apps.defaults import default_mappings
from shared.model.fields import FieldInfo
from shared.model.records import FieldType
from shared.objects import OBJECTS
from shared.rules.lenses import LENS

_BINDINGS = [(app.key, name) for app in APPS.values() for name in app.objects]


@pytest.mark.parametrize(("app", "name"), _BINDINGS)
def test_canonical_names_are_those_of_the_object(app: str, name: str) -> None:
    known = {field.name for field in OBJECTS[name].fields}
    named = {info.canonical for info in APPS[app].objects[name].fields if info.canonical}
    assert named <= known


@pytest.mark.parametrize(("app", "name"), _BINDINGS)
def test_an_app_holds_something_that_its_object_is_recognised_by(app: str, name: str) -> None:
    named = {info.canonical for info in APPS[app].objects[name].fields}
    assert named & set(OBJECTS[name].identifiers) or not OBJECTS[name].identifiers


def test_default_mappings_pair_what_both_apps_hold() -> None:
    found = {
        row.key: row
        for row in default_mappings(
            APPS["hubspot"].objects["contact"].fields, APPS["carddav"].objects["contact"].fields
        )
    }
    assert (found["email"].left, found["email"].right, found["email"].lens) == ("email", "email", "email")
    assert (found["first_name"].left, found["first_name"].right) == ("firstname", "given_name")
    assert (found["company"].left, found["company"].right) == ("company", "org")
    assert "other_emails" not in found, "several values are not written"
    assert (found["birthday"].direction, found["birthday"].lens) == ("to_left", "as_text"), "HubSpot's is a text"
    assert all(row.lens in LENS for row in found.values())


def test_a_field_that_one_app_forbids_to_write_goes_one_way() -> None:
    """Of each direction; where both forbid it, nothing is mapped."""
    text = FieldInfo(name="a", type=FieldType.TEXT, canonical="note")
    fixed = text.model_copy(update={"name": "b", "updatable": False})
    assert [row.direction for row in default_mappings([text], [fixed])] == ["to_left"]
    assert [row.direction for row in default_mappings([fixed], [text])] == ["to_right"]
    assert default_mappings([fixed], [fixed]) == ()
