"""Builds AxonOps Schema Registry from its Go module and runs it, so that our own registry can be held against a real one."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGE = "github.com/axonops/axonops-schema-registry/cmd/schema-registry"
CONFIG = """
server: {{host: 127.0.0.1, port: {port}}}
storage: {{type: memory}}
compatibility: {{default_level: BACKWARD}}
logging: {{level: error, format: json}}
"""


def built() -> Path:
    """The program, built once for each version and kept in the user's cache. Skips the test where Go is missing."""
    version = (HERE / "go.mod").read_text().split()[-1]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    program = cache / "throughline" / f"axonops-schema-registry-{version}"
    if program.exists():
        return program
    if shutil.which("go") is None:
        pytest.skip("Go is not installed, so AxonOps Schema Registry cannot be built to compare with; install Go 1.26 to run this")
    program.parent.mkdir(parents=True, exist_ok=True)
    unfinished = program.with_suffix(f".{os.getpid()}")
    build = subprocess.run(["go", "build", "-buildvcs=false", "-o", unfinished, PACKAGE], cwd=HERE, capture_output=True, text=True, check=False)
    assert build.returncode == 0, f"AxonOps Schema Registry does not build:\n{build.stderr}"
    unfinished.rename(program)
    return program


@contextmanager
def running(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The registry on a loopback port, its storage in memory."""
    config = folder / "axonops.yaml"
    config.write_text(CONFIG.format(port=port))
    process = subprocess.Popen([built(), "-config", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)
