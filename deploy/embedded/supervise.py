"""Keeps every process of the table running: writes a supervisord configuration, starts supervisord and talks to it over its socket."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from deploy.embedded.errors import StackError
from deploy.embedded.leftovers import MARK
from deploy.embedded.processes import Process

LONGEST_SOCKET_PATH = 100
GONE = (OSError, HTTPException, xmlrpc.client.Error)
"""What a call raises when supervisord, or the process it is about, is not there."""

INLINE_COMMENT = re.compile(r"\s[#;]")

RESTARTS = 5
"""Starts that fail at once, each a second later than the one before, until supervisord gives a process up."""


def configuration(home: Path, processes: Iterable[Process]) -> str:
    """supervisord's configuration. It holds the services' passwords, so its file is for the owner alone."""
    head = f"""[supervisord]
nodaemon=true
logfile={_plain(home / "logs" / "supervisord.log")}
logfile_maxbytes=5MB
logfile_backups=2
pidfile={_plain(home / "run" / "supervisord.pid")}
silent=true
{"user=root" if os.geteuid() == 0 else ""}
[unix_http_server]
file={_plain(socket_path(home))}
chmod=0600
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
    return head + "".join(_program(home, process) for process in processes)


def _program(home: Path, process: Process) -> str:
    command = shlex.join([sys.executable, "-P", *process.arguments])
    environment = ",".join(f"{key}={_quoted(value)}" for key, value in process.environment.items())
    return f"""[program:{process.name}]
command={_plain(command)}
environment={environment}
priority={int(process.stage)}
autostart=false
autorestart=true
startsecs=3
startretries={RESTARTS}
stopsignal={process.stop_signal}
stopwaitsecs={process.stop_seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile={_plain(home / "logs" / f"{process.name}.log")}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""


def _plain(text: object) -> str:
    """As supervisord takes it. Raises StackError for a path that it would cut off, as if a comment began there."""
    if INLINE_COMMENT.search(str(text)):
        raise StackError("The home folder's path holds a space before # or ;, where supervisord stops reading: name another with --home DIR.")
    return str(text).replace("%", "%%")


def _quoted(value: str) -> str:
    """As supervisord's reader of KEY=value pairs takes it. Raises StackError for a value it has no quotes for."""
    if "'" in value and '"' in value:
        raise StackError("The home folder's path holds both kinds of quotes, which supervisord cannot be told: name another with --home DIR.")
    mark = '"' if "'" in value else "'"
    return f"{mark}{_plain(value)}{mark}"


def socket_path(home: Path) -> Path:
    """Under the home; where that path is too long for a socket, in a folder of ours among the temporary ones."""
    path = home / "run" / "supervisor.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"throughline-{os.geteuid()}-{digest}" / "supervisor.sock"


@dataclass(frozen=True, slots=True)
class State:
    """What supervisord says of one process; `name` in its words (RUNNING, STARTING, BACKOFF, STOPPED, EXITED, FATAL)."""

    name: str
    pid: int


@dataclass(slots=True)
class Supervisor:
    """supervisord for one home, as our child while `up` runs."""

    home: Path
    daemon: subprocess.Popen[bytes] | None = None

    def start(self, processes: Iterable[Process], environment: Mapping[str, str]) -> None:
        """Start supervisord; it starts nothing by itself. Raises StackError when it does not answer."""
        path = self.home / "run" / "supervisord.conf"
        _write_private(path, configuration(self.home, processes))
        _own_folder(socket_path(self.home).parent, self.home)
        with (self.home / "logs" / "supervisord.out").open("wb") as out:
            command = [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(path)]
            told = {**os.environ, **environment, MARK: str(self.home)}
            # A session of its own: Ctrl-C is for `up`, which stops everything in order.
            self.daemon = subprocess.Popen(command, env=told, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        end = time.monotonic() + 20
        while not self.answers():
            if not self.alive() or time.monotonic() > end:
                raise StackError(f"supervisord did not start: see {self.home / 'logs' / 'supervisord.out'}.")
            time.sleep(0.03)

    def answers(self) -> bool:
        try:
            return bool(self._ask("getState"))
        except GONE:
            return False

    def _ask(self, method: str, *arguments: object) -> Any:
        """One call on a connection of its own: a transport that failed once cannot be used again."""
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(serverurl=f"unix://{socket_path(self.home)}")
        try:
            return getattr(xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor, method)(*arguments)
        finally:
            transport.close()

    def alive(self) -> bool:
        return self.daemon is not None and self.daemon.poll() is None

    def launch(self, processes: Iterable[Process]) -> None:
        for process in processes:
            self._ask("startProcess", process.name, False)

    def states(self) -> dict[str, State]:
        """By process name. Raises StackError when supervisord is gone."""
        try:
            return {each["name"]: State(each["statename"], each["pid"]) for each in self._ask("getAllProcessInfo")}
        except GONE as error:
            raise StackError("The supervisor ended, and with it what it kept running: start again, the kept data is used.") from error

    def stop(self, processes: Iterable[Process]) -> None:
        """Ask all to stop at once, then wait for each; supervisord kills what outlives its time."""
        names = {process.name for process in processes}
        for name in names:
            with suppress(*GONE):  # not running: nothing to stop
                self._ask("stopProcess", name, False)
        while any(state.pid for name, state in self.states().items() if name in names):
            time.sleep(0.05)

    def shutdown(self) -> None:
        if self.daemon is not None and self.alive():
            self.daemon.terminate()
            self.daemon.wait(60)


def _own_folder(folder: Path, home: Path) -> None:
    """Raises StackError when the folder for the socket belongs to someone else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise StackError(f"{folder} belongs to another user and {home} is too long a path for a socket: name a shorter one with --home DIR.")


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
