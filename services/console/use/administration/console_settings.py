"""What a settings file says of the console itself: what it would change, how that is done, and how it is written."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from services.console.setups.console_file import AlertFile
from services.console.setups.exporting import variable
from services.console.setups.files import SetupFile
from services.console.use.administration import alerts as alerting
from services.console.use.administration import mailing, single_sign_on
from services.console.use.administration.retention import TITLES, Keeping
from services.console.use.problems import Problem, Refused
from shared.wire.access import Alert

_UNSHOWN = ("password", "client_secret", "url", "secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a console keeps for itself."""

    mailing: mailing.Mailing
    sign_in: single_sign_on.SingleSignOn
    alerts: alerting.Alerts
    keeping: Keeping


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleChange:
    """One thing that a file changes."""

    key: str
    sign: Literal["+", "~"]
    details: tuple[str, ...]
    """What changes, one setting a line, without secrets."""
    apply: Callable[[], str]
    """Does it, and returns what does not hold yet; raises `Problem`."""

    def lines(self) -> Iterator[str]:
        """Yield it for people to read."""
        yield f"{self.sign} {self.key.replace(':', ' ', 1)}"
        yield from (f"    {row}" for row in self.details)


@dataclass(frozen=True, slots=True)
class ConsolePlan:
    """What a file changes of the console."""

    changes: tuple[ConsoleChange, ...] = ()
    errors: tuple[str, ...] = ()
    """Why it cannot be applied."""


def is_about_console(wanted: SetupFile) -> bool:
    """Check whether a file says something of the console itself."""
    return any((wanted.mail, wanted.sign_in, wanted.alerts, wanted.retention))


def plan(parts: Parts, wanted: SetupFile) -> ConsolePlan:
    """Compare what a file says with what stands; everything that is wrong is listed, not only the first of it."""
    changes: list[ConsoleChange] = []
    errors = [f"alert {name!r} is there twice" for name in _doubled(row.id for row in wanted.alerts)]
    if errors:
        return ConsolePlan((), tuple(errors))
    steps: list[tuple[str, Callable[[], ConsoleChange | None]]] = [
        ("mail", partial(_mail, parts, wanted)),
        ("sign_in", partial(_sign_in, parts, wanted)),
        *((f"alert {row.id!r}", partial(_alert, parts, row)) for row in wanted.alerts),
        ("retention", partial(_retention, parts, wanted)),
    ]
    for name, step in steps:
        try:
            change = step()
        except Refused as error:
            errors += [f"{name}: {field}: {text}" for field, text in error.fields.items()]
        except Problem as error:
            errors.append(f"{name}: {error}")
        else:
            changes += [] if change is None else [change]
    return ConsolePlan(tuple(changes), tuple(errors))


def _mail(parts: Parts, wanted: SetupFile) -> ConsoleChange | None:
    given, old = wanted.mail, parts.mailing.server
    if given is None or (new := parts.mailing.drawn(old, given)) == old:
        return None
    return _change("mail", old, mailing.changes(old, new), lambda: parts.mailing.change(given))


def _sign_in(parts: Parts, wanted: SetupFile) -> ConsoleChange | None:
    given, old = wanted.sign_in, parts.sign_in.provider
    if given is None or (new := parts.sign_in.drawn(old, given)) == old:
        return None
    return _change("sign_in", old, single_sign_on.changes(old, new), lambda: parts.sign_in.change(given))


def _alert(parts: Parts, row: AlertFile) -> ConsoleChange | None:
    old = parts.alerts.known(row.id)
    given = _wanted(row, old)
    empty = parts.alerts.new(row.id, given)
    new = parts.alerts.drawn(old or empty, given)
    if new == old:
        return None
    told = alerting.changes(old or empty, new)
    return _change(f"alert:{row.id}", old, told, lambda: parts.alerts.put(row.id, given))


def _wanted(row: AlertFile, old: Alert | None) -> alerting.Wanted:
    url = row.url.get_secret_value() if row.url is not None else old.url if old is not None else ""
    return alerting.Wanted(**{name: getattr(row, name) for name in alerting.Rule.model_fields}, url=url)


def _retention(parts: Parts, wanted: SetupFile) -> ConsoleChange | None:
    given, old = wanted.retention, parts.keeping.decided
    if given is None or (new := parts.keeping.drawn(given)) == old:
        return None
    return _change("retention", old, parts.keeping.changes(old, new), lambda: parts.keeping.change(given))


def _change(key: str, old: object, told: Sequence[tuple[str, str, str]], apply: Callable[[], object]) -> ConsoleChange:
    details = tuple(_detail(name, before, after) for name, before, after in told if before != after)

    def done() -> str:
        said = apply()
        return said if isinstance(said, str) else ""

    return ConsoleChange(key=key, sign="~" if old is not None else "+", details=details, apply=done)


def _detail(name: str, before: str, after: str) -> str:
    if name in _UNSHOWN:
        return f"{name}: changed"
    return f"{name}: {before or '(none)'} -> {after or '(none)'}"


def _doubled(names: Iterable[str]) -> list[str]:
    seen = list(names)
    return sorted({name for name in seen if seen.count(name) > 1})


# Writing


def document(parts: Parts) -> dict[str, Any]:
    """Return what a console keeps for itself as the content of a settings file, without secrets."""
    server, provider, decided = parts.mailing.server, parts.sign_in.provider, parts.keeping.decided
    found: dict[str, Any] = {}
    if server is not None:
        kept = _unusual(mailing.MailServerWanted, server)
        found["mail"] = kept | _secret("_mail", "password", server.password)
    if provider is not None:
        kept = _unusual(single_sign_on.ProviderWanted, provider)
        found["sign_in"] = kept | _secret("_sign_in", "client_secret", provider.client_secret)
    alerts = [
        {"id": row.id, **_unusual(alerting.Rule, row)}
        | _secret(f"_alert_{row.id}", "url", row.url)
        | _secret(f"_alert_{row.id}", "secret", row.secret)
        for row in sorted(parts.alerts.all(), key=lambda row: row.id)
    ]
    found |= {"alerts": alerts} if alerts else {}
    days = {name: value for name in TITLES if (value := getattr(decided, name)) is not None}
    return found | ({"retention": days} if days else {})


def _secret(owner: str, name: str, stands: str) -> dict[str, Any]:
    return {name: {"env": variable(owner, name)}} if stands else {}


def _unusual(model: Any, row: Any) -> dict[str, Any]:
    """Return those settings of a row that a file must name, but for secrets."""
    found = {}
    for name, info in model.model_fields.items():
        value = getattr(row, name)
        is_usual = not info.is_required() and value in (info.get_default(call_default_factory=True), None)
        if name not in _UNSHOWN and not is_usual:
            found[name] = list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, dict) else value
    return found
