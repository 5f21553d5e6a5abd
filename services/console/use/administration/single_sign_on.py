"""Signing in by a provider of OpenID Connect: which one, who of its people may come in, and with which role.

A person is who the provider says, by issuer and subject, and never an address. What a sign-in begins with travels in
`state`, sealed for the browser that began it: any replica takes the answer, once, and no other browser does.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.console.access.people import PROVIDER
from services.console.access.roles import ROLES, role_of
from services.console.use.activity import Did, acts
from services.console.use.administration.users import Accounts
from services.console.use.callers import Caller
from services.console.use.problems import Problem, Refused
from services.console.use.sealing import seal, sealed
from services.console.use.versions import Standing, check_seen, version_of
from shared.io.calls.vault import Vault, VaultError
from shared.io.net.openid import OpenId, OpenIdClient, OpenIdQuestion, ProviderError, refuse_plain
from shared.io.redis.once import Once, OnceAway
from shared.wire.messages import AccessDoc, PersonLink, Role, SignInProvider, User

LIFE_MS: Final = 600_000
"""How long somebody may take to sign in at the provider."""
LONGEST: Final = 2000
_TITLE: Final = 60
_ROWS: Final = 100
_STATE: Final = "sign-in by the provider"
_PLACE: Final = "the console"
_KEY: Final = f"provider:{PROVIDER}"
_SCOPES: Final = ("openid", "email", "profile")


class ProviderWanted(BaseModel):
    """A provider of OpenID Connect by which people sign in, and who of them may come in."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "issuer": "https://login.example.com",
                    "client_id": "syncline",
                    "client_secret": "a long text",
                    "claim": "groups",
                    "roles": {"crm-admins": "admin", "sales": "viewer"},
                }
            ]
        },
    )

    issuer: str = Field(
        max_length=LONGEST, description="Its address, as it calls itself.", examples=["https://login.example.com"]
    )
    client_id: str = Field(max_length=LONGEST, description="What it knows this console by.", examples=["syncline"])
    client_secret: SecretStr = Field(
        default=SecretStr(""),
        max_length=LONGEST,
        description="Left out, the one that stands stays.",
        examples=["a long text"],
    )
    title: str = Field(default="", description="What people call it: stands on the button.", examples=["Our directory"])
    scopes: tuple[str, ...] = Field(
        default=_SCOPES,
        max_length=20,
        description="What it is asked to tell of people.",
        examples=[["openid", "email", "groups"]],
    )
    domains: tuple[str, ...] = Field(
        default=(),
        description="Domains of verified addresses that may come in; all when empty.",
        examples=[["example.com"]],
    )
    claim: str = Field(
        default="", max_length=LONGEST, description="What of a person decides the role.", examples=["groups"]
    )
    roles: dict[str, str] = Field(
        default={}, description="Which role a value of the claim gives.", examples=[{"crm-admins": "admin"}]
    )
    default_role: str = Field(
        default="", description="The role of all others; without it they may not come in.", examples=["viewer"]
    )


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody who signed in by the provider."""

    user: User
    issuer: str
    wanted: str
    """The address that this person wanted to see."""


class SingleSignOn:
    """Sets the provider up, and lets its people in.

    Args:
        accounts: The users.
        vault: Seals the client secret, and what a sign-in begins with.
        once: Keeps which answers were taken.
        calls: Speaks with providers.
    """

    def __init__(self, accounts: Accounts, vault: Vault, once: Once, calls: OpenId) -> None:
        self._accounts = accounts
        self._people = accounts.people
        self._vault = vault
        self.once = once
        self.calls = calls

    @property
    def provider(self) -> SignInProvider | None:
        """Return the provider by which people sign in, if there is one."""
        return self._people.provider()

    @property
    def title(self) -> str:
        """Return what people call the provider; empty where there is none."""
        found = self.provider
        return "" if found is None else found.title or found.issuer.partition("://")[2].strip("/")

    # Setting up

    def row(self) -> dict[str, Any]:
        """Show the provider, without its secret."""
        found = self.provider
        if found is None:
            raise Problem(404, "No provider", "Nobody signs in by a provider: none is set up.")
        told = found.model_dump(exclude={"client_secret"}, mode="json")
        return {**told, "has_secret": bool(found.client_secret)}

    def change(self, wanted: ProviderWanted) -> SignInProvider:
        """Sign people in by a provider, which is asked whether it is one; raises `Refused`."""
        read_to, old, wrong = self._people.offset, self.provider, _faults(wanted)
        if wrong:
            raise Refused(wrong)
        check_seen(_standing(old))
        new = self._drawn(old, wanted, self._issuer_of(wanted))
        if new != old:
            did = Did(what="provider.changed", about=f"provider:{new.issuer}", changes=changes(old, new))
            self._accounts.replace(did, read_to, (_KEY, AccessDoc(provider=new)), now=self.standing)
        return new

    def drawn(self, old: SignInProvider | None, wanted: ProviderWanted) -> SignInProvider:
        """Return the provider as somebody wants it in place of the one that stands; raises `Refused`.

        It is asked whether it is one where something of it would change.
        """
        wrong = _faults(wanted)
        if wrong:
            raise Refused(wrong)
        new = self._drawn(old, wanted, wanted.issuer.strip())
        return new if new == old else self._drawn(old, wanted, self._issuer_of(wanted))

    def _issuer_of(self, wanted: ProviderWanted) -> str:
        """Ask a provider what it calls itself; raises `Refused`."""
        try:
            return self.calls.about(wanted.issuer.strip(), anew=True).issuer
        except ProviderError as error:
            raise Refused({"issuer": str(error)}) from error

    def _drawn(self, old: SignInProvider | None, wanted: ProviderWanted, issuer: str) -> SignInProvider:
        client_id, secret = wanted.client_id.strip(), wanted.client_secret.get_secret_value().strip()
        is_same = old is not None and (old.issuer, old.client_id) == (issuer, client_id)
        kept = old.client_secret if old is not None and is_same else ""
        if secret:
            kept = sealed(self._vault, secret, kept, place=_PLACE, name=_secret_of(issuer, client_id))
        return SignInProvider(
            issuer=issuer,
            client_id=client_id,
            client_secret=kept,
            title=" ".join(wanted.title.split()),
            scopes=tuple(dict.fromkeys(("openid", *wanted.scopes))),
            domains=tuple(dict.fromkeys(row.strip().lower().removeprefix("@") for row in wanted.domains)),
            claim=wanted.claim.strip(),
            roles={value: role_of(role) for value, role in wanted.roles.items()},
            default_role=role_of(wanted.default_role) if wanted.default_role else None,
        )

    def standing(self) -> Standing:
        """Return how the provider stands; it has a version where none is set up, too."""
        return _standing(self.provider)

    def remove(self) -> None:
        """Sign nobody in by the provider any more; sessions that began there end."""
        read_to, old = self._people.offset, self.provider
        if old is None:
            raise Problem(404, "No provider", "Nobody signs in by a provider: none is set up.")
        check_seen(_standing(old))
        did = Did(what="provider.removed", about=f"provider:{old.issuer}")
        self._accounts.replace(did, read_to, (_KEY, AccessDoc()), now=self.standing)

    # Linking

    def link(self, name: str, to: str) -> User:
        """Make whoever signs in by the provider as one user another one from now on; returns that one."""
        read_to, user = self._people.offset, self._accounts.find(name)
        check_seen(self._accounts.standing(user))
        other = self._accounts.find(to)
        if not user.issuer:
            raise Problem(409, "Not linked", f"{user.email} does not sign in by a provider.")
        if user.id == other.id:
            raise Problem(409, "Not linked", "That is the same user.")
        if self._people.link(other.id) is not None or self._people.linked_to(user.id):
            raise Problem(409, "Not linked", "One of them is linked already: unlink that first.")
        if user.disabled or other.disabled:
            raise Problem(409, "Not linked", "One of them is disabled: enable that user first.")
        if self._accounts.is_last_admin(user) and other.role != "admin":
            raise Problem(409, "The last admin", "Nobody could manage users any more: make somebody an admin first.")
        did = Did(what="user.linked", about=f"user:{user.email}", changes=[("signs in as", user.id, other.id)])
        doc = AccessDoc(link=PersonLink(user=user.id, to=other.id, at_ms=self._accounts.outside.clock.now_ms()))
        ended = [self._accounts.all_ended(user.id)]
        self._accounts.replace(
            did, read_to, (f"link:{user.id}", doc), now=lambda: self._accounts.standing(user), beside=ended
        )
        return other

    def unlink(self, name: str) -> User:
        """Make whoever signs in by the provider a user alone again; sessions of the other one end."""
        read_to, user, link = self._people.offset, self._accounts.find(name), self._people.link(name)
        check_seen(self._accounts.standing(user))
        if link is None:
            raise Problem(409, "Not linked", f"{user.email} is not linked.")
        did = Did(what="user.unlinked", about=f"user:{user.email}", changes=[("signs in as", link.to, user.id)])
        ended = [self._accounts.all_ended(link.to)]
        self._accounts.replace(
            did, read_to, (f"link:{name}", AccessDoc()), now=lambda: self._accounts.standing(user), beside=ended
        )
        return user

    # Signing in

    def begin(self, browser: str, redirect: str, wanted: str) -> str:
        """Return where somebody signs in.

        Args:
            browser: A secret that the browser alone keeps until it comes back.
            redirect: Where the provider sends it back to.
            wanted: Which page it wants to see then.
        """
        provider = self._asked()
        nonce, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        kept = {
            "issuer": provider.issuer, "client_id": provider.client_id, "redirect": redirect, "wanted": wanted[:500],
            "nonce": nonce, "verifier": verifier, "until": self._now + LIFE_MS,
        }  # fmt: skip
        state = seal(self._vault, json.dumps(kept), place=browser, name=_STATE)
        question = OpenIdQuestion(redirect=redirect, state=state, nonce=nonce, verifier=verifier)
        try:
            return self.calls.address(self._client(provider), question)
        except ProviderError as error:
            raise Problem(503, "Cannot sign in now", str(error), {"Retry-After": "5"}) from error

    def finish(self, query: Mapping[str, str], browser: str) -> Arrived:
        """Return who came back from the provider; raises `Problem` with what to do where that is nobody."""
        provider, kept = self._asked(), self._taken(query.get("state", ""), browser)
        if (kept["issuer"], kept["client_id"]) != (provider.issuer, provider.client_id):
            raise _refused(410, "The provider was changed meanwhile: sign in once more.")
        code = query.get("code", "")
        if not code:
            why = query.get("error_description") or query.get("error") or "it gave no code"
            raise _refused(422, f"The provider did not sign you in: {' '.join(why.split())[:200]}.")
        question = OpenIdQuestion(redirect=kept["redirect"], state="", nonce=kept["nonce"], verifier=kept["verifier"])
        wanted = [name for name in ("email", provider.claim.partition(".")[0]) if name]
        try:
            claims = self.calls.claims(self._client(provider), question, code, wanted)
        except ProviderError as error:
            raise _refused(422, str(error)) from error
        return Arrived(self._let_in(provider, claims), provider.issuer, kept["wanted"])

    def signing_out(self, back: str) -> str:
        """Return where people sign out at the provider; empty where it has no such page, or does not answer."""
        provider = self.provider
        if provider is None:
            return ""
        try:
            return self.calls.signing_out(self._client(provider), back)
        except (ProviderError, Problem):
            return ""  # whoever signed out here is out in any case

    @property
    def _now(self) -> int:
        return self._accounts.outside.clock.now_ms()

    def _asked(self) -> SignInProvider:
        provider = self.provider
        if provider is None:
            raise Problem(404, "No provider", "Nobody signs in by a provider here: sign in with your password.")
        return provider

    def _client(self, provider: SignInProvider) -> OpenIdClient:
        try:
            secret = provider.client_secret and self._vault.open(
                provider.client_secret, connection=_PLACE, name=_secret_of(provider.issuer, provider.client_id)
            )
        except VaultError as error:
            raise Problem(503, "Cannot sign in now", str(error)) from error
        return OpenIdClient(
            issuer=provider.issuer, client_id=provider.client_id, client_secret=secret, scopes=provider.scopes
        )

    def _taken(self, state: str, browser: str) -> dict[str, Any]:
        """Take what a sign-in began with, once; an answer that another browser began is nobody's."""
        try:
            kept = json.loads(self._vault.open(state, connection=browser, name=_STATE)) if browser else None
        except (VaultError, ValueError):
            kept = None
        if not isinstance(kept, dict):
            raise _refused(422, "This answers no sign-in that began in this browser: sign in once more.")
        if self._now > kept["until"]:
            raise _refused(410, "You came back after more than ten minutes: sign in once more.")
        try:
            fresh = self.once.offer(f"signed-in:{hashlib.sha256(state.encode()).hexdigest()}", "1", 2 * LIFE_MS)
        except OnceAway as error:
            raise Problem(503, "Redis is away", "Nobody can sign in by the provider without it: try again.",
                          {"Retry-After": "1"}) from error  # fmt: skip
        if not fresh:
            raise _refused(410, "This answer was taken already: sign in once more.")
        return kept

    def _let_in(self, provider: SignInProvider, claims: Mapping[str, Any]) -> User:
        """Return the user whom a provider's claims are about, made or brought up to date; raises `Problem`."""
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise _refused(422, "The provider did not say who you are.")
        role = _role(provider, claims)
        if not _is_of_domain(provider, claims):
            raise _refused(403, "Your address is not one of those that may come in here: ask an admin.")
        if role is None:
            raise _refused(403, "The provider gives you no role here: ask an admin which groups may come in.")
        name = person_id(provider.issuer, subject)
        read_to, old = self._people.offset, self._people.user(name)
        told = {"email": _address(claims) or subject[:254], "name": _line(claims.get("name"))[:200]}
        if old is None:
            new = User(
                id=name, email=told["email"], name=told["name"], role=role, created_ms=self._now,
                issuer=provider.issuer, subject=subject,
            )  # fmt: skip
        else:
            new = old.model_copy(update={**told, "role": role if provider.claim else old.role})
        counts = self._people.whoever(name) or new
        if new.disabled or counts.disabled:
            raise _refused(403, "You are shut out: ask an admin.")
        acts(Caller(new.email, new.role, user=new.id))
        if old is None:
            did = Did(what="user.arrived", about=f"user:{new.email}", changes=[("role", "", role)])
            self._accounts.store(did, (f"user:{name}", AccessDoc(user=new)))
        elif new != old:
            changes = [(part, str(getattr(old, part)), str(getattr(new, part))) for part in ("email", "name", "role")]
            did = Did(what="user.changed", about=f"user:{new.email}", changes=changes)
            self._accounts.replace_user(did, read_to, new)
        return counts if counts.id != name else new


def person_id(issuer: str, subject: str) -> str:
    """Return the id of a provider's person: the same on every replica that lets this person in first."""
    return hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:32]


def _faults(wanted: ProviderWanted) -> dict[str, str]:
    """Return what is wrong, by field."""
    wrong: dict[str, str] = {}
    try:
        refuse_plain(wanted.issuer.strip())
    except ProviderError:
        wrong["issuer"] = "Write the provider's address, such as https://login.example.com."
    if not wanted.client_id.strip():
        wrong["client_id"] = "Write the client id that the provider shows."
    if len(wanted.title) > _TITLE:
        wrong["title"] = f"Choose at most {_TITLE} characters."
    wrong |= _role_faults(wanted)
    if len(wanted.domains) > _ROWS or any(not row.strip() or " " in row.strip() for row in wanted.domains):
        wrong["domains"] = "Write domains such as example.com, separated by spaces."
    return wrong


def _role_faults(wanted: ProviderWanted) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if len(wanted.roles) > _ROWS or any(not value.strip() or role not in ROLES for value, role in wanted.roles.items()):
        wrong["roles"] = f"Write a value and one of {', '.join(ROLES)} on each line, such as: admins = admin."
    elif wanted.roles and not wanted.claim.strip():
        wrong["claim"] = "Write which claim holds these values, such as groups."
    elif wanted.claim.strip() and not wanted.roles:
        wrong["roles"] = "Write which values of the claim give which role."
    if wanted.default_role and wanted.default_role not in ROLES:
        wrong["default_role"] = f"Choose one of {', '.join(ROLES)}."
    elif not wanted.default_role and not wanted.roles:
        wrong["default_role"] = "Choose a role, or which values of a claim give one: nobody could come in."
    return wrong


def changes(old: SignInProvider | None, new: SignInProvider) -> list[tuple[str, str, str]]:
    """List what changes of a provider; of its secret only that it does."""
    before, after = _told(old), _told(new)
    rows = [(name, before.get(name, ""), value) for name, value in after.items()]
    if old is not None and old.client_secret != new.client_secret:
        rows.append(("client_secret", "kept", "changed"))
    return rows


def _standing(found: SignInProvider | None) -> Standing:
    return Standing(version_of(found), _told(found), f"provider:{found.issuer}" if found else "")


def _told(row: SignInProvider | None) -> dict[str, str]:
    """Return what a provider is set up by, without its secret."""
    if row is None:
        return {}
    found = {name: value for name, value in row.model_dump(mode="json").items() if name != "client_secret"}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}


def _role(provider: SignInProvider, claims: Mapping[str, Any]) -> Role | None:
    """Return the highest role that a person's claim gives, or the default."""
    found: object = claims.get(provider.claim)
    if found is None:
        found = claims
        for part in provider.claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    values = {found} if isinstance(found, str) else set(map(str, found)) if isinstance(found, list) else set()
    given = [role for value, role in provider.roles.items() if value in values]
    return max(given, key=ROLES.index) if given else provider.default_role


def _is_of_domain(provider: SignInProvider, claims: Mapping[str, Any]) -> bool:
    """Check whether an address may come in; one that the provider has not verified anybody may have written."""
    is_verified = claims.get("email_verified") in (True, "true")
    domain = _line(claims.get("email")).lower().rpartition("@")[2]
    return not provider.domains or (is_verified and domain in provider.domains)


def _address(claims: Mapping[str, Any]) -> str:
    """Return what a person is called by: the address, else the name to sign in."""
    found = (_line(claims.get(name)) for name in ("email", "preferred_username"))
    return next((text.lower()[:254] for text in found if text), "")


def _line(value: object) -> str:
    return "".join(sign for sign in value if sign.isprintable()).strip() if isinstance(value, str) else ""


def _secret_of(issuer: str, client_id: str) -> str:
    """Name what a secret is sealed for: no other provider ever gets it."""
    return f"client secret of {client_id} at {issuer}"


def _refused(status: int, text: str) -> Problem:
    return Problem(status, "Not signed in", text)
