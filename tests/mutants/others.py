"""The guards that the protocol never sees, each switched off by itself."""

from types import SimpleNamespace
from typing import Any

import pytest

from services.console.access import authentication
from services.ingest import webhooks
from shared.apps.hubspot import webhook
from shared.io.calls import budgets, vault
from shared.io.net import ssrf


def any_signature(patch: pytest.MonkeyPatch) -> None:
    """A webhook is taken whatever its signature says."""
    patch.setattr(webhook, "_same", lambda _ours, _theirs: True)


class _OldestFirst(tuple[str, ...]):
    """Versions of signatures of which the oldest is taken for the newest."""

    __slots__ = ()

    def __getitem__(self, at: Any) -> Any:
        return super().__getitem__(-1 if at == 0 else at)


def signatures_without_a_time(patch: pytest.MonkeyPatch) -> None:
    """A webhook that anybody can send again is taken without being asked for."""
    patch.setattr(webhook, "SIGNATURES", _OldestFirst(webhook.SIGNATURES))


def signatures_of_any_age(patch: pytest.MonkeyPatch) -> None:
    """A webhook that was recorded long ago is taken."""
    patch.setattr(webhook, "MAX_AGE_MS", 10**15)


def bodies_of_any_size(patch: pytest.MonkeyPatch) -> None:
    """A webhook's body is read to its end, however long it is."""
    patch.setattr(webhooks, "MAX_BODY", 10**15)


def any_address(patch: pytest.MonkeyPatch) -> None:
    """Calls reach private addresses."""
    patch.setattr(ssrf.AddressGuard, "_may_reach", lambda *_args: True)


def resolved_twice(patch: pytest.MonkeyPatch) -> None:
    """A connection asks for the address of a name once more after it was checked."""
    original = ssrf.AddressGuard.resolve

    def resolve(self: ssrf.AddressGuard, host: str, port: int) -> list[str]:
        original(self, host, port)
        return [host]

    patch.setattr(ssrf.AddressGuard, "resolve", resolve)


def secrets_in_any_place(patch: pytest.MonkeyPatch) -> None:
    """A sealed secret can be opened where another one belongs."""
    patch.setattr(vault, "_place", lambda _connection, _name: b"")


def any_token(patch: pytest.MonkeyPatch) -> None:
    """The console answers everybody."""
    patch.setattr(authentication, "hmac", SimpleNamespace(compare_digest=lambda _ours, _theirs: True))


def no_quota(patch: pytest.MonkeyPatch) -> None:
    """Calls go out however many an app has had."""
    for name in ("_wait_listed", "_wait_counted", "_pace"):
        patch.setattr(budgets, name, lambda *_args: None)
