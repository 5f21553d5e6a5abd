"""Secrets at rest: opened only where they belong, with any key that is still known."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.io.calls.vault import Vault, VaultError, new_key

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
PLACE = {"connection": "crm", "name": "token"}


@given(st.text())
def test_what_is_sealed_is_opened_again(secret: str) -> None:
    vault = Vault([NEW])
    sealed = vault.seal(secret, **PLACE)
    assert vault.open(sealed, **PLACE) == secret
    assert len(secret) < 4 or secret not in sealed


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    vault = Vault([NEW])
    assert vault.seal("secret", **PLACE) != vault.seal("secret", **PLACE)


@pytest.mark.parametrize("place", [{"connection": "erp", "name": "token"}, {"connection": "crm", "name": "password"}])
def test_a_secret_that_was_moved_is_not_opened(place: dict[str, str]) -> None:
    vault = Vault([NEW])
    with pytest.raises(VaultError, match="belongs elsewhere"):
        vault.open(vault.seal("secret", **PLACE), **place)


@given(st.data())
def test_a_changed_secret_is_not_opened(data: st.DataObject) -> None:
    vault = Vault([NEW])
    head, _, text = vault.seal("secret", **PLACE).rpartition(":")
    raw = bytearray(base64.b64decode(text))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(VaultError) as caught:
        vault.open(f"{head}:{base64.b64encode(raw).decode()}", **PLACE)
    assert "secret" not in str(caught.value).replace("the secret 'token'", "")


def test_keys_are_rotated() -> None:
    sealed = Vault([OLD]).seal("secret", **PLACE)
    both = Vault([NEW, OLD])
    assert both.open(sealed, **PLACE) == "secret"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal("secret", **PLACE))
    with pytest.raises(VaultError, match="add that key again"):
        Vault([NEW]).open(sealed, **PLACE)


def test_key_files(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{new_key()}\n\n{base64.b64encode(OLD).decode()}\n")
    assert Vault.from_file(path).open(Vault([OLD]).seal("x", **PLACE), **PLACE) == "x"
    for content, sentence in (("", "empty"), ("no base64!", "cannot be read"), ("c2hvcnQ=", "32 bytes")):
        path.write_text(content)
        with pytest.raises(VaultError, match=sentence):
            Vault.from_file(path)
    with pytest.raises(VaultError, match="cannot be read"):
        Vault.from_file(tmp_path / "missing")
    with pytest.raises(VaultError, match="SYNCLINE_KEY_FILE"):
        Vault.from_file(None).seal("x", **PLACE)
    with pytest.raises(VaultError, match="enter it anew"):
        Vault([NEW]).open("plain text", **PLACE)
