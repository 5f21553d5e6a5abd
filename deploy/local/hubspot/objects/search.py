"""The search API: filters over an index that lags behind the writes, within HubSpot's caps."""

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from deploy.local.hubspot.errors import ApiError, bad_request, invalid_input
from deploy.local.hubspot.http import Answer, Call, paged
from deploy.local.hubspot.objects.fields import Property
from deploy.local.hubspot.objects.objects import show, wanted
from deploy.local.hubspot.objects.values import parse_time
from deploy.local.hubspot.store import Record, Table

MAX_PAGE, MAX_RESULTS, MAX_BODY = 200, 10_000, 3_000
MAX_GROUPS, MAX_FILTERS, MAX_ALL = 5, 6, 18

Test = Callable[[Record], bool]


def search(call: Call) -> Answer:
    """POST a query; archived records never appear, and a filter on an unknown property finds nothing."""
    table = call.table()
    table.refresh_index(call.now - call.account.settings.index_lag_ms)
    body = call.mapping()
    limit = _whole(body.get("limit", 10), "limit")
    if not 1 <= limit <= MAX_PAGE:
        raise bad_request(f"limit must be between 1 and {MAX_PAGE}, not {limit}")
    offset = _whole(body.get("after") or 0, "after")
    if offset + limit > MAX_RESULTS and offset >= MAX_RESULTS:
        raise ApiError(
            400, "VALIDATION_ERROR", f"Searching past {MAX_RESULTS} results is not supported: after is {offset}"
        )
    found = list(_matches(call, table, body))
    _sort(table, found, body.get("sorts") or [])
    names = wanted(call, table, [str(name) for name in body.get("properties") or []])
    page = found[offset : min(offset + limit, MAX_RESULTS)]
    after = str(offset + limit) if offset + limit < len(found) else None
    return Answer(200, {"total": len(found), **paged([show(record, names) for record in page], after)})


def _whole(value: object, name: str) -> int:
    if isinstance(value, str) and value.isdigit():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise bad_request(f"{name} must be a whole number, not {value!r}")


def _matches(call: Call, table: Table, body: dict[str, Any]) -> Iterable[Record]:
    groups = body.get("filterGroups") or []
    if not groups and body.get("filters"):
        groups = [{"filters": body["filters"]}]
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise invalid_input("filterGroups must be a list of objects")
    filters = [_list(group.get("filters")) for group in groups]
    if (
        len(groups) > MAX_GROUPS
        or any(len(group) > MAX_FILTERS for group in filters)
        or sum(map(len, filters)) > MAX_ALL
    ):
        raise bad_request(
            f"too many filters: at most {MAX_GROUPS} groups of {MAX_FILTERS} filters, {MAX_ALL} in all are allowed"
        )
    known = call.account.properties[table.kind.name]
    fits = _any_of([_all_of([_test(row, known, table.kind.modified) for row in group]) for group in filters])
    query = str(body.get("query") or "").lower().split()
    floor = _floor(table, filters)
    for record in _newest_first(table, floor):
        if not fits(record):
            continue
        if query:
            text = " ".join(record.props.get(name, "") for name in table.kind.searchable).lower()
            if not all(word in text for word in query):
                continue
        yield record


def _all_of(tests: list[Test]) -> Test:
    return tests[0] if len(tests) == 1 else lambda record: all(test(record) for test in tests)


def _any_of(tests: list[Test]) -> Test:
    """Combine the groups; without any, everything fits."""
    if len(tests) == 1:
        return tests[0]
    return lambda record: not tests or any(test(record) for test in tests)


def _list(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise invalid_input("filters must be a list of objects")
    return value


def _floor(table: Table, groups: list[list[dict[str, Any]]]) -> int:
    """Return a time of change below which no record can match: the poller's question is answered from the end."""
    floors: list[int] = []
    for group in groups:
        bounds = [
            parse_time(str(row.get("value", "")))
            for row in group
            if row.get("propertyName") == table.kind.modified and row.get("operator") in ("GTE", "GT", "BETWEEN")
        ]
        floors.append(max((bound for bound in bounds if bound is not None), default=0))
    return min(floors, default=0)


def _newest_first(table: Table, floor: int) -> Iterator[Record]:
    for record in reversed(table.indexed.values()):
        if record.updated < floor:
            return
        yield record


def _sort(table: Table, found: list[Record], sorts: list[Any]) -> None:
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise bad_request("sorts must be a list of at most one rule")
    found.sort(key=lambda record: int(record.id))
    if not sorts:
        return
    rule = sorts[0]
    if isinstance(rule, str):
        name, down = rule.removeprefix("-"), rule.startswith("-")
    elif isinstance(rule, dict) and isinstance(rule.get("propertyName"), str):
        name, down = rule["propertyName"], rule.get("direction") == "DESCENDING"
    else:
        raise invalid_input("a sort is a property name or {propertyName, direction}")

    if name == table.kind.modified:
        found.sort(key=lambda record: record.updated, reverse=down)
        return

    def key(record: Record) -> tuple[int, float, str]:
        value = record.props.get(name) or ""
        number = _as_number(value)
        return (0, number, "") if number is not None else (1, 0.0, value.lower())

    found.sort(key=key, reverse=down)


def _as_number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _test(row: dict[str, Any], known: dict[str, Property], modified: str) -> Test:
    name, word = row.get("propertyName"), row.get("operator")
    if not isinstance(name, str):
        raise invalid_input("a filter needs a propertyName")
    if word not in _OPERATORS:
        raise invalid_input(f"operator {word!r} is unknown; use one of {', '.join(_OPERATORS)}")
    prop = known.get(name)
    if prop is None:
        return lambda _: False
    if name == modified and word in _ORDERED:  # a poller's question: no need to parse what is known as a number
        how, bound = _ORDERED[word], parse_time(_value(row))
        if bound is not None:
            return lambda record: how(record.updated, bound)
    return _OPERATORS[word](prop, row)


def _comparable(prop: Property) -> Callable[[str], Any]:
    """Return how values of a property compare: as times, numbers or texts without regard to case."""
    if prop.type in ("date", "datetime"):
        return parse_time
    if prop.type == "number":
        return _as_number
    return str.lower


def _value(row: dict[str, Any], key: str = "value") -> str:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise invalid_input(f"the filter on {row.get('propertyName')} needs a {key}")
    return str(value)


def _values(row: dict[str, Any]) -> list[str]:
    values = row.get("values")
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        raise invalid_input(f"the filter on {row.get('propertyName')} needs a list of values")
    return values


def _compare(how: Callable[[Any, Any], bool], *, blank: bool = False) -> Callable[[Property, dict[str, Any]], Test]:
    def build(prop: Property, row: dict[str, Any]) -> Test:
        read, name = _comparable(prop), prop.name
        bound = read(_value(row))
        if bound is None:
            raise bad_request(f"{row.get('value')!r} cannot be compared with {name}, which is a {prop.type}")

        def test(record: Record) -> bool:
            held = record.props.get(name)
            return how(read(held), bound) if held else blank

        return test

    return build


def _between(prop: Property, row: dict[str, Any]) -> Test:
    read, name = _comparable(prop), prop.name
    low, high = read(_value(row)), read(_value(row, "highValue"))
    if low is None or high is None:
        raise bad_request(f"BETWEEN on {name} needs a value and a highValue of type {prop.type}")
    return lambda record: bool(record.props.get(name)) and low <= read(record.props[name]) <= high


def _among(*, inside: bool) -> Callable[[Property, dict[str, Any]], Test]:
    def build(prop: Property, row: dict[str, Any]) -> Test:
        name = prop.name
        values = {value.lower() for value in _values(row)}
        return lambda record: bool(record.props.get(name)) and (record.props[name].lower() in values) == inside

    return build


def _has(*, held: bool) -> Callable[[Property, dict[str, Any]], Test]:
    return lambda prop, _: lambda record: bool(record.props.get(prop.name)) == held


def _token(*, held: bool) -> Callable[[Property, dict[str, Any]], Test]:
    def build(prop: Property, row: dict[str, Any]) -> Test:
        name = prop.name
        wanted = _value(row).lower().strip("*")
        loose = "*" in _value(row)

        def test(record: Record) -> bool:
            text = (record.props.get(name) or "").lower()
            words = text.replace(";", " ").replace("@", " ").split()
            return (wanted in text if loose else wanted in words or wanted == text) == held

        return test

    return build


_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "LT": operator.lt,
    "LTE": operator.le,
    "GT": operator.gt,
    "GTE": operator.ge,
}
_OPERATORS: dict[str, Callable[[Property, dict[str, Any]], Test]] = {
    "EQ": _compare(operator.eq),
    "NEQ": _compare(operator.ne),
    **{name: _compare(how) for name, how in _ORDERED.items()},
    "BETWEEN": _between,
    "IN": _among(inside=True),
    "NOT_IN": _among(inside=False),
    "HAS_PROPERTY": _has(held=True),
    "NOT_HAS_PROPERTY": _has(held=False),
    "CONTAINS_TOKEN": _token(held=True),
    "NOT_CONTAINS_TOKEN": _token(held=False),
}
