"""The association types of one account: HubSpot's own, and those that its people and apps define.

Numbers of the two categories overlap, as HubSpot's do: type 1 of `USER_DEFINED` is not type 1 of `HUBSPOT_DEFINED`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from deploy.local.hubspot.objects.catalogue import ASSOCIATIONS_BY_ID, USER_DEFINED, AssociationType, user_defined


class AssociationTypes:
    """What may associate the records of an account."""

    def __init__(self) -> None:
        self.rows = dict(ASSOCIATIONS_BY_ID)
        """By `AssociationType.type_id`; always this same dict."""
        self.limits: dict[int, int] = {}
        """Most records at the other end, where the account has a limit of its own."""
        self._made = 0
        self._between: dict[tuple[str, str], tuple[AssociationType, ...]] = {}
        self._index()

    def between(self, source: str, target: str) -> tuple[AssociationType, ...]:
        """Return the association types from one object type to another, plain first; empty when there is none."""
        return self._between.get((source, target), ())

    def named(self, category: object, number: object, source: str, target: str) -> AssociationType | None:
        """Return an association type by the category and number that calls name it by."""
        found = self.between(source, target)
        return next((row for row in found if (row.category, row.number) == (category, number)), None)

    def associate(self, source: str, target: str) -> AssociationType:
        """Define the association of two object types, and return the plain one."""
        known = self.between(source, target)
        return known[0] if known else self._define(source, target)

    def label(self, source: str, target: str, name: str, inverse: str) -> AssociationType:
        """Add a label to the associations of two object types, which says something else at the other end."""
        plain = self.associate(source, target)
        back = self.rows[plain.mirror]
        return self._define(source, target, (name, inverse or name), (plain.type_id, back.type_id))

    def forget(self, kind: str) -> None:
        """Remove the association types of an object type."""
        for row in [row for row in self.rows.values() if kind in (row.source, row.target)]:
            del self.rows[row.type_id]
            self.limits.pop(row.type_id, None)
        self._index()

    def config(self) -> dict[str, Any]:
        """Return what is not HubSpot's own, as plain data for the journal."""
        own = [asdict(row) for row in self.rows.values() if row.category == USER_DEFINED]
        return {"own": own, "limits": list(self.limits.items()), "made": self._made}

    def restore(self, config: Mapping[str, Any]) -> None:
        """Take back what `config` returned."""
        self.rows.clear()
        self.rows |= ASSOCIATIONS_BY_ID
        self.rows |= {row["type_id"]: AssociationType(**row) for row in config.get("own", ())}
        self.limits, self._made = dict(config.get("limits", ())), config.get("made", 0)
        self._index()

    def _define(
        self, source: str, target: str, names: tuple[str, str] | None = None, plain: tuple[int, int] | None = None
    ) -> AssociationType:
        names_or_none = names or (None, None)
        # Between records of one object, what reads the same at both ends is one type.
        mutual = source == target and names_or_none[0] == names_or_none[1]
        there, back = user_defined(self._made + 1), user_defined(self._made + (1 if mutual else 2))
        self._made += 1 if mutual else 2
        ways = ((source, target, there, back), (target, source, back, there))[: 1 if mutual else 2]
        for number, (one, other, type_id, mirror) in enumerate(ways):
            self.rows[type_id] = AssociationType(
                type_id=type_id, source=one, target=other, primary=False, mirror=mirror,
                plain=plain[number] if plain else type_id, name=names_or_none[number], category=USER_DEFINED,
            )  # fmt: skip
        self._index()
        return self.rows[there]

    def _index(self) -> None:
        found: dict[tuple[str, str], list[AssociationType]] = {}
        for row in _plain_first(self.rows.values()):
            found.setdefault((row.source, row.target), []).append(row)
        self._between = {ends: tuple(rows) for ends, rows in found.items()}


def _plain_first(rows: Iterable[AssociationType]) -> list[AssociationType]:
    return sorted(rows, key=lambda row: row.plain != row.type_id)
