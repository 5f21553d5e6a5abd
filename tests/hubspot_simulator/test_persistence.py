"""What is kept when the simulator is stopped, killed, or its journal torn."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from deploy.local.hubspot import AdminClient, HubSpotServer
from tests.hubspot_simulator.conftest import open_portal

ROOT = Path(__file__).parents[2]


@contextmanager
def _process(folder: Path, how: signal.Signals) -> Iterator[str]:
    """Run the simulator as a process, and end it by a signal."""
    command = [sys.executable, "-m", "deploy.local.hubspot", "--data", str(folder), "--account", "4001:pat-a"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://\S+", line)
            assert found is not None, line
            yield found.group()
        finally:
            process.send_signal(how)
            process.wait(10)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_acknowledged_is_lost(tmp_path: Path, how: signal.Signals) -> None:
    """Records, merges, associations, properties, tokens, hooks and the audit log outlive the process."""
    with _process(tmp_path, how) as url, closing(AdminClient(url, "admin")) as admin, requests.Session() as http:
        http.headers["Authorization"] = "Bearer pat-a"
        admin.add_property(4001, "contacts", name="ext_id", unique=True)
        admin.call("POST", "accounts/4001/owners", {"owners": [{"email": "o@firm.example"}]})
        admin.settings(4001, index_lag_ms=0, time_zone="Europe/Berlin")
        admin.set_pipelines(4001, "deals", {"Sales": {"s1": "New"}})
        pipelines = http.get(f"{url}/crm/v3/pipelines/deals", timeout=5).json()
        admin.set_webhooks(4001, "http://127.0.0.1:9/nobody", ["contact.creation"])
        inputs = [{"properties": {"email": f"p{number}@firm.example", "ext_id": str(number)}} for number in range(100)]
        made = http.post(f"{url}/crm/v3/objects/contacts/batch/create", json={"inputs": inputs}, timeout=10)
        ids = [row["id"] for row in made.json()["results"]]
        company = admin.load(4001, companies=[{"name": "Oak"}])["companies"][0]
        admin.edit(4001, "link", "contacts", ids[5], toType="companies", other=company, types=[1])
        merged = admin.edit(4001, "merge", "contacts", ids[0], other=ids[1])
        admin.edit(4001, "archive", "contacts", ids[2])
        http.post(f"{url}/crm/v3/objects/contacts/gdpr-delete", json={"objectId": ids[3]}, timeout=10)
        before = {kind: admin.records(4001, kind) for kind in ("contacts", "companies")}
        audit = admin.audit(4001)
        links = admin.call("GET", "accounts/4001/associations/contacts/companies")
        pending = admin.webhooks(4001)["pending"]
        assert pending == 100

    with _process(tmp_path, how) as url, closing(AdminClient(url, "admin")) as admin, requests.Session() as http:
        http.headers["Authorization"] = "Bearer pat-a"
        assert {kind: admin.records(4001, kind) for kind in ("contacts", "companies")} == before
        assert admin.audit(4001) == audit
        assert (
            admin.call("GET", "accounts/4001/associations/contacts/companies") == links == {ids[5]: {company: [1, 279]}}
        )
        assert admin.call("GET", "accounts/4001")["settings"]["time_zone"] == "Europe/Berlin"
        assert admin.webhooks(4001)["pending"] == pending
        assert http.get(f"{url}/crm/v3/pipelines/deals", timeout=5).json() == pipelines
        assert [row["id"] for row in pipelines["results"]] == ["sales"]
        base = f"{url}/crm/v3/objects/contacts"
        assert http.get(f"{base}/{ids[1]}", timeout=5).json()["id"] == merged
        assert http.get(f"{base}/50", params={"idProperty": "ext_id"}, timeout=5).json()["id"] == ids[50]
        again = http.post(base, json={"properties": {"email": "p7@firm.example"}}, timeout=5)
        assert again.json()["message"] == f"Contact already exists. Existing ID: {ids[7]}"
        new = http.post(base, json={"properties": {"firstname": "new"}}, timeout=5).json()["id"]
        assert int(new) == int(merged) + 1
        found = http.post(f"{base}/search", json={"limit": 1}, timeout=5).json()
        assert found["total"] == 98
        assert admin.audit(4001)[-1]["seq"] == audit[-1]["seq"] + 1


def test_torn_last_line_is_dropped(tmp_path: Path) -> None:
    """A line cut short by a kill was never acknowledged; what came before stays, and writing goes on."""
    with HubSpotServer(data=tmp_path) as server, open_portal(server, 4001) as portal:
        first = portal.make(firstname="one")
    journal = tmp_path / "journal.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"k":"w","p":4001,"seq":2,"at":17')
    with HubSpotServer(data=tmp_path) as server, open_portal(server, 4001, create=False) as portal:
        second = portal.make(firstname="two")
    with HubSpotServer(data=tmp_path) as server, open_portal(server, 4001, create=False) as portal:
        assert list(portal.admin.records(4001, "contacts")) == [first, second]


def test_damaged_journal_is_refused(tmp_path: Path) -> None:
    """A journal that something else wrote into stops the start, and says where."""
    (tmp_path / "journal.jsonl").write_text('{"k":"config"\n{}\n')
    with pytest.raises(ValueError, match=r"line 1 is no JSON .*delete the data folder"):
        HubSpotServer(data=tmp_path)
