"""An account with objects of its own, for the pages that show them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from shared.contract.app import Association, Binding, OwnObjects
from shared.contract.calls import Exchange, HttpRequest, Session
from shared.contract.demands import OWN_OBJECTS, Scope
from shared.model.fields import FieldInfo, FoundAssociation, FoundObject, Option
from shared.model.mapping import FieldMapping
from shared.model.records import FieldType
from shared.model.syncs import AssociationMapping, Sync, SyncSide
from shared.wire.messages import ObjectFound, SetupDoc
from tests.services.console.harness import ConsoleHarness
from tests.services.environment import LEFT, RIGHT

CARS: Final = FoundObject(
    name="p_car", label="Cars", id="2-1",
    fields=(
        FieldInfo(name="plate", type=FieldType.TEXT, label="Number plate", canonical="name", required=True),
        FieldInfo(name="built", type=FieldType.DATE, label="Built on", creatable=True, updatable=False),
        FieldInfo(
            name="colour", type=FieldType.ENUM, label="Colour", options=(Option(value="r", label="Red"),), unique=True,
            sensitive=True,
        ),
        FieldInfo(name="made", type=FieldType.DATETIME, label="Made at", creatable=False, updatable=False),
    ),
    associations=(
        FoundAssociation(name="contact", to="contact"),
        FoundAssociation(name="contact.driver", to="contact", max_links=1),
    ),
)  # fmt: skip
MEMBERS: Final = FoundObject(
    name="p_member", label="Members", id="2-2",
    fields=(
        FieldInfo(name="mail", type=FieldType.TEXT, label="Mail"),
        FieldInfo(name="surname", type=FieldType.TEXT, label="Surname", canonical="name"),
    ),
)  # fmt: skip


def _ask(words: str) -> HttpRequest:
    return HttpRequest(method="POST", path="objects", body=f'"{words}"'.encode(), safe=True)


def _find(_session: Session) -> Exchange[Sequence[FoundObject]]:
    yield _ask("find")
    return (CARS, MEMBERS)


def show_objects(console: ConsoleHarness) -> None:
    """Add cars, members and a boat that is gone to the hub's own objects, and sync the members."""
    env = console.env
    env.answers["objects"] = lambda *_: []
    app = env.setups.apps["ordered"]
    contact = app.objects["contact"]

    def bind(found: FoundObject) -> Binding:
        def discover(_session: Session) -> Exchange[Sequence[FieldInfo]]:
            yield _ask(found.name)
            return found.fields

        links = tuple(Association(label=one.name, to=one.to, max_links=one.max_links) for one in found.associations)
        return replace(
            contact, object=found.name, type=found.type, fields=found.fields, associations=links, discover=discover
        )

    scopes = tuple(
        Scope(
            name=f"{what}.{access}", objects=(object_,), access=access, required=access == "read", reason="To sync it."
        )
        for what, object_ in (("contacts", "contact"), ("own", OWN_OBJECTS))
        for access in ("read", "write")
    )
    other = env.setups.apps["opaque"]
    there = other.objects["contact"]

    def fields(_session: Session) -> Exchange[Sequence[FieldInfo]]:
        yield _ask("fields")
        return there.fields

    env.setups.apps = {
        **env.setups.apps, "opaque": replace(other, objects={"contact": replace(there, discover=fields)})
    }  # fmt: skip
    changed = replace(app, own_objects=OwnObjects(find=_find, bind=bind), scopes=scopes)
    env.setups.apps = {**env.setups.apps, "ordered": changed}
    boat = FoundObject(name="p_boat", label="Boats", id="2-3")
    why = f"the account of connection '{LEFT}' does not have the object 'p_boat' any more"
    for found, gone in ((MEMBERS, ""), (boat, why)):
        doc = SetupDoc(object=ObjectFound(connection=LEFT, object=found, gone=gone))
        env.set_up("object", doc, f"{LEFT}/{found.name}")
    members = Sync(
        id="members",
        left=SyncSide(connection=LEFT, object="p_member", type="contact", roles={"email": "mail"}),
        right=SyncSide(connection=RIGHT, object="contact"),
        mappings=(FieldMapping(key="mail", left="mail", right="email", lens="email"),),
        enabled=False,
    )
    env.set_up("sync", SetupDoc(sync=members), members.id)


def keep_cars(console: ConsoleHarness, **sides: Mapping[str, Any]) -> None:
    """Sync cars, with who drives them."""
    ends: dict[str, Any] = {"connection": LEFT, "object": "p_car", **sides}
    console.env.set_up("object", SetupDoc(object=ObjectFound(connection=LEFT, object=CARS)), f"{LEFT}/p_car")
    cars = Sync(
        id="cars",
        left=SyncSide(**ends),
        right=SyncSide(connection=RIGHT, object="contact", type="record"),
        mappings=(FieldMapping(key="plate", left="plate", right="f"),),
        associations=(AssociationMapping(to="people", label="contact.driver"),),
        enabled=False,
    )
    console.env.set_up("sync", SetupDoc(sync=cars), cars.id)
