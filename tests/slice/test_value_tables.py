"""Options that the two accounts name differently: a table says which mean the same, and tells what it lacks."""

from typing import Any, Final

from deploy.local.hubspot import HubSpotServer
from services.console.use.standing.fields import fields_of
from shared.model.mapping import FieldMapping, Otherwise, ValueRow
from shared.model.pairs import Pair
from shared.wire import topics
from tests.slice.harness import Polling, sync

_HERE: Final = ("hot", "warm", "tepid", "cold", "frozen")
_THERE: Final = ("A", "B", "C", "D")
_ROWS: Final = (("hot", "A"), ("warm", "B"), ("tepid", "B"), ("cold", "C"))


def _table(*rows: tuple[str, str]) -> tuple[ValueRow, ...]:
    return tuple(ValueRow(left=left, right=right) for left, right in rows)


class _World(Polling):
    """Ann, who is hot in the first account and A in the second."""

    def __init__(self, server: HubSpotServer, *, many: bool = False, tier: str = "hot", **changes: Any) -> None:
        mapping = FieldMapping(
            key="tier", left="tier", right="grade", lens="set_table" if many else "table",
            **{"values": _table(*_ROWS), **changes},
        )  # fmt: skip
        email = FieldMapping(key="email", left="email", right="email", lens="email")
        phone = FieldMapping(key="phone", left="phone", right="phone", lens="phone")
        super().__init__(server, [sync("contacts", "contact", mappings=(email, phone, mapping))])
        for number, name, options in ((7001, "tier", _HERE), (7002, "grade", _THERE)):
            self.admin.add_property(
                number, "contacts", name=name, label=name.title(), type="enumeration",
                fieldType="checkbox" if many else "select", options=[{"label": x, "value": x} for x in options],
            )  # fmt: skip
        self.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example", "tier": tier})
        self.settle()
        self.trail.clear()

    def change(self, name: str, **properties: str) -> None:
        """Edit Ann in an account, and let it arrive."""
        (record,) = self.records(name, "contacts")
        self.admin.edit(self.portal[name], "update", "contacts", record, properties=properties)

    def held(self) -> tuple[str | None, str | None]:
        """Return the option of both accounts."""
        found = []
        for name, field in (("one", "tier"), ("two", "grade")):
            (row,) = self.records(name, "contacts").values()
            found.append(row["properties"].get(field))
        return found[0], found[1]

    @property
    def pair(self) -> Pair:
        """Return the state of Ann."""
        (pair,) = self.pairs("contacts")
        return pair

    def written(self) -> list[str]:
        """List what became of the writes since the world began."""
        return [outcome.reason for topic, _, outcome in self.trail if topic == topics.writes("hubspot").name]

    def with_table(self, *rows: tuple[str, str]) -> None:
        """Change the table as the console does."""
        sync_ = self.setups.sync("contacts")
        assert sync_ is not None
        mappings = [
            row.model_copy(update={"values": _table(*rows)}) if row.key == "tier" else row for row in sync_.mappings
        ]
        self.edit("contacts", mappings=tuple(mappings))
        self.settle()


def test_an_option_is_written_as_the_other_account_names_it(server: HubSpotServer) -> None:
    """By one write a change, in both directions."""
    world = _World(server)
    assert world.held() == ("hot", "A")
    world.change("one", tier="cold")
    world.settle()
    assert world.held() == ("cold", "C")
    world.change("two", grade="A")
    world.settle()
    assert (world.held(), world.written()) == (("hot", "A"), ["written", "written"])


def test_an_option_that_means_the_same_stays(server: HubSpotServer) -> None:
    """Of two that one stands for, an edit from one to the other is nobody's news; the way back is the first of them."""
    world = _World(server)
    world.change("one", tier="tepid")
    world.settle()
    world.change("one", tier="warm")
    world.settle()
    world.change("one", tier="tepid")
    world.settle()
    assert (world.held(), world.written()) == (("tepid", "B"), ["written"])
    world.change("two", phone="+39 333 1234567")
    world.settle()
    assert world.held() == ("tepid", "B")
    world.change("two", grade="C")
    world.settle()
    world.change("two", grade="B")
    world.settle()
    assert world.held() == ("warm", "B")


def test_an_option_without_a_row_is_told_and_goes_out_once_it_has_one(server: HubSpotServer) -> None:
    """The other fields travel meanwhile, and nothing is guessed."""
    world = _World(server, default_app="R")
    world.change("one", tier="frozen", phone="+39 333 1234567")
    world.settle()
    assert (world.pair.status, world.pair.reason) == ("failing", "option_unknown")
    assert world.pair.detail == "tier: 'frozen' is not in the mapping's `values`: add a row for it"
    (there,) = world.records("two", "contacts").values()
    assert (world.held(), there["properties"]["phone"]) == (("frozen", "A"), "+39 333 1234567")
    world.with_table(*_ROWS, ("frozen", "D"))
    assert (world.pair.status, world.held()) == ("in_sync", ("frozen", "D"))


def test_an_option_without_a_row_is_left_out_where_the_mapping_says_so(server: HubSpotServer) -> None:
    world = _World(server, unmapped="skip")
    world.change("one", tier="frozen")
    world.settle()
    assert (world.pair.status, dict(world.pair.notes)) == ("in_sync", {"tier": "value_unmapped"})
    assert world.held() == ("frozen", "A")
    row = next(row for row in fields_of(world.pair, world.setups) if row.key == "tier")
    assert (row.happens, row.sentence) == (
        "differs",
        "Holds a value that the mapping's table does not name; the other side keeps its own",
    )
    world.change("one", tier="cold")
    world.settle()
    assert (world.held(), dict(world.pair.notes)) == (("cold", "C"), {})


def test_a_record_is_created_without_an_option_that_is_left_out(server: HubSpotServer) -> None:
    world = _World(server, tier="frozen", unmapped="skip")
    assert (world.held(), world.pair.status, dict(world.pair.notes)) == (
        ("frozen", None),
        "in_sync",
        {"tier": "value_unmapped"},
    )
    assert world.pair.synced_ms > 0, "it is settled all the same"


def test_one_option_can_stand_for_all_others(server: HubSpotServer) -> None:
    """What it stands for is not overwritten by it."""
    world = _World(server, otherwise=Otherwise(right="D"))
    world.change("one", tier="frozen")
    world.settle()
    world.change("two", phone="+39 333 1234567")
    world.settle()
    assert (world.held(), world.pair.status) == (("frozen", "D"), "in_sync")


def test_a_row_that_changes_is_settled_by_the_default_app(server: HubSpotServer) -> None:
    world = _World(server)
    world.with_table(("hot", "D"), *_ROWS[1:])
    assert world.held() == ("hot", "D")


def test_several_options_are_merged_through_the_table(server: HubSpotServer) -> None:
    """What means the same stays as it is."""
    world = _World(server, many=True, tier="hot;tepid")
    assert world.held() == ("hot;tepid", "A;B")
    world.change("one", tier="hot;tepid;cold")
    world.change("two", grade="B")
    world.settle()
    assert world.held() == ("cold;tepid", "B;C")
    world.settle()
    assert world.pair.status == "in_sync"
