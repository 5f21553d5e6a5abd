"""Sends an alert by mail or webhook: names of ours and numbers, never a value of a record."""

import json
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from services.console.alerts.counting import KINDS
from services.console.use.administration.mailing import Mailing
from shared.io.calls.vault import Vault, VaultError
from shared.io.net.hooks import Hook, HookCall, HookError
from shared.io.net.mail import MailError
from shared.wire.access import Alert, AlertStanding

What: TypeAlias = Literal["firing", "resolved", "test"]
_PAGES: Final = {
    "failing": "/records?status=failing", "paused": "/", "stopped": "/jobs", "late": "/health", "parked": "/parked",
}  # fmt: skip
"""Where each kind of alert leads."""
PLACE: Final = "alerts"
"""What secrets of webhooks are sealed for."""


class Teller:
    """Sends what alerts have to say.

    Args:
        mailing: By which mail is sent.
        vault: Opens the secrets of webhooks.
        hook: Calls webhooks.
    """

    def __init__(self, mailing: Mailing, vault: Vault, hook: Hook) -> None:
        self.mailing = mailing
        self.vault = vault
        self.hook = hook

    def tell(self, alert: Alert, standing: AlertStanding, what: What, to: str) -> str:
        """Send one address what an alert has to say; returns why that failed, or nothing.

        Args:
            alert: Whose message it is.
            standing: What it is about.
            what: What has become of it.
            to: An address of mail; empty for the webhook.
        """
        try:
            if to:
                self.mailing.send(to, *self._mail(alert, standing, what))
            else:
                self._call(alert, standing, what)
        except (MailError, HookError, VaultError, ValueError) as error:
            return str(error)
        return ""

    def _mail(self, alert: Alert, standing: AlertStanding, what: What) -> tuple[str, str]:
        lines = [said(standing, what), "", f"Alert: {alert.name} ({rule(alert)})"]
        if standing.at_ms:
            lines.append(f"At: {datetime.fromtimestamp(standing.at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC")
        link = self._link(alert)
        if standing.pausing:
            name = standing.about.partition("/")[2]
            lines += ["", f"It stays off until somebody switches it on: on its page, or by `syncs switch-on {name}`."]
        return f"[Syncline] {said(standing, what)}", "\n".join([*lines, *(["", link] if link else []), ""])

    def _call(self, alert: Alert, standing: AlertStanding, what: What) -> None:
        secret = self.vault.open(alert.secret, connection=PLACE, name=alert.id) if alert.secret else ""
        now = self.mailing.accounts.outside.clock.now_ms()
        data: dict[str, Any] = {
            "alert": {"id": alert.id, "name": alert.name, "kind": alert.kind, "over": alert.over,
                      "minutes": alert.minutes},
            "incident": standing.incident,
            "about": standing.about or "everything",
            "number": standing.number,
            "paused": standing.pausing == "done",
            "at_ms": standing.at_ms or now,
            "link": self._link(alert),
        }  # fmt: skip
        moment = datetime.fromtimestamp((standing.at_ms or now) / 1000, UTC).isoformat(timespec="seconds")
        body = {"type": f"alert.{what}", "timestamp": moment, "text": said(standing, what), "data": data}
        call = HookCall(
            url=alert.url, secret=secret, id=f"{standing.incident}.{what}", body=json.dumps(body).encode(), at_ms=now
        )
        self.hook(call)

    def _link(self, alert: Alert) -> str:
        server = self.mailing.server
        return f"{server.console_url}{_PAGES[alert.kind]}" if server is not None and server.console_url else ""


def said(standing: AlertStanding, what: What) -> str:
    """Return a message in one sentence."""
    words = standing.words[:1].upper() + standing.words[1:] + ("; it is off now" if standing.pausing else "")
    return {"firing": words, "resolved": f"Resolved: {words}", "test": f"Test: {words}"}[what]


def rule(alert: Alert) -> str:
    """Return when an alert fires, in words."""
    kind, minutes = KINDS[alert.kind], "minute" if alert.minutes == 1 else f"{alert.minutes:,} minutes"
    what = {"sync": "sync", "connection": "account"}.get(kind.each, "")
    where = f"the {what} {alert.about.partition('/')[2]}" if alert.about else f"any {what}"
    fires = kind.rule[alert.over > 0].format(where=where, over=alert.over)
    long = f", for {minutes} or longer" if alert.minutes else ""
    return f"{fires}{long}{'; the sync is switched off then' if alert.pause else ''}"
