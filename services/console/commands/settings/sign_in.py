"""The provider by which people sign in, at the command line: shown, set by a file, removed; and its users linked."""

import argparse
from collections.abc import Iterator

import yaml

from services.console.commands.settings.people import Said, named, told
from services.console.setups.files import SetupError, read_as
from services.console.use.administration.single_sign_on import ProviderWanted, SingleSignOn
from services.console.use.administration.users import Accounts
from services.console.use.problems import Problem
from shared.io.net.openid import make_open_id
from shared.io.process.service import Service
from shared.io.redis.client import connect_by
from shared.io.redis.once import RedisOnce


def run(service: Service, given: argparse.Namespace) -> int:
    """Run one of these commands; returns the exit code."""
    settings = service.settings
    calls, once = make_open_id(settings, service.clock), RedisOnce(connect_by(settings))
    return told(
        service,
        lambda accounts, vault: said(SingleSignOn(accounts, vault, once, calls), accounts, given),
        as_json=given.json,
    )


def lines(single_sign_on: SingleSignOn, accounts: Accounts, given: argparse.Namespace) -> Iterator[str]:
    """Do what a command says, and yield it for people; raises `Problem`."""
    yield from (text for text, _ in said(single_sign_on, accounts, given))


def said(single_sign_on: SingleSignOn, accounts: Accounts, given: argparse.Namespace) -> Iterator[Said]:
    """Do what a command says, and yield what there is to say; raises `Problem`."""
    what = given.what or "show"
    if what == "show":
        row = single_sign_on.row()
        kept = {name: value for name, value in row.items() if name != "has_secret" and value}
        yield Said(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True).rstrip(), row)
    elif what == "set":
        yield Said(f"people sign in by {single_sign_on.change(_read(given)).issuer}", single_sign_on.row())
    elif what == "remove":
        single_sign_on.remove()
        yield Said("nobody signs in by a provider any more")
    else:
        user = named(accounts, given.user)
        if what == "link":
            other = single_sign_on.link(user.id, named(accounts, given.to).id)
            yield Said(f"whoever signs in by the provider as {user.email} is {other.email}", accounts.row(user))
        else:
            single_sign_on.unlink(user.id)
            yield Said(f"{user.email} is a user alone again", accounts.row(user))


def _read(given: argparse.Namespace) -> ProviderWanted:
    try:
        return read_as(ProviderWanted, given.file.read_text())
    except (SetupError, OSError, UnicodeDecodeError) as error:
        raise Problem(422, "Not understood", str(error)) from error
