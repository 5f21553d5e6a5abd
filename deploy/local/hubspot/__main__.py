"""Run the simulator as a process: `python -m deploy.local.hubspot --port 8100 --account 4001:pat-main`.

Tokens that matter come in the variables HUBSPOT_ADMIN_TOKEN and HUBSPOT_ACCOUNTS (PORTAL:TOKEN, separated by commas):
everybody on the machine may read a command line.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

import uvicorn
import uvloop

from deploy.local.hubspot.client import ACCOUNTS, ADMIN_TOKEN
from deploy.local.hubspot.server import Application, Clock, configure, listen
from deploy.local.hubspot.world import World


def main() -> None:
    """Read the command line and serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.hubspot", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 picks a free one")
    parser.add_argument(
        "--admin-token", default=os.environ.get(ADMIN_TOKEN, "admin"), help="what X-Admin-Token must carry"
    )
    parser.add_argument(
        "--data", type=Path, help="folder that keeps the state; without it nothing outlives the process"
    )
    parser.add_argument("--seed", type=int, default=0, help="of ids and drawn faults")
    parser.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="PORTAL:TOKEN",
        help="create this account with a private app of that token, unless it exists; may be repeated",
    )
    given = parser.parse_args()
    clock = Clock()
    world = World(clock=clock, seed=given.seed, folder=given.data)
    for row in [*given.account, *filter(None, os.environ.get(ACCOUNTS, "").split(","))]:
        portal, _, token = row.partition(":")
        if not portal.isdigit() or not token:
            parser.error(f"account {row!r} must be PORTAL:TOKEN, for example 4001:pat-main")
        if int(portal) not in world.accounts:
            world.add_account(int(portal))
            world.add_private_app(int(portal), token)
    try:
        sock = listen(given.port)
    except OSError as error:
        sys.exit(f"port {given.port} cannot be used ({error}); stop what listens there or choose another --port")
    server = uvicorn.Server(configure(Application(world, given.admin_token)))
    print(f"hubspot simulator on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)  # noqa: T201 - the answer of the command
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[sock]))


if __name__ == "__main__":
    main()
