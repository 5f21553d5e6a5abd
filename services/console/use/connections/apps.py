"""The apps that can be connected, in words for people: what they hold, how changes are learned, how one signs in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from shared.config.setups import Setups
from shared.contract.app import App

_SIGN_INS: Final = {
    "oauth2_code": "Sign in at {app}",
    "oauth2_client_credentials": "Client id and secret",
    "api_key": "Access token",
    "basic": "User and password",
    "session_login": "User and password",
    "none": "No sign-in",
}
_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCard:
    """What somebody wants to know of an app before they connect it."""

    key: str
    title: str
    docs_url: str
    objects: tuple[str, ...]
    """Titles of the object types that can be synced."""
    changes: str
    """How its changes are learned, as a sentence."""
    sign_ins: tuple[str, ...]
    limits: tuple[str, ...]
    """What the app allows, as it is known."""
    tested: tuple[str, ...]


def cards(apps: Iterable[App], text: str = "") -> list[AppCard]:
    """Return the apps in the order of their titles; with a text, those that hold all of its words."""
    words = text.casefold().split()
    found = [card_of(app) for app in sorted(apps, key=lambda app: app.title.casefold())]
    return [card for card in found if all(word in _searched(card) for word in words)]


def card_of(app: App) -> AppCard:
    """Describe one app."""
    return AppCard(
        key=app.key,
        title=app.title,
        docs_url=app.docs_url,
        objects=tuple(object_title(name) for name in app.objects),
        changes=_changes(app),
        sign_ins=tuple(sign_in_title(app, auth.kind) for auth in app.auth),
        limits=tuple(
            f"{limit.amount:,} {_counted(limit.name)} {every(limit.window_s)} for each {limit.scope}"
            for limit in app.limits
            if limit.kind != "none" and limit.amount
        ),
        tested=app.tested_versions,
    )


def object_title(name: str) -> str:
    """Return an object type as a heading, in the plural."""
    plural = name[:-1] + "ies" if name.endswith("y") else f"{name}s"
    return plural.replace("_", " ").capitalize()


def title_in(setups: Setups, connection: str, name: str) -> str:
    """Return an object of an account as a heading, in the plural: one of its own as the account calls it."""
    own = setups.found().get(f"{connection}/{name}")
    return own.object.label if own is not None and own.object.label else object_title(name)


def sign_in_title(app: App, kind: str) -> str:
    """Return a way to sign in, in words."""
    return _SIGN_INS[kind].format(app=app.title)


def every(seconds: float) -> str:
    """Return how often, such as `every minute` or `every 10 seconds`."""
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            number = int(seconds // size)
            return f"every {unit}" if number == 1 else f"every {number} {unit}s"
    return f"every {seconds:.3g} seconds"


def _changes(app: App) -> str:
    slowest = max(
        (feed.interval_s for binding in app.objects.values() for feed in binding.feeds if "update" in feed.covers),
        default=60.0,
    )
    asked = f"Asked for changes {every(slowest)}"
    return f"{asked}; tells them at once where it can reach Syncline" if app.webhook else asked


def _counted(limit: str) -> str:
    return {"calls": "calls", "daily": "calls", "search": "searches", "token": "sign-ins"}.get(
        limit, f"calls ({limit})"
    )


def _searched(card: AppCard) -> str:
    return " ".join((card.key, card.title, *card.objects, *card.sign_ins)).casefold()


def offered(apps: Mapping[str, App], keys: Iterable[str]) -> dict[str, App]:
    """Return the apps of an installation: those that are known here, and have topics of their own."""
    return {key: apps[key] for key in keys if key in apps}
