"""Takes the documents' pictures of the console in a real browser: ``python -m tests.docs.pictures``."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import sync_playwright

from shared.apps import APPS
from shared.apps.defaults import default_mappings
from shared.model.pairs import Match, Pair, Problem, SideState
from shared.model.records import Version
from shared.model.syncs import Connection, Sync, SyncSide
from shared.wire.messages import PhaseSet, SetupDoc
from tests.browsers import LAUNCH, found
from tests.services.console.conftest import opened
from tests.services.console.harness import TOKEN, ConsoleHarness
from tests.services.environment import LEFT, RIGHT, SYNC

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
REPAIRED: Final = "console-repaired.png"
PAGES: Final[Mapping[str, str]] = {
    "console-home.png": "/", "console-why.png": "/records/anna", REPAIRED: "/records/anna",
}  # fmt: skip
"""File and address of each picture, in the order in which they are taken."""
_PEOPLE: Final = ("Ben Carter", "Chiara Greco", "David Okoye", "Elena Weber", "Farid Haddad", "Greta Lind")


def take(chromium: str, folder: Path) -> list[Path]:
    """Take all pictures into a folder, and return their files."""
    made = []
    with tempfile.TemporaryDirectory() as data, opened(Path(data)) as renew, sync_playwright() as playwright:
        console = renew(Path(data) / "shown")
        show(console)
        browser = playwright.chromium.launch(executable_path=chromium, args=LAUNCH)
        page = browser.new_page(viewport={"width": 1280, "height": 760}, color_scheme="light")
        page.goto(f"{console.address}/sign-in")
        page.fill("#token", TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{console.address}/")
        for name, path in PAGES.items():
            if name == REPAIRED:
                repair(console)
            page.goto(f"{console.address}{path}")
            page.evaluate("document.activeElement.blur()")
            made.append(folder / name)
            page.screenshot(path=made[-1])
        browser.close()
    return made


def show(console: ConsoleHarness) -> None:
    """Show a HubSpot and an address book with some people, of whom one has an address that is none."""
    env, now = console.env, console.env.clock.now_ms()
    env.setups.apps = APPS
    for kind, name in (("sync", SYNC), ("phase", SYNC), ("connection", LEFT), ("connection", RIGHT)):
        env.set_up(kind, None, name)
    for name, app, label, account in (
        ("hubspot", "hubspot", "HubSpot", "4001"),
        ("book", "carddav", "Address book", "dav.example.com/sales/"),
    ):
        row = Connection(id=name, app=app, label=label, account=account, base_url="https://x.example", auth="none")
        env.set_up("connection", SetupDoc(connection=row), name)
    fields = [APPS[name].objects["contact"].fields for name in ("hubspot", "carddav")]
    sync = Sync(
        id="contacts",
        left=SyncSide(connection="hubspot", object="contact"),
        right=SyncSide(connection="book", object="contact"),
        mappings=default_mappings(*fields),
    )
    env.set_up("sync", SetupDoc(sync=sync), sync.id)
    env.set_up("phase", SetupDoc(phase=PhaseSet(sync=sync.id, phase="live")), sync.id)
    problem = Problem(code="invalid_value", message="anna.rossi@acme is no e-mail address", field="email")
    console.show(
        _pair(sync, "anna", "Anna Rossi", now - 90_000, status="failing", reason="invalid_value",
              problems={"email": problem}, right={"email": "anna.rossi@acme"}),
        _pair(sync, "zoe", "Zoë Whitfield", now - 3_600_000, status="excluded", reason="email_missing"),
        *(_pair(sync, f"p{row}", name, now - 9_000 * row) for row, name in enumerate(_PEOPLE)),
    )  # fmt: skip


def repair(console: ConsoleHarness) -> None:
    """Show the record that failed as it is once its address is right."""
    sync = console.env.setups.sync("contacts")
    assert sync is not None
    now = console.env.clock.now_ms()
    console.show(_pair(sync, "anna", "Anna Rossi", now - 2_000).model_copy(update={"rev": 2}))


def _pair(sync: Sync, key: str, name: str, at_ms: int, *, right: Mapping[str, str] | None = None, **more: Any) -> Pair:
    first, last = name.split(" ")
    mail = f"{first.lower()}.{last.lower()}@acme.example"
    known = {
        "email": mail, "firstname": first, "lastname": last, "jobtitle": "Head of Sales", "company": "Acme Ltd",
        "city": "Leeds", "country": "United Kingdom",
    }  # fmt: skip
    sides = {row.key: (row.left, row.right) for row in sync.mappings}
    values = {pair: known.get(pair[0]) for pair in sides.values()}
    other = {sides[mapping][1]: value for mapping, value in (right or {}).items()}
    return Pair(
        sync=sync.id,
        pair=key,
        rev=1,
        label=name,
        changed_ms=at_ms,
        synced_ms=at_ms,
        L=SideState(id=f"12{len(name)}4", version=Version(order=1), fields={one[0]: of for one, of in values.items()}),
        R=SideState(
            id=f"{key}.vcf",
            version=Version(token="v"),
            fields={**{one[1]: of for one, of in values.items()}, **other},
        ),
        match=Match(by="email", key=mail),
        **{"status": "in_sync", **more},
    )


if __name__ == "__main__":
    where = found()
    if where is None:
        sys.exit("There is no Chromium here: install it (on Debian and Ubuntu, apt-get install chromium).")
    FOLDER.mkdir(exist_ok=True)
    take(where, FOLDER)
