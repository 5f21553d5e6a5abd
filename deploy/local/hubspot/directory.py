"""What an app may ask about an account itself: who works there, and what it is."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from deploy.local.hubspot.errors import not_found
from deploy.local.hubspot.http import Answer, Call, paged
from deploy.local.hubspot.objects.values import iso


def account_details(call: Call) -> Answer:
    """GET the account's id, kind, zone and currency."""
    settings = call.account.settings
    offset = datetime.fromtimestamp(call.now / 1000, ZoneInfo(settings.time_zone)).utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    return Answer(
        200,
        {
            "portalId": call.account.portal_id,
            "accountType": "STANDARD",
            "timeZone": settings.time_zone,
            "companyCurrency": settings.currency,
            "additionalCurrencies": [],
            "utcOffset": f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}",
            "utcOffsetMilliseconds": minutes * 60_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        },
    )


def owners(call: Call) -> Answer:
    """GET the owners: the active ones, or those that left (`archived`), perhaps by e-mail."""
    limit = call.number("limit", 100, top=500)
    after, email, archived = call.text("after"), call.text("email").lower(), call.flag("archived")
    found = [
        owner
        for number, owner in sorted(call.account.owners.items(), key=lambda item: int(item[0]))
        if owner["archived"] == archived
        and (not after or int(number) > int(after))
        and (not email or owner["email"].lower() == email)
    ]
    page = found[:limit]
    return Answer(200, paged(page, page[-1]["id"] if len(found) > limit else None))


def owner(call: Call) -> Answer:
    """GET one owner by its id, or by its user's id (`idProperty=userId`)."""
    by_user = call.text("idProperty", "id") == "userId"
    archived = call.flag("archived")
    for row in call.account.owners.values():
        key = str(row["userId"]) if by_user else row["id"]
        if key == call.params["id"] and row["archived"] == archived:
            return Answer(200, row)
    raise not_found()


def make_owner(number: int, fields: dict[str, Any], now: int) -> dict[str, Any]:
    """Return an owner row; an owner's id and its user's id always differ, as in HubSpot."""
    archived = bool(fields.get("archived", False))
    user_id = int(fields.get("userId", number + 40_000))
    row = {
        "id": str(number),
        "email": str(fields["email"]),
        "type": "PERSON",
        "firstName": str(fields.get("firstName", "")),
        "lastName": str(fields.get("lastName", "")),
        "userId": user_id,
        "userIdIncludingInactive": user_id,
        "createdAt": iso(now),
        "updatedAt": iso(now),
        "archived": archived,
        "teams": [],
    }
    if archived:
        row["userId"] = None
    return row
