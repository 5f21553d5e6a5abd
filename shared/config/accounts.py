"""Names of accounts: two connections with the same app and name lead to one account.

An account's id is its name where the app's vendor hands ids out to everybody. Where each server has ids of its own, the
server is part of the name: another server with the same path is another account.
"""

from urllib.parse import urlsplit

from shared.contract.app import App
from shared.contract.sign_in import AccountInfo
from shared.model.syncs import Connection


def account_name(app: App, base_url: str, account: str) -> str:
    """Return the name of the account that the app at *base_url* calls *account*."""
    return account if app.account_within == "world" else f"{_server(base_url)}{account}"


def is_account(app: App, row: Connection, name: str, info: AccountInfo) -> bool:
    """Check whether a connection was made for the account of this name.

    Earlier versions stored an account without its server, or under another id: such a connection is recognised if its
    own server is the one that answered.
    """
    earlier = {info.id, *info.formerly}
    return row.account == name or (row.account in earlier and account_name(app, row.base_url, info.id) == name)


def _server(base_url: str) -> str:
    """Return host and port, the port only where it is not the scheme's own."""
    parts = urlsplit(base_url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.hostname or ''}{port}"
