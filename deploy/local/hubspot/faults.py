"""What can be made to go wrong, as rules that an account follows. Without a rule nothing does.

A rule names a kind of fault and which calls it strikes: a share of them, a number of times, a path, until a time.
"""

import random
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

Kind = Literal["latency", "status", "drop_before", "drop_reply", "hang", "malformed", "storm"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(slots=True, kw_only=True)
class Fault:
    """One rule."""

    kind: Kind
    """`latency`: wait `ms` (or up to it, `jitter`). `status`: answer `status` without executing (488: as the wrong data
    centre does). `drop_before`: close the connection without executing. `drop_reply`: execute, then close it. `hang`:
    execute, never answer. `malformed`: execute, answer 200 with a body cut in half. `storm`: answer 429 without
    executing."""
    share: float = 1.0
    """How many of the calls it fits it strikes, 0 to 1."""
    times: int = 0
    """After so many strikes the rule is spent; 0 = never."""
    path: str = ""
    """A regular expression searched in the path."""
    method: str = ""
    until_ms: int = 0
    """Epoch ms after which the rule is void; 0 = never."""
    status: int = 503
    retry_after: int = 0
    """Seconds for a Retry-After header; 0 = no header."""
    ms: int = 0
    jitter: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"fault kind {self.kind!r} is unknown; use one of {', '.join(KINDS)}")
        if not 0 <= self.share <= 1:
            raise ValueError(f"fault share {self.share} must lie between 0 and 1")
        re.compile(self.path)


class Faults:
    """The rules of one account, struck in the order they were given, from one seed."""

    def __init__(self, rules: list[dict[str, Any]] | None = None, seed: int = 0) -> None:
        self.rules = [Fault(**rule) for rule in rules or []]
        self._random = random.Random(seed)  # noqa: S311 - faults are drawn, not secrets
        self._struck = [0] * len(self.rules)

    def strike(self, now: int, method: str, path: str) -> list[Fault]:
        """Return the rules that strike this call."""
        struck: list[Fault] = []
        for number, rule in enumerate(self.rules):
            if (
                (rule.times and self._struck[number] >= rule.times)
                or (rule.until_ms and now >= rule.until_ms)
                or (rule.method and rule.method != method)
                or (rule.path and not re.search(rule.path, path))
                or (rule.share < 1 and self._random.random() >= rule.share)
            ):
                continue
            self._struck[number] += 1
            struck.append(rule)
        return struck

    def delay_ms(self, rule: Fault) -> float:
        """Return how long a latency rule makes this call wait."""
        return self._random.uniform(0, rule.ms) if rule.jitter else rule.ms

    def report(self) -> list[dict[str, Any]]:
        """Return every rule with the number of calls it struck."""
        return [{"kind": rule.kind, "struck": struck} for rule, struck in zip(self.rules, self._struck, strict=True)]
