"""What apps and types of records declare is read: by the engine, a service, the conformance suite or a reference."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from mypy.modulefinder import BuildSource

from tests.architecture.declarations import source, unread

ROOT: Final = Path(__file__).parents[2]
_CONTRACT: Final = ("app", "calls", "demands", "feeds", "reading", "sign_in", "webhooks", "writing")
DECLARING: Final = (*(f"shared.contract.{name}" for name in _CONTRACT), "shared.model.fields", "shared.objects.base")
READING: Final = ("tests/apps/driver.py", "tests/apps/conformance.py", "tests/apps/world.py", "tests/docs/reference.py")
WORDS: Final = (*(f"contract/{name}" for name in _CONTRACT), "model/fields", "model/records")
SUITE: Final = ("conformance.py", "declared.py", "world.py", "driver.py")
NO_RULE: Final[Mapping[str, Collection[str]]] = {
    "the suite hands it to the app": {
        "Change.before", "Change.expected", "Change.fields", "Change.id", "Change.links", "Change.marker",
        "HttpResponse.body", "HttpResponse.headers", "HttpResponse.status", "Session.connection", "Session.options",
        "WebhookCall.at_ms", "WebhookCall.body", "WebhookCall.headers", "WebhookCall.method", "WebhookCall.url",
    },
    "people read it": {
        "App.title", "Auth.outlives", "FoundObject.label", "Option.label", "Refused.message",
        "Scope.access", "Scope.name", "Scope.reason", "Scope.required", "Unreadable.code", "Unreadable.message",
        "ConnectionField.required", "Refused.retry",
    },
    "the suite is given its server and its account": {
        "App.account_within", "App.base_url", "App.key", "FoundAssociation.to_id", "Limit.scope",
    },
    "tests/io/calls/test_sign_ins.py and tests/apps/test_hubspot_bodies.py": {
        "Auth.code_flow", "Auth.refresh", "Auth.revoke", "CodeFlow.page", "CodeFlow.pkce", "CodeFlow.redeem",
    },
    "tests/services/ingest/test_webhooks.py": {
        "Heard.hints", "Heard.unread", "Hint.account", "Hint.into", "Hint.object", "Hint.occurred_ms", "Hint.winner",
    },
    "the simulator has a world for each": {"Binding.create"},
}  # fmt: skip
"""What no rule for all apps is about, and why."""


def test_everything_that_is_declared_is_read() -> None:
    paths = [path for folder in ("shared", "services") for path in sorted((ROOT / folder).rglob("*.py"))]
    sources = [source(path, ROOT) for path in (*paths, *(ROOT / name for name in READING))]
    assert unread(sources, DECLARING) == set()


def test_the_suite_of_all_apps_has_a_rule_for_whatever_they_declare() -> None:
    suite = [source(ROOT / "tests" / "apps" / name, ROOT) for name in SUITE]
    core = [source(ROOT / "shared" / f"{name}.py", ROOT) for name in WORDS]
    beyond = {name for names in NO_RULE.values() for name in names}
    found = unread([*core, *suite], DECLARING[:-1])
    assert found - beyond == set()
    assert beyond - found == set(), "there is a rule by now"


def test_an_attribute_is_read_only_where_its_own_class_is() -> None:
    declaring = (
        "from dataclasses import dataclass\n@dataclass\nclass Feed:\n    kind: str\n    role: str\n    name: str\n"
    )
    reading = (
        "from declaring import Feed\n"
        "class Other:\n    role = ''\n"
        "def use(feeds: list[Feed | None], other: Other) -> list[str]:\n"
        "    return [other.role, *(feed.kind for feed in feeds if feed is not None)]\n"
        "def fill(feed: Feed) -> Feed:\n    return Feed(kind=feed.kind, role='', name='')\n"
    )
    sources = [BuildSource(None, "declaring", declaring), BuildSource(None, "reading", reading)]
    assert unread(sources, ["declaring"]) == {"Feed.role", "Feed.name"}
