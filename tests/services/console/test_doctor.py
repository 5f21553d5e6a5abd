"""What a doctor says of what is set up: secrets, links and apps, each with what to do."""

from services.console.commands import doctor
from services.console.commands.doctor import set_up
from shared.findings import Finding
from shared.io.calls.vault import Vault
from shared.wire.messages import PhaseSet, SetupDoc
from tests.services.console.setup_harness import SetupHarness


def told(harness: SetupHarness, vault: Vault | None = None) -> dict[str, Finding]:
    return {one.title: one for one in set_up(harness.service, vault or Vault.from_file(harness.settings.key_file))}


def test_what_works_is_named_and_links_that_are_lost_come_back_by_themselves(applied: SetupHarness) -> None:
    found = told(applied)
    assert {title: one.state for title, one in found.items()} == {
        "the links of sync people are lost": "warn",
        "connection one (One) answers as account 8801": "ok",
        "connection two (Two) answers as account 8802": "ok",
    }


def test_a_key_that_was_lost_is_told_with_what_to_enter(applied: SetupHarness) -> None:
    found = told(applied, Vault([b"x" * 32]))["the secrets of connection two (Two) cannot be opened"]
    assert not found.ok
    assert found.advice.endswith("./syncline secrets two access_token webhook_secret.")


def test_an_account_that_is_paused_or_away_says_what_to_do(applied: SetupHarness) -> None:
    assert applied.run("apply", {"connections": [applied.connection("one", paused=True)]}) == 0
    row = applied.service.setups.connection("two")
    away = row.model_copy(update={"base_url": "http://127.0.0.1:1", "version": row.version + 1})
    applied.service.setups.apply(102, "connection:two", SetupDoc(connection=away))
    one, two = (found for title, found in told(applied).items() if title.startswith("connection"))
    assert (one.title, one.state) == ("connection one (One) is paused by somebody", "warn")
    assert "./syncline connections resume one" in one.advice
    assert two.title.startswith("connection two (Two) does not work (app_unavailable")
    assert two.advice == "Nothing to do: retried with pauses until the app answers again."


def test_what_a_newer_version_has_set_up_is_told(applied: SetupHarness) -> None:
    applied.service.setups.leave_out(103, "sync:people", None, "a word of a newer version")
    found = told(applied)["sync people does not run in this version"]
    assert not found.ok
    assert "a word of a newer version" in found.advice
    applied.service.setups.apply(104, "phase:people", SetupDoc(phase=PhaseSet(sync="people", phase="live")))


def test_a_console_that_is_out_of_reach_is_no_fault(applied: SetupHarness) -> None:
    """A doctor may run where only Kafka and Redis are reached."""
    found = doctor.console(applied.settings)
    assert (found.state, found.title) == ("warn", "the console was not reached from here")
    assert "SYNCLINE_CONSOLE_TOKEN" in found.advice
