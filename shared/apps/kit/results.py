"""Results of reads and writes, made of what is known."""

from shared.core.connector import AppError, Change, Refused, Session, Unreadable
from shared.core.records import Life, Report, Version


def gone(session: Session, object_: str, record: str) -> Report:
    """Report a record that does not exist."""
    return Report(connection=session.connection, object=object_, id=record, version=Version(), life=Life.GONE)


def refused(change: Change, error: AppError, field: str | None = None) -> Refused:
    """Return the refusal of one write that an error stands for."""
    return Refused(
        key=change.key,
        code=error.code,
        message=error.message,
        retry=error.retry,
        field=field,
        conflicting_id=error.conflicting_id,
    )


def hidden(change: Change, found: Unreadable) -> Refused:
    """Return the refusal of a write to a record that may not be read, and so cannot be compared with it."""
    return Refused(key=change.key, code=found.code, message=found.message, retry="setup")
