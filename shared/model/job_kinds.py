"""What kinds of long work there are, in the words of people; `services/jobs/` has a file for what each of them does."""

from enum import StrEnum
from typing import Self


class JobKind(StrEnum):
    """A kind of job.

    Each has what it is called, what it does where people may ask for it by its name, and whether it reads all records.
    """

    called: str
    does: str
    reads: bool

    def __new__(cls, word: str, called: str = "", does: str = "", reads: bool = False) -> Self:  # noqa: FBT001, FBT002 - a row of the table
        """Make a kind that carries its words."""
        self = str.__new__(cls, word)
        self._value_ = word
        self.called, self.does, self.reads = called, does, reads
        return self

    FIRST_SYNC = "first_sync", "first sync", "", True
    RESYNC = "resync", "resync", "reads records again", True


ASKED = tuple(kind for kind in JobKind if kind.does)
"""The kinds that people may ask for."""
