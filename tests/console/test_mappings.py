"""Mappings as people write them: completed from the types of their fields, and refused in sentences that help."""

from typing import Any

import pytest

from services.console.files import MappingFile, SetupError
from services.console.mappings import End, complete, hints
from shared.apps import APPS
from shared.apps.defaults import default_mappings
from shared.core.connector import FieldInfo, Option
from shared.core.mapping import FieldMapping
from shared.core.records import FieldType
from shared.core.syncs import Sync, SyncSide


def end(app: str, **fields: FieldType | FieldInfo) -> End:
    rows = {name: FieldInfo(name=name, type=row) if isinstance(row, FieldType) else row for name, row in fields.items()}
    return End(app=app, object="contact", fields=rows)


LEFT = end(
    "CRM",
    title=FieldType.TEXT,
    amount=FieldType.NUMBER,
    closed=FieldType.DATETIME,
    owner=FieldType.OWNER,
    score=FieldInfo(name="score", type=FieldType.NUMBER, updatable=False),
    mail=FieldType.EMAIL,
)
RIGHT = end(
    "ERP",
    note=FieldType.TEXT,
    text=FieldType.TEXT,
    total=FieldType.NUMBER,
    day=FieldType.DATE,
    owner=FieldType.OWNER,
    fixed=FieldInfo(name="fixed", type=FieldType.TEXT, updatable=False),
    secret=FieldInfo(name="secret", type=FieldType.TEXT, readable=False),
)


def made(left: str, right: str, **more: Any) -> FieldMapping:
    return complete("s", [MappingFile(key="k", left=left, right=right, **more)], LEFT, RIGHT)[0]


@pytest.mark.parametrize(
    ("left", "right", "lens", "direction"),
    [
        ("title", "note", "text", "two_way"),
        ("amount", "total", "number", "two_way"),
        ("closed", "day", "datetime_date", "two_way"),
        ("amount", "note", "as_text", "to_right"),
        ("owner", "note", "as_text", "to_right"),
        ("title", "total", "as_text", "to_left"),
        ("title", "fixed", "text", "to_left"),
        ("score", "total", "number", "to_right"),
        ("mail", "note", "email", "two_way"),
    ],
)
def test_what_is_left_out_follows_from_the_types(left: str, right: str, lens: str, direction: str) -> None:
    row = made(left, right)
    assert (row.lens, row.direction, row.origin) == (lens, direction, "custom")


@pytest.mark.parametrize(
    ("left", "right", "more", "said"),
    [
        (
            "amount", "day", {},
            "as 'day' (date) of ERP: map 'amount' to a field of type text or number, or 'day' to one of type text or",
        ),
        ("owner", "owner", {}, "the people of one account are unknown to the other; map the owner to a text field"),
        (
            "amount", "note", {"direction": "two_way"},
            "a text cannot be read back out of 'amount' (number) of CRM: write `direction: to_right`",
        ),
        ("amount", "note", {"direction": "to_left"}, "write `direction: to_right`"),
        ("title", "fixed", {"direction": "two_way"}, "ERP does not let 'fixed' be written: write `direction: to_left`"),
        ("score", "fixed", {}, "ERP does not let 'fixed' be written: map other fields"),
        ("title", "secret", {"direction": "two_way"}, "ERP does not let 'secret' be read: write `direction: to_right`"),
        ("titel", "note", {}, "CRM has no field 'titel' of contact. Did you mean 'title'?"),
        ("title", "zzzz", {}, "ERP has no field 'zzzz' of contact; there are day, fixed"),
        ("closed", "day", {"lens": "text"}, "the lens 'text' does not fit"),
        ("mail", "note", {"lens": "phone"}, "write `lens: email`, or leave it out; there are also text, name"),
        ("closed", "day", {"zone": "Rome"}, "there is no time zone 'Rome'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_to_write(left: str, right: str, more: Any, said: str) -> None:
    with pytest.raises(SetupError) as caught:
        made(left, right, **more)
    assert said in str(caught.value)


def test_a_narrower_direction_and_a_plainer_lens_may_be_chosen() -> None:
    row = made("mail", "note", direction="to_left", lens="text", zone="Europe/Rome")
    assert (row.direction, row.lens, row.zone) == ("to_left", "text", "Europe/Rome")


def test_the_label_of_a_field_leads_to_its_name() -> None:
    """People read labels in their app; a file takes names."""
    shown = end("CRM", hs_lead_status=FieldInfo(name="hs_lead_status", type=FieldType.TEXT, label="Lead status"))
    with pytest.raises(SetupError, match=r"no field 'lead Status' of contact\. Did you mean 'hs_lead_status'\?"):
        complete("s", [MappingFile(key="k", left="lead Status", right="note")], shown, RIGHT)


def _choice(name: str, **options: str) -> FieldInfo:
    found = tuple(Option(value=value, label=label) for value, label in options.items())
    return FieldInfo(name=name, type=FieldType.ENUM, options=found)


def test_options_that_the_other_field_does_not_take_are_pointed_out() -> None:
    """Of the side that is read alone; nothing is said where an app names no options."""
    stage, phase = _choice("stage", new="New", won="Won"), _choice("phase", won="Gained", gone="Lost")
    left, right = end("CRM", stage=stage, any=_choice("any")), end("ERP", phase=phase)
    rows = [
        MappingFile(key="k", left="stage", right="phase"),
        MappingFile(key="a", left="any", right="phase", on=False),
    ]
    both = hints("s", complete("s", rows, left, right), None, left, right)
    assert [row.partition(":")[0] for row in both] == ["sync 's', mapping 'k'"] * 2
    assert "'stage' of CRM does not have the options gone (Lost) of 'phase' of ERP" in both[0]
    assert "'phase' of ERP does not have the options new (New) of 'stage' of CRM" in both[1]
    one_way = complete("s", [MappingFile(key="k", left="stage", right="phase", direction="to_left")], left, right)
    assert hints("s", one_way, None, left, right) == both[:1]
    free = complete("s", [MappingFile(key="k", left="any", right="phase", direction="to_left")], left, right)
    assert hints("s", free, None, left, right) == []


def test_a_sensitive_field_is_pointed_out_once() -> None:
    """When its mapping is new or carries something else, and to the side that reads it alone."""
    left = end("CRM", ssn=FieldInfo(name="ssn", type=FieldType.TEXT, sensitive=True))
    rows = complete("s", [MappingFile(key="k", left="ssn", right="note")], left, RIGHT)
    (told,) = hints("s", rows, None, left, RIGHT)
    assert told.startswith(
        "sync 's', mapping 'k': CRM marks 'ssn' as sensitive, and ERP will hold its values in 'note'"
    )
    one, other = (SyncSide(connection=name, object="contact") for name in "ce")
    standing = Sync(id="s", left=one, right=other, mappings=rows)
    assert hints("s", rows, standing, left, RIGHT) == []
    elsewhere = complete("s", [MappingFile(key="k", left="ssn", right="text")], left, RIGHT)
    assert len(hints("s", elsewhere, standing, left, RIGHT)) == 1


def test_a_field_is_written_by_one_mapping() -> None:
    """One that is off, or goes the other way, does not count."""
    one: dict[str, Any]
    other: dict[str, Any]
    one, other = {"key": "a", "left": "title", "right": "note"}, {"key": "b", "left": "mail", "right": "note"}
    with pytest.raises(SetupError, match="'a' and 'b' both write the field 'note' of ERP"):
        complete("s", [MappingFile(**one), MappingFile(**other)], LEFT, RIGHT)
    for spared in ({"on": False}, {"direction": "to_left"}):
        assert len(complete("s", [MappingFile(**one), MappingFile(**other, **spared)], LEFT, RIGHT)) == 2
    with pytest.raises(SetupError, match="several mappings have the key a"):
        complete("s", [MappingFile(**one), MappingFile(**one)], LEFT, RIGHT)


@pytest.mark.parametrize(("left", "right"), [("hubspot", "carddav"), ("hubspot", "hubspot")])
def test_what_apps_suggest_would_be_accepted_from_a_file(left: str, right: str) -> None:
    ends = [
        End(app=app, object="contact", fields={x.name: x for x in APPS[app].objects["contact"].fields})
        for app in (left, right)
    ]
    rows = default_mappings(tuple(ends[0].fields.values()), tuple(ends[1].fields.values()))
    files = [MappingFile(**row.model_dump(exclude={"origin", "required", "since"})) for row in rows]
    assert [row.model_copy(update={"origin": "custom"}) for row in rows] == list(complete("s", files, *ends))
