"""Users, tokens and what ended, as the `access` topic tells: each console reads it, so that all of them judge alike.

A document that cannot be read here counts as none: nobody is let in by what only a newer version understands.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Final

from shared.wire.access import Alert, AlertStanding, MailServer, Retention
from shared.wire.messages import (
    AccessDoc,
    ApiToken,
    Ended,
    Invitation,
    Password,
    PersonLink,
    Preferences,
    SignInProvider,
    User,
)
from shared.wire.topics import RETENTION_KEY

_PATIENCE_S: Final = 2.0
_REMEMBERED: Final = 1000
PROVIDER: Final = "sign-in"
"""Under which name the provider by which people sign in is kept."""
INSTALLATION: Final = "installation"
"""Who signs in by the installation's own token, among the sessions that ended."""


class People:
    """All of them; `apply` and `leave_out` are called by one thread, everything else by any."""

    def __init__(self) -> None:
        self.offset = -1
        self._docs: dict[str, dict[str, AccessDoc]] = {name: {} for name in AccessDoc.model_fields}
        self._at: dict[str, int] = {}
        """By key, the offset of what counts under it, be it that there is nothing any more."""
        self._late: dict[str, None] = {}
        """Keys whose last document does not count."""
        self._uncounted: dict[int, None] = {}
        """Offsets of the last documents that did not count."""
        self._moved = threading.Condition()

    def apply(self, offset: int, key: str, doc: AccessDoc | None) -> None:
        """Take one document; None is its tombstone."""
        kind, _, name = key.partition(":")
        if doc is not None and doc.read_to is not None and self._at.get(key, -1) > doc.read_to:
            self._late[key] = self._uncounted[offset] = None
            if len(self._uncounted) > _REMEMBERED:
                self._uncounted.pop(next(iter(self._uncounted)))
            self._move(offset)
            return
        self._at[key] = offset
        self._late.pop(key, None)
        if kind in self._docs:
            if doc is None or getattr(doc, kind) is None:
                self._docs[kind].pop(name, None)
            else:
                self._docs[kind][name] = doc
        self._move(offset)

    def leave_out(self, offset: int, key: str, raw: bytes | None, why: str) -> None:
        """Take what was there before as gone, since a document of a newer version stands in its place."""
        del raw, why
        self.apply(offset, key, None)

    def _move(self, offset: int) -> None:
        with self._moved:
            self.offset = offset
            self._moved.notify_all()

    def settle(self, offsets: Sequence[int]) -> None:
        """Wait until what was published counts here, for two seconds at most; it is stored in any case."""
        with self._moved:
            self._moved.wait_for(lambda: self.offset >= max(offsets, default=-1), _PATIENCE_S)

    # Changes at the same moment

    def counted(self, offset: int) -> bool:
        """Check whether what was published at an offset counted when it came."""
        return offset not in self._uncounted

    def overruled(self) -> Mapping[str, AccessDoc]:
        """Return, by key, what counts where another document came last, which compaction would keep instead."""
        return {key: self._standing(key) for key in list(self._late)}

    def _standing(self, key: str) -> AccessDoc:
        kind, _, name = key.partition(":")
        return self._docs.get(kind, {}).get(name) or AccessDoc()

    # Users

    def users(self) -> list[User]:
        """List the users by their addresses."""
        found = [doc.user for doc in list(self._docs["user"].values()) if doc.user is not None]
        return sorted(found, key=lambda row: (row.email, row.created_ms, row.id))

    def user(self, name: str) -> User | None:
        """Return a user by id."""
        doc = self._docs["user"].get(name)
        return doc.user if doc else None

    def by_email(self, email: str) -> User | None:
        """Return who was invited under an address: of two that were made at once, the first.

        Nobody who signs in by a provider is found so: there, whoever sets an address decides whose it is.
        """
        return next((row for row in self.users() if row.email == email and not row.issuer), None)

    def has_admin(self) -> bool:
        """Check whether an admin can sign in."""
        return any(row.role == "admin" and self.can_sign_in(row) for row in self.users())

    def can_sign_in(self, user: User) -> bool:
        """Check whether a user can sign in as that, by a password or by the provider."""
        if user.disabled or self.link(user.id) is not None:
            return False
        provider, known = self.provider(), [user, *self.linked_to(user.id)]
        by_provider = provider is not None and any(row.issuer == provider.issuer and not row.disabled for row in known)
        return by_provider or self.password(user.id) is not None

    # The provider by which people sign in

    def mail_server(self) -> MailServer | None:
        """Return the server by which mail is sent, if there is one."""
        doc = self._docs["mail"].get("server")
        return doc.mail if doc else None

    def provider(self) -> SignInProvider | None:
        """Return the provider by which people sign in, if there is one."""
        doc = self._docs["provider"].get(PROVIDER)
        return doc.provider if doc else None

    def link(self, user: str) -> PersonLink | None:
        """Return who a user of the provider is besides, if an admin has said so."""
        doc = self._docs["link"].get(user)
        return doc.link if doc and doc.link and doc.link.to in self._docs["user"] else None

    def linked_to(self, user: str) -> list[User]:
        """List the users of the provider who are this user."""
        return [row for row in self.users() if (link := self.link(row.id)) is not None and link.to == user]

    def whoever(self, user: str) -> User | None:
        """Return the user that counts for an id: the one that it is linked to, or its own."""
        link = self.link(user)
        return self.user(link.to if link is not None else user)

    def password(self, user: str) -> Password | None:
        """Return a user's password, sealed."""
        doc = self._docs["password"].get(user)
        return doc.password if doc else None

    def invitation(self, user: str) -> Invitation | None:
        """Return the link that a user was sent, whether or not it has ended."""
        doc = self._docs["invitation"].get(user)
        return doc.invitation if doc else None

    def invited(self, hashed: str) -> Invitation | None:
        """Return the link with a secret."""
        rows = list(self._docs["invitation"].values())
        return next((doc.invitation for doc in rows if doc.invitation and doc.invitation.hashed == hashed), None)

    # Sessions

    def has_ended(self, session: str) -> bool:
        """Check whether somebody signed out of a session."""
        return session in self._docs["session"]

    def ended(self) -> Mapping[str, Ended]:
        """Return the sessions that somebody signed out of."""
        return {name: doc.session for name, doc in list(self._docs["session"].items()) if doc.session is not None}

    def ended_until(self, user: str) -> int:
        """Return until when all sessions of a user have ended that had begun; -1 for never."""
        doc, password = self._docs["sessions"].get(user), self.password(user)
        return max(doc.sessions.at_ms if doc and doc.sessions else -1, password.at_ms if password else -1)

    def seen_ms(self, name: str) -> int:
        """Return when a user or token was at work last; 0 for never."""
        doc = self._docs["seen"].get(name)
        return doc.seen.at_ms if doc and doc.seen else 0

    # What people keep

    def preferences(self, user: str) -> Preferences:
        """Return how somebody wants the pages; the installation by its token counts as one."""
        doc = self._docs["preferences"].get(user or INSTALLATION)
        return (doc.preferences if doc else None) or Preferences()

    # Alerts

    def alerts(self) -> list[Alert]:
        """List the alerts, the oldest first."""
        found = [doc.alert for doc in list(self._docs["alert"].values()) if doc.alert is not None]
        return sorted(found, key=lambda row: (row.created_ms, row.id))

    def alert(self, name: str) -> Alert | None:
        """Return an alert by id."""
        doc = self._docs["alert"].get(name)
        return doc.alert if doc else None

    def standings(self) -> list[AlertStanding]:
        """List how what alerts watch stands."""
        found = [doc.standing for doc in list(self._docs["standing"].values()) if doc.standing is not None]
        return sorted(found, key=lambda row: (row.alert, row.about))

    def retention(self) -> Retention | None:
        """Return for how many days things are kept, where an admin has decided."""
        kind, _, name = RETENTION_KEY.partition(":")
        doc = self._docs[kind].get(name)
        return doc.retention if doc else None

    # Tokens

    def tokens(self) -> list[ApiToken]:
        """List the API tokens, those with scopes among them, the newest first."""
        docs = [*list(self._docs["token"].values()), *list(self._docs["scoped"].values())]
        found = [token for doc in docs if (token := doc.scoped or doc.token) is not None]
        return sorted(found, key=lambda row: (-row.created_ms, row.id))

    def token(self, name: str) -> ApiToken | None:
        """Return an API token by id."""
        doc = self._docs["scoped"].get(name) or self._docs["token"].get(name)
        return (doc.scoped or doc.token) if doc else None
