"""The server by which mail is sent, at the command line: shown, set by a file, tried, removed."""

import argparse
from collections.abc import Iterator

import yaml

from services.console.commands.settings.people import Said, told
from services.console.setups.files import SetupError, read_as
from services.console.use.administration.mailing import Mailing, MailServerWanted
from services.console.use.problems import Problem
from shared.io.net.mail import make_post
from shared.io.process.service import Service


def run(service: Service, given: argparse.Namespace) -> int:
    """Run one of these commands; returns the exit code."""
    post = make_post(service.settings)
    return told(service, lambda accounts, vault: said(Mailing(accounts, vault, post), given), as_json=given.json)


def said(mailing: Mailing, given: argparse.Namespace) -> Iterator[Said]:
    """Do what a command says, and yield what there is to say; raises `Problem`."""
    what = given.what or "show"
    if what == "set":
        yield Said(f"mail is sent by {mailing.change(_read(given)).host}", mailing.row())
    elif what == "test":
        mailing.test(given.to)
        yield Said(f"the server took a test mail to {given.to}")
    elif what == "remove":
        mailing.remove()
        yield Said("no mail is sent any more")
    else:
        row = mailing.row()
        kept = {name: value for name, value in row.items() if name != "has_password" and value}
        yield Said(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True).rstrip(), row)


def _read(given: argparse.Namespace) -> MailServerWanted:
    try:
        return read_as(MailServerWanted, given.file.read_text())
    except (SetupError, OSError, UnicodeDecodeError) as error:
        raise Problem(422, "Not understood", str(error)) from error
