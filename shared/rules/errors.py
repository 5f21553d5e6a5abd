"""The error registry: what can go wrong with a record, who acts, when it is tried again, and what to tell people.

The documentation table, the metric label, the console's hint and the API all read these rows.
"""

from dataclasses import dataclass
from typing import Final, Literal

from shared.model.words import Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """One kind of failure."""

    code: str
    title: str
    who: Literal["nobody", "operator", "admin", "owner of the record", "Syncline's authors"]
    retry: Retry
    remedy: str


ERRORS: Final[tuple[ErrorRow, ...]] = (
    ErrorRow(
        code="auth_expired",
        title="Sign-in expired",
        who="admin",
        retry="auth",
        remedy="Reconnect the account; its sync waits and loses nothing.",
    ),
    ErrorRow(
        code="account_paused",
        title="Paused by somebody",
        who="operator",
        retry="auth",
        remedy="Resume the account; its syncs wait and lose nothing.",
    ),
    ErrorRow(
        code="scope_missing",
        title="Permission scope missing",
        who="admin",
        retry="auth",
        remedy="Reconnect and allow the scope that the message names.",
    ),
    ErrorRow(
        code="wrong_data_centre",
        title="Account is in another data centre",
        who="admin",
        retry="auth",
        remedy="Reconnect the account: the app keeps it in the data centre that the message names, where the old "
        "sign-in does not lead. Its sync waits and loses nothing.",
    ),
    ErrorRow(
        code="old_signature",
        title="Webhook signed in an old form",
        who="admin",
        retry="setup",
        remedy="Whoever has seen such a call can send it again. Have the app sign with its newest version, or take "
        "older ones by this connection's option `oldest_signature`. Meanwhile feeds alone tell what changes.",
    ),
    ErrorRow(
        code="permission_denied",
        title="No permission for this object or field",
        who="admin",
        retry="setup",
        remedy="Grant the integration user access to what the message names.",
    ),
    ErrorRow(
        code="not_readable",
        title="Record cannot be read",
        who="admin",
        retry="setup",
        remedy="The record exists but this user may not read it; grant access. It is not treated as deleted.",
    ),
    ErrorRow(
        code="rate_limited",
        title="The app asked us to slow down",
        who="nobody",
        retry="busy",
        remedy="Nothing to do: the write goes out when the app's limit allows.",
    ),
    ErrorRow(
        code="budget_spent",
        title="Own call budget spent",
        who="operator",
        retry="busy",
        remedy="Wait, or raise this connection's share of the app's limit.",
    ),
    ErrorRow(
        code="app_unavailable",
        title="App unavailable",
        who="nobody",
        retry="outage",
        remedy="Nothing to do: retried with pauses until the app answers again.",
    ),
    ErrorRow(
        code="record_locked",
        title="Record locked in the app",
        who="nobody",
        retry="busy",
        remedy="Nothing to do: retried until the app releases the record.",
    ),
    ErrorRow(
        code="required_missing",
        title="Required field is blank",
        who="owner of the record",
        retry="edit",
        remedy="Fill the named field in the app that the record comes from.",
    ),
    ErrorRow(
        code="invalid_value",
        title="Value refused",
        who="owner of the record",
        retry="edit",
        remedy="Correct the named value; the message says which form the app takes.",
    ),
    ErrorRow(
        code="too_long",
        title="Text too long",
        who="owner of the record",
        retry="edit",
        remedy="Shorten the named text, or switch its mapping off.",
    ),
    ErrorRow(
        code="type_mismatch",
        title="Value of another type",
        who="owner of the record",
        retry="edit",
        remedy="Correct the named value, or map the field to one of the same type.",
    ),
    ErrorRow(
        code="option_unknown",
        title="Option not mapped",
        who="operator",
        retry="setup",
        remedy="Add the named option in the app that refuses it: that is noticed within 15 minutes, and the value is "
        "written by itself. Or add a row for it to the mapping's `values`.",
    ),
    ErrorRow(
        code="currency_mismatch",
        title="Amount is in another currency",
        who="owner of the record",
        retry="edit",
        remedy="Nothing is converted, and the other side keeps one currency alone: change the currency where it was "
        "chosen, or correct the connection's `currency`.",
    ),
    ErrorRow(
        code="owner_unmapped",
        title="Owner is nobody in the other account",
        who="admin",
        retry="setup",
        remedy="Add the named person in the other account by the same e-mail address: that is noticed within 15 "
        "minutes. Or add a row to the mapping's `values`, or choose a default owner by `otherwise`.",
    ),
    ErrorRow(
        code="read_only_field",
        title="Field is read-only",
        who="operator",
        retry="setup",
        remedy="Make this mapping one-way, out of the app that refuses it.",
    ),
    ErrorRow(
        code="duplicate_in_target",
        title="Another record holds this identifier",
        who="owner of the record",
        retry="edit",
        remedy="Open the record that the message names: merge the two, or correct the identifier.",
    ),
    ErrorRow(
        code="ambiguous_match",
        title="More than one possible partner",
        who="operator",
        retry="edit",
        remedy="Choose the right one of the candidates, or make their identifiers differ.",
    ),
    ErrorRow(
        code="key_too_common",
        title="Identifier too common to match by",
        who="owner of the record",
        retry="edit",
        remedy="Dozens of records share this identifier; replace placeholder values such as 'n/a'.",
    ),
    ErrorRow(
        code="deleted_in_left",
        title="Deleted in the left app",
        who="operator",
        retry="edit",
        remedy="Restore the record in its app, or enter it there anew.",
    ),
    ErrorRow(
        code="deleted_in_right",
        title="Deleted in the right app",
        who="operator",
        retry="edit",
        remedy="Restore the record in its app, or enter it there anew.",
    ),
    ErrorRow(
        code="partner_merged",
        title="Partner was merged into another record",
        who="operator",
        retry="edit",
        remedy="The survivor is paired with another record already: merge on this side too, or unlink.",
    ),
    ErrorRow(
        code="privacy_deleted",
        title="Erased for privacy",
        who="nobody",
        retry="never",
        remedy="The person asked for erasure; the record cannot be restored.",
    ),
    ErrorRow(
        code="parent_not_synced",
        title="Associated record is not synced yet",
        who="nobody",
        retry="busy",
        remedy="Nothing to do: the association is written as soon as its other end is linked.",
    ),
    ErrorRow(
        code="association_limit",
        title="Too many associations",
        who="owner of the record",
        retry="edit",
        remedy="The app takes no more associations on this record; remove one.",
    ),
    ErrorRow(
        code="conflict_manual",
        title="Both sides changed, you decide",
        who="operator",
        retry="edit",
        remedy="Both values are shown; choose one.",
    ),
    ErrorRow(
        code="flapping",
        title="Field changes back and forth",
        who="operator",
        retry="edit",
        remedy="Another integration or an app rule rewrites this field; stop one of the two, then resync.",
    ),
    ErrorRow(
        code="internal",
        title="Unexpected failure",
        who="Syncline's authors",
        retry="never",
        remedy="The message is parked and can be replayed; report the trace id.",
    ),
)

CODES: Final = {row.code: row for row in ERRORS}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionRow:
    """One reason why a record takes no part in a sync."""

    reason: str
    title: str
    hint: str


EXCLUSIONS: Final[tuple[ExclusionRow, ...]] = (
    ExclusionRow(
        reason="email_missing",
        title="No e-mail address",
        hint="Add an e-mail address, or untick 'Sync only contacts with an email address'.",
    ),
    ExclusionRow(
        reason="email_invalid",
        title="E-mail address is not valid",
        hint="Correct the address, or untick 'Sync only contacts with an email address'.",
    ),
    ExclusionRow(reason="no_identifier", title="Nothing to identify it by", hint="Fill a name or a domain."),
    ExclusionRow(
        reason="duplicate_identifier",
        title="Another record holds this identifier",
        hint="The record that holds it is named; merge the two, or correct the identifier.",
    ),
    ExclusionRow(
        reason="create_off",
        title="Creating records is off in this direction",
        hint="Switch on creating in this direction, or create the partner by hand.",
    ),
    ExclusionRow(
        reason="out_of_scope",
        title="Not of the synced kind",
        hint="One of the two is inactive, or of another kind by now, such as a card that was marked as a company. "
        "Nothing is deleted; what changed meanwhile is caught up when it is active or of its old kind again.",
    ),
)

EXCLUDED: Final = {row.reason: row for row in EXCLUSIONS}
