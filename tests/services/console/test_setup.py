"""Settings from a file: what changes is shown before it is done, and a file that cannot work says what to write."""

import re
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from services.console.commands.settings import setup
from services.console.setups import publishing
from services.console.setups.files import SetupError, read
from services.console.use.syncs import switch
from services.jobs.following import edited, moved
from shared.io.calls.budgets import account_of
from shared.io.calls.budgets_redis import RedisBudgets
from shared.io.calls.vault import Vault
from shared.io.memory import MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.io.redis.client import connect
from shared.wire import topics
from shared.wire.messages import JobDoc, JobProgress, PhaseSet, SetupDoc
from tests.services.console.setup_harness import PORTALS, SetupHarness, between

# What changes


def test_plan_shows_and_apply_does(harness: SetupHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 says that something would change; then it is applied once, and nothing is left to do."""
    file = harness.whole()
    assert harness.run("plan", file) == 2
    shown = capsys.readouterr().out.splitlines()
    assert [line for line in shown if line[0] != " "] == ["+ connection one", "+ connection two", "+ sync people"]
    assert "    mapping phone: phone <-> phone" in shown
    assert harness.follow() == []
    assert harness.run("apply", file) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 applied"
    keys = [stored.key for stored in harness.follow()]
    people = ["people:one", "people:two"]
    assert keys == ["connection:one", "connection:two", *people, "sync:people", "job:first-people"]
    assert harness.run("plan", file) == 0
    assert capsys.readouterr().out == "nothing changes\n"
    assert harness.run("apply", file) == 0
    assert harness.follow() == []


def test_a_connection_is_called_and_its_secrets_are_sealed(applied: SetupHarness) -> None:
    """What is stored names the account that the app told, and no secret in the clear."""
    row = applied.service.setups.connection("two")
    assert (row.account, row.version, row.label) == ("8802", 1, "Two")
    vault = Vault.from_file(applied.settings.key_file)
    assert row.webhook_secret is not None
    assert vault.open(row.webhook_secret, connection="two", name="webhook_secret") == "hook"
    assert vault.open(row.secrets["access_token"], connection="two", name="access_token") == "pat-8802"
    for part in applied.broker.partitions(topics.SETUPS.name):
        for item in applied.broker.fetch(topics.SETUPS.name, part, 0, 100):
            assert b"pat-88" not in (item.value or b"")
            assert b'hook"' not in (item.value or b"")


def test_a_sync_starts_with_what_both_apps_suggest(applied: SetupHarness) -> None:
    """Mappings that the file does not name are taken from the apps, and kept afterwards."""
    sync = applied.service.setups.sync("people")
    assert sync is not None
    assert {"email", "first_name", "phone"} <= {row.key for row in sync.mappings}


def test_an_edit_raises_the_version_and_has_all_pairs_looked_at(
    applied: SetupHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    """Writes that were decided before are recomputed, and a resync finds what the edit means."""
    assert applied.run("apply", applied.whole(default_app="R", direction="to_left")) == 0
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "~ sync people", "    direction: two_way -> to_left", "    default_app: L -> R", "1 applied",
    ]  # fmt: skip
    sync, job = applied.follow()
    assert (sync.message.sync.version, sync.message.sync.default_app) == (2, "R")
    assert (job.key, job.message.job.kind) == ("job:edited-people-2", "resync")


def test_a_mapping_that_is_new_or_other_than_before_is_dated(harness: SetupHarness) -> None:
    """Pairs that were settled before then have no base for it; every other mapping keeps its date."""

    def since(*rows: dict[str, Any], **more: Any) -> dict[str, int]:
        assert harness.run("apply", harness.whole(mappings=list(rows), **more)) == 0
        harness.follow()
        sync = harness.service.setups.sync("people")
        assert sync is not None
        return {row.key: row.since for row in sync.mappings}

    phone, city = ({"key": name, "left": name, "right": name} for name in ("phone", "city"))
    assert since(phone) == {"phone": 0}
    assert since(phone, city) == {"phone": 0, "city": 2}
    assert since(phone, city, default_app="R") == {"phone": 0, "city": 2}
    assert since({**phone, "lens": "text"}, city) == {"phone": 4, "city": 2}
    assert since({**phone, "lens": "text"}, {**city, "on": False}) == {"phone": 4, "city": 2}
    assert since({**phone, "lens": "text"}, city) == {"phone": 4, "city": 2}
    assert since({**phone, "lens": "text"}, {**city, "on": False, "lens": "name"}) == {"phone": 4, "city": 7}
    assert since({**phone, "lens": "text"}, {**city, "lens": "name"}) == {"phone": 4, "city": 7}
    assert harness.run("plan", harness.whole(mappings=[{**phone, "lens": "text"}, {**city, "lens": "name"}])) == 0


def test_a_changed_secret_or_interval_is_a_change_of_the_connection_alone(
    applied: SetupHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the file does not name stays as it is."""
    changed = applied.connection("two", webhook_secret="another", poll_interval_s=5)
    assert applied.run("apply", {"connections": [changed]}) == 0
    assert capsys.readouterr().out.splitlines() == [
        "~ connection two", "    poll_interval_s: 60 -> 5", "    webhook_secret: changed", "1 applied",
    ]  # fmt: skip
    (stored,) = applied.follow()
    assert (stored.message.connection.version, stored.message.connection.account) == (2, "8802")
    assert applied.service.setups.sync("people") is not None


def test_a_job_that_kafka_did_not_take_is_asked_for_by_the_next_apply(harness: SetupHarness) -> None:
    """A sync without its first reading would do nothing for ever."""
    harness.run("apply", harness.whole())
    harness.follow()
    run_blocking(harness.service.bus.publish([Outbound(topic=topics.JOBS, key="job:first-people", message=None)]))
    harness.follow()
    assert harness.run("plan", harness.whole()) == 2
    assert harness.run("apply", harness.whole()) == 0
    assert [stored.key for stored in harness.follow()] == ["job:first-people"]
    assert harness.run("plan", harness.whole()) == 0


def test_a_sync_that_lives_already_needs_no_first_reading(applied: SetupHarness) -> None:
    """Its job may have been forgotten since."""
    run_blocking(applied.service.bus.publish([Outbound(topic=topics.JOBS, key="job:first-people", message=None)]))
    applied.service.setups.apply(101, "phase:people", SetupDoc(phase=PhaseSet(sync="people", phase="live")))
    assert applied.run("plan", applied.whole()) == 0


def test_a_first_sync_that_failed_is_asked_for_again_by_the_next_apply(applied: SetupHarness) -> None:
    """It would be dead for ever otherwise; one that only waits is asked for once."""
    assert applied.run("plan", applied.whole()) == 0
    failed = JobProgress(job="first-people", phase="failed", error="a bug", at_ms=1)
    told = Outbound(topic=topics.JOBS, key="progress:first-people", message=JobDoc(progress=failed))
    run_blocking(applied.service.bus.publish([told]))
    applied.follow()
    assert applied.run("apply", applied.whole()) == 0
    (stored,) = applied.follow()
    assert (stored.message.job.kind, stored.message.job.sync) == ("first_sync", "people")
    assert stored.key.startswith("job:first-people.")
    assert applied.run("plan", applied.whole()) == 0


# Accounts


def test_one_account_is_connected_once_and_no_circle_goes_through_it(
    applied: SetupHarness, hubspot: HubSpotServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second token of a portal leads to the same portal."""
    with closing(hubspot.admin()) as admin:
        admin.call("POST", f"accounts/{PORTALS['one']}/tokens", {"token": "pat-again"})
    again = applied.connection("three", secrets={"access_token": "pat-again"})
    said = refused(applied, {"connections": [again]}, capsys)
    assert f"connection 'three' leads to the same account ({PORTALS['one']}) as 'one'" in said


def test_a_plan_works_while_an_account_is_paused(applied: SetupHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """What it cannot tell is named, the rest is planned; `apply` waits for nothing and changes nothing."""
    row = applied.service.setups.connection("one")
    budgets = RedisBudgets(connect(applied.settings.redis_url.get_secret_value()))
    budgets.pause(account_of(row), reason="app_unavailable", retry_after_s=60)
    file = applied.whole(default_app="R")
    file["connections"].append(applied.connection("three"))
    file["syncs"].append(between("one", "three", "second"))
    capsys.readouterr()
    started = time.monotonic()
    assert applied.run("plan", file) == 2
    shown = capsys.readouterr()
    assert [line for line in shown.out.splitlines() if line[0] != " "] == ["+ connection three", "~ sync people"]
    assert "connection 'one' does not answer now, and is taken as it was" in shown.err
    assert "sync 'second' cannot be planned now: the fields of contact of connection 'one'" in shown.err
    assert applied.run("apply", file) == 1
    assert applied.service.setups.connections() == [row, applied.service.setups.connection("two")]
    assert time.monotonic() - started < 10


# Two people at once


def test_of_two_people_who_apply_at_once_the_second_is_refused(
    applied: SetupHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both had read the same version; the first in the log counts for every reader, the second is told."""
    other = applied.person()
    assert applied.run("apply", applied.whole(direction="to_left")) == 0
    mine, applied.service = applied.service, other
    read_before = other.follow
    read = [False]

    def late(seconds: float) -> None:
        read[0] = True
        read_before(seconds)

    other.follow = late  # type: ignore[method-assign]  # it reads only after it has published
    capsys.readouterr()
    assert applied.run("apply", applied.whole(default_app="R")) == 1
    assert read == [True]
    shown = capsys.readouterr()
    assert "somebody else changed sync people at the same moment, and was first" in shown.err
    assert shown.out.splitlines()[-1] == "0 applied"
    mine.follow(0)
    third = applied.person()
    for reader in (mine, other, third):
        made = reader.setups.sync("people")
        assert made is not None
        assert (made.direction, made.default_app, made.version) == ("to_left", "L", 3)
        assert reader.setups.overruled() == []


def test_what_follows_from_a_change_is_done_also_where_its_command_dies(
    applied: SetupHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right after Kafka has taken it: a worker finds in the settings what is to be judged again."""
    applied.follow()

    def dies(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(publishing, "_read_back", dies)
    with pytest.raises(SystemExit):
        applied.run("apply", {"connections": [{**applied.connection("one"), "country": "IT"}]})
    (stored,) = applied.follow()
    assert stored.key == "connection:one"
    setups = applied.person().setups
    (job,) = moved(setups, 7)
    assert (job.id, job.kind, job.sync) == ("moved-people-one-2", "resync", "people")


def test_the_job_of_a_sync_follows_from_its_document_where_its_command_dies(
    harness: SetupHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Be it set up, edited, or switched off or on."""

    def dies(*_: object) -> None:
        raise SystemExit

    def left_behind(*what: Callable[[], object]) -> list[tuple[str, tuple[str, ...]]]:
        found = []
        for do in what:
            with monkeypatch.context() as patch:
                patch.setattr(publishing, "_read_back", dies)
                with pytest.raises(SystemExit):
                    do()
            assert all(not stored.key.startswith("job:") for stored in harness.follow())
            harness.service = harness.person()
            found += [(job.id, job.statuses) for _, job in edited(harness.service.setups, 7)]
        return found

    assert left_behind(
        lambda: harness.run("apply", harness.whole()),
        lambda: harness.run("apply", harness.whole(direction="to_left")),
        lambda: switch(harness.service, "people", on=False),
        lambda: switch(harness.service, "people", on=True),
    ) == [("first-people", ()), ("edited-people-2", ()), ("edited-people-3", ("pending",)), ("edited-people-4", ())]


def test_what_counts_is_the_last_of_its_key_also_when_the_second_person_dies(applied: SetupHarness) -> None:
    """Compaction keeps the last document of each key; the next `apply`, of whatever, puts right which one that is."""
    other = applied.person()
    assert applied.run("apply", applied.whole(direction="to_left")) == 0
    standing = applied.service.setups.sync("people")
    assert standing is not None
    lost = standing.model_copy(update={"direction": "to_right"})
    run_blocking(other.bus.publish([Outbound(topic=topics.SETUPS, key="sync:people", message=SetupDoc(sync=lost))]))
    applied.service = applied.person()
    assert applied.service.setups.overruled() == ["sync:people"]
    assert applied.run("apply", {"connections": [applied.connection("one")]}) == 0
    last = {stored.key: stored.message for stored in MemoryReader(applied.broker, topics.SETUPS).poll(0)}
    kept = last["sync:people"]
    assert kept is not None
    assert kept.sync == standing.model_copy(update={"version": 3, "judged": 3})


# What is refused


def refused(harness: SetupHarness, file: Any, capsys: pytest.CaptureFixture[str]) -> str:
    """Check that a file changes nothing, and give the sentence."""
    capsys.readouterr()
    assert harness.run("apply", file) == 1
    shown = capsys.readouterr()
    assert harness.follow() == []
    assert not re.search("^[+~]|applied|nothing", shown.out, re.MULTILINE)
    assert "Traceback" not in shown.err
    assert "pat-88" not in shown.err
    return shown.err


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (b"\xff\xfe\x00", "decode"), ("a: [", "not YAML"), ("a: 2024-13-45", "not YAML"), ("[" * 1100, "not YAML"),
        ("[]", "nothing changes"), ("- a", "not right"), ("5", "not right"), ("conections: []", "conections"),
        ("connections: {}", "connections"), ("syncs: [{}]", "syncs.0.id"), ("!!python/object:os.system {}", "not YAML"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_settings_is_refused(
    harness: SetupHarness, file: Any, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says where, never with a traceback."""
    if says == "nothing changes":
        assert harness.run("apply", file) == 0
        return
    assert says in refused(harness, file, capsys)


def test_a_file_that_is_not_there_is_refused(harness: SetupHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """The name is in the sentence."""
    assert setup.run(harness.service, "plan", harness.file) == 1
    assert "setup.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"app": "nothing"}, "there is no app 'nothing'; known are hubspot"),
        ({"base_url": "ftp://x"}, "http or https"), ({"base_url": "nonsense"}, "http or https"),
        ({"auth": "magic"}, "knows no sign-in 'magic'"), ({"secrets": {}}, "secrets must hold access_token"),
        ({"secrets": {"access_token": "pat-0"}}, "does not work"),
        ({"base_url": "http://127.0.0.1:9"}, "does not work"),
        ({"base_url": "http://10.0.0.1"}, "does not work"), ({"id": "Not Good"}, "connections.0.id"),
        ({"poll_interval_s": 0}, "poll_interval_s"), ({"colour": "red"}, "colour"),
        ({"options": {"oldest_signature": "v4"}}, "the option oldest_signature may be v3, v2, v1, not 'v4'"),
    ],
)  # fmt: skip
def test_a_connection_that_does_not_work_is_refused(
    harness: SetupHarness, changes: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything of the file is applied."""
    assert says in refused(harness, {"connections": [harness.connection("one", **changes)]}, capsys)


def test_another_account_is_another_connection(applied: SetupHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """Its ids would point to strangers."""
    other = applied.connection("two", secrets={"access_token": "pat-8803"})
    assert "leads to account '8803' (HubSpot 8803) now, and was made for '8802'" in refused(
        applied, {"connections": [other]}, capsys
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"left": {"connection": "nobody", "object": "contact"}}, "there is no connection 'nobody'"),
        ({"left": {"connection": "one", "object": "ticket"}}, "has no 'ticket', only contact, company, deal"),
        (
            {"mappings": [{"key": "f", "left": "phone", "right": "phone", "lens": "magic"}]},
            "the lens 'magic' does not fit",
        ),
        (
            {"mappings": [{"key": "f", "left": a, "right": a} for a in ("phone", "city")]},
            "several mappings have the key f",
        ),
        (
            {"mappings": [{"key": a, "left": a, "right": "phone"} for a in ("phone", "city")]},
            "both write the field",
        ),
        ({"match": {"mode": "fields"}}, "match.left_field"),
        ({"match": {"mode": "guess"}}, "match.mode"),
        ({"associations": [{"to": "people", "label": "company"}]}, "leads to company of connection"),
        ({"direction": "sideways"}, "direction"),
        ({"version": 3}, "version"),
    ],
)
def test_a_sync_that_cannot_work_is_refused(
    harness: SetupHarness, changes: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says which part, and what there is instead."""
    assert says in refused(harness, harness.whole(**changes), capsys)


def test_two_mappings_may_share_a_field_where_only_one_writes_it(harness: SetupHarness) -> None:
    """One is off, or carries the other way."""
    mappings = [
        {"key": "a", "left": "phone", "right": "phone"},
        {"key": "b", "left": "city", "right": "phone", "direction": "to_left"},
        {"key": "c", "left": "zip", "right": "phone", "on": False},
    ]
    assert harness.run("plan", harness.whole(mappings=mappings)) == 2


def test_an_association_may_wait_for_a_sync_that_is_not_there(
    harness: SetupHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is set up, and said, for a name may be misspelt."""
    assert harness.run("plan", harness.whole(associations=[{"to": "firms", "label": "company"}])) == 2
    assert "waits until a sync 'firms' is set up" in capsys.readouterr().err


def test_an_association_may_lead_to_a_sync_further_down(
    harness: SetupHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its label must be one that both apps know."""
    file = harness.whole(associations=[{"to": "firms", "label": "company"}])
    file["syncs"].append(between("one", "two", "firms", "company"))
    assert harness.run("plan", file) == 2
    file["syncs"][0]["associations"][0]["label"] = "boss"
    assert "has no association 'boss'; there are company" in refused(harness, file, capsys)


def test_the_ends_of_a_sync_stay(applied: SetupHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """Other ends are another sync."""
    file = {"syncs": [between("two", "one")]}
    assert "its connections and objects cannot change; make a new sync" in refused(applied, file, capsys)


def test_a_circle_of_syncs_is_refused(applied: SetupHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """A change would come back by another way: also by a sync beside the first, the other way round, or onto itself."""
    for again in (between("one", "two", "again"), between("two", "one", "again")):
        assert "kept the same already by people" in refused(applied, {"syncs": [again]}, capsys)
    assert "both ends" in refused(applied, {"syncs": [between("one", "one", "self")]}, capsys)
    ring = [between("two", "three", "second"), between("three", "one", "third")]
    file = {"connections": [applied.connection("three")], "syncs": ring}
    said = refused(applied, file, capsys)
    assert "sync 'third'" in said
    assert "second, people" in said


def test_a_star_of_syncs_is_no_circle(applied: SetupHarness) -> None:
    """One portal in the middle, and another object type beside it."""
    syncs = [between("one", "three", "second"), between("one", "two", "firms", "company")]
    assert applied.run("apply", {"connections": [applied.connection("three")], "syncs": syncs}) == 0


def test_an_entry_that_stands_twice_is_refused(harness: SetupHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """Only one of them would count."""
    file = {"connections": [harness.connection("one"), harness.connection("one")]}
    assert "connection one more than once" in refused(harness, file, capsys)
    file = harness.whole()
    file["syncs"] *= 2
    assert "sync people more than once" in refused(harness, file, capsys)


def test_without_kafka_nothing_is_called_applied(harness: SetupHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """The same file does it later."""
    harness.broker.available = False
    assert harness.run("apply", harness.whole()) == 1
    shown = capsys.readouterr()
    assert "applied" not in shown.out
    assert "apply the file again" in shown.err
    harness.broker.available = True
    assert harness.run("apply", harness.whole()) == 0


def test_without_a_key_no_secret_is_taken(harness: SetupHarness, capsys: pytest.CaptureFixture[str]) -> None:
    """It says how to name one."""
    harness.service.settings = harness.settings.model_copy(update={"key_file": None})
    assert "SYNCLINE_KEY_FILE" in refused(harness, harness.whole(), capsys)


def test_reading_refuses_with_an_error_of_its_own() -> None:
    """Programs may use it, too."""
    with pytest.raises(SetupError):
        read("x: 1")
