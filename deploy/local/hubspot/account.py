"""One account (portal): its settings, properties, owners, records, and the logs of what happened to it."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from deploy.local.hubspot.events.events import Hook, Subscription, events_of
from deploy.local.hubspot.events.journal import Journal
from deploy.local.hubspot.events.outbox import Outbox
from deploy.local.hubspot.faults import Faults
from deploy.local.hubspot.limits import Limiter, Policy
from deploy.local.hubspot.objects.association_types import AssociationTypes
from deploy.local.hubspot.objects.catalogue import OBJECT_TYPES, ObjectType, custom
from deploy.local.hubspot.objects.fields import Property
from deploy.local.hubspot.objects.stages import Pipelines
from deploy.local.hubspot.settings import Settings
from deploy.local.hubspot.store import Entry, Store, Table


@dataclass(slots=True)
class Calls:
    """What the account was asked, counted."""

    total: int = 0
    by_class: Counter[str] = field(default_factory=Counter)
    by_status: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """429s by policy."""
    windows: dict[int, list[int]] = field(default_factory=dict)
    """Start of a ten-second window in epoch ms: calls accepted, calls refused with 429."""
    recent: deque[dict[str, Any]] = field(default_factory=deque)

    def note(self, *, at: int, method: str, path: str, kind: str, status: int, ms: float, app_id: int) -> None:
        """Count one call; `status` 0 stands for a reply that was never sent."""
        self.total += 1
        self.by_class[kind] += 1
        self.by_status[status] += 1
        window = self.windows.setdefault(at - at % 10_000, [0, 0])
        window[status == 429] += 1
        self.recent.append(
            {
                "seq": self.total,
                "at": at,
                "method": method,
                "path": path,
                "class": kind,
                "status": status,
                "ms": round(ms, 3),
                "app": app_id,
            }
        )


class Account:
    """One account of the simulator."""

    def __init__(self, portal_id: int, settings: Settings, journal: Journal) -> None:
        self.portal_id = portal_id
        self.settings = settings
        self.associations = AssociationTypes()
        self.pipelines = Pipelines()
        self.store = Store(self.associations.rows)
        self.properties: dict[str, dict[str, Property]] = {
            kind.name: {prop.name: prop for prop in kind.properties} for kind in OBJECT_TYPES
        }
        self.groups: dict[str, dict[str, dict[str, Any]]] = {
            kind.name: {
                kind.properties[0].group: {
                    "name": kind.properties[0].group,
                    "label": f"{kind.singular} information".capitalize(),
                    "displayOrder": 0,
                    "archived": False,
                }
            }
            for kind in OBJECT_TYPES
        }
        self.owners: dict[str, dict[str, Any]] = {}
        self.hooks: list[Hook] = []
        self.outbox = Outbox()
        self.faults = Faults()
        self.calls = Calls()
        self.audit: deque[Entry] = deque()
        self.limiter = Limiter(Policy())
        self._journal = journal
        self._custom: set[tuple[str, str]] = set()
        self.custom: dict[str, ObjectType] = {}
        """The account's own object types, by their full names."""
        self.schemas: dict[str, dict[str, Any]] = {}
        """What was said of each when it was made."""
        self._schemas_made = 0
        self._seq = 0
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Put settings into force."""
        self.settings = settings
        self.limiter.policy = Policy(
            ten_secondly=settings.ten_secondly,
            oauth_ten_secondly=settings.oauth_ten_secondly,
            daily=settings.daily,
            search_per_second=settings.search_per_second,
        )
        self.limiter.time_zone = settings.time_zone

    def active_owners(self) -> list[str]:
        """Return the ids that owner properties accept."""
        return [number for number, owner in self.owners.items() if not owner["archived"]]

    def commit(self, entry: Entry) -> None:
        """Make an entry true: in the records, in the journal, in the audit log, and as webhook events."""
        self._keep(entry)
        self.store.apply(entry)
        self._journal.add({"k": "w", "p": self.portal_id, **entry})
        if self.hooks and entry["by"][0] != "load":
            queued = self.outbox.queue(events_of(entry, self.store, self.hooks, self.portal_id, self.settings))
            if queued:
                self._journal.add({"k": "queued", "p": self.portal_id, "events": queued})

    def replay(self, entry: Entry) -> None:
        """Take an entry from the journal."""
        self._seq = entry["seq"] - 1
        self._keep(entry)
        self.store.apply(entry)

    def _keep(self, entry: Entry) -> None:
        self._seq += 1
        entry["seq"] = self._seq
        if entry["by"][0] != "load":
            self.audit.append(entry)
            while len(self.audit) > self.settings.audit_keep:
                self.audit.popleft()
            while len(self.calls.recent) > self.settings.audit_keep:
                self.calls.recent.popleft()

    def audit_after(self, seq: int, limit: int) -> list[Entry]:
        """Return up to `limit` audit entries above a sequence number, oldest first."""
        return list(islice((entry for entry in self.audit if entry["seq"] > seq), limit))

    def settled(self, uids: Iterable[int]) -> None:
        """Note that webhook events were delivered or given up."""
        done = list(uids)
        self.outbox.settle(done)
        self._journal.add({"k": "settled", "p": self.portal_id, "uids": done})

    def next_schema(self) -> int:
        """Number a new object type; no number is given again."""
        self._schemas_made += 1
        return self.portal_id * 100 + self._schemas_made

    def add_custom(self, kind: ObjectType, about: dict[str, Any]) -> ObjectType:
        """Add an object type of the account's own."""
        group = kind.properties[0].group
        self.custom[kind.name], self.schemas[kind.name] = kind, about
        self.properties[kind.name] = {prop.name: prop for prop in kind.properties}
        self.groups[kind.name] = {
            group: {"name": group, "label": f"{about['name']} information", "displayOrder": 0, "archived": False}
        }
        self.store.tables[kind.name] = Table(kind)
        return kind

    def remove_custom(self, name: str) -> None:
        """Remove an object type of the account's own."""
        for known in (self.custom, self.schemas, self.properties, self.groups, self.store.tables):
            known.pop(name, None)
        self._custom = {row for row in self._custom if row[0] != name}
        self.associations.forget(name)
        self.store.links = {ends: links for ends, links in self.store.links.items() if name not in ends}

    def set_property(self, kind: str, prop: Property) -> None:
        """Add or replace a property of an object type."""
        self.properties[kind][prop.name] = prop
        self._custom.add((kind, prop.name))
        if prop.unique:
            self.store.tables[kind].add_unique(prop.name)

    def remove_property(self, kind: str, name: str) -> None:
        """Archive a custom property: it can no longer be written, and answers leave it out."""
        del self.properties[kind][name]
        self._custom.discard((kind, name))
        self.store.tables[kind].unique.pop(name, None)

    def config(self) -> dict[str, Any]:
        """Return everything but the records, as plain data for the journal."""
        return {
            "portal_id": self.portal_id,
            "settings": asdict(self.settings),
            "schemas": list(self.schemas.values()),
            "schemas_made": self._schemas_made,
            "associations": self.associations.config(),
            "pipelines": self.pipelines.config(),
            "properties": [
                {"object": kind, **asdict(self.properties[kind][name])} for kind, name in sorted(self._custom)
            ],
            "groups": self.groups,
            "owners": list(self.owners.values()),
            "hooks": [asdict(hook) for hook in self.hooks],
        }

    def restore_config(self, config: dict[str, Any]) -> None:
        """Take back what `config` returned."""
        self._schemas_made = config.get("schemas_made", 0)
        kept = {custom(self.portal_id, about).name: about for about in config.get("schemas", ())}
        for name in self.custom.keys() - kept.keys():
            self.remove_custom(name)
        for name in kept.keys() - self.custom.keys():
            self.add_custom(custom(self.portal_id, kept[name]), kept[name])
        self.associations.restore(config.get("associations", {}))
        self.pipelines.restore(config.get("pipelines", {}))
        rows = [(row.pop("object"), _property(row)) for row in config["properties"]]
        for kind, name in self._custom - {(kind, prop.name) for kind, prop in rows}:
            self.remove_property(kind, name)
        for kind, prop in rows:
            if self.properties[kind].get(prop.name) != prop:
                self.set_property(kind, prop)
        self.groups = config["groups"]
        self.owners = {owner["id"]: owner for owner in config["owners"]}
        self.hooks = [
            Hook(**{**hook, "subscriptions": [Subscription(**row) for row in hook["subscriptions"]]})
            for hook in config["hooks"]
        ]


def _property(row: dict[str, Any]) -> Property:
    return Property(
        **{
            **row,
            "options": tuple((value, label) for value, label in row["options"]),
            "option_rows": tuple(row["option_rows"]),
        }
    )
