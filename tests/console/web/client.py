"""A browser without script: it keeps cookies, follows links and sends the forms that a page holds."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import urljoin

import requests

from tests.sessions import session

_VOID: Final = frozenset(("meta", "link", "input", "img", "use", "br", "hr"))

_INLINE: Final = frozenset(("a", "b", "code", "kbd", "span", "time"))
"""What stands within a line."""


@dataclass
class Form:
    """One form of a page."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    boxes: list[str] = field(default_factory=list)
    """Boxes that can be ticked; `fields` has those that are."""


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__()
        self.answer = answer
        self.links: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        """Element, attribute and value of everything."""
        self.forms: list[Form] = []
        self.headings: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(answer.text)
        self.close()
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in _INLINE:
            self.text += " "
        self.attributes += [(tag, name, value) for name, value in given.items()]
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "a":
            self.links.append(given["href"])
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get")))
        if tag in ("input", "select") and self.forms and "name" in given:
            form, is_box = self.forms[-1], given.get("type") == "checkbox"
            if is_box:
                form.boxes.append(given["name"])
            if not is_box or "checked" in given:
                form.fields[given["name"]] = given.get("value", "")
        if tag == "h1":
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open.pop() == tag
            if tag not in _INLINE:
                self.text += " "

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("script", "style"):
            return
        self.text += data
        if "h1" in self._open:
            self.headings[-1] += data

    @property
    def words(self) -> str:
        """Return the text as people read it."""
        return " ".join(self.text.split())

    def form(self, action: str) -> Form:
        """Return the form whose action is given."""
        return next(form for form in self.forms if form.action == action)


class ConsoleClient:
    """Opens pages and sends forms of one console, as a browser without script does."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.http = session()

    def ask(self, path: str, method: str = "GET", **more: Any) -> requests.Response:
        """Ask, and follow nothing."""
        more = {"allow_redirects": False, "timeout": 20, **more}
        return self.http.request(method, urljoin(self.address, path), **more)

    def open(self, path: str, status: int = 200) -> Page:
        """Open a page, and follow where it leads."""
        return self.page(self.ask(path, allow_redirects=True), status)

    @staticmethod
    def page(answer: requests.Response, status: int = 200) -> Page:
        """Return the page that an answer is."""
        assert answer.status_code == status, answer.text
        return Page(answer)

    def send(self, form: Form, **fields: str) -> requests.Response:
        """Send a form of a page, with what is filled in."""
        return self.ask(form.action, "POST", data={**form.fields, **fields})

    def sign_in(self, token: str, wanted: str = "/") -> requests.Response:
        """Sign in through the page."""
        page = self.open(f"/sign-in?next={wanted}")
        return self.send(page.form("/sign-in"), token=token)
