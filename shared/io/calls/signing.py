"""Signs calls to apps: opens secrets, renews access tokens once for all processes, and pauses what an app refuses.

An access token is renewed before it ends, by what the app said of its life. The one who renews holds a lock in Redis;
the others go on with the old token, or wait for the new one where the old has ended. A 401 alone says little: it leads
to a renewal only when the token has ended, or is older than `YOUNG_MS`; a token that was just made and is refused is a
refusal of the sign-in. So no answer of an app can make us renew in a loop.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from shared import logs
from shared.config.setups import Setups, UnknownSetup
from shared.contract.app import App
from shared.contract.calls import AppError, HttpRequest, HttpResponse
from shared.contract.oauth import Tokens
from shared.contract.sign_in import Auth
from shared.io.calls.budgets import account_of
from shared.io.calls.exchanges import drive
from shared.io.calls.grants import Grants
from shared.io.calls.tokens import PROBE_MS, Held, SignIn, TokenCache, TokensAway, digest, sign_in_of
from shared.io.calls.vault import Vault, VaultError
from shared.io.envelope import RandomBits, fresh_bits
from shared.io.ports import BusUnavailable, Clock, run_blocking
from shared.metrics import Metrics
from shared.model.syncs import HALTED, Connection
from shared.wire.messages import Rotated

YOUNG_MS: Final = 60_000
"""A token that was made so lately is not renewed because of a 401."""
_EARLY_MS: Final = 60_000
"""A token is renewed so long before it ends; one of a short life, when a fifth of it is left."""
_WAIT_S: Final = 5.0
"""How long a call waits for another one's renewal."""
_LOOK_S: Final = 0.05
_COOL_MS: Final = 5_000
"""How long nobody renews after a renewal that came to nothing."""
_ACCESS: Final = "access_token"
_REFRESH: Final = "refresh_token"
_log = logs.get(__name__)

Sender: TypeAlias = Callable[[HttpRequest], HttpResponse]
"""Sends one request that is not signed, within the account's budget; raises `AppError`."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One connection, with its secrets opened."""

    connection: Connection
    app: App
    auth: Auth
    secrets: Mapping[str, str]
    place: SignIn

    @property
    def account(self) -> str:
        """Name the account whose limits count."""
        return account_of(self.connection)

    def __repr__(self) -> str:
        return f"SignedIn({self.connection.id!r})"


@dataclass(slots=True)
class Entry:
    """One exchange's leave to call."""

    signed: SignedIn
    probe: bool = False
    """It is the one that tries a paused connection."""
    name: str = ""
    """Names its access token."""
    token: str = ""

    def headers(self) -> Mapping[str, str]:
        """Sign a call."""
        secrets = self.signed.secrets
        return self.signed.auth.headers({**secrets, _ACCESS: self.token} if self.name else secrets)

    def __repr__(self) -> str:
        return f"Entry({self.signed.connection.id!r})"


class SignIns:
    """The sign-ins of all connections. Safe to use from several threads.

    Args:
        setups: The connections.
        vault: Opens and seals their secrets.
        cache: What all processes share.
        grants: Refresh tokens that apps replaced.
        metrics: Where renewals are counted.
        clock: Wall clock, for people to read.
        sleep: Waits; returns early when the process stops.
        bits: Source of the names of access tokens.
    """

    def __init__(
        self,
        *,
        setups: Setups,
        vault: Vault,
        cache: TokenCache,
        grants: Grants,
        metrics: Metrics,
        clock: Clock,
        sleep: Callable[[float], object] = time.sleep,
        bits: RandomBits | None = None,
    ) -> None:
        self._setups = setups
        self._vault = vault
        self._cache = cache
        self._grants = grants
        self._metrics = metrics
        self._clock = clock
        self._sleep = sleep
        self._bits = bits or fresh_bits()
        self._signed: dict[str, SignedIn] = {}

    def open(self, name: str, *, partly: bool = False) -> SignedIn:
        """Open a connection's secrets, *partly* also where some are missing still; raises `AppError`."""
        try:
            row = self._setups.connection(name)
        except UnknownSetup as error:
            raise AppError("permission_denied", str(error), retry="setup") from error
        signed = self._signed.get(name)
        if signed is None or signed.connection is not row:
            signed = self._open(row, partly=partly)
            if not partly:
                self._signed[name] = signed
        return signed

    def _open(self, row: Connection, *, partly: bool) -> SignedIn:
        app = self._setups.apps[row.app]
        auth = next((one for one in app.auth if one.kind == row.auth), None)
        if auth is None:
            raise AppError("auth_expired", f"{app.title} knows no sign-in {row.auth!r}: reconnect", retry="auth")
        try:
            secrets = {
                key: self._vault.open(sealed, connection=row.id, name=key) for key, sealed in row.secrets.items()
            }
        except VaultError as error:
            raise AppError("auth_expired", str(error), retry="auth") from error
        missing = [key for key in auth.secrets if key not in secrets]
        if missing and not partly:
            names = ", ".join(missing)
            raise AppError("auth_expired", f"connection {row.id!r} lacks {names}: reconnect it", retry="auth")
        grant = digest(f"{secrets.get('client_id')}\n{secrets.get(_REFRESH)}") if auth.refresh else ""
        return SignedIn(row, app, auth, secrets, sign_in_of(row, grant))

    def enter(self, signed: SignedIn, ask: Sender) -> Entry:
        """Allow a call, with an access token that lives; raises `AppError` where the connection is paused."""
        if signed.connection.paused:
            said = f"somebody paused connection {signed.connection.id!r}"
            raise AppError(HALTED, said, retry="auth", retry_after_s=PROBE_MS / 1000)
        held = self._cache.look(signed.place, enter=True)
        entry = Entry(signed, probe=held.probe)
        _refuse(held)
        if signed.auth.refresh is not None:
            self._take_token(entry, held, ask)
        return entry

    def is_renewed(self, entry: Entry, ask: Sender) -> bool:
        """Take another token after the app refused this one; False when there is no reason to believe in another."""
        signed = entry.signed
        if signed.auth.refresh is None:
            return False
        held = self._cache.look(signed.place)
        mine = held.name == entry.name
        if (held.paused is not None and not entry.probe) or (mine and held.age_ms < YOUNG_MS):
            return False
        self._take_token(entry, held, ask, refused=entry.name)
        return True

    def leave(self, entry: Entry, error: AppError | None) -> None:
        """Publish what the exchange found out about the sign-in."""
        signed = entry.signed
        if error is not None and error.retry == "auth":
            self._pause(signed, error)
        elif entry.probe and (error is None or error.retry in ("edit", "never")):
            self._cache.resume(signed.connection.id)
            _log.info("sign_in_works_again", connection=signed.connection.id)

    def newest_secrets(self, signed: SignedIn) -> Mapping[str, str]:
        """Return what a connection signs in with, the refresh token as the app replaced it last."""
        newest = self._grants.newest(signed.connection.id, signed.place.grant)
        sealed = newest.refresh_token if newest else ""
        return {**signed.secrets, _REFRESH: self._unsealed(signed, _REFRESH, sealed)} if sealed else signed.secrets

    def adopt(self, signed: SignedIn, tokens: Tokens, began: float) -> None:
        """Share an access token that a person's agreement brought at the moment *began* (monotonic)."""
        holder = self._name()
        if self._cache.claim(signed.connection.id, holder):  # else another one renews, which is as good
            self._share(signed, holder, tokens, began)

    # Access tokens

    def _take_token(self, entry: Entry, held: Held, ask: Sender, *, refused: str = "") -> None:
        """Put an access token that lives into *entry*: the shared one, or a new one."""
        signed, deadline = entry.signed, time.monotonic() + _WAIT_S
        while True:
            good = held.name not in ("", refused)
            if good and held.renew_ms > 0:
                break
            holder = self._name()
            if self._cache.claim(signed.connection.id, holder):
                renewed = self._renew(entry, holder, refused, ask)
                if renewed:
                    entry.name, entry.token = holder, renewed
                    return
            elif good:
                break  # somebody renews it, and it lives until then
            if time.monotonic() > deadline:
                raise AppError(
                    "app_unavailable",
                    f"the sign-in of connection {signed.connection.id!r} is being renewed; the app does not answer yet",
                    retry="busy",
                    retry_after_s=1.0,
                )
            self._sleep(_LOOK_S)
            held = self._cache.look(signed.place)
            if not entry.probe:
                _refuse(held)
        entry.name, entry.token = held.name, self._unsealed(signed, _ACCESS, held.sealed)

    def _renew(self, entry: Entry, holder: str, refused: str, ask: Sender) -> str:
        """Renew the token, as the only worker, and return it; empty where another worker's is to be used."""
        signed, cool_ms = entry.signed, 0
        held = self._cache.look(signed.place)
        good = held.name not in ("", refused)
        try:
            if (good and held.renew_ms > 0) or (held.paused is not None and not entry.probe):
                return ""  # it was done, or refused, just before the lock was free
            return self._renewed(signed, holder, held, ask)
        except (AppError, BusUnavailable) as error:
            self._count(signed, error)
            if isinstance(error, AppError) and error.retry == "auth":
                raise
            cool_ms = _COOL_MS
            if not good:
                raise
            _log.warning("token_not_renewed", connection=signed.connection.id, detail=str(error))
            return ""
        finally:
            self._cache.release(signed.connection.id, holder, cool_ms)

    def _renewed(self, signed: SignedIn, holder: str, held: Held, ask: Sender) -> str:
        row, grant = signed.connection, signed.place.grant
        if held.unsaved:
            self._save(signed, held.unsaved)
        newest = self._grants.newest(row.id, grant)
        sealed = newest.refresh_token if newest else ""
        secrets = {**signed.secrets, _REFRESH: self._unsealed(signed, _REFRESH, sealed)} if sealed else signed.secrets
        began = time.monotonic()
        tokens = self._exchanged(signed, secrets, ask)
        if tokens.refresh_token and tokens.refresh_token != secrets[_REFRESH]:
            again = self._vault.seal(tokens.refresh_token, connection=row.id, name=_REFRESH)
            # Where this process stood still for longer than the lock holds, another one may have renewed meanwhile.
            if self._remembered(signed, holder, again) or self._grants.newest(row.id, grant) == newest:
                self._save(signed, again)
        if not self._share(signed, holder, tokens, began):
            return ""
        self._count(signed, None)
        return tokens.access_token

    def _remembered(self, signed: SignedIn, holder: str, sealed: str) -> bool:
        try:
            return self._cache.remember(signed.place, holder, sealed)
        except TokensAway as error:
            _log.warning("refresh_token_not_remembered", connection=signed.connection.id, detail=str(error))
            return False  # Kafka is to have it all the same

    def _exchanged(self, signed: SignedIn, secrets: Mapping[str, str], ask: Sender) -> Tokens:
        async def send(request: HttpRequest) -> HttpResponse:
            return ask(request)

        if signed.auth.refresh is None:
            raise RuntimeError(f"{signed.auth.kind} has nothing to renew")
        try:
            return run_blocking(drive(signed.auth.refresh(secrets), send))
        except AppError as error:
            if error.retry == "auth":  # the app's own word; a key that this process lacks pauses nobody else
                self._pause(signed, error)
            raise

    def _save(self, signed: SignedIn, sealed: str) -> None:
        self._grants.save(
            Rotated(
                connection=signed.connection.id,
                grant=signed.place.grant,
                refresh_token=sealed,
                at_ms=self._clock.now_ms(),
            )
        )

    def _share(self, signed: SignedIn, holder: str, tokens: Tokens, began: float) -> bool:
        row = signed.connection
        sealed = self._vault.seal(tokens.access_token, connection=row.id, name=_ACCESS)
        lives_ms = max(0, int((tokens.lives_s - (time.monotonic() - began)) * 1000))
        renew_ms = lives_ms - min(_EARLY_MS, lives_ms // 5)
        return self._cache.store(signed.place, holder, sealed=sealed, lives_ms=lives_ms, renew_ms=renew_ms)

    def _unsealed(self, signed: SignedIn, name: str, sealed: str) -> str:
        try:
            return self._vault.open(sealed, connection=signed.connection.id, name=name)
        except VaultError as error:
            raise AppError("auth_expired", str(error), retry="auth") from error

    def _pause(self, signed: SignedIn, error: AppError) -> None:
        self._cache.pause(signed.place, error.code, logs.scrub_text(error.message))
        _log.warning("connection_paused", connection=signed.connection.id, reason=error.code, detail=error.message)

    def _count(self, signed: SignedIn, error: Exception | None) -> None:
        reason = "done" if error is None else error.code if isinstance(error, AppError) else "bus_unavailable"
        self._metrics.count("token_renewals_total", connection=signed.connection.id, reason=reason)

    def _name(self) -> str:
        return f"{self._bits.getrandbits(64):016x}"


def _refuse(held: Held) -> None:
    if held.paused is not None:
        raise AppError(
            held.paused.code,
            held.paused.message,
            retry="auth",
            retry_after_s=held.paused.again_ms / 1000,
        )
