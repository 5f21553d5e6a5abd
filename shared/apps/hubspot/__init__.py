"""HubSpot: contacts, companies, deals and custom objects, and which of the first three belong together.

What is particular here:

- **No lock.** An update reads its records again in the same exchange and compares (see `writing`).
- **Creates** carry their id in our own unique property ``syncline_id``, which `prepare` makes. They go out as an upsert
  by that property; there is no partial upsert by e-mail, so never that one.
- **Merges** make a new record id. The old ids still resolve when read alone, not in a batch; the new record lists them.
- **Archived** records can be restored for 90 days under their id; privacy deletions are final.
- **Search** lags behind the writes: it tells what changed (see `feeds`), never whether a record exists. A contact is
  read by an e-mail address for people who ask (`look_up`); companies can only be searched by domain, so nobody does.
- **Values** are strings; an empty one clears (see `values`).
- Secondary e-mails are readable in one property, and writable only by an endpoint that HubSpot retired: read only.
- HubSpot may rewrite what it is sent (e-mails in lower case) or keep its own (``lifecyclestage`` moves only forward):
  results carry what it stored.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from shared.apps.hubspot.account import account, discover, owners, prepare
from shared.apps.hubspot.associations import READ, read_all_links
from shared.apps.hubspot.custom import find
from shared.apps.hubspot.feeds import poll_archived, poll_modified, rewind_archived, rewind_modified
from shared.apps.hubspot.objects import KINDS, Kind, custom
from shared.apps.hubspot.reading import BATCH, list_page, look_up, read
from shared.apps.hubspot.signing import page, redeem, refresh, revoke
from shared.apps.hubspot.webhook import OLDEST, SIGNATURES, verify
from shared.apps.hubspot.webhook import read as read_webhook
from shared.apps.hubspot.writing import archive_many, create_many, update_many
from shared.apps.kit.sign_in import bearer
from shared.contract.app import App, Binding, OwnObjects
from shared.contract.calls import Exchange, Session
from shared.contract.demands import OWN_OBJECTS, ConnectionField, Limit, Scope
from shared.contract.feeds import Feed, FeedPage, LinkFeed
from shared.contract.reading import Page, ReadResult
from shared.contract.sign_in import Auth, CodeFlow
from shared.contract.webhooks import Webhook
from shared.contract.writing import Change, WriteResult
from shared.model.fields import FieldInfo, FoundObject
from shared.model.records import Linked, Report

__all__ = ["HUBSPOT"]
_DIGITS: Final = 20
"""Digits of a record's id at most."""


def _feeds(kind: Kind) -> tuple[Feed, ...]:
    def modified(session: Session, cursor: str | None) -> Exchange[FeedPage]:
        return poll_modified(session, kind, cursor)

    def archived(session: Session, cursor: str | None) -> Exchange[FeedPage]:
        return poll_archived(session, kind, cursor)

    return (
        Feed(
            name="modified",
            covers=frozenset({"create", "update", "merge"}),
            poll=modified,
            rewind=rewind_modified,
        ),
        Feed(
            name="archived",
            covers=frozenset({"delete"}),
            poll=archived,
            rewind=rewind_archived,
            # A round reads the whole bin, and a webhook tells of a delete at once where there are webhooks.
            interval_s=300.0,
        ),
    )


def _link_feed(kind: Kind) -> LinkFeed | None:
    def read_links(
        session: Session, ids: Sequence[str], labels: Sequence[str]
    ) -> Exchange[Mapping[str, Mapping[str, Linked]]]:
        return read_all_links(session, kind, ids, labels)

    return LinkFeed(batch=READ, read=read_links) if kind.links else None


def _bind(found: FoundObject) -> Binding:
    return _binding(custom(found), found.type)


def _binding(kind: Kind, type_: str) -> Binding:
    def read_(session: Session, ids: Sequence[str], names: Sequence[str]) -> Exchange[Sequence[ReadResult]]:
        return read(session, kind, ids, names)

    def list_(session: Session, cursor: str | None, names: Sequence[str]) -> Exchange[Page]:
        return list_page(session, kind, cursor, names)

    def create(session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
        return create_many(session, kind, changes)

    def update(session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
        return update_many(session, kind, changes)

    def archive(session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
        return archive_many(session, kind, changes)

    def look_up_(session: Session, values: Sequence[str], names: Sequence[str]) -> Exchange[Sequence[Report]]:
        return look_up(session, kind, values, names)

    def discover_(session: Session) -> Exchange[Sequence[FieldInfo]]:
        return discover(session, kind)

    def prepare_(session: Session) -> Exchange[None]:
        return prepare(session, kind)

    return Binding(
        object=kind.object,
        type=type_,
        versions="ordered",
        create="marker",
        lock="none",
        fields=kind.fields,
        required_any=kind.required_any,
        associations=kind.associations,
        feeds=_feeds(kind),
        link_feed=_link_feed(kind),
        read_batch=BATCH,
        write_batch=BATCH,
        create_answer="whole",
        read=read_,
        list_page=list_,
        create_many=create,
        update_many=update,
        archive_many=archive,
        look_up=look_up_ if kind.address else None,
        discover=discover_,
        prepare=prepare_,
        record_url=f"https://app.hubspot.com/contacts/{{account}}/record/{kind.type_id}/{{id}}",
        id_in=lambda _session, text: text if text.isascii() and text.isdigit() and len(text) <= _DIGITS else "",
    )


def _scopes(object_: str, what: str, *, staged: bool = False) -> tuple[Scope, ...]:
    named = what if what != "custom" else "custom objects"
    read = f"{named} and their pipelines," if staged else named
    return (
        Scope(
            name=f"crm.objects.{what}.read",
            objects=(object_,),
            access="read",
            required=True,
            reason=f"To read {read} and to notice when they change.",
        ),
        Scope(
            name=f"crm.objects.{what}.write",
            objects=(object_,),
            access="write",
            required=False,
            reason=f"To create and update {named}; not needed when the sync only reads from HubSpot.",
        ),
        Scope(
            name=f"crm.schemas.{what}.read",
            objects=(object_,),
            access="read",
            required=True,
            reason=f"To list the properties of {named} in the mapping table.",
        ),
        Scope(
            name=f"crm.schemas.{what}.write",
            objects=(object_,),
            access="write",
            required=False,
            reason=f"To add the property that marks the {named} that Syncline created, so that none is created twice.",
        ),
    )


HUBSPOT: Final = App(
    key="hubspot",
    title="HubSpot",
    docs_url="https://developers.hubspot.com/docs/api/overview",
    tested_versions=("v3 objects, v4 associations",),
    base_url="https://api.hubapi.com",
    connection_fields=(
        ConnectionField(name="objects_path", label="Path of the objects API", kind="text", required=False),
        ConnectionField(name="properties_path", label="Path of the properties API", kind="text", required=False),
        ConnectionField(name="schemas_path", label="Path of the schemas API", kind="text", required=False),
        ConnectionField(name="pipelines_path", label="Path of the pipelines API", kind="text", required=False),
        ConnectionField(name="owners_path", label="Path of the owners API", kind="text", required=False),
        ConnectionField(name="associations_path", label="Path of the associations API", kind="text", required=False),
        ConnectionField(
            name="record_associations_path", label="Path of one record's associations", kind="text", required=False
        ),
        ConnectionField(
            name="association_limits_path", label="Path of the limits of associations", kind="text", required=False
        ),
        ConnectionField(name="account_path", label="Path of the account's details", kind="text", required=False),
        ConnectionField(name="authorize_url", label="Page on which people agree", kind="url", required=False),
        ConnectionField(
            name=OLDEST,
            label="Oldest version of webhook signatures that is taken; calls signed by v1 or v2 can be sent again by "
            "whoever has seen one",
            kind="text",
            required=False,
            choices=SIGNATURES,
        ),
    ),
    auth=(
        Auth(
            kind="oauth2_code",
            secrets=("client_id", "client_secret", "refresh_token"),
            headers=bearer("access_token"),
            refresh=refresh,
            revoke=revoke,
            outlives="Syncline stays among the account's connected apps at HubSpot until it is uninstalled there. "
            "An access token that was given out ends by itself within half an hour.",
            code_flow=CodeFlow(page=page, redeem=redeem),
            limits={"calls": 110},
        ),
        Auth(kind="api_key", secrets=("access_token",), headers=bearer("access_token")),
    ),
    scopes=(
        Scope(
            name="oauth",
            objects=tuple(kind.object for kind in KINDS),
            access="read",
            required=True,
            reason="To sign in at all; HubSpot gives it to every app.",
        ),
        *(scope for kind in KINDS for scope in _scopes(kind.object, kind.path, staged=kind.stages is not None)),
        *_scopes(OWN_OBJECTS, "custom"),
        Scope(
            name="crm.objects.owners.read",
            objects=tuple(kind.object for kind in KINDS),
            access="read",
            required=False,
            reason="To match the owners of records by e-mail address.",
        ),
    ),
    limits=(
        # A private app of a Professional account; a public app has less, for each installing account.
        Limit(name="calls", kind="rolling", scope="token", amount=190, window_s=10),
        Limit(name="search", kind="rolling", scope="account", amount=5, window_s=1),
        Limit(name="token", kind="rolling", scope="token", amount=10, window_s=10),
        Limit(
            name="daily",
            kind="daily",
            scope="account",
            amount=625_000,
            window_s=86_400,
            told=("x-hubspot-ratelimit-daily", "x-hubspot-ratelimit-daily-remaining"),
        ),
    ),
    objects={kind.object: _binding(kind, kind.object) for kind in KINDS},
    own_objects=OwnObjects(find=find, bind=_bind),
    account=account,
    owners=owners,
    webhook=Webhook(path="/webhooks/hubspot", verify=verify, read=read_webhook),
    max_parallel=8,
)
