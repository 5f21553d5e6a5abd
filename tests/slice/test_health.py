"""What the console adds up of real work: an edit is one write, and takes as long as it took."""

from pathlib import Path

from deploy.local.hubspot import HubSpotServer
from tests.slice.console import Console
from tests.slice.harness import Polling, sync


def test_edits_writes_and_delays_of_real_work(server: HubSpotServer, tmp_path: Path) -> None:
    """A create and an edit are two edits with one write each, although their echoes come back; both took some time."""
    world = Polling(server, [sync("contacts", "contact")])
    console = Console(world, tmp_path)
    left = world.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example", "city": "Oslo"})
    world.settle()
    console.follow()
    world.admin.edit(7001, "update", "contacts", left, properties={"city": "Bergen"})
    world.poll()
    while world.step():
        console.follow()
        world.clock.advance(1_000)
    world.settle()
    console.follow()
    hours = console.views.told_hours("sync/contacts", 0)
    assert (sum(row["edits"] for row in hours), sum(row["writes"] for row in hours)) == (2, 2)
    delays = {int(bound): number for row in hours for bound, number in row["delays"].items()}
    assert sum(delays.values()) == 2
    assert max(delays) >= 1_000, "the edit took a second"
    console.views.close()
