"""The HubSpot simulator as a process that keeps its state."""

import os
import secrets
import sys
from pathlib import Path

import requests

from deploy.local.hubspot.client import ACCOUNTS, ADMIN_TOKEN, AdminClient
from deploy.local.servers.base import Server


class HubSpotProcess(Server):
    """The simulator on one port, its state in a folder.

    Args:
        folder: Data and log.
        port: 0 picks a free one.
        accounts: Portal id to the token of its private app; created when missing.
    """

    name = "hubspot"

    def __init__(self, folder: Path, port: int = 0, *, accounts: dict[int, str]) -> None:
        super().__init__(folder, port)
        self.accounts = dict(accounts)
        self._admin_token = secrets.token_urlsafe(16)

    @property
    def url(self) -> str:
        """Return the base address of its API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_token(self) -> str:
        """Return the token of the admin API, new with each object."""
        return self._admin_token

    def admin(self) -> AdminClient:
        """Return a client of the admin API."""
        return AdminClient(self.url, self._admin_token)

    def prepare(self) -> None:
        """Do nothing: it fills its folder itself."""

    def argv(self) -> list[str]:
        """Return the simulator; its tokens are in the environment, because everybody may read a command line."""
        data = f"--data={self.folder / 'data'}"
        return [sys.executable, "-m", "deploy.local.hubspot", "--port", str(self.port), data]

    def env(self) -> dict[str, str] | None:
        """Return the tokens, and let it be found from its own folder."""
        return {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[3]),
            ADMIN_TOKEN: self._admin_token,
            ACCOUNTS: ",".join(f"{portal}:{token}" for portal, token in self.accounts.items()),
        }

    def serves(self) -> bool:
        """Check whether the admin API answers."""
        with requests.Session() as session:
            session.trust_env = False
            try:
                headers = {"X-Admin-Token": self._admin_token}
                return session.get(f"{self.url}/_admin/ping", headers=headers, timeout=5).ok
            except requests.ConnectionError:
                return False
