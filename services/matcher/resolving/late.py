"""Messages that wait for a worker that knows what they are about: newer ones may be handled before them."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, ValidationError

from shared.io.envelope import is_late
from shared.io.links.requests import Swap
from shared.io.links.store import Store
from shared.io.ports import Inbound, NotReady
from shared.model.pairs import PairEvent, place_at


def in_doubt(inbound: Inbound[PairEvent]) -> Inbound[PairEvent]:
    """Mark the report of a message that waited: a new record, or a change of its life, takes a second read."""
    event = inbound.message
    if event.report is None or event.doubtful or not is_late(inbound.headers):
        return inbound
    return replace(inbound, message=event.model_copy(update={"doubtful": True}))


class _AnyForm(BaseModel, extra="allow"):
    """What a state says in whatever form it is written, also by a newer version; in the order of `Pair`."""

    rev: int = 0
    at: int = -1
    item: int = 0
    absorbed_by: str = ""
    untold: bool = False


async def note_untold(store: Store, waiting: Sequence[Inbound[PairEvent]]) -> None:
    """Mark the states of pairs whose worker died before it published what it had decided of messages that now wait.

    They come again under other offsets, perhaps after newer ones: neither could tell that they were taken before. The
    state may be in a newer form; it keeps its revision, for what it has to tell is told under that. A rebuild finds by
    itself what waits, so the journal needs no note. One that is under way may have looked before, so its end is waited
    for; links that are lost hold nobody up.
    """
    first: dict[tuple[str, str], int] = {}
    for row in waiting:
        key = (row.message.sync, row.message.pair)
        first[key] = min(row.place, first.get(key, row.place))
    standing = {sync: await store.is_ready(sync) for sync in sorted({key[0] for key in first})}
    for sync, links in standing.items():
        if links == "busy":
            raise NotReady(sync)
    swaps: dict[str, list[Swap]] = {}
    for (sync, name), loaded in (await store.load(key for key in first if standing[key[0]] == "ready")).items():
        try:
            was = _AnyForm.model_validate_json(loaded.state or "{}")
        except ValidationError:
            continue  # it is parked when its messages come again
        if place_at(was.at, was.item) < first[sync, name] or was.absorbed_by or was.untold:
            continue  # nothing of these was taken; what was absorbed tells all of it again with each message
        state = was.model_copy(update={"untold": True}).model_dump_json(exclude_defaults=True)
        swaps.setdefault(sync, []).append(Swap(pair=name, expected=was.rev, rev=was.rev, state=state, ends={}))
    answers = await store.swap(swaps) if swaps else {}
    for (sync, _), answer in answers.items():
        if answer.what != "ok":
            raise NotReady(sync)
