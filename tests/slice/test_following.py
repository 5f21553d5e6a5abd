"""What `tail` and `trace` show of a real change: each stage in order, and no value of any record."""

import json

import pytest

from deploy.local.hubspot import HubSpotServer
from services.console.commands.records.following import find
from services.console.use.records.tracing import Event, Followed, stages, traced
from services.console.use.standing.outcomes import Chosen, outcome_of
from shared.io.memory import MemoryReader
from shared.model.ids import record_key
from shared.wire import topics
from tests.slice.book import Book
from tests.slice.harness import Slice, book_sync

SECRET = "+39 02 1234567"


@pytest.fixture(name="told")
def _told(server: HubSpotServer, book: Book) -> tuple[Slice, str]:
    """Return a slice in which a contact was made and then edited."""
    here = Slice(server, [book_sync()], book=book)
    contact = here.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example", "firstname": "Ann"})
    here.notice("one", "contact", contact)
    here.run()
    here.clock.advance(60_000)
    here.admin.edit(7001, "update", "contacts", contact, properties={"phone": SECRET})
    here.notice("one", "contact", contact)
    here.run()
    return here, contact


def events(here: Slice, record: str) -> list[Event]:
    """Trace a record, by its id alone."""
    followed = Followed.of(find(here.store, here.setups, record), [record_key("one", "contact", record)], here.setups)
    rows = [(topic, MemoryReader(here.broker, topic).read_to_end()) for topic in stages(here.setups)]
    return traced(followed, rows, here.setups)


def test_a_change_is_followed_from_its_notice_to_its_answer(told: tuple[Slice, str]) -> None:
    here, contact = told
    (pair,) = here.pairs("people")
    assert pair.R is not None
    found = events(here, contact)
    edit = found[[row.topic for row in found].index("notices", 1) :]
    assert [row.topic for row in edit] == [
        "notices", "records", "pairs", "pair-state", "writes.carddav", "records", "pairs", "pair-state",
    ]  # fmt: skip
    said = [row.sentence for row in edit]
    assert said[0] == f"one says that record {contact} changed."
    assert said[1].startswith(f"Record {contact} was read from one. Version ")
    assert said[1].endswith("with values in email, firstname, phone.")
    assert said[2] == f"Record {contact} of one belongs to pair {pair.pair} of people."
    assert said[3].startswith("phone: a value is written to book (it held nothing). ")
    assert said[4] == f"Record {pair.R.id} is to be updated in book: phone."
    assert said[5].startswith("book answered the write: it is written. ")
    assert said[7].startswith("book took the update. Both records hold the same values")
    assert len({row.trace for row in edit}) == 1
    assert edit[0].line().split() == [edit[0].at[11:23], "notices", "0@1", *said[0].split()]


def test_a_record_is_found_by_either_id_and_by_its_pair(told: tuple[Slice, str]) -> None:
    here, contact = told
    (pair,) = here.pairs("people")
    assert pair.R is not None
    assert [row.offset for row in events(here, pair.R.id)] == [row.offset for row in events(here, contact)]
    assert [row.offset for row in events(here, pair.pair)] == [row.offset for row in events(here, contact)]
    assert events(here, "4711") == []


def test_what_is_compacted_is_told_by_the_history(told: tuple[Slice, str]) -> None:
    here, contact = told
    (pair,) = here.pairs("people")
    followed = Followed.of([pair], [], here.setups)
    rows = [(topics.HISTORY, MemoryReader(here.broker, topics.HISTORY).read_to_end())]
    said = [row.sentence for row in traced(followed, rows, here.setups)]
    assert said == [
        "Decided: A record is created in book.", "Decided: book took the create.",
        "Decided: phone is written to book.", "Decided: book took the update.",
    ]  # fmt: skip
    assert all(row.topic != "history" for row in events(here, contact)), "told once"


def test_outcomes_are_chosen(told: tuple[Slice, str]) -> None:
    here, contact = told
    stored = MemoryReader(here.broker, topics.PAIR_STATE).poll(0)

    def lines(**chosen: str) -> list[str]:
        rows = [outcome_of(one, here.setups, Chosen(**chosen)) for one in stored]
        return [row.line().partition("  ")[2] for row in rows if row is not None]

    (pair,) = here.pairs("people")
    assert pair.R is not None
    both = f"people  Ann ({contact} and {pair.R.id})  in sync"
    assert lines() == [
        f"people  Ann ({contact})  pending (A write is on its way)  A record is created in book.",
        f"{both}  book took the create.",
        f"{both}  phone: a value is written to book (it held nothing).",
        f"{both}  book took the update.",
    ]  # fmt: skip
    assert lines(record=pair.R.id, status="in_sync") == lines()[1:]
    assert lines(sync="people", record=pair.pair) == lines()
    assert lines(sync="others") == lines(record="nobody") == lines(status="failing") == []


def test_no_value_is_shown(told: tuple[Slice, str]) -> None:
    here, contact = told
    states = MemoryReader(here.broker, topics.PAIR_STATE).poll(0)
    outcomes = [one for stored in states if (one := outcome_of(stored, here.setups, Chosen())) is not None]
    shown = json.dumps([[row.row() for row in events(here, contact)], [row.row() for row in outcomes]])
    assert SECRET not in shown
    assert "ann@x.example" not in shown
