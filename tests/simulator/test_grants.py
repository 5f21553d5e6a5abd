"""What the simulator makes of the creates that Redis grants."""

from shared.io.links.requests import Swap
from shared.io.memory import MemoryBroker, MemoryBus
from shared.io.ports import Outbound, run_blocking
from shared.io.redis.memory import MemoryScripts
from shared.model.pairs import Decided, Pair, Trace
from shared.model.records import Report, Version
from shared.wire import topics
from shared.wire.messages import RecordSeen
from tests.io.links.links import Links, claim, in_memory, place, swap
from tests.simulator.grants import Grants


def _links(grants: Grants) -> Links:
    """Begin with a pair that waits for a create on the left."""
    links = in_memory(MemoryScripts(watch=grants.watch)).ready()
    links.claim(claim("Rb", "other"))
    links.swap(swap("pRb", 0, {"R": place("b", "other")}, create="L"))
    return links


def test_a_create_beside_a_record_with_the_same_identifier_is_wrong() -> None:
    grants = Grants()
    links = _links(grants)
    links.claim(claim("La", "k"), claim("Rc", "k"))
    links.swap(swap("pRc", 0, {"R": place("c", "k")}, create="L"))
    assert grants.wrong


def test_a_create_beside_a_copy_is_not() -> None:
    """Its create was decided for somebody whose place another record took meanwhile."""
    grants = Grants()
    links = _links(grants)
    links.claim(claim("La1", "other", marked="pRb"))
    assert links.claim(claim("La2", "k", marked="pRb"))[0].what == "surplus"
    links.claim(claim("Rc", "k"))
    links.swap(swap("pRc", 0, {"R": place("c", "k")}, create="L"))
    assert not grants.wrong


def _pass(grants: Grants, links: Links, record: str, email: str) -> None:
    """Let a record of the right app be claimed, and match commit that."""
    broker = MemoryBroker(topics.catalogue(()), partitions=1)
    seen = RecordSeen(
        report=Report(connection="b", object="contact", id=record, version=Version(), fields={"mail": email}),
        accepted_ms=1,
    )
    out = Outbound(topic=topics.RECORDS, key=record, message=seen)
    run_blocking(MemoryBus(broker).publish([out]))
    links.claim(claim(f"R{record}", f"e:{email}"))
    grants.passed(broker.fetch(topics.RECORDS.name, 0, 0, 1))


def _create_beside(links: Links, email: str) -> None:
    links.ready()
    links.claim(claim("Lz", f"e:{email}"))
    links.swap(swap("pLz", 0, {"L": place("z", f"e:{email}")}, create="R"))


def test_a_create_beside_a_record_that_redis_should_know_again_is_wrong() -> None:
    grants = Grants()
    links = _links(grants)
    _pass(grants, links, "c", "ada@x.example")
    links.flush()
    grants.lost({})
    _create_beside(links, "ada@x.example")
    assert grants.wrong


def test_a_create_for_an_address_that_a_record_gave_up_is_not() -> None:
    """Match published what it had claimed, and could not commit it."""
    grants = Grants()
    links = _links(grants)
    _pass(grants, links, "c", "ada@x.example")
    links.claim(claim("Rc", "e:new@x.example"))
    links.flush()
    grants.lost({})
    _create_beside(links, "ada@x.example")
    assert not grants.wrong


def test_the_newest_state_of_a_pair_is_the_newest_that_redis_has_not_lost_untold() -> None:
    grants = Grants()
    links = in_memory(MemoryScripts(watch=grants.watch)).ready()
    links.claim(claim("Rb", "k"))
    links.swap(swap("pRb", 0, {"R": place("b", "k")}))
    first = grants.highest("pRb")
    grants.told("pRb", first)
    links.swap(swap("pRb", first, {"R": place("b", "k")}))
    second = grants.highest("pRb")
    assert second > first > grants.highest("pRc") == 0
    grants.lost({})
    assert grants.highest("pRb") == first
    grants.told("pRb", second)
    assert grants.highest("pRb") == second
    assert not grants.wrong


def test_what_another_redis_took_over_is_not_lost() -> None:
    """Nor what the state that it has must tell of those before it."""
    grants = Grants()
    links = in_memory(MemoryScripts(watch=grants.watch)).ready()
    before = Decided(rev=1, at_ms=1, cause="", log=(Trace(did="write"),))
    for rev, earlier in ((1, ()), (2, (before,))):
        state = Pair(sync=links.sync, pair="p", rev=rev, earlier=earlier).text()
        links.swap(Swap(pair="p", expected=rev - 1, rev=rev, state=state, ends={}))
    kept = links.contents()
    links.swap(Swap(pair="p", expected=2, rev=3, state=Pair(sync=links.sync, pair="p", rev=3).text(), ends={}))
    links.failover()
    grants.lost(kept)
    assert grants.forgotten == {("p", 3)}
    links.flush()
    grants.lost(links.contents())
    assert grants.forgotten == {("p", 1), ("p", 2), ("p", 3)}
