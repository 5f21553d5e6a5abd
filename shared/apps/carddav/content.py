"""The lines of a vCard, kept as they came.

A card belongs to its owner and to every program that writes into it. Libraries that build an object from a card and
write the object back re-order it and re-spell what they do not know (the comma in a ``data:`` photo, the ``;`` of
``GENDER:M;text``), so a line that no change touches is passed on here byte for byte, folds included.

Terminology (RFC 6350 §3.3): a *content line* is ``group.NAME;PARAM=VALUE:value``; it is folded over several
*physical lines*. Understood are vCards 4.0 and 3.0, and what is left of 2.1 in both: quoted-printable, character sets,
and parameters without a name.
"""

import base64
import quopri
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from shared.rules.texts import single_line, storable

FOLD: Final = 75
"""Octets in a physical line (RFC 6350 §3.2)."""

_HEAD: Final = re.compile(
    r'(?:(?P<group>[A-Za-z0-9-]+)\.)?(?P<name>[A-Za-z0-9-]+)(?P<params>(?:;(?:[^";:]|"[^"]*")*)*):',
)
_PARAM: Final = re.compile(r';((?:[^";:]|"[^"]*")*)')
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_QUOTED: Final = frozenset({"QUOTED-PRINTABLE", "ENCODING=QUOTED-PRINTABLE"})
_BASE64: Final = frozenset({"BASE64", "ENCODING=BASE64", "ENCODING=B"})


class NotACard(ValueError):  # noqa: N818 - says what the text is
    """The text is no vCard; the message says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One content line."""

    raw: str
    """Its physical lines as they came, joined by CRLF."""
    group: str = ""
    name: str = ""
    """In upper case; empty for a line that cannot be understood, which is passed on as it is."""
    params: tuple[str, ...] = ()
    """As written, such as ``TYPE=work``."""
    value: str = ""
    """Unfolded, not yet unescaped."""

    def param(self, name: str) -> tuple[str, ...]:
        """Return the values of a parameter in lower case; a nameless one (``TEL;CELL:``) counts as a type."""
        found: list[str] = []
        for param in self.params:
            key, equals, value = param.partition("=")
            if not equals:
                key, value = "TYPE", key
            if key.upper() == name:
                found += [part.strip().lower() for part in value.replace('"', "").split(",")]
        return tuple(part for part in found if part)

    def parts(self) -> list[str]:
        """Return the components of a structured value, still escaped."""
        return _split(self.decoded(), ";")

    def text(self) -> str:
        """Return the whole value as one text."""
        return unescape(self.decoded())

    def decoded(self) -> str:
        """Return the value without its transfer encoding, still escaped."""
        if not self.params:
            return self.value
        octets = self.value.encode("utf-8", "surrogateescape")
        if _is_encoded(self.params, _QUOTED):
            octets = quopri.decodestring(octets)
        elif _is_encoded(self.params, _BASE64):
            try:
                octets = base64.b64decode(octets, validate=True)
            except ValueError:
                return self.value
        else:
            return self.value
        charset = (self.param("CHARSET") or ("utf-8",))[0]
        try:
            text = octets.decode(charset)
        except (LookupError, ValueError):  # there is no such character set, or it cannot read this
            text = octets.decode("latin-1")
        return text.replace("\r\n", "\\n").replace("\n", "\\n")

    def holding(self, value: str, *, without: Sequence[str] = (), params: Sequence[str] | None = None) -> "Line":
        """Return this line with another value (escaped already), less the named parameters and the old encoding."""
        drop = {"ENCODING", "CHARSET", *without}
        held = self.params if params is None else params
        kept = tuple(p for p in held if p.partition("=")[0].upper() not in {*drop, "QUOTED-PRINTABLE", "BASE64"})
        return make(self.name, value, group=self.group, params=kept)

    def preferred(self, mark: str) -> "Line":
        """Return this line with *mark* as the parameter that prefers it to others of its kind; empty for none."""
        kept = [left for param in self.params if (left := _without_pref(param))]
        return self.holding(self.decoded(), params=(*kept, mark) if mark else kept)


def _without_pref(param: str) -> str:
    key, equals, value = param.partition("=")
    if key.upper() == "PREF":
        return ""
    if equals and key.upper() != "TYPE":
        return param
    types = value.replace('"', "").split(",")
    kept = [one for one in types if one.strip().lower() != "pref"]
    if not equals or kept == types:
        return param
    return f"{key}={','.join(kept)}" if kept else ""


def make(name: str, value: str, *, group: str = "", params: Sequence[str] = ()) -> Line:
    """Build a line from an escaped value."""
    head = f"{group}.{name}" if group else name
    raw = fold(f"{';'.join((head, *params))}:{value}")
    return Line(raw=raw, group=group, name=name, params=tuple(params), value=value)


def parse(text: str) -> tuple[Line, ...]:
    """Read the lines of one card, ``BEGIN`` and ``END`` included.

    Raises:
        NotACard: it is not exactly one vCard.
    """
    lines = tuple(_read(physical) for physical in _logical(text.lstrip("\ufeff")))
    lines = tuple(line for line in lines if line.raw.strip())
    marks = [(line.name, line.text().strip().upper()) for line in lines if line.name in ("BEGIN", "END")]
    if marks[:1] != [("BEGIN", "VCARD")] or lines[0].name != "BEGIN":
        raise NotACard("the text does not begin with BEGIN:VCARD")
    if marks != [("BEGIN", "VCARD"), ("END", "VCARD")] or lines[-1].name != "END":
        raise NotACard("the text is not one vCard from BEGIN:VCARD to END:VCARD")
    return lines


def render(lines: Iterable[Line]) -> str:
    """Write lines as the text of a card."""
    return "".join(f"{line.raw}\r\n" for line in lines)


def octets(text: str) -> bytes:
    """Encode the text of a card; octets that came in no known encoding go back as they came."""
    return text.encode("utf-8", "surrogateescape")


def escape(text: str) -> str:
    """Escape a text for a value or a component of one; what no server can store goes as a line break or a space."""
    text = storable(text).replace("\r\n", "\n").replace("\r", "\n")
    for plain, written in (("\\", "\\\\"), ("\n", "\\n"), (",", "\\,"), (";", "\\;")):
        text = text.replace(plain, written)
    return text


def unescape(text: str) -> str:
    r"""Undo `escape`; a needless escape, such as the ``\:`` of some programs, is undone too.

    A character that cannot be sent within XML is read as a space, because a server may have put any way of reading
    between it and us.
    """
    text = single_line(text)
    return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)


def fold(line: str) -> str:
    """Fold a content line, never inside a character."""
    if len(octets(line)) <= FOLD:
        return line
    lines, room, current = [], FOLD, ""
    for character in line:
        size = len(octets(character))
        if size > room:
            lines.append(current)
            current, room = " ", FOLD - 1
        current += character
        room -= size
    return "\r\n".join([*lines, current])


def _logical(text: str) -> list[list[str]]:
    """Group physical lines: a fold begins with white space, quoted-printable text goes on after a ``=``."""
    groups: list[list[str]] = []
    soft = False
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if groups and (soft or line[:1] in (" ", "\t")):
            groups[-1].append(line)
        else:
            groups.append([line])
        soft = line.endswith("=") and _is_quoted(groups[-1])
    return groups


def _read(physical: list[str]) -> Line:
    raw = "\r\n".join(physical)
    whole, quoted = physical[0], len(physical) > 1 and _is_quoted(physical)
    for line in physical[1:]:
        whole = whole[:-1] + line if quoted and whole.endswith("=") else whole + line[1:]
    head = _HEAD.match(whole)
    if head is None:
        return Line(raw)
    params = tuple(_PARAM.findall(head["params"]))
    return Line(raw, head["group"] or "", head["name"].upper(), params, whole[head.end() :])


def _is_quoted(physical: Sequence[str]) -> bool:
    """Check whether a line's value is quoted-printable, so that it goes on after a ``=`` at its end."""
    head = _HEAD.match(physical[0] + "".join(line[1:] for line in physical[1:]))
    return head is not None and _is_encoded(_PARAM.findall(head["params"]), _QUOTED)


def _is_encoded(params: Iterable[str], encodings: frozenset[str]) -> bool:
    return any(param.replace('"', "").upper() in encodings for param in params)


def _split(value: str, separator: str) -> list[str]:
    parts, start, escaped = [], 0, False
    for at, character in enumerate(value):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == separator:
            parts.append(value[start:at])
            start = at + 1
    # A backslash at the very end escapes nothing; it must not come to escape the separator that may follow.
    return [*parts, value[start:] + ("\\" if escaped else "")]
