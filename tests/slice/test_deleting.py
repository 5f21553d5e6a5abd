"""A sync that is deleted while records of it are under way."""

from deploy.local.hubspot import HubSpotServer
from tests.slice.harness import Slice, sync


def test_what_was_under_way_for_a_deleted_sync_is_dropped(server: HubSpotServer) -> None:
    """Nothing is written, nothing is parked, and nothing stops the others."""
    world = Slice(server, [sync("contacts", "contact"), sync("companies", "company")])
    left = world.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example", "city": "Oslo"})
    world.notice("one", "contact", left)
    world.run()
    (right,) = world.records("two", "contacts")
    world.admin.edit(7001, "update", "contacts", left, properties={"city": "Bergen"})
    world.notice("one", "contact", left)
    writers = {topic: world.handlers.pop(topic) for topic in list(world.handlers) if topic.name.startswith("writes.")}
    world.run()
    world.set_up("sync", "contacts", None)
    world.handlers.update(writers)
    firm = world.admin.edit(7001, "create", "companies", properties={"name": "Acme", "domain": "acme.example"})
    world.notice("one", "company", firm)
    world.notice("two", "contact", right)
    world.run()
    assert world.records("two", "contacts")[right]["properties"]["city"] == "Oslo"
    assert [row["properties"]["name"] for row in world.records("two", "companies").values()] == ["Acme"]
    assert world.broker.end_offsets("parked").get(0, 0) == 0
