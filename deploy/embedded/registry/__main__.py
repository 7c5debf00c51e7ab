"""Starts the registry: `python -m deploy.embedded.registry --port N --home DIR`. Listens on loopback only."""

import argparse
import sys
from pathlib import Path

from aiohttp import web

from deploy.embedded.errors import StackError
from deploy.embedded.registry.api import application
from deploy.embedded.registry.journal import Journal
from deploy.embedded.registry.store import Store


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded.registry", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--home", type=Path, required=True, help="home folder of the stack; the registry keeps its journal in registry/ below it")
    arguments = parser.parse_args()
    try:
        journal = Journal(arguments.home / "registry")
        web.run_app(application(Store(journal)), host="127.0.0.1", port=arguments.port, print=None, access_log=None)
    except StackError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    except OSError as problem:
        sys.stderr.write(f"the schema registry cannot start on port {arguments.port}: {problem.strerror}; stop what uses it or choose another\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
