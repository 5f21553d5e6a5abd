"""The amounts of deals, which travel with their currencies as one value."""

from typing import Any, Final

import pytest

from deploy.local.hubspot import HubSpotServer
from services.console.use.standing.fields import fields_of
from shared.model.pairs import Pair
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.slice.harness import Polling, sync

_DEAL: Final = {"dealname": "Roof", "dealstage": "appointmentscheduled", "pipeline": "default"}


class _World(Polling):
    """A deal of 1,200 euros in both accounts, whose own currencies are the euro and the dollar."""

    def __init__(self, server: HubSpotServer, **changes: Any) -> None:
        deals = sync("deals", "deal")
        money: dict[str, Any] = {key: changes.pop(key) for key in ("policy", "clears") if key in changes}
        mappings = [row.model_copy(update=money) if row.key == "amount" else row for row in deals.mappings]
        super().__init__(server, [deals.model_copy(update={"mappings": tuple(mappings), **changes})])
        for name, currency in (("one", "EUR"), ("two", "USD")):
            row = self.setups.connection(name)
            row = row.model_copy(update={"account_currency": currency, "version": row.version + 1})
            self.set_up("connection", name, SetupDoc(connection=row))
        properties = {**_DEAL, "amount": "1200", "deal_currency_code": "EUR"}
        self.admin.edit(7001, "create", "deals", properties=properties)
        self.settle()
        self.trail.clear()

    def change(self, name: str, **properties: str) -> None:
        """Edit the deal in an account."""
        (record,) = self.records(name, "deals")
        self.admin.edit(self.portal[name], "update", "deals", record, properties=properties)

    def money(self) -> list[tuple[str | None, str | None]]:
        """Return amount and currency in both accounts."""
        rows = [next(iter(self.records(name, "deals").values()))["properties"] for name in self.portal]
        return [(row.get("amount") or None, row.get("deal_currency_code") or None) for row in rows]

    @property
    def pair(self) -> Pair:
        """Return the state of the deal."""
        (pair,) = self.pairs("deals")
        return pair

    def written(self) -> list[str]:
        """List what became of the writes since the world began."""
        return [outcome.reason for topic, _, outcome in self.trail if topic == topics.writes("hubspot").name]


def test_an_amount_travels_with_its_currency_by_one_write(server: HubSpotServer) -> None:
    world = _World(server)
    assert world.money() == [("1200", "EUR")] * 2
    world.change("two", amount="1500", deal_currency_code="USD")
    world.settle()
    assert (world.money(), world.written()) == ([("1500", "USD")] * 2, ["written"])
    world.settle()
    assert len(world.written()) == 1


@pytest.mark.parametrize(("winner", "money"), [("left", ("1300", "EUR")), ("right", ("1200", "CHF"))])
def test_an_amount_and_a_currency_edited_at_once_are_not_mixed(
    server: HubSpotServer, winner: str, money: tuple[str, str]
) -> None:
    """One account changes how much, the other one of what: one of both edits stands, as a whole."""
    world = _World(server, policy=winner)
    world.change("one", amount="1300")
    world.change("two", deal_currency_code="CHF")
    world.settle()
    assert world.money() == [money, money]


def test_a_currency_edited_while_an_amount_is_on_its_way_is_not_mixed_with_it(server: HubSpotServer) -> None:
    """The write finds that its record is no longer what it was decided on."""
    world = _World(server)
    world.change("one", amount="1300")
    world.poll("one")
    while not any(topic == topics.PAIRS.name for topic, _, _ in world.trail):
        world.step(topics.NOTICES, topics.RECORDS, topics.PAIRS)
    world.change("two", deal_currency_code="CHF")
    world.settle()
    assert world.money() == [("1300", "EUR")] * 2
    assert "stale" in world.written()


@pytest.mark.parametrize(("later", "money"), [("one", ("1300", "EUR")), ("two", ("1200", "CHF"))])
def test_the_later_of_two_edits_stands_as_a_whole(server: HubSpotServer, later: str, money: tuple[str, str]) -> None:
    world = _World(server, policy="most_recent", default_app="R" if later == "one" else "L")
    for name in ("two", "one") if later == "one" else ("one", "two"):
        world.admin.call("POST", "clock", {"advanceMs": 8_000})
        world.change(name, **({"amount": "1300"} if name == "one" else {"deal_currency_code": "CHF"}))
    world.settle()
    assert world.money() == [money, money]


def test_the_currency_of_the_account_is_meant_where_a_deal_names_none(server: HubSpotServer) -> None:
    """An amount of the first account without one is in euros, which the second account must be told."""
    world = _World(server)
    world.change("one", amount="900", deal_currency_code="")
    world.settle()
    assert world.money() == [("900", None), ("900", "EUR")]
    world.change("two", amount="800")
    world.settle()
    assert world.money() == [("800", None), ("800", "EUR")]
    world.change("two", deal_currency_code="")
    world.settle()
    assert world.money() == [("800", "USD"), ("800", None)]


def test_an_amount_that_is_emptied_is_kept_or_emptied_as_any_field(server: HubSpotServer) -> None:
    world = _World(server)
    world.change("one", amount="")
    world.settle()
    assert world.money() == [(None, "EUR"), ("1200", "EUR")]
    assert dict(world.pair.notes) == {"amount": "kept_clear"}
    world.change("two", amount="1")
    world.settle()
    assert world.money() == [("1", "EUR")] * 2


def test_an_amount_that_is_emptied_leaves_the_currency(server: HubSpotServer) -> None:
    world = _World(server, clears="propagate")
    world.change("one", amount="")
    world.settle()
    assert world.money() == [(None, "EUR")] * 2


def test_both_edits_are_shown_where_a_person_decides(server: HubSpotServer) -> None:
    world = _World(server, policy="manual")
    world.change("one", amount="1300")
    world.change("two", deal_currency_code="CHF")
    world.settle()
    assert (world.pair.status, world.pair.reason) == ("failing", "conflict_manual")
    assert world.pair.detail == "amount: '1300 EUR' or '1200 CHF'"
    row = next(row for row in fields_of(world.pair, world.setups) if row.key == "amount")
    assert (row.left.value, row.right.value, row.right.agreed) == ("1300 EUR", "1200 CHF", "1200 EUR")


def test_what_the_other_account_refuses_is_told_as_a_whole_and_nothing_of_it_is_written(server: HubSpotServer) -> None:
    """Its field takes two currencies; the deal's name travels meanwhile, and the next amount that fits."""
    world = _World(server)
    options = [{"label": code, "value": code} for code in ("EUR", "USD")]
    world.admin.add_property(
        7002, "deals", name="coin", label="Coin", type="enumeration", fieldType="select", options=options
    )
    deals = world.setups.sync("deals")
    assert deals is not None
    to_coin = {"right_currency": "coin"}
    mappings = [row.model_copy(update=to_coin) if row.key == "amount" else row for row in deals.mappings]
    world.edit("deals", mappings=tuple(mappings))
    world.settle()
    world.change("one", amount="7", deal_currency_code="CHF", dealname="Attic")
    world.settle()
    (there,) = world.records("two", "deals").values()
    held = [there["properties"][name] for name in ("amount", "coin", "dealname")]
    assert held == ["1200", "EUR", "Attic"]
    assert (world.pair.status, world.pair.reason) == ("failing", "option_unknown")
    before = len(world.written())
    world.settle()
    assert len(world.written()) == before, "it is not tried again and again"
    world.change("one", deal_currency_code="USD")
    world.settle()
    (there,) = world.records("two", "deals").values()
    assert [there["properties"][name] for name in ("amount", "coin")] == ["7", "USD"]
    assert world.pair.status == "in_sync"


def test_an_account_of_one_currency_keeps_no_amount_in_another(server: HubSpotServer) -> None:
    """Its connection says which it is; nothing is converted."""
    world = _World(server)
    deals = world.setups.sync("deals")
    assert deals is not None
    alone = {"right_currency": ""}
    mappings = [row.model_copy(update=alone) if row.key == "amount" else row for row in deals.mappings]
    world.change("two", amount="", deal_currency_code="")
    world.edit("deals", mappings=tuple(mappings))
    world.settle()
    assert (world.pair.status, world.pair.reason) == ("failing", "currency_mismatch")
    assert world.pair.detail == "amount: the amount is in EUR, and the other side keeps USD alone"
    world.change("one", deal_currency_code="USD", amount="70")
    world.settle()
    assert world.money() == [("70", "USD"), ("70", None)]
    world.change("two", amount="80")
    world.settle()
    assert world.money() == [("80", "USD"), ("80", None)]
