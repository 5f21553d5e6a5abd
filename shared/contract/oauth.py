"""The words of signing in by OAuth: what is asked for, and what comes back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What an app answers to a code, or to a refresh token. Never logged: it holds secrets in the clear."""

    access_token: str
    lives_s: float
    """Seconds from the answer on for which the access token is good."""
    refresh_token: str = ""
    """Empty when the one that was sent stays good."""
    scopes: frozenset[str] | None = None
    """What was granted; None when the app does not say."""

    def __repr__(self) -> str:
        return f"Tokens(lives_s={self.lives_s})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person is asked to agree to."""

    client_id: str
    redirect_uri: str
    state: str
    """Comes back with the code; whoever cannot name it did not start this sign-in."""
    challenge: str = ""
    """SHA-256 of the PKCE verifier (RFC 7636); empty where the app takes none."""
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code that a person's agreement brought, on its way to become tokens."""

    code: str
    redirect_uri: str
    verifier: str = ""

    def __repr__(self) -> str:
        return f"Code(redirect_uri={self.redirect_uri!r})"
