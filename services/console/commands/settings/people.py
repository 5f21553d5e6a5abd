"""Users and tokens at the command line: listed, invited, changed, made and revoked, as pages and API do it."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from services.console.access.first_admin import address
from services.console.access.passwords import Passwords
from services.console.access.people import People
from services.console.access.roles import role_of
from services.console.commands.printing import ending_on, write_json
from services.console.use.administration.tokens import Tokens
from services.console.use.administration.users import Accounts
from services.console.use.callers import Caller
from services.console.use.problems import Problem
from shared.io.calls.vault import Vault, VaultError
from shared.io.ports import BusUnavailable
from shared.io.process.following import TopicFollower
from shared.io.process.service import Service
from shared.io.redis.client import connect_by
from shared.io.redis.once import RedisOnce
from shared.wire import topics
from shared.wire.messages import User

_BY: Final = Caller("command line", "admin")


def run(service: Service, given: argparse.Namespace) -> int:
    """Run one of these commands; returns the exit code."""
    return told(service, lambda accounts, _: said(accounts, given, address(service.settings)), as_json=given.json)


class Said(NamedTuple):
    """What a command says of one thing."""

    text: str
    row: dict[str, Any] | None = None
    """The same for programs; None where there is nothing."""


@contextmanager
def accounts_of(service: Service) -> Iterator[tuple[Accounts, Vault]]:
    """Read what the console keeps for itself, and return it with the keys; raises `VaultError`, `BusUnavailable`."""
    people = People()
    followed = TopicFollower(service.settings, topics.ACCESS, people)
    try:
        followed.catch_up()
        vault = Vault.from_file(service.settings.key_file)
        once = RedisOnce(connect_by(service.settings))
        yield Accounts(service, people, Passwords(vault), once, lambda _: followed.poll(1.0)), vault
    finally:
        followed.close()


@ending_on(Problem, VaultError, BusUnavailable)
def told(service: Service, command: Callable[[Accounts, Vault], Iterator[Said]], *, as_json: bool) -> int:
    """Print what a command says that is done with the users, or needs the keys; returns the exit code."""
    with accounts_of(service) as (accounts, vault):
        found = list(command(accounts, vault))
    if as_json:
        write_json([row for _, row in found if row])
    else:
        sys.stdout.writelines(f"{text}\n" for text, _ in found)
    return 0


def lines(accounts: Accounts, given: argparse.Namespace, where: str) -> Iterator[str]:
    """Do what a command says, and yield it for people; raises `Problem`."""
    yield from (text for text, _ in said(accounts, given, where))


def said(accounts: Accounts, given: argparse.Namespace, where: str) -> Iterator[Said]:
    """Do what a command says, and yield what there is to say; raises `Problem`.

    Args:
        accounts: What is done with users.
        given: The command.
        where: The address of the console.
    """
    what = given.what or "list"
    if given.command == "tokens":
        return {"list": _tokens, "add": _make, "revoke": _revoke}[what](accounts, given)
    return _users(accounts) if what == "list" else _change(accounts, given, where)


def _users(accounts: Accounts) -> Iterator[Said]:
    rows = [accounts.row(user) for user in accounts.people.users()]
    by = {row["id"]: f"  by the provider, id {row['id']}" if row["issuer"] else "" for row in rows}
    yield from (Said(f"{row['email']}  {row['role']}  {row['state']}{by[row['id']]}", row) for row in rows)
    if not rows:
        yield Said("there are no users")


def _change(accounts: Accounts, given: argparse.Namespace, where: str) -> Iterator[Said]:
    if given.what == "add":
        user, secret = accounts.invite(given.email, role_of(given.role))
        link = f"{where}/welcome?token={secret}"
        yield Said(f"{user.email} is invited, and chooses a password at: {link}", {**accounts.row(user), "link": link})
        return
    user = named(accounts, given.email)
    if given.what == "reset":
        link = f"{where}/welcome?token={accounts.reset(user.id)}"
        yield Said(f"{user.email} chooses another password at: {link}", {**accounts.row(user), "link": link})
    elif given.what == "role":
        changed = accounts.change(user.id, role=role_of(given.role))
        yield Said(f"{user.email} is {changed.role}", accounts.row(changed))
    else:
        changed = accounts.change(user.id, disabled=given.what == "disable")
        yield Said(f"{user.email} is {'disabled' if changed.disabled else 'enabled'}", accounts.row(changed))


def named(accounts: Accounts, text: str) -> User:
    """Return who was invited under an address, or who has an id; raises `Problem`."""
    return accounts.people.by_email(text.strip().lower()) or accounts.find(text.strip())


def _tokens(accounts: Accounts, given: argparse.Namespace) -> Iterator[Said]:
    del given
    tokens = Tokens(accounts)
    rows = [tokens.row(token) for token in tokens.seen_by(_BY)]
    for row in rows:
        ended = "  ended" if row["ended"] else ""
        limits = f"  {', '.join(row['scopes'])}" if row["scopes"] else ""
        yield Said(f"{row['id']}  {row['name']}  {row['role']}  {row['owner'] or 'installation'}{limits}{ended}", row)
    if not rows:
        yield Said("there are no tokens")


def _make(accounts: Accounts, given: argparse.Namespace) -> Iterator[Said]:
    tokens = Tokens(accounts)
    token, secret = tokens.make(_BY, given.name, role_of(given.role), given.days, given.scope)
    yield Said(secret, {**tokens.row(token), "secret": secret})
    sys.stderr.write(f"token {token.id}: it is shown this once\n")


def _revoke(accounts: Accounts, given: argparse.Namespace) -> Iterator[Said]:
    tokens = Tokens(accounts)
    token = tokens.revoke(_BY, given.name)
    yield Said(f"{token.name} has ended", tokens.row(token))
