"""Mappings as people write them: completed from the types of their fields, and refused in sentences that help."""

from typing import Any

import pytest

from services.console.setups.checks.mappings import agrees, complete, dated, hints
from services.console.setups.ends import End
from services.console.setups.files import MappingFile, SetupError
from shared.apps import APPS
from shared.apps.defaults import default_mappings
from shared.model.fields import FieldInfo, Option
from shared.model.mapping import FieldMapping, ValueRow
from shared.model.records import FieldType
from shared.model.syncs import Sync, SyncSide


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
        ("owner", "owner", "owner", "two_way"),
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
        ("owner", "day", {}, "map 'owner' to a field of type text or owner, or 'day' to one of type text or"),
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


def test_options_that_an_app_hides_are_pointed_out_with_what_to_do() -> None:
    """A table of them is taken, but nothing checks it."""
    hidden = _choice("stage").model_copy(update={"options_hidden": "Grant it the pipelines"})
    left, right = end("CRM", stage=hidden), end("ERP", phase=_choice("phase", won="Gained", gone="Lost"))
    row = MappingFile(key="k", left="stage", right="phase", values=(ValueRow(left="a", right="won"),))
    told = hints("s", complete("s", [row], left, right), None, left, right)
    assert told[0] == (
        "sync 's', mapping 'k': the options of 'stage' of CRM are not known, so nothing checks them. "
        "Grant it the pipelines"
    )
    assert "no row for the right gone" in told[1]
    assert len(told) == 2


TIER = _choice("tier", hot="Hot", cold="Cold")
GRADE = _choice("grade", a="hot", c="Cold", z="None")
ROWS = ({"left": "hot", "right": "a"}, {"left": "cold", "right": "c"})


def _tiers(**more: Any) -> tuple[FieldMapping, list[str]]:
    left, right = end("CRM", tier=TIER, day=FieldType.DATE), end("ERP", grade=GRADE, day=FieldType.DATE)
    rows = complete("s", [MappingFile(**{"key": "k", "left": "tier", "right": "grade", **more})], left, right)
    return rows[0], hints("s", rows, None, left, right)


def test_a_table_of_values_is_proposed_by_equal_labels() -> None:
    _, told = _tiers()
    assert told[-1] == (
        "sync 's', mapping 'k': equal options suggest `values: "
        '[{left: "hot", right: "a"}, {left: "cold", right: "c"}]`'
    )


def test_a_table_makes_two_fields_two_way_and_tells_what_it_leaves_open() -> None:
    row, told = _tiers(values=ROWS)
    assert (row.lens, row.direction, len(row.values)) == ("table", "two_way", 2)
    assert told == ["sync 's', mapping 'k': `values` has no row for the right z: a record that holds one fails"]
    assert _tiers(values=ROWS, unmapped="skip")[1][0].endswith("a record that holds one is left out")
    assert _tiers(values=ROWS, otherwise={"left": "cold"})[1] == []
    assert _tiers(values=ROWS, direction="to_right")[1] == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"values": [{"left": "hott", "right": "a"}]}, "'tier' of CRM has no option 'hott'; did you mean 'hot'?"),
        ({"values": [{"left": "hot", "right": "HOT"}]}, "'grade' of ERP has no option 'HOT'; did you mean 'a'?"),
        ({"values": [{"left": "hot", "right": "9"}]}, "'grade' of ERP has no option '9'; there are a, c, z"),
        ({"values": ROWS, "otherwise": {"right": "9"}}, "'grade' of ERP has no option '9'"),
        ({"otherwise": {"right": "z"}}, "write `values`, too"),
        ({"values": ROWS, "lens": "text"}, "the lens 'text' does not fit"),
        ({"values": ROWS, "left": "day", "right": "day"}, "take no table: leave `values` out"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_with_what_to_write(more: Any, said: str) -> None:
    with pytest.raises(SetupError) as caught:
        _tiers(**more)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"values": [*ROWS, {"left": "hot", "right": "c"}]}, "names the left value hot more than once"),
        ({"values": ROWS, "unmapped": "skip"}, "add a row for each"),
        ({"values": ROWS, "otherwise": {"right": "a"}}, "add a row for each"),
    ],
)
def test_a_table_of_several_options_takes_no_row_twice_and_leaves_nothing_out(more: Any, said: str) -> None:
    many = [FieldInfo(name=x.name, type=FieldType.MULTI, options=x.options) for x in (TIER, GRADE)]
    with pytest.raises(SetupError) as caught:
        complete(
            "s", [MappingFile(key="k", left="tier", right="grade", **more)],
            end("CRM", tier=many[0]), end("ERP", grade=many[1]),
        )  # fmt: skip
    assert said in str(caught.value)


def test_a_table_is_told_anew_when_it_changes() -> None:
    """And bases are kept while rows are only added."""
    left, right = end("CRM", tier=TIER), end("ERP", grade=GRADE)
    files = [MappingFile.model_validate({"key": "k", "left": "tier", "right": "grade", "values": values})
             for values in (ROWS[:1], ROWS, ROWS[1:])]  # fmt: skip
    rows = [complete("s", [file], left, right) for file in files]
    one, other = (SyncSide(connection=name, object="contact") for name in "ce")
    old = Sync(id="s", left=one, right=other, mappings=rows[0], version=3)
    assert hints("s", rows[0], old, left, right) == []
    assert len(hints("s", rows[1], old, left, right)) == 1
    assert [dated(row[0], old).since for row in rows] == [0, 0, 4]


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


@pytest.mark.parametrize(
    ("declared", "written", "is_sensitive"),
    [(True, False, True), (False, False, False), (False, True, True)],
)
def test_a_mapping_is_sensitive_as_the_apps_say_or_somebody_else_does(
    *, declared: bool, written: bool, is_sensitive: bool
) -> None:
    left = end("CRM", ssn=FieldInfo(name="ssn", type=FieldType.TEXT, sensitive=declared))
    (row,) = complete("s", [MappingFile(key="k", left="ssn", right="note", sensitive=written)], left, RIGHT)
    assert row.sensitive is is_sensitive
    assert agrees([MappingFile(key="k", left="ssn", right="note", sensitive=written)], [row])


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
