"""Users of the console: who may sign in, with which role, and by which password.

Nobody sets another one's password: whoever makes a user, or resets one, gets a link to hand over, by which that person
chooses it, once.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from services.console.access.passwords import Passwords, fault_of
from services.console.access.people import INSTALLATION, People
from services.console.use.activity import Did, acts
from services.console.use.callers import Caller
from services.console.use.problems import Problem, Refused
from services.console.use.publishing import Outside, publish
from services.console.use.versions import Standing, check_seen, overtaken, version_of
from services.console.use.zones import zone_of
from shared import logs
from shared.io.ports import BusUnavailable, Outbound, run_blocking
from shared.io.redis.once import Once, OnceAway
from shared.wire import topics
from shared.wire.messages import AccessDoc, Ended, Invitation, Password, Role, Seen, User

State: TypeAlias = Literal["active", "invited", "invitation_ended", "disabled", "linked", "provider_off"]
INVITED_MS: Final = 72 * 3_600_000
"""How long a link to choose a password holds."""
FIRST_ADMIN_MS: Final = 3_600_000
LINK_MS: Final = 3_600_000
_TRIES: Final = 5
"""How often something is waited for that one console or another does at once."""
SEEN_MS: Final = 600_000
"""The least time between two notes of when somebody was at work."""
LONGEST_SESSION_MS: Final = 7 * topics.DAY_MS
"""A session ends then, however much it is used."""
_FIRST: Final = "first-admin"
_log = logs.get(__name__)
EMAIL: Final = re.compile(r"[^@\s\x00-\x1f\"<>(),;:\\]+@[^@\s\x00-\x1f\"<>(),;:\\]+")
_WRONG_EMAIL: Final = "Write an e-mail address, such as ann@example.com."


class Accounts:
    """Changes users, and tells what became of sessions.

    Args:
        outside: Where changes are published, by which clock.
        people: What is known of them.
        passwords: Seals and checks passwords.
        once: Keeps links that work once.
        settle: Waits until what was published at these offsets counts here.
    """

    def __init__(
        self,
        outside: Outside,
        people: People,
        passwords: Passwords,
        once: Once,
        settle: Callable[[Sequence[int]], None],
    ) -> None:
        self.outside = outside
        self.people = people
        self.once = once
        self._passwords = passwords
        self._settle = settle
        self._noted: dict[str, int] = {}
        self._trouble = logs.Trouble(_log, "work_not_noted")

    @property
    def _now(self) -> int:
        return self.outside.clock.now_ms()

    def store(self, did: Did, *docs: tuple[str, AccessDoc | None]) -> None:
        """Publish documents, None for a tombstone, with what is done by them, and wait until they count here."""
        out = [Outbound(topic=topics.ACCESS, key=key, message=doc) for key, doc in docs]
        self._settle(publish(self.outside, out, did))

    def replace(
        self,
        did: Did | None,
        read_to: int,
        *docs: tuple[str, AccessDoc],
        now: Callable[[], Standing],
        beside: Sequence[tuple[str, AccessDoc | None]] = (),
    ) -> None:
        """Publish documents that are made from what stood, which count unless somebody was faster; raises `Problem`.

        Args:
            did: What is done by them, which is told once they count.
            read_to: `People.offset` as it was before they were made.
            docs: The documents; an empty one removes what stands.
            now: Tells how what they are about stands, where they do not count.
            beside: What is published with them in any case.
        """
        made = [(key, doc.model_copy(update={"read_to": read_to})) for key, doc in docs]
        out = [Outbound(topic=topics.ACCESS, key=key, message=doc) for key, doc in (*made, *beside)]
        offsets = publish(self.outside, out, None)[: len(docs)]
        self._read_back(offsets)
        self._keep_what_counts()
        if not all(map(self.people.counted, offsets)):
            raise overtaken(now())
        if did is not None:
            publish(self.outside, [], did)

    def _read_back(self, offsets: Sequence[int]) -> None:
        """Wait until what was published is read here: only then it is known whether it counts."""
        for _ in range(_TRIES):
            self._settle(offsets)
            if self.people.offset >= max(offsets):
                return
        said = "It is stored, but whether it counts is not known: look again."
        raise Problem(503, "Not shown here yet", said, {"Retry-After": "1"})

    def _keep_what_counts(self) -> None:
        """Publish once more what counts where something came after it that does not: compaction keeps the last one."""
        for _ in range(_TRIES):
            read_to, overruled = self.people.offset, self.people.overruled()
            if not overruled:
                return
            out = [
                Outbound(topic=topics.ACCESS, key=key, message=doc.model_copy(update={"read_to": read_to}))
                for key, doc in overruled.items()
            ]
            self._read_back(publish(self.outside, out, None))

    # Users

    def find(self, name: str) -> User:
        """Return a user; raises `Problem`."""
        user = self.people.user(name)
        if user is None:
            raise Problem(404, "No such user", f"There is no user {name!r}.")
        return user

    def invite(self, email: str, role: Role, name: str = "") -> tuple[User, str]:
        """Make a user, and return it with the secret of the link by which that person chooses a password."""
        user = User(
            id=secrets.token_hex(8), email=self._free_email(email), name=name.strip()[:200], role=role,
            created_ms=self._now,
        )  # fmt: skip
        secret, invitation = self._invitation(user.id)
        did = Did(what="user.invited", about=f"user:{user.email}", changes=[("role", "", role)])
        self.store(did, (f"user:{user.id}", AccessDoc(user=user)), invitation)
        return user, secret

    def _free_email(self, email: str) -> str:
        wanted = email.strip().lower()
        if len(wanted) > 254 or not EMAIL.fullmatch(wanted):
            raise Refused({"email": _WRONG_EMAIL})
        if self.people.by_email(wanted) is not None:
            raise Refused({"email": f"{wanted} is a user already."})
        return wanted

    def _invitation(self, user: str) -> tuple[str, tuple[str, AccessDoc]]:
        secret = secrets.token_urlsafe(32)
        doc = Invitation(user=user, hashed=digest(secret), until_ms=self._now + INVITED_MS)
        return secret, (f"invitation:{user}", AccessDoc(invitation=doc))

    def change(self, name: str, *, role: Role | None = None, disabled: bool | None = None) -> User:
        """Change a user's role, or shut one out or in again; sessions follow at once."""
        read_to, old = self.people.offset, self.find(name)
        check_seen(self.standing(old))
        new = old.model_copy(
            update={
                "role": old.role if role is None else role,
                "disabled": old.disabled if disabled is None else disabled,
            }
        )
        if self.is_last_admin(old) and not self._is_admin(new):
            raise Problem(
                409, "The last admin", "Nobody could manage users any more: make somebody else an admin first."
            )
        ended: list[tuple[str, AccessDoc | None]] = []
        if new.disabled and not old.disabled:
            ended = [self.all_ended(name), (f"invitation:{name}", None)]
        if new != old:
            changes = [("role", old.role, new.role), ("disabled", _yes(old.disabled), _yes(new.disabled))]
            did = Did(what="user.changed", about=f"user:{old.email}", changes=changes)
            self.replace_user(did, read_to, new, beside=ended)
        return new

    def replace_user(
        self, did: Did, read_to: int, new: User, beside: Sequence[tuple[str, AccessDoc | None]] = ()
    ) -> None:
        """Publish a user who is made from what stood, as `replace` does."""
        doc = (f"user:{new.id}", AccessDoc(user=new))
        self.replace(did, read_to, doc, beside=beside, now=lambda: self.standing(self.find(new.id)))

    def standing(self, user: User) -> Standing:
        """Return how what can be changed of a user stands."""
        shown = {"role": user.role, "disabled": _yes(user.disabled)}
        return Standing(version_of(user, self.people.link(user.id)), shown, f"user:{user.email}")

    def is_last_admin(self, user: User) -> bool:
        """Check whether nobody else could manage users."""
        return self._is_admin(user) and not any(self._is_admin(row) for row in self.people.users() if row.id != user.id)

    def _is_admin(self, user: User) -> bool:
        return user.role == "admin" and self.people.can_sign_in(user)

    def reset(self, name: str) -> str:
        """Take a user's password away, and return the secret of a link by which that person chooses another one."""
        user = self.find(name)
        if user.disabled:
            raise Problem(409, "Disabled", f"{user.email} is disabled: enable the user first.")
        if user.issuer:
            raise Problem(409, "No password", f"{user.email} signs in by the provider, and has no password here.")
        secret, invitation = self._invitation(user.id)
        did = Did(what="user.reset", about=f"user:{user.email}")
        self.store(did, (f"password:{name}", None), self.all_ended(name), invitation)
        return secret

    def row(self, user: User) -> dict[str, Any]:
        """Show one user as a row of a list."""
        return {
            "id": user.id,
            "email": user.email,
            "name": user.name,
            "role": user.role,
            "state": self.state(user),
            "created_ms": user.created_ms,
            "last_seen_ms": self.people.seen_ms(user.id) or None,
            "issuer": user.issuer or None,
            "subject": user.subject or None,
            "linked_to": link.to if (link := self.people.link(user.id)) else None,
        }

    def state(self, user: User) -> State:
        """Return whether a user can sign in, or why not."""
        if user.disabled:
            return "disabled"
        if self.people.link(user.id) is not None:
            return "linked"
        if self.people.can_sign_in(user):
            return "active"
        if user.issuer:
            return "provider_off"
        invitation = self.people.invitation(user.id)
        return "invited" if invitation is not None and self._now < invitation.until_ms else "invitation_ended"

    # Passwords

    def invited(self, secret: str) -> User:
        """Return whose password a link is for; raises `Problem` when it does not hold any more."""
        found = self.people.invited(digest(secret))
        user = self.people.user(found.user) if found else None
        if found is None or user is None or user.disabled or self._now >= found.until_ms:
            raise Problem(410, "The link has ended", "It was used, or is too old: ask an admin for another one.")
        return user

    def accept(self, secret: str, password: str) -> User:
        """Set the password of whoever was sent a link, which ends with that."""
        user = self.invited(secret)
        doc = self._password(user, password)
        acts(Caller(user.email, user.role, user=user.id))
        self.store(Did(what="password.chosen", about=f"user:{user.email}"), doc, (f"invitation:{user.id}", None))
        return user

    def change_password(self, by: Caller, old: str, new: str) -> User:
        """Set another password for whoever asks; all sessions that began before end."""
        user = self.find(by.user)
        stored = self.people.password(user.id)
        if not self._passwords.check(user.id, stored.sealed if stored else None, old):
            raise Refused({"old": "This is not your password."})
        did = Did(what="password.changed", about=f"user:{user.email}")
        self.store(did, self._password(user, new), (f"invitation:{user.id}", None))
        return user

    def _password(self, user: User, password: str) -> tuple[str, AccessDoc]:
        fault = fault_of(password, user.email, user.email.partition("@")[0], user.name)
        if fault:
            raise Refused({"password": fault})
        doc = Password(user=user.id, sealed=self._passwords.seal(user.id, password), at_ms=self._after_all(user.id))
        return f"password:{user.id}", AccessDoc(password=doc)

    def holds(self, email: str, password: str) -> User | None:
        """Return the user that an address and a password belong to; it takes as long where there is none."""
        user = self.people.by_email(email.strip().lower())
        stored = self.people.password(user.id) if user else None
        right = self._passwords.check(user.id if user else "", stored.sealed if stored else None, password)
        return user if right and user is not None and not user.disabled else None

    # Sessions

    def end_session(self, session: str) -> None:
        """End one session everywhere, and forget those that would have ended by themselves."""
        now = self._now
        over = [name for name, row in self.people.ended().items() if row.until_ms < now]
        ended = Ended(id=session, at_ms=now, until_ms=now + LONGEST_SESSION_MS)
        did = Did(what="session.ended")
        self.store(did, (f"session:{session}", AccessDoc(session=ended)), *((f"session:{name}", None) for name in over))

    def end_all(self, by: Caller) -> None:
        """End all sessions of whoever asks."""
        self.store(Did(what="sessions.ended"), self.all_ended(by.user or INSTALLATION))

    def all_ended(self, user: str) -> tuple[str, AccessDoc]:
        """Return the document by which all sessions of a user end that there are."""
        return f"sessions:{user}", AccessDoc(sessions=Ended(id=user, at_ms=self._after_all(user)))

    def _after_all(self, user: str) -> int:
        """Return a moment by which each session of a user that there is has begun, also where the clock stood still."""
        return max(self._now, self.people.ended_until(user) + 1)

    def note_seen(self, name: str) -> None:
        """Note that a user or a token is at work, at most every ten minutes; not to be written is no harm."""
        now = self._now
        if now - max(self.people.seen_ms(name), self._noted.get(name, 0)) < SEEN_MS:
            return
        self._noted[name] = now
        doc = AccessDoc(seen=Seen(id=name, at_ms=now))
        try:
            run_blocking(self.outside.bus.publish([Outbound(topic=topics.ACCESS, key=f"seen:{name}", message=doc)]))
        except BusUnavailable as error:
            self._trouble.begun(detail=str(error))
        else:
            self._trouble.over()

    def keep_preferences(self, by: Caller, changes: Mapping[str, Any]) -> None:
        """Keep how somebody wants the pages, the parts of it that change; raises `Refused` for an unknown time zone."""
        read_to = self.people.offset
        if changes.get("zone") and zone_of(changes["zone"]) is None:
            raise Refused({"zone": "Write a time zone, such as Europe/Rome or America/New_York."})
        check_seen(self.preferences_standing(by))
        doc = AccessDoc(preferences=self.people.preferences(by.user).model_copy(update=dict(changes)))
        key = f"preferences:{by.user or INSTALLATION}"
        self.replace(None, read_to, (key, doc), now=lambda: self.preferences_standing(by))

    def preferences_standing(self, by: Caller) -> Standing:
        """Return how stands what somebody keeps."""
        return Standing(version_of(self.people.preferences(by.user)), {}, "")

    # Links that work once

    def offer_first_admin(self) -> str | None:
        """Return the secret of the link that makes the first admin; None where there is one, or a link that holds."""
        secret = secrets.token_urlsafe(32)
        if self.people.has_admin() or not self.once.offer(_FIRST, digest(secret), FIRST_ADMIN_MS):
            return None
        return secret

    def may_be_first(self, secret: str) -> None:
        """Check that a link makes the first admin; raises `Problem`."""
        if self.people.has_admin() or not self._asked_once(self.once.is_there, _FIRST, secret):
            raise _void()

    def first_admin(self, secret: str, email: str, name: str, password: str) -> User:
        """Make the first admin; the link is void from then on."""
        self.may_be_first(secret)
        user = User(
            id=secrets.token_hex(8), email=self._free_email(email), name=name.strip()[:200], role="admin",
            created_ms=self._now,
        )  # fmt: skip
        sealed = self._password(user, password)
        if not self._asked_once(self.once.take, _FIRST, secret):
            raise _void()
        acts(Caller(user.email, user.role, user=user.id))
        try:
            self.store(Did(what="user.first"), (f"user:{user.id}", AccessDoc(user=user)), sealed)
        except Problem:
            self.once.offer(_FIRST, digest(secret), FIRST_ADMIN_MS)  # nobody was made: the link holds on
            raise
        return user

    def sign_in_link(self) -> str:
        """Return the secret of a link that signs a browser in as the installation, once."""
        secret = secrets.token_urlsafe(32)
        publish(self.outside, [], Did(what="link.made"))
        self._offer(f"sign-in:{digest(secret)}", digest(secret), LINK_MS)
        return secret

    def take_sign_in_link(self, secret: str) -> None:
        """Use such a link up; raises `Problem` when it does not hold any more."""
        if not self._asked_once(self.once.take, f"sign-in:{digest(secret)}", secret):
            raise Problem(410, "The link has ended", "It was used, or is too old: make another one, or sign in below.")

    def _offer(self, place: str, hashed: str, lasts_ms: int) -> None:
        try:
            self.once.offer(place, hashed, lasts_ms)
        except OnceAway as error:
            raise _away() from error

    @staticmethod
    def _asked_once(ask: Callable[[str, str], bool], place: str, secret: str) -> bool:
        try:
            return ask(place, digest(secret))
        except OnceAway as error:
            raise _away() from error


def digest(secret: str) -> str:
    """Return how a secret of ours is stored: it is too long to be guessed, so that a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _yes(what: bool) -> str:  # noqa: FBT001 - a value to be shown
    return "yes" if what else "no"


def _void() -> Problem:
    return Problem(
        410,
        "The link has ended",
        "It was used, is older than an hour, or there is an admin already. Where there is none, the console prints "
        "another one as it starts.",
    )


def _away() -> Problem:
    return Problem(503, "Redis is away", "Links cannot be checked without it: try again.", {"Retry-After": "1"})
