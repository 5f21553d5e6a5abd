"""What links two records does not count as a difference between them: spelling alone does not travel."""

import pytest

from deploy.local.hubspot import HubSpotServer
from tests.slice.harness import Polling, sync


@pytest.mark.parametrize(
    ("left", "right"),
    [("https://www.w.example:8080/x", "w.example"), ("b\u00fccher.example", "xn--bcher-kva.example")],
)
@pytest.mark.parametrize("default", ["L", "R"])
def test_a_company_matched_by_domain_keeps_its_spelling(
    server: HubSpotServer, left: str, right: str, default: str
) -> None:
    world = Polling(server, [sync("companies", "company", default_app=default)])
    for portal, domain in ((7001, left), (7002, right)):
        world.admin.edit(portal, "create", "companies", properties={"name": "W", "domain": domain})
    stored = [next(iter(world.records(name, "companies").values()))["properties"]["domain"] for name in world.portal]
    world.settle()
    assert [pair.status for pair in world.pairs("companies") if not pair.absorbed_by] == ["in_sync"]
    found = [next(iter(world.records(name, "companies").values()))["properties"]["domain"] for name in world.portal]
    assert found == stored
    assert world.writes() == 0
    record = next(iter(world.records("two", "companies")))
    world.admin.edit(7002, "update", "companies", record, properties={"domain": "other.example"})
    world.settle()
    (company,) = world.records("one", "companies").values()
    assert company["properties"]["domain"] == "other.example"
