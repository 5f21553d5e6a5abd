"""An account that is connected by OAuth, with real processes: tokens end and rotate, are revoked, and come back."""

import re
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import yaml

from deploy.local.servers.processes import Child
from deploy.local.stack import PORTAL, ROOT, Stack
from tests.e2e.live import Live, free_ports

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

LIFE_S = 3
"""Life of an access token; it is renewed when a fifth of it is left."""


class OAuthStack(Stack):
    """The stack with a public app of HubSpot instead of a private one's token."""

    def setup(self, hook: str) -> dict[str, Any]:
        """Return what is set up; nobody has agreed to the connection yet."""
        made = super().setup(hook)
        made["connections"][0] |= {
            "auth": "oauth2_code",
            "secrets": {"client_id": self.app["client_id"], "client_secret": self.app["client_secret"]},
            "options": {"authorize_url": f"{self.hubspot.url}/oauth/authorize"},
            "poll_interval_s": 1,
        }
        return made

    def apply(self, hook: str) -> None:
        """Register the app, agree, and set up the rest."""
        self.redirect = f"http://127.0.0.1:{free_ports()['console']}/callback"
        admin = self.hubspot.admin()
        admin.settings(PORTAL, token_ttl_s=LIFE_S, token_rotates=True)
        scopes = ["oauth", "crm.objects.owners.read"]
        scopes += [f"crm.{what}.contacts.{verb}" for what in ("objects", "schemas") for verb in ("read", "write")]
        self.app = admin.call("POST", "apps", {"name": "S", "redirect_uris": [self.redirect], "scopes": scopes})
        admin.close()
        path = self.data / "first.yaml"
        path.write_text(yaml.safe_dump(self.setup(hook)))
        self.authorize("--file", str(path))
        super().apply(hook)

    def authorize(self, *more: str) -> None:
        """Run the command, and be the person in front of the browser."""
        options = ["--redirect", self.redirect, "--object", "contact", *more]
        child = Child(
            "authorize",
            [sys.executable, "-m", "services.console.commands", "authorize", "hubspot-main", *options],
            log=self.data / "authorize.log",
            env=self.env("console"),
            cwd=ROOT,
        )
        start = child.log.stat().st_size if child.log.exists() else 0
        child.start()
        deadline = time.monotonic() + 30
        agreed = False
        while child.is_running() and time.monotonic() < deadline:
            found = re.search(rb"http://\S+/oauth/authorize\?\S+\n", child.log.read_bytes()[start:])
            if found and not agreed:
                agreed = True
                data = {"portal_id": str(PORTAL), "decision": "allow"}
                assert requests.post(found[0].decode().strip(), data=data, timeout=10).status_code == 200
            time.sleep(0.05)
        assert child.exit_code == 0, child.log_tail()


@pytest.fixture(name="live", scope="module")
def _live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    live = Live(tmp_path_factory.mktemp("oauth"), data=None, make=OAuthStack)
    try:
        live.start()
        live.wait_first_sync()
        yield live
    finally:
        live.stop()


def renewals(live: Live) -> list[int]:
    """Return the answers to refresh tokens."""
    rows = live.admin.call("GET", "token-calls")["calls"]
    return [row["status"] for row in rows if row["grant"] == "refresh_token"]


def state(live: Live) -> dict[str, Any]:
    """Return what the console says of the connection."""
    found = live.stack.api("health")
    return next(row for row in found["connections"] if row["id"] == "hubspot-main")


def test_edits_flow_over_many_lives_of_a_token(live: Live) -> None:
    """Ingest and writer share each token: one renewal a life, no refusal, and a restart goes on with the newest."""
    contact = live.new_contact(email="ann@firm.example", firstname="Ann")
    card = live.wait(lambda: live.card_of("ann@firm.example")[0])
    before, started = len(renewals(live)), time.monotonic()
    number = 0
    while time.monotonic() < started + 3 * LIFE_S:
        number += 1
        live.edit_contact(contact, jobtitle=f"Title {number}")
        live.wait_for_card(card, "title", f"Title {number}")
        live.edit_card(card, NOTE=f"Note {number}")
        live.wait_for_contact(contact, "message", f"Note {number}")
    answers = renewals(live)
    assert set(answers) == {200}
    lives = (time.monotonic() - started) / (LIFE_S * 0.8)
    assert 2 <= len(answers) - before <= lives + 1
    assert live.stack.workers.stop(9) == []
    live.stack.workers.start()
    live.edit_card(card, NOTE="After a restart")
    live.wait_for_contact(contact, "message", "After a restart", 60)
    assert set(renewals(live)) == {200}


def test_a_revoked_account_waits_with_its_reason_until_somebody_agrees_again(live: Live) -> None:
    contact, _ = live.contact("ann@firm.example")
    card, _ = live.card_of("ann@firm.example")
    live.wait(lambda: state(live)["state"] == "running")
    before = len(renewals(live))
    live.admin.call("POST", f"accounts/{PORTAL}/revoke")
    shown = live.wait(lambda: [row for row in [state(live)] if row["state"] == "paused"], 60)[0]
    assert shown["reason"] == "auth_expired"
    assert "BAD_REFRESH_TOKEN" in shown["detail"] or "was revoked" in shown["detail"]  # whichever was asked first
    assert shown["hint"].startswith("Reconnect the account")
    live.edit_card(card, NOTE="While it was away")
    row = live.wait(lambda: [x for x in live.rows(q=contact) if x["reason"] == "connection_paused"], 60)[0]
    assert row["status"] in ("pending", "in_sync")
    time.sleep(3)
    assert renewals(live)[before:].count(400) <= 1, "one try a minute, whoever asks"
    assert isinstance(live.stack, OAuthStack)
    live.stack.authorize()
    live.wait_for_contact(contact, "message", "While it was away", 60)
    assert state(live)["state"] == "running"
