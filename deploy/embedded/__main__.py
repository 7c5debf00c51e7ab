"""The commands of the all-in-one run: `python -m deploy.embedded up | down`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.embedded.errors import StackError
from deploy.embedded.plan import EMBEDDED, Plan
from deploy.embedded.progress import Progress
from deploy.embedded.up import Errand, down, run

PORTS = range(1024, 65_000)


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="throughline", description="Run all of Throughline on this machine.")
    commands = root.add_subparsers(dest="command", required=True)
    _add_up(commands.add_parser("up", help="start everything, and feed it"))
    stop = commands.add_parser("down", help="stop what runs from a home")
    _add_home(stop)
    return root


def _add_up(up: argparse.ArgumentParser) -> None:
    _add_home(up)
    up.add_argument("--feed", metavar="PATH", type=Path, action="append", default=[], help="feed this file once ready; may be repeated")
    up.add_argument("--derive-mappings", action="store_true", help="also feed the mappings that the files imply")
    up.add_argument("--demo", action="store_true", help="play the demo scenario")
    up.add_argument("--until-idle", action="store_true", help="stop when nothing is left to do")
    up.add_argument("--report", metavar="FILE", type=Path, help="with --until-idle: write how every contract ended, as JSON")
    up.add_argument("--port-base", metavar="N", type=_port_base, default=8700, help="the console's port; all others follow (default %(default)s)")
    up.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="Kafka nodes (default %(default)s)")
    up.add_argument("--broker", metavar="embedded|HOST:PORT", default=EMBEDDED)
    up.add_argument("--postgres", metavar="embedded|DSN", default=EMBEDDED)
    up.add_argument("--registry", metavar="embedded|URL", default=EMBEDDED)


def _add_home(command: argparse.ArgumentParser) -> None:
    command.add_argument("--home", metavar="DIR", type=Path, default=Path(".throughline"), help="where everything is kept (default %(default)s)")


def _port_base(text: str) -> int:
    if not text.isdecimal() or int(text) not in PORTS:
        raise argparse.ArgumentTypeError(f"{text} is no port between {PORTS[0]} and {PORTS[-1]}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 failed, 2 usage."""
    options = parser()
    asked = options.parse_args(arguments)
    if asked.command == "up" and asked.report and not asked.until_idle:
        options.error("--report needs --until-idle: the report is written when nothing is left to do")
    progress = Progress()
    try:
        _obey(asked, progress)
    except StackError as error:
        progress.fail(str(error))
        return 1
    return 0


def _obey(asked: argparse.Namespace, progress: Progress) -> None:
    folder = asked.home.absolute()
    if asked.command == "down":
        return down(folder, progress)
    for path in asked.feed:
        if not path.exists():
            raise StackError(f"{path} does not exist: name a file or folder to feed.")
    if asked.report and not asked.report.absolute().parent.is_dir():
        raise StackError(f"{asked.report.absolute().parent} does not exist: name a --report FILE in a folder that does.")
    plan = Plan(folder, asked.port_base, asked.nodes, asked.broker, asked.postgres, asked.registry)
    errand = Errand(tuple(path.absolute() for path in asked.feed), asked.derive_mappings, asked.demo, asked.until_idle, asked.report)
    run(plan, errand, progress)


if __name__ == "__main__":
    sys.exit(main())
