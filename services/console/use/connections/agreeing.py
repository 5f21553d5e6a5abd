"""Connecting an account by OAuth in a browser: the app's own credentials, what is asked for, and what was granted.

What a person is about to agree to travels in `state`, sealed for their session: any replica takes the answer, and no
other session does. It is used once and for ten minutes.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from services.console.setups import consent
from services.console.setups.accounts import credentials
from services.console.setups.accounts.discovery import Apps
from services.console.setups.files import ConnectionFile, CredentialsFile
from services.console.setups.publishing import publish
from services.console.setups.sealing import AGREED, as_file
from services.console.use.connections.connecting import LONGEST_LABEL, Connecting, told
from services.console.use.problems import Problem, Refused
from services.console.use.versions import Standing, check_seen, overtaken, version_of
from shared.contract.app import App
from shared.contract.calls import Session
from shared.contract.demands import Scope
from shared.contract.oauth import Asked, Code, Tokens
from shared.contract.sign_in import Auth, CodeFlow
from shared.io.calls.vault import Vault, VaultError
from shared.io.ports import BusUnavailable, NotReady, run_blocking
from shared.io.process.service import Service
from shared.io.redis.once import Once
from shared.model.syncs import AppCredentials, Connection

LIFE_MS: Final = 600_000
_ASK_S: Final = 15.0
_STATE: Final = "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody is asked to agree to."""

    app: str
    redirect: str
    objects: tuple[str, ...] = ()
    """Object types to ask for; all when empty."""
    connection: str = ""
    """The account to connect again; empty for another one."""
    label: str = ""
    push: bool = True
    """Whether calls of the app are taken, of a new account."""


class Agreeing:
    """Connects accounts by OAuth.

    Args:
        service: The parts of this process.
        connecting: Stores what came of it.
        once: Keeps what can be answered once.
    """

    def __init__(self, service: Service, connecting: Connecting, once: Once) -> None:
        self._service = service
        self._connecting = connecting
        self._once = once

    # The app's own credentials

    def credentials(self, app: str) -> AppCredentials | None:
        """Return what Syncline is known by at an app."""
        return self._service.setups.credentials(app)

    def client_id(self, app: str) -> str:
        """Return under which id an app knows Syncline; it is no secret."""
        found = self.credentials(app)
        return self._opened(found)["client_id"] if found is not None else ""

    def enter(
        self,
        key: str,
        client_id: str,
        client_secret: str,
        *,
        base_url: str = "",
        options: Mapping[str, str] | None = None,
    ) -> AppCredentials | None:
        """Store what Syncline is known by at an app; accounts that came by the same id use the new secret at once.

        An empty secret leaves the one that stands.
        """
        app, old = self._connecting.app(key), self.credentials(key)
        self.flow(app)
        check_seen(self.standing(key))
        wrong = {} if client_id.strip() else {"client_id": "Write the client id that the app shows."}
        kept = self._opened(old) if old is not None else {}
        if not client_secret and kept.get("client_id") != client_id.strip():
            wrong["client_secret"] = "Write the client secret that the app shows."  # noqa: S105 - a sentence
        if base_url and not base_url.startswith(("https://", "http://")):
            wrong["base_url"] = "This is no web address: begin it with https://."
        if wrong:
            raise Refused(wrong)
        given = CredentialsFile(
            app=key,
            client_id=client_id.strip(),
            client_secret=SecretStr(client_secret) if client_secret else None,
            base_url=base_url,
            options=options or {},
        )
        changes = credentials.changes(self._vault(), given, old, self._service.setups.connections())
        try:
            lost = publish(self._service, changes)
        except BusUnavailable as error:
            raise Problem(503, "Kafka is away", str(error), {"Retry-After": "1"}) from error
        if lost:
            raise overtaken(self.standing(key))
        return self._service.setups.credentials(key)

    def standing(self, key: str) -> Standing:
        """Return how stands what Syncline is known by at an app; it has a version where nothing is entered, too."""
        found = self.credentials(key)
        version = version_of(found.model_dump(mode="json", exclude={"version"}) if found is not None else None)
        more = {"base_url": found.base_url, **found.options} if found is not None else {}
        return Standing(version, {"client_id": self.client_id(key), **more}, f"credentials:{key}")

    # Asking

    def flow(self, app: App) -> tuple[Auth, CodeFlow]:
        """Return how a person agrees; raises a problem where an app has no page for it."""
        found = next(((one, one.code_flow) for one in app.auth if one.code_flow is not None), None)
        if found is None:
            raise Problem(404, "No such page", f"{app.title} has no page on which people agree.")
        return found

    def scopes(self, app: App, objects: Sequence[str]) -> tuple[Scope, ...]:
        """List what will be asked for, for some object types or for all."""
        return consent.scopes_for(app, [name for name in objects if name in app.objects])

    def address(self, app: App) -> str:
        """Return where the page is on which people agree."""
        found = self.credentials(app.key)
        session = Session(connection="", options=found.options if found is not None else {})
        return self.flow(app)[1].page(session, Asked(client_id="", redirect_uri="", state=""))

    def begin(self, question: Question, session: str) -> str:
        """Return the address on which a person agrees."""
        app = self._connecting.app(question.app)
        auth, flow = self.flow(app)
        file = self._file(question, app, auth)
        verifier, until = secrets.token_urlsafe(48), self._service.clock.now_ms() + LIFE_MS
        kept = {
            "app": question.app, "redirect": question.redirect, "objects": list(question.objects),
            "connection": question.connection, "label": question.label, "push": question.push,
            "verifier": verifier, "until": until,
            "nonce": secrets.token_urlsafe(12),
        }  # fmt: skip
        try:
            state = self._vault().seal(json.dumps(kept), connection=session, name=_STATE)
            self._once.offer(_digest(state), "1", LIFE_MS)
        except (VaultError, NotReady) as error:
            raise Problem(503, "Cannot be asked now", str(error), {"Retry-After": "5"}) from error
        wanted = self.scopes(app, question.objects)
        apps = self._connecting.apps_for(file)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return flow.page(
            apps.setups.session(file.id),
            Asked(
                client_id=file.secrets["client_id"].get_secret_value(),
                redirect_uri=question.redirect,
                state=state,
                challenge=challenge if flow.pkce else "",
                required=tuple(scope.name for scope in wanted if scope.required),
                optional=tuple(scope.name for scope in wanted if not scope.required),
            ),
        )

    def finish(self, query: Mapping[str, str], session: str) -> Connection:
        """Connect the account that somebody agreed to; raises `Problem` with what to do where that brings none."""
        question, verifier = self._question(query.get("state", ""), session)
        app = self._connecting.app(question.app)
        code = query.get("code", "")
        if not code:
            why = query.get("error_description") or query.get("error") or f"{app.title} gave no code"
            raise Problem(422, "Not connected", f"The account was not connected: {why[:200]}.")
        auth, flow = self.flow(app)
        old = next((row for row in self._service.setups.connections() if row.id == question.connection), None)
        file, began = self._file(question, app, auth), time.monotonic()
        with told(auth):
            apps = self._connecting.apps_for(file)
            known = {name: text.get_secret_value() for name, text in file.secrets.items()}
            answer = Code(code=code, redirect_uri=question.redirect, verifier=verifier if flow.pkce else "")
            tokens = run_blocking(apps.caller.run_unsigned(file.id, flow.redeem(known, answer), wait_s=_ASK_S))
        wanted = self.scopes(app, question.objects)
        granted = tokens.scopes if tokens.scopes is not None else frozenset(scope.name for scope in wanted)
        needed, _ = consent.missing(wanted, granted)
        if needed:
            raise Problem(
                422,
                "Not connected",
                f"The account was not connected, because {app.title} did not grant what is needed: "
                f"{consent.spelled(needed)}. Add it to the app there, and start again.",
            )
        whole = file.model_copy(update={"secrets": {**file.secrets, AGREED: SecretStr(tokens.refresh_token)}})
        whole = self._named(whole, question, app, auth, tokens, began)
        return self._connecting.store(
            whole, old, granted={whole.id: granted}, adopt=lambda apps: _adopt(apps, whole.id, tokens, began)
        )

    def question_of(self, state: str, session: str) -> Question | None:
        """Return what an answer belongs to, used or not; None where it is nobody's of this session."""
        try:
            return self._read(state, session)[0]
        except (VaultError, ValueError):
            return None

    # Parts

    def _question(self, state: str, session: str) -> tuple[Question, str]:
        """Take what was asked, once."""
        again = "Start again from the app's page."
        try:
            question, verifier, until = self._read(state, session)
            fresh = self._once.take(_digest(state), "1")
        except (VaultError, ValueError) as error:
            said = f"This is not the answer to a question that was asked in this session. {again}"
            raise Problem(422, "Not connected", said) from error
        except NotReady as error:
            raise Problem(503, "Cannot be connected now", str(error), {"Retry-After": "5"}) from error
        if self._service.clock.now_ms() > until:
            raise Problem(410, "Not connected", f"The answer came after more than ten minutes. {again}")
        if not fresh:
            raise Problem(410, "Not connected", f"This answer was taken already. {again}")
        return question, verifier

    def _read(self, state: str, session: str) -> tuple[Question, str, int]:
        kept = json.loads(self._vault().open(state, connection=session, name=_STATE))
        question = Question(
            app=kept["app"], redirect=kept["redirect"], objects=tuple(kept["objects"]), connection=kept["connection"],
            label=kept["label"], push=kept["push"],
        )  # fmt: skip
        return question, kept["verifier"], kept["until"]

    def _file(self, question: Question, app: App, auth: Auth) -> ConnectionFile:
        """Return the connection as it is before anybody agreed: the one that is connected again, or a new one."""
        found = self.credentials(app.key)
        if found is None:
            said = (
                f"Nobody has entered the client id and secret by which {app.title} knows Syncline: an admin does that."
            )
            raise Problem(409, "Not yet", said)
        client = {name: SecretStr(text) for name, text in self._opened(found).items()}
        hook = client["client_secret"] if app.webhook is not None else None
        if question.connection:
            row = next((row for row in self._service.setups.connections() if row.id == question.connection), None)
            if row is None or row.app != app.key:
                raise Problem(404, "No such account", f"There is no account {question.connection!r} of {app.title}.")
            old = as_file(self._vault(), row)
            return old.model_copy(
                update={"auth": auth.kind, "secrets": client, "webhook_secret": old.webhook_secret and hook}
            )
        return ConnectionFile(
            id=self._connecting.free_id(question.label or app.key),
            app=app.key,
            label=" ".join(question.label.split())[:LONGEST_LABEL],
            base_url=found.base_url or app.base_url or "",
            options=dict(found.options),
            auth=auth.kind,
            secrets=client,
            webhook_secret=hook,
            push=question.push,
        )

    def _named(
        self, file: ConnectionFile, question: Question, app: App, auth: Auth, tokens: Tokens, began: float
    ) -> ConnectionFile:
        """Call a new account as the app calls it, where nobody has said otherwise."""
        if question.connection or file.label:
            return file
        with told(auth):
            apps = self._connecting.apps_for(file)
            _adopt(apps, file.id, tokens, began)
            info = run_blocking(apps.caller.run(file.id, app.account(apps.setups.session(file.id)), wait_s=_ASK_S))
        return file.model_copy(update={"id": self._connecting.free_id(info.name), "label": info.name[:LONGEST_LABEL]})

    def _opened(self, found: AppCredentials) -> dict[str, str]:
        try:
            return credentials.opened(self._vault(), found)
        except VaultError as error:
            raise Problem(503, "Cannot be opened", str(error)) from error

    def _vault(self) -> Vault:
        return Vault.from_file(self._service.settings.key_file)


def _adopt(apps: Apps, name: str, tokens: Tokens, began: float) -> None:
    """Use the access token that came with the agreement."""
    apps.caller.sign_ins.adopt(apps.caller.sign_ins.open(name), tokens, began)


def _digest(state: str) -> str:
    return f"consent:{hashlib.sha256(state.encode()).hexdigest()}"
