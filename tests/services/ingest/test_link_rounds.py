"""Rounds over the associations of linked records: every one is asked about, and only what differs is read."""

import json
from collections.abc import Sequence
from typing import Any, Final

import pytest

from services.ingest.feeds import link_rounds
from services.ingest.feeds.cursors import Cursors
from services.ingest.feeds.link_rounds import Step
from services.ingest.feeds.polling import _State
from shared.contract.calls import AppError, Exchange, HttpRequest, Session
from shared.contract.feeds import LinkFeed
from shared.io.ports import BusUnavailable
from shared.model.pairs import Pair, SideState
from shared.model.records import Life, Version
from shared.model.syncs import AssociationMapping
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.services.environment import LEFT, SYNC, fails, people, with_binding
from tests.services.ingest.feeds_harness import FeedsHarness

ALL: Final = [f"{number:03d}" for number in range(7)]


def _read(_session: Session, ids: Sequence[str], labels: Sequence[str]) -> Exchange[Any]:
    body = json.dumps([list(ids), list(labels)]).encode()
    response = yield HttpRequest(method="POST", path="links", body=body, safe=True)
    return json.loads(response.body)


FEED: Final = LinkFeed(batch=3, read=_read)


class Links(FeedsHarness):
    """A worker of a sync with the association `boss`, and what its left app says of it."""

    def __init__(self) -> None:
        super().__init__()
        with_binding(self.env, LEFT, link_feed=FEED)
        with_boss = people(associations=(AssociationMapping(to="bosses", label="boss"),), version=2)
        self.env.set_up("sync", SetupDoc(sync=with_boss), SYNC)
        self.bosses: dict[str, str | None] = {}
        self.env.answers["links"] = self.answer

    def answer(self, _connection: str, asked: Any) -> Any:
        ids, labels = asked
        return {name: dict.fromkeys(labels, self.bosses[name]) for name in ids if name in self.bosses}

    def know(self, name: str, boss: str | None = None, **more: Any) -> None:
        """Have the links know a pair, and the app say of its left record what the pair knows."""
        links = {"links": more.pop("links", {"boss": boss})}
        left = SideState(id=name, version=Version(order=1), fields={"email": None}, **links, **more.pop("left", {}))
        right = more.pop("right", SideState(id=f"r{name}", version=Version(token="v1"), fields={"email": None}))
        self.env.keep(Pair(sync=SYNC, pair=f"p{name}", rev=1, L=left, R=right, **more))
        self.bosses[name] = boss

    def step(self) -> Step:
        return self.links.step(LEFT, "contact", FEED)

    def round(self) -> list[str]:
        """Take steps until the round ends, and name the records that are read again."""
        before = len(self.env.told(topics.NOTICES))
        while self.step().more:
            pass
        notices = self.env.told(topics.NOTICES)
        what = {(row.connection, row.object, row.kind, row.version) for row in notices}
        assert what <= {(LEFT, "contact", "changed", None)}
        assert before == 0
        return sorted(row.id for row in notices)


@pytest.fixture(name="links")
def _links() -> Links:
    return Links()


def test_every_linked_record_is_asked_about_in_batches(links: Links) -> None:
    """Once a round each, and nothing that is known becomes a notice."""
    for name in ALL:
        links.know(name, "b1")
    assert links.round() == []
    asked = [ids for ids, _ in links.env.asked("links")]
    assert sorted(name for ids in asked for name in ids) == ALL
    assert [len(ids) for ids in asked] == [3, 3, 1]
    assert {tuple(labels) for _, labels in links.env.asked("links")} == {("boss",)}


@pytest.mark.parametrize(
    ("known", "said"), [({"boss": "b1"}, "b2"), ({"boss": "b1"}, None), ({"boss": None}, "b1"), ({}, None), ({}, "b1")]
)
def test_a_record_whose_pair_knows_otherwise_is_read(links: Links, known: dict[str, Any], said: str | None) -> None:
    """Set, changed, taken away, or not known yet."""
    for name in ALL:
        links.know(name, "b1")
    links.know("x", said, links=known)
    assert links.round() == ["x"]


def test_what_the_app_does_not_say_is_not_known_to_differ(links: Links) -> None:
    links.know("x", "b1")
    links.bosses.clear()
    assert links.round() == []


def test_a_record_that_left_is_not_read_for_its_associations(links: Links) -> None:
    """Other feeds tell that it is back."""
    links.know("x", None, links={"boss": "b1"}, left={"life": Life.ARCHIVED})
    assert links.round() == []


def test_a_record_without_a_partner_is_not_asked_about(links: Links) -> None:
    """Its association is read when it is linked, and travels nowhere until then."""
    links.know("x", "b1", right=None)
    assert links.round() == []
    assert links.env.asked("links") == []


def test_a_step_that_failed_is_taken_again(links: Links) -> None:
    """The round goes on where it was: nobody is left out, and what was asked is not asked again."""
    for name in ALL:
        links.know(name, "b1")
    assert links.step().more
    links.env.answers["links"] = fails(code="rate_limited", retry="busy")
    with pytest.raises(AppError):
        links.step()
    links.env.answers["links"] = links.answer
    links.bosses = dict.fromkeys(ALL, "b2")
    with links.env.kafka_away(), pytest.raises(BusUnavailable):
        links.step()
    assert len(links.round()) == 4, "of the first batch nothing was known to differ"
    asked = [name for ids, _ in links.env.asked("links") for name in ids]
    assert {*asked} == {*ALL}


def test_a_round_costs_ten_calls_a_minute_and_comes_at_least_every_eight(links: Links) -> None:
    """The more records, the longer between two rounds, as far as ten minutes allow."""
    assert links.links.interval_s(LEFT, "contact") == 120.0
    for calls, interval_s in ((1, 120.0), (20, 120.0), (50, 300.0), (80, 480.0), (1_000, 480.0)):
        links.links._calls[LEFT, "contact"] = calls
        assert links.links.interval_s(LEFT, "contact") == interval_s
    for name in ALL:
        links.know(name, "b1")
    links.round()
    assert links.links._calls[LEFT, "contact"] == 3


def test_feeds_ask_where_a_sync_carries_associations_and_say_what_it_costs(links: Links) -> None:
    """The cursor tells from when on everything is known, and how many calls a round takes."""
    began = links.env.clock.now_ms()
    for name in ALL:
        links.know(name, "b1")
    links.bosses[ALL[2]] = "b2"
    reason, pause = links.once("associations")
    assert (reason, 100 < pause <= 120) == ("done", True)
    cursor = links.cursors.get(Cursors.key(LEFT, "contact", "associations"))
    assert cursor is not None
    assert (cursor.complete_to_ms, cursor.calls) == (began, 3)
    assert [row.id for row in links.env.told(topics.NOTICES)] == [ALL[2]]
    links.env.set_up("sync", SetupDoc(sync=people(version=3)), SYNC)
    assert {poll.feed.name for poll in links.feeds._polls()} == {"changed", "bin"}


def test_a_worker_that_lost_the_connection_leaves_the_round_to_another(links: Links) -> None:
    for name in ALL:
        links.know(name, "b1")
    poll = links.due("associations")
    links.owned.clear()
    links.feeds._once(poll, _State())
    assert len(links.env.asked("links")) == 1
    assert links.cursors.get(poll.key) is None


def test_ten_minutes_are_enough() -> None:
    """The longest interval leaves two minutes for the round itself and the reading."""
    assert link_rounds.LONGEST_S + 120 <= 600
