"""Example: people behind a plain JSON API that has versions, a lock, a list of changes and a field for our marker.

What is particular here:

- **Lock.** An update names the version that it expects (`If-Match`), and the app compares.
- **Creates** carry their id in the field ``marker``, by which the app finds a record.
- **Versions** are whole numbers that grow with every change of any record.
- **Deletes** are final, and the list of changes tells them.
"""

from functools import partial
from typing import Final

from shared.apps.kit.sign_in import bearer
from shared.contract.app import App
from shared.contract.demands import Limit
from shared.contract.feeds import Feed
from shared.contract.sign_in import Auth
from shared.model.fields import FieldInfo
from shared.model.records import FieldType
from tests.apps.example.account import account, discover
from tests.apps.example.people import PEOPLE, list_page, poll

__all__ = ["EXAMPLE"]


_CHANGES: Final = Feed(name="changes", covers=frozenset({"create", "update", "delete"}), poll=partial(poll, ""))
_PERSON: Final = PEOPLE.binding(
    type="contact",
    versions="ordered",
    fields=(
        FieldInfo(name="email", type=FieldType.EMAIL, label="E-mail", canonical="email", unique=True),
        FieldInfo(name="first_name", type=FieldType.NAME, label="First name", canonical="first_name"),
        FieldInfo(name="last_name", type=FieldType.NAME, label="Last name", canonical="last_name"),
        FieldInfo(name="job", type=FieldType.TEXT, label="Job", canonical="job_title", max_length=200),
        FieldInfo(name="birthday", type=FieldType.DATE, label="Birthday", canonical="birthday"),
        FieldInfo(name="score", type=FieldType.NUMBER, label="Score", scale=2),
    ),
    feeds=(_CHANGES,),
    list_page=partial(list_page, PEOPLE),
    discover=discover,
)

EXAMPLE: Final = App(
    key="example",
    title="Example",
    docs_url="https://docs.invalid/example",
    tested_versions=("the server of the tests",),
    base_url=None,
    auth=(Auth(kind="api_key", secrets=("token",), headers=bearer("token")),),
    limits=(Limit(name="calls", kind="rolling", scope="token", amount=100, window_s=10),),
    objects={_PERSON.object: _PERSON},
    account=account,
    account_within="server",
)
