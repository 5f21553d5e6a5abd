"""How somebody signs in at an app, and who the app says that is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from shared.contract.calls import Exchange, Session
from shared.contract.oauth import Asked, Code, Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFlow:
    """How a person connects an account by OAuth."""

    page: Callable[[Session, Asked], str]
    """The web address on which they agree."""
    redeem: Callable[[Mapping[str, str], Code], Exchange[Tokens]]
    """(client credentials, code) to tokens; `auth_expired` when the code is not good (any more)."""
    pkce: bool = False
    """Whether the app takes a PKCE challenge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """One way to sign in; `headers` turns opened secrets into request headers."""

    kind: Literal["oauth2_code", "oauth2_client_credentials", "api_key", "basic", "session_login", "none"]
    secrets: tuple[str, ...]
    """Names of the secrets that a connection must hold for it."""
    headers: Callable[[Mapping[str, str]], Mapping[str, str]]
    """An ``access_token`` is among what it is given, where `refresh` brings one."""
    refresh: Callable[[Mapping[str, str]], Exchange[Tokens]] | None = None
    """A new access token for the secrets; raises `auth_expired` when the app refuses the refresh token."""
    revoke: Callable[[Mapping[str, str]], Exchange[None]] | None = None
    """Take back what was granted, as nobody needs it any more; what the app knows no longer is no error."""
    outlives: str = ""
    """What stays at the app after that, as sentences for people."""
    code_flow: CodeFlow | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    """Amounts of the app's limits, by name, that are others for those who sign in so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountInfo:
    """Who the app says we are."""

    id: str
    name: str
    """What people call it there."""
    formerly: tuple[str, ...] = ()
    """Ids under which earlier versions of Syncline knew the same account."""
    zone: str = "UTC"
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A person of the app who can own records."""

    id: str
    email: str
    active: bool = True
