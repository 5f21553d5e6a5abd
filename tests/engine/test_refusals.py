"""Writes that an app refuses because of one part: it is found out, left out and told; everything else arrives."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from shared.engine.policies import Neighbour, Policy
from shared.model.fields import link_name
from shared.model.pairs import Answer, Match
from shared.model.records import Report, Version
from tests.simulator.lived import CONNECTIONS, Lived, association, live_policy
from tests.simulator.objects import named as called

_MOST: Final = 20
_POLICY: Final = live_policy()


class _Picky(Lived):
    """A pair whose right app takes some parts of a write only."""

    def __init__(self, bad: Collection[str], *, named: bool, policy: Policy = _POLICY) -> None:
        super().__init__(policy)
        self.bad = set(bad)
        self.named = named
        self.held: dict[str, Any] = dict.fromkeys(("email", "f", "g", "h"))
        self.links: dict[str, Any] = {}
        self.sent: list[list[str]] = []
        self._version = {"L": 0, "R": 0}

    def see(self, side: Any, fields: dict[str, Any], answer: Answer | None = None, **more: Any) -> None:
        """Let a side be read."""
        self._version[side] += 1
        number = self._version[side]
        version = Version(order=number) if side == "L" else Version(token=f"v{number}")
        report = Report(
            connection=CONNECTIONS[side], object="contact", id="a1" if side == "L" else "b1", version=version,
            fields={called(CONNECTIONS[side], "contact", name): value for name, value in fields.items()}, **more,
        )  # fmt: skip
        self.take(self.event("report", side, report=report, answer=answer))

    def linked(self) -> "_Picky":
        """Link it to a record that holds nothing but the address."""
        self.held["email"] = "ada@x.example"
        self.see("R", dict(self.held))
        return self

    def serve(self) -> None:
        """Answer writes until none is left."""
        for _ in range(_MOST):
            pending = self.pair.pending.get("R")
            if pending is None:
                return
            fields = _ours(pending.fields)
            parts = [*fields, *map(link_name, pending.links)]
            self.sent.append(parts)
            wrong = [part for part in parts if part in self.bad]
            if wrong:
                field = called("b", "contact", wrong[0]) if self.named else ""
                self.answer("R", "refused", code="invalid_value", message="no", field=field)
                continue
            self.held.update(fields)
            self.links.update(pending.links)
            marker = pending.key if pending.op == "create" else None
            answer = Answer(write=pending.key, result="written")
            self.see("R", dict(self.held), answer, marker=marker, links=dict(self.links))
        raise AssertionError(f"it sends for ever: {self.sent[-3:]}")


def _ours(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of the right app under the names that they have here."""
    return {"email" if name == "mail" else name: value for name, value in fields.items()}


def _left(**changes: Any) -> dict[str, Any]:
    return {"email": "ada@x.example", "f": "1", "g": "2", "h": "3", **changes}


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("bad", [{"g"}, {"f", "h"}])
@pytest.mark.parametrize("link", [True, False])
def test_what_is_refused_is_told_and_the_rest_arrives(bad: set[str], named: bool, link: bool) -> None:  # noqa: FBT001 - a case
    """Into a record that is there, or into one that is created for it; a correction follows by itself."""
    lived = _Picky(bad, named=named)
    if link:
        lived.linked()
    lived.see("L", _left())
    lived.serve()
    assert lived.held == {**_left(), **dict.fromkeys(bad)}
    assert (lived.pair.status, lived.pair.reason) == ("failing", "invalid_value")
    assert set(lived.pair.problems) == bad
    assert lived.pair.detail == f"{min(bad)}: no"
    lived.bad.clear()
    lived.see("L", _left(**dict.fromkeys(bad, "new")))
    lived.serve()
    assert lived.held == _left(**dict.fromkeys(bad, "new"))
    assert (lived.pair.status, dict(lived.pair.problems)) == ("in_sync", {})


@pytest.mark.parametrize("named", [True, False])
def test_nothing_is_created_without_its_identifier(named: bool) -> None:  # noqa: FBT001 - a case
    lived = _Picky({"email"}, named=named)
    lived.see("L", _left())
    lived.serve()
    assert (lived.pair.status, lived.pair.reason, lived.pair.R) == ("failing", "invalid_value", None)
    assert lived.pair.detail.endswith("mail: no")
    before = len(lived.sent)
    lived.touch("again")
    lived.serve()
    assert len(lived.sent) == before
    lived.bad.clear()
    lived.see("L", _left(email="ann@x.example"))
    lived.serve()
    assert lived.held["email"] == "ann@x.example"
    assert lived.pair.status == "in_sync"


def test_a_refusal_that_names_what_was_not_sent_is_that_of_the_whole_write() -> None:
    """It would be tried for ever if it were that of a field."""
    for op in ("create", "update"):
        lived = _Picky((), named=True)
        if op == "update":
            lived.linked()
        lived.see("L", _left())
        decided = lived.pair.n
        for _ in range(_MOST):
            if "R" not in lived.pair.pending:
                break
            lived.answer("R", "refused", code="permission_denied", field="syncline_id", retry="setup")
        assert (lived.pair.status, lived.pair.reason, lived.pair.n) == ("failing", "permission_denied", decided), op


def test_a_refusal_of_a_whole_write_is_over_once_nothing_is_to_be_written_any_more() -> None:
    lived = _Picky((), named=True)
    lived.linked()
    lived.see("L", _left())
    lived.answer("R", "refused", code="permission_denied", field="syncline_id", retry="setup")
    assert lived.pair.problems.keys() == {"*"}
    lived.policy = replace(lived.policy, rules=tuple(replace(rule, on=False) for rule in lived.policy.rules))
    lived.touch("settings")
    assert (lived.pair.status, dict(lived.pair.problems)) == ("in_sync", {})


def test_an_association_that_is_refused_does_not_hold_up_the_fields() -> None:
    class _Employed(_Picky):
        def neighbours(self, ends: Any) -> Any:
            del ends
            return {
                (side, "company", record): Neighbour(pair="acme", left="a9", right="b9")
                for side, record in (("L", "a9"), ("R", "b9"))
            }

    policy = replace(_POLICY, associations=(association("company", to="firms"),))
    for named in (True, False):
        lived = _Employed({"@company"}, named=named, policy=policy)
        lived.links = {"company": None}
        lived.held["email"] = "ada@x.example"
        lived.see("R", dict(lived.held), links={"company": None})
        lived.see("L", _left(), links={"company": "a9"})
        lived.serve()
        assert (lived.held, set(lived.pair.problems)) == (_left(), {"@company"})
        lived.see("L", _left(f="new"))
        lived.serve()
        assert (lived.held["f"], lived.pair.status) == ("new", "failing")
        lived.bad.clear()
        lived.touch("resync")
        lived.serve()
        assert (lived.links, lived.pair.status) == ({"company": "b9"}, "in_sync")


def test_an_answer_to_an_earlier_try_of_a_create_is_none_to_the_later_one() -> None:
    lived = _Picky({"g"}, named=True)
    lived.see("L", _left())
    first = lived.pair.pending["R"]
    refusal = Answer(write=first.key, n=first.n, result="refused", code="invalid_value", field="g")
    for _ in range(2):
        lived.take(lived.event("answer", "R", answer=refusal))
    second = lived.pair.pending["R"]
    assert (second.key, second.n, set(_ours(second.fields))) == (first.key, first.n + 1, {"email", "f", "h"})
    lived.serve()
    assert lived.pair.match == Match(by="create", key=first.key, at_ms=4)  # when the answer linked the two


@pytest.mark.parametrize(
    ("left", "gives"),
    [("new@x.example", True), (None, True), ("ada@x.example", False)],
    ids=["it has another one", "it has none", "it has it still"],
)
@pytest.mark.parametrize("needed", ["ada@x.example", "else@x.example"])
def test_an_identifier_is_given_up_that_the_source_has_no_more(left: str | None, gives: bool, needed: str) -> None:  # noqa: FBT001 - a case
    """When another pair needs it, and while what the source has instead is refused; that is not tried meanwhile."""
    lived = _Picky((), named=True).linked()
    lived.see("L", _left())
    lived.serve()
    lived.see("L", _left(email=left))
    if "R" in lived.pair.pending:
        lived.answer("R", "refused", code="duplicate_in_target", field="mail", conflicting_id="b2")
    lived.take(lived.event("touch", "R", reason="give_up", wanted={"email": needed}))
    writes = [_ours(pending.fields) for pending in lived.pair.pending.values()]
    assert writes == ([{"email": None}] if gives and needed == "ada@x.example" else [])
    lived.serve()
    lived.touch("rematch")
    lived.serve()
    assert lived.held["email"] == left if gives and needed == "ada@x.example" else True
    assert lived.held["email"] is not None or left is None
