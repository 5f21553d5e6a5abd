"""What is wrong with what somebody asked for, in words that the API and the pages both show."""

import re
from collections.abc import Mapping


class Problem(Exception):  # noqa: N818 - named as RFC 9457 names it
    """An answer that says what is wrong.

    Args:
        status: The HTTP status that fits it.
        title: What kind of problem it is, in a few words.
        detail: One sentence that says what is wrong, and what to do.
        headers: What the answer carries besides, such as `Retry-After`.
        members: What programs are told besides, as RFC 9457's extension members.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        *,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = dict(members or {})


class Refused(Problem):
    """What somebody wrote is refused, field by field.

    Args:
        fields: A sentence for each field that is wrong.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(422, "Not accepted", " ".join(fields.values()), members={"fields": dict(fields)})
        self.fields = dict(fields)


def problem_type(title: str) -> str:
    """Return what programs know a kind of problem by."""
    return f"urn:syncline:problem:{re.sub('[^a-z0-9]+', '-', title.lower()).strip('-')}"
