"""Every page in a real browser: nothing cut off, nothing that axe finds, the policy kept, and the focus never lost."""

import pytest

from tests.console.browser.conftest import SCHEMES, WIDTHS, Reader
from tests.console.web.examples import LOOKS

_AT = """() => {
  const at = document.activeElement, box = at.getBoundingClientRect();
  return [at === document.body ? "body" : at.outerHTML, box.width > 0 && box.right > 0];
}"""
"""Where the focus is, and whether that can be seen."""
_ENDS = ((1280, "light"), (390, "dark"))


def _name(path: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in path).strip("-") or "home"


@pytest.mark.parametrize("path", LOOKS)
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


@pytest.mark.parametrize("path", [path for path in LOOKS if not path.startswith("/sign-in")])
def test_without_data(newcomer: Reader, path: str) -> None:
    """Wide and light, and narrow and dark; a page of one record is not there without it."""
    answer = newcomer.page.request.get(f"{newcomer.address}{path}")
    if answer.status == 404:
        return
    newcomer.go(path)
    for width, scheme in _ENDS:
        newcomer.look(width, scheme)
        newcomer.picture(f"empty-{_name(path)}-{width}-{scheme}")
        assert newcomer.cut() == []
        assert newcomer.axe() == []


@pytest.mark.parametrize("path", LOOKS)
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
