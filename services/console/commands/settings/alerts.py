"""Alerts at the command line: listed, shown, added and changed by a file, tried, removed."""

import argparse
from collections.abc import Iterator
from typing import Any

import yaml

from services.console.alerts.telling import Teller
from services.console.commands.settings.people import Said, told
from services.console.setups.files import SetupError, read_as
from services.console.use.administration.alerts import Alerts, Wanted
from services.console.use.administration.mailing import Mailing
from services.console.use.problems import Problem
from shared.io.net.hooks import make_hook
from shared.io.net.mail import make_post
from shared.io.process.service import Service


def run(service: Service, given: argparse.Namespace) -> int:
    """Run one of these commands; returns the exit code."""
    post, hook = make_post(service.settings), make_hook(service.settings)
    return told(
        service,
        lambda accounts, vault: said(Alerts(Teller(Mailing(accounts, vault, post), vault, hook)), given),
        as_json=given.json,
    )


def said(alerts: Alerts, given: argparse.Namespace) -> Iterator[Said]:
    """Do what a command says, and yield what there is to say; raises `Problem`."""
    what = given.what or "list"
    if what == "list":
        rows = alerts.rows()
        yield from (Said(_line(row), row) for row in rows)
        if not rows:
            yield Said("there are no alerts")
    elif what == "add":
        row = alerts.row(alerts.add(_read(given)))
        yield Said(f"{row['id']}: added", row)
    elif what == "change":
        row = alerts.row(alerts.change(given.name, _read(given)))
        yield Said(f"{row['id']}: changed", row)
    elif what == "test":
        alerts.test(given.name)
        yield Said("all whom the alert tells were told")
    elif what == "remove":
        alerts.remove(given.name)
        yield Said(f"{given.name}: removed")
    else:
        row = alerts.row(alerts.find(given.name))
        kept = {name: row[name] for name in Wanted.model_fields if name != "secret" and row[name]}
        kept |= {"minutes": row["minutes"]}
        yield Said(yaml.safe_dump(_plain(kept), sort_keys=False, allow_unicode=True).rstrip(), row)


def _plain(kept: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}


def _line(row: dict[str, Any]) -> str:
    failed = {one["error"] for about in row["standing"] for one in about["deliveries"] if one["error"]}
    trouble = f"; {'; '.join(sorted(failed))}" if failed else ""
    return f"{row['id']}  {row['name']}  {row['state']}  {row['rule']}{trouble}"


def _read(given: argparse.Namespace) -> Wanted:
    try:
        return read_as(Wanted, given.file.read_text())
    except (SetupError, OSError, UnicodeDecodeError) as error:
        raise Problem(422, "Not understood", str(error)) from error
