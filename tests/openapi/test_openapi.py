"""The API is what its description says, for requests of every kind; `python -m tests.openapi` sends many more."""

from pathlib import Path
from typing import Any

import pytest

from tests.docs.api_reference import document, routes
from tests.openapi.checking import ENDLESS, check, shown


@pytest.mark.long
def test_no_request_finds_the_api_other_than_it_is_described(tmp_path: Path) -> None:
    """Every route is reached, and most do what they are for; the others do in tests of their own, on real accounts."""
    with shown(tmp_path) as console:
        found = check(console, examples=3)
    assert found.failures == {}
    assert found.errors == []
    assert found.server_errors == []
    every = {f"{method} {path}" for method, path, _ in routes(document())}
    done = {name.rpartition(" ")[0] for name in found.calls if name.rpartition(" ")[2] < "300"}
    missed = {name.rpartition(" ")[0] for name in found.calls if name.rpartition(" ")[2] in ("404", "409")}
    nobody = {"PUT /api/v1/sign-in-provider", "POST /api/v1/connections/agreed"}
    assert every - done - missed <= {*nobody, ENDLESS}, "no provider answers here, and nobody agrees to anything"
    assert len(done) > 0.7 * len(every)


@pytest.mark.long
def test_an_answer_that_is_not_as_described_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something besides what its model names, and a fault of ours."""
    with shown(tmp_path) as console:
        accounts = console.access.accounts
        row = accounts.row

        def no_health() -> dict[str, Any]:
            raise KeyError("health")

        monkeypatch.setattr(accounts, "row", lambda user: {**row(user), "secret": "x"})
        monkeypatch.setattr(console.installation, "health", no_health)
        found = check(console, examples=1, phases=("fuzzing",))
    assert found.server_errors == ["GET /api/v1/health 500"]
    assert "GET /api/v1/health: Server error" in found.failures
    assert any(name.startswith("GET /api/v1/users: ") for name in found.failures)
