"""The rate limits of an account, counted as HubSpot counts them.

Three windows: calls of one app in any ten seconds, calls of the account since midnight of its time zone,
and searches of the account in any one second. A refused call counts in none of them.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

TEN_SECONDS_MS = 10_000


@dataclass(slots=True)
class Policy:
    """How much one account allows; 0 means without a limit."""

    ten_secondly: int = 190
    """Calls of one private app in any ten seconds."""
    oauth_ten_secondly: int = 110
    """Calls of one OAuth app in any ten seconds."""
    daily: int = 1_000_000
    """Calls of all private apps of the account together, a day."""
    search_per_second: int = 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call may not go on."""

    policy: str
    message: str


class Rolling:
    """At most `limit` accepted calls in any window of `span` milliseconds."""

    def __init__(self, span: int) -> None:
        self._span = span
        self._taken: deque[int] = deque()

    def used(self, now: int) -> int:
        """Return how many accepted calls the window that ends now holds."""
        while self._taken and self._taken[0] <= now - self._span:
            self._taken.popleft()
        return len(self._taken)

    def take(self, now: int) -> None:
        """Count one accepted call."""
        self._taken.append(now)


@dataclass(slots=True)
class Limiter:
    """The windows of one account."""

    policy: Policy
    time_zone: str = "UTC"
    _apps: dict[int, Rolling] = field(default_factory=dict)
    _search: Rolling = field(default_factory=lambda: Rolling(1000))
    _day: str = ""
    _today: int = 0

    def admit(self, now: int, app_id: int, *, private: bool, search: bool) -> tuple[Refusal | None, dict[str, str]]:
        """Count a call or refuse it, and give the headers its answer carries."""
        limit = self.policy.ten_secondly if private else self.policy.oauth_ten_secondly
        window = self._apps.setdefault(app_id, Rolling(TEN_SECONDS_MS))
        self._turn_day(now)
        refusal: Refusal | None = None
        if private and self.policy.daily and self._today >= self.policy.daily:
            refusal = Refusal("DAILY", "You have reached your daily limit.")
        elif search:
            if self.policy.search_per_second and self._search.used(now) >= self.policy.search_per_second:
                refusal = Refusal("SECONDLY", "You have reached your secondly limit.")
        elif limit and window.used(now) >= limit:
            refusal = Refusal("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.")
        if refusal is None:
            self._today += private
            (self._search if search else window).take(now)
        return refusal, {} if search else self._headers(now, window, limit, private=private)

    def _headers(self, now: int, window: Rolling, limit: int, *, private: bool) -> dict[str, str]:
        headers = {
            "x-hubspot-ratelimit-max": str(limit),
            "x-hubspot-ratelimit-remaining": str(max(0, limit - window.used(now))),
            "x-hubspot-ratelimit-interval-milliseconds": str(TEN_SECONDS_MS),
        }
        if private:
            headers["x-hubspot-ratelimit-daily"] = str(self.policy.daily)
            headers["x-hubspot-ratelimit-daily-remaining"] = str(max(0, self.policy.daily - self._today))
        return headers

    def _turn_day(self, now: int) -> None:
        day = datetime.fromtimestamp(now / 1000, ZoneInfo(self.time_zone)).date().isoformat()
        if day != self._day:
            self._day, self._today = day, 0
