"""How long things are kept, at the command line: shown and changed."""

import argparse
from collections.abc import Iterator

from services.console.commands.settings.people import Said, told
from services.console.use.administration.retention import TITLES, Keeping, RetentionWanted
from services.console.use.problems import Problem
from shared.io.kafka.topics import KafkaRetention
from shared.io.process.service import Service


def run(service: Service, given: argparse.Namespace) -> int:
    """Show how long things are kept, or change it; returns the exit code."""
    settings = service.settings
    return told(
        service, lambda accounts, _: said(Keeping(accounts, settings.kept, KafkaRetention(settings)), given),
        as_json=given.json,
    )  # fmt: skip


def said(keeping: Keeping, given: argparse.Namespace) -> Iterator[Said]:
    """Do what a command says, and yield what there is to say; raises `Problem`."""
    asked = {name: getattr(given, name) for name in TITLES if getattr(given, name) is not None}
    if asked:
        stands = {row["name"]: row["days"] for row in keeping.rows() if row["decided"]}
        # 0 stands for as long as the settings say.
        days = {name: number or None for name, number in {**stands, **asked}.items()}
        try:
            wanted = RetentionWanted.model_validate(days)
        except ValueError as error:
            raise Problem(422, "Not understood", "Days go from 1 to 3,650, and those of exports to 30.") from error
        failed = keeping.change(wanted)
        if failed:
            raise Problem(409, "Not taken by Kafka", f"It is decided, and consoles go on telling Kafka: {failed}.")
    for row in keeping.rows():
        who = "decided" if row["decided"] else "usual"
        yield Said(f"{row['name']}  {row['days']} ({who}, {row['state']})  {row['what']}", row)
