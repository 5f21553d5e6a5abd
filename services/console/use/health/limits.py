"""How the budget of an account is used: how much of each limit now, by whom, and when it is free again."""

from typing import Any, Final

from services.console.use.problems import Problem
from services.console.use.standing.installation import Installation
from shared.contract.demands import Limit
from shared.io.calls.budgets import BudgetsUnavailable, Quota, Usage, account_of
from shared.io.calls.caller import quotas
from shared.io.calls.tokens import Paused as Refused
from shared.io.ports import NotReady
from shared.model.syncs import HALTED, Connection
from shared.rules.errors import CODES

_TITLES: Final = {"calls": "Calls", "daily": "Calls", "search": "Searches", "token": "Sign-ins"}
_SCOPES: Final = {
    "token": "this connection alone",
    "user": "all that the same user does",
    "account": "all apps of the account together",
}


def limits(installation: Installation, row: Connection) -> dict[str, Any]:
    """Return how the budget of an account is used now; raises a problem while Redis is away."""
    app, account = installation.setups.app_of(row.id), account_of(row)
    known = {quota.name: quota for limit in app.limits for quota in quotas(app, row, limit.name)}
    try:
        usage = installation.budgets.usage(account, tuple(known.values()))
        refused = installation.refused(row)
    except (BudgetsUnavailable, NotReady) as error:
        raise Problem(503, "Not known now", str(error), {"Retry-After": "5"}) from error
    now = installation.clock.now_ms()
    return {
        "connection": row.id,
        "at_ms": now,
        "limits": [_limit(limit, known[limit.name], row, usage) for limit in app.limits if limit.name in known],
        "under_way": usage.under_way,
        "at_once": app.max_parallel,
        "calls_24h": {"live": usage.calls.get("live", 0), "backfill": usage.calls.get("backfill", 0)},
        "pauses": _pauses(row, usage, refused, now),
        "shared_with": _others(installation, row, account),
    }


def _limit(limit: Limit, quota: Quota, row: Connection, usage: Usage) -> dict[str, Any]:
    use, counted = usage.quotas[quota.name], usage.counted.get(quota.name)
    return {
        "name": limit.name,
        "title": _TITLES.get(limit.name, f"Calls ({limit.name})"),
        "amount": quota.amount,
        "set_by": "connection" if limit.name in row.limits else "app",
        "window_s": limit.window_s,
        "counted_for": _SCOPES[limit.scope],
        "used": use.used,
        "next_free_s": round(use.next_ms / 1000, 1),
        "all_free_s": round(use.all_ms / 1000, 1),
        "by_app": {"amount": counted.amount, "left": counted.left, "at_ms": counted.at_ms} if counted else None,
    }


def _pauses(row: Connection, usage: Usage, refused: Refused | None, now: int) -> list[dict[str, Any]]:
    """List why no calls are made; a pause that ends by a person has no end."""
    found: list[dict[str, Any]] = []
    if row.paused:
        found.append({"reason": HALTED, "until_ms": None, "since_ms": None})
    if refused is not None:
        found.append({"reason": refused.code, "until_ms": now + max(0, refused.again_ms), "since_ms": None})
    if usage.paused is not None:
        paused = usage.paused
        found.append({"reason": paused.reason, "until_ms": paused.until_ms, "since_ms": paused.since_ms})
    for pause in found:
        told = CODES.get(pause["reason"])
        pause |= {"title": told.title if told else pause["reason"], "hint": told.remedy if told else ""}
    return found


def _others(installation: Installation, row: Connection, account: str) -> list[str]:
    return [
        other.id for other in installation.setups.connections() if other.id != row.id and account_of(other) == account
    ]
