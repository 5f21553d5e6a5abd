"""The matcher's recipe loses nothing when killed between taking and publishing; the control shows the test bites."""

import os
import random
import sys
import time
from pathlib import Path

import pytest

from deploy.local.servers.processes import Child
from deploy.local.servers.real import KafkaServer
from deploy.local.stack import ROOT
from shared.io.kafka.producer import KafkaBus
from shared.io.kafka.reader import KafkaOffsets, read_to_end
from shared.io.kafka.topics import create_topics
from shared.io.ports import Outbound, run_blocking
from shared.metrics import Metrics
from shared.settings import load
from shared.wire import topics
from shared.wire.messages import Notice

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]

MESSAGES = 6000
_TOGETHER = 12
"""Published by one call: three to a partition, in one bundle."""
KILLS = 5


@pytest.mark.parametrize("mode", ["recipe", "control"])
def test_killed_between_taking_and_publishing(tmp_path: Path, mode: str) -> None:
    with KafkaServer(tmp_path / "kafka") as kafka:
        settings = load(kafka_bootstrap=kafka.bootstrap, kafka_replication=1, kafka_partitions=4)
        create_topics(settings, topics.catalogue(settings.apps))
        bus = KafkaBus(settings, metrics=Metrics(), timeout_s=20)
        names = [f"n{number}" for number in range(MESSAGES)]
        notices = [
            Outbound(topic=topics.NOTICES, key=name, message=Notice(connection="c", object="contact", id=name))
            for name in names
        ]
        for start in range(0, MESSAGES, _TOGETHER):
            run_blocking(bus.publish(notices[start : start + _TOGETHER]))
        bus.close()
        worker = Child(
            "worker",
            [sys.executable, "-m", "tests.e2e.kill_worker", mode],
            log=tmp_path / "worker.log",
            env={
                **os.environ,
                "SYNCLINE_KAFKA_BOOTSTRAP": kafka.bootstrap,
                "SYNCLINE_SESSION_TIMEOUT_S": "6",
            },
            cwd=ROOT,
        )
        offsets, draw = KafkaOffsets(settings), random.Random(3)

        def committed() -> int:
            return sum(offsets.committed("matcher", topics.NOTICES.name).values())

        try:
            for _ in range(KILLS):
                before = committed()
                worker.start()
                deadline = time.monotonic() + 40
                while committed() == before and time.monotonic() < deadline:
                    assert worker.is_running(), worker.log_tail()
                    time.sleep(0.05)
                time.sleep(draw.uniform(0.1, 0.9))
                worker.kill()
            worker.start()
            deadline, end = time.monotonic() + 120, sum(offsets.end_offsets(topics.NOTICES.name).values())
            while committed() < end:
                assert worker.is_running(), worker.log_tail()
                assert time.monotonic() < deadline, f"{committed()} of {end} after the kills"
                time.sleep(0.2)
            time.sleep(2)
        finally:
            worker.stop(5)
        offsets.close()
        seen = {stored.key for stored in read_to_end(settings, topics.RECORDS)}
    lost = len(set(names) - seen)
    assert (lost == 0) == (mode == "recipe"), f"{lost} of {MESSAGES} lost after {KILLS} kills"
