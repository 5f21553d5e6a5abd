"""Countries by the names that people write."""

import importlib.util
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import phonenumbers

from shared.rules import identifiers

_MORE: Final = {
    "uk": "GB", "great britain": "GB", "england": "GB", "usa": "US", "u.s.a": "US", "u.s": "US", "us": "US",
    "united states of america": "US", "czech republic": "CZ", "holland": "NL",
}  # fmt: skip


@lru_cache(maxsize=1024)
def country_code(text: str) -> str | None:
    """Return the ISO 3166 code of a country named by its code or by its name in a common language."""
    bare = text.strip()
    codes, names = _table()
    if len(bare) == 2 and bare.upper() in codes:
        return bare.upper()
    folded = identifiers.person_name(bare)
    return names.get(folded) if folded else None


@lru_cache(maxsize=1)
def _table() -> tuple[frozenset[str], Mapping[str, str]]:
    """Return the codes, and the code of each folded name."""
    table = _locale_data()
    names = dict(_MORE)
    clash: set[str] = set()
    for code, spelled in table.items():
        for name in spelled.values():
            folded = identifiers.person_name(name) if not name.startswith("*") else None
            if folded and names.setdefault(folded, code) != code:
                clash.add(folded)  # one name, two countries: it tells nothing
    return frozenset(table), {name: code for name, code in names.items() if name not in clash}


def _locale_data() -> Mapping[str, Mapping[str, str]]:
    """Read the one table of `phonenumbers` that names countries, as code -> language -> name.

    Importing it would import its package, which holds where each number of the world is: 97 MiB that nobody asks for.
    """
    path = Path(phonenumbers.__file__).parent / "geodata" / "locale.py"
    spec = importlib.util.spec_from_file_location("phonenumbers.geodata.locale", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Mapping[str, Mapping[str, str]] = module.LOCALE_DATA
    return found
