"""Which versions of Redis are pointed out."""

import pytest

from shared.io.redis.versions import warning_of


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ("6.2.14", False), ("6.2.19", False), ("6.2.20", True), ("6.2.21", True), ("7.0.15", False), ("7.2.10", False),
        ("7.2.11", True), ("7.4.5", False), ("7.4.6", True), ("8.0.3", False), ("8.0.4", True), ("8.2.1", False),
        ("8.2.2", True), ("8.4.0", True), ("9.0", True),
    ],
)  # fmt: skip
def test_versions_below_the_mended_one_of_their_line_are_pointed_out(version: str, safe: bool) -> None:  # noqa: FBT001 - a column
    said = warning_of({"redis_version": version})
    assert (said == "") is safe
    assert safe or f"Redis {version} is older" in said


def test_valkey_has_versions_of_its_own() -> None:
    """It calls itself Redis 7.2.4 for old clients, whatever it is."""
    assert warning_of({"redis_version": "7.2.4", "valkey_version": "8.1.4"}) == ""
    assert "Valkey 8.0.5 is older" in warning_of({"redis_version": "7.2.4", "valkey_version": "8.0.5"})
    assert warning_of({"redis_version": "7.2.4", "valkey_version": "9.0.0"}) == ""
