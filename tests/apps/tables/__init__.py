"""Tables: an app whose objects its users make, so that nothing is known of any before an account is asked.

What is particular here:

- **Objects** are found out of an account: its tables, with their columns. None is declared.
- **Lock.** An update names the version that it expects (`If-Match`), and the app compares.
- **Creates** carry their id in the column ``marker``, by which the app finds a record.
- A table that is not there is refused (403), as one that may not be read: neither is a deleted record.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from shared.apps.kit.calls import get, rows
from shared.apps.kit.sign_in import bearer
from shared.core.connector import (
    AccountInfo,
    App,
    Auth,
    Binding,
    Exchange,
    Feed,
    FieldInfo,
    FoundObject,
    OwnObjects,
    Session,
)
from shared.core.demands import Limit
from shared.core.records import FieldType
from tests.apps.example.calls import ask
from tests.apps.tables.records import BATCH, archive_many, create_many, list_page, poll, read, update_many

__all__ = ["TABLES"]


def _field(row: Mapping[str, Any]) -> FieldInfo:
    name, type_ = str(row["name"]), FieldType(row["type"])
    return FieldInfo(name=name, type=type_, label=name, canonical="name" if name == "title" else None)


def find(_session: Session) -> Exchange[Sequence[FoundObject]]:
    """List the tables."""
    body = yield from ask(get("tables"))
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
        body = yield from ask(get(f"{table}/fields"))
        return [_field(row) for row in rows(body, "results")]

    return Binding(
        object=table,
        type=found.type,
        versions="ordered",
        create="marker",
        lock="etag",
        fields=found.fields,
        feeds=(Feed(name="changes", covers=frozenset({"create", "update", "delete"}), poll=partial(poll, table)),),
        read_batch=BATCH,
        write_batch=20,
        create_answer="whole",
        read=partial(read, table),
        list_page=partial(list_page, table),
        create_many=partial(create_many, table),
        update_many=partial(update_many, table),
        archive_many=partial(archive_many, table),
        discover=discover,
    )


def account(_session: Session) -> Exchange[AccountInfo]:
    """Name the account."""
    body = yield from ask(get("me"))
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
