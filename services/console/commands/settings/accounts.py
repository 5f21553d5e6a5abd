"""Lists apps, accounts and syncs, and has accounts renamed, tested or paused, and syncs switched, from a terminal."""

import getpass
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from services.console.commands.calling import UNANSWERED, Calls, NoAnswerError, calls_of
from services.console.commands.printing import confirmed, ending_on, write_json
from shared.settings import Settings

_TAKES: Final = {"rename": 2}
_WAYS: Final = {"two_way": "<->", "to_right": "->", "to_left": "<-"}


def run_apps(text: str, *, as_json: bool = False, settings: Settings | None = None) -> int:
    """List the apps that can be connected; returns the exit code: 0 listed, 1 not."""

    def ask(api: Calls) -> Any:
        return list(api.every("apps", "apps", q=text))

    return _run(ask, _apps, settings, as_json=as_json)


def run(what: str | None, names: Sequence[str], *, as_json: bool = False, settings: Settings | None = None) -> int:
    """List the accounts, or do something with one; returns the exit code: 0 done, 1 refused or not working.

    Args:
        what: `show`, `objects`, `limits`, `feeds`, `reach`, `push`, `poll`, `rename`, `test`, `pause` or `resume`; None
            lists all.
        names: Its id, and to rename it what to call it; of objects, perhaps one of them.
        as_json: Print what the API answers.
        settings: Where the console is.
    """
    wanted = _TAKES.get(what or "", 1) if what else 0
    if len(names) != wanted and not (what == "objects" and len(names) == wanted + 1):
        sys.stderr.write(f"name the account{' and what to call it' if wanted == 2 else ''}\n")
        return 1

    def ask(api: Calls) -> Any:
        if what is None:
            return list(api.every("connections", "connections"))
        path = f"connections/{quote(names[0], safe='')}"
        if what == "show":
            return [api.get(path)]
        if what in ("objects", "limits", "feeds"):
            return [api.get("/".join((path, what, *(quote(one, safe="") for one in names[1:]))))]
        if what in ("push", "poll"):
            known = api.get(f"{path}/feeds")["webhooks"]
            wanted = {"push": what == "push", "interval_s": known["interval_s"]}
            return [api.put(f"{path}/changes", wanted)]
        if what == "rename":
            return [api.patch(path, {"label": names[1]})]
        return [api.post(f"{path}/{what}", {})]

    return _run(ask, _LINES.get(what or "", _accounts), settings, as_json=as_json)


def run_syncs(
    what: str | None,
    name: str,
    *,
    wanted: Mapping[str, str] | None = None,
    yes: bool = False,
    as_json: bool = False,
    settings: Settings | None = None,
) -> int:
    """List the syncs, or switch one on or off; returns the exit code: 0 done, 1 refused or not confirmed.

    Args:
        what: `switch-on` or `switch-off`; None lists all.
        name: Its id.
        wanted: Which to list, as the API names it.
        yes: Switch it off without asking first.
        as_json: Print what the API answers; nobody is asked then.
        settings: Where the console is.
    """
    if (what is None) == bool(name):
        sys.stderr.write("name the sync, and what to do with it\n")
        return 1

    def ask(api: Calls) -> Any:
        if what is None:
            return list(api.every("syncs", "syncs", **(wanted or {})))
        path = f"syncs/{quote(name, safe='')}"
        off = api.get(path)["switching_off"] if what == "switch-off" and not (yes or as_json) else None
        if off is not None and not confirmed((*off["meanwhile"], *_again(off["later"])), f"switch off {name}?"):
            raise NoAnswerError(f"{name} is not switched off")
        return [api.post(f"{path}/{what}", {})]

    return _run(ask, _syncs, settings, as_json=as_json)


def _again(later: Sequence[str]) -> Iterator[str]:
    yield from (f"When it is switched on again: {line[:1].lower()}{line[1:]}" for line in later)


def run_credentials(
    app: str,
    client_id: str,
    base_url: str = "",
    options: Sequence[str] = (),
    settings: Settings | None = None,
    *,
    as_json: bool = False,
) -> int:
    """Enter what Syncline is known by at an app, its secret from the terminal or the standard input.

    Returns the exit code: 0 entered, 1 refused.
    """
    given = dict(one.partition("=")[::2] for one in options)
    body = {"client_id": client_id, "client_secret": asked_secret("client secret"), "base_url": base_url}

    def ask(api: Calls) -> Any:
        return [api.put(f"apps/{quote(app, safe='')}/credentials", {**body, "options": given})]

    return _run(
        ask, lambda rows: [f"{row['app']}: known by {row['client_id']}" for row in rows], settings, as_json=as_json
    )


def run_secrets(name: str, names: Sequence[str], settings: Settings | None = None, *, as_json: bool = False) -> int:
    """Sign an account in by other secrets, each from the terminal or a line of the standard input.

    Returns the exit code: 0 done, 1 refused.
    """
    given = {one: asked_secret(one.replace("_", " ")) for one in names}
    hook = given.pop("webhook_secret", "")

    def ask(api: Calls) -> Any:
        return [api.put(f"connections/{quote(name, safe='')}/secrets", {"secrets": given, "webhook_secret": hook})]

    return _run(ask, _accounts, settings, as_json=as_json)


def asked_secret(what: str) -> str:
    """Return a secret that somebody types unseen, or that a program writes as a line."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{what}: ")
    return sys.stdin.readline().rstrip("\r\n")


@ending_on(*UNANSWERED)
def _run(ask: Any, lines: Any, settings: Settings | None, *, as_json: bool = False) -> int:
    rows = ask(calls_of(settings))
    if as_json:
        write_json(rows)
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines(rows))
    return 1 if any(row.get("works") is False for row in rows) else 0


def _apps(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{row['id']}: {row['title']} ({', '.join(row['objects'])}). {row['changes']}."
    if not rows:
        yield "no app matches"


def _accounts(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        state = "limited" if row["state"] == "running" and row.get("limited") else row["state"]
        why = f" ({row['reason']}). {row['hint']}" if row["state"] == "paused" else ""
        yield f"{row['id']}: {row['label'] or row['app']}, {row['account'] or 'account not known yet'}, {state}{why}"
        yield from (f"  {line}" for line in row.get("limited", ()))
        leaving = row.get("disconnecting")
        if leaving is not None and leaving["used_by"]:
            yield f"  used by {', '.join(leaving['used_by'])}"
    if not rows:
        yield "no account is connected"


def _syncs(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        counts = ", ".join(f"{number:,} {status.replace('_', ' ')}" for status, number in row["counts"].items())
        state = row["not_run_here"] or ("on" if row["enabled"] else "off")
        left, right = (f"{end['connection']}/{end['object']}" if end else "" for end in (row["left"], row["right"]))
        ends = f", {left} {_WAYS.get(row['direction'], '?')} {right}" if left else ""
        yield f"{row['id']}: {state}{ends}; {counts}"
    if not rows:
        yield "nothing is synced"


def _tests(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"it works: {row['account']}" if row["works"] else f"it does not work ({row['reason']}): {row['detail']}"


def _limits(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for found in rows:
        for row in found["limits"]:
            free = f", all free in {row['all_free_s']:g} s" if row["used"] else ""
            told = row["by_app"]
            said = f"; the app says {told['amount'] - told['left']} of {told['amount']}" if told else ""
            yield f"{row['name']}: {row['used']} of {row['amount']} in {row['window_s']:g} s{free}{said}"
        if not found["limits"]:
            yield "the app sets no limits"
        calls = found["calls_24h"]
        yield f"calls of 24 hours: {calls['live']} for changes, {calls['backfill']} for first syncs and resyncs"
        for pause in found["pauses"]:
            until = pause["until_ms"]
            ends = f", tried again in {max(0, until - found['at_ms']) / 1000:.0f} s" if until else ""
            yield f"no calls are made: {pause['title']} ({pause['reason']}){ends}"


def _feeds(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for found in rows:
        for row in found["feeds"]:
            why = f" ({row['reason']})" if row["reason"] else ""
            age = f"known up to {row['age_s']:g} s ago" if row["age_s"] is not None else "nothing known yet"
            asked = f", asked every {row['asked_s']:g} s" if row["asked_s"] else ""
            real = f", in truth every {row['interval_s']:g} s" if row["interval_s"] else ""
            yield f"{row['feed']}: {row['state'].replace('_', ' ')}{why}, {age}{asked}{real}"
        if not found["feeds"]:
            yield "nothing is asked for: no sync that is on uses this account"


def _objects(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for found in rows:
        if found["detail"]:
            yield f"the account cannot be asked now: {found['detail']}"
        for one in found.get("objects", [found]):
            state = "can be synced" if one["usable"] else "cannot be synced"
            used = f", synced by {', '.join(one['syncs'])}" if one["syncs"] else ""
            yield f"{one['id']}: {one['title']}{', this account alone' if one['own'] else ''}; {state}{used}"
            yield from (f"  {line}" for line in (*one["in_the_way"], *one["notes"]))
        for one in found.get("fields", ()):
            roles = ", ".join(row["role"] + (f" in {row['sync']}" if row["sync"] else "") for row in one["roles"])
            marks = ", ".join(filter(None, (roles, "needed" if one["required"] else "")))
            told = f" [{marks}]" if marks else ""
            yield f"  {one['name']} ({one['type']}): {one['label']}{told}; {one['ways'] or 'no way'}"
        for one in found.get("associations", ()):
            used = f", carried by {', '.join(one['syncs'])}" if one["syncs"] else ""
            yield f"  association {one['label']}: to {one['to']}, {one['most'] or 'any number'}{used}"


def _learned(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        if row["wanted"] and not row["push"]:
            yield "calls of the app are not taken: the secret that signs them is not known"
        told = "the app tells changes, and is asked" if row["push"] else "the app is asked"
        yield f"{told} every {row['interval_s']:g} s"


def _reached(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{row['url']}: {row['title'][:1].lower()}{row['title'][1:]}. {row['remedy']}"
        if row["detail"]:
            yield f"  {row['detail']}"


_LINES: Final = {
    "push": _learned,
    "poll": _learned,
    "reach": _reached,
    "test": _tests,
    "limits": _limits,
    "feeds": _feeds,
    "objects": _objects,
}
"""How what is asked is shown; accounts otherwise."""
