"""The name of a card's person: the structured ``N``, and ``FN``, which a card must have and programs show.

vCard 4.0 demands ``FN`` alone, and programs that write 3.0 with an empty ``N`` are common, so a displayed name is split
where nothing else names the person. A displayed name that tells more than ``N`` is its owner's: only the parts of it
that changed are exchanged.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from shared.apps.carddav.content import Line, escape, make, unescape
from shared.rules.identifiers import emails

Lines: TypeAlias = tuple[Line, ...]

PARTS: Final = 5
"""Family, given, additional names, prefixes, suffixes (RFC 6350 §6.2.2)."""
_PREFIXES: Final = frozenset(
    ("dr", "mr", "mrs", "ms", "miss", "prof", "sir", "herr", "frau", "dott", "sig", "mme", "mlle")
)
_SUFFIXES: Final = frozenset(("jr", "sr", "ii", "iii", "iv", "phd", "md", "mba", "esq", "dds", "cpa"))
_ASIDE: Final = re.compile(r"\s*\([^()]*\)\s*$")


def name_parts(lines: Lines) -> list[str]:
    """Return the components of the name, still escaped; those of the displayed name where ``N`` names nobody."""
    stated = _stated(lines)
    if any(unescape(part).strip() for part in stated[:3]):
        return stated
    split = [escape(part) for part in _split(_shown(lines))] if not stands_in(lines) else [""] * PARTS
    return [own if own.strip() else found for own, found in zip(stated, split, strict=False)] + stated[PARTS:]


def put_names(lines: Lines, texts: Mapping[int, str]) -> Lines:
    """Return the lines with these components of the name; the others are stated too where ``FN`` alone told them."""
    parts = name_parts(lines)
    if all(unescape(parts[index]).strip() == text for index, text in texts.items()):
        return lines
    for index, text in texts.items():
        parts[index] = escape(text)
    while len(parts) > PARTS and not parts[-1]:
        parts.pop()
    old, written = name_line(lines), ";".join(parts)
    if old is None:
        return (*lines[:-1], make("N", written), lines[-1])
    return tuple(old.holding(written) if line is old else line for line in lines)


def stands_in(lines: Lines) -> bool:
    """Check whether the displayed name is none: a card without a name is called by its company, address or number."""
    shown = _shown(lines)
    if "@" in shown or not any(sign.isalpha() for sign in shown):
        return True
    other = (_unstructured(line) for line in lines if _is_label(line))
    return shown.casefold() in {text.casefold() for text in other}


def keep_names(before: Lines, after: Lines) -> Lines:
    """Return the lines with the name stated where a write would have its displayed name taken for a company's."""
    parts = name_parts(before)
    if name_line(after) is not name_line(before) or not any(parts[:3]) or name_parts(after) == parts:
        return after
    return put_names(after, {index: unescape(part) for index, part in enumerate(parts)})


def follow(before: Lines, after: Lines) -> Lines:
    """Return the lines *after* a write with a displayed name that follows what the write changed."""
    first, shown = _first(after), _shown(after)
    old, new = _texts(name_parts(before)), _texts(_stated(after))
    told = _told(new, after)
    if not shown or stands_in(before):
        stood = _told(_texts(_stated(before)), before)
        return _with(after, first, told) if told != stood or (told and not shown) else after
    if name_line(after) is name_line(before) or old == new:
        return after
    if not any(_texts(_stated(before))) and any(new[:3]) and _holds(shown, _spelled(new)):
        return after
    named = {word for part in old for word in _words(part)}
    if not any(new[:3]) or all(word in named for word in _words(shown)):
        return _with(after, first, told)  # were an old name to stay where there is none now, it would be read as one
    for part, changed in zip(old, new, strict=True):
        if part and part != changed:
            at = re.search(rf"(?<!\w){re.escape(part)}(?!\w)", shown)
            shown = shown[: at.start()] + changed + shown[at.end() :] if at else shown
    return _with(after, first, " ".join(shown.split()) or shown)


def _first(lines: Lines) -> Line | None:
    found = [line for line in lines if line.name == "FN"]
    return next((line for line in found if line.text().strip()), found[0] if found else None)


def _shown(lines: Lines) -> str:
    first = _first(lines)
    return " ".join(first.text().split()) if first is not None else ""


def _with(lines: Lines, first: Line | None, told: str) -> Lines:
    if first is None:
        return (*lines[:-1], make("FN", escape(told)), lines[-1])
    return tuple(first.holding(escape(told)) if line is first else line for line in lines)


def name_line(lines: Lines) -> Line | None:
    """Return the line that holds the structured name."""
    found = [line for line in lines if line.name == "N"]
    return next((line for line in found if line.value.strip(" ;")), found[0] if found else None)


def _stated(lines: Lines) -> list[str]:
    line = name_line(lines)
    parts = line.parts() if line is not None else []
    return parts + [""] * (PARTS - len(parts))


def _texts(parts: list[str]) -> list[str]:
    """Return components as they are shown: several names of one component are separated by commas."""
    return [" ".join(unescape(re.sub(r"(?<!\\),", " ", part)).split()) for part in parts[:PARTS]]


def _spelled(parts: list[str]) -> str:
    family, given, middle, prefix, suffix = parts
    return " ".join(part for part in (prefix, given, middle, family, suffix) if part)


def _told(parts: list[str], lines: Lines) -> str:
    """Return what a card is called by: its name, where it has one, else its company, address or number."""
    return _spelled(parts) if any(parts[:3]) else _label(lines)


def _label(lines: Lines) -> str:
    """Return what else tells the card apart."""
    found = {line.name: _unstructured(line) for line in reversed(lines) if _is_label(line)}
    return next((found[name] for name in ("ORG", "EMAIL", "TEL") if found.get(name)), "")


def _is_label(line: Line) -> bool:
    """Check whether a line says what a card without a name may be called by; a remark is no number."""
    if line.name == "TEL":
        return any(sign.isdigit() for sign in line.value)
    return line.name in ("ORG", "EMAIL") and bool(line.value.strip(" ;"))


def _unstructured(line: Line) -> str:
    if line.name == "ORG":
        return " ".join(unescape(line.parts()[0]).split())
    text = " ".join(line.text().split())
    return next(iter(emails(text)), text) if line.name == "EMAIL" else text


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _holds(text: str, other: str) -> bool:
    """Check whether all words of *other* stand in *text*, in their order."""
    rest = iter(_words(text))
    return all(word in rest for word in _words(other))


def _split(shown: str) -> list[str]:
    """Split a displayed name: the last word, with the small ones before it, is the family's."""
    head, comma, tail = (part.strip() for part in _ASIDE.sub("", shown).partition(","))
    if comma and tail and not all(_bare(word) in _SUFFIXES for word in tail.replace(",", " ").split()):
        family, (_, given, _, prefix, suffix) = head, _without_titles(tail.split())
        return [family, given, "", prefix, suffix]
    family, given, middle, prefix, suffix = _without_titles([*head.split(), *tail.split()])
    words = given.split()
    if len(words) > 1:
        at = len(words) - 1
        while at > 1 and words[at - 1][:1].islower():
            at -= 1
        family, given = " ".join(words[at:]), " ".join(words[:at])
    return [family, given, middle, prefix, suffix]


def _without_titles(words: list[str]) -> list[str]:
    start = next((at for at, word in enumerate(words) if _bare(word) not in _PREFIXES), 0)
    end = next((at for at in range(len(words), start, -1) if _bare(words[at - 1]) not in _SUFFIXES), len(words))
    return ["", " ".join(words[start:end]), "", " ".join(words[:start]), " ".join(words[end:])]


def _bare(word: str) -> str:
    return re.sub(r"\W", "", word).casefold()
