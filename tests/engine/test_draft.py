"""A pair that is changed: what is written down is all that there was."""

from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from shared.config.setups import Setups
from shared.engine.draft import Draft
from shared.engine.policies import Policy
from shared.engine.taking import take
from shared.model.mapping import FieldMapping
from shared.model.pairs import Pair, PairEvent, Pending, SideState
from shared.model.records import SIDES, Report, Side, Version
from shared.model.sides import BySide
from shared.wire.messages import SetupDoc
from tests.services.environment import LEFT, RIGHT, SYNC, app, connection, people

VALUES = st.sampled_from((None, "1", "2"))
KEYS = ("email", "f", "g", "h")


_LINKED: Final = st.one_of(st.none(), st.just("p1"), st.lists(st.sampled_from(("p1", "p2"))).map(tuple))


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    """Make a pair in the middle of a step: some fields unknown, some without a base."""
    rules = FOUR
    ends: dict[Side, Any] = {}
    for side in SIDES:
        names = draw(st.sets(st.sampled_from(KEYS)))
        fields = {name: draw(VALUES) for name in sorted(names)}
        ends[side] = SideState(id=side, version=Version(order=1), fields=fields) if draw(st.integers(0, 5)) else None
    draft = Draft.of(Pair(sync=SYNC, pair="p", L=ends["L"], R=ends["R"]), rules)
    draft.forget_bases()
    if ends["L"] and ends["R"]:
        for key in sorted(draw(st.sets(st.sampled_from(KEYS)))):
            draft.settle(key, BySide(draw(VALUES), draw(VALUES)))
    for side in SIDES:
        if draw(st.booleans()):
            draft.pending[side] = Pending(key=f"k{side}", op="update", fields={"f": "9"}, setup=1)
            if draw(st.booleans()):
                draft.doubt(side)
    draft.other_links = draw(st.dictionaries(st.just("company"), st.tuples(_LINKED, _LINKED)))
    draft.notes = draw(st.dictionaries(st.sampled_from(KEYS), st.just("kept_clear")))
    draft.tries = draw(st.integers(0, 3))
    return draft


def _four() -> Policy:
    mappings = tuple(FieldMapping(key=name, left=name, right=name) for name in KEYS)
    setups = Setups({"ordered": app("ordered")})
    for at in (LEFT, RIGHT):
        setups.apply(0, f"connection:{at}", SetupDoc(connection=connection(at, "ordered")))
    setups.apply(1, f"sync:{SYNC}", SetupDoc(sync=people(mappings=mappings)))
    found = setups.policy(SYNC)
    assert found is not None
    return found


FOUR: Final = _four()


@given(drafts())
def test_a_pair_that_is_stored_and_opened_again_is_the_same(draft: Draft) -> None:
    """Bases, marks, doubts and notes survive the journal, although most bases are not written down."""
    stored = draft.close(place=7, now_ms=9)
    pair = Pair.model_validate_json(stored.model_dump_json(exclude_defaults=True))
    again = Draft.of(pair, FOUR)
    for name in ("ends", "base", "other_links", "pending", "unsure", "problems", "notes", "recent", "status", "reason",
                 "detail", "match", "absorbed_by", "waits", "tries", "n", "edits"):  # fmt: skip
        assert getattr(again, name) == getattr(draft, name), name
    unknown = [key for key in KEYS if again.base_of("L", key) != draft.base_of("L", key)]
    assert unknown == []


@given(drafts())
def test_storing_twice_changes_only_the_number_and_the_time(draft: Draft) -> None:
    """A step that decided nothing leaves the state as it was."""
    once = draft.close(place=7, now_ms=9)
    twice = Draft.of(once, FOUR).close(place=7, now_ms=9)
    moving = {"rev": 0, "woken": False, "log": ()}
    assert twice.rev > once.rev
    assert twice.model_copy(update=moving) == once.model_copy(update=moving)


@given(drafts())
def test_a_pair_is_what_would_be_read_of_its_text(draft: Draft) -> None:
    """It is made without being checked, so nothing may be missing, and nothing of another type."""
    stored = draft.close(place=7, now_ms=9)
    assert set(stored.__dict__) == set(Pair.model_fields)
    assert Pair.read(stored.text()) == stored


def test_a_side_is_what_would_be_checked() -> None:
    """A record that was seen becomes a side without being checked: nothing may be missing."""
    draft = Draft.of(Pair(sync=SYNC, pair="p"), FOUR)
    seen = Report(connection=LEFT, object="contact", id="1", version=Version(order=1), fields={KEYS[0]: "a"})
    take(draft, PairEvent(sync=SYNC, pair="p", kind="report", side="L", report=seen), 0)
    end = draft.ends["L"]
    assert end is not None
    assert SideState(**end.__dict__) == end
    assert set(end.__dict__) == set(SideState.model_fields)
