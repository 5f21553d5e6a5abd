"""The objects of an account: what it has, what is in the way, and which part fields play; by page, API and command."""

from typing import Any

import pytest

from services.console.commands.settings import accounts
from services.console.web.parts.words import TYPES
from shared.contract.calls import AppError
from shared.model.records import FieldType
from shared.settings import Settings
from shared.wire.messages import SetupDoc
from tests.console.web.client import ConsoleClient
from tests.console.web.objects import keep_cars, show_objects
from tests.services.console.harness import TOKEN, ConsoleHarness, is_problem
from tests.services.environment import LEFT, RIGHT

PATH = f"/connections/{LEFT}/objects"


@pytest.fixture(name="shown")
def _shown(console: ConsoleHarness) -> ConsoleHarness:
    show_objects(console)
    return console


def grants(console: ConsoleHarness, *scopes: str) -> None:
    """Have the account's sign-in tell what was granted."""
    row = console.env.setups.connection(LEFT)
    changes = {"scopes": scopes, "version": row.version + 1}
    console.env.set_up("connection", SetupDoc(connection=row.model_copy(update=changes)), LEFT)


def away(_connection: str, _words: Any) -> Any:
    raise AppError("app_unavailable", "it is away", retry="outage")


def test_an_account_shows_what_it_has_and_what_is_synced(shown: ConsoleHarness, client: ConsoleClient) -> None:
    page = client.open(PATH)
    assert "Contacts contact Synced people" in page.words
    assert (
        "Cars p_car · this account's own Can be synced none Syncline does not know by which field two of its records "
        "are the same." in page.words
    )
    assert "Members p_member · this account's own Synced members" in page.words
    assert "Boats p_boat · this account's own Cannot be synced none The account of connection 'hub' does" in page.words
    assert f"{PATH}/p_car" in page.links
    assert f"{PATH}/p_boat" not in page.links
    assert PATH in client.open(f"/connections/{LEFT}").links, "the account leads there"
    told = shown.get(f"connections/{LEFT}/objects")
    assert [(row["id"], row["own"], row["usable"], row["syncs"]) for row in told["objects"]] == [
        ("contact", False, True, ["people"]),
        ("p_car", True, True, []),
        ("p_member", True, True, ["members"]),
        ("p_boat", True, False, []),
    ]
    assert [row["id"] for row in shown.get(f"connections/{RIGHT}/objects")["objects"]] == ["contact"]
    is_problem(shown.call("GET", "connections/nobody/objects"), 404)


def test_what_was_not_granted_is_in_the_way(shown: ConsoleHarness, client: ConsoleClient) -> None:
    grants(shown, "own.read", "contacts.write")
    told = {row["id"]: row for row in shown.get(f"connections/{LEFT}/objects")["objects"]}
    assert (told["contact"]["usable"], told["contact"]["in_the_way"]) == (
        False,
        ["Not granted: contacts.read. Reconnect the account, and allow it."],
    )
    assert (told["p_car"]["usable"], told["p_car"]["notes"][0]) == (
        True,
        "It can only be read. Not granted: own.write.",
    )
    assert "Contacts contact Cannot be synced people Not granted: contacts.read." in client.open(PATH).words


def test_an_object_shows_its_fields_with_their_parts_and_its_associations(
    shown: ConsoleHarness, client: ConsoleClient
) -> None:
    keep_cars(shown)
    page = client.open(f"{PATH}/p_car")
    assert page.headings[0] == f"Cars of {LEFT.title()}"
    assert "Number plate plate Text Name (name) both ways Needed to create a record" in page.words
    assert "Built on built Date none out of it and into it when a record is created nothing" in page.words
    assert "Colour colour Choice 1 option none both ways Unique, sensitive" in page.words
    assert "Made at made Date and time none out of it nothing" in page.words
    assert "contact Contacts any number none contact.driver Contacts 1 record cars" in page.words
    assert "Mail mail Text E-mail (email) in members both ways nothing" in client.open(f"{PATH}/p_member").words
    told = shown.get(f"connections/{LEFT}/objects/p_member")
    assert [(row["name"], row["roles"]) for row in told["fields"]] == [
        ("mail", [{"role": "email", "title": "E-mail", "sync": "members"}]),
        ("surname", [{"role": "name", "title": "Name", "sync": ""}]),
    ]
    assert told["associations"] == []
    client.open(f"{PATH}/p_boat", 404)
    said = is_problem(shown.call("GET", f"connections/{LEFT}/objects/p_boat"), 404)
    assert said == "The account has no object 'p_boat'; there are contact, p_car, p_member."


def test_a_sync_that_lacks_its_object_or_an_association_is_a_problem(shown: ConsoleHarness) -> None:
    """With what to do about it; an association that nobody has any more takes nothing else with it."""
    keep_cars(shown)
    problems = [row for row in shown.get("health")["problems"] if row["kind"] == "sync"]
    lacking = "has no association 'contact.driver' of contact any more."
    assert [(row["sync"], row["detail"]) for row in problems] == [
        ("cars", f"The account of connection '{RIGHT}' {lacking}"),
    ]
    assert problems[0]["remedy"] == "Take it out of the sync, or make it again in the app."
    found = shown.env.setups.found()[f"{LEFT}/p_car"].model_copy(update={"gone": "it is gone"})
    shown.env.set_up("object", SetupDoc(object=found), f"{LEFT}/p_car")
    (problem,) = (row for row in shown.get("health")["problems"] if row["kind"] == "sync")
    assert (problem["detail"], problem["remedy"]) == (
        "it is gone",
        "Bring the object back in the app, or delete the sync.",
    )


def test_an_account_is_asked_once_a_minute_and_what_is_known_stays_when_it_is_away(
    shown: ConsoleHarness, client: ConsoleClient
) -> None:
    def asked() -> list[str]:
        return [words for _, what, words in shown.env.calls if what == "objects"]

    for _ in range(3):
        client.open(f"{PATH}/p_car")
    assert asked() == ["find", "p_car"]
    shown.env.clock.advance(60_000)
    client.open(PATH)
    assert asked() == ["find", "p_car", "find"]
    shown.env.clock.advance(60_000)
    shown.env.answers["objects"] = away
    words = client.open(PATH).words
    assert "The account cannot be asked now app_unavailable: it is away What is shown is what is known" in words
    assert "Members" in words
    assert "Cars" not in words, "nothing has kept it"
    said = is_problem(shown.call("GET", f"connections/{LEFT}/objects/p_car"), 404)
    assert said is not None
    assert said.endswith("App_unavailable: it is away.")


def test_the_command_shows_the_same(shown: ConsoleHarness, capsys: pytest.CaptureFixture[str]) -> None:
    keep_cars(shown)
    port = int(shown.address.rpartition(":")[2])
    settings = Settings(console_token=TOKEN, console_port=port)  # type: ignore[arg-type]  # a secret as text
    assert accounts.run("objects", [LEFT], settings=settings) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "contact: Contacts; can be synced, synced by people"
    assert out[1] == "p_car: Cars, this account alone; can be synced, synced by cars"
    assert out[-2] == "p_boat: Boats, this account alone; cannot be synced"
    assert accounts.run("objects", [LEFT, "p_car"], settings=settings) == 0
    out = capsys.readouterr().out.splitlines()
    assert "  plate (text): Number plate [name, needed]; both" in out
    assert "  association contact.driver: to contact, 1, carried by cars" in out
    assert accounts.run("objects", [LEFT, "p_train"], settings=settings) == 1
    assert "there are contact, p_car, p_member" in capsys.readouterr().err


def test_each_kind_of_field_has_a_name_for_people() -> None:
    assert set(TYPES) == set(FieldType)
