"""Where the parts of a running stack answer: from its home's `run/endpoints.json`, or from THROUGHLINE_* variables."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.ops.errors import OpsError, StackDown

DEFAULT_HOME = Path(".throughline")
VARIABLES = {
    "console": "THROUGHLINE_CONSOLE",
    "door": "THROUGHLINE_DOOR",
    "kafka": "THROUGHLINE_KAFKA",
    "registry": "THROUGHLINE_REGISTRY",
    **{
        name: f"THROUGHLINE_{name.upper()}_OPS"  # URL of the service's ops port
        for name in ("contract_events", "master_data", "erp_provisioning", "psa_sync", "visibility")
    },
}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses by name, each a URL or, for `kafka` and `postgres`, HOST:PORT. `home` is None for a stack that runs elsewhere."""

    addresses: Mapping[str, str]
    home: Path | None = None

    def __getitem__(self, name: str) -> str:
        """Raises OpsError when the address is not known."""
        if name in self.addresses:
            return self.addresses[name]
        raise OpsError(f"The address of {name} is not known: {_cure(name)}")

    def get(self, name: str) -> str | None:
        return self.addresses.get(name)


def find(home: Path | None, environment: Mapping[str, str] = os.environ) -> Endpoints:
    """The endpoints of the stack of `home`; without one, of the stack the variables name, else of the stack of this folder.

    Raises StackDown when there is none.
    """
    named = {name: environment[variable] for name, variable in VARIABLES.items() if environment.get(variable)}
    if home is None and "console" in named:
        return Endpoints(named)
    place = home or DEFAULT_HOME
    return Endpoints({**_read(place), **({} if home else named)}, place)


def _read(home: Path) -> dict[str, str]:
    path = home / "run" / "endpoints.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StackDown(f"No Throughline has been started from {home}: start one with `throughline up`, or name its home with --home DIR.") from error
    except ValueError as error:
        raise OpsError(f"{path} is broken ({error}): run `throughline down`, then `throughline up`, which writes it anew.") from error
    return {name: str(address) for name, address in content.items()}


def _cure(name: str) -> str:
    return f"set {VARIABLES[name]}." if name in VARIABLES else "name the stack's home with --home DIR."
