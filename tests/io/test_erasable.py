"""Values that can be made unreadable: nothing opens them but their key, under their name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.io.erasable import Unsealable, new_key, seal, unseal


@given(st.text())
def test_what_was_sealed_is_read_with_its_key(text: str) -> None:
    key = new_key()
    sealed = seal(key, "p@1", text)
    assert unseal(key, "p@1", sealed) == text
    assert seal(key, "p@1", text) == sealed


def test_another_key_or_name_reads_nothing() -> None:
    key = new_key()
    sealed = seal(key, "p@1", "Ann")
    for other, name in ((new_key(), "p@1"), (key, "p@2")):
        with pytest.raises(Unsealable):
            unseal(other, name, sealed)


@pytest.mark.parametrize("sealed", ["", "AAAA", "no base64 at all", "QUJDRA=="])
def test_what_was_never_sealed_is_said_to_be_unreadable(sealed: str) -> None:
    with pytest.raises(Unsealable):
        unseal(new_key(), "p@1", sealed)


def test_the_same_text_under_another_name_looks_otherwise() -> None:
    """From two equal seals one could tell that a value came back."""
    key = new_key()
    assert seal(key, "p@1", "Ann") != seal(key, "p@2", "Ann")
