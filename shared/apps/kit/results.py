"""Results of reads and writes, made of what is known; what becomes of a write before it is sent."""

from shared.contract.calls import AppError, Session
from shared.contract.reading import ReadResult, Unreadable
from shared.contract.writing import Change, Refused, Stale, WriteResult, Written
from shared.model.records import Fields, Life, Report, Version, is_done


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


def verdict_on_update(change: Change, held: ReadResult) -> WriteResult | None:
    """Return what becomes of an update before it is sent, by what its record holds; None when it may go out.

    For apps without a lock: what somebody writes between that reading and the update is overwritten.
    """
    if isinstance(held, Unreadable):
        return hidden(change, held)
    if held.life is not Life.ALIVE:
        return Stale(key=change.key, report=held)
    if _holds(held.fields, change.fields) and all(is_done(held.links.get(k), v) for k, v in change.links.items()):
        return Written(key=change.key, report=held)
    compared = {name: change.before[name] for name in change.fields if name in change.before and name in held.fields}
    if any(held.fields[name] != value for name, value in compared.items()):
        return Stale(key=change.key, report=held)
    # What cannot be compared is believed only while the record has not moved at all.
    if _has_moved(change, held) and len(compared) < len(change.fields):
        return Stale(key=change.key, report=held)
    return None


def verdict_on_archive(change: Change, held: ReadResult) -> WriteResult | None:
    """Return what becomes of a delete before it is sent, by what its record is; None when it may go out."""
    if isinstance(held, Unreadable):
        return hidden(change, held)
    if held.life in (Life.ARCHIVED, Life.GONE):
        return Written(key=change.key, report=held)
    if held.life is Life.MERGED or _has_moved(change, held):
        return Stale(key=change.key, report=held)
    return None


def _has_moved(change: Change, held: Report) -> bool:
    return change.expected is not None and held.version != change.expected


def _holds(held: Fields, wanted: Fields) -> bool:
    return all(name in held and held[name] == value for name, value in wanted.items())
