"""What apps and types of records declare is read: by the engine, a service, the conformance suite or a reference."""

from pathlib import Path
from typing import Final

from mypy.modulefinder import BuildSource

from tests.architecture.declarations import source, unread

ROOT: Final = Path(__file__).parents[2]
DECLARING: Final = ("shared.core.connector", "shared.core.demands", "shared.core.fields", "shared.objects.base")
READING: Final = ("tests/apps/driver.py", "tests/apps/conformance.py", "tests/apps/world.py", "tests/docs/reference.py")


def test_everything_that_is_declared_is_read() -> None:
    paths = [path for folder in ("shared", "services") for path in sorted((ROOT / folder).rglob("*.py"))]
    sources = [source(path, ROOT) for path in (*paths, *(ROOT / name for name in READING))]
    assert unread(sources, DECLARING) == set()


def test_an_attribute_is_read_only_where_its_own_class_is() -> None:
    declaring = (
        "from dataclasses import dataclass\n@dataclass\nclass Feed:\n    kind: str\n    role: str\n    name: str\n"
    )
    reading = (
        "from declaring import Feed\n"
        "class Other:\n    role = ''\n"
        "def use(feeds: list[Feed | None], other: Other) -> list[str]:\n"
        "    return [other.role, *(feed.kind for feed in feeds if feed is not None)]\n"
        "def fill(feed: Feed) -> Feed:\n    return Feed(kind=feed.kind, role='', name='')\n"
    )
    sources = [BuildSource(None, "declaring", declaring), BuildSource(None, "reading", reading)]
    assert unread(sources, ["declaring"]) == {"Feed.role", "Feed.name"}
