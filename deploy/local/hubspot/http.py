"""A call as the handlers see it, and how its parts are read strictly."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from deploy.local.hubspot.account import Account
from deploy.local.hubspot.errors import bad_request, invalid_input, not_found
from deploy.local.hubspot.objects.catalogue import BY_SPELLING, ObjectType
from deploy.local.hubspot.objects.records import Author
from deploy.local.hubspot.objects.values import iso
from deploy.local.hubspot.store import Table
from deploy.local.hubspot.world import App, Grant, World


class Answer(NamedTuple):
    """What a handler returns; a body of None is an empty one."""

    status: int
    body: Any = None
    html: bool = False
    location: str = ""


@dataclass(slots=True)
class Call:
    """One call, already authenticated and admitted."""

    world: World
    account: Account
    app: App
    grant: Grant
    params: dict[str, str]
    query: dict[str, list[str]]
    body: Any
    now: int
    id: str
    path: str = ""
    form: dict[str, str] = field(default_factory=dict)

    @property
    def author(self) -> Author:
        """Return the app as the author of what this call writes."""
        return Author("app", str(self.app.app_id), self.now, self.id)

    def kind(self, name: str = "type") -> ObjectType:
        """Return the object type a path names."""
        return object_type(self.params[name], self.account)

    def table(self, name: str = "type") -> Table:
        """Return the table of the object type a path names."""
        return self.account.store.tables[self.kind(name).name]

    def text(self, name: str, default: str = "") -> str:
        """Return one query parameter."""
        values = self.query.get(name)
        return values[-1] if values else default

    def names(self, name: str) -> list[str]:
        """Return a list parameter, given repeatedly or joined by commas."""
        return [part for value in self.query.get(name, ()) for part in value.split(",") if part]

    def flag(self, name: str) -> bool:
        """Return a boolean parameter, false when absent."""
        value = self.text(name, "false").lower()
        if value not in ("true", "false"):
            raise bad_request(f"{name} must be true or false, not {value!r}")
        return value == "true"

    def number(self, name: str, default: int, *, top: int) -> int:
        """Return a whole-number parameter between 1 and `top`."""
        value = self.text(name)
        if not value:
            return default
        if not value.isdigit() or not 1 <= int(value) <= top:
            raise bad_request(f"{name} must be a number between 1 and {top}, not {value!r}")
        return int(value)

    def mapping(self) -> dict[str, Any]:
        """Return the body, which must be an object."""
        if not isinstance(self.body, dict):
            raise invalid_input("the body must be an object")
        return self.body

    def inputs(self, top: int) -> list[dict[str, Any]]:
        """Return the inputs of a batch call, at most `top`."""
        inputs = self.mapping().get("inputs")
        if not isinstance(inputs, list) or not all(isinstance(row, dict) for row in inputs):
            raise invalid_input("inputs must be a list of objects")
        if not inputs:
            raise invalid_input("inputs must not be empty")
        if len(inputs) > top:
            raise bad_request(f"The maximum number of inputs is {top}, {len(inputs)} were given")
        return inputs


Handler = Callable[[Call], Answer]


def object_type(spelling: str, account: Account | None = None) -> ObjectType:
    """Return an object type by its plural, singular or type id; a custom one of an account also by its full name.

    Raises:
        ApiError: 400, as HubSpot answers for a type it cannot infer.
    """
    custom = account.custom.values() if account is not None else ()
    kind = BY_SPELLING.get(spelling) or next((x for x in custom if spelling in (x.name, x.type_id)), None)
    if kind is None:
        raise bad_request(f"Unable to infer object type from: {spelling}")
    return kind


def need_text(row: dict[str, Any], name: str) -> str:
    """Return a required string of a body; numbers are taken for ids."""
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise invalid_input(f"{name} must be a string that is not empty")
    return value


def paged(results: list[Any], after: str | None) -> dict[str, Any]:
    """Return a page, with the cursor of the next one when there is one."""
    body: dict[str, Any] = {"results": results}
    if after is not None:
        body["paging"] = {"next": {"after": after, "link": f"?after={after}"}}
    return body


def batch(call: Call, results: list[Any], errors: list[dict[str, Any]], *, done: int = 200) -> Answer:
    """Return a batch answer: `done` when every input went well, 207 when some did not."""
    body: dict[str, Any] = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": iso(call.now),
        "completedAt": iso(max(call.now, call.world.clock())),
    }
    if errors:
        body["numErrors"] = len(errors)
        body["errors"] = errors
    return Answer(207 if errors else done, body)


def cursor(value: str) -> int:
    """Return the record id that `after` names; 0 for none."""
    if not value:
        return 0
    if not value.isdigit():
        raise bad_request(f"after must be the paging.next.after of an earlier answer, not {value!r}")
    return int(value)


def missing_page() -> Answer:
    """Refuse a path that does not exist."""
    raise not_found("resource not found")
