"""An example of every message and state in each version, read both ways: by this version, and back untouched.

The files stand for what is on disk of installations, so none is ever changed; a new version adds files.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import BaseModel

from shared.apps import APPS
from shared.model import pairs
from shared.model.earlier import RULES
from shared.model.pairs import NewerState, Pair
from shared.model.records import Version, carried
from shared.wire import topics
from shared.wire.exports import ExportDoc
from shared.wire.messages import AccessDoc, JobDoc, SetupDoc
from shared.wire.topics import Topic, UnreadableMessage

if TYPE_CHECKING:
    from shared.model.syncs import Sync

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
TOPICS: Final = {topic.name.split(".")[0]: topic for topic in topics.catalogue(tuple(APPS))}
"""By folder: all topics of writes carry the same, and all that delay."""
_PARTS: Final = [
    (topics.SETUPS, SetupDoc),
    (topics.JOBS, JobDoc),
    (topics.ACCESS, AccessDoc),
    (topics.EXPORTS, ExportDoc),
]
FILES: Final = sorted(EXAMPLES.rglob("*.json"))


def opened(path: Path) -> tuple[Topic[Any], str, Any]:
    """Return an example's topic, version and document."""
    folder, version, _ = path.relative_to(EXAMPLES).parts
    return TOPICS[folder], version.removeprefix("v"), json.loads(path.read_text())


def read(topic: Topic[Any], version: str, doc: Any) -> Any:
    return topic.decode(json.dumps(doc).encode(), {"ce_dataschema": version})


def with_news(model: Any, doc: Any) -> Any:
    """Add a field to a document and to each part of it that is a document of its own, as a newer version may."""
    if isinstance(model, BaseModel):
        parts = {
            key: with_news(getattr(model, key), value) if key not in RULES else value for key, value in doc.items()
        }
        return {**parts, "news": {"of": ["a newer", 1.5, None]}}
    if isinstance(doc, dict):
        return {key: with_news(model[key], value) for key, value in doc.items()}
    if isinstance(doc, list):
        return [with_news(*row) for row in zip(model, doc, strict=True)]
    return doc


@pytest.mark.parametrize("folder", sorted(TOPICS))
def test_no_topic_lacks_an_example(folder: str) -> None:
    """Of its own version and of each one before that."""
    for version in range(1, TOPICS[folder].version + 1):
        assert list((EXAMPLES / folder / f"v{version}").glob("*.json")), version


@pytest.mark.parametrize(("topic", "model"), _PARTS)
def test_no_kind_of_document_lacks_an_example(topic: Topic[Any], model: type[BaseModel]) -> None:
    """One document holds one of them."""
    made = {path.stem for path in (EXAMPLES / topic.name / f"v{topic.version}").glob("*.json")}
    assert made == set(model.model_fields)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_what_was_written_once_is_read_and_written_back(path: Path) -> None:
    """Nothing of it is lost."""
    topic, version, doc = opened(path)
    assert json.loads(topic.encode(read(topic, version, doc))) == doc


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_what_a_newer_version_writes_besides_is_written_back_untouched(path: Path) -> None:
    """In the document, and in each part of it."""
    topic, version, doc = opened(path)
    newer = with_news(read(topic, version, doc), doc)
    assert json.loads(topic.encode(read(topic, version, newer))) == newer
    assert read(topic, version, newer) != read(topic, version, doc), "it is another document"


@pytest.mark.parametrize("folder", sorted(TOPICS))
@pytest.mark.parametrize(("ahead", "reason"), [(1, "newer_version"), (40, "newer_version"), (-9, "unknown_version")])
def test_a_version_that_is_newer_is_told_from_one_that_never_was(folder: str, ahead: int, reason: str) -> None:
    """One waits for whoever reads it, the other one for a person."""
    path = next((EXAMPLES / folder / "v1").glob("*.json"))
    topic, _, doc = opened(path)
    with pytest.raises(UnreadableMessage) as caught:
        read(topic, str(topic.version + ahead), doc)
    assert caught.value.reason == reason


def test_a_word_that_a_newer_version_uses_is_told_from_nonsense() -> None:
    """A kind of message that comes with the next version, and a field of another type."""
    topic, version, doc = opened(EXAMPLES / "pairs" / "v1" / "full.json")
    for changes, reason in (({"kind": "probe"}, "newer_version"), ({"kind": "probe", "asks": 7}, "malformed")):
        with pytest.raises(UnreadableMessage) as caught:
            read(topic, version, {**doc, **changes})
        assert caught.value.reason == reason


# States, which Redis keeps without a header


def test_a_state_tells_its_own_version() -> None:
    """The journal says the same in a header."""
    assert topics.PAIR_STATE.version == pairs.FORM
    assert Pair.read('{"sync": "s", "pair": "p"}').form == 1


@pytest.mark.parametrize(
    "state",
    [
        '{"sync": "s", "pair": "p", "form": 2}',
        '{"sync": "s", "pair": "p", "form": 2, "rev": {"clock": 1, "count": 2}}',
        '{"sync": "s", "pair": "p", "status": "archived"}',
    ],
)
def test_a_state_of_a_newer_form_is_no_broken_one(state: str) -> None:
    """Be it that it can be read, that a field means something else, or that a word is new."""
    with pytest.raises(NewerState):
        Pair.read(state)


def test_a_broken_state_is_broken() -> None:
    """Nobody reads it later either."""
    for state in ("{", '{"sync": "s", "pair": "p", "rev": "x"}', '{"pair": "p"}'):
        with pytest.raises(ValueError, match="validation error"):
            Pair.read(state)


# Documents that are made anew


def test_settings_that_are_made_anew_keep_what_a_newer_version_wrote_into_them() -> None:
    """Rows are known by their key; one that is new has nothing to keep."""
    topic, version, doc = opened(EXAMPLES / "setups" / "v1" / "sync.json")
    old = read(topic, version, with_news(read(topic, version, doc), doc)).sync
    plain = read(topic, version, doc).sync
    row = plain.mappings[0]
    made: Sync = carried(plain.model_copy(update={"mappings": (row.model_copy(update={"key": "new"}), row)}), old)
    news = {"news": {"of": ["a newer", 1.5, None]}}
    before = {"required": True}  # which the version before had, and nobody read
    assert [one.model_extra for one in made.mappings] == [before, before | news]
    assert [one.model_extra for one in (made, made.left, made.match, made.associations[0])] == [news] * 4
    assert carried(plain, None) is plain
    assert Version(order=1) == carried(Version(order=1), Version(order=2))
