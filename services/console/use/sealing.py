"""Sealing what people enter, as a problem where that cannot be done."""

from services.console.use.problems import Problem
from shared.io.calls.vault import Vault, VaultError


def seal(vault: Vault, text: str, *, place: str, name: str) -> str:
    """Seal a secret for one place, under one name; raises `Problem`."""
    try:
        return vault.seal(text, connection=place, name=name)
    except VaultError as error:
        raise Problem(503, "Cannot be sealed", str(error)) from error


def sealed(vault: Vault, text: str, standing: str, *, place: str, name: str) -> str:
    """Return the seal of a secret: the one that stands where that is of the same secret; raises `Problem`."""
    try:
        if standing and vault.is_current(standing) and vault.open(standing, connection=place, name=name) == text:
            return standing
    except VaultError:
        pass  # nobody can open it any more: the secret is sealed anew
    return seal(vault, text, place=place, name=name)
