"""Objects that nobody declared: found in an account, synced as all others are, gone, and back."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from services.ingest.feeds.field_watch import FieldWatch
from shared.apps import APPS
from shared.apps.defaults import default_mappings
from shared.io.memory import MemoryReader
from shared.model.mapping import MatchSettings
from shared.model.outcomes import NOT_RUN_HERE, Park
from shared.model.records import Life
from shared.model.syncs import Connection, Sync, SyncSide
from shared.objects import OBJECTS
from shared.objects.roles import in_roles
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.apps.driver import Driver
from tests.apps.json_server import TOKEN, JsonServer, People, Tables
from tests.apps.tables import TABLES
from tests.slice.harness import Polling

COLUMNS = {"title": "text", "isbn": "text", "shelf": "text"}


class Library(Polling):
    """Two accounts of Tables: `ours` with books, `theirs` with volumes."""

    apps = {**APPS, "tables": TABLES}  # noqa: RUF012 - as in the base class

    def __init__(self, server: HubSpotServer, accounts: Mapping[str, Tables], urls: Mapping[str, str]) -> None:
        super().__init__(server, [])
        self.accounts = accounts
        for name, url in urls.items():
            self.drivers[name] = Driver(base_url=url, headers=TABLES.auth[0].headers({"token": TOKEN}))
            row = Connection(id=name, app="tables", label=name, account=name, base_url=url, auth="api_key")
            self.set_up("connection", name, SetupDoc(connection=row))
        never: Any = SimpleNamespace(get=lambda _key: None, save=lambda _cursor: None)
        self.watch = FieldWatch(
            setups=self.setups, caller=self.caller, bus=self.bus, clock=self.clock, metrics=self.metrics,
            cursors=never, owns=lambda _: True,
        )  # fmt: skip
        self._told = MemoryReader(self.broker, topics.SETUPS)

    def table(self, connection: str, name: str) -> People:
        return self.accounts[connection].tables[name]

    def keep(self, name: str, left: SyncSide, right: SyncSide, **more: Any) -> None:
        """Keep two tables the same."""
        ends = [(end, self.find_own(end.connection)[end.object]) for end in (left, right)]
        type_ = OBJECTS[left.type or "record"]
        fields = [in_roles(binding.fields, end.roles, type_) for end, binding in ends]
        rows = (*default_mappings(*fields), *(row for row in more.pop("mappings", ())))
        self.add(Sync(id=name, left=left, right=right, mappings=rows, **more))
        self.begin_feeds()

    def look(self, connection: str, name: str) -> list[str]:
        """Look at a table as ingest does, take what the settings say then, and return the syncs that are read anew."""
        self.clock.advance(600_000)
        self.watch.look(connection, name)
        for stored in self._told.poll(0):
            self.set_up("object", stored.key.partition(":")[2], stored.message)
        jobs = MemoryReader(self.broker, topics.JOBS).read_to_end()
        return [row.message.job.sync for row in jobs if row.message is not None and row.message.job is not None]

    def held(self, connection: str, name: str) -> list[tuple[Any, ...]]:
        """Return the title and shelf of every record of a table."""
        return sorted((row["title"], row["shelf"] or "") for row in self.table(connection, name).rows.values())


@pytest.fixture(name="library")
def _library(server: HubSpotServer) -> Iterator[Library]:
    accounts = {"ours": Tables(), "theirs": Tables()}
    accounts["ours"].make("books", COLUMNS)
    accounts["theirs"].make("volumes", COLUMNS)
    servers = {name: JsonServer(account) for name, account in accounts.items()}
    yield Library(server, accounts, {name: one.url for name, one in servers.items()})
    for one in servers.values():
        one.close()


def put(table: People, record: str = "", **values: str | None) -> str:
    """Create or edit a record as somebody else."""
    method, path = ("PATCH", f"people/{record}") if record else ("POST", "people")
    status, found = table.answer(method, path, {}, None, values)
    assert status < 300, found
    return str(found["id"])


def by_isbn(library: Library) -> tuple[People, People]:
    """Keep books and volumes the same, recognised by their numbers."""
    rows = default_mappings(*[
        tuple(info.model_copy(update={"canonical": info.name}) for info in binding.fields)
        for binding in (library.find_own("ours")["books"], library.find_own("theirs")["volumes"])
    ])  # fmt: skip
    library.keep(
        "books", SyncSide(connection="ours", object="books"), SyncSide(connection="theirs", object="volumes"),
        match=MatchSettings(mode="fields", left_field="isbn", right_field="isbn"),
        mappings=[row for row in rows if row.key != "title"],
    )  # fmt: skip
    return library.table("ours", "books"), library.table("theirs", "volumes")


def test_records_of_tables_that_nobody_declared_are_matched_created_and_kept_the_same(library: Library) -> None:
    """Their names differ, too; what is said of a record is what its table calls its title."""
    books, volumes = by_isbn(library)
    dune = put(books, title="Dune", isbn="1")
    put(volumes, title="Dune", isbn="1", shelf="A")
    put(volumes, title="Emma", isbn="2")
    library.settle()
    assert library.held("ours", "books") == [("Dune", "A"), ("Emma", "")] == library.held("theirs", "volumes")
    put(books, dune, shelf="B")
    library.settle()
    assert library.held("theirs", "volumes") == [("Dune", "B"), ("Emma", "")]
    assert sorted((pair.status, pair.label) for pair in library.pairs("books")) == [
        ("in_sync", "Dune"), ("in_sync", "Emma"),
    ]  # fmt: skip
    writes = library.writes()
    library.settle()
    assert library.writes() == writes


def test_a_table_of_people_follows_the_rules_of_contacts_by_its_roles(library: Library) -> None:
    """Whoever has no address stays out; the others are matched by it, in any spelling."""
    for account, columns in (("ours", ("mail", "who")), ("theirs", ("address", "person"))):
        library.accounts[account].make("members", dict.fromkeys(columns, "text"))
    library.keep(
        "people",
        SyncSide(connection="ours", object="members", type="contact", roles={"email": "mail", "last_name": "who"}),
        SyncSide(
            connection="theirs", object="members", type="contact", roles={"email": "address", "last_name": "person"}
        ),
    )
    ours, theirs = library.table("ours", "members"), library.table("theirs", "members")
    put(ours, mail="Ann@X.example", who="Lee")
    put(theirs, address="ann@x.example", person=None)
    put(ours, mail=None, who="Ng")
    library.settle()
    assert [(row["address"], row["person"]) for row in theirs.rows.values()] == [("ann@x.example", "Lee")]
    reasons = sorted((pair.reason, pair.label) for pair in library.pairs("people"))
    assert reasons == [("", "Lee"), ("email_missing", "Ng")]


def test_a_table_that_goes_takes_no_record_with_it_and_its_changes_wait(library: Library) -> None:
    """The sync says why it does not run; when the table is back, all of it is looked at."""
    books, volumes = by_isbn(library)
    put(books, title="Dune", isbn="1")
    library.settle()
    (theirs,) = volumes.rows
    del library.accounts["ours"].tables["books"]
    put(volumes, theirs, shelf="C")
    library.poll("theirs")
    assert library.look("ours", "books") == []
    assert library.setups.not_run() == {
        "books": "the account of connection 'ours' does not have the object 'books' any more"
    }
    library.run(later=5)
    assert library.held("theirs", "volumes") == [("Dune", "C")]
    assert NOT_RUN_HERE in [outcome for _, _, outcome in library.trail]
    assert library.watch.objects.watched() == [("ours", "books"), ("theirs", "volumes")], (
        "it is looked for all the same"
    )
    library.accounts["ours"].tables["books"] = books
    assert library.look("ours", "books") == ["books"]
    assert library.setups.not_run() == {}
    library.settle(later=20)
    assert library.held("ours", "books") == [("Dune", "C")] == library.held("theirs", "volumes")
    (pair,) = library.pairs("books")
    assert [end.life for end in (pair.L, pair.R) if end is not None] == [Life.ALIVE] * 2
    assert not any(isinstance(outcome, Park) for _, _, outcome in library.trail)


def test_tables_of_one_account_that_are_looked_at_together_are_asked_for_once(library: Library) -> None:
    """An account may have to be asked much to say all of its objects."""
    library.accounts["ours"].make("novels", COLUMNS)
    library.find_own("ours")
    objects, calls = library.watch.objects, library.drivers["ours"].calls
    calls.clear()
    assert objects.look("ours", "books")
    assert objects.look("ours", "novels")
    assert [call.path for call in calls] == ["tables"]
    library.clock.advance(600_000)
    assert objects.look("ours", "novels")
    assert [call.path for call in calls] == ["tables", "tables"]


def test_another_table_of_the_same_name_is_not_taken_for_it(library: Library) -> None:
    """Its records are strangers: the ids of its first one say nothing about the other."""
    books, volumes = by_isbn(library)
    put(books, title="Dune", isbn="1")
    library.settle()
    library.accounts["ours"].make("books", COLUMNS)
    library.look("ours", "books")
    assert "another object 'books'" in library.setups.not_run()["books"]
    put(library.table("ours", "books"), title="Emma", isbn="1")
    library.settle()
    assert [row["title"] for row in volumes.rows.values()] == ["Dune"]


def test_a_column_that_a_table_gains_is_known_without_a_new_setup(library: Library) -> None:
    """What the settings keep of the table is as the account has it."""
    by_isbn(library)
    library.table("ours", "books").fields["pages"] = "number"
    assert library.look("ours", "books") == [], "no mapping names it"
    fields = {info.name: info.type for info in library.setups.binding("ours", "books").fields}
    assert fields["pages"] == "number"
