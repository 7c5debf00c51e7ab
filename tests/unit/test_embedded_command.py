"""What a user gets to read: usage errors, a full disk, a held home, a taken port."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from deploy.embedded import home
from deploy.embedded.__main__ import main
from deploy.embedded.errors import StackError
from deploy.embedded.processes import Process, Stage


def test_a_report_without_an_end_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["up", "--report", "r.json"])
    assert stopped.value.code == 2
    assert "--report needs --until-idle" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["80", "70000", "many"])
def test_a_port_base_that_is_no_port_is_a_usage_error(text: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["up", "--port-base", text])
    assert stopped.value.code == 2


def test_a_file_that_is_not_there_is_named_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--home", str(tmp_path / "home"), "--feed", "/no/such.json"]) == 1
    assert "/no/such.json does not exist" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_a_report_with_no_folder_to_go_to_is_named_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--home", str(tmp_path / "home"), "--until-idle", "--report", str(tmp_path / "no" / "r.json")]) == 1
    assert "name a --report FILE in a folder that does" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["up", "--home", str(tmp_path / "file" / "home")]) == 1
    assert "Name another with --home DIR" in capsys.readouterr().err


def test_a_nearly_full_disk_is_one_sentence(tmp_path: Path) -> None:
    home.check_room(tmp_path, home.LEAST_FREE)
    with pytest.raises(StackError, match=r"Only 700 MB are free .* --home DIR\.$"):
        home.check_room(tmp_path, 700 * 2**20)


def test_a_running_stack_stops_before_the_disk_is_full(tmp_path: Path) -> None:
    home.check_reserve(tmp_path, home.LAST_RESERVE)
    with pytest.raises(StackError, match=r"The disk of .* is full: .* Free 1 GB and start again"):
        home.check_reserve(tmp_path, home.LAST_RESERVE - 1)


def test_a_held_home_names_its_holder_and_a_left_lock_holds_nothing(tmp_path: Path) -> None:
    home.make(tmp_path)
    (tmp_path / "run" / "lock").write_text("1")
    with home.only_one(tmp_path):
        assert home.holder(tmp_path) == os.getpid()
        with pytest.raises(StackError, match=f"in use by process {os.getpid()}: .*throughline down"), home.only_one(tmp_path):
            pass
    assert home.holder(tmp_path) is None


def test_a_taken_port_names_who_wanted_it_and_the_cure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=f"Port {port}, wanted by kafka-0, is in use: .*--port-base N"):
            home.check_ports([Process("kafka-0", Stage.INFRASTRUCTURE, (), (port,))])


def test_down_where_nothing_runs_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down", "--home", str(tmp_path)]) == 0
    assert "nothing runs" in capsys.readouterr().err
