"""Tables: an app whose objects its users make, so that nothing is known of any before an account is asked.

What is particular here:

- **Objects** are found out of an account: its tables, with their columns. None is declared.
- **Lock.** An update names the version that it expects (`If-Match`), and the app compares.
- **Creates** carry their id in the column ``marker``, by which the app finds a record.
- A table that is not there is refused (403), as one that may not be read: neither is a deleted record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from shared.apps.kit.calls import ask, get, rows
from shared.apps.kit.sign_in import bearer
from shared.contract.app import App, Binding, OwnObjects
from shared.contract.calls import Exchange, Session
from shared.contract.demands import Limit
from shared.contract.feeds import Feed
from shared.contract.sign_in import AccountInfo, Auth
from shared.model.fields import FieldInfo, FoundObject
from shared.model.records import FieldType
from tests.apps.example.people import PEOPLE, REFUSE, list_page, poll, some, where

__all__ = ["TABLES"]


def _field(row: Mapping[str, Any]) -> FieldInfo:
    name, type_ = str(row["name"]), FieldType(row["type"])
    return FieldInfo(name=name, type=type_, label=name, canonical="name" if name == "title" else None)


def find(_session: Session) -> Exchange[Sequence[FoundObject]]:
    """List the tables."""
    body = yield from ask(get("tables"), REFUSE)
    return [
        FoundObject(
            name=str(row["name"]),
            label=str(row["label"]),
            id=str(row["id"]),
            fields=tuple(map(_field, rows(row, "fields"))),
        )
        for row in rows(body, "results")
    ]


def bind(found: FoundObject) -> Binding:
    """Return how a table is read and written."""
    table = found.name

    def discover(_session: Session) -> Exchange[Sequence[FieldInfo]]:
        body = yield from ask(get(f"{table}/fields"), REFUSE)
        return [_field(row) for row in rows(body, "results")]

    base = f"{table}/"
    records = replace(PEOPLE, object=table, where=partial(where, base), some=partial(some, base))
    return records.binding(
        type=found.type,
        versions="ordered",
        fields=found.fields,
        feeds=(Feed(name="changes", covers=frozenset({"create", "update", "delete"}), poll=partial(poll, base)),),
        list_page=partial(list_page, records),
        discover=discover,
    )


def account(_session: Session) -> Exchange[AccountInfo]:
    """Name the account."""
    body = yield from ask(get("me"), REFUSE)
    return AccountInfo(id=str(body["id"]), name=str(body["name"]))


TABLES: Final = App(
    key="tables",
    title="Tables",
    docs_url="https://docs.invalid/tables",
    tested_versions=("the server of the tests",),
    base_url=None,
    auth=(Auth(kind="api_key", secrets=("token",), headers=bearer("token")),),
    limits=(Limit(name="calls", kind="rolling", scope="token", amount=100, window_s=10),),
    objects={},
    own_objects=OwnObjects(find=find, bind=bind),
    account=account,
    account_within="server",
)
