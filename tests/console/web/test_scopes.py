"""What tokens with scopes may do: every address of the API with every scope is as the table says, and never more."""

from typing import Any, Final

import pytest
import requests

from services.console.access.roles import AREAS, NEEDS, ROLES, reaches
from services.console.access.scopes import SCOPE_OF, SCOPES, least_role, opens
from services.console.use.administration.tokens import Tokens
from services.console.use.callers import Caller
from services.console.use.problems import Problem, Refused
from shared.io.ports import Outbound, run_blocking
from shared.wire import topics
from shared.wire.access import AccessDoc, ScopedToken
from shared.wire.messages import Role
from tests.console.web.client import Page
from tests.console.web.examples import show_everything
from tests.console.web.test_events import Stream, tell
from tests.console.web.test_roles import ask, client_as, is_described, names_of
from tests.console.web.test_settings import said, secret_of
from tests.services.console.harness import ConsoleHarness, caller_of, is_problem, pair
from tests.services.environment import SYNC

_API: Final = [row for row in NEEDS if " /api/v1/" in row]
_DESCRIPTION: Final = "GET /api/v1/openapi.json"


@pytest.fixture(name="shown")
def _shown(console: ConsoleHarness) -> ConsoleHarness:
    show_everything(console)
    return console


@pytest.fixture(name="tokens")
def _tokens(console: ConsoleHarness) -> Tokens:
    return console.access.tokens


@pytest.fixture(name="ann")
def _ann(console: ConsoleHarness) -> Caller:
    """Offer an admin."""
    return caller_of(console.person("admin"))


def by(console: ConsoleHarness, secret: str, method: str, path: str, **more: Any) -> requests.Response:
    """Call with a token."""
    return console.call(method, path, headers={"Authorization": f"Bearer {secret}"}, **more)


def recognised(tokens: Tokens, secret: str) -> Caller:
    """Return who sends a token."""
    caller = tokens.recognise(secret)
    assert caller is not None
    return caller


# The table


def test_each_address_of_the_api_has_one_scope_and_each_scope_opens_something() -> None:
    assert sum(map(len, AREAS.values())) == len(NEEDS), "none is in two areas"
    assert set(SCOPE_OF) == set(_API)
    assert set(SCOPES) == set(SCOPE_OF.values())
    assert not any(" /api/v1/" in row for row in AREAS[None]), "no address of the API is in no area"


def test_reading_changes_nothing_and_changing_is_no_reading() -> None:
    for row, scope in SCOPE_OF.items():
        assert scope.endswith(":read") is row.startswith("GET "), row


def test_a_scope_begins_to_open_something_at_the_least_of_its_roles() -> None:
    for scope in SCOPES:
        least = least_role(scope)
        allowed = {role for row in _API if SCOPE_OF[row] == scope for role in ROLES if reaches(role, _needed(row))}
        assert allowed == set(ROLES[ROLES.index(least) :]), scope
    assert (least_role("records:read"), least_role("jobs:change")) == ("viewer", "operator")


def _needed(row: str) -> Role:
    needed = NEEDS[row]
    assert needed is not None, row
    return needed


@pytest.mark.parametrize("scope", SCOPES)
def test_every_address_takes_exactly_its_scope(shown: ConsoleHarness, scope: str) -> None:
    """By a token of an admin, who may do everything else."""
    names, opened = names_of(shown, "admin"), 0
    for row in _API:
        answer = ask(shown, row, "admin", names, [scope])
        if row != _DESCRIPTION:
            is_described(row, answer)
        if SCOPE_OF[row] == scope:
            assert answer.status_code != 403, (row, answer.text)
            opened += 1
            continue
        assert answer.status_code == 403, (row, answer.text)
        told = answer.json()
        assert (told["type"], told["scope"]) == ("urn:syncline:problem:scope-missing", SCOPE_OF[row]), row
        assert SCOPE_OF[row] in told["detail"]
        assert answer.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{SCOPE_OF[row]}"'
    assert opened


@pytest.mark.parametrize("role", ROLES)
def test_scopes_allow_nothing_that_the_role_does_not(shown: ConsoleHarness, role: Role) -> None:
    """By a token that has every scope which opens anything to the role."""
    names = names_of(shown, role)
    scopes = [scope for scope in SCOPES if reaches(role, least_role(scope))]
    for row in _API:
        answer = ask(shown, row, role, names, scopes)
        assert (answer.status_code == 403) is not reaches(role, _needed(row)), (row, answer.text)
        if answer.status_code == 403:
            assert answer.json()["type"] == "urn:syncline:problem:not-allowed", row


def test_whose_owner_may_do_less_does_less(console: ConsoleHarness, tokens: Tokens) -> None:
    owner = console.person("operator")
    secret = tokens.make(caller_of(owner), "resyncs", "operator", 1, ["jobs:change"])[1]
    assert by(console, secret, "POST", "jobs", json={"sync": SYNC}).status_code == 202
    console.access.accounts.change(owner.id, role="viewer")
    answer = by(console, secret, "POST", "jobs", json={"sync": SYNC})
    assert "takes the role operator" in is_problem(answer, 403)
    console.access.accounts.change(owner.id, disabled=True)
    assert by(console, secret, "POST", "jobs", json={"sync": SYNC}).status_code == 401


def test_a_token_with_scopes_ends_in_its_time_and_when_it_is_revoked(
    console: ConsoleHarness, tokens: Tokens, ann: Caller
) -> None:
    day = tokens.make(ann, "for a day", "viewer", 1, ["health:read"])[1]
    made, ever = tokens.make(ann, "for ever", "viewer", 0, ["health:read"])
    console.env.clock.advance(topics.DAY_MS)
    assert by(console, day, "GET", "health").status_code == 401
    assert by(console, ever, "GET", "health").status_code == 200
    assert {row["name"] for row in console.get("tokens")["tokens"]} == {"for a day", "for ever"}
    assert console.call("DELETE", f"tokens/{made.id}").json()["scopes"] == ["health:read"]
    assert by(console, ever, "GET", "health").status_code == 401
    assert {row["name"] for row in console.get("tokens")["tokens"]} == {"for a day"}


@pytest.mark.parametrize("days", [0, 90])
def test_a_token_that_a_token_makes_ends_with_it_at_the_latest(
    console: ConsoleHarness, tokens: Tokens, ann: Caller, days: int
) -> None:
    maker, secret = tokens.make(ann, "for two days", "viewer", 2)
    made = by(console, secret, "POST", "tokens", json={"name": "made", "role": "viewer", "days": days}).json()
    assert made["until_ms"] == maker.until_ms
    day = by(console, secret, "POST", "tokens", json={"name": "day", "role": "viewer", "days": 1}).json()
    assert day["until_ms"] == maker.until_ms - topics.DAY_MS
    assert tokens.make(ann, "by a person", "viewer", days)[0].until_ms != maker.until_ms


# Making one


def test_a_token_has_its_scopes_in_their_order_and_each_once(
    console: ConsoleHarness, tokens: Tokens, ann: Caller
) -> None:
    asked = ["jobs:read", "records:read", "jobs:read"]
    answer = console.call("POST", "tokens", json={"name": "report", "scopes": asked})
    made = answer.json()
    assert (answer.status_code, made["scopes"]) == (201, ["records:read", "jobs:read"])
    assert console.get(f"tokens/{made['id']}")["scopes"] == ["records:read", "jobs:read"]
    assert recognised(tokens, made["secret"]).scopes == frozenset({"records:read", "jobs:read"})
    assert console.call("POST", "tokens", json={"name": "all"}).json()["scopes"] is None
    assert recognised(tokens, tokens.make(ann, "all", "viewer", 1)[1]).scopes is None


@pytest.mark.parametrize(
    ("role", "scopes", "said"),
    [
        ("viewer", ["records:write"], "There is no scope 'records:write': choose of records:read, "),
        ("viewer", ["records:read", "jobs:change"], "jobs:change opens nothing to the role viewer: choose operator"),
        ("viewer", [], "leave them out for all that the role allows"),
    ],
)
def test_scopes_that_mean_nothing_are_refused(tokens: Tokens, ann: Caller, role: Role, scopes: Any, said: str) -> None:
    with pytest.raises(Refused) as refused:
        tokens.make(ann, "t", role, 1, scopes)
    assert said in refused.value.fields["scopes"]


def test_the_api_refuses_them_too(console: ConsoleHarness) -> None:
    for scopes in (["nothing"], [], "records:read", ["connections:change"]):
        answer = console.call("POST", "tokens", json={"name": "t", "scopes": scopes})
        assert any(name.startswith("scopes") for name in answer.json()["fields"]), answer.text
        assert answer.status_code == 422
    assert console.get("tokens")["tokens"] == []


def test_a_token_with_scopes_makes_none_that_may_do_more(console: ConsoleHarness, tokens: Tokens, ann: Caller) -> None:
    """Neither with another scope, nor without any, which would be everything."""
    secret = tokens.make(ann, "makes others", "admin", 1, ["people:change", "records:read"])[1]
    mine = by(console, secret, "POST", "tokens", json={"name": "mine", "scopes": ["records:read"]})
    assert (mine.status_code, mine.json()["scopes"]) == (201, ["records:read"])
    other = by(console, secret, "POST", "tokens", json={"name": "other", "scopes": ["records:read", "jobs:read"]})
    assert is_problem(other, 403).startswith("This token lacks the scope jobs:read itself")
    assert other.json()["scope"] == "jobs:read"
    everything = by(console, secret, "POST", "tokens", json={"name": "everything"})
    assert "makes none without" in is_problem(everything, 422)
    assert {row.name for row in console.access.accounts.people.tokens()} == {"makes others", "mine"}


def test_a_token_tells_its_scopes(console: ConsoleHarness, tokens: Tokens, ann: Caller) -> None:
    secret = tokens.make(ann, "t", "viewer", 1, ["people:read", "health:read"])[1]
    assert by(console, secret, "GET", "account").json()["scopes"] == ["health:read", "people:read"]


def test_the_log_tells_the_scopes_of_a_token(console: ConsoleHarness, tokens: Tokens, ann: Caller) -> None:
    tokens.make(ann, "narrow", "viewer", 1, ["people:read", "health:read"])
    tokens.make(ann, "wide", "viewer", 1)
    console.follow_views()
    told = {row["about"]: row["changes"] for row in console.get("audit", what="token.made")["audit"]}
    assert {"name": "scopes", "before": "", "after": "health:read, people:read"} in told["token:narrow"]
    assert [row["name"] for row in told["token:wide"]] == ["role", "ends"]


# What changes


def test_a_listener_hears_of_what_its_scopes_let_it_read(console: ConsoleHarness, tokens: Tokens, ann: Caller) -> None:
    records = tokens.make(ann, "records", "viewer", 1, ["records:read"])[1]
    accounts = tokens.make(ann, "accounts", "viewer", 1, ["records:read", "connections:read"])[1]
    stream, other = Stream(console, records), Stream(console, accounts).begun()
    stream.until("begin")
    tell(console, pair("bob"))
    found = stream.one()
    assert found is not None
    assert (found[0], found[1]["id"]) == ("record", "bob"), "nothing of connections"
    assert other.names(1) == ["bob"]
    refused = by(console, records, "GET", "events", params={"kind": "job"}, stream=True)
    assert (is_problem(refused, 403), refused.json()["scope"]) == (
        "This takes the scope jobs:read, which this token lacks: use one that has it.", "jobs:read",
    )  # fmt: skip
    for one in (stream, other):
        one.close()


# How it is stored


def test_a_version_without_scopes_takes_a_token_with_scopes_for_none(
    console: ConsoleHarness, tokens: Tokens, ann: Caller
) -> None:
    """It keeps what it does not know, so a token with one field more would be one without limits to it."""
    made = tokens.make(ann, "narrow", "admin", 0, ["records:read"])[0]
    assert isinstance(made, ScopedToken)
    (stored,) = [row for row in console.stored(topics.ACCESS) if row.key.endswith(f":{made.id}")]
    known_before = set(AccessDoc.model_fields) - {"scoped"}
    assert stored.key.partition(":")[0] not in known_before, "it looks for tokens under `token:` alone"
    assert all(getattr(stored.message, name) is None for name in known_before)
    assert AccessDoc.model_validate_json(stored.raw or b"") == AccessDoc(scoped=made)


def test_a_token_without_scopes_is_stored_as_it_was(console: ConsoleHarness, tokens: Tokens, ann: Caller) -> None:
    made = tokens.make(ann, "wide", "viewer", 0)[0]
    (stored,) = [row for row in console.stored(topics.ACCESS) if row.key == f"token:{made.id}"]
    assert stored.message == AccessDoc(token=made)
    assert "scopes" not in made.model_dump()


def test_a_scope_of_a_newer_version_opens_nothing(console: ConsoleHarness, tokens: Tokens, ann: Caller) -> None:
    """Least of all everything."""
    made, secret = tokens.make(ann, "newer", "admin", 0, ["records:read"])
    doc = AccessDoc(scoped=ScopedToken(**{**dict(made), "scopes": ("orbits:read",)}))
    run_blocking(console.env.bus.publish([Outbound(topic=topics.ACCESS, key=f"scoped:{made.id}", message=doc)]))
    tokens.make(ann, "next", "viewer", 0)  # has the console follow
    caller = recognised(tokens, secret)
    assert caller.scopes == frozenset({"orbits:read"})
    assert not any(opens(caller.scopes, row) for row in _API)
    assert by(console, secret, "GET", "records").status_code == 403


def test_a_document_without_scopes_is_none() -> None:
    """It would be a token without limits."""
    with pytest.raises(ValueError, match="scopes"):
        AccessDoc.model_validate({"scoped": {"id": "t", "name": "t", "role": "admin", "hashed": "x", "scopes": []}})


# Pages and command line


def test_the_page_offers_scopes_and_lists_them(console: ConsoleHarness, tokens: Tokens) -> None:
    admin = client_as(console, "admin")
    page = admin.open("/settings/tokens")
    assert page.form("/settings/tokens").boxes == list(SCOPES)
    for text in SCOPES.values():
        assert text in page.words
    chosen = {"name": "report", "role": "viewer", "days": "30", "records:read": "on", "health:read": "on"}
    secret = secret_of(admin.send(page.form("/settings/tokens"), **chosen))
    assert recognised(tokens, secret).scopes == frozenset({"records:read", "health:read"})
    wide = secret_of(admin.send(page.form("/settings/tokens"), name="wide", role="viewer", days="30"))
    assert recognised(tokens, wide).scopes is None
    words = admin.open("/settings/tokens").words
    assert "report Works viewer records:read, health:read ann@x.example" in words
    assert "wide Works viewer ann@x.example" in words


def test_the_page_says_which_scope_the_role_lacks_and_keeps_what_was_ticked(console: ConsoleHarness) -> None:
    admin = client_as(console, "admin")
    form = admin.open("/settings/tokens").form("/settings/tokens")
    answer = admin.send(form, name="t", role="viewer", days="30", **{"jobs:change": "on", "jobs:read": "on"})
    assert answer.status_code == 422
    page = Page(answer)
    assert "#scopes" in page.links
    assert page.words.count("jobs:change opens nothing to the role viewer") == 2, "on top, and where it was ticked"
    fields = page.form("/settings/tokens").fields
    assert {name for name in SCOPES if name in fields} == {"jobs:change", "jobs:read"}


def test_nobody_is_offered_a_scope_that_would_open_nothing(console: ConsoleHarness) -> None:
    boxes = client_as(console, "viewer").open("/settings/tokens").form("/settings/tokens").boxes
    assert boxes == [scope for scope in SCOPES if least_role(scope) == "viewer"]
    assert "jobs:change" not in boxes


def test_the_command_takes_scopes(console: ConsoleHarness, tokens: Tokens) -> None:
    words = ("tokens", "add", "report", "--scope", "jobs:read", "--scope", "records:read")
    (secret,) = said(console, *words)
    (made,) = console.access.accounts.people.tokens()
    assert recognised(tokens, secret).scopes == frozenset({"jobs:read", "records:read"})
    assert said(console, "tokens") == [f"{made.id}  report  viewer  installation  records:read, jobs:read"]
    with pytest.raises(Problem, match="There is no scope 'jobs'"):
        said(console, "tokens", "add", "report", "--scope", "jobs")
    assert said(console, "tokens", "revoke", made.id) == ["report has ended"]
    assert tokens.recognise(secret) is None
