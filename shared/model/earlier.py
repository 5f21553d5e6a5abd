"""How versions before this one spell what stands elsewhere in the settings now.

They may run beside this one, and what they wrote stays in Kafka: their spelling is read, and written as long as it says
all that there is to say.
"""

from collections.abc import Mapping
from typing import Any, Final

RULES: Final[Mapping[str, str]] = {
    "email_required": "",
    "contact_company": "match",
    "placeholder_emails": "match",
}
"""Rules of a type that were settings of every sync, each with the part of the document that held it."""


def with_rules(sync: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sync's document with the rules of its type among `rules`, wherever they were written."""
    document, found = dict(sync), dict[str, Any]()
    for name, where in RULES.items():
        part = document.get(where) if where else document
        if not isinstance(part, Mapping) or name not in part:
            continue
        found[name] = part[name]
        rest = {key: value for key, value in part.items() if key != name}
        document = {**document, where: rest} if where else rest
    return {**document, "rules": {**found, **document.get("rules", {})}} if found else document


def without_rules(sync: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sync's document with those rules where versions before this one look for them."""
    document = dict(sync)
    rules: Mapping[str, Any] = document.pop("rules", {})
    for name, where in RULES.items():
        if name in rules:
            more = {name: rules[name]}
            document |= {where: {**document.get(where, {}), **more}} if where else more
    rest = {name: value for name, value in rules.items() if name not in RULES}
    return {**document, "rules": rest} if rest else document
