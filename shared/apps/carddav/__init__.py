"""CardDAV: the contacts of an address book (RFC 6352), such as Radicale, Xandikos, Nextcloud or iCloud serve.

What is particular here:

- A record's id is the name of its file below the book. A card moved to another file is another record.
- Cards are replaced whole, so an update reads the card, changes the mapped properties in place and puts it back under
  `If-Match`. What we do not know stays byte for byte (see `content`).
- A create goes to ``<marker>.vcf`` with the marker as UID and `If-None-Match: *`: the server itself sees to it that a
  second try makes no second card.
- Only people are contacts: groups, organisations and places (`KIND`) take no part, and a card that becomes one is out
  of scope until it is a person again.
- A book has no bin and no merges. An e-mail address is not unique in it, so whoever makes a card can ask before whether
  one with the address is there (`find`).
- Only the preferred e-mail address is written; the others are read, and kept.
"""

import base64
from collections.abc import Mapping
from typing import Final

from shared.apps.carddav.card import FIELDS
from shared.apps.carddav.dav import id_in
from shared.apps.carddav.finding import books
from shared.apps.carddav.reading import BATCH, OBJECT, account, discover, find, list_page, poll, read
from shared.apps.carddav.writing import archive_many, create_many, update_many
from shared.contract.app import App, Binding
from shared.contract.demands import ConnectionField, Limit
from shared.contract.feeds import Feed
from shared.contract.sign_in import Auth

__all__ = ["CARDDAV"]


def _basic(secrets: Mapping[str, str]) -> Mapping[str, str]:
    signed = base64.b64encode(f"{secrets['user']}:{secrets['password']}".encode()).decode()
    return {"Authorization": f"Basic {signed}"}


_SYNC: Final = Feed(
    name="sync",
    covers=frozenset({"create", "update", "delete"}),
    poll=poll,
)


_CONTACT: Final = Binding(
    object=OBJECT,
    type="contact",
    versions="opaque",
    create="client_id",
    lock="etag",
    fields=FIELDS,
    feeds=(_SYNC,),
    read_batch=BATCH,
    write_batch=1,
    read=read,
    list_page=list_page,
    create_many=create_many,
    update_many=update_many,
    archive_many=archive_many,
    find=find,
    discover=discover,
    id_in=id_in,
)

CARDDAV: Final = App(
    key="carddav",
    title="CardDAV address book",
    docs_url="https://www.rfc-editor.org/rfc/rfc6352",
    tested_versions=("Radicale 3.9.0", "Xandikos 0.4.10"),
    base_url=None,
    connection_fields=(ConnectionField(name="book", label="Path of the address book", kind="text"),),
    auth=(
        Auth(kind="basic", secrets=("user", "password"), headers=_basic),
        Auth(kind="none", secrets=(), headers=lambda _secrets: {}),
    ),
    limits=(Limit(name="calls", kind="none", scope="user", amount=0, window_s=0),),
    objects={OBJECT: _CONTACT},
    account=account,
    account_within="server",
    places=books,
    max_parallel=4,
)
