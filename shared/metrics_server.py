"""The small HTTP server beside each process: `/metrics`, `/healthz` and `/readyz`."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Protocol

from shared.metrics import Metrics

_LOOK_S: Final = 0.5
"""Between two looks whether it was closed."""
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


class Health(Protocol):
    """What the probes ask. Both lists are empty when all is well, and else say what is wrong, for people."""

    def faults(self) -> tuple[str, ...]:
        """Why the process should be started anew (liveness)."""
        ...

    def unready(self) -> tuple[str, ...]:
        """Why the process should not be sent work yet (readiness)."""
        ...


class MetricsServer:
    """Serves in a thread of its own until it is closed."""

    def __init__(self, metrics: Metrics, health: Health, *, host: str, port: int) -> None:
        class Handler(_Handler):
            """Bound to this process."""

        Handler.metrics, Handler.health = metrics, health
        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise OSError(
                error.errno,
                f"metrics cannot listen on {host}:{port} ({error.strerror}): set SYNCLINE_METRICS_PORT to a free port",
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": _LOOK_S}, name="metrics", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on, also when 0 was asked for."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2)


def start_metrics_server(metrics: Metrics, health: Health, *, host: str, port: int) -> MetricsServer:
    """Serve metrics and probes in a thread; raises OSError when the port is taken."""
    return MetricsServer(metrics, health, host=host, port=port)


class _Handler(BaseHTTPRequestHandler):
    metrics: Metrics
    health: Health
    server_version = "syncline"
    sys_version = ""
    timeout = 5

    def do_GET(self) -> None:
        """Answer one request."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, self.metrics.text(), _TEXT)
        elif path == "/healthz":
            self._report(self.health.faults())
        elif path == "/readyz":
            self._report(self.health.unready())
        else:
            self._answer(404, b"This server knows /metrics, /healthz and /readyz.\n", _TEXT)

    def _report(self, wrong: tuple[str, ...]) -> None:
        body = json.dumps({"ok": not wrong, "reasons": list(wrong)}).encode()
        self._answer(503 if wrong else 200, body + b"\n", "application/json")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Stay quiet: probes come every few seconds."""
