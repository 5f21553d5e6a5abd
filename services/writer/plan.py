"""Dividing commands into calls: as few as possible, none with a record twice, as parallel as an account allows."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from services.writer.answers import Command, tries
from shared.contract.writing import Change
from shared.wire.messages import WriteCommand

_SHRINK: Final = 4
"""After each try whose outcome stayed unknown a write goes out in a smaller company, until it is alone: the one that
makes the app fall over is then found, and the others get through."""

Share: TypeAlias = Literal["live", "backfill"]


@dataclass(frozen=True, slots=True)
class Target:
    """What all writes of one call have in common."""

    connection: str
    object: str
    op: Literal["create", "update", "archive"]
    share: Share


@dataclass(frozen=True, slots=True)
class Call:
    """Writes that go to the app together."""

    target: Target
    commands: tuple[Command, ...]


def target_of(command: Command) -> Target:
    """Return where a command goes."""
    write = command.message
    share: Share = "backfill" if command.topic.endswith(".backfill") else "live"
    return Target(write.connection, write.object, write.op, share)


def waves(commands: Sequence[Command]) -> list[list[Command]]:
    """Divide commands so that no wave holds a record twice; a later write to a record stands in a later wave."""
    before: Counter[tuple[str, str, str]] = Counter()
    made: list[list[Command]] = []
    for command in commands:
        record = _record(command.message)
        if before[record] == len(made):
            made.append([])
        made[before[record]].append(command)
        before[record] += 1
    return made


def _record(write: WriteCommand) -> tuple[str, str, str]:
    return write.connection, write.object, write.id or write.marker


def calls(wave: Sequence[Command], most: Callable[[Target], int]) -> list[Call]:
    """Fill calls with the commands of a wave; those whose outcome is unknown come last, and apart."""
    groups: dict[tuple[int, Target], list[Command]] = {}
    for command in wave:
        groups.setdefault((tries(command), target_of(command)), []).append(command)
    made = []
    for (tried, target), commands in sorted(groups.items(), key=lambda item: item[0][0]):
        size = max(1, most(target) // _SHRINK ** min(tried, 10))
        made += [Call(target, tuple(commands[at : at + size])) for at in range(0, len(commands), size)]
    return made


def live_creates(work: Sequence[Call]) -> list[tuple[Target, list[Command]]]:
    """Collect the creates that are live, by where they go; at a first sync, both sides have just been listed."""
    found: dict[Target, list[Command]] = {}
    for call in work:
        if call.target.op == "create" and call.target.share == "live":
            found.setdefault(call.target, []).extend(call.commands)
    return list(found.items())


def lanes(work: Sequence[Call], width: Callable[[Target], int]) -> list[list[Call]]:
    """Deal the calls of each account out to lanes that may run at the same time."""
    accounts: dict[str, list[Call]] = {}
    for call in work:
        accounts.setdefault(call.target.connection, []).append(call)
    made = []
    for own in accounts.values():
        number = min(len(own), max(1, width(own[0].target)))
        made += [own[at::number] for at in range(number)]
    return made


def change(write: WriteCommand) -> Change:
    """Encode a command as a connector takes it."""
    return Change(
        key=write.key,
        id=write.id,
        marker=write.marker,
        fields=write.fields,
        before=write.before,
        expected=write.expected,
        links=write.links,
    )
