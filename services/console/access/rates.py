"""How often a token of the API, or a session of the pages, may ask: each has a bucket, and what is dear takes more."""

from collections.abc import Mapping
from typing import Final

from services.console.use.problems import Problem
from shared.io.redis.rates import Rates

WITHIN_MS: Final = 60_000
COSTS: Final[Mapping[str, int]] = {
    # What asks an app, a provider or a mail server
    "POST /api/v1/connections": 20,
    "POST /api/v1/apps/{name}/places": 20,
    "POST /api/v1/connections/agreed": 20,
    "PUT /api/v1/connections/{name}/secrets": 20,
    "POST /api/v1/connections/{name}/test": 20,
    "POST /api/v1/connections/{name}/reach": 20,
    "DELETE /api/v1/connections/{name}": 20,
    "PUT /api/v1/sign-in-provider": 20,
    "POST /api/v1/mail-server/test": 20,
    "POST /apps/{name}/connect": 20,
    "GET /oauth/callback": 20,
    "POST /connections/{name}/secrets": 20,
    "POST /connections/{name}/test": 20,
    "POST /connections/{name}/reach": 20,
    "POST /connections/{name}/disconnect": 20,
    "POST /settings/sign-in": 20,
    "POST /settings/mail/test": 20,
    # What asks an app once a minute at most
    "GET /api/v1/connections/{name}/objects": 5,
    "GET /api/v1/connections/{name}/objects/{object}": 5,
    "GET /connections/{name}/objects": 5,
    "GET /connections/{name}/objects/{object}": 5,
    # What is work for long
    "POST /api/v1/jobs": 20,
    "POST /api/v1/records/resync": 20,
    "POST /api/v1/exports": 20,
    "GET /api/v1/exports/{name}/file": 20,
    "POST /syncs/{name}/resync": 20,
    "POST /records/resync": 20,
    "POST /exports": 20,
    "GET /exports/{name}/file": 20,
    # What looks through many rows
    "GET /api/v1/records": 2,
    "GET /api/v1/explanations": 2,
    "GET /api/v1/health/series": 2,
    "GET /records": 2,
    "GET /why": 2,
    "GET /health": 2,
}
"""How many calls a route counts as, by method and address; all others are one."""


class Limits:
    """Counts what is asked for.

    Args:
        rates: Keeps the buckets.
        per_minute: Calls that a token or session has a minute; 0 for as many as it likes.
    """

    def __init__(self, rates: Rates, per_minute: int) -> None:
        self.rates = rates
        self.per_minute = per_minute

    def take(self, who: str, route: str) -> Mapping[str, str]:
        """Count a call, and return what the answer says of what is left; raises `Problem` where that is not enough.

        Args:
            who: Names the token or the session.
            route: Method and address, as `NEEDS` has them.
        """
        if not self.per_minute:
            return {}
        taken = self.rates.take(who, self.per_minute, WITHIN_MS, min(COSTS.get(route, 1), self.per_minute))
        told = {
            "RateLimit-Policy": f'"default";q={self.per_minute};w={WITHIN_MS // 1000}',
            "RateLimit": f'"default";r={taken.left};t={-(-taken.full_ms // 1000)}',
        }
        if taken.wait_ms:
            seconds = -(-taken.wait_ms // 1000)
            said = f"This is more than {self.per_minute:,} calls a minute: wait for {seconds} s, then go on."
            raise Problem(429, "Too many calls", said, {"Retry-After": str(seconds), **told})
        return told
