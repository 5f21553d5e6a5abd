"""What each app can sync: its objects, their fields, and which ways these go; written from what apps declare."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Final, get_args

from shared.apps import APPS
from shared.contract.app import App, Binding
from shared.model.mapping import MappingSettings
from shared.model.syncs import Direction
from shared.model.wording import ways_of
from shared.objects import OBJECTS

POLICIES: Final = get_args(MappingSettings.model_fields["policy"].annotation)
_WAYS: Final = {"two_way": "both ways", "to_left": "into the left app", "to_right": "into the right app"}


def page() -> str:
    """Return the page."""
    ways = ", ".join(f"{_WAYS[way]} (`{way}`)" for way in get_args(Direction))
    rows = wrap(
        f"A sync goes {ways}, and so does each mapping, as far as its two fields allow. Where both sides changed, a "
        f"mapping's `policy` decides: {', '.join(f'`{name}`' for name in POLICIES)}. Which types go with which: "
        "[fields](fields.md). An account may have more fields than these: they are asked for when a sync is planned.",
        120,
    )
    rows.append("")
    for app in APPS.values():
        rows += _app(app)
    return "\n".join(rows).rstrip("\n") + "\n"


def _app(app: App) -> Iterator[str]:
    yield f"## {app.title}\n"
    if app.own_objects is not None:
        yield "Objects that only one account has are found there: [a custom object](../how-to/custom-object.md).\n"
    for binding in app.objects.values():
        yield from _object(binding)


def _object(binding: Binding) -> Iterator[str]:
    type_ = OBJECTS[binding.type]
    yield f"### {binding.object.replace('_', ' ').capitalize()}\n"
    by, names = _named(type_.identifiers), _named(type_.labels)
    if by:
        told = (
            f"A record is recognised by {by}, and named by these{f' or by {names}' if names else ''}. A field has such "
        )
        told += "a role as the table says, or is given it by the sync's `roles`. "
    else:
        told = f"A record has no identifier: its partner is the one that was created from it. It is named by {names}. "
    told += "Missing records are created." if binding.create != "never" else "Missing records are not created."
    yield from wrap(told, 120)
    if binding.associations:
        rows = (
            f"{row.label} ({row.to}; {'one' if row.max_links == 1 else 'any number'})" for row in binding.associations
        )
        yield f"Associations: {', '.join(rows)}."
    yield "\n| field | what | type | role | ways |"
    yield "| --- | --- | --- | --- | --- |"
    for field in binding.fields:
        role = field.canonical if field.canonical in type_.roles else ""
        yield f"| `{field.name}` | {field.label} | {field.type.value} | {role or '-'} | {ways_of(field)} |"
    yield ""


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
