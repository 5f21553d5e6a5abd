"""What is written of apps holds all that they declare, with the ways that their fields go."""

import pytest

from shared.apps import APPS
from shared.model.fields import FieldInfo
from shared.model.records import FieldType
from shared.model.wording import ways_of
from tests.docs.object_reference import page


def test_every_field_of_every_object_is_there() -> None:
    parts = page().split("\n## ")[1:]
    assert [part.splitlines()[0] for part in parts] == [app.title for app in APPS.values()]
    for part, app in zip(parts, APPS.values(), strict=True):
        objects = part.split("\n### ")[1:]
        assert len(objects) == len(app.objects)
        for text, binding in zip(objects, app.objects.values(), strict=True):
            assert text.count("\n| `") == len(binding.fields)
            assert all(f"| `{field.name}` | {field.label} |" in text for field in binding.fields)


@pytest.mark.parametrize(
    ("readable", "creatable", "updatable", "ways"),
    [
        (True, True, True, "both"),
        (True, False, False, "out of it"),
        (True, True, False, "out of it and into it when a record is created"),
        (False, True, True, "into it"),
    ],
)
def test_a_field_goes_the_ways_that_its_app_allows(
    readable: bool,  # noqa: FBT001 - a column of the table
    creatable: bool,  # noqa: FBT001
    updatable: bool,  # noqa: FBT001
    ways: str,
) -> None:
    field = FieldInfo(name="f", type=FieldType.TEXT, readable=readable, creatable=creatable, updatable=updatable)
    assert ways_of(field) == ways
