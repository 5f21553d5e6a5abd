"""How an account's changes are learned: told by the app itself, or only asked for; and whether the app can reach us."""

import secrets
from dataclasses import dataclass
from typing import Any, Final

from services.console.use.connections.connections import learning_standing
from services.console.use.problems import Problem, Refused
from services.console.use.standing.installation import Installation
from shared.contract.app import App
from shared.io.calls.vault import Vault, VaultError
from shared.io.net.public_address import ASKED, Step, check, is_local
from shared.io.redis.feed_notes import WEBHOOK, FeedNotesAway
from shared.model.syncs import Connection

SHORTEST_S: Final = 0.2
LONGEST_S: Final = 86_400.0
SENTENCES: Final[dict[Step, tuple[str, str]]] = {
    "works": ("The public address leads here", "What stands between the app and it shows once the app has called."),
    "no_url": ("No public address is set", "Set `SYNCLINE_PUBLIC_URL` to the address under which apps reach ingest."),
    "only_here": (
        "The public address leads to this machine alone",
        "Set `SYNCLINE_PUBLIC_URL` to the address under which the app reaches ingest over the Internet.",
    ),
    "not_https": (
        "The public address is not https",
        "Apps call over https alone: put ingest behind a proxy that speaks it, and set `SYNCLINE_PUBLIC_URL` anew.",
    ),
    "no_name": (
        "The name of the public address leads nowhere",
        "Add the name to your DNS, or correct `SYNCLINE_PUBLIC_URL`.",
    ),
    "only_inside": (
        "The public address leads into a private network",
        "The app is outside of it: give the name an address that the Internet reaches.",
    ),
    "refused": (
        "Nothing answers at the public address",
        "Start ingest, and have the proxy or firewall lead that port to it.",
    ),
    "no_answer": (
        "The public address does not answer within five seconds",
        "Apps do not wait longer: look at the firewall and the proxy before ingest.",
    ),
    "not_secure": (
        "The certificate of the public address is not good",
        "Apps do not call then: renew it, or serve it with all intermediate certificates.",
    ),
    "redirected": (
        "The public address leads on to another one",
        "Apps follow no redirect, and signatures cover the address: set `SYNCLINE_PUBLIC_URL` to the last one.",
    ),
    "another": (
        "Another process than ingest answers at the public address",
        "Have the proxy lead the path to ingest, with path and query unchanged; the console, too, is another process.",
    ),
    "other_key": (
        "Ingest of another installation answers at the public address",
        "Have the proxy lead the path to ingest of this one; where it does, give both the same `SYNCLINE_KEY_FILE`.",
    ),
    "other_address": (
        "Ingest takes another address for its own",
        "Set `SYNCLINE_PUBLIC_URL` of ingest and console to the same: the signatures of apps cover the address.",
    ),
}
"""What a check found, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Whether the app can reach us, as far as it can be known from here."""

    works: bool
    step: Step
    title: str
    remedy: str
    detail: str
    url: str
    """The address to enter at the app."""
    last_webhook_ms: int | None
    """When the app called last."""


def can_push(app: App | None) -> bool:
    """Check whether an app calls by itself."""
    return app is not None and app.webhook is not None


def is_pushed(app: App | None, row: Connection) -> bool:
    """Check whether an account's changes are told by the app, and not asked for alone."""
    return can_push(app) and row.push and row.webhook_secret is not None


def address(installation: Installation, app: App) -> str:
    """Return the address to enter at an app."""
    base = installation.connections.settings.public_url.rstrip("/")
    return f"{base}{app.webhook.path}" if app.webhook is not None else base


def learn(installation: Installation, name: str, *, push: bool, interval_s: float) -> Connection:
    """Choose how an account's changes are learned; raises `Refused` and `Problem`."""
    row = installation.connections.find(name)
    wrong = {}
    if not SHORTEST_S <= interval_s <= LONGEST_S:
        wrong["interval"] = f"Write a number of seconds from {SHORTEST_S:g} to {LONGEST_S:,.0f}."
    if push and not row.push and not can_push(installation.setups.apps.get(row.app)):
        wrong["push"] = "This app does not call by itself: it can only be asked."
    if wrong:
        raise Refused(wrong)
    return installation.connections.change(name, learning_standing, push=push, poll_interval_s=interval_s)


def reach(installation: Installation, name: str) -> Reached:
    """Check whether an account's app can reach this installation; raises `Problem`."""
    connections = installation.connections
    row, settings = connections.find(name), connections.settings
    app = installation.setups.app_of(name)
    if app.webhook is None:
        raise Problem(409, "Nothing to reach", f"{app.title} does not call by itself: it is asked for changes.")
    nonce = secrets.token_urlsafe(24)
    try:
        vault = Vault.from_file(settings.key_file)
        note = installation.feed_notes.of(name).get(WEBHOOK)
    except (VaultError, FeedNotesAway) as error:
        raise Problem(503, "Cannot be checked now", str(error), {"Retry-After": "5"}) from error

    def proves(sealed: str) -> bool:
        try:
            return vault.open(sealed, connection=ASKED, name=ASKED) == nonce
        except VaultError:
            return False

    ca_file = str(settings.http_ca_file or "")
    found = check(settings.public_url, app.webhook.path, nonce, proves, local=is_local(row.base_url), ca_file=ca_file)
    title, remedy = SENTENCES[found.step]
    return Reached(
        works=found.step == "works",
        step=found.step,
        title=title,
        remedy=remedy,
        detail=found.detail,
        url=address(installation, app),
        last_webhook_ms=(note.event_ms or None) if note else None,
    )


def shown(installation: Installation, row: Connection) -> dict[str, Any]:
    """Return how an account's changes are learned."""
    app = installation.setups.apps.get(row.app)
    return {
        "push": is_pushed(app, row),
        "can_push": can_push(app),
        "wanted": row.push,
        "has_secret": row.webhook_secret is not None,
        "interval_s": row.poll_interval_s,
        "url": address(installation, app) if app is not None and app.webhook is not None else None,
    }
