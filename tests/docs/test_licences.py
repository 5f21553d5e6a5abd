"""What the services are made of is permissive."""

import pytest

from tests.docs.licences import EXCEPTED, Row, rows


def test_everything_that_the_services_import_is_permissive() -> None:
    found = list(rows())
    assert len([row for row in found if row.part == "run"]) > 20, "the locks are read"
    wrong = {row.name: row.licence for row in found if row.part == "run" and not row.permissive}
    assert {name: text for name, text in wrong.items() if name not in EXCEPTED} == {}
    assert set(EXCEPTED) <= set(wrong), "an exception that nobody needs any more is removed"


@pytest.mark.parametrize(
    ("licence", "permissive"),
    [
        ("MIT", True), ("Apache-2.0 AND MIT", True), ("Apache-2.0 OR GPL-2.0-or-later", True), ("BSD-3-Clause", True),
        ("Apache Software License OR MIT License", True), ("Repoze Public License", True),
        ("GPL-3.0-only", False), ("GNU General Public License (GPL)", False), ("LGPL-2.1-or-later", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", False), ("Mozilla Public License 2.0 (MPL 2.0)", False), ("unknown", False),
        ("GNU Lesser General Public License v2 or later (LGPLv2+)", False),
    ],
)  # fmt: skip
def test_licences_are_told_apart(licence: str, permissive: bool) -> None:  # noqa: FBT001 - a column of the table
    assert Row("x", "1", licence, "run").permissive is permissive
