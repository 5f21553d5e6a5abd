"""A pytest plugin that switches one guard off: ``pytest -p tests.mutants.plugin`` with its name in `MUTANT`."""

import os

import pytest

from tests.mutants.guards import GUARDS

VARIABLE = "MUTANT"


def pytest_configure(config: pytest.Config) -> None:
    """Switch the guard off before any test is collected."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    next(guard for guard in GUARDS if guard.name == os.environ[VARIABLE]).off(patch)
