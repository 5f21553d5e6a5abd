"""Under which names the console may be called."""

import ipaddress
from collections.abc import Collection


def is_ours(host: str, names: Collection[str]) -> bool:
    """Check the Host of a request.

    A page elsewhere can have its own name lead to our address, and then read our answers as its own. It cannot do that
    with an address, with localhost, or with a name that is ours.
    """
    name = host.strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    name = name.rstrip(".")
    if name == "localhost" or name in {row.lower() for row in names}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
