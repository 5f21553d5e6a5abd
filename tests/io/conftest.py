"""Links to test on: in memory, and on a real Redis through both clients."""

from collections.abc import Iterator

import pytest

from tests.io.links.links import KINDS, Links, in_memory, on_redis


@pytest.fixture(
    name="empty", params=[kind if kind == "memory" else pytest.param(kind, marks=pytest.mark.server) for kind in KINDS]
)
def _empty(request: pytest.FixtureRequest) -> Iterator[Links]:
    """Offer links that nobody has built yet."""
    made = in_memory() if request.param == "memory" else on_redis(request.getfixturevalue("redis_url"), request.param)
    yield made
    made.close()


@pytest.fixture(name="links")
def _links(empty: Links) -> Links:
    """Offer links that are whole, and hold nothing."""
    return empty.ready()
