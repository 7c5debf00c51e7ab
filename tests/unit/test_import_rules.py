"""The import rules hold here, and each of them breaks when it is broken: a rule that never fails protects nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

NEVER_EACH_OTHER = "Services never import each other"
SAME_ROOMS = "Inside a service, imports point down, and every service has the same rooms"
PURE_DOMAIN = "Domain knows no I/O, no clock, no framework, no wire format"
THROUGH_PORTS = "Handlers reach the world through ports"
LAYERED = "Shared is layered"
NEVER_UP = "Shared never looks up"
NO_TESTS = "Production code never imports tests"

SERVICE = ("__main__", "app", "handlers", "adapters", "settings", "policy", "ports", "domain")
SHARED = ("ops", "runtime", "store", "wire", "telemetry", "messages", "kernel")

VIOLATIONS = (
    (NEVER_EACH_OTHER, "services/billing/app.py", "import services.archive.app"),
    (SAME_ROOMS, "services/billing/domain.py", "import services.billing.policy"),
    (SAME_ROOMS, "services/billing/utils.py", ""),
    (PURE_DOMAIN, "services/billing/domain.py", "import asyncio"),
    (PURE_DOMAIN, "shared/kernel/__init__.py", "import time"),
    (THROUGH_PORTS, "services/billing/handlers.py", "import asyncpg"),
    (LAYERED, "shared/store/__init__.py", "import shared.runtime"),
    (LAYERED, "shared/helpers.py", ""),
    (NEVER_UP, "shared/ops/__init__.py", "import services.billing.app"),
    (NO_TESTS, "services/billing/app.py", "import tests"),
)


def _file(path: Path, content: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{content}\n", encoding="utf-8")


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """The project's rooms with nothing in them, under the project's own rules."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for service in ("billing", "archive"):
        _file(tmp_path / "services" / service / "__init__.py")
        for room in SERVICE:
            _file(tmp_path / "services" / service / f"{room}.py")
    for room in SHARED:
        _file(tmp_path / "shared" / room / "__init__.py")
    for package in ("services", "shared", "deploy", "tests"):
        _file(tmp_path / package / "__init__.py")
    return tmp_path


def _broken_rules(root: Path) -> list[str]:
    """Names of the rules that `lint-imports` finds broken."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--config", "pyproject.toml"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"})
    lines = done.stdout.splitlines()
    assert any("kept" in line for line in lines), done.stdout + done.stderr
    return [line.removesuffix(" BROKEN") for line in lines if line.endswith(" BROKEN")]


def test_empty_rooms_break_no_rule(skeleton: Path) -> None:
    assert _broken_rules(skeleton) == []


@pytest.mark.parametrize(("rule", "file", "line"), VIOLATIONS, ids=[f"{file}: {line or 'is there'}" for _, file, line in VIOLATIONS])
def test_a_seeded_violation_breaks_exactly_its_rule(skeleton: Path, rule: str, file: str, line: str) -> None:
    _file(skeleton / file, line)
    assert _broken_rules(skeleton) == [rule]


def test_every_rule_has_a_seeded_violation() -> None:
    import tomllib

    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {rule["name"] for rule in rules} == {rule for rule, _, _ in VIOLATIONS}


def test_the_project_keeps_its_rules() -> None:
    assert _broken_rules(ROOT) == []
