"""Custom objects in a file: found in the accounts, kept in the settings, and named where there is none of a name."""

import pytest
import yaml

from deploy.local.hubspot import HubSpotServer
from services.console.setups.accounts.discovery import Apps
from services.console.use.connections.drafting import Half, own_sync_file
from services.console.use.connections.objects import Objects
from tests.services.console.setup_harness import PORTALS, SetupHarness, between


def test_a_custom_object_is_found_and_kept_with_its_sync(
    harness: SetupHarness, hubspot: HubSpotServer, capsys: pytest.CaptureFixture[str]
) -> None:
    admin = hubspot.admin()
    made = [
        admin.add_object(PORTALS[name], "machine", serial="string", weight="number", state="string")
        for name in ("one", "two")
    ]
    connections = [harness.connection("one"), harness.connection("two")]
    row = {"key": "weight", "left": "weight", "right": "weight"}
    sync = between("one", "two", "machines", "p_machine", mappings={"add": [row]}, match={
        "mode": "fields", "left_field": "serial", "right_field": "serial",
    })  # fmt: skip
    file = {"connections": connections, "syncs": [sync]}
    assert harness.run("plan", file) == 2
    assert "    mapping name: serial <-> serial" in capsys.readouterr().out.splitlines()
    assert harness.run("apply", file) == 0
    keys = [stored.key for stored in harness.follow()]
    assert keys == [
        "connection:one", "connection:two", "object:one/p_machine", "object:two/p_machine", "sync:machines",
        "job:first-machines",
    ]  # fmt: skip
    setups = harness.service.setups
    assert setups.not_run() == {}
    assert setups.found()["two/p_machine"].object.id == made[1]["objectTypeId"]
    assert [info.name for info in setups.binding("one", "p_machine").fields if info.canonical] == ["serial"]
    policy = setups.policy("machines")
    assert policy is not None
    assert (policy.sides.left.object, {*policy.sides.left.fields} >= {"serial", "weight"}) == ("p_machine", True)
    assert harness.run("plan", file) == 0, capsys.readouterr().out
    objects = Objects(harness.service, Apps)
    left, right = (Half(name, objects.one(setups.connection(name), "p_machine")) for name in ("one", "two"))
    assert left.fields()[0] == ("serial", "Serial"), "what names a machine comes first"
    (written,) = yaml.safe_load(own_sync_file(setups, left, right, ("serial", "serial")))["syncs"]
    assert written == {name: value for name, value in {**sync, "id": "machine-two"}.items() if name != "mappings"}
    told = {**file, "syncs": [sync, between("one", "two", "robots", "p_robot")]}
    assert harness.run("plan", told) == 1
    assert "HubSpot has no 'p_robot', only contact, company, deal, p_machine (Machines)" in capsys.readouterr().err
    admin.close()
