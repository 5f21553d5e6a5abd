"""The settings file as people write it."""

import pytest

from services.console.setups.files import MappingChanges, SetupError, read

_SYNC = """
syncs:
  - id: s
    left: {connection: a, object: contact}
    right: {connection: b, object: contact}
    enabled: %s
    mappings: %s
"""


def test_words_that_yaml_may_take_for_truth_values_are_words() -> None:
    """`on` and `off` are keys of the file, and Norway has the code NO."""
    (sync,) = read(_SYNC % ("true", "[{key: k, left: l, right: r, on: false}]")).syncs
    assert isinstance(sync.mappings, tuple)
    assert (sync.enabled, sync.mappings[0].on) == (True, False)
    (sync,) = read(_SYNC % ("False", "{off: [phone], add: [{key: k, left: l, right: r, on: off}]}")).syncs
    assert isinstance(sync.mappings, MappingChanges)
    assert (sync.enabled, sync.mappings.off, sync.mappings.add[0].on) == (False, ("phone",), False)
    assert read("connections: [{id: c, app: hubspot, auth: api_key, country: NO}]").connections[0].country == "NO"
    assert read("connections: [{id: c, app: truely, auth: api_key}]").connections[0].app == "truely"


@pytest.mark.parametrize("mappings", ["{of: [phone]}", "phone", "[{key: k}]"])
def test_mappings_are_a_list_or_changes(mappings: str) -> None:
    with pytest.raises(SetupError, match=r"syncs\.0\.mappings"):
        read(_SYNC % ("true", mappings))
