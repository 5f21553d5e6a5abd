"""Tokens of the API: each may do what its role and its owner may, until it ends; its secret is shown once.

One with scopes may do of that only what its scopes open.
"""

import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from typing import Any, Final

from services.console.access.roles import ROLES, check_role, reaches
from services.console.access.scopes import SCOPES, least_role, missing
from services.console.use.activity import Did
from services.console.use.administration.users import Accounts, digest
from services.console.use.callers import Caller
from services.console.use.problems import Problem, Refused
from services.console.use.versions import Standing, check_seen, version_of
from shared.wire import topics
from shared.wire.messages import AccessDoc, ApiToken, Role, ScopedToken

LONGEST_DAYS: Final = 3650
_SPELLED: Final = re.compile(r"syn_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


class Tokens:
    """Makes, lists, revokes and recognises tokens."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._people = accounts.people

    @property
    def _now(self) -> int:
        return self._accounts.outside.clock.now_ms()

    def make(
        self, by: Caller, name: str, role: Role, days: int, scopes: Collection[str] | None = None
    ) -> tuple[ApiToken, str]:
        """Make a token of whoever asks, and return it with what is sent as the bearer.

        One that a token makes ends with that token at the latest: it would outlive what it was made by.

        Args:
            by: Its owner.
            name: What it is for.
            role: The most that it may do.
            days: For how many days; 0 for ever.
            scopes: What it is limited to; None for all that the role allows.
        """
        check_role(by.role, role)
        if not name.strip():
            raise Refused({"name": "Say what the token is for."})
        if not 0 <= days <= LONGEST_DAYS:
            raise Refused({"days": f"Choose at most {LONGEST_DAYS} days, or 0 for a token that does not end."})
        limits = _limits(by, role, scopes)
        secret = secrets.token_urlsafe(32)
        token = ApiToken(
            id=secrets.token_hex(8), name=name.strip()[:100], owner=by.user, role=role, hashed=digest(secret),
            created_ms=self._now, until_ms=self._end(by, days),
        )  # fmt: skip
        changes: list[tuple[str, str, str]] = [("role", "", role)]
        doc = AccessDoc(token=token)
        if limits:
            token = ScopedToken(**dict(token), scopes=limits)
            changes.append(("scopes", "", ", ".join(limits)))
            doc = AccessDoc(scoped=token)
        left = -(-(token.until_ms - self._now) // topics.DAY_MS)
        ends = f"after {left} days" if token.until_ms else "when it is revoked"
        did = Did(what="token.made", about=f"token:{token.name}", changes=[*changes, ("ends", "", ends)])
        self._accounts.store(did, (_key(token), doc))
        return token, f"syn_{token.id}_{secret}"

    def _end(self, by: Caller, days: int) -> int:
        """Return when a new token ends, in milliseconds since 1970; 0 for never."""
        maker = self._people.token(by.token) if by.token else None
        ends = (self._now + days * topics.DAY_MS if days else 0, maker.until_ms if maker else 0)
        return min(filter(None, ends), default=0)

    def seen_by(self, by: Caller) -> Sequence[ApiToken]:
        """List one's own tokens; an admin sees all."""
        if reaches(by.role, "admin"):
            return self._people.tokens()
        return [row for row in self._people.tokens() if row.id == by.token or self._is_of(row, by.user)]

    def _is_of(self, token: ApiToken, user: str) -> bool:
        owner = self._people.whoever(token.owner) if token.owner else None
        return owner is not None and owner.id == user

    def find(self, by: Caller, name: str) -> ApiToken:
        """Return one's own token, or any for an admin; raises `Problem`."""
        token = next((row for row in self.seen_by(by) if row.id == name), None)
        if token is None:
            raise Problem(404, "No such token", f"There is no token {name!r}.")
        return token

    @staticmethod
    def standing(token: ApiToken) -> Standing:
        """Return how a token stands; it has one version only, for it can be revoked and nothing else."""
        return Standing(version_of(token), {}, f"token:{token.name}")

    def revoke(self, by: Caller, name: str) -> ApiToken:
        """End one's own token, or any as an admin; raises `Problem`."""
        token = self.find(by, name)
        check_seen(self.standing(token))
        self._accounts.store(Did(what="token.revoked", about=f"token:{token.name}"), (_key(token), None))
        return token

    def recognise(self, bearer: str) -> Caller | None:
        """Return who sends a token; None where it is none, has ended, or its owner may no longer do anything."""
        spelled = _SPELLED.fullmatch(bearer)
        token = self._people.token(spelled[1]) if spelled else None
        if spelled is None or token is None or not hmac.compare_digest(token.hashed, digest(spelled[2])):
            return None
        if token.until_ms and self._now >= token.until_ms:
            return None
        role: Role | None = token.role
        owner = None
        if token.owner:
            owner = self._people.whoever(token.owner)
            role = None if owner is None or owner.disabled else min(owner.role, token.role, key=ROLES.index)
        if role is None:
            return None
        scopes = scopes_of(token)
        limits = None if scopes is None else frozenset(scopes)
        return Caller(token.name, role, user=owner.id if owner else "", token=token.id, scopes=limits)

    def row(self, token: ApiToken) -> dict[str, Any]:
        """Show one token as a row of a list."""
        owner = self._people.user(token.owner) if token.owner else None
        return {
            "id": token.id,
            "name": token.name,
            "role": token.role,
            "scopes": scopes_of(token),
            "owner": owner.email if owner else token.owner,
            "created_ms": token.created_ms,
            "until_ms": token.until_ms or None,
            "last_seen_ms": self._people.seen_ms(token.id) or None,
            "ended": bool(token.until_ms) and self._now >= token.until_ms,
        }


def scopes_of(token: ApiToken) -> list[str] | None:
    """List what a token is limited to; None for all that its role allows."""
    return list(token.scopes) if isinstance(token, ScopedToken) else None


def _key(token: ApiToken) -> str:
    """Return under which key a token stands."""
    return f"{'scoped' if isinstance(token, ScopedToken) else 'token'}:{token.id}"


def _limits(by: Caller, role: Role, scopes: Collection[str] | None) -> tuple[str, ...]:
    """Return the scopes of a new token, in their order and each once; none where it is not limited.

    Nobody passes on what he may not do himself; and a scope that would open nothing is a mistake that is told.
    """
    if scopes is None:
        if by.scopes is not None:
            raise Refused({"scopes": "Name its scopes: a token that has scopes makes none without."})
        return ()
    if not scopes:
        raise Refused({"scopes": "Name one scope at least, or leave them out for all that the role allows."})
    for scope in scopes:
        if scope not in SCOPES:
            raise Refused({"scopes": f"There is no scope {scope!r}: choose of {', '.join(SCOPES)}."})
        if by.scopes is not None and scope not in by.scopes:
            raise missing(scope, "This token lacks the scope {} itself, so it can make none that has it.")
        if not reaches(role, least_role(scope)):
            raise Refused(
                {"scopes": f"{scope} opens nothing to the role {role}: choose {least_role(scope)}, or leave it out."}
            )
    return tuple(scope for scope in SCOPES if scope in scopes)
