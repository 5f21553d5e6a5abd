"""The account of Example: who it is, and which fields its people have."""

from collections.abc import Sequence

from shared.apps.kit.calls import ask, get, rows
from shared.contract.calls import Exchange, Session
from shared.contract.sign_in import AccountInfo
from shared.model.fields import FieldInfo
from shared.model.records import FieldType
from tests.apps.example.people import REFUSE


def account(_session: Session) -> Exchange[AccountInfo]:
    """Name the account."""
    body = yield from ask(get("me"), REFUSE)
    return AccountInfo(id=str(body["id"]), name=str(body.get("name") or body["id"]))


def discover(_session: Session) -> Exchange[Sequence[FieldInfo]]:
    """List the fields that a person has."""
    body = yield from ask(get("fields"), REFUSE)
    return [
        FieldInfo(
            name=str(row["name"]),
            type=FieldType(row["type"]),
            label=str(row.get("label") or row["name"]),
            unique=bool(row.get("unique")),
            max_length=row.get("max_length"),
            scale=row.get("scale"),
        )
        for row in rows(body, "results")
    ]
