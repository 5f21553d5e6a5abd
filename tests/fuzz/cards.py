"""Odd cards, and the laws of reading and writing them."""

import quopri
from random import Random
from typing import Final

from shared.apps.carddav.card import WRITABLE, Card, number, read_card, read_fields, write_fields
from shared.apps.carddav.content import Line, NotACard
from shared.apps.carddav.names import stands_in
from shared.model.records import Report as Seen
from shared.model.records import Value, Version
from shared.rules.identifiers import email, written_email
from shared.rules.lenses import may_be_same_phone
from shared.rules.texts import storable

READ: Final = (*WRITABLE, "emails", "full_name")
_OWN: Final = {
    "email": "EMAIL", "given_name": "N", "family_name": "N", "org": "ORG", "department": "ORG", "title": "TITLE",
    "phone": "TEL", "mobile": "TEL", "street": "ADR", "city": "ADR", "region": "ADR", "postal_code": "ADR",
    "country": "ADR", "note": "NOTE", "url": "URL", "birthday": "BDAY",
}  # fmt: skip
"""The property that each field is written to."""
_SINGLE: Final = ("org", "department", "title", "street", "city", "region", "postal_code", "country", "note", "url")
_SIGNS: Final = (
    "a", "b", "Z", "é", "e\u0301", "ß", "İ", "王", "😀", "\u200d", "\u202e", "\xa0", "\u2028", "\x85", "0", "9", "²",
    " ", "  ", "\t", "\n", "\r", "\r\n", "\x0b", "\x0c", "\x00", "\x1b", "\x7f", "\ufffe", "\ufeff", "\ud800",
    "\\", "\\n", "\\N", "\\,", "\\;", "\\:", ",", ";", ":", "=", "=20", '"', "'", "^n", "<", ">", "&", "@", "&#11;",
)  # fmt: skip
_WORDS: Final = ("Ann", "van", "Lee", "Dr.", "PhD", "Acme, Inc.", "(x)", "O'Neil", "n/a", "王小明", "Ann Lee", "")
_ADDRESSES: Final = (
    "ann@x.example", "Bob@X.EXAMPLE", "mailto:ann@x.example", "MAILTO:c@x.example?subject=Hi", "Ann <ann@x.example>",
    '"Lee, Ann" <d@x.example>', "ann@x.example; bob@x.example", "e@bücher.example", "none", "n/a", "a@b@c", "@", "<>",
    "<mailto:f@x.example>", "'g@x.example'", "h@x.example.", "mailto:%41@x.example", "i@localhost",
    "<none> j@x.example",
)  # fmt: skip
_NUMBERS: Final = (
    "+39 06 6982 1234", "06 69821234", "tel:+1-555-0100", "TEL:+1-555-0100;ext=5", "0039 06 69821234", "ask Anna", "12",
    "+1 (555) 0100 x5", "\uff11\uff12\uff13\uff14\uff15\uff16", "tel:", "+", "²", "112",
)  # fmt: skip
_DATES: Final = (
    "1990-05-15", "19900515", "--0515", "1604-05-15", "1990-05-15T10:00:00Z", "1990", "circa 1990", "\uff11990-05-15",
    "19901399",
)  # fmt: skip
_TYPES: Final = (
    ";TYPE=work", ";type=HOME", ";TYPE=CELL", ";Type=Cell,Voice", ';TYPE="work,cell"', ";CELL", ";WORK;VOICE",
    ";TYPE=fax",
    ";PREF", ";TYPE=pref", ";PREF=1", ";PREF=2", ";PREF=²", ";pref=x", ";TYPE=WORK;TYPE=PREF", ";VALUE=uri", ";LABEL=x",
    ';X-A="a:b;c"', ";X-B=^n", ";LANGUAGE=it", ";INTERNET", ";ALTID=1", "",
)  # fmt: skip
_OTHERS: Final = (
    "PHOTO;ENCODING=b;TYPE=JPEG:" + "AbC9+/" * 30, "PHOTO:data:image/jpeg;base64,AbC9,;", "CATEGORIES:a,b\\,c;d",
    "GENDER:M;text", "X-ABLabel:_$!<Work>!$_", "REV:20200101T000000Z", "GEO:1;2", "IMPP:xmpp:a@b",
    "X-:", "no colon here",
    ":", ";:", 'KEY;X="unclosed:1', "NICKNAME:A", "BEGINNER:1", "ITEM.X:1", "X-LONG:" + "é" * 90,
    "RELATED;VALUE=text:z",
    "NOTE;ENCODING=BASE64:QW5u", "NOTE;ENCODING=b;CHARSET=idna:!!!!", "X-Q;QUOTED-PRINTABLE:a=3D=", "",
)  # fmt: skip


def odd_text(random: Random, most: int = 8) -> str:
    """Return a text of odd signs and plain words."""
    return "".join(random.choice(_SIGNS if random.random() < 0.6 else _WORDS) for _ in range(random.randrange(most)))


def odd_value(random: Random, name: str) -> str:
    """Return a value that another app may hold for a field of a card."""
    if name == "birthday":
        return random.choice(("1990-05-15", "2001-12-31"))
    if name == "email":
        return random.choice(("ann@x.example", "Bob@x.example", "new@x.example", "e@xn--bcher-kva.example"))
    if name in ("phone", "mobile") and random.random() < 0.9:
        return random.choice(_NUMBERS)
    return random.choice(_WORDS) if random.random() < 0.5 else odd_text(random)


def odd_card(random: Random) -> bytes:
    """Return the text of a card, or of something like one."""
    lines = [f"VERSION:{random.choice(('2.1', '3.0', '3.0', '4.0', '4.0', ' 4.0 ', 'x'))}"]
    lines += _unlike([_line(random) for _ in range(random.randrange(1, 14))])
    if random.random() < 0.8:
        shown = random.choice(("Ann Lee", "Lee, Ann", "Acme", odd_text(random)))
        lines.append(f"FN{random.choice(_TYPES)}:{_raw(random, shown)}")
    random.shuffle(lines)
    lines = ["BEGIN:VCARD", *lines, "END:VCARD"]
    if random.random() < 0.03:
        del lines[random.randrange(len(lines))]
    end = random.choice(("\r\n", "\r\n", "\n", "\r"))
    text = end.join(_folded(random, line, end) for line in lines) + random.choice((end, "", end * 2))
    body = text.encode("utf-8", "replace")
    if random.random() < 0.05:
        at = random.randrange(len(body))
        body = body[:at] + bytes((random.randrange(256),)) + body[at:]
    return random.choice((b"", b"", b"", b"\xef\xbb\xbf")) + body


def _unlike(lines: list[str]) -> list[str]:
    """Return the lines without those that name the person once more: no program writes two."""
    names = [line for line in lines if line.partition(":")[0].partition(";")[0].rpartition(".")[2].upper() == "N"]
    return [line for line in lines if line not in names[1:]]


def _line(random: Random) -> str:
    group = random.choice(("", "", "", "item1.", "A-b."))
    name, value = random.choice(
        (
            ("EMAIL", random.choice(_ADDRESSES)),
            ("EMAIL", random.choice(_ADDRESSES).replace(",", "\\,").replace(";", "\\;")),
            ("TEL", random.choice(_NUMBERS)),
            ("TEL", random.choice(_NUMBERS)),
            ("N", ";".join(_raw(random, random.choice(_WORDS)) for _ in range(random.randrange(7)))),
            ("ORG", ";".join(_raw(random, odd_text(random, 4)) for _ in range(random.randrange(4)))),
            ("ADR", ";".join(_raw(random, odd_text(random, 4)) for _ in range(random.randrange(9)))),
            ("BDAY", random.choice(_DATES)),
            ("NOTE", _raw(random, odd_text(random))),
            ("TITLE", _raw(random, odd_text(random))),
            ("URL", random.choice(("https://x.example/a,b;c", "http\\://x.example", odd_text(random, 3)))),
        )
    )
    if random.random() < 0.25:
        return group + random.choice(_OTHERS)
    name = random.choice((name, name, name.lower(), name.title()))
    params = "".join(random.choice(_TYPES) for _ in range(random.randrange(3)))
    if random.random() < 0.1:
        charset = random.choice(("utf-8", "ISO-8859-1", "idna", "none", "utf-16", "a\0b"))
        encoded = quopri.encodestring(value.encode("utf-8", "replace")).decode("latin-1")
        return f"{group}{name}{params};ENCODING=QUOTED-PRINTABLE;CHARSET={charset}:{encoded}"
    return f"{group}{name}{params}:{value}"


def _raw(random: Random, text: str) -> str:
    """Escape a text as most programs do, or leave it as it is."""
    if random.random() < 0.3:
        return text.replace("\r", "").replace("\n", "")
    text = text.replace("\\", "\\\\").replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")
    return text.replace(",", "\\,").replace(";", "\\;")


def _folded(random: Random, line: str, end: str) -> str:
    if random.random() < 0.8 or not line:
        return line
    at = random.randrange(len(line))
    return line[:at] + end + random.choice((" ", "\t")) + line[at:]


# Laws


def check_reading(body: bytes) -> Card | None:
    """Read a card, and check that what it holds can travel; None where it is no card."""
    try:
        card = read_card(body)
    except NotACard:
        return None
    fields = read_fields(card, READ)
    seen = Seen(connection="c", object="contact", id="1", version=Version(token="t"), fields=fields, marker=card.marker)
    assert Seen.model_validate_json(seen.model_dump_json()) == seen
    again = read_card(card.octets())
    assert list(map(_said, again.lines)) == list(map(_said, card.lines)), (
        "a card that is written out is read as the same card"
    )
    assert card.is_contact in (True, False)
    return card


def check_writing(card: Card, fields: dict[str, Value | None]) -> Card:
    """Write fields, and check that these and no others changed, and are read back as they were written."""
    before = read_fields(card, READ)
    done = write_fields(card, fields)
    after = read_fields(done, READ)
    for name, value in fields.items():
        expected = as_stored(name, value)
        if expected is not None or not _several(card, name):
            assert _means(name, after.get(name), expected), (name, value, after.get(name))
    written = {_OWN[name] for name in fields}
    _check_lines(card, done, written)
    clears = not all(as_stored(name, value) for name, value in fields.items())
    for name in WRITABLE:
        if name not in fields and not _may_follow(card, name, written, clears=clears):
            assert after.get(name) == before.get(name), (name, before.get(name), after.get(name))
    read_back = {name: after[name] for name in fields if name in after}
    assert write_fields(done, read_back).lines == done.lines, "writing what is read changes nothing"
    assert read_fields(read_card(done.octets()), READ) == after
    return done


def _check_lines(card: Card, done: Card, written: set[str]) -> None:
    """Check that other properties stand as they stood; ``FN`` follows the name, or what stands for one."""
    unnamed = not any(line.name == "FN" and line.text().strip() for line in card.lines)  # a card must have one
    follows = "N" in written or unnamed or (stands_in(card.lines) and written & {"ORG", "EMAIL", "TEL"})
    touched = written | ({"FN"} if follows else set())
    if stands_in(done.lines) and not stands_in(card.lines):
        touched.add("N")  # it is stated where the displayed name alone told it
    stood, stands = (
        [line.raw for line in one.lines if line.name not in touched and not _label(card, line.group)]
        for one in (card, done)
    )
    assert stands == stood, "another property was changed"


def _may_follow(card: Card, name: str, written: set[str], *, clears: bool) -> bool:
    """Check whether a field may change with others of its property, or with what it is read from."""
    own = _OWN[name]
    if own == "N":  # the displayed name stood for none, or does so now
        return "N" not in written and not _names(card) and bool(written & {"ORG", "EMAIL", "TEL"})
    if own in ("ADR", "ORG"):
        return own in written and clears and _several(card, name)
    return own in written


def as_stored(name: str, value: Value | None) -> Value | None:
    """Return what a card must be read as after a write."""
    text = storable(value if isinstance(value, str) else "").replace("\r\n", "\n").replace("\r", "\n").strip()
    if name == "email":
        text = written_email(text) or text
    return (number(text) if _OWN[name] == "TEL" else text) or None


def _names(card: Card) -> bool:
    return any(line.name == "N" and line.value.strip(" ;") for line in card.lines)


def _several(card: Card, name: str) -> bool:
    """Check whether a card may hold the field on further lines, or in another form: clearing uncovers those."""
    return _OWN[name] in ("EMAIL", "TEL") or sum(line.name == _OWN[name] for line in card.lines) > 1


def _label(card: Card, group: str) -> bool:
    """Check whether lines of the group may go with the line that they label."""
    return bool(group) and any(line.group == group and not line.name.startswith("X-AB") for line in card.lines)


def some_fields(random: Random) -> dict[str, Value | None]:
    """Return a write: some fields, some of them cleared."""
    names = random.sample(WRITABLE, random.randrange(1, 5))
    return {name: None if random.random() < 0.15 else odd_value(random, name) or None for name in names}


def _means(name: str, held: Value | None, written: Value | None) -> bool:
    """Check whether a card holds what was written; a number or address may stand there in another spelling already."""
    if held == written or not isinstance(held, str) or not isinstance(written, str):
        return held == written
    if _OWN[name] == "EMAIL":
        return email(held) is not None and email(held) == email(written)
    return _OWN[name] == "TEL" and may_be_same_phone(held, number(written))


def _said(line: Line) -> tuple[str, str, tuple[str, ...], str]:
    return line.group, line.name, line.params, line.value
