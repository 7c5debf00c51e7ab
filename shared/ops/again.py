"""Starts a service's own code for a task of its own beside the running service, and reads what it found.

The tools may not import services, so they start `python -m services.<name> TASK …` as the stack would start the service itself.
"""

import json
import os
import subprocess
import sys
from typing import Any

from shared.ops.endpoints import Endpoints
from shared.ops.errors import Exit, OpsError
from shared.wire import catalogue


def start(endpoints: Endpoints, service: str, task: str, *arguments: str) -> Any:
    """What the task wrote, as JSON; its progress goes to this terminal. Raises OpsError when it failed or was wrongly used."""
    if service not in catalogue.load().services:
        raise OpsError(f"There is no service {service}: name one of {', '.join(catalogue.load().services)}.")
    command = [sys.executable, "-P", "-m", f"services.{service}", task, *arguments]
    done = subprocess.run(command, env={**os.environ, **_told(endpoints, service)}, stdout=subprocess.PIPE, check=False)
    if done.returncode == Exit.USAGE:
        raise SystemExit(Exit.USAGE)  # it has said what is written otherwise
    if done.returncode not in (Exit.DONE, Exit.FOUND):
        raise OpsError(f"{service} could not do this ({task}): see above. What runs is as it was.")
    return json.loads(done.stdout)


def _told(endpoints: Endpoints, service: str) -> dict[str, str]:
    """What the embedded run tells the service; elsewhere this process has been told already."""
    if endpoints.home is None:
        return {}
    path = endpoints.home / "run" / "environments.json"
    try:
        told: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))[service]
    except FileNotFoundError as error:
        raise OpsError(f"{path} is missing: start the stack again with `throughline up`, which writes it.") from error
    return told
