"""Each safety rule of the protocol, switched off, makes a seed fail: the simulator would notice its loss."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from services.matcher import resolve
from services.writer import write
from shared.core import deciding
from shared.io import memory_redis, rebuild
from shared.io.store import Swap, load_scripts
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


def _no_digest(patch: pytest.MonkeyPatch) -> None:
    real = resolve._as_swap

    def without(work: Any) -> Swap:
        swap = real(work)
        return Swap(**{name: getattr(swap, name) for name in Swap.__slots__} | {"digest": "", "origin": ""})

    patch.setattr(resolve, "_as_swap", without)


def _no_quiet(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deciding, "is_in_flight", lambda *_args, **_kwargs: False)


def _no_pending_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(write.Write, "_verdict", lambda *_args: None)


def _no_circles(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rebuild, "in_circles", lambda _given: [])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutation", [_no_epoch, _no_tail, _no_digest, _no_quiet, _no_pending_check, _no_circles])
def test_a_rule_that_is_switched_off_is_missed(mutation: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)
    assert any(failure(seed)[1] for seed in range(MOST_SEEDS))
