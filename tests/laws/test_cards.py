"""The laws of reading and writing cards: a write changes what it was asked to change, and is read back."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.cards import check_reading, check_writing, odd_card, some_fields


@pytest.mark.long
@given(st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_a_write_changes_what_it_was_asked_to_change_and_is_read_back(random: Random) -> None:
    card = check_reading(odd_card(random))
    if card is not None:
        done = check_writing(card, some_fields(random))
        check_writing(done, some_fields(random))


@given(st.binary(max_size=200), st.sampled_from((b"", b"BEGIN:VCARD\r\n")), st.sampled_from((b"", b"\r\nEND:VCARD")))
@settings(max_examples=300)
def test_any_octets_are_a_card_or_none(body: bytes, head: bytes, tail: bytes) -> None:
    check_reading(head + body + tail)
