"""How a sandbox starts: never by accident, on loopback, with its folder under the home it was given."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import uvloop
from aiohttp import web
from aiohttp.typedefs import Middleware

from deploy.sandboxes.common.control import control_routes
from deploy.sandboxes.common.faults import Faults
from deploy.sandboxes.common.front import Room, Vendor, applying_faults, logging
from deploy.sandboxes.common.journal import Journals
from deploy.sandboxes.common.requests import RequestLog
from deploy.sandboxes.common.store import Store

_OFF = (
    "{name}: sandboxes are off. They play a vendor and take any order to fail, so they have no place in a deployed environment. "
    "On a developer's machine or in CI, give --home DIR or set THROUGHLINE_SANDBOX=1."
)


def parser(name: str) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog=f"python -m deploy.sandboxes.{name}")
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--home", type=Path, help="folder of the run; the sandbox keeps its journals under DIR/sandboxes/" + name)
    options.add_argument("--latency-ms", type=float, default=0.0, help="added to every call")
    return options


def home_of(name: str, options: argparse.Namespace) -> Path:
    """The run's home. Exits with 2 when nobody said that this is a place for sandboxes."""
    if options.home is None and os.environ.get("THROUGHLINE_SANDBOX") != "1":
        print(_OFF.format(name=name), file=sys.stderr)
        raise SystemExit(2)
    return options.home or Path(".throughline")


def open_room(name: str, folder: Path, latency_ms: float) -> Room:
    """Rebuild what the sandbox held. Raises BlockingIOError when it is already running on this folder."""
    journals = Journals(folder)
    return Room(name, journals, Store(journals), RequestLog(journals), Faults(time.monotonic), latency_ms)


def application(
    room: Room, vendor: Vendor, *, max_body: int, by_account: bool, forget_tokens: Callable[[], None], around: tuple[Middleware, ...] = ()
) -> web.Application:
    """The web application without the vendor's own routes. `around` is what the vendor puts between log and faults."""
    app = web.Application(client_max_size=max_body, middlewares=[logging(room, vendor), *around, applying_faults(room, vendor)])
    app.add_routes(control_routes(room, by_account, forget_tokens))

    async def close(_: web.Application) -> None:
        room.journals.close()

    app.on_cleanup.append(close)
    return app


def serve(name: str, options: argparse.Namespace, build: Callable[[Path], web.Application]) -> None:
    """Run until told to stop (SIGINT, SIGTERM)."""
    home = home_of(name, options)
    try:
        app = build(home)
    except BlockingIOError:
        print(f"{name}: {home / 'sandboxes' / name} is in use by another process; stop that one or give another --home", file=sys.stderr)
        raise SystemExit(1) from None
    print(f"{name} sandbox on http://{options.host}:{options.port}, home {home}", file=sys.stderr)
    web.run_app(app, loop=uvloop.new_event_loop(), host=options.host, port=options.port, print=None, access_log=None, shutdown_timeout=2.0)
