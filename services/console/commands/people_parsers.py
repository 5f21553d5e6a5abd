"""What the commands about users and tokens take; light to import, for each command reads it."""

from pathlib import Path
from typing import Any, Final

_WHO: Final = "the address; of a user of the provider the id"
_ROLE: Final = "viewer, editor, operator or admin"


def add_parsers(commands: Any) -> None:
    """Add the commands to those of the console."""
    users = commands.add_parser("users", help="list users, invite, change, reset or disable one")
    what = users.add_subparsers(dest="what", required=False)
    what.add_parser("list", help="list all users (the default)")
    add = what.add_parser("add", help="invite somebody, and print the link to choose a password by")
    add.add_argument("email", help="the address")
    add.add_argument("role", help=_ROLE)
    role = what.add_parser("role", help="give a user another role")
    role.add_argument("email", help=_WHO)
    role.add_argument("role", help=_ROLE)
    for name, text in (
        ("disable", "shut a user out"),
        ("enable", "let a user in again"),
        ("reset", "take a user's password away, and print the link to choose another one by"),
    ):
        what.add_parser(name, help=text).add_argument("email", help=_WHO)
    tokens = commands.add_parser("tokens", help="list tokens of the API, make or revoke one")
    what = tokens.add_subparsers(dest="what", required=False)
    what.add_parser("list", help="list all tokens (the default)")
    add = what.add_parser("add", help="make a token, and print it, this once")
    add.add_argument("name", help="what it is for")
    add.add_argument("--role", default="viewer", help=f"the most that it may do: {_ROLE} (default: %(default)s)")
    add.add_argument("--days", type=int, default=90, help="for how many days; 0 for ever (default: %(default)s)")
    add.add_argument("--scope", action="append", metavar="SCOPE",
                     help="limit it to this, such as records:read; given again for each (default: all that the role "
                     "allows)")  # fmt: skip
    what.add_parser("revoke", help="end a token").add_argument("name", help="its id")
    mail = commands.add_parser("mail", help="show by which server mail is sent, change, try or remove it")
    what = mail.add_subparsers(dest="what", required=False)
    what.add_parser("show", help="show the mail server as a file, without its password (the default)")
    what.add_parser("set", help="send mail by what a file says").add_argument(
        "file", type=Path, help="YAML, as show prints it, and the password"
    )
    what.add_parser("test", help="send a mail to see whether that works").add_argument("to", help="an address")
    what.add_parser("remove", help="send no mail any more")
    _add_watching(commands)
    sign_in = commands.add_parser("sign-in", help="show by which provider people sign in, change or remove it")
    what = sign_in.add_subparsers(dest="what", required=False)
    what.add_parser("show", help="show the provider as a file, without its secret (the default)")
    what.add_parser("set", help="sign people in by what a file says").add_argument(
        "file",
        type=Path,
        help="YAML, as show prints it, and the client_secret",
    )
    what.add_parser("remove", help="sign nobody in by the provider any more")
    link = what.add_parser("link", help="let whoever signs in by the provider as one user be another one")
    link.add_argument("user", help="the id of the provider's user")
    link.add_argument("to", help="the address or id of the other one")
    what.add_parser("unlink", help="let a user of the provider be a user alone again").add_argument(
        "user", help="its id"
    )


def _add_watching(commands: Any) -> None:
    """Add the commands about alerts and about how long things are kept."""
    alerts = commands.add_parser("alerts", help="list alerts, show, add, change, try or remove one")
    what = alerts.add_subparsers(dest="what", required=False)
    what.add_parser("list", help="list all alerts and how they stand (the default)")
    what.add_parser("show", help="show an alert as a file, without its secret").add_argument("name", help="its id")
    add = what.add_parser("add", help="add what a file says")
    add.add_argument("file", type=Path, help="YAML, as show prints it, and the secret")
    change = what.add_parser("change", help="change an alert to what a file says")
    change.add_argument("name", help="its id")
    change.add_argument("file", type=Path, help="YAML, as show prints it; without a secret, the one that stands stays")
    what.add_parser("test", help="tell all whom an alert tells that it works").add_argument("name", help="its id")
    what.add_parser("remove", help="remove an alert").add_argument("name", help="its id")
    kept = commands.add_parser("retention", help="show for how many days things are kept, or change it")
    for name, what in (
        ("history", "what was decided about records"), ("health", "how everything stood"), ("activity", "who did what"),
        ("exports", "files of lists"),
    ):  # fmt: skip
        kept.add_argument(f"--{name}-days", type=int, metavar="DAYS", help=f"{what}; 0 for as long as usual")
