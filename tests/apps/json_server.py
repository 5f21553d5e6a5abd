"""A small server with people behind a plain JSON API, in memory: what a new app speaks to until it speaks to its own.

``GET me`` · ``GET fields`` · ``GET people?after=&limit=`` · ``GET people/ID`` · ``POST people`` ·
``POST people/read {ids|markers|emails}`` · ``PATCH people/ID`` and ``DELETE people/ID`` with `If-Match` ·
``GET changes?since=&limit=``
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

FIELDS: Final[Mapping[str, str]] = {
    "email": "email",
    "first_name": "name",
    "last_name": "name",
    "job": "text",
    "birthday": "date",
    "score": "number",
}
SIZES: Final[Mapping[str, tuple[str, int]]] = {"job": ("max_length", 200), "score": ("scale", 2)}
"""Of some fields, what of them is limited, and how far."""
UNIQUE: Final = ("email", "marker")
TOKEN: Final = "letmein"
CREATED: Final = "2024-01-01T00:00:00.000Z"

Answer = tuple[int, Mapping[str, Any]]


class People:
    """The records of one account, and every change of them."""

    def __init__(self, fields: Mapping[str, str] = FIELDS) -> None:
        self.fields = dict(fields)
        self.rows: dict[str, dict[str, Any]] = {}
        self.told: dict[str, int] = {}
        """By id the number of the last change, also of what is gone."""
        self._number = 0
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, query: Mapping[str, str], expected: str | None, body: Any) -> Answer:
        """Answer one call."""
        with self._lock:
            what, _, record = path.strip("/").partition("/")
            if (method, what) == ("GET", "me"):
                return 200, {"id": "team", "name": "Team"}
            if (method, what) == ("GET", "fields"):
                return 200, {"results": [_described(name, type_) for name, type_ in self.fields.items()]}
            if (method, what) == ("GET", "changes"):
                return self._changes(query)
            if what != "people":
                return 404, {"message": f"there is no {path}"}
            return self._people(method, record, query, expected, body)

    def _people(self, method: str, record: str, query: Mapping[str, str], expected: str | None, body: Any) -> Answer:
        if (method, record) == ("GET", ""):
            return self._page(int(query.get("after") or 0), int(query["limit"]))
        if (method, record) == ("POST", "read"):
            ((names, wanted),) = body.items()
            return 200, {"results": [row for row in self.rows.values() if row.get(names.removesuffix("s")) in wanted]}
        if (method, record) == ("POST", ""):
            return self._put(str(len(self.told) + 1), {"created": CREATED, **dict.fromkeys(self.fields), **body}, 201)
        return self._one(method, record, expected, body)

    def _one(self, method: str, record: str, expected: str | None, body: Any) -> Answer:
        held = self.rows.get(record)
        if held is None:
            return 404, {"message": "there is no such person"}
        if expected is not None and expected != str(held["version"]):
            return 412, {"message": f"this is version {held['version']}"}
        if method == "PATCH":
            return self._put(record, {**held, **body}, 200)
        if method == "DELETE":
            del self.rows[record]
            self._tell(record)
            return 204, {}
        return 200, held

    def _put(self, record: str, row: dict[str, Any], status: int) -> Answer:
        for name in (name for name, type_ in self.fields.items() if type_ == "date"):
            try:
                date.fromisoformat(row[name] or "2000-01-01")
            except ValueError:
                return 422, {"message": f"the {name} is no date", "field": name}
        for name, (what, most) in SIZES.items():
            held = str(row.get(name) or "")
            if len(held if what == "max_length" else held.partition(".")[2]) > most:
                return 422, {"message": f"the {name} is too long", "field": name}
        for name in UNIQUE:
            twin = next((one for one in self.rows.values() if one.get(name) and one[name] == row.get(name)), None)
            if twin is not None and twin["id"] != record:
                return 409, {"message": f"somebody else has this {name}", "field": name, "id": twin["id"]}
        self._tell(record)
        self.rows[record] = {**row, "id": record, "version": self._number}
        return status, self.rows[record]

    def _tell(self, record: str) -> None:
        self._number += 1
        self.told.pop(record, None)
        self.told[record] = self._number

    def _page(self, after: int, limit: int) -> Answer:
        rows = [self.rows[key] for key in sorted(self.rows, key=int) if int(key) > after]
        return 200, {"results": rows[:limit], "next": rows[limit - 1]["id"] if len(rows) > limit else None}

    def _changes(self, query: Mapping[str, str]) -> Answer:
        since = int(query.get("since", self._number))
        if since > self._number:
            return 410, {"message": "nobody was given this number"}
        found = [(key, number) for key, number in self.told.items() if number > since]
        limit = int(query["limit"])
        told = [{"id": key, "version": number, "deleted": key not in self.rows} for key, number in found[:limit]]
        return 200, {
            "results": told,
            "next": told[-1]["version"] if told else since,
            "more": len(found) > limit,
        }


def _described(name: str, type_: str) -> Mapping[str, Any]:
    sizes = dict([SIZES[name]]) if name in SIZES else {}
    return {"name": name, "type": type_, "unique": name in UNIQUE, **sizes}


class Tables:
    """An account whose kinds of records are made at run time: each answers below its name, as people do.

    ``GET tables`` lists them: ``{name, id, label, fields: [{name, type}]}``.
    """

    def __init__(self) -> None:
        self.tables: dict[str, People] = {}
        self._made = 0
        self._ids: dict[str, str] = {}

    def make(self, name: str, fields: Mapping[str, str]) -> People:
        """Make a table."""
        self._made += 1
        self.tables[name], self._ids[name] = People(fields), f"t{self._made}"
        return self.tables[name]

    def answer(self, method: str, path: str, query: Mapping[str, str], expected: str | None, body: Any) -> Answer:
        """Answer one call."""
        name, _, rest = path.strip("/").partition("/")
        if (method, name) == ("GET", "tables"):
            return 200, {
                "results": [
                    {
                        "name": one,
                        "id": self._ids[one],
                        "label": one.capitalize(),
                        "fields": [{"name": field, "type": type_} for field, type_ in table.fields.items()],
                    }
                    for one, table in self.tables.items()
                ]
            }
        if (method, name) == ("GET", "me"):
            return 200, {"id": "tables", "name": "Tables"}
        if name not in self.tables:
            return 403, {"message": f"there is no table {name}"}
        return self.tables[name].answer(method, rest, query, expected, body)


class JsonServer:
    """Serves one account on 127.0.0.1 until it is closed."""

    def __init__(self, account: People | Tables | None = None) -> None:
        self.people = account if isinstance(account, People) else People()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler((account or self.people).answer))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/"

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def ask(self, method: str, path: str, body: Any = None) -> Mapping[str, Any]:
        """Do something as somebody else, past HTTP."""
        status, found = self.people.answer(method, path, {}, None, body)
        assert status < 300, found
        return found

    def create(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Create people as somebody else."""
        return [str(self.ask("POST", "people", dict(row))["id"]) for row in rows]


def _handler(answer: Callable[..., Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = urlsplit(self.path)
            status: int
            found: Mapping[str, Any]
            status, found = 401, {"message": "who are you?"}
            if self.headers.get("authorization") == f"Bearer {TOKEN}":
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                body = json.loads(raw) if raw else None
                status, found = answer(self.command, parts.path, query, self.headers.get("if-match"), body)
            text = b"" if status == 204 else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names that the base class looks for

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Handler
