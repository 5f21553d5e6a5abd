"""How long a change takes from the accepted webhook to the write that the other account received, at 50 edits a second."""

import json
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import requests
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from deploy.local.hubspot import dataset
from deploy.local.stack import PORTAL
from tests.bench.accounts import OTHER, Accounts
from tests.bench.figures import Figure, figure

RATE: Final = 50
SECONDS: Final = 40
CONTACTS: Final = 500


def measure() -> list[Figure]:
    """Measure on a stack of its own; raises what kept it from measuring."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Accounts(Path(folder))
        try:
            stack.start(print, empty=True)
            stack.silence()
            admin = stack.hubspot.admin()
            admin.settings(OTHER, ten_secondly=100_000, daily=0)
            admin.settings(PORTAL, ten_secondly=100_000, daily=0)
            stack.wait_settled(0, 60)
            made = dataset.make(3, CONTACTS, 20)
            ids = admin.load(PORTAL, contacts=made.as_load()["contacts"])["contacts"]
            _notify(stack, ids)
            stack.wait_settled(CONTACTS, 180)
            delays, lost = _edit(stack, ids)
            hops = _hops(stack.bootstrap)
            admin.close()
        finally:
            stack.stop()
    if lost:
        raise RuntimeError(f"{lost} of {RATE * SECONDS} edits never arrived")
    p50, p99 = _percentile(delays, 50), _percentile(delays, 99)
    beside = "one acknowledged Kafka hop, produce to poll, p{}"
    return [
        figure(
            "webhook accepted to write received at 50 edits/s, p50", p50, "ms",
            baseline=beside.format(50), baseline_value=_percentile(hops, 50),
        ),
        figure(
            "webhook accepted to write received at 50 edits/s, p99", p99, "ms",
            baseline=beside.format(99), baseline_value=_percentile(hops, 99), goal="≤ 250 ms (goal 100)", met=p99 <= 250,
        ),
    ]  # fmt: skip


def _event(record: str) -> dict[str, object]:
    return {
        "subscriptionType": "contact.propertyChange", "propertyName": "jobtitle", "objectId": int(record),
        "portalId": PORTAL, "occurredAt": int(time.time() * 1000), "eventId": 1, "attemptNumber": 0,
    }  # fmt: skip


def _post(stack: Accounts, http: requests.Session, records: list[str]) -> None:
    body = json.dumps([_event(record) for record in records]).encode()
    reply = http.post(f"{stack.ingest_url}/webhooks/hubspot", data=body, headers=stack.signed(body), timeout=10)
    if reply.status_code != 200:
        raise RuntimeError(f"ingest answered {reply.status_code}: {reply.text}")


def _notify(stack: Accounts, ids: list[str]) -> None:
    with requests.Session() as http:
        for start in range(0, len(ids), 100):
            _post(stack, http, ids[start : start + 100])


def _edit(stack: Accounts, ids: list[str]) -> tuple[list[float], int]:
    """Edit at a steady rate; gives the delays in ms, and how many edits did not arrive."""
    accepted: dict[str, float] = {}
    local = threading.local()
    first = stack.hubspot.admin().call("GET", f"accounts/{OTHER}/audit")["last"]

    def edit(number: int) -> None:
        if not hasattr(local, "http"):
            local.http, local.admin = requests.Session(), stack.hubspot.admin()
        record = ids[number % len(ids)]
        local.admin.edit(PORTAL, "update", "contacts", record, properties={"jobtitle": f"bench {number}"})
        _post(stack, local.http, [record])
        accepted[f"bench {number}"] = time.time() * 1000

    begun = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        futures = []
        for number in range(RATE * SECONDS):
            time.sleep(max(0.0, begun + number / RATE - time.monotonic()))
            futures.append(pool.submit(edit, number))
        for future in futures:
            future.result()
    admin = stack.hubspot.admin()
    deadline = time.monotonic() + 30
    arrived: dict[str, float] = {}
    while len(arrived) < len(accepted) and time.monotonic() < deadline:
        time.sleep(0.5)
        rows = admin.audit(OTHER, first)
        arrived = {row["after"]["jobtitle"]: row["at"] for row in rows if "jobtitle" in row["after"]}
    admin.close()
    return [arrived[name] - at for name, at in accepted.items() if name in arrived], len(
        accepted.keys() - arrived.keys()
    )


def _hops(bootstrap: str) -> list[float]:
    """Measure the bare broker with the same client: acknowledged produce, then poll."""
    part = TopicPartition("notices", 0)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=250)
    consumer.assign([part])
    consumer.seek_to_end(part)
    consumer.position(part)
    found: dict[bytes, float] = {}
    halt = threading.Event()

    def read() -> None:
        while not halt.is_set():
            for rows in consumer.poll(timeout_ms=100).values():
                found.update({row.value: time.monotonic() for row in rows})

    reader = threading.Thread(target=read)
    reader.start()
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    sent: dict[bytes, float] = {}
    for number in range(10 * RATE):
        value = b"hop %d" % number
        sent[value] = time.monotonic()
        producer.send("notices", value, partition=0).get(timeout=10)
        time.sleep(max(0.0, 1 / RATE - (time.monotonic() - sent[value])))
    time.sleep(1)
    halt.set()
    reader.join()
    producer.close()
    consumer.close()
    return [(found[value] - at) * 1000 for value, at in sent.items() if value in found]


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
