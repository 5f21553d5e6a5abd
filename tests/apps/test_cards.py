"""Cards read and written without a server: names, preferences, addresses and numbers in the forms that occur."""

import pytest

from shared.apps.carddav.card import Card, read_card, read_fields, write_fields
from shared.apps.carddav.dav import multistatus
from shared.contract.calls import HttpResponse
from shared.model.records import Value


def card(*lines: str, version: str = "3.0") -> Card:
    """Read a card of these lines."""
    return read_card("\r\n".join(("BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", "")).encode())


def read(made: Card, *names: str) -> tuple[Value | None, ...]:
    """Read some fields."""
    found = read_fields(made, names)
    return tuple(found[name] for name in names)


def body(made: Card) -> list[str]:
    """Return the lines between VERSION and END, unfolded."""
    return made.text().replace("\r\n ", "").splitlines()[2:-1]


@pytest.mark.parametrize(
    ("shown", "given", "family"),
    [
        ("Ann Lee", "Ann", "Lee"),
        ("Lee\\, Ann Maria", "Ann Maria", "Lee"),
        ("Dr. Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Ann Lee\\, PhD", "Ann", "Lee"),
        ("Ann Maria Lee (Acme)", "Ann Maria", "Lee"),
        ("王小明", "王小明", None),
        ("Cher", "Cher", None),
        ("ann@x.example", None, None),
        ("+1 555 0100", None, None),
        ("ACME", None, None),
    ],
)
def test_a_displayed_name_is_split_where_nothing_else_names_the_person(
    shown: str, given: str | None, family: str | None
) -> None:
    made = card(f"FN:{shown}", "N:;;;;", "ORG:Acme;Sales")
    assert read(made, "given_name", "family_name") == (given, family)
    stated = card(f"FN:{shown}", "N:Kim;;;;", "ORG:Acme")
    assert read(stated, "given_name", "family_name") == (None, "Kim")


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        (("N:;;;;", "FN:Dr. Ann Lee"), {"given_name": "Anna"}, ["N:Lee;Anna;;Dr.;", "FN:Dr. Anna Lee"]),
        (("N:;;;;", "FN:Ann Maria Lee"), {"given_name": "Ann"}, ["N:Lee;Ann;;;", "FN:Ann Maria Lee"]),
        (("N:Lee;Ann;;;", "FN:Ann (Annie) Lee"), {"given_name": "Anna"}, ["N:Lee;Anna;;;", "FN:Anna (Annie) Lee"]),
        (("N:Lee;Ann;;;", "FN:The Boss"), {"family_name": "Kim"}, ["N:Kim;Ann;;;", "FN:The Boss"]),
        (("N:Lee;Ann;M.;;", "FN:Ann Lee"), {"family_name": "Kim"}, ["N:Kim;Ann;M.;;", "FN:Ann M. Kim"]),
        (("N:Lee;Ann;;;", "FN:ann@x.example"), {"note": "x"}, ["N:Lee;Ann;;;", "FN:ann@x.example", "NOTE:x"]),
        (("N:Lee\\, Jr.;Ann;;;", "FN:A"), {"given_name": "A"}, ["N:Lee\\, Jr.;A;;;", "FN:A"]),
        (("N:Lee\\, Jr.;Al;;;", "FN:Al Lee"), {"given_name": "A"}, ["N:Lee\\, Jr.;A;;;", "FN:A Lee\\, Jr."]),
        (("N:;;;;", "FN:Acme", "ORG:Acme"), {"family_name": "Lee"}, ["N:Lee;;;;", "FN:Lee", "ORG:Acme"]),
    ],
)  # fmt: skip
def test_a_displayed_name_follows_the_name_and_loses_nothing_else(
    before: tuple[str, ...], change: dict[str, str], after: list[str]
) -> None:
    assert body(write_fields(card(*before), change)) == after


@pytest.mark.parametrize(
    ("version", "before", "after"),
    [
        ("3.0", ("EMAIL:a@x.example", "EMAIL;TYPE=home:b@x.example"),
         ["EMAIL:a@x.example", "EMAIL;TYPE=home;TYPE=pref:b@x.example"]),
        ("3.0", ('EMAIL;type="WORK,PREF":a@x.example', "EMAIL:B@x.example"),
         ["EMAIL;type=WORK:a@x.example", "EMAIL;TYPE=pref:B@x.example"]),
        ("4.0", ("EMAIL;PREF=1:a@x.example", "EMAIL;PREF=2;TYPE=home:b@x.example"),
         ["EMAIL:a@x.example", "EMAIL;TYPE=home;PREF=1:b@x.example"]),
        ("3.0", ("EMAIL:Ann <a@x.example>\\, b@x.example",), ["EMAIL:Ann <b@x.example>\\, a@x.example"]),
    ],
)  # fmt: skip
def test_an_address_that_stands_further_back_becomes_the_preferred_one(
    version: str, before: tuple[str, ...], after: list[str]
) -> None:
    made = write_fields(card(*before, "FN:A", version=version), {"email": "b@x.example"})
    assert body(made)[:-1] == after
    assert str(read(made, "email")[0]).lower() == "b@x.example"


@pytest.mark.parametrize(
    ("line", "phone"),
    [
        ("TEL;VALUE=uri;TYPE=work:TEL:+1-555-0100", "+1-555-0100"),
        ("TEL;VALUE=uri:tel:+1-555-0100\\;ext=5", "+1-555-0100;ext=5"),
        ("TEL;Type=Work:(0 55) 1", "(0 55) 1"),
        ("tel;WORK;VOICE:12", "12"),
        ("item1.TEL;PREF=x:12", "12"),
        (f"TEL;PREF={'9' * 5000}:12", "12"),
        ("TEL;PREF=\u00b2:12", "12"),
    ],
)
def test_numbers_are_read_whatever_case_and_scheme_they_are_written_in(line: str, phone: str) -> None:
    made = card("TEL;type=Cell:99", line, "FN:A")
    assert read(made, "phone", "mobile") == (phone, "99")


@pytest.mark.parametrize("odd", ["\x0b", "\x00", "\ufffe", "&#11;", "&#xB;", "&#0;", "&#xD800;", "&#x110000;"])
def test_an_answer_with_a_character_that_xml_forbids_is_read(odd: str) -> None:
    prop = f"<prop><c:address-data>one{odd}two &amp; three</c:address-data></prop><status>HTTP/1.1 200 OK</status>"
    row = f"<response><href>/b/a&#x2e;vcf</href><propstat>{prop}</propstat></response>"
    text = f'<multistatus xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav">{row}</multistatus>'
    (entry,) = multistatus(HttpResponse(status=207, body=text.encode())).entries
    assert (entry.href, entry.data) == ("/b/a.vcf", "one two & three")


def test_a_card_is_read_alike_whatever_way_it_came() -> None:
    assert read(card("FN:A", "NOTE:one\x0btwo\ufffe\\nthree"), "note") == ("one two \nthree",)


def test_what_no_server_can_store_is_not_sent() -> None:
    made = write_fields(card("FN:A"), {"note": "one\x0btwo\ud800\x00three", "given_name": "A\ufffeB"})
    assert body(made) == ["FN:A B", "N:;A B;;;", "NOTE:one\\ntwo  three"]
    assert made.text().encode()


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("NOTE;QUOTED-PRINTABLE:one=\r\ntwo=20=C3=A9", "onetwo \u00e9"),
        ("NOTE;ENCODING=quoted-printable:one=3D\r\n two", "one=two"),
        ("NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=idna:=E9", "\u00e9"),
        ("NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=a\0b:=E9", "\u00e9"),
        ("NOTE;BASE64:b25lLHR3bw==", "one,two"),
        ("NOTE;ENCODING=b:!", "!"),
        ("NOTE:;QUOTED-PRINTABLE: one=\r\nX-NEXT:two", ";QUOTED-PRINTABLE: one="),
        ("NOTE:one\\:two\\\\\\,\\Nthree\\", "one:two\\,\nthree\\"),
    ],
)
def test_texts_are_read_in_every_encoding(line: str, note: str) -> None:
    made = card("FN:A", line)
    assert read(made, "note") == (note,)
    assert read(write_fields(made, {"note": "a=3D=\\"}), "note") == ("a=3D=\\",)


def test_a_clear_of_the_last_name_leaves_no_old_name_to_be_read() -> None:
    made = write_fields(card("FN:Lee", "N:Lee;;;;", "EMAIL:ann@x.example"), {"family_name": None})
    assert body(made) == ["FN:ann@x.example", "N:;;;;", "EMAIL:ann@x.example"]
    assert read(made, "given_name", "family_name") == (None, None)


def test_a_title_alone_is_no_name_and_a_remark_no_number() -> None:
    made = write_fields(card("FN:Lee\\, Ann", "N:;Ann;;Dr.;", "ORG:Acme"), {"given_name": None})
    assert body(made) == ["FN:Acme", "N:;;;Dr.;", "ORG:Acme"]
    assert read(made, "given_name", "family_name") == (None, None)
    remark = write_fields(card("FN:Ann Lee"), {"mobile": "Ann Lee"})
    assert read(remark, "given_name", "family_name") == ("Ann", "Lee")


def test_a_company_that_stood_for_a_name_takes_its_name_along() -> None:
    made = write_fields(card("FN:Acme", "N:;;;;", "ORG:Acme", "TEL:12"), {"org": None})
    assert body(made) == ["FN:12", "N:;;;;", "TEL:12"]
    alone = write_fields(card("FN:Acme", "N:;;;;", "ORG:Acme"), {"org": None})
    assert read(alone, "given_name", "family_name") == (None, None)


def test_a_company_that_is_called_like_its_owner_does_not_take_the_name_away() -> None:
    made = write_fields(card("FN:Ann Lee"), {"org": "Ann Lee"})
    assert body(made) == ["FN:Ann Lee", "ORG:Ann Lee", "N:Lee;Ann;;;"]
    assert read(made, "given_name", "family_name") == ("Ann", "Lee")


def test_a_backslash_at_the_end_of_a_part_does_not_swallow_the_next_one() -> None:
    made = write_fields(card("FN:A", "ADR:;;;;Lee\\"), {"country": "France"})
    assert read(made, "region", "country") == ("Lee\\", "France")


def test_octets_in_no_known_encoding_go_back_as_they_came() -> None:
    made = read_card(b"BEGIN:VCARD\r\nVERSION:2.1\r\nFN:J\xf6rg\r\nEND:VCARD\r\n")
    assert b"FN:J\xf6rg\r\n" in write_fields(made, {"note": "x"}).octets()
