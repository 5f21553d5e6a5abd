"""Shows what is wrong with an installation, and what to do: servers, topics, keys, clocks, workers, apps."""

import sys
from collections.abc import Iterator
from typing import Any, Final

from services.console.commands.calling import Calls, NoAnswerError
from services.console.commands.printing import write_json
from services.console.setups.accounts.discovery import Apps
from services.console.setups.ends import Unasked
from shared import findings
from shared.findings import Finding
from shared.io.calls.vault import Vault, VaultError
from shared.io.kafka.topics import wanted_topics
from shared.io.ports import BusUnavailable, NotReady, run_blocking
from shared.io.process.examining import kafka_findings, redis_findings
from shared.io.process.reaching import Unreachable, reach, settings_for_command
from shared.io.process.service import Service
from shared.model.syncs import Connection
from shared.rules.errors import CODES
from shared.settings import PREFIX, Settings, SettingsError
from shared.wire.topics import Topic, catalogue

DISK_MIB: Final = 1000
"""What the console's views of a million records take, with some room."""
_WAIT_S: Final = 5.0
"""How long an app may let us wait."""


def run(*, as_json: bool = False) -> int:
    """Look at everything, and print what was found; returns the exit code: 0 nothing is wrong, 1 something is."""
    found = []
    for finding in examine():
        found.append(finding)
        if not as_json:
            sys.stdout.writelines(f"{line}\n" for line in finding.lines())
            sys.stdout.flush()
    if as_json:
        rows = [{"state": one.state.lower(), "title": one.title, "advice": one.advice} for one in found]
        write_json(rows)
    return 0 if findings.works(found) else 1


def examine() -> Iterator[Finding]:
    """Yield what is found, what needs no server first."""
    yield findings.python()
    try:
        settings = settings_for_command()
    except SettingsError as error:
        yield Finding(ok=False, title="the settings are wrong", advice=str(error))
        return
    yield findings.disk(settings.data_dir, DISK_MIB, f"Make room, or name another folder in {PREFIX}DATA_DIR.")
    vault = Vault()
    try:
        vault = Vault.from_file(settings.key_file)
        yield (
            Finding(ok=True, title="the keys that seal secrets can be read")
            if settings.key_file
            else Finding(
                ok=False,
                title="there is no key to seal secrets with",
                advice=f"Make one by `openssl rand -base64 32`, and name its file in {PREFIX}KEY_FILE.",
            )
        )
    except VaultError as error:
        yield Finding(ok=False, title="the keys that seal secrets cannot be read", advice=f"{error}.")
    redis = list(redis_findings(settings))
    yield from redis
    service, trouble = _reached(settings) if findings.works(redis) else (None, None)
    try:
        apps = sorted({row.app for row in service.setups.connections()}) if service is not None else []
        kafka = list(kafka_findings(settings, _topics(settings), apps))
        yield from kafka
        if trouble is not None and findings.works(kafka):
            yield trouble
        yield console(settings)
        if service is not None:
            yield from set_up(service, vault)
    finally:
        if service is not None:
            service.close()


def _topics(settings: Settings) -> tuple[Topic[Any], ...]:
    """List the topics that there should be; while Kafka is away, as the settings alone have them."""
    try:
        return wanted_topics(settings)
    except BusUnavailable:
        return catalogue(settings.apps, settings.kept)


def _reached(settings: Settings) -> tuple[Service | None, Finding | None]:
    try:
        return reach(settings), None
    except Unreachable as error:
        return None, Finding(ok=False, title="what is set up cannot be read", advice=f"{error}.")


def console(settings: Settings) -> Finding:
    """Ask the console how everything stands: another machine's may be out of reach from here."""
    try:
        troubles = Calls(settings).get("health")
    except NoAnswerError as error:
        return Finding(ok=True, title="the console was not reached from here", advice=f"{error}.")
    number = len(troubles["syncs"])
    return Finding(ok=True, title=f"the console answers, and knows {number} sync{'' if number == 1 else 's'}")


def set_up(service: Service, vault: Vault) -> Iterator[Finding]:
    """Look at what is set up: whether this version can run it, its secrets can be opened, and its apps answer."""
    for name, why in service.setups.not_run().items():
        advice = f"Update the services that run an older version: {why}."
        yield Finding(ok=False, title=f"sync {name} does not run in this version", advice=advice)
    for sync in service.setups.syncs():
        yield _links(service, sync.id)
    rows = service.setups.connections()
    apps = Apps(service, rows)
    for row in rows:
        wrong = _sealed(row, vault)
        yield wrong or _answer(apps, row)


def _links(service: Service, sync: str) -> Finding:
    try:
        state = run_blocking(service.store.is_ready(sync))
    except (NotReady, BusUnavailable) as error:
        return Finding(
            ok=False, title=f"the links of sync {sync} cannot be looked at ({error!r})", advice="Look at Redis."
        )
    if state == "ready":
        return Finding(ok=True, title=f"the links of sync {sync} are whole")
    advice = "Nothing to do while a matcher works: it fills Redis again out of Kafka."
    return Finding(
        ok=True,
        title=f"the links of sync {sync} are {'lost' if state == 'lost' else 'being filled again'}",
        advice=advice,
    )


def _sealed(row: Connection, vault: Vault) -> Finding | None:
    """Check that the secrets of a connection can be opened; None where they can."""
    held = {**row.secrets, **({"webhook_secret": row.webhook_secret} if row.webhook_secret else {})}
    try:
        for name, sealed in held.items():
            vault.open(sealed, connection=row.id, name=name)
    except VaultError as error:
        advice = f"{error}. To enter secrets anew: ./syncline secrets {row.id} {' '.join(held)}."
        return Finding(ok=False, title=f"the secrets of {_named(row)} cannot be opened", advice=advice)
    return None


def _answer(apps: Apps, row: Connection) -> Finding:
    if row.paused:
        advice = f"Its syncs wait; `./syncline connections resume {row.id}` has them go on."
        return Finding(ok=True, title=f"{_named(row)} is paused by somebody", advice=advice)
    told = apps.account(row.id, _WAIT_S)
    if isinstance(told, Unasked):
        known = CODES.get(told.reason.partition(":")[0])
        return Finding(
            ok=False,
            title=f"{_named(row)} does not work ({told.reason})",
            advice=known.remedy if known else "Look at its page.",
        )
    return Finding(ok=True, title=f"{_named(row)} answers as account {told.id}")


def _named(row: Connection) -> str:
    return f"connection {row.id} ({row.label or row.app})"
