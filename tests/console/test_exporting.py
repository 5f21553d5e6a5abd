"""The file of what is set up: applied where it came from it changes nothing, applied elsewhere it makes the same."""

from dataclasses import replace
from typing import Any, Final

import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.console.setups.exporting import document, text
from services.console.setups.files import read
from services.console.setups.plans import Plan
from shared.model.syncs import Sync
from tests.console.planner import Planner, between, book, crm

_NOTHING: Final = Plan(changes=(), hints=(), errors=(), unasked=())
_ENDS: Final = {"contact": ("one", "cards"), "company": ("one", "two"), "deal": ("one", "two")}


def written(planner: Planner) -> str:
    """Write what is set up."""
    return text(document(planner.setups(), lambda _row: {}))


def suggested() -> dict[str, tuple[dict[str, Any], ...]]:
    """Return the mappings that apps suggest, by object, as a file writes them."""
    planner = Planner()
    planner.apply(crm("one"), crm("two"), book("cards"))
    planner.apply(*(between(*ends, object_, object_) for object_, ends in _ENDS.items()))
    names = ("key", "left", "right", "left_currency", "right_currency", "direction")
    return {
        sync.id: tuple({name: getattr(row, name) for name in names} for row in sync.mappings)
        for sync in planner.syncs.values()
    }


_SUGGESTED: Final = suggested()
_TEXTS: Final = st.text(st.characters(codec="utf-8"), max_size=20)
_WAYS: Final = ("two_way", "to_left", "to_right")


def chosen(**usual: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw settings, each named or left out."""
    return st.fixed_dictionaries({}, optional=usual)


CONNECTIONS: Final = chosen(
    label=_TEXTS,
    country=st.sampled_from(["IT", "NO", None]),
    currency=st.sampled_from(["EUR", "USD"]),
    poll_interval_s=st.sampled_from([0.2, 5, 60, 3600.5]),
    push=st.booleans(),
    paused=st.booleans(),
)
RULES: Final = chosen(
    email_required=st.booleans(),
    placeholder_emails=st.lists(st.sampled_from(["noemail@*", "*@none.example", "#x@*"]), unique=True),
    contact_company=st.booleans(),
)


@st.composite
def mappings(draw: st.DrawFn, object_: str) -> Any:
    """Draw one of the three ways in which a file speaks of mappings."""
    rows = _SUGGESTED[object_]
    way = draw(st.sampled_from(["none", "changes", "list"]))
    if way == "none":
        return None
    if way == "changes":
        return {"off": draw(st.lists(st.sampled_from([row["key"] for row in rows]), unique=True))}
    found = []
    for row in rows:
        if draw(st.integers(0, 4)) == 0:
            continue
        directions = _WAYS if row["direction"] == "two_way" else (row["direction"],)
        more = draw(
            chosen(
                policy=st.sampled_from(["left", "right", "most_recent", "manual"]),
                clears=st.just("propagate"),
                on=st.booleans(),
                direction=st.sampled_from(directions),
            )
        )
        found.append({**row, **more})
    return found


@st.composite
def syncs(draw: st.DrawFn, object_: str) -> dict[str, Any]:
    settings_ = draw(
        chosen(
            enabled=st.booleans(),
            direction=st.sampled_from(_WAYS),
            default_app=st.sampled_from(["L", "R"]),
            create=chosen(to_left=st.booleans(), to_right=st.booleans()),
            match=chosen(mode=st.sampled_from(["default", "none"]), ambiguous=st.sampled_from(["hold", "oldest"])),
            mappings=mappings(object_),
        )
    )
    if object_ == "contact":
        settings_ |= draw(chosen(rules=RULES))
    if object_ != "company":
        clears = st.sampled_from(["keep", "propagate"])
        row = st.fixed_dictionaries({"to": st.just("company"), "label": st.just("company"), "clears": clears})
        settings_ |= draw(chosen(associations=st.lists(row, max_size=1))) if object_ == "deal" else {}
    return between(*_ENDS[object_], object_, object_, **settings_)


def what_people_decided(sync: Sync) -> dict[str, Any]:
    """Return a sync but for how it came to be."""
    found = sync.model_dump(exclude={"version", "judged"})
    for row in found["mappings"]:
        del row["origin"], row["since"]
    return found


@settings(max_examples=25, deadline=None)
@given(
    one=CONNECTIONS, two=CONNECTIONS, cards=CONNECTIONS,
    limits=st.dictionaries(st.sampled_from(["calls", "search"]), st.integers(1, 100)),
    rows=st.tuples(*(syncs(object_) for object_ in _ENDS)), edits=st.tuples(*(syncs(object_) for object_ in _ENDS)),
)  # fmt: skip
def test_what_is_exported_changes_nothing_here_and_makes_the_same_elsewhere(
    one: dict[str, Any],
    two: dict[str, Any],
    cards: dict[str, Any],
    limits: dict[str, int],
    rows: tuple[dict[str, Any], ...],
    edits: tuple[dict[str, Any], ...],
) -> None:
    """Whatever the settings are, and whether they were entered at once or in several steps."""
    planner = Planner()
    known = {limit.name for limit in planner.apps["hubspot"].limits}
    one["limits"] = {name: amount for name, amount in limits.items() if name in known}
    planner.apply(crm("one", **one), crm("two", **two), book("cards", **cards))
    for step in (rows, edits):
        for row in step:
            found = planner.plan(row)
            assume(not found.errors or "could never create" in found.errors[0] or "empty" in found.errors[0])
            if not found.errors:
                planner.take(found)
    said = written(planner)
    again = planner.plan_file(read(said))
    assert (again.changes, again.errors, again.unasked) == ((), (), ())
    other = Planner()
    other.take(other.plan_file(read(said)))
    assert other.connections == {
        name: row.model_copy(update={"version": 1}) for name, row in planner.connections.items()
    }
    assert {name: what_people_decided(row) for name, row in other.syncs.items()} == {
        name: what_people_decided(row) for name, row in planner.syncs.items()
    }
    assert written(other) == said


def test_a_name_comes_back_whatever_it_holds() -> None:
    """Also what YAML takes for the end of a line."""
    planner = Planner()
    for number, label in enumerate(
        ("a\x85b", "\x85", "\u2028 x", "two\nlines", "# no: comment", "'\"", "\ufeff", "NO", "1:30")
    ):
        planner.portals[f"p{number}"] = str(number)
        planner.apply(crm(f"p{number}", label=label))
    again = planner.plan_file(read(written(planner)))
    assert (again.changes, again.errors) == ((), ())


def test_a_file_names_what_is_other_than_usual() -> None:
    planner = Planner()
    planner.apply(crm("one", country="NO"), book("cards"))
    email, phone = ({"key": name, "left": name, "right": name} for name in ("email", "phone"))
    rows = [email, {**phone, "on": False}]
    planner.apply(between("one", "cards", rules={"email_required": False}, mappings=rows))
    found = yaml.safe_load(written(planner))
    assert found["connections"][1] == {
        "id": "one", "app": "hubspot", "country": "NO", "auth": "api_key",
        "secrets": {"access_token": {"env": "SECRET_ONE__ACCESS_TOKEN"}},
    }  # fmt: skip
    (sync,) = found["syncs"]
    assert sync["rules"] == {"email_required": False}
    assert sync["mappings"][1] == {**phone, "lens": "phone", "direction": "two_way", "on": False}


def test_tables_roles_and_a_field_that_alone_decides_come_back() -> None:
    planner = Planner()
    planner.apply(crm("one"), crm("two"))
    stage = {
        "key": "stage", "left": "dealstage", "right": "dealstage", "unmapped": "skip", "otherwise": {"right": "new"},
        "values": [{"left": "NO", "right": "1:30"}, {"left": "2024-01-01", "right": "off"}],
    }  # fmt: skip
    name, pipeline = ({"key": key, "left": key, "right": key} for key in ("dealname", "pipeline"))
    by_field = {"mode": "fields", "left_field": "dealname", "right_field": "dealname"}
    planner.apply(between("one", "two", "deals", "deal", mappings=[stage, name, pipeline], match=by_field))
    ends = between("one", "two", "people")
    roles = {side: {**ends[side], "type": "lead", "roles": {"company": "website"}} for side in ("left", "right")}
    planner.apply({**ends, **roles})
    said = written(planner)
    again = planner.plan_file(read(said))
    assert (again.changes, again.errors, again.unasked) == ((), (), ())
    other = Planner()
    other.take(other.plan_file(read(said)))
    for name_, row in planner.syncs.items():
        assert what_people_decided(other.syncs[name_]) == what_people_decided(row)


def test_a_mapping_whose_field_is_gone_changes_nothing_and_is_pointed_out() -> None:
    """The sync keeps it, and a file that says so is no edit; one that says something else is refused."""
    planner = Planner()
    planner.apply(crm("one"), book("cards"), between("one", "cards"))
    said = written(planner)
    app = planner.apps["carddav"]
    bound = app.objects["contact"]
    fields = tuple(info for info in bound.fields if info.name != "phone")
    planner.apps = {
        **planner.apps, "carddav": replace(app, objects={"contact": replace(bound, fields=fields)}),
    }  # fmt: skip
    again = planner.plan_file(read(said))
    assert (again.changes, again.errors) == ((), ())
    (hint,) = again.hints
    assert "'phone'" in hint
    assert "the mappings are taken as they are" in hint
    edited = planner.plan_file(read(said.replace("lens: phone", "lens: text")))
    assert "'phone'" in edited.errors[0]
