"""Sealing what people enter, as a problem where that cannot be done."""

from services.console.use.problems import Problem
from shared.io.vault import Vault, VaultError


def seal(vault: Vault, text: str, *, place: str, name: str) -> str:
    """Seal a secret for one place, under one name; raises `Problem`."""
    try:
        return vault.seal(text, connection=place, name=name)
    except VaultError as error:
        raise Problem(503, "Cannot be sealed", str(error)) from error
