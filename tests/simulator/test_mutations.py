"""Each safety rule of the protocol, switched off, makes a seed fail: the simulator would notice its loss."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from shared.io import memory_redis, rebuild
from shared.io.store import load_scripts
from tests.simulator.seeds import failure

Patch = Callable[[pytest.MonkeyPatch], None]
MOST_SEEDS = 150


def _no_epoch(patch: pytest.MonkeyPatch) -> None:
    scripts = dict(load_scripts())

    def mutated() -> Mapping[Any, str]:
        return {name: text.replace("if not ready()", "if false") for name, text in scripts.items()}

    patch.setattr(memory_redis, "load_scripts", mutated)


def _no_tail(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rebuild.Rebuilder, "_claims", lambda *_args: iter(()))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutation", [_no_epoch, _no_tail])
def test_a_rule_that_is_switched_off_is_missed(mutation: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)
    assert any(failure(seed)[1] for seed in range(MOST_SEEDS))
