"""What is set up in the simulator: two connections, what their accounts have of their own, and the syncs between."""

from collections.abc import Sequence
from typing import Any, Final

from shared.config.setups import Setups
from shared.model.mapping import FieldMapping, MatchSettings
from shared.model.syncs import AssociationMapping, Connection, Sync, SyncSide
from shared.wire.messages import ObjectFound, PhaseSet, SetupDoc
from tests.simulator.apps import Kind, declare
from tests.simulator.objects import CARS, FIELDS, MONEY, OBJECTS, OWN, found, named
from tests.simulator.objects import FIRMS as FIRM_OBJECTS

SYNC: Final = "people"
FIRMS: Final = "firms"
APPS: Final[dict[str, Kind]] = {"a": "ordered", "b": "opaque"}
"""The app of each account."""
_MONEY: Final = FieldMapping(
    key=MONEY[0], left=MONEY[0], right=MONEY[0], left_currency=MONEY[1], right_currency=MONEY[1], lens="money"
)


def set_up(*, firms: bool = False, cars: bool = False) -> Setups:
    """Set up two connections and the sync between their people, which still reads both sides; others have their own."""
    setups = Setups({kind: declare(kind, account) for account, kind in APPS.items()})
    names = ("contact", *(FIRM_OBJECTS if firms else ()), *(CARS if cars else ()))
    docs = [(f"connection:{name}", SetupDoc(connection=_connection(name, kind))) for name, kind in APPS.items()]
    docs += [found_as(account, name) for account, own in OWN.items() for name in own if name in names]
    for sync in (_sync(name, names) for name in names):
        docs += [
            (f"sync:{sync.id}", SetupDoc(sync=sync)),
            (f"phase:{sync.id}", SetupDoc(phase=PhaseSet(sync=sync.id, phase="indexing"))),
        ]
    for offset, (key, doc) in enumerate(docs):
        setups.apply(offset, key, doc)
    return setups


def found_as(account: str, object_: str, gone: str = "") -> tuple[str, SetupDoc]:
    """Return what settings keep of an object that an account has of its own, or has no longer."""
    row = ObjectFound(connection=account, object=found(account, object_), gone=gone)
    return f"object:{account}/{object_}", SetupDoc(object=row)


def _sync(object_: str, names: Sequence[str]) -> Sync:
    row = OBJECTS[object_]
    key_l, key_r = (named(account, object_, row.identifier) for account in APPS)
    kept = FIELDS if object_ == "contact" else row.fields
    return Sync(
        id=row.sync,
        left=_end("a", object_),
        right=_end("b", object_),
        match=MatchSettings(mode="fields", left_field=key_l, right_field=key_r) if object_ in CARS else MatchSettings(),
        mappings=(
            *(
                FieldMapping(
                    key=field, left=named("a", object_, field), right=named("b", object_, field),
                    lens="email" if field == "email" else "text",
                )
                for field in kept
            ),
            *((_MONEY,) if object_ == "contact" else ()),
        ),
        associations=tuple(
            AssociationMapping(
                to=OBJECTS[end.to].sync, label=end.label, clears="propagate" if end.mutual else "keep",
                policy="right" if end.label == "pulls" else "inherit",
            )
            for end in row.ends
            if end.ours and end.to in names and len(names) > 1
        ),
    )  # fmt: skip


def _end(account: str, object_: str) -> SyncSide:
    """Name an end of a sync; of an object that only this account has, say which field its records are known by."""
    plays: dict[str, Any] = {}
    if object_ == "contact" and object_ in OWN[account]:
        plays = {"type": "contact", "roles": {"email": named(account, object_, "email")}}
    elif object_ in CARS:
        plays = {"roles": {"name": named(account, object_, OBJECTS[object_].identifier)}}
    return SyncSide(connection=account, object=object_, **plays)


def _connection(name: str, kind: str) -> Connection:
    return Connection(id=name, app=kind, label=name, account=name, base_url="http://memory", auth="none")
