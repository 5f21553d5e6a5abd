"""Which part of a local run listens on which port: one base, and a fixed place for each name."""

DEFAULT_BASE = 17400
"""Below the range of outgoing connections, and away from the usual ports of other tools."""

NAMES = (
    "console",
    "ingest",
    "hubspot",
    "carddav",
    "redis",
    "kafka",
    "kafka_controller",
    "matcher",
    "writer",
    "ingest_metrics",
    "console_metrics",
)
"""In the order of their ports; a new name goes to the end, so that the others stay where users know them."""


def port_layout(base: int = DEFAULT_BASE) -> dict[str, int]:
    """Return the port of each name.

    Raises:
        ValueError: The ports do not fit between 1024 and 65535.
    """
    if not 1024 <= base <= 65536 - len(NAMES):
        raise ValueError(f"PORT_BASE={base} does not work: choose one from 1024 to {65536 - len(NAMES)}.")
    return {name: base + place for place, name in enumerate(NAMES)}
