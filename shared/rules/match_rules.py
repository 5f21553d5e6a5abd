"""How the records of an object type are compared: one rule a function, one table for all.

A rule's keys and its comparison belong together: two records that `compare` calls the same must share a key.
"""

from shared.engine.matching import Edge, Identity, Rule


def contact_keys(identity: Identity, *, with_company: bool) -> tuple[str, ...]:
    """List the index keys of a contact or lead."""
    keys = [f"e:{address}" for address in identity.s]
    if with_company and identity.n:
        keys += [f"n:{identity.n}|{part}" for part in identity.c]
    return tuple(keys)


def _contacts(left: Identity, right: Identity) -> Edge | None:
    shared = frozenset(left.s) & frozenset(right.s)
    if left.p and left.p == right.p:
        return Edge(3, "email", shared)
    if shared:
        return Edge(2, "email", shared)
    # Two colleagues with addresses of their own are two people, whatever else they share.
    if (left.p and right.p) or not left.n or left.n != right.n:
        return None
    return Edge(1, "company") if set(left.c) & set(right.c) else None


def _contacts_by_email(left: Identity, right: Identity) -> Edge | None:
    edge = _contacts(left, right)
    return None if edge is not None and edge.score == CONTACTS.weak else edge


def company_keys(identity: Identity) -> tuple[str, ...]:
    """List the index keys of a company."""
    keys = [f"d:{domain}" for domain in identity.s]
    keys += [f"e:{address}" for address in identity.e]
    if identity.n:
        keys.append(f"n:{identity.n}")
    return tuple(keys)


def _companies(left: Identity, right: Identity) -> Edge | None:
    domains = frozenset(left.s) & frozenset(right.s)
    addresses = frozenset(left.e) & frozenset(right.e)
    same_name = bool(left.n) and left.n == right.n
    if same_name and domains:
        return Edge(3, "domain", domains)
    if domains or addresses:
        return Edge(2, "domain" if domains else "email", domains or addresses)
    if not same_name:
        return None
    return Edge(1 if left.s and right.s else 1.5, "name")


def _by_key(left: Identity, right: Identity) -> Edge | None:
    return Edge(3, "field", frozenset((left.p,))) if left.p and left.p == right.p else None


def _never(_left: Identity, _right: Identity) -> Edge | None:
    return None


CONTACTS = Rule(compare=_contacts, weak=1)
CONTACTS_BY_EMAIL = Rule(compare=_contacts_by_email, weak=1)
COMPANIES = Rule(compare=_companies)
BY_KEY = Rule(compare=_by_key)
"""One chosen pair of text fields alone decides."""
NONE = Rule(compare=_never)
"""Records of this kind have nothing to be recognised by."""
