"""The table of guards is whole: each names a small test that there is, and no guard is named twice."""

from pathlib import Path

import pytest

from tests.mutants.guards import GUARDS, Guard

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_the_small_test_of_a_guard_exists(guard: Guard) -> None:
    path, *names = guard.small.partition("[")[0].split("::")
    found = ROOT / path
    assert found.exists()
    if names:
        assert names[-1] in found.read_text()


def test_no_guard_is_named_twice() -> None:
    names = [guard.name for guard in GUARDS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_every_guard_can_be_switched_off(guard: Guard) -> None:
    """What it patches is still there, also of those that only the command tries."""
    with pytest.MonkeyPatch.context() as patch:
        guard.off(patch)
