"""Where a record may be that somebody names by its id or by a web address: in which accounts, as which object."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from shared.config.setups import Setups, UnknownSetup
from shared.contract.app import Binding
from shared.contract.calls import AppError
from shared.model.syncs import Connection

_ID: Final = "{id}"
_ACCOUNT: Final = "{account}"


@dataclass(frozen=True, slots=True)
class Place:
    """One record of an account, be it there or not."""

    connection: str
    object: str
    record: str


def address_in(text: str) -> SplitResult | None:
    """Return a web address in its parts; None for any other text."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:  # such as an address with half a bracket
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname else None


def addressed(setups: Setups, text: str) -> list[Place]:
    """Return the records whose web address a text is, as their app shows them or as it is called."""
    parts = address_in(text)
    if parts is None:
        return []
    return [
        Place(row.id, binding.object, record)
        for row, binding in _bindings(setups)
        if (record := _shown_at(binding, row, parts) or _called_at(setups, binding, row, parts))
    ]


def accounts_at(setups: Setups, text: str) -> list[Connection]:
    """Return the accounts to whose pages a web address leads, whatever it shows of them."""
    parts = address_in(text)
    found: dict[str, Connection] = {}
    for row, binding in _bindings(setups) if parts is not None else ():
        shown = urlsplit(binding.record_url)
        before, _, _ = shown.path.partition(_ACCOUNT)
        if parts is not None and _ACCOUNT in shown.path and _same_host(shown, parts, named=True):
            found |= {row.id: row} if f"{parts.path}/".startswith(f"{before}{row.account}/") else {}
    return list(found.values())


def with_id(setups: Setups, text: str) -> list[Place]:
    """Return the records whose id a text may be, those of objects first that a sync uses."""
    used = set(setups.objects_in_use())
    found = [
        Place(row.id, binding.object, record)
        for row, binding in _bindings(setups)
        if (record := _id_in(setups, binding, row, text))
    ]
    return sorted(found, key=lambda place: (place.connection, place.object) not in used)


def place_of(setups: Setups, connection: str, object_: str, record: str) -> Place | None:
    """Return a record that is named in full; None where there is no such object, or where it can be no id there."""
    try:
        row, binding = setups.connection(connection), setups.binding(connection, object_)
    except UnknownSetup:
        return None
    found = _id_in(setups, binding, row, record)
    return Place(connection, object_, found) if found else None


def page_of(setups: Setups, place: Place) -> str:
    """Return where the app shows a record; empty where that is not known."""
    try:
        template, row = setups.binding(place.connection, place.object).record_url, setups.connection(place.connection)
    except UnknownSetup:  # it was disconnected meanwhile
        return ""
    return template.format(account=row.account, id=place.record)


def label_of(setups: Setups, connection: str) -> str:
    """Return what people call an account; its name, where it has no label or was disconnected meanwhile."""
    return next((row.label for row in setups.connections() if row.id == connection), "") or connection


def _bindings(setups: Setups) -> Iterator[tuple[Connection, Binding]]:
    """Yield how each account holds each of its objects, those of its own as far as they are known."""
    for row in setups.connections():
        app = setups.apps.get(row.app)
        own = [one.object.name for one in setups.found().values() if one.connection == row.id and not one.gone]
        for name in (*(app.objects if app is not None else ()), *own):
            try:
                yield row, setups.binding(row.id, name)
            except UnknownSetup:  # it went meanwhile
                continue


def _id_in(setups: Setups, binding: Binding, row: Connection, text: str) -> str:
    try:
        return binding.id_in(setups.session(row.id), text)
    except (AppError, UnknownSetup):  # its settings do not say where its records are
        return ""


def _shown_at(binding: Binding, row: Connection, parts: SplitResult) -> str:
    """Return the id in the address of a record's page."""
    shown = urlsplit(binding.record_url)
    if not shown.netloc or not _same_host(shown, parts, named=_ACCOUNT in shown.path):
        return ""
    pattern = re.escape(shown.path).replace(re.escape(_ACCOUNT), re.escape(row.account))
    found = re.fullmatch(pattern.replace(re.escape(_ID), r"([^/]+)") + "(/.*)?", parts.path)
    return unquote(found[1]) if found else ""


def _same_host(shown: SplitResult, parts: SplitResult, *, named: bool) -> bool:
    """Check whether both are one host; where the address names the account, one beside it does as well."""
    host, other = shown.hostname or "", parts.hostname or ""
    return host == other or (named and host.split(".")[-2:] == other.split(".")[-2:])


def _called_at(setups: Setups, binding: Binding, row: Connection, parts: SplitResult) -> str:
    """Return the id in the address by which the app itself is called for a record."""
    if urlsplit(row.base_url).netloc.rpartition("@")[2] != parts.netloc.rpartition("@")[2]:
        return ""
    return _id_in(setups, binding, row, unquote(parts.path))
