"""Files over an installation in memory: the same that the API's tests use."""

from tests.services.console.conftest import (  # noqa: F401 - fixtures are found by being here
    _console,
    _served,
)
