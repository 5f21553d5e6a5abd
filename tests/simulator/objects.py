"""What the accounts of the simulator hold: objects, their fields, and what their records are associated with."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from shared.model.fields import FieldInfo, FoundAssociation, FoundObject
from shared.model.records import FieldType

FIELDS: Final = ("email", "f", "g", "h")
"""An address, a field that people edit in one app only, one for the other app, and one that they edit in both."""
MONEY: Final = ("m", "k")
"""An amount and its currency, of which people edit one or the other, in both apps."""
_CANONICAL: Final = frozenset({"email", "domain"})
_NAMES: Final[Mapping[tuple[str, str, str], str]] = MappingProxyType(
    {("b", "contact", "email"): "mail", ("b", "car", "plate"): "sign"}
)
"""What an account calls a field of an object, where it is another name than here."""


@dataclass(frozen=True, slots=True)
class End:
    """What the records of an object are associated with under a label."""

    label: str
    to: str
    """The object at the other end."""
    many: bool = False
    """Whether there may be several."""
    mutual: bool = False
    """Whether both records show it, which are of one object."""
    ours: bool = True
    """Whether the sync carries it; else people alone change it."""


@dataclass(frozen=True, slots=True)
class Object:
    """One object, which both accounts have."""

    name: str
    sync: str
    """The sync that keeps its records the same."""
    fields: tuple[str, ...]
    """What its records are recognised by comes first."""
    key: str
    """What the links put before what its records are recognised by."""
    ends: tuple[End, ...] = ()

    @property
    def identifier(self) -> str:
        """Return the field that its records are recognised by."""
        return self.fields[0]


OBJECTS: Final[Mapping[str, Object]] = MappingProxyType(
    {
        row.name: row
        for row in (
            Object(
                "contact", "people", (*FIELDS, *MONEY), "e",
                (End("company", "company"), End("clubs", "company", many=True),
                 End("friends", "contact", many=True, mutual=True), End("seen", "company", many=True, ours=False)),
            ),
            Object("company", "firms", ("domain", "f", "g"), "d"),
            Object(
                "car", "cars", ("plate", "f", "g"), "f",
                (End("owner", "contact"), End("drivers", "contact", many=True), End("lots", "lot", many=True),
                 End("beside", "car", many=True, mutual=True), End("pulls", "car")),
            ),
            Object("lot", "lots", ("place", "f", "g"), "f"),
        )
    }
)  # fmt: skip
FIRMS: Final = ("company",)
CARS: Final = ("car", "lot")
"""Objects that accounts have of their own, and nothing tells what their records are."""
OWN: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({"a": CARS, "b": ("contact", *CARS)})
"""Objects that each account is asked for; the second one has people of its own as well."""


def named(account: str, object_: str, field: str) -> str:
    """Return what an account calls a field."""
    return _NAMES.get((account, object_, field), field)


def infos(object_: str) -> tuple[FieldInfo, ...]:
    """Describe the fields of an object as an app does that knows them."""
    return tuple(
        FieldInfo(
            name=name,
            type=FieldType.EMAIL if name == "email" else FieldType.TEXT,
            canonical=name if name in _CANONICAL else None,
        )
        for name in OBJECTS[object_].fields
    )


def found(account: str, object_: str) -> FoundObject:
    """Describe an object as it is found in an account: nothing tells which of its fields is an address."""
    fields = tuple(
        info.model_copy(update={"name": named(account, object_, info.name), "canonical": None})
        for info in infos(object_)
    )
    ends = tuple(
        FoundAssociation(name=end.label, to=end.to, max_links=None if end.many else 1, mutual=end.mutual)
        for end in OBJECTS[object_].ends
    )
    return FoundObject(name=object_, label=object_.title(), id=f"1-{object_}", fields=fields, associations=ends)
