"""The console's API as a client sees it: lists, numbers, explanations and jobs."""

import json
from typing import Any

import pytest

from services.console.views.rows import SHOWN
from shared.io.calls.webhook_refusals import Refusals
from shared.io.envelope import Stored
from shared.model.mapping import FieldMapping
from shared.model.pairs import Match, Pending, Problem, SideState, Trace
from shared.model.records import Version
from shared.model.syncs import SyncSide
from shared.rules.errors import ERRORS
from shared.wire import topics
from shared.wire.messages import Cursor, JobDoc, JobProgress, Parked, SetupDoc
from tests.services.console.harness import ConsoleHarness, is_problem, linked, pair
from tests.services.environment import LEFT, RIGHT, SYNC, people

# Lists


def test_pages_show_every_row_once(console: ConsoleHarness) -> None:
    """`next` leads on until there is no more, the newest change first."""
    console.show(*(pair(f"{number:02d}") for number in range(10)))
    found, cursor, sizes = [], "", []
    while True:
        page = console.get("records", limit=4, cursor=cursor)
        found += [row["id"] for row in page["records"]]
        sizes.append(len(page["records"]))
        cursor = page["next"]
        if cursor is None:
            break
        assert page["total"] == {"number": 10, "exact": True}
    assert (sorted(found), sizes) == ([f"{number:02d}" for number in range(10)], [4, 4, 2])


def test_filters_narrow_the_list(console: ConsoleHarness) -> None:
    """By sync, status, reason, text and time."""
    console.show(
        pair("ann", "failing", reason="too_long"), pair("bob", "excluded", reason="email_missing", changed_ms=9),
        pair("cid"), pair("dan", "hidden"), pair("eve", "closed"), pair("fay", "absorbed", absorbed_by="cid"),
    )  # fmt: skip

    def names(**query: Any) -> list[str]:
        return [row["id"] for row in console.get("records", **query)["records"]]

    assert names() == ["bob", "cid", "ann"]
    assert names(status="failing") == names(category="too_long") == ["ann"]
    assert names(since=6) == names(q="h-bob") == names(q="BO", sync=SYNC) == ["bob"]
    assert names(q="ann@X") == names(q="x.example") == ["bob", "cid", "ann"], "by an address of theirs, too"
    assert names(sync="other") == names(q="%") == []


def test_the_counts_add_up_and_are_those_of_the_lists(console: ConsoleHarness) -> None:
    """in_sync + pending + failing + excluded are all known rows, and each number is a list."""
    console.show(
        pair("a"), pair("b"), pair("c", "failing", reason="too_long"), pair("d", "failing", reason="invalid_value"),
        pair("e", "pending", reason="queued", changed_ms=console.env.clock.now_ms() - 1500), pair("f", "excluded"),
        pair("g", "hidden"), pair("h", "closed"), pair("i", "absorbed"), pair("j", synced_ms=77),
    )  # fmt: skip
    (sync,) = console.get("health")["syncs"]
    assert sync["counts"] == {"in_sync": 3, "pending": 1, "failing": 2, "excluded": 1}
    assert sum(sync["counts"].values()) == len(console.get("records", limit=500)["records"])
    for status in SHOWN:
        assert len(console.get("records", status=status)["records"]) == sync["counts"][status]
    assert sync["reasons"] == {"failing": {"invalid_value": 1, "too_long": 1}, "pending": {"queued": 1}}
    assert (sync["oldest_pending_s"], sync["last_settled_ms"], sync["phase"], sync["enabled"]) == (
        1.5,
        77,
        "live",
        True,
    )


def test_the_list_of_syncs_tells_ends_and_numbers_page_by_page(console: ConsoleHarness) -> None:
    """In the order of their ids, one that is off among them; each row is as health and the sync alone have it."""
    deals = people(id="a-deals", left=SyncSide(connection=LEFT, object="deal"), direction="to_left", enabled=False)
    console.env.set_up("sync", SetupDoc(sync=deals), "a-deals")
    setups = console.env.setups
    setups.leave_out(setups.offset + 1, "sync:newest", b"{}", "direction: mirror is not known")
    console.show(linked("ann"), linked("bob", status="failing", reason="too_long"))
    first = console.get("syncs", limit=2)
    second = console.get("syncs", limit=2, cursor=first["next"])
    assert first["total"] == second["total"] == {"number": 3, "exact": True}
    assert second["next"] is None
    rows = [*first["syncs"], *second["syncs"]]
    assert [(row["id"], row["enabled"], row["direction"]) for row in rows] == [
        ("a-deals", False, "to_left"), ("newest", None, None), (SYNC, True, "two_way"),
    ]  # fmt: skip
    off, newest, shown = rows
    assert (off["left"], off["right"]) == (
        {"connection": LEFT, "object": "deal"}, {"connection": RIGHT, "object": "contact"}
    )  # fmt: skip
    assert (newest["left"], newest["right"], "mirror is not known" in newest["not_run_here"]) == (None, None, True)
    assert (shown["counts"]["in_sync"], shown["reasons"]["failing"]) == (1, {"too_long": 1})
    assert sorted(console.get("health")["syncs"], key=lambda row: str(row["id"])) == rows
    assert {name: value for name, value in console.get(f"syncs/{SYNC}").items() if name != "switching_off"} == shown
    is_problem(console.call("GET", "syncs", params={"cursor": "!"}), 400)


def test_the_list_of_syncs_is_narrowed_by_one_of_their_ends(console: ConsoleHarness) -> None:
    """A connection and an object are of the same end."""
    deals = people(id="deals", left=SyncSide(connection=LEFT, object="deal"))
    console.env.set_up("sync", SetupDoc(sync=deals), "deals")

    def names(**query: str) -> list[str]:
        return [row["id"] for row in console.get("syncs", **query)["syncs"]]

    assert names() == names(connection=RIGHT) == names(object="contact") == ["deals", SYNC]
    assert names(object="deal") == names(connection=LEFT, object="deal") == ["deals"]
    assert names(connection=LEFT, object="contact") == [SYNC]
    assert names(connection=RIGHT, object="deal") == names(connection="nobody") == []


def test_health_says_how_fresh_everything_is(console: ConsoleHarness) -> None:
    """Feeds that are asked, by name, with how often, and whether the journal was read to its end."""
    now = console.env.clock.now_ms()
    for name, to, every, calls in (("changed", now - 2_000, 5.23, 4), ("bin", 0, 0.0, 0), ("associations", 5, 1.0, 1)):
        cursor = Cursor(
            connection=LEFT, object="contact", feed=name, cursor="c", complete_to_ms=to, interval_s=every, calls=calls
        )
        row = Stored(partition=0, offset=0, key=f"{LEFT}/contact/{name}", message=cursor, raw=b"", headers={})
        console.views.take(topics.CURSORS.name, [row], {})
    console.ready = False
    health = console.get("health")
    assert health["ready"] is False
    assert health["feeds"] == [
        {"feed": "hub/contact/bin", "complete_to_ms": 0, "age_s": None, "interval_s": None},
        {"feed": "hub/contact/changed", "complete_to_ms": now - 2_000, "age_s": 2.0, "interval_s": 5.2, "calls": 4},
    ]
    assert health["syncs"][0]["counts"] == dict.fromkeys(SHOWN, 0)


def test_a_connection_tells_of_webhooks_that_are_refused(console: ConsoleHarness) -> None:
    """How many, since when, why, and which setting to change; a connection without any says nothing of it."""
    console.refused[LEFT] = Refusals(reason="old_signature", calls=3, since_ms=5, last_ms=9)
    told, other = console.get("health")["connections"]
    assert (told["id"], told["state"], other["state"]) == (LEFT, "running", "running")
    hint = told["webhooks_refused"].pop("hint")
    assert told["webhooks_refused"] == {"reason": "old_signature", "calls": 3, "since_ms": 5, "last_ms": 9}
    assert "`oldest_signature`" in hint
    assert "webhooks_refused" not in other


# Why


def test_an_explanation_is_in_plain_words(console: ConsoleHarness) -> None:
    """What links the two, what stands in the way and who acts, what waits, what was decided: with the apps' names."""
    log = (
        Trace(did="write", key="f", side="R", old=None, new="x"),
        Trace(did="write", key="g", side="L", old="y", new=None),
        Trace(did="write", key="h", side="R", old="a", new=("b", "c"), lost="a"),
        Trace(did="refused", side="R", note="too_long"),
    )
    console.show(
        linked(
            "a", status="failing", reason="too_long", log=log, seen_ms=1_700_000_000_000,
            problems={"f": Problem(code="too_long", message="at most 10", field="f")}, notes={"g": "kept_clear"},
            pending={"R": Pending(key="k", op="update", fields={"h": "b"}, setup=1)},
            match=Match(by="email", key="ann@x.example"),
        )
    )  # fmt: skip
    told = console.get("records/a/explanation")
    assert told["summary"].startswith("Not synced: ")
    assert told["hint"]
    assert told["why"][0] == "Linked because their email is the same: ann@x.example."
    assert any("at most 10" in row for row in told["why"])
    assert any(row.startswith("g was emptied on one side") for row in told["why"])
    assert told["pending"][0]["sentence"] == "An update is on its way to Book."
    assert told["history"][0]["decisions"] == [
        "f: 'x' is written to Book (it held nothing).",
        "g: it is emptied in Hub (it held 'y').",
        "h: 'b', 'c' is written to Book (it held 'a'); 'a' was replaced.",
        "Book refused the write: text too long.",
    ]
    assert told["sides"]["L"]["record"] == "h-a"
    assert told["sides"]["R"]["connection"] == RIGHT


def test_a_parked_message_shows_at_the_row_of_its_record(console: ConsoleHarness) -> None:
    """Whether it was to the pair, of one of its records, or a write; of another row it says nothing."""
    console.show(linked("a"), linked("b"))
    keys = ("a", f"{LEFT}/contact/h-a", f"{RIGHT}/contact/b-a", f"{RIGHT}/contact/h-a")
    rows = [
        Stored(
            partition=0, offset=number, key=key, raw=b"", headers={},
            message=Parked(
                topic="records", partition=0, offset=number, key=key, raw_base64="", reason="too_large",
                detail=f"number {number}", at_ms=number + 1,
            ),
        )
        for number, key in enumerate(keys)
    ]  # fmt: skip
    console.views.take(topics.PARKED.name, rows, {})
    shown = {row["id"]: row["parked"] for row in console.get("records")["records"]}
    assert (shown["a"]["reason"], shown["a"]["detail"], shown["b"]) == ("too_large", "number 2", None)
    why = [row for row in console.get("records/a/explanation")["why"] if "could not be handled" in row]
    assert [row.partition("too_large: ")[2][:8] for row in why] == ["number 2", "number 1", "number 0"]
    assert not any("could not be handled" in row for row in console.get("records/b/explanation")["why"])


@pytest.mark.parametrize("status", ["in_sync", "pending", "failing", "excluded", "hidden", "closed", "absorbed"])
@pytest.mark.parametrize("reason", ["", "no_such_reason", *(row.code for row in ERRORS[:3])])
def test_every_status_can_be_explained(console: ConsoleHarness, status: str, reason: str) -> None:
    """A record that a newer worker wrote about, too."""
    console.show(
        pair("a", status, reason=reason, log=(Trace(did="something_new"),)), linked("b", status=status, reason=reason)
    )
    for name in "ab":
        told = console.get(f"records/{name}/explanation")
        assert told["summary"].endswith(".")
        assert "None" not in json.dumps(told["why"] + [told["summary"]])


def test_what_was_deleted_without_a_partner_is_not_called_deleted_twice(console: ConsoleHarness) -> None:
    """Nothing was deleted in the app where nothing was."""
    console.show(
        pair("a", "closed", reason="gone"), linked("b", status="closed", reason="deleted_in_both"),
        pair("c", "closed", reason="merged"),
    )  # fmt: skip
    assert console.get("records/c/explanation")["summary"] == "Merged into another record."
    assert console.get("records/a/explanation")["summary"] == "Deleted; it had no partner."
    assert console.get("records/b/explanation")["summary"] == "Deleted in Hub and in Book."


def test_a_record_that_moved_is_explained_by_its_pair_of_now(console: ConsoleHarness) -> None:
    """Its old row leads there; while the journal does not tell that pair yet, the old row explains itself."""
    console.show(pair("a", "absorbed", absorbed_by="b"), pair("c", "absorbed", absorbed_by="later"))
    assert console.get("records/c/explanation")["id"] == "c"
    console.show(pair("b", "absorbed", absorbed_by="d"), linked("d"))
    assert console.get("records/a/explanation")["id"] == "d"


def test_pairs_that_lead_to_each_other_are_no_endless_search(console: ConsoleHarness) -> None:
    """It should not be; the answer comes all the same."""
    console.show(pair("a", "absorbed", absorbed_by="b"), pair("b", "absorbed", absorbed_by="a"))
    assert console.get("records/a/explanation")["status"] == "absorbed"


def test_a_record_is_explained_by_its_id_in_its_app(console: ConsoleHarness) -> None:
    """In each of the syncs that it takes part in."""
    console.env.set_up("sync", SetupDoc(sync=people(id="other")), "other")
    console.show(linked("a"), linked("z", sync="other", L=SideState(id="h-a", version=Version(order=1))))
    found = console.get("explanations", connection=LEFT, object="contact", record_id="h-a")["explanations"]
    assert {(row["sync"], row["id"]) for row in found} == {(SYNC, "a"), ("other", "z")}
    is_problem(console.call("GET", f"explanations?connection={RIGHT}&object=contact&record_id=h-a"), 404)


# Jobs


def test_a_job_is_written_once_for_each_key(console: ConsoleHarness) -> None:
    """A client that heard no answer asks again with the same key."""
    first = console.ask("k1", sync=SYNC, statuses=["failing"])
    assert first.status_code == 202
    (doc,) = console.env.told(topics.JOBS)
    assert (doc.job.id, doc.job.statuses, doc.job.kind) == (first.json()["id"], ("failing",), "resync")
    console.follow()
    again = console.ask("k1", sync=SYNC, statuses=["failing"])
    assert (again.status_code, again.json()) == (202, first.json())
    assert len(console.env.told(topics.JOBS)) == 1
    assert console.ask("k2", sync=SYNC).json()["id"] != first.json()["id"]
    assert len(console.env.told(topics.JOBS)) == 2


def test_a_key_answers_with_how_far_its_job_is(console: ConsoleHarness) -> None:
    """Not as if it had just been asked for."""
    name = console.ask("k1", sync=SYNC).json()["id"]
    console.follow()
    progress = JobProgress(job=name, phase="done", touched=3)
    console.env.set_job("progress", JobDoc(progress=progress), name)
    again = console.ask("k1", sync=SYNC).json()
    assert (again["phase"], again["touched"]) == ("done", 3)
    assert console.get(f"jobs/{name}") == again
    assert console.get("jobs")["jobs"] == [again]
    assert console.get("health")["syncs"][0]["jobs"] == [again]


def test_a_key_asks_for_one_kind_of_work(console: ConsoleHarness) -> None:
    """Other statuses under the same key are a mistake, and are told."""
    console.ask("k1", sync=SYNC, statuses=["failing", "pending"])
    console.follow()
    assert console.ask("k1", sync=SYNC, statuses=["pending", "failing"]).status_code == 202
    is_problem(console.ask("k1", sync=SYNC), 422)
    assert len(console.env.told(topics.JOBS)) == 1


def test_the_keys_of_two_syncs_are_two_keys(console: ConsoleHarness) -> None:
    """However their names end and begin."""
    console.env.set_up("sync", SetupDoc(sync=people(id="people-eu")), "people-eu")
    console.ask("eu-1", sync=SYNC)
    console.follow()
    assert console.ask("1", sync="people-eu").json()["sync"] == "people-eu"
    assert {doc.job.sync for doc in console.env.told(topics.JOBS)} == {SYNC, "people-eu"}


@pytest.mark.parametrize("key", ["a b", "é", "a/b", "a.b", "x" * 65])
def test_a_key_of_other_letters_is_refused(console: ConsoleHarness, key: str) -> None:
    """It becomes part of a name."""
    answer = console.call("POST", "jobs", json={"sync": SYNC}, headers={"Idempotency-Key": key.encode()})
    is_problem(answer, 422)


def test_without_kafka_a_job_is_not_promised(console: ConsoleHarness) -> None:
    """503, and when to come again."""
    with console.env.kafka_away():
        answer = console.ask("k1", sync=SYNC)
    is_problem(answer, 503)
    assert answer.headers["Retry-After"] == "1"
    assert console.ask("k1", sync=SYNC).status_code == 202


def test_what_can_go_wrong_is_listed(console: ConsoleHarness) -> None:
    """All of it, with what to do."""
    rows = console.get("error-categories")["categories"]
    assert [row["code"] for row in rows] == [row.code for row in ERRORS]
    assert all(row["remedy"] for row in rows)


def test_a_sync_that_a_newer_version_set_up_is_shown_with_the_reason(console: ConsoleHarness) -> None:
    """All others run; one whose document cannot be read at all is there as well."""
    unknown = people().model_copy(
        update={"id": "newer", "mappings": (FieldMapping(key="f", left="f", right="f", lens="future"),)}
    )
    console.env.set_up("sync", SetupDoc(sync=unknown), "newer")
    setups = console.env.setups
    setups.leave_out(setups.offset + 1, "sync:newest", b"{}", "direction: mirror is not known")
    rows = {row["id"]: row for row in console.get("health")["syncs"]}
    assert (rows[SYNC]["not_run_here"], rows[SYNC]["not_run_hint"], rows[SYNC]["lacks"]) == ("", "", [])
    assert rows["newer"]["not_run_here"] == "it names 'future', which this version does not know"
    assert rows["newer"]["not_run_hint"] == "Finish the update of all of Syncline's processes."
    assert "mirror is not known" in rows["newest"]["not_run_here"]
    assert rows["newest"]["counts"] == rows["newer"]["counts"] == dict.fromkeys(SHOWN, 0)
