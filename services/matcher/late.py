"""Messages that wait for a worker that knows what they are about: newer ones may be handled before them."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import ValidationError

from shared import topics
from shared.core.draft import next_rev
from shared.core.pairs import NewerState, Pair, PairEvent
from shared.io.envelope import is_late
from shared.io.links import Swap
from shared.io.ports import Bus, Inbound, NotReady, Outbound
from shared.io.store import Store


def in_doubt(inbound: Inbound[PairEvent]) -> Inbound[PairEvent]:
    """Mark the report of a message that waited: what it says of a new record, or of its life, takes a second read."""
    event = inbound.message
    if event.report is None or event.doubtful or not is_late(inbound.headers):
        return inbound
    return replace(inbound, message=event.model_copy(update={"doubtful": True}))


async def note_untold(store: Store, bus: Bus, waiting: Sequence[Inbound[PairEvent]], now_ms: int) -> None:
    """Mark the states of pairs whose worker died before it told what it had decided of messages that now wait.

    They come again under other offsets, perhaps after newer ones: neither could tell that they were taken before.
    A rebuild that is under way may have looked for them before they waited, so its end is waited for. Links that are
    lost hold nobody up: whoever rebuilds them finds what waits.
    """
    by_pair: dict[tuple[str, str], list[Inbound[PairEvent]]] = {}
    for row in waiting:
        by_pair.setdefault((row.message.sync, row.message.pair), []).append(row)
    standing = {sync: await store.is_ready(sync) for sync in sorted({key[0] for key in by_pair})}
    for sync, links in standing.items():
        if links == "busy":
            raise NotReady(sync)
    found = await store.load(key for key in by_pair if standing[key[0]] == "ready")
    swaps: dict[str, list[Swap]] = {}
    out = []
    for (sync, name), loaded in found.items():
        rows = by_pair[sync, name]
        try:
            was = Pair.read(loaded.state) if loaded.state else Pair(sync=sync, pair=name)
        except (NewerState, ValidationError):
            continue  # whoever can read it, or parks it, does so when its messages come again
        if was.at < min(row.offset for row in rows) or was.absorbed_by:
            continue  # nothing of these was taken; what was absorbed tells all of it again with each message
        pair = was
        if not was.untold:
            own = {"rev": next_rev(was, now_ms), "untold": True, "earlier": was.decided(), "log": ()}
            pair = was.model_copy(update=own)
            swaps.setdefault(sync, []).append(
                Swap(pair=name, expected=was.rev, rev=pair.rev, state=pair.text(), ends={})
            )
        out.append(Outbound(topic=topics.PAIR_STATE, key=name, message=pair, cause=rows[-1]))
    answers = await store.swap(swaps) if swaps else {}
    for (sync, _), answer in answers.items():
        if answer.what != "ok":
            raise NotReady(sync)
    await bus.publish(out)
