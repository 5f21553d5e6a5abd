"""Says why a record is as it is, in sentences, as the console's API explains it."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import quote, urlencode

from shared.io.reaching import settings_for_command
from shared.settings import Settings, SettingsError

_MOST: Final = 3
"""Records that one call explains."""
_STEPS: Final = 5
"""Steps of a record's history that are shown, the newest first."""
_EVERYWHERE: Final = ("0.0.0.0", "::", "")  # noqa: S104 - addresses to listen on, which nobody can call
_TIMEOUT_S: Final = 10.0


class NoAnswerError(Exception):
    """The console does not say; the message says why, and what to do."""


def run(name: str, *, sync: str = "", as_json: bool = False, settings: Settings | None = None) -> int:
    """Explain the records that a name fits; returns the exit code: 0 explained, 1 not."""
    try:
        ask = _Console(settings or settings_for_command())
        found = _named(ask, name, sync)
        told = [ask.get(f"records/{quote(row['id'], safe='')}/explanation") for row in found[:_MOST]]
    except (SettingsError, NoAnswerError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if not told:
        where = f" in sync {sync!r}" if sync else ""
        sys.stderr.write(f"no record{where} has {name!r} in its name, or as its id\n" if name else "no record yet\n")
        return 1
    if as_json:
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        return 0
    sys.stdout.write("\n\n".join("\n".join(sentences(one)) for one in told) + "\n")
    if len(found) > _MOST:
        sys.stdout.write("\nThere are more: write more of the name, or the record's id in its app.\n")
    return 0


def _named(ask: "_Console", name: str, sync: str) -> list[dict[str, Any]]:
    """Return the first records that a name fits; among very many, one page has not looked at all of them."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None and len(found) <= _MOST:
        page = ask.get("records", q=name, sync=sync, limit=str(_MOST + 1), cursor=cursor)
        found, cursor = found + page["records"], page["next"]
    return found


def sentences(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield an explanation as lines for people."""
    yield f"{told['label'] or 'A record without a name'} ({told['sync']}): {told['summary']}"
    yield from (f"  {row}" for row in told["why"])
    yield from (f"  {row['sentence']}" for row in told["pending"])
    if told["hint"]:
        yield f"  What to do: {told['hint']}"
    for side in ("L", "R"):
        end = told["sides"][side]
        if end is not None:
            gone = "" if end["life"] == "alive" else f", {end['life'].replace('_', ' ')}"
            yield f"  {end['connection']}: record {end['record']}{gone}" + (f", {end['url']}" if end["url"] else "")
    yield from _steps(told["history"])


def _steps(history: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    steps = sorted((step for step in history if step["decisions"]), key=lambda step: -step["rev"])
    if steps:
        yield "  What happened, the newest first:"
    for step in steps[:_STEPS]:
        for number, decision in enumerate(step["decisions"]):
            yield f"    {step['at'] if number == 0 else ' ' * len(step['at'])}  {decision}"


class _Console:
    """Asks the console's API."""

    def __init__(self, settings: Settings) -> None:
        if settings.console_token is None or not settings.console_token.get_secret_value():
            raise NoAnswerError("SYNCLINE_CONSOLE_TOKEN is not set: it must hold the token with which the console runs")
        self._token = settings.console_token.get_secret_value()
        self._host = "127.0.0.1" if settings.console_host in _EVERYWHERE else settings.console_host
        self._port = settings.console_port

    def get(self, path: str, **query: str) -> Any:
        """Return what the API answers."""
        given = urlencode({name: value for name, value in query.items() if value})
        connection = HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", f"/api/v1/{path}?{given}", headers={"Authorization": f"Bearer {self._token}"})
            answer = connection.getresponse()
            body = json.loads(answer.read())
        except (OSError, HTTPException, ValueError) as error:
            raise NoAnswerError(
                f"the console does not answer at {self._host}:{self._port} ({error}): start `python -m "
                "services.console`, or name another in SYNCLINE_CONSOLE_HOST and SYNCLINE_CONSOLE_PORT"
            ) from error
        finally:
            connection.close()
        if answer.status == 401:
            raise NoAnswerError("the console takes another token than the one in SYNCLINE_CONSOLE_TOKEN")
        if answer.status != 200:
            raise NoAnswerError(str(body.get("detail", f"the console answered {answer.status}")))
        return body
