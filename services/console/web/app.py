"""The pages as one web application: which addresses there are, who may see them, and what every request passes."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.console.access.authentication import Access
from services.console.access.protect import protect
from services.console.access.roles import NEEDS, check_role
from services.console.exports.formats import FORMATS
from services.console.use.activity import acting
from services.console.use.changes import noting, read, spell, wait_for
from services.console.use.problems import Problem
from services.console.use.standing.installation import Installation
from services.console.use.versions import Stale, seeing
from services.console.use.zones import times_in
from services.console.web import assets
from services.console.web.asked import (
    BROWSER_COOKIE,
    LOOK_COOKIE,
    SESSION_COOKIE,
    SIGNING_COOKIE,
    ZONE_COOKIE,
    Asked,
    Look,
    Site,
    html,
    see_other,
)
from services.console.web.parts.forms import VERSION
from services.console.web.parts.words import url, with_query
from services.console.web.policy import POLICY
from services.console.web.screens import home, stale, wrong
from services.console.web.screens.accounts import (
    account_objects,
    agree,
    catalogue,
    connect,
    connection,
    feeds,
    limits,
    secrets,
    setting_up,
)
from services.console.web.screens.people import account, provider, sign_in, tokens, users, welcome
from services.console.web.screens.records import exports, parked, record, records, why
from services.console.web.screens.settings import activity, alerts, mail, retention
from services.console.web.screens.standing import health, jobs, objects, sync
from services.console.web.sessions import Sessions
from shared.wire.messages import Role

_SMALL: Final = 800
"""Bytes below which packing is not worth it."""
_NOT_PACKED: Final = (*DEFAULT_EXCLUDED_CONTENT_TYPES, *(row.media_type for row in FORMATS.values()))
"""A packed file could not be gone on with where its download broke off."""
_FIELDS: Final = 200
"""Most fields of a form."""


@dataclass(frozen=True, slots=True)
class Page:
    """One address: how it is asked, and what answers. Who may ask stands in `services.console.access.roles`."""

    method: Literal["GET", "POST"]
    path: str
    answer: Callable[[Asked], Response]

    @property
    def needs(self) -> Role | None:
        """Return the least role that may; None for those who are not signed in, too."""
        return NEEDS[f"{self.method} {self.path}"]


PAGES: Final = (
    Page("GET", "/sign-in", sign_in.show),
    Page("POST", "/sign-in", sign_in.sign_in),
    Page("GET", "/sign-in/link", sign_in.by_link),
    Page("GET", "/sign-in/provider", sign_in.at_provider),
    Page("GET", "/sign-in/callback", sign_in.from_provider),
    Page("GET", "/first-admin", welcome.first),
    Page("POST", "/first-admin", welcome.make_first),
    Page("GET", "/welcome", welcome.show),
    Page("POST", "/welcome", welcome.accept),
    Page("POST", "/sign-out", sign_in.sign_out),
    Page("POST", "/look", sign_in.keep_look),
    Page("GET", "/", home.show),
    Page("GET", "/syncs/{name}", sync.show),
    Page("POST", "/syncs/{name}/resync", sync.resync),
    Page("GET", "/syncs/{name}/switch-off", sync.show_switching_off),
    Page("POST", "/syncs/{name}/switch-off", sync.switch_off),
    Page("POST", "/syncs/{name}/switch-on", sync.switch_on),
    Page("GET", "/jobs", jobs.show_all),
    Page("GET", "/jobs/{name}", jobs.show),
    Page("POST", "/jobs/{name}/{what}", jobs.order),
    Page("GET", "/records", records.show),
    Page("POST", "/records/columns", records.keep_columns),
    Page("POST", "/records/resync", records.resync),
    Page("GET", "/records/{name}", record.show),
    Page("POST", "/records/{name}/resync", record.resync),
    Page("GET", "/exports", exports.show),
    Page("POST", "/exports", exports.ask),
    Page("GET", "/exports/{name}/file", exports.download),
    Page("POST", "/exports/{name}/delete", exports.delete),
    Page("GET", "/why", why.show),
    Page("POST", "/records/read", why.read),
    Page("GET", "/objects", objects.show),
    Page("GET", "/health", health.show),
    Page("GET", "/parked", parked.show),
    Page("POST", "/parked", parked.decide),
    Page("GET", "/activity", activity.show),
    Page("GET", "/account", account.show),
    Page("POST", "/account/password", account.change_password),
    Page("POST", "/account/zone", account.keep_zone),
    Page("POST", "/account/sign-out", account.sign_out_everywhere),
    Page("GET", "/settings/users", users.show),
    Page("POST", "/settings/users", users.invite),
    Page("POST", "/settings/users/{name}/role", users.change_role),
    Page("POST", "/settings/users/{name}/disable", users.disable),
    Page("POST", "/settings/users/{name}/enable", users.enable),
    Page("POST", "/settings/users/{name}/reset", users.reset),
    Page("POST", "/settings/users/{name}/link", users.link),
    Page("POST", "/settings/users/{name}/unlink", users.unlink),
    Page("GET", "/settings/mail", mail.show),
    Page("POST", "/settings/mail", mail.change),
    Page("POST", "/settings/mail/test", mail.test),
    Page("POST", "/settings/mail/remove", mail.remove),
    Page("GET", "/settings/retention", retention.show),
    Page("POST", "/settings/retention", retention.change),
    Page("GET", "/settings/alerts", alerts.show),
    Page("POST", "/settings/alerts", alerts.add),
    Page("GET", "/settings/alerts/{name}", alerts.show_one),
    Page("POST", "/settings/alerts/{name}", alerts.change),
    Page("POST", "/settings/alerts/{name}/test", alerts.test),
    Page("POST", "/settings/alerts/{name}/remove", alerts.remove),
    Page("GET", "/settings/sign-in", provider.show),
    Page("POST", "/settings/sign-in", provider.change),
    Page("POST", "/settings/sign-in/remove", provider.remove),
    Page("GET", "/settings/tokens", tokens.show),
    Page("POST", "/settings/tokens", tokens.make),
    Page("POST", "/settings/tokens/{name}/revoke", tokens.revoke),
    Page("GET", "/set-up", setting_up.show),
    Page("GET", "/apps", catalogue.show),
    Page("GET", "/apps/{name}", catalogue.show_app),
    Page("GET", "/apps/{name}/credentials", agree.show_credentials),
    Page("POST", "/apps/{name}/credentials", agree.enter),
    Page("POST", "/apps/{name}/authorize", agree.authorize),
    Page("GET", "/oauth/callback", agree.callback),
    Page("GET", "/apps/{name}/connect", connect.show),
    Page("POST", "/apps/{name}/connect", connect.connect),
    Page("GET", "/connections/{name}", connection.show),
    Page("GET", "/connections/{name}/objects", account_objects.show),
    Page("GET", "/connections/{name}/objects/{object}", account_objects.show_one),
    Page("GET", "/connections/{name}/feeds", feeds.show),
    Page("POST", "/connections/{name}/changes", feeds.learn),
    Page("POST", "/connections/{name}/reach", feeds.reach),
    Page("GET", "/connections/{name}/limits", limits.show),
    Page("GET", "/connections/{name}/secrets", secrets.show),
    Page("POST", "/connections/{name}/secrets", secrets.renew),
    Page("POST", "/connections/{name}/rename", connection.rename),
    Page("POST", "/connections/{name}/test", connection.test),
    Page("POST", "/connections/{name}/pause", connection.pause),
    Page("POST", "/connections/{name}/resume", connection.resume),
    Page("GET", "/connections/{name}/disconnect", connection.show_disconnecting),
    Page("POST", "/connections/{name}/disconnect", connection.disconnect),
)


def make_pages(console: Installation, access: Access, names: Collection[str] = ()) -> Starlette:
    """Make the web application of the pages.

    Args:
        console: What the pages show.
        access: Checks the token of whoever signs in.
        names: Names of the console beside localhost and addresses.
    """
    site = Site(console=console, access=access, sessions=Sessions(access.token, access.now_ms, access.accounts.people))
    web = Starlette(
        routes=[
            Route("/static/{name}", _static),
            *(Route(row.path, partial(_serve, site, row), methods=[row.method]) for row in PAGES),
        ],
        exception_handlers={Problem: _problem, HTTPException: _not_possible},
    )
    protect(web, names, POLICY)
    web.add_middleware(GZipMiddleware, minimum_size=_SMALL, compresslevel=5, exclude_content_types=_NOT_PACKED)
    return web


async def _static(request: Request) -> Response:
    packs = "gzip" in request.headers.get("accept-encoding", "")
    return assets.answer(request.path_params["name"], packs=packs)


async def _serve(site: Site, page: Page, request: Request) -> Response:
    """Answer one request, if whoever sends it may."""
    session = site.sessions.read(request.cookies.get(SESSION_COOKIE, ""))
    form = await _form(request) if page.method == "POST" else {}
    if page.method == "POST":
        _check_origin(request)
    if page.needs is not None:
        if session is None:
            wanted = str(request.url.path) + (f"?{request.url.query}" if request.url.query else "")
            return see_other(url("/sign-in", next=wanted if page.method == "GET" else ""))
        check_role(session.role, page.needs)
        if page.method == "POST" and not site.sessions.fits(session, form.get("form_token", "")):
            raise Problem(
                403, "Form is out of date", "Nothing was changed: go back, load the page again, and try again."
            )
    asked = Asked(
        site=site,
        session=session,
        path=request.url.path,
        host=request.headers.get("host", ""),
        is_https="https" in (request.url.scheme, request.headers.get("x-forwarded-proto", "")),
        client=request.client.host if request.client else "",
        look=_look(request),
        browser=request.cookies.get(BROWSER_COOKIE, ""),
        signing=request.cookies.get(SIGNING_COOKIE, ""),
        query=dict(request.query_params),
        headers=request.headers,
        form=form,
        params=request.path_params,
    )
    seen = frozenset((form[VERSION],)) if form.get(VERSION) else None
    caller = session.caller if session is not None else None
    zone = site.accounts.people.preferences(caller.user).zone if caller is not None else ""
    browsers = unquote(request.cookies.get(ZONE_COOKIE, ""))
    with noting() as changes, acting("page", caller), seeing(seen), times_in(zone, browsers):
        answer = await run_in_threadpool(_answer, page, asked)
    if changes and answer.status_code == HTTPStatus.SEE_OTHER:
        answer.headers["Location"] = with_query(answer.headers["Location"], change=spell(changes))
    if session is not None and page.needs is not None and "set-cookie" not in answer.headers:
        renewed = site.sessions.renewed(session)
        if renewed is not None:
            asked.keep(answer, renewed)
    return answer


def _answer(page: Page, asked: Asked) -> Response:
    if asked.session is not None:
        if page.needs is not None:
            asked.site.access.limits.take(asked.session.id, f"{page.method} {page.path}")
        if asked.session.user:
            asked.site.accounts.note_seen(asked.session.user)
    if page.method == "GET" and "change" in asked.query:
        shows = wait_for(read(asked.query["change"]), asked.console.reached)
        asked = replace(asked, is_late=not shows)
    try:
        return page.answer(asked)
    except Stale as problem:
        return html(stale.page(asked, problem), problem.status)


async def _form(request: Request) -> Mapping[str, str]:
    """Read a form; a field that comes twice is the last of them."""
    try:
        text = (await request.body()).decode()
        return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=_FIELDS))
    except ValueError as error:
        raise Problem(400, "Not a form", "Send fields as forms of a page do.") from error


def _check_origin(request: Request) -> None:
    """Refuse a form that another site's page sends: browsers say where it comes from."""
    origin = request.headers.get("origin")
    elsewhere = origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()
    if elsewhere or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "Form of another site", "Nothing was changed: this form was sent by another site's page.")


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class alone
    answer = html(wrong.page(_look(request), error.title, error.detail), error.status)
    answer.headers.update(error.headers)
    return answer


async def _not_possible(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    title, text = ("There is no such page", "The address may be mistyped, or what it named is no more.")
    if error.status_code != 404:
        title, text = "Not possible", str(error.detail)
    answer = html(wrong.page(_look(request), title, text), error.status_code)
    answer.headers.update(error.headers or {})
    return answer


def _look(request: Request) -> Look:
    return Look.read(request.cookies.get(LOOK_COOKIE, ""))
