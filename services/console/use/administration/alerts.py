"""Alerts: what admins want to be told of when it goes wrong, whom to tell, and whether that works."""

import secrets
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.console.alerts.counting import KINDS
from services.console.alerts.judging import AGAIN_MS, key_of, targets
from services.console.alerts.telling import PLACE, Teller, rule
from services.console.use.activity import Did
from services.console.use.administration.users import EMAIL
from services.console.use.asked import NUMBER, Flag
from services.console.use.problems import Problem, Refused
from services.console.use.sealing import sealed
from services.console.use.versions import Standing, check_seen, version_of
from shared.io.net.hooks import key_of as signing_key
from shared.wire.access import AccessDoc, Alert, AlertDelivery, AlertKind, AlertStanding

MOST: Final = 50
"""Alerts of an installation."""
MOST_ADDRESSES: Final = 10
LONGEST_URL: Final = 2_000
_SHORTEST_SECRET: Final = 16
WEEK: Final = 10_080


class Rule(BaseModel):
    """When an alert fires, and whom it tells by mail."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(max_length=100, description="What people call it.", examples=["Contacts fail"])
    kind: AlertKind = Field(
        description="What it watches: records that fail, accounts that are paused, syncs whose last job failed, "
        "changes that come late (in minutes), or messages that are parked. It cannot be changed later.",
        examples=["failing"],
    )
    about: str = Field(
        default="", max_length=300,
        description="One of them alone: `sync/` or `connection/`, and its `id`. All, each by itself, when empty.",
        examples=["sync/contacts"],
    )  # fmt: skip
    over: Annotated[
        int, Field(ge=0, le=1_000_000_000, description="The most that is all right.", examples=[20]), NUMBER
    ] = 0
    minutes: Annotated[
        int,
        Field(
            ge=0,
            le=WEEK,
            description="For how long it must be more before it fires; as long, to be over.",
            examples=[10],
        ),
        NUMBER,
    ] = 5
    pause: Flag = Field(
        default=False,
        description="Of failing records: whether a sync for which it fires is switched off and stays so.",
        examples=[True],
    )
    mail: tuple[str, ...] = Field(
        default=(), max_length=MOST_ADDRESSES, description="Addresses that are told.", examples=[["ops@example.com"]]
    )
    secret: SecretStr | None = Field(
        default=None, max_length=500,
        description="By which calls of the webhook are signed; left out, the one that stands stays, and empty there is "
        "none any more.", examples=["a long random text"],
    )  # fmt: skip


class Wanted(Rule):
    """When an alert fires, and whom it tells."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "Contacts fail", "kind": "failing", "about": "sync/contacts", "over": 20, "minutes": 10,
                 "mail": ["ops@example.com"]},
                {"name": "Accounts", "kind": "paused", "minutes": 5, "url": "https://chat.example.com/hooks/1",
                 "secret": "a long random text"},
            ]
        },
    )  # fmt: skip

    url: str = Field(default="", max_length=LONGEST_URL, description="A webhook that is told; empty for none.")


class Alerts:
    """The alerts of an installation.

    Args:
        teller: Sends messages, and knows the users.
    """

    def __init__(self, teller: Teller) -> None:
        self.teller = teller
        self._accounts = teller.mailing.accounts

    def rows(self) -> list[dict[str, Any]]:
        """List all alerts and how they stand, the oldest first."""
        return list(map(self.row, self.all()))

    def all(self) -> list[Alert]:
        """Return all alerts, the oldest first."""
        return list(self._accounts.people.alerts())

    def known(self, name: str) -> Alert | None:
        """Return an alert, if there is one."""
        return self._accounts.people.alert(name)

    def find(self, name: str) -> Alert:
        """Return an alert; raises `Problem`."""
        alert = self.known(name)
        if alert is None:
            raise Problem(404, "No such alert", f"There is no alert {name!r}.")
        return alert

    def row(self, alert: Alert) -> dict[str, Any]:
        """Show an alert without its secret, and how what it watches stands."""
        shown = alert.model_dump(exclude={"secret"})
        standing = [_standing(alert, row) for row in self.standings(alert)]
        states = [row["state"] for row in standing]
        state = next((one for one in ("firing", "easing", "waiting") if one in states), "fine")
        return {**shown, "has_secret": bool(alert.secret), "rule": rule(alert), "state": state, "standing": standing}

    def standings(self, alert: Alert) -> list[AlertStanding]:
        """List how what an alert watches stands, where that was ever wrong."""
        return [row for row in self._accounts.people.standings() if row.alert == alert.id]

    def add(self, wanted: Wanted) -> Alert:
        """Add an alert; raises `Refused`."""
        return self.put(secrets.token_hex(8), wanted)

    def put(self, name: str, wanted: Wanted) -> Alert:
        """Add an alert under a name of its own, or change it where there is one; raises `Refused`."""
        if self.known(name) is not None:
            return self.change(name, wanted)
        if len(self._accounts.people.alerts()) >= MOST:
            raise Problem(409, "Too many alerts", f"There are {MOST} alerts: remove one first.")
        read_to = self._accounts.people.offset
        return self._store(self.new(name, wanted), wanted, "alert.added", read_to)

    def new(self, name: str, wanted: Rule) -> Alert:
        """Return an alert that is not there yet, before anything of it is filled in."""
        return Alert(id=name, name="", kind=wanted.kind, created_ms=self._now)

    def change(self, name: str, wanted: Wanted) -> Alert:
        """Change an alert; raises `Refused`."""
        read_to, old = self._accounts.people.offset, self.find(name)
        check_seen(self.standing(old))
        return self._store(old, wanted, "alert.changed", read_to)

    @staticmethod
    def standing(alert: Alert) -> Standing:
        """Return how what can be changed of an alert stands; an address of a webhook is shown to nobody by it."""
        shown = {"name": alert.name, "about": alert.about, "over": str(alert.over), "minutes": str(alert.minutes),
                 "pause": "on" if alert.pause else "", "mail": "\n".join(alert.mail)}  # fmt: skip
        return Standing(version_of(alert), shown, f"alert:{alert.name}")

    def _now_standing(self, old: Alert) -> Standing:
        return self.standing(self.known(old.id) or old)

    @property
    def _now(self) -> int:
        return self._accounts.outside.clock.now_ms()

    def _store(self, old: Alert, wanted: Wanted, deed: str, read_to: int) -> Alert:
        new = self.drawn(old, wanted)
        if new != old:
            did = Did(what=deed, about=f"alert:{new.name}", changes=changes(old, new))
            self._accounts.replace(did, read_to, _doc(new), now=lambda: self._now_standing(old))
        return new

    def drawn(self, old: Alert, wanted: Wanted) -> Alert:
        """Return an alert as somebody wants it in place of how it stands; raises `Refused`."""
        if wanted.kind != old.kind:
            raise Refused({"kind": "What an alert watches stays: add another one, and remove this."})
        given = wanted.secret.get_secret_value() if wanted.secret is not None else None
        wrong = _faults(wanted, given)
        if wrong:
            raise Refused(wrong)
        mail = tuple(dict.fromkeys(one.strip() for one in wanted.mail))
        kept = old.secret if given is None else ""
        if given:
            kept = sealed(self.teller.vault, given, old.secret, place=PLACE, name=old.id)
        update = {
            "name": wanted.name.strip(), "about": wanted.about, "over": wanted.over if KINDS[old.kind].unit else 0,
            "minutes": wanted.minutes, "pause": wanted.pause, "mail": mail, "url": wanted.url.strip(),
            "secret": kept if wanted.url.strip() else "",
        }  # fmt: skip
        return old.model_copy(update=update)

    def remove(self, name: str) -> None:
        """Remove an alert, and what is known of how it stands."""
        read_to, alert = self._accounts.people.offset, self.find(name)
        check_seen(self.standing(alert))
        gone = [(key_of(row.alert, row.about), None) for row in self.standings(alert)]
        did, empty = Did(what="alert.removed", about=f"alert:{alert.name}"), (f"alert:{name}", AccessDoc())
        self._accounts.replace(did, read_to, empty, beside=gone, now=lambda: self._now_standing(alert))

    def test(self, name: str) -> None:
        """Send a test message to all whom an alert tells; raises `Problem` with who could not be told, and why."""
        alert, incident = self.find(name), secrets.token_hex(8)
        about = AlertStanding(
            alert=alert.id, about=alert.about, words=f"the alert {alert.name} works", incident=incident
        )
        failed = {to: error for to in targets(alert) if (error := self.teller.tell(alert, about, "test", to))}
        if failed:
            told = "; ".join(f"{to or 'webhook'}: {error}" for to, error in failed.items())
            raise Problem(409, "Not told", f"{told}.")


def _doc(alert: Alert) -> tuple[str, AccessDoc]:
    return f"alert:{alert.id}", AccessDoc(alert=alert)


def _standing(alert: Alert, row: AlertStanding) -> dict[str, Any]:
    state = ("easing" if row.turning_ms else "firing") if row.firing else "waiting" if row.turning_ms else "fine"
    told = set(targets(alert))
    return {
        "about": row.about, "state": state, "at_ms": row.at_ms or None, "number": row.number, "words": row.words,
        "paused": row.pausing == "done",
        "deliveries": [_delivery(one) for one in row.deliveries if one.to in told],
    }  # fmt: skip


def _delivery(row: AlertDelivery) -> dict[str, Any]:
    state = "waiting"
    if row.attempt:
        state = "sent" if not row.error else "given_up" if row.attempt > len(AGAIN_MS) else "failed"
    return {
        "to": row.to or "webhook", "what": "firing" if row.firing else "resolved", "state": state,
        "attempts": row.attempt, "error": row.error, "at_ms": row.at_ms or None,
    }  # fmt: skip


def changes(old: Alert, new: Alert) -> list[tuple[str, str, str]]:
    """List what changes, without an address of a webhook: who has it may call it."""
    rows = [(name, _text(getattr(old, name)), _text(getattr(new, name)))
            for name in ("name", "kind", "about", "over", "minutes", "pause", "mail")]  # fmt: skip
    rows.append(("webhook", _host(old.url), _host(new.url)))
    secret = [name for name in ("url", "secret") if getattr(old, name) != getattr(new, name)]
    return [*rows, *((name, "kept", "changed") for name in secret)]


def _text(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _faults(wanted: Wanted, secret: str | None) -> dict[str, str]:
    found: dict[str, str] = {}
    if not wanted.name.strip() or not wanted.name.isprintable():
        found["name"] = "Write what the alert is called."
    kind, (each, _, name) = KINDS[wanted.kind], wanted.about.partition("/")
    if wanted.about and (each != kind.each or not name):
        of = f"a {kind.each}, as {kind.each}/ID" if kind.each else "nothing in particular: leave this empty"
        found["about"] = f"This alert watches {of}."
    if wanted.pause and not kind.pauses:
        found["pause"] = "Only an alert of failing records can switch syncs off."
    if not all(EMAIL.fullmatch(one.strip()) for one in wanted.mail):
        found["mail"] = "Write one e-mail address a line, such as ops@example.com."
    if not wanted.mail and not wanted.url.strip():
        found["mail"] = "Write whom to tell: an e-mail address, or a webhook below."
    if wanted.url.strip() and not _is_address(wanted.url.strip()):
        found["url"] = "Write an address that begins with https://, without a user or password in it."
    if secret and not _is_secret(secret):
        found["secret"] = f"Write {_SHORTEST_SECRET} characters at least; what follows whsec_ is base64."
    return found


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return (
        named and parts.scheme in ("https", "http") and "@" not in parts.netloc and url.isprintable() and " " not in url
    )


def _is_secret(secret: str) -> bool:
    try:
        return len(signing_key(secret)) >= _SHORTEST_SECRET
    except ValueError:
        return False
