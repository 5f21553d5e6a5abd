"""What the engine says of a pair, each word with its sentence for people."""

from enum import StrEnum
from typing import Literal, Self, TypeAlias


class _Word(StrEnum):
    sentence: str

    def __new__(cls, word: str, sentence: str = "") -> Self:
        """Make a word that carries its sentence."""
        self = str.__new__(cls, word)
        self._value_ = word
        self.sentence = sentence
        return self

    @classmethod
    def sentence_of(cls, word: str) -> str:
        """Return the sentence of a word; one that only a newer version knows is its own."""
        return cls(word).sentence if word in frozenset(cls) else word


class Status(_Word):
    """How a pair stands; the sentence is what people call it.

    `hidden` is a record of a side that its sync only writes to, indexed but without a row; `closed` one that was
    deleted on both sides; `absorbed` one that moved into another pair.
    """

    FAILING = "failing", "Failing"
    PENDING = "pending", "Pending"
    EXCLUDED = "excluded", "Excluded"
    IN_SYNC = "in_sync", "In sync"
    HIDDEN = "hidden", "Not shown"
    CLOSED = "closed", "Deleted"
    ABSORBED = "absorbed", "Moved"


class Wait(_Word):
    """Why a pair is pending."""

    QUEUED = "queued", "A write is on its way."
    FIRST_SYNC = "first_sync", "Both sides are still being read for the first time."
    WAITING_LIMIT = "waiting_limit", "The app asked us to slow down; the write goes out by itself."
    APP_UNAVAILABLE = "app_unavailable", "The app does not answer; the write goes out when it does."
    CONNECTION_PAUSED = "connection_paused", "The connection needs an admin to sign in again."
    ACCOUNT_PAUSED = "account_paused", "Somebody paused the account; the write goes out when it is resumed."


class Code(StrEnum):
    """Why a pair fails or takes no part, where the engine itself finds out; `shared.rules.errors` explains each."""

    OUT_OF_SCOPE = "out_of_scope"
    DUPLICATE_IDENTIFIER = "duplicate_identifier"
    CREATE_OFF = "create_off"
    AMBIGUOUS_MATCH = "ambiguous_match"
    KEY_TOO_COMMON = "key_too_common"
    REQUIRED_MISSING = "required_missing"
    CONFLICT_MANUAL = "conflict_manual"
    FLAPPING = "flapping"
    DUPLICATE_IN_TARGET = "duplicate_in_target"
    PARTNER_MERGED = "partner_merged"
    PRIVACY_DELETED = "privacy_deleted"
    DELETED_IN_LEFT = "deleted_in_left"
    DELETED_IN_RIGHT = "deleted_in_right"
    RATE_LIMITED = "rate_limited"
    APP_UNAVAILABLE = "app_unavailable"
    AUTH_EXPIRED = "auth_expired"


class Note(_Word):
    """What is told of a flow that is settled; the sentence follows on its name."""

    KEPT_CLEAR = "kept_clear", "was emptied on one side; the other side keeps its value, as the mapping says"
    SETTLED_DIFFERENCE = "settled_difference", "differs on purpose: the mapping does not write in that direction"
    DRIFT = "drift", "was changed on the side that this mapping only writes to; it is not carried back"
    WAITING_PARENT = "waiting_parent", "waits for the other record to be linked"
    NOT_UNIQUE = (
        "not_unique",
        "other records have the same names, and nothing tells which of them it is: it got its own partner",
    )
    VALUE_UNMAPPED = (
        "value_unmapped",
        "holds a value that the mapping's table does not name; the other side keeps its own",
    )
    OWNER_UNMAPPED = "owner_unmapped", "is nobody in the other account, by address; the owner there stays as it is"
    OBJECT_SYNC_OFF = "object_sync_off", "is not carried over: the other object is not synced"


class By(_Word):
    """Which rule chose the value that is written; the sentence is the reason, and names the app that it came from."""

    EDITED = "edited", ""
    DEFAULT_APP = "default_app", "{source} is the default app"
    MAPPING = "mapping", "the mapping lets {source} win"
    MOST_RECENT = "most_recent", "{source} was edited last"
    NO_CLOCK = "no_clock", "nothing tells which edit came last, and {source} is the default app"
    BLANK = "blank", "a blank never wins"
    FILLED = "filled", "nothing was there when the records were linked"
    MEMBERS = "members", "what each side adds to a set and removes from it is merged"
    NEEDED = "needed", "another record needs the value"
    PERSON = "person", "the mapping leaves it to a person"


class Did(_Word):
    """What a step decided, or what became of it."""

    CREATE = "create", "A record is created in {app}."
    WRITE = "write", "{key}: {note} {app} (it held {old}){lost}{by}."
    ASKED = "asked", "{key}: {old} or {new}: nothing is written, for {by}."
    SETTLED = "settled", "{key} {note}."
    NOT_UNIQUE = (
        "not_unique",
        "Not linked to {records}, which may be the same: names alone do not tell.",
    )
    REWRITTEN = "rewritten", "{key}: {app} stored {new} where {old} was sent."
    WRITTEN = "written", "{app} took the {note}."
    FOUND = "found", "{app} held the record already."
    HELD = "held", "The write to {app} waits: {note}."
    REFUSED = "refused", "{app} refused the write: {note}."
    GIVEN_UP = "given_up", "{key}: another record needs what {app} holds here, and its source has given it up."
    REPLACED = "replaced", "The record {new} of {app} took the place of {old}{note}."
    SUPERSEDED = "superseded", "The {note} to {app} is not needed any more."


Retry: TypeAlias = Literal["never", "busy", "outage", "auth", "edit", "setup"]
"""When it makes sense to try again: never; by itself soon (busy) or after a pause (outage); after somebody signs in
(auth), edits the record (edit) or changes settings (setup)."""
