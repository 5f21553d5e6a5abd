"""A difference that was settled is told also where its note was lost: only one note of a flow is kept at a time."""

from typing import Any

from services.console.explain import explain
from services.console.use.standing.fields import fields_of
from shared.config.setups import Setups
from shared.model.mapping import FieldMapping
from shared.model.pairs import Pair, SideState
from shared.model.records import Linked, Version
from shared.model.words import Status
from shared.wire.messages import SetupDoc
from tests.simulator.test_waiting import setups


def _pair(company: Linked, base: tuple[Linked, Linked], **right: str) -> Pair:
    def end(record: str, link: Linked, **more: str) -> SideState:
        fields = {"email": "p@x.example", "f": "x", **more}
        return SideState(id=record, version=Version(order=1), fields=fields, links={"company": link})

    return Pair(
        sync="people", pair="p", L=end("a1", company), R=end("b1", "r1", **right), link_base={"company": base},
        status=Status.IN_SYNC, synced_ms=1,
    )  # fmt: skip


def _told(pair: Pair, found: Setups, key: str) -> tuple[str, str, list[str]]:
    row = next(row for row in fields_of(pair, found) if row.key == key)
    said = explain(pair, found, [])
    return row.happens, row.sentence, [said["summary"].partition(";")[0], *said["why"][1:]]


def test_an_association_that_was_settled_as_different_is_no_agreement() -> None:
    """A company that was taken away on one side stays on the other; in between, another one was waited for."""
    assert _told(_pair(None, (None, "f1")), setups(), "@company") == (
        "differs",
        "The next edit of either side is carried over",
        [
            "Both records hold the same values but for the association company, which stay different",
            "The association company differs, and was settled so. The next edit of either side is carried over.",
        ],
    )


def test_an_association_that_both_sides_agree_on_is_not_said_to_differ() -> None:
    agreed = _told(_pair("l1", ("f1", "f1")), setups(), "@company")
    assert agreed == ("agree", "", ["Both records hold the same values"])
    several = _pair(("l1", "l2"), (("f1", "f2"), ("f2", "f1")))
    assert _told(several, setups(), "@company")[0] == "agree", "the order of members means nothing"


def test_of_a_one_way_mapping_that_differs_it_is_told_which_edit_is_carried_over() -> None:
    found = setups()
    sync = found.sync("people")
    assert sync is not None
    one_way: dict[str, Any] = {"mappings": (
        *sync.mappings[:1], FieldMapping(key="f", left="f", right="f", lens="text", direction="to_right")
    )}  # fmt: skip
    made = sync.model_copy(update={**one_way, "version": 2})
    found.apply(found.offset + 1, "sync:people", SetupDoc(sync=made))
    pair = _pair("l1", ("f1", "f1"), f="y")
    assert _told(pair, found, "f") == (
        "differs",
        "The next edit in a is carried over",
        [
            "Both records hold the same values but for f, which stay different",
            "f differs, and was settled so. The next edit in a is carried over.",
        ],
    )
