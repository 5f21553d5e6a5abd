"""Logs: one JSON object a line, one line an outcome, and never a secret.

Three nets hold secrets back, because each alone has a hole: values of secret types, keys that name a secret, and texts
that look like one wherever they stand, also inside an exception's message.
"""

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

import structlog
from pydantic import SecretBytes, SecretStr
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

HIDDEN: Final = "***"

_SECRET_KEY: Final = re.compile(
    r"passw(or)?d|passphrase|secret|token|authorization|cookie|api[_-]?key|private[_-]?key|credential|signature",
    re.IGNORECASE,
)
_SAFE_KEYS: Final = frozenset({"sync_token", "token_expires_ms"})
"""Names that contain a secret's word but hold none."""

_PATTERNS: Final = (
    # an Authorization header in running text, in a dict's repr or in JSON
    (
        re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?)(?:(?:bearer|basic|digest)\s+)?[^\s'\",;}]+"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    # HubSpot's private-app tokens
    (re.compile(r"(?i)\bpat-[a-z0-9]{2,5}-[a-z0-9-]{8,}"), HIDDEN),
    # the password in an address
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]+@"), rf"\1{HIDDEN}@"),
    # a name that says secret, then its value: in a query, in JSON, in a dict's repr
    (
        re.compile(r"(?i)((?:[a-z_-]*(?:passw(?:or)?d|secret|token)|api[_-]?key)['\"]?\s*[:=]\s*['\"]?)[^\s'\",;&}]+"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
)
_DEPTH: Final = 8
_NOISY: Final = ("faust", "mode", "aiokafka", "kafka", "urllib3", "asyncio")
_UNREAD: Final = ("kafka.admin._groups",)
"""Warns with a whole line of bytes that it cannot read what Faust's members tell each other; nobody here reads it."""


_SILENCE_S: Final = 60.0
"""A line that a library repeats is written again once it has been silent for so long."""
_MOST_KINDS: Final = 500
_VARYING: Final = re.compile(r"0x[0-9a-f]+|\d[\d.:]*")


def scrub_text(text: str) -> str:
    """Replace everything in a text that looks like a secret."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def scrub(value: Any, depth: int = _DEPTH) -> Any:
    """Replace secrets in a value of any shape, by type, by key and by look."""
    if isinstance(value, SecretStr | SecretBytes):
        return HIDDEN
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): _by_key(str(key), item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub(item, depth - 1) for item in value]
    return scrub_text(value if isinstance(value, str) else repr(value))


def _by_key(key: str, value: Any, depth: int) -> Any:
    if _SECRET_KEY.search(key) and key not in _SAFE_KEYS and value is not None:
        return HIDDEN
    return scrub(value, depth - 1)


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Scrub a whole log line; the last processor before it is written."""
    return {key: _by_key(key, value, _DEPTH) for key, value in event.items()}


def set_up(level: str = "info", *, service: str, stream: TextIO | None = None) -> None:
    """Send all logs of this process, also those of libraries, as JSON lines to *stream* (standard error)."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _named(service),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            hide_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_number(level))
    for name in _NOISY:
        # Their INFO is a line a message or a heartbeat; it made Faust measurably slower.
        logging.getLogger(name).setLevel(max(_number(level), logging.WARNING))
    for name in _UNREAD:
        logging.getLogger(name).setLevel(logging.ERROR)


def get(name: str) -> FilteringBoundLogger:
    """Return the logger of a module."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def tells_all() -> bool:
    """Check whether debug lines are written, for whoever would make one for each message."""
    return logging.getLogger().isEnabledFor(logging.DEBUG)


class Repeats(logging.Filter):
    """Holds back what a library says again and again, as clients do of each attempt while a server is away."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._said: dict[tuple[str, int, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass lines of ours, and those that their library has not written for a minute; numbers make no difference."""
        if record.name.partition(".")[0] not in _NOISY:
            return True
        now, kind = self._monotonic(), (record.name, record.levelno, _VARYING.sub("#", str(record.msg)))
        last = self._said.pop(kind, None)
        self._said[kind] = now
        if len(self._said) > _MOST_KINDS:
            del self._said[next(iter(self._said))]
        return last is None or now - last >= _SILENCE_S


class Trouble:
    """Writes one line when something goes wrong and one when it is right again, however often either is noticed.

    Args:
        settle_s: For how long it must not have gone wrong to be right; for whoever notices neither all the time.
    """

    def __init__(
        self,
        log: FilteringBoundLogger,
        event: str,
        *,
        settle_s: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._event = event
        self._settle_s = settle_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._since: float | None = None
        self._last = 0.0

    def begun(self, **detail: object) -> None:
        """State that it goes wrong."""
        with self._lock:
            now = self._last = self._monotonic()
            first = self._since is None
            self._since = now if self._since is None else self._since
        if first:
            self._log.warning(self._event, **detail)

    def over(self, **detail: object) -> None:
        """State that it is right."""
        with self._lock:
            if self._since is None or self._monotonic() - self._last < self._settle_s:
                return
            seconds, self._since = self._last - self._since, None
        self._log.info(f"{self._event}_over", seconds=round(seconds, 1), **detail)


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]


def _named(service: str) -> structlog.typing.Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    return add
