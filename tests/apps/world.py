"""A binding under test, signed in to an empty account, and hands that are not ours to edit it with."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.contract.app import App, Binding
from shared.contract.calls import HttpRequest, HttpResponse, Session
from shared.contract.feeds import Feed, Hint
from shared.contract.reading import Unreadable
from shared.contract.writing import Change, WriteResult, Written
from shared.model.ids import create_id, pair_id
from shared.model.records import Fields, Report
from tests.apps.driver import Driver

SYNC = "people"


def marker(number: int) -> str:
    """Return the create id of some pair."""
    return create_id(SYNC, pair_id(SYNC, "L", str(number)), "R", 0)


@dataclass(kw_only=True)
class World(ABC):
    """One binding in an account of its own."""

    app: App
    binding: Binding
    session: Session
    driver: Driver
    text: str
    """A text field, empty in samples."""
    bad: Fields
    """Fields that the app refuses, or cannot hold."""
    tells_versions: bool = True
    """Whether the feeds say which version a changed record has now."""
    cursors: dict[str, str] = field(default_factory=dict)

    @abstractmethod
    def sample(self, number: int) -> Fields:
        """Give the fields of one record, different from those of any other number."""

    @abstractmethod
    def person_creates(self, fields: Sequence[Fields]) -> list[str]:
        """Create records as somebody else."""

    @abstractmethod
    def person_edits(self, record: str, field: str, value: str) -> None:
        """Change one field as somebody else."""

    @abstractmethod
    def person_deletes(self, record: str) -> None:
        """Delete a record as somebody else."""

    def person_merges(self, one: str, other: str) -> str:
        """Merge two records as somebody else, and give the survivor's id; only where the app merges is it asked to."""
        raise NotImplementedError

    def person_hires(self, email: str, *, leaves: bool) -> str:
        """Add an owner, who may have left already, and give its id; only where the app has owners is it asked to."""
        raise NotImplementedError

    def alone_is_hidden(self, request: HttpRequest) -> HttpResponse | None:
        """Answer reads as the app does where a batch leaves a record out that may not be read alone."""
        if request.method == "GET":
            return HttpResponse(status=403)
        empty = b'<multistatus xmlns="DAV:"/>' if request.method == "REPORT" else b'{"results": []}'
        return HttpResponse(status=207, body=empty)

    @property
    def names(self) -> list[str]:
        """Name the fields that tests look at."""
        return [*self.sample(0), self.text]

    def create(self, *changes: Change) -> Sequence[WriteResult]:
        """Run a create exchange."""
        return self.driver.run(self.binding.create_many(self.session, changes))

    def made(self, number: int = 1) -> Report:
        """Create one record of ours."""
        (result,) = self.create(Change(key="k", marker=marker(number), fields=self.sample(number)))
        assert isinstance(result, Written)
        return result.report

    def update(self, *changes: Change) -> Sequence[WriteResult]:
        """Run an update exchange."""
        return self.driver.run(self.binding.update_many(self.session, changes))

    def edit(self, report: Report, **values: str | None) -> WriteResult:
        """Update one record that was read before."""
        before = {name: report.fields.get(name) for name in values}
        change = Change(key="e", id=report.id, fields=values, before=before, expected=report.version)
        (result,) = self.update(change)
        return result

    def read(self, *ids: str) -> dict[str, Report | Unreadable]:
        """Read records."""
        return {x.id: x for x in self.driver.run(self.binding.read(self.session, ids, self.names))}

    def one(self, record: str) -> Report:
        """Read one record that is readable."""
        found = self.read(record)[record]
        assert isinstance(found, Report)
        return found

    def listed(self) -> list[Report]:
        """Read all pages."""
        found: list[Report] = []
        cursor: str | None = None
        for _ in range(100):
            page = self.driver.run(self.binding.list_page(self.session, cursor, self.names))
            found += page.reports
            cursor = page.next
            if cursor is None:
                return found
        raise AssertionError("the listing does not end")

    def start_feeds(self) -> None:
        """Begin to follow every feed."""
        for feed in self.binding.feeds:
            self.cursors[feed.name] = self.driver.run(feed.poll(self.session, None)).cursor

    def poll(self, feed: Feed) -> list[Hint]:
        """Follow one feed to where it is now."""
        found: list[Hint] = []
        for _ in range(100):
            page = self.driver.run(feed.poll(self.session, self.cursors[feed.name]))
            self.cursors[feed.name] = page.cursor
            found += page.hints
            if not page.more:
                assert page.complete_to_ms > 0
                return found
        raise AssertionError("the feed does not end")

    def hints(self) -> dict[str, Hint]:
        """Follow every feed, and give what was told by id."""
        return {hint.id: hint for feed in self.binding.feeds for hint in self.poll(feed)}
