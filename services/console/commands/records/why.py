"""Explains why a record is as it is, in the sentences of the console's API."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from services.console.commands.calling import UNANSWERED, Calls, calls_of
from services.console.commands.printing import ending_on, write_json
from shared.model.records import SIDES
from shared.settings import Settings

_MOST: Final = 3
"""Records that one call explains."""
_CALLS: Final = 5
"""Calls about a record that are shown, the newest first."""
_STEPS: Final = 5
"""Steps of a record's history that are shown, the newest first."""


@ending_on(*UNANSWERED)
def run(name: str, *, sync: str = "", as_json: bool = False, settings: Settings | None = None) -> int:
    """Explain the records that a name fits; returns the exit code: 0 explained, 1 not."""
    ask = calls_of(settings)
    found = _named(ask, name, sync)
    told = [ask.get(f"records/{quote(row['id'], safe='')}/explanation") for row in found[:_MOST]]
    if not told and name and not sync:
        told = ask.get("explanations", q=name)["explanations"]
    if not told:
        where = f" in sync {sync!r}" if sync else ""
        sys.stderr.write(f"no record{where} has {name!r} in its name, or as its id\n" if name else "no record yet\n")
        return 1
    if as_json:
        write_json(told)
        return 0
    sys.stdout.write("\n\n".join("\n".join(sentences(one)) for one in told) + "\n")
    if len(found) > _MOST:
        sys.stdout.write("\nThere are more: write more of the name, or the record's id in its app.\n")
    return 0


def _named(ask: Calls, name: str, sync: str) -> list[dict[str, Any]]:
    """Return the first records that a name fits; among very many, one page has not looked at all of them."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None and len(found) <= _MOST:
        page = ask.get("records", q=name, sync=sync, limit=str(_MOST + 1), cursor=cursor)
        found, cursor = found + page["records"], page["next"]
    return found


def sentences(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield an explanation as lines for people."""
    asked = told["asked"]
    named = told["label"] or ("Not seen" if asked else "A record without a name")
    yield f"{named} ({told['sync']}): {told['summary']}" if told["sync"] else f"{named}: {told['summary']}"
    yield from (f"  {row}" for row in told["why"])
    yield from (f"  {row['sentence']}" for row in told["pending"])
    if told["hint"]:
        yield f"  What to do: {told['hint']}"
    for side in SIDES:
        end = told["sides"][side]
        if end is not None:
            gone = "" if end["life"] == "alive" else f", {end['life'].replace('_', ' ')}"
            yield f"  {end['connection']}: record {end['record']}{gone}" + (f", {end['url']}" if end["url"] else "")
    yield from _asked(asked) if asked else ()
    yield from _steps(told["history"])
    yield from _calls(told)


def _asked(asked: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an app said of a record that no sync has seen."""
    yield from (f"  {row['label']}: {row['value'] or 'blank'}" for row in asked["values"])
    if asked["merged_into"]:
        yield f"  Ask for {asked['merged_into']} next."
    if asked["can_be_read"]:
        yield f"  To have it read now: ./syncline resync {asked['record']}"


def _calls(told: Mapping[str, Any]) -> Iterator[str]:
    if not told["calls_known"]:
        yield "  The last calls cannot be read now: Redis does not answer."
    if told["calls"]:
        yield "  The last calls, the newest first:"
    for row in told["calls"][:_CALLS]:
        answer = f"{row['status'] or 'no answer'} after {row['took_ms']} ms"
        yield f"    {row['at']}  {row['connection']}: {row['method']} {row['path']}: {answer}"
        if row["said"]:
            yield f"      {row['said']}"


def _steps(history: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    steps = sorted((step for step in history if step["decisions"]), key=lambda step: -step["rev"])
    if steps:
        yield "  What happened, the newest first:"
    for step in steps[:_STEPS]:
        for number, decision in enumerate(step["decisions"]):
            yield f"    {step['at'] if number == 0 else ' ' * len(step['at'])}  {decision}"
