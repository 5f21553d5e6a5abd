"""Every page in a real browser: nothing cut off, nothing that axe finds, the policy kept, and the focus never lost."""

import pytest

from tests.console.browser.conftest import SCHEMES, WIDTHS, Reader
from tests.console.web.examples import PAGES, STATES

_AT = """() => {
  const at = document.activeElement, box = at.getBoundingClientRect();
  return [at === document.body ? "body" : at.outerHTML, box.width > 0 && box.right > 0];
}"""
"""Where the focus is, and whether that can be seen."""
_NATIVE = """() => [...document.querySelectorAll("progress")].filter(
  node => getComputedStyle(node).appearance !== "none").length"""
"""How many bars look as the browser has them: in the dark an empty one is white from end to end."""
_NOT_EMPTY = ("/sign-in?next=/", "/records/bob", "/jobs/resync-people.everything")
"""Pages that are the same, or are not there, without data."""
_ENDS = ((1280, "light"), (390, "dark"))


def _name(path: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in path).strip("-") or "home"


@pytest.mark.parametrize("path", PAGES)
def test_with_data(reader: Reader, path: str) -> None:
    """In both widths and both schemes."""
    if path.startswith("/sign-in"):
        reader.context.clear_cookies()
    reader.go(path)
    for width in WIDTHS:
        for scheme in SCHEMES:
            reader.look(width, scheme)
            reader.picture(f"{_name(path)}-{width}-{scheme}")
            assert reader.cut() == []
            assert reader.axe() == []
    assert reader.page.evaluate(_NATIVE) == 0


@pytest.mark.parametrize("path", STATES)
def test_other_states(reader: Reader, path: str) -> None:
    """Wide and light, and narrow and dark: axe is slow, and each page was seen in all four."""
    reader.go(path)
    for width, scheme in _ENDS:
        reader.look(width, scheme)
        reader.picture(f"{_name(path)}-{width}-{scheme}")
        assert reader.cut() == []
        assert reader.axe() == []


@pytest.mark.parametrize("path", [path for path in PAGES if path not in _NOT_EMPTY])
def test_without_data(newcomer: Reader, path: str) -> None:
    """Wide and light, and narrow and dark."""
    newcomer.go(path)
    for width, scheme in _ENDS:
        newcomer.look(width, scheme)
        newcomer.picture(f"empty-{_name(path)}-{width}-{scheme}")
        assert newcomer.cut() == []
        assert newcomer.axe() == []


@pytest.mark.parametrize("path", PAGES)
def test_the_focus_is_always_somewhere(reader: Reader, path: str) -> None:
    """Tab by tab through the page: each stop can be seen, and script loses none."""
    reader.go(path)
    seen = set()
    for _ in range(40):
        reader.page.keyboard.press("Tab")
        at, shown = reader.page.evaluate(_AT)
        if at == "body":
            break  # the end of the page: the browser's own controls come next
        seen.add(at)
        assert shown, at
    assert len(seen) > 3
