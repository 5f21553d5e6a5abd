"""Kafka's jars: exactly those of the committed lock, fetched once per user and compared before every start.

Only `python -m deploy.local.jars` walks the dependency graph (to write the lock anew); a start downloads the locked
coordinates themselves, so it cannot pick up another version, and works without network when the jars are cached.
jgo's `build` is not used: it fetches a whole second Java only to sort jars into folders that we do not need.
"""

import fcntl
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import jgo
import requests
from jgo.maven import MavenContext
from pydantic import BaseModel, ConfigDict, Field

ENDPOINTS = ("org.apache.kafka:kafka_2.13:4.1.0", "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3!")
"""What to resolve when the lock is written: Kafka, and the bridge without which it logs nothing.

The exclamation mark keeps the bridge's own wishes out: it would pull in an older Kafka client.
"""

LOCK_FILE = Path(__file__).with_name("jars.lock.json")
_DOWNLOADS_AT_ONCE = 4


class JarError(RuntimeError):
    """The jars cannot be fetched, or are not the locked ones; the message says what to do."""


class LockedJar(BaseModel):
    """One jar by Maven coordinate (`group:artifact:version`) and content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    coordinate: str = Field(pattern=r"^[\w.-]+:[\w.-]+:[\w.-]+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class JarLock(BaseModel):
    """All jars of a class path, and the endpoints they were resolved from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoints: tuple[str, ...]
    jars: tuple[LockedJar, ...]


def cache_folder() -> Path:
    """Return where jars are kept between starts and between clones: the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "syncline" / "jars"


def read_lock(path: Path = LOCK_FILE) -> JarLock:
    """Read a lock file."""
    return JarLock.model_validate_json(path.read_text())


def class_path(lock: JarLock, cache: Path) -> str:
    """Fetch the jars that are missing, compare all with the lock, and return Java's class path.

    Raises:
        JarError: A jar cannot be downloaded, or is not the locked one even when fetched anew.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with _only_one_process(cache), ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
        return os.pathsep.join(
            str(path) for path in pool.map(partial(_fetch, MavenContext(repo_cache=cache)), lock.jars)
        )


def readiness(lock: JarLock, cache: Path) -> str:
    """Return in a few words whether the next start finds all jars; when some are missing, fetch one to see that it can.

    Raises:
        JarError: The one cannot be fetched.
    """
    context = MavenContext(repo_cache=cache)
    missing = [jar for jar in lock.jars if not Path(_artifact(context, jar).cached_path).exists()]
    if not missing:
        return f"{len(lock.jars)} jars of Kafka are here"
    cache.mkdir(parents=True, exist_ok=True)
    with _only_one_process(cache):
        _fetch(context, missing[-1])
    return f"{len(missing)} jars of Kafka can be downloaded (45 MB in all)"


def resolve_lock(endpoints: Sequence[str], cache: Path) -> JarLock:
    """Resolve endpoints anew, trusting what the repository serves, and return the lock to commit."""
    cache.mkdir(parents=True, exist_ok=True)
    context = MavenContext(repo_cache=cache)
    jars = []
    for found in jgo.resolve("+".join(endpoints)):
        coordinate = f"{found.groupId}:{found.artifactId}:{found.version}"
        if found.classifier or found.packaging != "jar":
            raise JarError(f"{coordinate} needs a classifier or is no jar ({found.filename}); extend LockedJar first.")
        path = _artifact(context, LockedJar(coordinate=coordinate, sha256="0" * 64)).resolve()
        jars.append(LockedJar(coordinate=coordinate, sha256=_sha256(path)))
    return JarLock(endpoints=tuple(endpoints), jars=tuple(sorted(jars, key=lambda jar: jar.coordinate)))


def _artifact(context: MavenContext, jar: LockedJar) -> jgo.maven.Artifact:
    group, name, version = jar.coordinate.split(":")
    return context.project(group, name).at_version(version).artifact()


def _fetch(context: MavenContext, jar: LockedJar) -> Path:
    """Return a jar that equals the lock. A file broken by an interrupted download is fetched once more."""
    artifact = _artifact(context, jar)
    for _ in range(2):
        try:
            path = Path(artifact.resolve())
        except (requests.RequestException, OSError, RuntimeError) as error:
            raise JarError(
                f"Cannot download {jar.coordinate} for Kafka: {error}. Check the network, or set KAFKA=host:port to use"
                " a Kafka that runs already.",
            ) from error
        if _sha256(path) == jar.sha256:
            return path
        path.unlink()
    raise JarError(
        f"{jar.coordinate} as downloaded is not the jar named in {LOCK_FILE.name} (SHA-256 differs). Nothing"
        " was started. If the change is wanted, run `python -m deploy.local.jars` and review the difference.",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _only_one_process(cache: Path) -> Iterator[None]:
    """Hold the cache's lock: jgo writes into the final file, so a second process would read half a jar."""
    with (cache / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    LOCK_FILE.write_text(resolve_lock(ENDPOINTS, cache_folder()).model_dump_json(indent=2) + "\n")
    sys.stdout.write(f"Wrote {LOCK_FILE.name}.\n")
