"""What the simulator makes of the creates that Redis grants."""

from shared.io.memory_redis import MemoryScripts
from shared.io.ports import run_blocking
from shared.io.store import Store
from tests.io.links import Links, claim, place, swap
from tests.simulator.grants import Grants


def _links(grants: Grants) -> Links:
    """Begin with a pair that waits for a create on the left."""
    scripts = MemoryScripts(watch=grants.watch)
    links = Links(store=Store(scripts), run=run_blocking, contents=scripts.dump, flush=scripts.flush).ready()
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
