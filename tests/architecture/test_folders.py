"""Whoever opens a folder reads first what it is for, and the walk through them all stays short enough to be read."""

import ast
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
WALK: Final = ROOT / "docs" / "architecture.md"
MOST_LINES: Final = 200
_CODE: Final = ("shared", "services", "deploy")


def purposes(root: Path) -> dict[str, str]:
    """Return the first sentence of each folder that holds code."""
    found = {}
    for folder in {path.parent for path in root.rglob("*.py")}:
        file = folder / "__init__.py"
        said = ast.get_docstring(ast.parse(file.read_text())) if file.exists() else None
        found[folder.relative_to(root.parent).as_posix()] = (said or "").split("\n")[0]
    return found


def test_each_folder_begins_with_what_it_is_for() -> None:
    found = {folder: text for top in (*_CODE, "tests") for folder, text in purposes(ROOT / top).items()}
    assert {"shared/io", "services/console/web/screens", "tests/slice"} <= found.keys()
    assert [folder for folder, text in sorted(found.items()) if len(text) < 20] == []


def test_a_folder_that_does_not_say_what_it_is_for_is_found(tmp_path: Path) -> None:
    for name, text in (("said", '"""Keeps what is kept."""\n'), ("silent", "import os\n"), ("bare", None)):
        (tmp_path / "top" / name).mkdir(parents=True)
        (tmp_path / "top" / name / "code.py").write_text("")
        if text is not None:
            (tmp_path / "top" / name / "__init__.py").write_text(text)
    assert purposes(tmp_path / "top") == {"top/said": "Keeps what is kept.", "top/silent": "", "top/bare": ""}


def test_the_walk_names_each_folder_and_stays_short() -> None:
    text = WALK.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    named = [folder for top in _CODE for folder in purposes(ROOT / top)]
    assert [folder for folder in sorted(named) if "/" in folder and f"`{folder}/" not in text] == []
