"""Sends a mail when a file is ready, or when it could not be made."""

from datetime import UTC, datetime
from typing import Final

from services.console.exports.formats import FORMATS
from services.console.exports.known import ExportRow
from services.console.use.administration.mailing import Mailing
from services.console.use.standing.records import Filter
from shared.io.net.mail import MailError
from shared.wire.exports import Export, ExportFile, ExportMail

AGAIN_MS: Final = (60_000, 300_000, 1_800_000)
"""After how long a mail that was not taken is tried again, each time."""


def next_attempt(row: ExportRow) -> int:
    """Return the number of the next try to tell of a file."""
    return row.mail.attempt + 1 if row.mail else 1


def is_due(row: ExportRow, now_ms: int) -> bool:
    """Check whether a mail is wanted and still to be sent, and now."""
    told = row.mail
    if not row.export.mail or told is None:
        return row.export.mail
    return bool(told.error) and told.attempt <= len(AGAIN_MS) and now_ms - told.at_ms >= AGAIN_MS[told.attempt - 1]


def tell(mailing: Mailing, row: ExportRow, file: ExportFile, now_ms: int) -> ExportMail:
    """Mail whoever asked what became of a file, and return what became of the mail."""
    user, server, error = mailing.accounts.people.user(row.export.user), mailing.server, ""
    if server is None:
        error = "no mail server is set up"
    elif user is None or user.disabled:
        error = "the user is there no more"
    else:
        try:
            mailing.send(user.email, *_mail_of(row.export, file, server.console_url))
        except MailError as refused:
            error = str(refused)
    return ExportMail(export=row.export.id, attempt=next_attempt(row), error=error, at_ms=now_ms)


def _mail_of(export: Export, file: ExportFile, console_url: str) -> tuple[str, str]:
    """Return the subject and the text of the mail that tells of a file."""
    records, link = Filter.stored(export.wanted).words(), f"{console_url}/exports?show={export.id}"
    if file.error:
        text = f"The file that you asked for could not be made.\n\n{records}\n{file.error}\n\n{link}\n"
        return f"No export: {records}", text
    until = datetime.fromtimestamp(file.until_ms / 1000, UTC)
    size = f"{file.rows:,} records, {FORMATS[export.format].title}, {file.size:,} bytes"
    text = (
        f"The file that you asked for is ready.\n\n{records}\n{size}\n\n"
        f"Download it before {until:%Y-%m-%d %H:%M} UTC:\n{link}\n\nThe link asks you to sign in.\n"
    )
    return f"Your export is ready: {records}", text
