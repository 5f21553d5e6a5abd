"""Calls the console's API from a terminal."""

import json
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlencode

from services.console.use.changes import HEADER
from shared.io.process.reaching import settings_for_command
from shared.settings import Settings, SettingsError

_EVERYWHERE: Final = ("0.0.0.0", "::", "")  # noqa: S104 - addresses to listen on, which nobody can call
_TIMEOUT_S: Final = 60.0
_PAGE: Final = "500"
_PIECE: Final = 65_536


class NoAnswerError(Exception):
    """The console does not say; the message says why, and what to do."""


UNANSWERED: Final = (SettingsError, NoAnswerError)
"""What keeps a command from asking the console."""


class Calls:
    """Calls the API of the console that the settings name; raises `NoAnswerError`."""

    def __init__(self, settings: Settings) -> None:
        if settings.console_token is None or not settings.console_token.get_secret_value():
            raise NoAnswerError("SYNCLINE_CONSOLE_TOKEN is not set: it must hold the token with which the console runs")
        self._token = settings.console_token.get_secret_value()
        self._host = "127.0.0.1" if settings.console_host in _EVERYWHERE else settings.console_host
        self._port = settings.console_port
        self._changed = ""
        """What was changed so far: each call sees it, whichever replica answers."""

    def get(self, path: str, **query: str) -> Any:
        """Return what is there."""
        given = urlencode({name: value for name, value in query.items() if value})
        return self._call("GET", f"{path}?{given}", None)

    def every(self, path: str, rows: str, **query: str) -> Iterator[Any]:
        """Yield the rows of a list, page by page."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(path, cursor=cursor, limit=_PAGE, **query)
            yield from page[rows]
            cursor = page["next"]

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Ask for something to be done, and return what came of it."""
        return self._call("POST", path, json.dumps(body))

    def delete(self, path: str) -> Any:
        """Delete something, and return what the API says of it."""
        return self._call("DELETE", path, None)

    def download(self, path: str, begin: int, etag: str) -> Iterator[bytes]:
        """Yield a file from a byte on, as long as it is the one with an ETag; raises `NoAnswerError`."""
        headers = {"Authorization": f"Bearer {self._token}", "Range": f"bytes={begin}-", "If-Range": etag}
        connection = HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", f"/api/v1/{path}", None, headers)
            answer = connection.getresponse()
            if answer.status not in (200, 206) or (begin and answer.status != 206):
                raise NoAnswerError(str(json.loads(answer.read())["detail"]))
            while piece := answer.read1(_PIECE):
                yield piece
            if answer.length:
                raise NoAnswerError("the download broke off")
        except (OSError, HTTPException, ValueError) as error:
            raise NoAnswerError(f"the download broke off ({error})") from error
        finally:
            connection.close()

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Edit something, and return how it stands."""
        return self._call("PATCH", path, json.dumps(body))

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Set something, and return how it stands."""
        return self._call("PUT", path, json.dumps(body))

    def _call(self, method: str, path: str, body: str | None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json", HEADER: self._changed}
        connection = HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, f"/api/v1/{path}", body, headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
            self._changed = answer.headers.get(HEADER, self._changed)
        except (OSError, HTTPException, ValueError) as error:
            raise NoAnswerError(
                f"the console does not answer at {self._host}:{self._port} ({error}): start `python -m "
                "services.console`, or name another in SYNCLINE_CONSOLE_HOST and SYNCLINE_CONSOLE_PORT"
            ) from error
        finally:
            connection.close()
        if answer.status == 401:
            raise NoAnswerError("the console takes another token than the one in SYNCLINE_CONSOLE_TOKEN")
        if answer.status not in (200, 202):
            raise NoAnswerError(str(told.get("detail", f"the console answered {answer.status}")))
        return told


def calls_of(settings: Settings | None) -> Calls:
    """Return what calls the console that settings name, those of this process when None; raises `UNANSWERED`."""
    return Calls(settings or settings_for_command())
