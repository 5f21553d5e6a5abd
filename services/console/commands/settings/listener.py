"""Waits on this machine for a browser that an app sends back with the answer of the person in front of it."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final
from urllib.parse import urlsplit

from services.console.setups.consent import Consent, ConsentError, NotOurs
from shared.contract.oauth import Code

_PAGE: Final = "<!doctype html><meta charset=utf-8><title>Syncline</title><p>{}</p>"
_TURN_S: Final = 0.5


class Listener(HTTPServer):
    """Listens on 127.0.0.1 alone, and answers nothing but the redirect of one question.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, question: Consent) -> None:
        where = urlsplit(question.redirect_uri)
        self.question = question
        self.path = where.path or "/"
        self.found: Code | ConsentError | None = None
        super().__init__(("127.0.0.1", where.port or 80), _Handler)
        self.timeout = _TURN_S

    def wait(self) -> Code:
        """Return the code once the person has agreed; raises `ConsentError`."""
        while self.found is None and self.question.left_s() > 0:
            self.handle_request()
        if self.found is None:
            raise ConsentError("nobody agreed within ten minutes: start again")
        if isinstance(self.found, ConsentError):
            raise self.found
        return self.found

    def take(self, path: str) -> tuple[int, str]:
        """Handle one request, and return what the browser shows."""
        if urlsplit(path).path != self.path:
            return 404, "There is nothing here."
        try:
            self.found = self.question.answer(path)
        except NotOurs as error:
            return 400, f"Refused: {error}."
        except ConsentError as error:
            self.found = error
            return 400, "The account was not connected; the terminal says why. You can close this window."
        return 200, "Syncline has your answer; the terminal says how it goes on. You can close this window."


class _Handler(BaseHTTPRequestHandler):
    server: Listener
    timeout = 10
    """Seconds for which one connection may keep the others waiting."""

    def do_GET(self) -> None:
        status, text = self.server.take(self.path)
        body = _PAGE.format(text).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Log nothing: the address holds the code."""
