"""A small share of the fuzzing, in every run of the tests."""

import pytest

from deploy.local.servers.real import RadicaleServer
from tests.fuzz import worlds
from tests.fuzz.__main__ import body, card, failures


def test_odd_cards_and_bodies_hold() -> None:
    assert failures(card, range(400)) == []
    assert failures(body, range(2000)) == []


@pytest.mark.parametrize("seed", [0, 1])
def test_odd_cards_come_to_rest_in_a_whole_sync(seed: int, radicale: RadicaleServer) -> None:
    assert worlds.live(seed, radicale) == ""
