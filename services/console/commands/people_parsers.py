"""What the commands about users and tokens take; light to import, for each command reads it."""

from typing import Any, Final

_ROLE: Final = "viewer, editor, operator or admin"


def add_parsers(commands: Any) -> None:
    """Add the commands to those of the console."""
    users = commands.add_parser("users", help="list users, invite, change, reset or disable one")
    what = users.add_subparsers(dest="what", required=False)
    what.add_parser("list", help="list all users (the default)")
    add = what.add_parser("add", help="invite somebody, and print the link to choose a password by")
    add.add_argument("email")
    add.add_argument("role", help=_ROLE)
    role = what.add_parser("role", help="give a user another role")
    role.add_argument("email")
    role.add_argument("role", help=_ROLE)
    for name, text in (
        ("disable", "shut a user out"),
        ("enable", "let a user in again"),
        ("reset", "take a user's password away, and print the link to choose another one by"),
    ):
        what.add_parser(name, help=text).add_argument("email")
    tokens = commands.add_parser("tokens", help="list tokens of the API, make or revoke one")
    what = tokens.add_subparsers(dest="what", required=False)
    what.add_parser("list", help="list all tokens (the default)")
    add = what.add_parser("add", help="make a token, and print it, this once")
    add.add_argument("name", help="what it is for")
    add.add_argument("--role", default="viewer", help=f"the most that it may do: {_ROLE} (default: %(default)s)")
    add.add_argument("--days", type=int, default=90, help="for how many days; 0 for ever (default: %(default)s)")
    what.add_parser("revoke", help="end a token").add_argument("name", help="its id")
