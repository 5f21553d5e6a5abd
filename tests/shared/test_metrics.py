"""Metrics: one catalogue, bounded labels, and the server that shows them."""

import http.client
import json
from dataclasses import dataclass
from typing import get_args

import pytest

from shared.metrics import LABELS, METRICS, OTHER, Capped, Enumerated, Metrics, Name, table
from shared.metrics_server import start_metrics_server


def test_the_catalogue_is_complete() -> None:
    """Each name that code may use has exactly one row, and each label has a rule."""
    assert sorted(row.name for row in METRICS) == sorted(get_args(Name))
    for row in METRICS:
        assert set(row.labels) <= set(LABELS), row.name
        assert bool(row.buckets) == (row.kind == "histogram"), row.name
        assert len(row.doc) > 15
        assert row.name in table()
    assert {label for row in METRICS for label in row.labels} <= set(LABELS)


def test_every_label_is_bounded() -> None:
    """A flood of new values makes no more series than the label's rule allows."""
    metrics = Metrics()
    for label, rule in LABELS.items():
        row = next((row for row in METRICS if label in row.labels), None)
        if row is None:
            continue
        limit = len(rule.values) if isinstance(rule, Enumerated) else rule.most + len(rule.known)
        for number in range(limit + 50):
            values = {name: (f"v{number}" if name == label else "x") for name in row.labels}
            if row.kind == "counter":
                metrics.count(row.name, **values)
            elif row.kind == "gauge":
                metrics.set(row.name, 1, **values)
            else:
                metrics.observe(row.name, 1, **values)
        seen = {
            sample.labels[label]
            for family in metrics.registry.collect()
            for sample in family.samples
            if label in sample.labels and sample.name.startswith(f"syncline_{row.name}")
        }
        assert len(seen) <= limit + 1
        assert OTHER in seen
        if isinstance(rule, Capped):
            assert "v0" in seen


def test_strange_values_become_other() -> None:
    """A value that is no plain word never becomes a label, even the first."""
    metrics = Metrics()
    metrics.count("rebuilds_total", sync='x"} evil 1\n')
    assert metrics.value("rebuilds_total", sync=OTHER) == 1


def test_wrong_labels_are_an_error() -> None:
    """A forgotten or misspelt label fails at once."""
    metrics = Metrics()
    with pytest.raises(TypeError, match="rebuilds_total"):
        metrics.count("rebuilds_total", connection="x")
    with pytest.raises(TypeError, match="counter"):
        metrics.set("rebuilds_total", 1, sync="x")


def test_a_series_can_be_forgotten() -> None:
    """The lag of a partition that went elsewhere is not shown for ever; forgetting twice is no error."""
    metrics = Metrics()
    labels = {"group": "g", "topic": "t", "partition": "0"}
    metrics.set("consumer_lag", 5, **labels)
    metrics.forget("consumer_lag", **labels)
    metrics.forget("consumer_lag", **labels)
    assert b'consumer_lag{group="g"' not in metrics.text()


@dataclass
class _Health:
    wrong: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ("settings are still being read",)

    def faults(self) -> tuple[str, ...]:
        return self.wrong

    def unready(self) -> tuple[str, ...]:
        return self.waiting


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_server_shows_metrics_and_probes() -> None:
    """Probes answer 200 or 503 with reasons; metrics are in Prometheus' format; the rest is 404."""
    metrics, health = Metrics(), _Health()
    metrics.count("rebuilds_total", sync="people")
    server = start_metrics_server(metrics, health, host="127.0.0.1", port=0)
    try:
        assert b'syncline_rebuilds_total{sync="people"} 1.0' in _get(server.port, "/metrics")[1]
        status, body = _get(server.port, "/readyz")
        assert (status, json.loads(body)["reasons"]) == (503, ["settings are still being read"])
        assert _get(server.port, "/healthz")[0] == 200
        health.wrong = ("partition pairs/3 stands still",)
        assert _get(server.port, "/healthz")[0] == 503
        assert _get(server.port, "/secret")[0] == 404
        with pytest.raises(OSError, match="SYNCLINE_METRICS_PORT"):
            start_metrics_server(metrics, health, host="127.0.0.1", port=server.port)
    finally:
        server.close()
