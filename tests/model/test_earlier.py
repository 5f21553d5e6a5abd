"""Settings that versions before this one read: in their own words as long as these say all, and else not at all."""

import json

import pytest

from shared.io.envelope import fresh_bits, wrap
from shared.io.ports import Outbound
from shared.model.mapping import MatchSettings
from shared.model.syncs import Sync, SyncSide
from shared.wire import topics
from shared.wire.messages import SetupDoc

SYNC = Sync(
    id="s", left=SyncSide(connection="a", object="contact"), right=SyncSide(connection="b", object="contact"),
    mappings=(),
)  # fmt: skip
RULES = {"email_required": False, "placeholder_emails": ("no@*",)}
BEFORE = {"email_required": False, "match": {"mode": "none", "placeholder_emails": ["no@*"]}}
"""The same as an earlier version writes it."""


def test_rules_are_written_where_earlier_versions_look_for_them() -> None:
    sync = SYNC.model_copy(update={"rules": RULES, "match": MatchSettings(mode="none")})
    written = json.loads(topics.SETUPS.encode(SetupDoc(sync=sync)))["sync"]
    assert {name: written[name] for name in BEFORE} == BEFORE
    assert "rules" not in written
    assert topics.SETUPS.decode(topics.SETUPS.encode(SetupDoc(sync=sync)), {}).sync == sync


def test_rules_are_read_where_earlier_versions_write_them() -> None:
    """As a document, and as a file; what somebody says twice counts as the newer spelling says it."""
    given = {**SYNC.model_dump(), **BEFORE}
    read = Sync.model_validate(given, extra="forbid")
    assert (read.rules, read.match) == (RULES, MatchSettings(mode="none"))
    assert Sync.model_validate({**given, "rules": {"email_required": True}}).rules["email_required"] is True
    assert given["match"] == BEFORE["match"], "what was given stays as it is"


@pytest.mark.parametrize(
    ("changes", "version"),
    [
        ({}, "1"),
        ({"rules": RULES}, "1"),
        ({"rules": {"later": True}}, "2"),
        ({"left": SYNC.left.model_copy(update={"type": "lead"})}, "2"),
        ({"right": SYNC.right.model_copy(update={"roles": {"email": "mail"}})}, "2"),
    ],
)
def test_what_an_earlier_version_would_take_for_something_else_is_written_in_a_version_it_leaves_out(
    changes: dict[str, object], version: str
) -> None:
    """The sync does not run there, and all else does."""
    doc = SetupDoc(sync=SYNC.model_copy(update=changes))
    raw = wrap(Outbound(topic=topics.SETUPS, key="sync:s", message=doc), setups=1, bits=fresh_bits())
    assert raw.headers["ce_dataschema"] == version
