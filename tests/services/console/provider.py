"""A real provider of OpenID Connect, and what a person does on its page."""

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests

from deploy.local.servers.base import Server


class ProviderServer(Server):
    """A provider with keys of its own, which are others after each start; everybody may be whoever they say."""

    name = "provider"

    def prepare(self) -> None:
        """It keeps nothing."""

    def argv(self) -> list[str]:
        """Return the process."""
        return [sys.executable, "-m", "tests.services.console.provider_process", str(self.port)]

    def env(self) -> dict[str, str]:
        """Return where the process is found."""
        return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}

    def serves(self) -> bool:
        """Check whether it answers."""
        try:
            return self.ask("GET", "/.well-known/openid-configuration").status_code == 200
        except requests.ConnectionError:
            return False

    @property
    def url(self) -> str:
        """Return its issuer."""
        return f"http://localhost:{self.port}"

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        """Ask it something, and follow nothing."""
        with requests.Session() as http:
            http.trust_env = False
            return http.request(method, self.url + path, timeout=10, allow_redirects=False, **more)

    def person(self, subject: str, **claims: object) -> None:
        """Register somebody with the provider, with the claims that it makes, also those that it must not make."""
        assert self.ask("PUT", f"/users/{subject}", json=claims).status_code == 204

    def agree(self, address: str, subject: str, **changes: str) -> str:
        """Sign in on the provider's page as somebody; return the address to which the browser is sent back.

        Args:
            address: Where the console has sent the browser.
            subject: Who signs in.
            changes: What is changed of that address on the way.
        """
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}" == self.url
        query = urlencode({**dict(parse_qsl(parts.query)), **changes})
        answer = self.ask("POST", urlunsplit(("", "", parts.path, query, "")), data={"sub": subject})
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["Location"])
        return f"{back.path}?{back.query}"
