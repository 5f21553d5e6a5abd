"""A contact as a vCard holds it: which property and component carries which field, read and written in place.

Several properties can hold the same thing, so each field has a rule for *the* line: the preferred one (``PREF=1``,
``TYPE=pref``), else the first of the kind. A write changes that line and nothing else, except ``FN``, which a card
must have and which follows the name. A value that stands on another line of the kind already makes that one the
preferred line: what stood on the first is not lost.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from shared.apps.carddav.content import Line, escape, make, octets, parse, render, unescape
from shared.apps.carddav.names import Lines, follow, keep_names, name_parts, put_names
from shared.model.fields import FieldInfo
from shared.model.records import Fields, FieldType, Value
from shared.rules.identifiers import email, with_email, written_email
from shared.rules.lenses import may_be_same_phone
from shared.rules.texts import storable

PRODID: Final = "-//Syncline//CardDAV//EN"

_MARKER: Final = re.compile(r"[a-z0-9][a-z0-9-]*\.[0-9a-f]{20}\.[lr]\d+")
_DATE: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:[T ].*)?$", re.DOTALL)
_NO_YEAR: Final = "1604"
"""What Apple's programs write for a birthday without a year."""
_NAMES: Final[Mapping[str, int]] = {"family_name": 0, "given_name": 1}
"""Fields that are components of the name: what one of them is in a card may hang on the other."""
_MOBILE: Final = frozenset({"cell", "mobile"})
_NO_PHONE: Final = frozenset({"fax", "pager", "modem", "textphone", "bbs"})


@dataclass(frozen=True, slots=True)
class Card:
    """One vCard."""

    lines: tuple[Line, ...]

    @property
    def is_contact(self) -> bool:
        """Check that it is a person: no group, organisation or place (``KIND``, and Apple's older spellings of it)."""
        for line in self.lines:
            text = line.text().strip().lower()
            if line.name in ("KIND", "X-ADDRESSBOOKSERVER-KIND") and text not in ("", "individual"):
                return False
            if line.name == "X-ABSHOWAS" and text == "company":
                return False
        return True

    @property
    def uid(self) -> str:
        """Return the card's own name for itself."""
        return next((line.text().strip() for line in self.lines if line.name == "UID"), "")

    @property
    def marker(self) -> str | None:
        """Return the create id that the card carries as its UID, when a create of ours made it."""
        return self.uid if _MARKER.fullmatch(self.uid) else None

    @property
    def version(self) -> str:
        """Return the vCard version."""
        return next((line.value.strip() for line in self.lines if line.name == "VERSION"), "3.0")

    def text(self) -> str:
        """Write the card out."""
        return render(self.lines)

    def octets(self) -> bytes:
        """Write the card out as it is stored."""
        return octets(self.text())


def read_card(body: bytes) -> Card:
    """Read a card from what a server sent.

    Raises:
        NotACard: it is not one vCard.
    """
    # Some programs fold by octets, in the middle of a character; some write in an encoding that nothing tells.
    for octets_ in (body, re.sub(rb"\r?\n[ \t]", b"", body)):
        try:
            return Card(parse(octets_.decode("utf-8")))
        except UnicodeDecodeError:
            continue
    return Card(parse(body.decode("utf-8", errors="surrogateescape")))


def new_card(marker: str, fields: Fields) -> Card:
    """Make a card that carries *marker* as its UID. vCard 3.0, the version that every program reads."""
    head = (make("BEGIN", "VCARD"), make("VERSION", "3.0"), make("PRODID", PRODID), make("UID", escape(marker)))
    empty = Card((*head, make("N", ";;;;"), make("FN", ""), make("END", "VCARD")))
    return write_fields(empty, fields)


def read_fields(card: Card, names: Iterable[str]) -> dict[str, Value | None]:
    """Return the named fields; a field that the card does not hold is cleared, one it holds in part is left out."""
    found: dict[str, Value | None] = {}
    for name in names:
        column = COLUMNS.get(name)
        if column is None:
            continue
        value = column.get(card.lines)
        if value is not UNCLEAR:
            found[name] = value or None
    return found


def write_fields(card: Card, fields: Fields) -> Card:
    """Return the card with these fields changed.

    Raises:
        ValueError: a field that cards do not have, or that is read only, or a value that is no text.
    """
    texts = {name: _writable(name, value) for name, value in fields.items()}
    # The name comes first, because what a card without one is called by may change with the other fields.
    lines = put_names(card.lines, {_NAMES[name]: text for name, text in texts.items() if name in _NAMES})
    for name, text in texts.items():
        column = COLUMNS[name]
        if column.put is not None and name not in _NAMES and column.get(lines) != text:
            lines = column.put(lines, text, card.version)
    return Card(lines if lines == card.lines else follow(card.lines, keep_names(card.lines, lines)))


def _writable(name: str, value: Value | None) -> str:
    """Return a value as the card will hold it."""
    column = COLUMNS.get(name)
    if column is None or column.put is None:
        raise ValueError(f"field {name!r} cannot be written to a card; writable are {', '.join(WRITABLE)}")
    if value is not None and not isinstance(value, str):
        raise ValueError(f"field {name!r} of a card takes a text, not {value!r}")
    return storable(value or "").replace("\r\n", "\n").replace("\r", "\n").strip()


# How each kind of field is found and changed

UNCLEAR: Final = "\x00"
"""The card holds something there that the field cannot express, such as a birthday without a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One field: how it is described, read and written."""

    info: FieldInfo
    get: Callable[[Lines], Value]
    put: Callable[[Lines, str, str], Lines] | None
    """(lines, text, vCard version); an empty text removes it."""


def _preference(line: Line) -> int:
    ranks = (int(pref) for pref in line.param("PREF") if pref.isascii() and pref.isdigit() and len(pref) < 4)
    return 1 if "pref" in line.param("TYPE") else next(ranks, 101)


def _best(
    lines: Iterable[Line],
    wanted: Callable[[Line], bool],
    *,
    work: bool = False,
    good: Callable[[str], bool] | None = None,
) -> Line | None:
    """Choose the line that holds the field: good, preferred, (for addresses) the one at work, then the first."""
    found = [line for line in lines if wanted(line) and line.value.strip(" ;")]
    return min(
        found,
        key=lambda line: (
            good is not None and not good(line.text()),
            _preference(line),
            work and "work" not in line.param("TYPE"),
        ),
        default=None,
    )


def _preferred(lines: Lines, wanted: Callable[[Line], bool], chosen: Line, version: str) -> Lines:
    """Make one line the preferred one of its kind."""
    mark = "PREF=1" if version == "4.0" else "TYPE=pref"
    return tuple(
        line.preferred(mark)
        if line is chosen
        else line.preferred("")
        if wanted(line) and _preference(line) <= 1
        else line
        for line in lines
    )


def _swap(lines: Lines, old: Line | None, new: Line | None) -> Lines:
    """Put *new* where *old* is, or before the end of the card. The group's label goes when its line goes."""
    if old is None:
        return (*lines[:-1], *((new,) if new else ()), lines[-1])
    at = next(i for i, line in enumerate(lines) if line is old)
    kept = (*lines[:at], *((new,) if new else ()), *lines[at + 1 :])
    if new is None and old.group and not any(x.group == old.group and not x.name.startswith("X-AB") for x in kept):
        kept = tuple(line for line in kept if line.group != old.group)
    return kept


def _text(lines: Lines, name: str) -> str:
    line = _best(lines, lambda x: x.name == name)
    return line.text().strip() if line else ""


def number(text: str) -> str:
    """Return a phone number without the scheme that some cards write before it."""
    bare = text.strip()
    return unquote(bare[4:]).strip() if bare[:4].lower() == "tel:" else bare


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How the values of a property are read, compared and written."""

    read: Callable[[str], str] = str.strip
    """The line's text to the field's value."""
    good: Callable[[str], bool] | None = None
    """Whether a line's text is a value at all; one that is none is read where there is no other."""
    same: Callable[[str, str], bool] | None = None
    """Whether two values mean the same, where a card may hold several."""
    write: Callable[[str, str], str] = lambda _old, text: text
    """(text that stands on the line, value) to the text to write."""


_TEXT: Final = _Kind()
_EMAIL: Final = _Kind(
    read=lambda text: written_email(text) or text.strip(),
    good=lambda text: email(text) is not None,
    same=lambda one, other: one.lower() == other.lower() or (email(one) or one) == (email(other) or other),
    write=with_email,
)
_PHONE: Final = _Kind(read=number, same=may_be_same_phone)


def _plain(
    wanted: Callable[[Line], bool], name: str, params: Sequence[str] = (), *, kind: _Kind = _TEXT
) -> tuple[Callable[[Lines], str], Callable[[Lines, str, str], Lines]]:
    """Describe a property whose whole value is the field."""

    def get(lines: Lines) -> str:
        line = _best(lines, wanted, good=kind.good)
        return kind.read(line.text()) if line else ""

    def put(lines: Lines, text: str, version: str) -> Lines:
        old, text = _best(lines, wanted, good=kind.good), kind.read(text)
        if not text:
            return _swap(lines, old, None)
        if old is None:
            return _swap(lines, None, make(name, escape(text), params=params))
        if kind.same is not None and not kind.same(kind.read(old.text()), text):
            twins = [x for x in lines if wanted(x) and x is not old and kind.same(kind.read(x.text()), text)]
            if twins:
                return _preferred(lines, wanted, twins[0], version)
        return _swap(lines, old, old.holding(escape(kind.write(old.text(), text)), without=["VALUE"]))

    return get, put


def _part(
    name: str, index: int, size: int, *, params: Sequence[str] = (), work: bool = False
) -> tuple[Callable[[Lines], str], Callable[[Lines, str, str], Lines]]:
    """Describe a field that is one component of a structured property."""

    def wanted(line: Line) -> bool:
        return line.name == name

    def get(lines: Lines) -> str:
        line = _best(lines, wanted, work=work)
        parts = line.parts() if line else []
        return unescape(parts[index]).strip() if index < len(parts) else ""

    def put(lines: Lines, text: str, _version: str) -> Lines:
        old = _best(lines, wanted, work=work) or next(filter(wanted, lines), None)
        parts = old.parts() if old else []
        parts += [""] * (max(size, index + 1) - len(parts))
        parts[index] = escape(text)
        if not any(parts):
            return _swap(lines, old, None)
        while len(parts) > max(size, 1) and not parts[-1]:
            parts.pop()
        written = ";".join(parts)
        # A 4.0 address may carry its own label: the old one would contradict the new address.
        return _swap(lines, old, old.holding(written, without=["LABEL"]) if old else make(name, written, params=params))

    return get, put


def _name(index: int) -> tuple[Callable[[Lines], str], Callable[[Lines, str, str], Lines]]:
    """Describe a component of the name."""

    def get(lines: Lines) -> str:
        return unescape(name_parts(lines)[index]).strip()

    return get, lambda lines, text, _version: put_names(lines, {index: text})


def _is_mobile(line: Line) -> bool:
    return line.name == "TEL" and bool(_MOBILE & {*line.param("TYPE")})


def _is_phone(line: Line) -> bool:
    return line.name == "TEL" and not (_MOBILE | _NO_PHONE) & {*line.param("TYPE")}


def _emails(lines: Lines) -> Value:
    found = (line.text().strip() for line in lines if line.name == "EMAIL")
    return tuple(sorted({text for text in found if text}))


def _read_date(lines: Lines) -> str:
    line = _best(lines, lambda x: x.name == "BDAY")
    if line is None:
        return ""
    found = _DATE.match(line.text().strip())
    if found is None or found[1] == _NO_YEAR or "text" in line.param("VALUE"):
        return UNCLEAR
    return "-".join(found.groups())


def _write_date(lines: Lines, text: str, version: str) -> Lines:
    old = _best(lines, lambda x: x.name == "BDAY")
    if not text:
        return _swap(lines, old, None)
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f"a birthday is written YYYY-MM-DD, not {text!r}")
    # 4.0 knows the basic form alone, and the programs that write 3.0 expect the one with dashes.
    written = text.replace("-", "") if version == "4.0" else text
    drop = ("VALUE", "X-APPLE-OMIT-YEAR")
    return _swap(lines, old, old.holding(written, without=drop) if old else make("BDAY", written))


def _row(
    name: str,
    type_: FieldType,
    label: str,
    how: tuple[Callable[[Lines], Value], Callable[[Lines, str, str], Lines] | None],
    canonical: str | None = None,
) -> Column:
    get, put = how
    writable = put is not None
    info = FieldInfo(
        name=name,
        type=type_,
        label=label,
        canonical=canonical,
        creatable=writable,
        updatable=writable,
    )
    return Column(info=info, get=get, put=put)


def _is(name: str) -> Callable[[Line], bool]:
    return lambda line: line.name == name


_WORK: Final = ("TYPE=WORK",)
_COLUMNS: Final = (
    _row("email", FieldType.EMAIL, "E-mail", _plain(_is("EMAIL"), "EMAIL", ("TYPE=INTERNET",), kind=_EMAIL), "email"),
    _row("emails", FieldType.MULTI, "All e-mails", (_emails, None), "other_emails"),
    _row("given_name", FieldType.NAME, "First name", _name(_NAMES["given_name"]), "first_name"),
    _row("family_name", FieldType.NAME, "Last name", _name(_NAMES["family_name"]), "last_name"),
    _row("full_name", FieldType.NAME, "Displayed name", (lambda lines: _text(lines, "FN"), None), None),
    _row("org", FieldType.TEXT, "Company", _part("ORG", 0, 1), "company"),
    _row("department", FieldType.TEXT, "Department", _part("ORG", 1, 1), None),
    _row("title", FieldType.TEXT, "Job title", _plain(_is("TITLE"), "TITLE"), "job_title"),
    _row("phone", FieldType.PHONE, "Phone", _plain(_is_phone, "TEL", ("TYPE=WORK,VOICE",), kind=_PHONE), "phone"),
    _row("mobile", FieldType.PHONE, "Mobile", _plain(_is_mobile, "TEL", ("TYPE=CELL",), kind=_PHONE), "mobile"),
    _row("street", FieldType.TEXT, "Street", _part("ADR", 2, 7, params=_WORK, work=True), "street"),
    _row("city", FieldType.TEXT, "City", _part("ADR", 3, 7, params=_WORK, work=True), "city"),
    _row("region", FieldType.TEXT, "Region", _part("ADR", 4, 7, params=_WORK, work=True), "region"),
    _row("postal_code", FieldType.TEXT, "Postal code", _part("ADR", 5, 7, params=_WORK, work=True), "postal_code"),
    _row("country", FieldType.COUNTRY, "Country", _part("ADR", 6, 7, params=_WORK, work=True), "country"),
    _row("note", FieldType.TEXT, "Note", _plain(_is("NOTE"), "NOTE"), "note"),
    _row("url", FieldType.TEXT, "Web site", _plain(_is("URL"), "URL"), "website"),
    _row("birthday", FieldType.DATE, "Birthday", (_read_date, _write_date), "birthday"),
)
COLUMNS: Final[Mapping[str, Column]] = {column.info.name: column for column in _COLUMNS}
FIELDS: Final = tuple(column.info for column in _COLUMNS)
WRITABLE: Final = tuple(column.info.name for column in _COLUMNS if column.put)
