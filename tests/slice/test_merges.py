"""Two contacts that both have a card are merged: the winner keeps its card, and the loser's is left as it is."""

from dataclasses import replace

import pytest

from deploy.local.hubspot import HubSpotServer
from services.console.explain import explain
from services.matcher.matching.merges import Merges
from shared.io.links.places import as_claim
from shared.io.ports import run_blocking
from shared.model.records import Report
from tests.slice.book import Book
from tests.slice.harness import Polling, book_sync, sync


def _card(email: str, **lines: str) -> tuple[str, ...]:
    name = email.partition("@")[0].title()
    rows = (f"{key}:{value}" for key, value in lines.items())
    return ("VERSION:3.0", f"UID:{name}", f"FN:{name} Lee", f"N:Lee;{name};;;", f"EMAIL:{email}", *rows)


def _linked(world: Polling, book: Book) -> dict[str, str]:
    """Link two contacts with two cards, and return the contacts by name."""
    for name in ("ann", "bob"):
        book.put(f"{name}.vcf", *_card(f"{name}@x.example", TITLE=f"title of {name}"))
    world.settle()
    rows = world.records("one", "contacts")
    return {row["properties"]["email"].partition("@")[0]: record for record, row in rows.items()}


@pytest.mark.parametrize("told", [True, False], ids=["webhook", "feeds"])
@pytest.mark.parametrize(("winner", "loser"), [("ann", "bob"), ("bob", "ann")])
def test_the_winner_keeps_its_card_whatever_the_ids(
    server: HubSpotServer, book: Book, winner: str, loser: str, *, told: bool
) -> None:
    world = Polling(server, [book_sync()], book=book)
    ids = _linked(world, book)
    lost = book.get(f"{loser}.vcf")
    new = world.admin.edit(7001, "merge", "contacts", ids[winner], other=ids[loser])
    if told:
        for record, kind in ((new, "changed"), (ids[winner], "merged"), (ids[loser], "merged")):
            world.notice("one", "contact", record, kind, winner=ids[winner], into=new)  # type: ignore[arg-type]  # a kind of hint
        world.run(later=5)
    world.settle()
    by_card = {pair.R.id: pair for pair in world.pairs("people") if pair.R is not None and not pair.absorbed_by}
    kept, left = by_card[f"{winner}.vcf"], by_card[f"{loser}.vcf"]
    assert kept.L is not None
    assert (kept.L.id, kept.status) == (new, "in_sync")
    assert (left.status, left.reason) == ("failing", "partner_merged")
    assert book.get(f"{loser}.vcf") == lost
    assert f"title of {winner}" in book.get(f"{winner}.vcf")
    steps = [row for row in world.decided(kept.pair) if row.did == "replaced"]
    assert [row.note for row in steps] == ["told" if told else "identifier"]
    shown = explain(kept, world.setups, [{"rev": 1, "at_ms": 1, "log": [row.model_dump() for row in steps]}])
    assert "won the merge" in str(shown["history"])


def test_an_edit_of_the_card_that_nobody_saw_yet_survives_the_merge(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    ids = _linked(world, book)
    book.put("bob.vcf", *_card("bob@x.example", TITLE="edited"))
    new = world.admin.edit(7001, "merge", "contacts", ids["bob"], other=ids["ann"])
    world.poll("one")
    world.run()
    world.settle()
    assert world.records("one", "contacts")[new]["properties"]["jobtitle"] == "edited"
    assert "TITLE:edited" in book.get("bob.vcf")


@pytest.mark.parametrize(("winner", "loser"), [(0, 1), (1, 0)])
def test_companies_of_two_accounts_keep_the_winner_s_partner(server: HubSpotServer, winner: int, loser: int) -> None:
    world = Polling(server, [sync("companies", "company")])
    left = [
        world.admin.edit(7001, "create", "companies", properties={"name": name, "domain": f"{name}.example"})
        for name in ("acme", "beta")
    ]
    world.settle()
    partner = {pair.L.id: pair.R.id for pair in world.pairs("companies") if pair.L and pair.R}
    new = world.admin.edit(7001, "merge", "companies", left[winner], other=left[loser])
    world.settle()
    found = {pair.R.id: pair for pair in world.pairs("companies") if pair.R is not None and not pair.absorbed_by}
    kept, lost = found[partner[left[winner]]], found[partner[left[loser]]]
    assert kept.L is not None
    assert (kept.L.id, kept.status, lost.reason) == (new, "in_sync", "partner_merged")
    names = {record: row["properties"]["name"] for record, row in world.records("two", "companies").items()}
    assert names == {partner[left[0]]: "acme", partner[left[1]]: "beta"}


def test_who_won_is_found_again_when_match_died_between_claim_and_report(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    ids = _linked(world, book)
    new = world.admin.edit(7001, "merge", "contacts", ids["bob"], other=ids["ann"])
    policy = world.setups.policy("people")
    assert policy is not None
    read = world.setups.binding("one", "contact").read
    names = world.setups.fields_of("one", "contact")
    (seen,) = world.drivers["one"].run(read(world.setups.session("one"), [new], names))
    assert isinstance(seen, Report)
    merges = Merges(world.store)
    first = run_blocking(merges.among([(policy, "L", seen)]))[0]
    claim = replace(as_claim(policy, "L", seen), aliases=first.aliases)
    (claimed,) = run_blocking(world.store.claim({"people": [claim]}))["people"]
    again = run_blocking(merges.among([(policy, "L", seen)]))[0]
    assert claimed.pair == first.pair == again.pair
    assert (first.evidence, again.evidence, first.aliases[0]) == ("identifier", "identifier", ids["bob"])


@pytest.mark.parametrize(("winner", "loser"), [("acme", "beta"), ("beta", "acme")])
def test_a_winner_without_an_identifier_is_found_by_its_values(server: HubSpotServer, winner: str, loser: str) -> None:
    """The merge fills its empty domain from the loser, which does not make the loser the winner."""
    world = Polling(server, [sync("companies", "company")])
    ids = {}
    for name in ("acme", "beta"):
        domain = {} if name == winner else {"domain": f"{name}.example"}
        ids[name] = world.admin.edit(7001, "create", "companies", properties={"name": name, "city": name, **domain})
    world.settle()
    partner = {pair.L.id: pair.R.id for pair in world.pairs("companies") if pair.L and pair.R}
    new = world.admin.edit(7001, "merge", "companies", ids[winner], other=ids[loser])
    world.settle()
    kept = next(pair for pair in world.pairs("companies") if pair.R is not None and pair.R.id == partner[ids[winner]])
    assert kept.L is not None
    assert (kept.L.id, kept.status) == (new, "in_sync")


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [("bob", "cid", "first"), ("ann", "cid", "both"), ("bob", "both", "both"), ("ann", "both", "nothing")],
)
def test_of_two_merges_that_are_read_together_the_last_winner_keeps_its_card(
    server: HubSpotServer, book: Book, first: str, second: str, told: str
) -> None:
    """Ann and Bob are merged, and what they became with Cid; "both" wins where that keeps its values."""
    world = Polling(server, [book_sync()], book=book)
    book.put("cid.vcf", *_card("cid@x.example", TITLE="title of cid"))
    ids = _linked(world, book)
    other = "bob" if first == "ann" else "ann"
    made = world.admin.edit(7001, "merge", "contacts", ids[first], other=ids[other])
    wins, loses = (made, ids["cid"]) if second == "both" else (ids["cid"], made)
    last = world.admin.edit(7001, "merge", "contacts", wins, other=loses)
    merges = [(ids[first], made, (ids["ann"], ids["bob"])), (wins, last, (made, ids["cid"]))]
    for winner, into, merged in merges[: {"both": 2, "first": 1, "nothing": 0}[told]]:
        world.notice("one", "contact", into, winner=winner, into=into)
        for record in merged:
            world.notice("one", "contact", record, "merged", winner=winner, into=into)
    world.run(later=5)
    world.settle()
    by_card = {pair.R.id: pair for pair in world.pairs("people") if pair.R is not None and not pair.absorbed_by}
    kept = "cid" if second == "cid" else first
    pair = by_card[f"{kept}.vcf"]
    assert pair.L is not None
    assert (pair.L.id, pair.status) == (last, "in_sync")
    assert {by_card[f"{name}.vcf"].reason for name in {"ann", "bob", "cid"} - {kept}} == {"partner_merged"}
    assert f"title of {kept}" in book.get(f"{kept}.vcf")


@pytest.mark.parametrize(("winner", "loser"), [("acme", "beta"), ("beta", "acme")])
def test_a_loser_without_an_identifier_is_no_winner_because_more_of_its_values_stand(
    server: HubSpotServer, winner: str, loser: str
) -> None:
    """The merge fills what is empty in the winner, and nothing of the loser contradicts what stands."""
    world = Polling(server, [sync("companies", "company")])
    values = {winner: {"domain": "acme.example"}, loser: {"city": "Bergen", "zip": "5003", "phone": "+4755555555"}}
    ids = {
        name: world.admin.edit(7001, "create", "companies", properties={"name": name, **values[name]})
        for name in ("acme", "beta")
    }
    world.settle()
    partner = {pair.L.id: pair.R.id for pair in world.pairs("companies") if pair.L and pair.R}
    for record in ids.values():
        world.admin.edit(7001, "update", "companies", record, properties={"name": "Acme"})
    world.settle()
    new = world.admin.edit(7001, "merge", "companies", ids[winner], other=ids[loser])
    world.settle()
    kept = next(pair for pair in world.pairs("companies") if pair.R is not None and pair.R.id == partner[ids[winner]])
    assert kept.L is not None
    assert (kept.L.id, kept.status) == (new, "in_sync")
