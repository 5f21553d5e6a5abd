"""Why a record is as it is: who acts, both records side by side, and the search that leads there."""

from typing import Any

import pytest

from shared.io.calls.call_notes import CallNote, RedisCallNotes
from shared.io.redis.client import connect
from shared.model.mapping import FieldMapping
from shared.model.pairs import Match, Pending, Problem, SideState, Trace
from shared.model.records import Version
from shared.model.wording import SENSITIVE
from shared.wire import topics
from shared.wire.messages import Role, SetupDoc
from tests.console.web.client import ConsoleClient
from tests.console.web.examples import NASTY, show_everything
from tests.console.web.test_roles import client_as
from tests.services.console.harness import ConsoleHarness, linked, pair
from tests.services.environment import LEFT, RIGHT, SYNC, people

# One record


def test_one_sentence_says_why_and_who_acts(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    page = client.open("/records/eve")
    assert page.headings == ["Eve"]
    assert "Not synced: required field is blank. Required field is blank: LASTNAME must not be blank Fill" in page.words
    assert "Acts: owner of the record." in page.words
    assert "LASTNAME must not be blank" in page.words
    assert "Nobody needs to act." in client.open("/records/ann").words
    assert client.open("/records/dan").headings == ["A record without a name"]
    assert client.open("/records/bob").headings == [NASTY]


def test_the_last_calls_are_shown_with_the_apps_own_words(console: ConsoleHarness, client: ConsoleClient) -> None:
    """Those about its two records, and about the pair while the partner was created; not those about others."""
    show_everything(console)
    installation, clock = console.installation, console.env.clock
    found = console.get("records/ann/explanation")
    assert (found["calls"], found["calls_known"]) == ([], True)
    assert "Last calls" not in client.open("/records/ann").words
    record = found["sides"]["L"]["record"]
    for side, about, said in ((LEFT, record, ""), (RIGHT, "ann", "LASTNAME must not be blank"), (RIGHT, record, "no")):
        clock.advance(1_000)
        status = 400 if said else 200
        note = CallNote(method="POST", path="/objects/x", status=status, took_ms=41, said=said, about=(about,))
        installation.call_notes.note(side, note)
    calls = console.get("records/ann/explanation")["calls"]
    assert [(row["side"], row["connection"], row["status"], row["said"]) for row in calls] == [
        ("R", RIGHT, 400, "LASTNAME must not be blank"), ("L", LEFT, 200, ""),
    ]  # fmt: skip
    words = client.open("/records/ann").words
    assert "POST /objects/x 400 after 41 ms LASTNAME must not be blank" in words
    assert "POST /objects/x 200 after 41 ms" in words
    installation.call_notes = RedisCallNotes(connect("redis://127.0.0.1:9/0"))
    assert console.get("records/ann/explanation")["calls_known"] is False
    assert "They cannot be read now: Redis does not answer." in client.open("/records/ann").words


def test_who_may_not_see_a_value_does_not_read_it_in_the_apps_words(console: ConsoleHarness) -> None:
    mapping = FieldMapping(key="salary", left="salary", right="SALARY", sensitive=True)
    console.env.set_up("sync", SetupDoc(sync=people(mappings=(mapping,), version=2)), SYNC)
    console.show(linked("a"))
    note = CallNote(method="POST", path="/x", status=400, said="70,000 is too much", about=("a",))
    console.installation.call_notes.note(LEFT, note)
    found = console.installation.find("a")
    roles: tuple[Role, ...] = ("viewer", "editor")
    told = {role: console.installation.explain(found, role)["calls"][0]["said"] for role in roles}
    assert told == {"viewer": str(SENSITIVE), "editor": "70,000 is too much"}


def test_both_records_stand_side_by_side(console: ConsoleHarness, client: ConsoleClient) -> None:
    """What each holds, what was last agreed, and what happens to each field; what needs somebody comes first."""
    mappings = tuple(
        FieldMapping(key=key, left=key, right=key.upper(), **more)
        for key, more in (
            ("same", {}), ("edited", {}), ("refused", {}), ("kept", {"direction": "to_right"}), ("other", {}),
            ("off", {"on": False}), ("unseen", {}),
        )
    )  # fmt: skip
    console.env.set_up("sync", SetupDoc(sync=people(mappings=mappings, version=2)), SYNC)
    left = SideState(
        id="h-a", version=Version(order=1),
        fields={"same": "x", "edited": "new", "refused": "long", "kept": "l", "other": "l", "off": None},
    )  # fmt: skip
    right = SideState(
        id="b-a", version=Version(token="v"),
        fields={"SAME": "x", "EDITED": "old", "REFUSED": None, "KEPT": "r", "OTHER": ("a", "b"), "OFF": True},
    )  # fmt: skip
    console.show(
        pair(
            "a", "failing", reason="too_long", L=left, R=right, base_l={"edited": "old"},
            problems={"refused": Problem(code="too_long", message="at most 3")}, notes={"kept": "settled_difference"},
            pending={"R": Pending(key="k", op="update", fields={"EDITED": "new"}, setup=1)},
        )
    )  # fmt: skip
    rows = {row["key"]: row for row in console.get("records/a/explanation")["fields"]}
    assert {key: row["happens"] for key, row in rows.items()} == {
        "refused": "refused", "edited": "written", "kept": "differs", "other": "differs", "same": "agree",
        "unseen": "unknown", "off": "off",
    }  # fmt: skip
    assert list(rows) == ["refused", "edited", "kept", "other", "same", "unseen", "off"]
    assert rows["edited"]["left"] == {"name": "edited", "value": "new", "known": True, "agreed": "old"}
    assert rows["other"]["right"]["value"] == "a, b"
    assert rows["kept"]["way"] == "into Book"
    words = client.open("/records/a").words
    assert "refused REFUSED long blank Not written Text too long: at most 3 · goes both ways" in words
    assert "edited EDITED new last agreed: old old Being written 'new' is being written to Book" in words
    assert "kept KEPT l r Differs Differs on purpose: the mapping does not write in that direction" in words
    assert "same SAME x x Agree goes both ways" in words
    assert "unseen UNSEEN not known not known Not known" in words


def test_what_is_blank_on_both_sides_stands_folded_behind_what_is_not(
    console: ConsoleHarness, client: ConsoleClient
) -> None:
    mappings = tuple(FieldMapping(key=key, left=key, right=key.upper()) for key in ("name", "phone", "city"))
    console.env.set_up("sync", SetupDoc(sync=people(mappings=mappings, version=2)), SYNC)
    left = SideState(id="h-a", version=Version(order=1), fields={"name": "Ann", "phone": None, "city": None})
    console.show(pair("a", "excluded", reason="email_missing", L=left))
    page = client.open("/records/a")
    assert "name NAME Ann not known One side" in page.words
    assert "2 fields are blank Field Hub Book What happens phone PHONE blank not known" in page.words
    right = SideState(id="b-a", version=Version(token="v"), fields={"NAME": "Ann", "PHONE": None, "CITY": "Oslo"})
    console.show(pair("b", "in_sync", L=left, R=right, base_l={"phone": "1"}))
    words = client.open("/records/b").words
    assert "2 fields agree Field Hub Book What happens name NAME Ann Ann Agree goes both ways phone PHONE" in words
    assert "fields are blank" not in words, "what was agreed is told, also where it is gone on both sides"


def test_a_record_without_a_partner_says_so(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.show(pair("a", "excluded", reason="email_missing"))
    words = client.open("/records/a").words
    assert "Book No record" in words
    assert "The record of Hub has no partner in Book." in words
    assert "One side There is no partner to compare it with" in words


def test_what_waits_how_it_was_matched_and_what_happened(console: ConsoleHarness, client: ConsoleClient) -> None:
    log = (Trace(did="write", key="f", side="R", old="a", new="b", lost="c"),)
    console.show(
        linked(
            "a", status="pending", reason="queued", log=log, seen_ms=1_700_000_000_000,
            match=Match(by="email", key="ann@x.example"),
            pending={"R": Pending(key="k", op="update", fields={"h": "b"}, setup=1)},
        )
    )  # fmt: skip
    words = client.open("/records/a").words
    assert "Linked because their email is the same: ann@x.example." in words
    assert "An update is on its way to Book." in words
    assert "f: 'b' is written to Book (it held 'a'); 'c' was replaced." in words


@pytest.mark.parametrize(("role", "is_told"), [("viewer", False), ("editor", True)])
def test_sensitive_values_are_told_to_no_viewer(console: ConsoleHarness, role: Role, is_told: bool) -> None:  # noqa: FBT001 - a column
    """Neither by the page nor by the API: what records hold, what was agreed, what is on its way, what was written."""
    mapping = FieldMapping(key="ssn", left="f", right="n", sensitive=True)
    console.env.set_up("sync", SetupDoc(sync=people(mappings=(mapping,), version=2)), SYNC)
    console.show(
        pair(
            "a", L=SideState(id="h-a", version=Version(order=1), fields={"f": "111"}), base_l={"ssn": "222"},
            R=SideState(id="b-a", version=Version(order=1), fields={"n": "333", "email": "ann@x.example"}),
            pending={"R": Pending(key="k", op="update", fields={"n": "444"}, setup=2)},
            log=(Trace(did="write", key="ssn", side="R", old="555", new="666", by="edited"),),
        )
    )  # fmt: skip
    page = client_as(console, role).open("/records/a").words
    assert "at an unknown time" in page
    headers = {"Authorization": f"Bearer {console.token(role)}"}
    texts = [console.call("GET", f"records/a/{what}", headers=headers).text for what in ("explanation", "history")]
    texts.append(console.call("GET", "explanations?connection=hub&object=contact&record_id=h-a", headers=headers).text)
    found = {value for value in ("111", "222", "333", "444", "555", "666") for text in (page, *texts) if value in text}
    assert found == ({"111", "222", "333", "444", "555", "666"} if is_told else set())
    assert ("a sensitive value" in page) is not is_told
    assert "ann@x.example" in texts[0], "and what is not sensitive is"


def test_a_sensitive_identifier_is_told_to_no_viewer(console: ConsoleHarness) -> None:
    mapping = FieldMapping(key="email", left="email", right="email", sensitive=True)
    console.env.set_up("sync", SetupDoc(sync=people(mappings=(mapping,), version=2)), SYNC)
    console.show(linked("a", match=Match(by="email", key="ann@x.example")))
    headers = {"Authorization": f"Bearer {console.token('viewer')}"}
    told = console.call("GET", "records/a/explanation", headers=headers)
    assert "Linked because their email is the same." in told.json()["why"]
    assert "ann@x.example" not in told.text


def test_associations_stand_side_by_side(console: ConsoleHarness, client: ConsoleClient) -> None:
    left = SideState(id="h-a", version=Version(order=1), links={"company": "77", "owner": None})
    console.show(linked("a", L=left))
    assert "company 77 none owner none none" in client.open("/records/a").words


def test_a_record_that_moved_is_shown_where_it_is_now(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    assert client.ask("/records/ida").headers["Location"] == "/records/ann"
    assert client.open("/records/gus").headings == ["Gus"], "also one that no list shows"


def test_a_record_is_read_again_by_a_button(console: ConsoleHarness, client: ConsoleClient) -> None:
    """Both records are read, and what was refused is tried again, without a version that would make it an echo."""
    show_everything(console)
    form = client.open("/records/bob").form("/records/bob/resync")
    answer = client.send(form)
    assert answer.headers["Location"] == "/records/bob?asked=resync"
    assert "Both records are read again" in client.open(answer.headers["Location"]).words
    notices = {(row.connection, row.object, row.id, row.version) for row in console.env.told(topics.NOTICES)}
    assert notices == {(LEFT, "contact", "h-bob", None), (RIGHT, "contact", "b-bob", None)}
    (touch,) = console.env.told(topics.PAIRS)
    assert (touch.sync, touch.pair, touch.kind, touch.reason) == (SYNC, "bob", "touch", "retry")
    with console.env.kafka_away():
        assert client.send(form).status_code == 503


def test_the_api_reads_a_record_again_too(console: ConsoleHarness) -> None:
    show_everything(console)
    answer = console.call("POST", "records/dan/resync")
    assert (answer.status_code, answer.json()["id"]) == (202, "dan")
    assert [row.id for row in console.env.told(topics.NOTICES)] == ["h-dan"]
    assert console.call("POST", "records/nope/resync").status_code == 404


# Why?


@pytest.mark.parametrize(
    "text",
    [
        "bob", "h-bob", "b-bob", "  h-bob ", "https://app.example/contacts/1/record/0-1/h-bob?tab=x",
        "https://dav.example/ann/b-bob", "https://dav.example/x/h%2Dbob/", "<script>ALERT",
    ],
)  # fmt: skip
def test_the_only_record_that_is_meant_is_shown(console: ConsoleHarness, client: ConsoleClient, text: str) -> None:
    show_everything(console)
    answer = client.ask("/why", params={"q": text})
    assert (answer.status_code, answer.headers.get("Location")) == (303, "/records/bob")


def test_the_path_of_a_card_is_its_id(console: ConsoleHarness, client: ConsoleClient) -> None:
    right = SideState(id="/ann/book/1.vcf", version=Version(token="v"))
    console.show(linked("a", R=right), linked("b"))
    answer = client.ask("/why", params={"q": "https://dav.example/ann/book/1.vcf"})
    assert answer.headers["Location"] == "/records/a"


def test_records_that_no_list_shows_are_found_by_id(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    assert client.ask("/why?q=h-gus").headers["Location"] == "/records/gus"


def test_several_are_offered_the_newest_first(console: ConsoleHarness, client: ConsoleClient) -> None:
    show_everything(console)
    page = client.open("/why?q=Person")
    found = [link for link in page.links if link.startswith("/records/")]
    assert found == [f"/records/p{number:03d}" for number in range(20)]
    assert "/records?q=Person" in page.links
    few = client.open("/why?q=person+5")
    assert len([link for link in few.links if link.startswith("/records/")]) == 11, "numbers that begin so"
    assert "These are the newest" not in few.words


@pytest.mark.parametrize("text", ["nobody", "%", "\x00", "x" * 5000, "https://", "http://[", "//"])
def test_what_nobody_knows_is_said(console: ConsoleHarness, client: ConsoleClient, text: str) -> None:
    show_everything(console)
    answer: Any = client.ask("/why", params={"q": text})
    assert answer.status_code == 200
    assert "Not seen" in answer.text


def test_an_empty_box_says_what_to_write(client: ConsoleClient) -> None:
    assert "Which record?" in client.open("/why?q=+").words
