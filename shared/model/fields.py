"""What is known of the fields of an app's object, and of an object that only one account has.

An app declares the first; the second is found out of an account, and kept in the settings.
"""

from pydantic import Field

from shared.model.records import FieldType, Frozen


class Option(Frozen):
    """One choice of an enumeration."""

    value: str
    label: str


class FieldInfo(Frozen):
    """What is known of one field of an app."""

    name: str
    type: FieldType
    label: str = ""
    canonical: str | None = None
    """The canonical field of `shared.objects` that it holds, where there is one."""
    options: tuple[Option, ...] = ()
    options_hidden: str = ""
    """Why the app does not tell its options, and what to do; empty where it tells them, or there are none."""
    readable: bool = True
    creatable: bool = True
    updatable: bool = True
    required: bool = False
    unique: bool = False
    sensitive: bool = False
    """Whether the app keeps its values from most people: whoever maps it elsewhere is told so."""
    max_length: int | None = None
    """The most characters it takes."""
    scale: int | None = None
    """The most decimals that a number of it has."""


class FoundAssociation(Frozen):
    """An association of such an object."""

    name: str
    """What settings call it."""
    to: str
    """The object at the other end, as settings call it."""
    to_id: str = ""
    """What the app's calls name that object by."""
    ids: tuple[str, ...] = ()
    """What the app's calls name the association by."""
    max_links: int | None = None
    """How many records it may lead to; None for any number."""
    mutual: bool = False
    """Where it leads to records of its own object: whether both records show it, under this name."""


class FoundObject(Frozen):
    """An object that one account has, and its app does not declare."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")
    """What settings and messages call it."""
    label: str = ""
    """What people call it there."""
    id: str = ""
    """What the app's calls name it by. Another object of the same name has another one."""
    type: str = "record"
    """The type whose rules its records follow, where settings name none."""
    fields: tuple[FieldInfo, ...] = ()
    associations: tuple[FoundAssociation, ...] = ()

    def as_known(self, known: "FoundObject | None") -> "FoundObject":
        """Return the object with its associations as settings know them already.

        One that people rename keeps its name here, and whether it leads to one record or to several, and whether both
        records show it: pairs were settled by all of these.
        """
        before = {one.ids: one for one in known.associations if one.ids} if known is not None else {}
        rows = (_as_known(one, before.get(one.ids)) for one in self.associations)
        return self.model_copy(update={"associations": tuple(rows)})

    def without_options(self) -> "FoundObject":
        """Return the object as settings keep it: who sets a sync up is asked for the options of its fields anew."""
        fields = tuple(info.model_copy(update={"options": ()}) for info in self.fields)
        return self.model_copy(update={"fields": fields})


def _as_known(now: FoundAssociation, known: FoundAssociation | None) -> FoundAssociation:
    if known is None:
        return now
    many = known.max_links != 1
    return now.model_copy(
        update={
            "name": known.name,
            "max_links": now.max_links if many == (now.max_links != 1) else known.max_links,
            "mutual": known.mutual or now.mutual,
        }
    )


_LINK = "@"


def link_name(label: str) -> str:
    """Name an association among the fields of its record: so it is asked for, refused and told of."""
    return f"{_LINK}{label}"


def label_of(name: str) -> str:
    """Return the label of the association that a name stands for; empty when it stands for a field."""
    return name.removeprefix(_LINK) if name.startswith(_LINK) else ""
