"""Speaks with a provider of OpenID Connect: what it tells of itself, where people sign in there, and who came back.

Only addresses that the guard allows are called, and no redirect is followed. What a provider tells of itself is kept
for some minutes; its keys are asked for again as soon as a token is signed by one that is not known here.
"""

import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from authlib.common.security import is_secure_transport
from authlib.common.urls import add_params_to_uri
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet
from joserfc.jws import JWSRegistry

from shared.io.net.ssrf import AddressGuard, BlockedAddress, BoundedAdapter, blocked
from shared.io.ports import Clock
from shared.settings import Settings

KEPT_S: Final = 600.0
LEEWAY_S: Final = 60
"""By how much the provider's clock and ours may differ."""
_CONNECT_S: Final = 5.0
_READ_S: Final = 10.0
_REST_S: Final = 5.0
_MOST: Final = 1_048_576
"""Bytes of an answer; a provider has no more to say."""
_ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
"""Those that a key of the provider alone can sign with: neither none at all, nor a secret that we know as well."""


class ProviderError(Exception):
    """The provider cannot be used now, or has refused; the message is a sentence for people."""


class TokenError(ProviderError):
    """What came back proves nobody: it is for somebody else, too old, or not signed by a key of the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdClient:
    """What we are known by at a provider."""

    issuer: str
    client_id: str
    client_secret: str = ""
    """Empty where the provider gave none."""
    scopes: tuple[str, ...] = ("openid",)

    def __repr__(self) -> str:
        return f"OpenIdClient({self.issuer!r}, {self.client_id!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdQuestion:
    """One sign-in that has begun: what must come back, and what proves that it is ours."""

    redirect: str
    state: str
    nonce: str
    verifier: str

    def __repr__(self) -> str:
        return f"OpenIdQuestion({self.redirect!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a provider tells of itself."""

    issuer: str
    sign_in: str
    """Where people sign in."""
    token: str
    keys: str
    user: str = ""
    """Where more is told of whoever signed in."""
    sign_out: str = ""
    """Where people sign out there."""
    algorithms: tuple[str, ...] = ("RS256",)
    methods: tuple[str, ...] = ("client_secret_basic",)
    """How a client may prove who it is."""


class OpenId:
    """Speaks with providers. Safe to use from several threads.

    Args:
        guard: Decides where connections may go.
        clock: By which tokens end.
        ca_file: Certificates that vouch for a provider of one's own.
    """

    def __init__(self, guard: AddressGuard, clock: Clock, ca_file: str | None = None) -> None:
        self._guard = guard
        self._clock = clock
        self._verify: str | bool = ca_file or True
        self._lock = threading.Lock()
        self._known: dict[str, tuple[About, float]] = {}
        self._away: dict[str, tuple[ProviderError, float]] = {}
        """Providers that did not answer, which are let alone for a moment: anybody may have them asked."""
        self._keys: dict[str, tuple[Any, float]] = {}

    def about(self, issuer: str, *, anew: bool = False) -> About:
        """Return what a provider tells of itself; raises `ProviderError`."""
        with self._lock:
            found, until = self._known.get(issuer, (None, 0.0))
            failed, rests_until = self._away.get(issuer, (None, 0.0))
        if found is not None and not anew and time.monotonic() < until:
            return found
        if failed is not None and not anew and time.monotonic() < rests_until:
            raise ProviderError(str(failed)) from failed
        try:
            about = self._asked(issuer)
        except ProviderError as error:
            with self._lock:
                self._away = {issuer: (error, time.monotonic() + _REST_S)}
            raise
        with self._lock:
            self._known = {issuer: (about, time.monotonic() + KEPT_S)}  # there is one at a time
        return about

    def _asked(self, issuer: str) -> About:
        refuse_plain(issuer)
        with self._session(OpenIdClient(issuer=issuer, client_id="")) as session:
            told = _get(session, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        return _about(issuer, told)

    def address(self, client: OpenIdClient, question: OpenIdQuestion) -> str:
        """Return where somebody signs in; raises `ProviderError`."""
        about = self.about(client.issuer)
        with self._session(client, about) as session:
            url, _ = session.create_authorization_url(
                about.sign_in,
                state=question.state,
                code_verifier=question.verifier,
                nonce=question.nonce,
                redirect_uri=question.redirect,
            )
        return str(url)

    def claims(
        self, client: OpenIdClient, question: OpenIdQuestion, code: str, wanted: Collection[str] = ()
    ) -> Mapping[str, Any]:
        """Return what a provider says of whoever came back with a code; raises `ProviderError`.

        The issuer, the audience, the times, the nonce and the signature of what it says are checked.

        Args:
            client: What we are known by.
            question: The sign-in that had begun.
            code: What the browser brought back.
            wanted: Names of claims; where the token lacks one, the provider is asked for more.
        """
        about = self.about(client.issuer)
        with self._session(client, about) as session:
            try:
                given = session.fetch_token(
                    about.token,
                    grant_type="authorization_code",
                    code=code,
                    redirect_uri=question.redirect,
                    code_verifier=question.verifier,
                    allow_redirects=False,
                )
            except (OAuthError, ValueError, requests.RequestException, BlockedAddress) as error:
                raise _said(about.issuer, error) from error
            token = given.get("id_token")
            if not isinstance(token, str):
                raise ProviderError("The provider did not say who signed in: it must be asked for the scope openid.")
            claims = self._checked(session, client, about, token, question.nonce, given.get("access_token"))
            if about.user and not all(name in claims for name in wanted):
                told = _get(session, about.user, withhold_token=False)
                if told.get("sub") == claims["sub"]:  # else it tells of somebody else
                    return {**told, **claims}
            return claims

    def signing_out(self, client: OpenIdClient, back: str) -> str:
        """Return where people sign out at a provider; empty where it has no such page. Raises `ProviderError`."""
        at = self.about(client.issuer).sign_out
        return (
            str(add_params_to_uri(at, {"client_id": client.client_id, "post_logout_redirect_uri": back})) if at else ""
        )

    def _checked(
        self, session: Any, client: OpenIdClient, about: About, token: str, nonce: str, access: object
    ) -> dict[str, Any]:
        """Return what a token says, if all of it holds."""
        try:
            try:
                found = self._decoded(session, about, token, anew=False)
            except (InvalidKeyIdError, BadSignatureError, ValueError):
                found = self._decoded(session, about, token, anew=True)  # the provider may sign by another key now
            claims = CodeIDToken(
                found.claims,
                found.header,
                {
                    "iss": {"essential": True, "value": about.issuer},
                    "aud": {"essential": True, "value": client.client_id},
                    "sub": {"essential": True},
                },
                {"nonce": nonce, "client_id": client.client_id, "access_token": access},
            )
            claims.validate(now=self._clock.now_ms() // 1000, leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError) as error:
            raise TokenError(
                f"What the provider said of you does not hold ({_short(error)}): sign in once more. If that does not "
                "help, the clocks of provider and console may differ, or the provider is set up wrong."
            ) from error
        return dict(claims)

    def _decoded(self, session: Any, about: About, token: str, *, anew: bool) -> Any:
        with self._lock:
            keys, until = self._keys.get(about.keys, (None, 0.0))
        if keys is None or anew or time.monotonic() > until:
            keys = _understood(_get(session, about.keys))
            with self._lock:
                self._keys = {about.keys: (keys, time.monotonic() + KEPT_S)}
        registry = JWSRegistry(algorithms=list(about.algorithms), strict_check_header=False)
        return jwt.decode(token, key=keys, registry=registry)

    def _session(self, client: OpenIdClient, about: About | None = None) -> Any:
        """Return what requests are sent by; it knows nobody's proxies, cookies or passwords."""
        session = OAuth2Session(
            client.client_id,
            client.client_secret or None,
            token_endpoint_auth_method=_method(client, about),
            scope=" ".join(client.scopes),
            code_challenge_method="S256",
            default_timeout=(_CONNECT_S, _READ_S),
        )
        session.trust_env = False
        session.verify = self._verify
        session.headers["User-Agent"] = "syncline"
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            session.mount(scheme, BoundedAdapter(self._guard, read_s=_READ_S, most=_MOST))
        return session


def make_open_id(settings: Settings, clock: Clock) -> OpenId:
    """Return what speaks with providers, as the settings say."""
    ca_file = str(settings.http_ca_file) if settings.http_ca_file else None
    return OpenId(AddressGuard(settings.allow_private_addresses), clock, ca_file)


def refuse_plain(url: str) -> None:
    """Refuse an address at which anybody on the way could read and change what is said; raises `ProviderError`."""
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc or not is_secure_transport(url):
        raise ProviderError(f"{url[:200]} is no address of a provider: it begins with https://.")


def _about(issuer: str, told: Mapping[str, Any]) -> About:
    named = str(told.get("issuer", ""))
    if named.rstrip("/") != issuer.rstrip("/"):
        raise ProviderError(f"The provider at {issuer} calls itself {named[:200] or 'nothing'}: write it like that.")
    urls = {
        name: str(told.get(f"{name}_endpoint" if name != "jwks" else "jwks_uri") or "")
        for name in ("authorization", "token", "jwks", "userinfo", "end_session")
    }
    for name, url in urls.items():
        if url or name in ("authorization", "token", "jwks"):
            refuse_plain(url)
    offered = told.get("id_token_signing_alg_values_supported") or ("RS256",)
    return About(
        issuer=named,
        sign_in=urls["authorization"],
        token=urls["token"],
        keys=urls["jwks"],
        user=urls["userinfo"],
        sign_out=urls["end_session"],
        algorithms=tuple(row for row in _ALGORITHMS if row in offered) or ("RS256",),
        methods=tuple(map(str, told.get("token_endpoint_auth_methods_supported") or ("client_secret_basic",))),
    )


def _understood(told: Mapping[str, Any]) -> KeySet:
    """Return the keys that a provider signs by; one of a kind that is not known here is none of them."""
    rows = told.get("keys")
    found = []
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("use") != "enc":
            with suppress(JoseError, ValueError, KeyError, TypeError):  # RFC 7517, section 5: pass it over
                found.append(JWKRegistry.import_key(row))
    if not found:
        raise ProviderError("The provider shows no key that its tokens could be checked by.")
    return KeySet(found)


def _method(client: OpenIdClient, about: About | None) -> str:
    if not client.client_secret:
        return "none"
    offered = about.methods if about is not None else ()
    return "client_secret_post" if "client_secret_basic" not in offered else "client_secret_basic"


def _get(session: Any, url: str, *, withhold_token: bool = True) -> dict[str, Any]:
    try:
        answer = session.get(url, withhold_token=withhold_token, allow_redirects=False)
        if answer.status_code != 200:
            raise ProviderError(f"{urlsplit(url).netloc} answered {answer.status_code} at {urlsplit(url).path}.")
        told = answer.json()
    except (requests.RequestException, BlockedAddress) as error:
        raise _said(url, error) from error
    except ValueError as error:
        raise ProviderError(f"{urlsplit(url).netloc} did not answer with JSON at {urlsplit(url).path}.") from error
    if not isinstance(told, dict):
        raise ProviderError(f"{urlsplit(url).netloc} answered with something else at {urlsplit(url).path}.")
    return told


def _said(url: str, error: Exception) -> ProviderError:
    """Return what became of a call as a sentence, which tells no address that a name leads to."""
    if isinstance(error, OAuthError):
        return ProviderError(f"The provider refused ({_short(error)}): sign in once more.")
    cause = blocked(error)
    if cause is not None:
        return ProviderError(str(cause))
    host = urlsplit(url).netloc
    if isinstance(error, requests.exceptions.SSLError):
        return ProviderError(f"There is no secure connection to {host}: its certificate does not hold here.")
    if isinstance(error, requests.RequestException):
        return ProviderError(f"{host} does not answer: try again in a while.")
    return ProviderError(f"{host} did not answer as a provider does.")


def _short(error: Exception) -> str:
    said = str(getattr(error, "description", "") or error)
    return " ".join(said.split())[:200].rstrip(".")
