"""Connecting an account: what somebody writes becomes a connection, stored as `apply` stores it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import SecretStr

from services.console.setups.accounts.discovery import Apps, discover
from services.console.setups.checks import syncs as checks
from services.console.setups.files import ConnectionFile, SetupError, SetupFile
from services.console.setups.planning import draft, plan
from services.console.setups.plans import Current
from services.console.setups.publishing import publish
from services.console.setups.sealing import HOOK, as_file, seal
from services.console.use.problems import Problem, Refused
from services.console.use.versions import Standing, check_seen, overtaken, version_of
from shared.contract.app import App
from shared.contract.calls import AppError
from shared.contract.demands import Place
from shared.contract.sign_in import Auth
from shared.io.calls.vault import Vault, VaultError
from shared.io.ports import BusUnavailable, NotReady, run_blocking
from shared.io.process.service import Service
from shared.model.syncs import Connection

LONGEST_LABEL: Final = 80
_LONGEST_TEXT: Final = 2000
_LONGEST_ID: Final = 50
_GONE: Final = "It was disconnected meanwhile."
_ASK_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An account as somebody describes it."""

    app: str
    auth: str
    label: str = ""
    base_url: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    push: bool = True
    """Whether calls of the app are taken, where it makes some."""
    webhook_secret: str = ""
    """What signs them."""

    def __repr__(self) -> str:
        return f"Wanted({self.app!r}, {self.label!r})"


class Connecting:
    """Connects accounts.

    Args:
        service: The parts of this process.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def places(self, wanted: Wanted) -> Sequence[Place]:
        """List what the sign-in opens, where an app has several of which a connection takes one; raises `Refused`.

        What nobody has written yet is looked for from the root of the server.
        """
        app, auth = self._checked(wanted)
        if app.places is None:
            return ()
        begin = {one.name: wanted.options.get(one.name) or "/" for one in app.connection_fields if one.required}
        file = self._file(replace(wanted, options={**wanted.options, **begin}), app)
        with told(auth):
            apps = self.apps_for(file)
            exchange = app.places(apps.setups.session(file.id))
            return run_blocking(apps.caller.run(file.id, exchange, wait_s=_ASK_S))

    def connect(self, wanted: Wanted) -> Connection:
        """Connect an account that is not connected yet; raises `Refused` with what is wrong at which field."""
        app, auth = self._checked(wanted)
        file = self._file(wanted, app)
        with told(auth):
            apps = self.apps_for(file)
            run_blocking(apps.caller.run(file.id, app.account(apps.setups.session(file.id)), wait_s=_ASK_S))
        return self.store(file)

    def renew(self, row: Connection, secrets: Mapping[str, str], webhook_secret: str = "") -> Connection:
        """Sign an account in by other secrets; raises `Refused` with what is wrong at which field.

        What is left empty stays as it is.
        """
        check_seen(standing(row))
        app = self.app(row.app)
        auth = next((one for one in app.auth if one.kind == row.auth), None)
        if auth is None:
            raise Problem(409, "Cannot be changed", f"{app.title} knows no sign-in {row.auth!r}: connect it anew.")
        names, given = secret_names(app, row.auth), {name: text for name, text in secrets.items() if text}
        wrong = {name: f"This account signs in by {' and '.join(names) or 'an agreement'}." for name in given
                 if name not in names}  # fmt: skip
        wrong |= {name: "This is too long." for name, text in {**given, HOOK: webhook_secret}.items()
                  if len(text) > _LONGEST_TEXT}  # fmt: skip
        if webhook_secret and app.webhook is None:
            wrong[HOOK] = f"{app.title} does not call by itself: leave this empty."
        if not given and not webhook_secret:
            wrong[names[-1] if names else HOOK] = "Write it, please."
        if wrong:
            raise Refused(wrong)
        try:
            old = as_file(Vault.from_file(self._service.settings.key_file), row)
        except VaultError as error:
            raise Problem(503, "Cannot be opened", str(error)) from error
        file = old.model_copy(
            update={
                "secrets": {**old.secrets, **{name: SecretStr(text) for name, text in given.items()}},
                "webhook_secret": SecretStr(webhook_secret) if webhook_secret else old.webhook_secret,
            }
        )
        if given:
            with told(auth):
                apps = self.apps_for(file.model_copy(update={"paused": False}))
                run_blocking(apps.caller.run(file.id, app.account(apps.setups.session(file.id)), wait_s=_ASK_S))
        return self.store(file, row)

    def store(self, file: ConnectionFile, old: Connection | None = None, **found: object) -> Connection:
        """Store a connection as `apply` does; raises `Refused`.

        Args:
            file: The connection.
            old: What the file was made from: apps were asked meanwhile, and somebody else may have changed it.
            found: What was found out besides.
        """
        whole = SetupFile(connections=(file,))
        current = Current.of(self._service.setups, self._service.jobs)
        row = current.connections.get(file.id)
        if old is not None and row != old:
            raise overtaken(standing(row)) if row is not None else Problem(404, "No such account", _GONE)
        try:
            drawn = plan(current, whole, discover(self._service, current, whole, **found))  # type: ignore[arg-type]  # as they are named there
            if drawn.errors or drawn.unasked:
                raise Refused({"": _sentence("; ".join((*drawn.errors, *drawn.unasked)))})
            lost = publish(self._service, drawn.changes)
        except (VaultError, NotReady, BusUnavailable) as error:
            raise Problem(503, "Cannot be connected now", str(error), {"Retry-After": "5"}) from error
        if lost:
            raise overtaken(standing(self._service.setups.connection(file.id)))
        return self._service.setups.connection(file.id)

    # Parts

    def app(self, key: str) -> App:
        """Return an app of this installation; raises a problem when there is none."""
        app = self._service.setups.apps.get(key) if key in self._service.settings.apps else None
        if app is None:
            known = ", ".join(name for name in self._service.settings.apps if name in self._service.setups.apps)
            raise Problem(404, "No such app", f"There is no app {key!r}; there are: {known or 'none'}.")
        return app

    def _checked(self, wanted: Wanted) -> tuple[App, Auth]:
        """Check what can be checked before anybody is asked; raises `Refused`."""
        app = self.app(wanted.app)
        auth = next((one for one in app.auth if one.kind == wanted.auth), None)
        if auth is None:
            raise Refused({"auth": f"{app.title} knows no such sign-in: choose one of those that are offered."})
        wrong = {
            name: "Write it, please."
            for name in auth.secrets
            if not wanted.secrets.get(name) and name != "refresh_token"
        }
        if not (wanted.base_url or app.base_url):
            wrong["base_url"] = "Write the address, beginning with https://."
        elif wanted.base_url and not re.fullmatch(r"https?://[^\s/?#@]+(/\S*)?", wanted.base_url):
            wrong["base_url"] = "This is no web address: begin it with https://, and leave name and password out."
        if len(wanted.label) > LONGEST_LABEL:
            wrong["label"] = f"A name may have {LONGEST_LABEL} characters."
        texts = {**wanted.secrets, **wanted.options, "base_url": wanted.base_url, HOOK: wanted.webhook_secret}
        if wanted.webhook_secret and app.webhook is None:
            wrong[HOOK] = f"{app.title} does not call by itself: leave this empty."
        wrong |= {name: "This is too long." for name, text in texts.items() if len(text) > _LONGEST_TEXT}
        if wrong:
            raise Refused(wrong)
        return app, auth

    def _file(self, wanted: Wanted, app: App) -> ConnectionFile:
        known = self._service.setups.credentials(app.key)  # where the app is, for all its accounts
        written = {name: text for name, text in wanted.options.items() if text}
        return ConnectionFile(
            id=self.free_id(wanted.label or app.key),
            app=app.key,
            label=" ".join(wanted.label.split()),
            base_url=wanted.base_url or (known.base_url if known else "") or app.base_url or "",
            options={**(known.options if known else {}), **written},
            auth=wanted.auth,
            secrets={name: SecretStr(text) for name, text in wanted.secrets.items()},
            push=wanted.push,
            webhook_secret=SecretStr(wanted.webhook_secret) if wanted.webhook_secret else None,
        )

    def free_id(self, text: str) -> str:
        """Return an id that no connection has, made of what people call it."""
        stem = re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:_LONGEST_ID].strip("-") or "account"
        taken = {row.id for row in self._service.setups.connections()}
        names = (stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)

    def apps_for(self, file: ConnectionFile) -> Apps:
        """Return what calls the account as it will be."""
        current = Current.of(self._service.setups, self._service.jobs)
        vault = Vault.from_file(self._service.settings.key_file)
        try:
            checks.connection(file, current.apps[file.app])
            row = draft(current, file, seal(vault, file, None))
        except SetupError as error:
            raise Refused({"": _sentence(str(error))}) from error
        return Apps(self._service, [row])


def standing(row: Connection) -> Standing:
    """Return how what can be changed of an account stands."""
    return Standing(
        version_of(row.model_dump(mode="json", exclude={"version"})), {"label": row.label}, f"connection:{row.id}"
    )


def secret_names(app: App, kind: str) -> tuple[str, ...]:
    """List the secrets that people write for a way to sign in; an agreement brings its own."""
    auth = next((one for one in app.auth if one.kind == kind), None)
    return auth.secrets if auth is not None and auth.code_flow is None else ()


class told:  # noqa: N801 - read as a word, as `contextlib.suppress` is
    """Turns what an app, or a server of ours, says into what is wrong at which field."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, AppError):
            refused = error.retry == "auth" and self._auth.secrets
            where = self._auth.secrets[-1] if refused else "base_url"
            raise Refused({where: _sentence(error.message)}) from error
        if isinstance(error, VaultError | NotReady | BusUnavailable):
            raise Problem(503, "Cannot be asked now", str(error), {"Retry-After": "5"}) from error


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")
