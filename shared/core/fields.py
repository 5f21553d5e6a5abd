"""What is known of the fields of an app's object, and of an object that only one account has.

An app declares the first; the second is found out of an account, and kept in the settings.
"""

from pydantic import Field

from shared.core.records import FieldType, Frozen


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

    def without_options(self) -> "FoundObject":
        """Return the object as settings keep it: who sets a sync up is asked for the options of its fields anew."""
        fields = tuple(info.model_copy(update={"options": ()}) for info in self.fields)
        return self.model_copy(update={"fields": fields})
