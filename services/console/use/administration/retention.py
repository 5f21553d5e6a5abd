"""For how many days things are kept: what an admin decides counts in every console, and Kafka is told at once."""

import threading
from collections.abc import Collection
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from services.console.use.activity import Did
from services.console.use.administration.users import Accounts
from services.console.use.asked import NUMBER
from services.console.use.versions import Standing, check_seen, version_of
from shared import logs
from shared.io.ports import BusUnavailable, KeptTopics
from shared.wire.access import AccessDoc, Retention
from shared.wire.topics import DAY_MS, RETENTION_KEY, Kept, kept_topics

LONGEST_DAYS: Final = 3650
LONGEST_EXPORTS: Final = 30
_EVERY_S: Final = 600.0
TITLES: Final = {
    "history_days": "What was decided about records, with old and new values",
    "health_days": "How everything stood, hour by hour",
    "activity_days": "Who did what",
    "exports_days": "Files of lists",
}
"""What is kept, by the name of its days; in the order of `kept_topics`."""
_log = logs.get(__name__)
Days = Annotated[int, Field(ge=1, le=LONGEST_DAYS), NUMBER]


class RetentionWanted(BaseModel):
    """For how many days things are kept; null for as long as the settings of the installation say."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"history_days": 30, "activity_days": 730}]},
    )

    history_days: Days | None = Field(default=None, description="What was decided about records.", examples=[30])
    health_days: Days | None = Field(default=None, description="How everything stood, hour by hour.", examples=[90])
    activity_days: Days | None = Field(default=None, description="Who did what.", examples=[730])
    exports_days: Annotated[int, Field(ge=1, le=LONGEST_EXPORTS), NUMBER] | None = Field(
        default=None, description="Files of lists, from when they are ready.", examples=[7]
    )


class Keeping:
    """How long an installation keeps what it tells.

    Args:
        accounts: Beside whose documents it is kept.
        usual: The days where nobody has decided.
        topics: Tells Kafka.
    """

    def __init__(self, accounts: Accounts, usual: Kept, topics: KeptTopics) -> None:
        self._accounts = accounts
        self._usual = usual
        self.topics = topics

    @property
    def kept(self) -> Kept:
        """Return the days that count."""
        return self._usual.decided(self._accounts.people.retention())

    def rows(self) -> list[dict[str, Any]]:
        """List what is kept, for how long, and for how long Kafka keeps it now."""
        kept, decided = self.kept, self.decided
        topics = kept_topics(kept)
        try:
            held = self.topics.held_ms([topic.name for topic in topics])
        except BusUnavailable as error:
            _log.warning("retention_not_known", detail=str(error))
            held = {}
        return [
            {
                "name": name,
                "what": title,
                "days": getattr(kept, name),
                "usual_days": getattr(self._usual, name),
                "decided": getattr(decided, name) is not None,
                "topic": topic.name,
                "topic_days": held[topic.name] / DAY_MS if topic.name in held else None,
                "state": _state(held.get(topic.name), topic.retention_ms),
            }
            for (name, title), topic in zip(TITLES.items(), topics, strict=True)
        ]

    def change(self, wanted: RetentionWanted) -> str:
        """Keep things for so many days from now on; returns why Kafka does not yet, or nothing."""
        read_to, old = self._accounts.people.offset, self.decided
        check_seen(self.standing())
        new = self.drawn(wanted)
        if new != old:
            did = Did(what="retention.changed", about="retention:installation", changes=self.changes(old, new))
            self._accounts.replace(did, read_to, (RETENTION_KEY, AccessDoc(retention=new)), now=self.standing)
        return self.tell_kafka(TITLES)

    @property
    def decided(self) -> Retention:
        """Return what somebody has decided."""
        return self._accounts.people.retention() or Retention()

    def drawn(self, wanted: RetentionWanted) -> Retention:
        """Return what somebody wants in place of what is decided."""
        return self.decided.model_copy(update={name: getattr(wanted, name) for name in TITLES})

    def changes(self, old: Retention, new: Retention) -> list[tuple[str, str, str]]:
        """List for how many days things are kept before and after."""
        before, after = self._usual.decided(old), self._usual.decided(new)
        return [(name, str(getattr(before, name)), str(getattr(after, name))) for name in TITLES]

    def standing(self) -> Standing:
        """Return how stands what is decided; it has a version where nobody has decided anything, too."""
        decided = self.decided
        shown = {name: str(getattr(decided, name) or "") for name in TITLES}
        return Standing(version_of(decided), shown, "retention:installation")

    def tell_kafka(self, names: Collection[str]) -> str:
        """Make Kafka keep these for their days; returns why it does not, or nothing."""
        wanted = [topic for name, topic in zip(TITLES, kept_topics(self.kept), strict=True) if name in names]
        try:
            changed = self.topics.keep(wanted)
        except BusUnavailable as error:
            return str(error)
        if changed:
            _log.info("retention_told", topics=list(changed))
        return ""

    def run(self, stop: threading.Event) -> None:
        """Make Kafka keep what is decided, now and then, until *stop* is set.

        The console that decided may have died, or Kafka was away. Where nobody has decided, whoever looks after the
        brokers may have set something else, and it stays.
        """
        trouble = logs.Trouble(_log, "retention_not_told")
        while not stop.is_set():
            decided = self.decided
            error = self.tell_kafka([name for name in TITLES if getattr(decided, name) is not None])
            if error:
                trouble.begun(detail=error)
            else:
                trouble.over()
            stop.wait(_EVERY_S)


def _state(held_ms: int | None, wanted_ms: int) -> str:
    if held_ms is None:
        return "unknown"
    return "applied" if held_ms == wanted_ms else "differs"
