"""Asking an app before a create whether it holds the record already, where it would take a double without a word.

A person may be entered on both sides before either is read. What is found is not created again: its pair hears that it
is there, as from an app that refuses doubles by itself, so that it is read and matched.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from services.writer.answers import Command
from services.writer.plan import Target
from shared.config.compiling import read_identity
from shared.config.setups import Setups
from shared.contract.writing import Refused
from shared.engine.matching import Identity
from shared.engine.policies import Policy
from shared.engine.refusals import TAKEN
from shared.io.ports import Caller
from shared.model.records import Fields, Report, Side

_MESSAGE: Final = "another record has this value already"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A record that is about to be created, and what it is recognised by."""

    command: Command
    policy: Policy
    identity: Identity


async def find_doubles(
    setups: Setups, caller: Caller, target: Target, commands: Iterable[Command], wait_s: float
) -> dict[str, Refused]:
    """Return the refusals of those creates whose record is there already, by their keys."""
    binding = setups.binding(target.connection, target.object)
    if binding.find is None:
        return {}
    wanted = [row for command in commands if (row := _wanted(setups, command)) is not None]
    if not wanted:
        return {}
    values = sorted({value for row in wanted for value in row.identity.s})
    names = sorted({name for row in wanted for name in row.policy.sides[row.command.message.side].identifiers})
    exchange = binding.find(setups.session(target.connection), values, names)
    about = [row.command.message.pair for row in wanted]
    found = await caller.run(target.connection, exchange, share=target.share, wait_s=wait_s, about=about)
    refused = (_refused(row, found) for row in wanted)
    return {one.key: one for one in refused if one is not None}


def _wanted(setups: Setups, command: Command) -> _Wanted | None:
    """Return what a create's record is recognised by; None where its sync recognises nothing by an identifier."""
    write = command.message
    policy = setups.policy(write.sync)
    if policy is None:
        return None
    known = policy.sides[write.side].identify(write.fields)
    identity = read_identity(known.identity)
    return _Wanted(command, policy, identity) if known.keys and identity.s else None


def _refused(row: _Wanted, found: Sequence[Report]) -> Refused | None:
    """Refuse a create whose record is there; None where it is not, or where an earlier try of it made what is there."""
    write = row.command.message
    if any(report.marker == write.marker for report in found):
        return None
    for report in sorted(found, key=lambda one: one.id):
        edge = row.policy.match.compare(row.identity, _identity(row.policy, write.side, report.fields))
        if edge is not None and edge.keys:
            named = (name for name, value in sorted(write.fields.items()) if _holds(row, {name: value}, edge.keys))
            return Refused(
                key=write.key, code=TAKEN, message=_MESSAGE, field=next(named, None), conflicting_id=report.id
            )
    return None


def _holds(row: _Wanted, fields: Fields, keys: frozenset[str]) -> bool:
    return not keys.isdisjoint(_identity(row.policy, row.command.message.side, fields).s)


def _identity(policy: Policy, side: Side, fields: Fields) -> Identity:
    return read_identity(policy.sides[side].identify(fields).identity)
