"""HTTP sessions that share their connections: most servers of the tests answer thousands of short requests."""

from typing import Final

import requests
from requests.adapters import HTTPAdapter

_CONNECTIONS: Final = HTTPAdapter()


def session() -> requests.Session:
    """Make a session with cookies of its own, which no settings of this machine send elsewhere."""
    made = requests.Session()
    made.trust_env = False
    made.mount("http://", _CONNECTIONS)
    return made
