"""How commands end, what they say when something is missing, and what they never let through."""

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from shared.ops import cli, dlt, endpoints, show, stack
from shared.ops.errors import OpsError, StackDown


def _home(folder: Path, **addresses: str) -> Path:
    (folder / "run").mkdir()
    (folder / "run" / "endpoints.json").write_text(json.dumps(addresses))
    return folder


class _Alive(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _main(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["throughline", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_a_stack_that_was_never_started_is_one_sentence_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main(monkeypatch, "status", "--home", str(tmp_path)) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "throughline up" in said.err


def test_a_stack_that_is_down_is_one_sentence_that_names_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = _home(tmp_path, console="http://127.0.0.1:9")
    assert _main(monkeypatch, "waits", "ls", "--home", str(home)) == 1
    assert capsys.readouterr().err.startswith("Nothing answers at http://127.0.0.1:9")


@pytest.mark.parametrize("words", [["trace"], ["nonsense"], ["status", "--nonsense"], ["up", "--nodes", "many"]], ids=" ".join)
def test_wrong_use_is_exit_code_2(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    assert _main(monkeypatch, *words) == 2


def test_a_doctor_that_finds_something_ends_with_exit_code_3(tmp_path: Path) -> None:
    home = _home(tmp_path, console="http://127.0.0.1:9", netsuite="http://127.0.0.1:9")
    done = CliRunner().invoke(cli.app, ["doctor", "--home", str(home), "--json"])
    found = {each["part"]: each for each in json.loads(done.output)}
    assert done.exit_code == 3
    assert found["python"]["well"]
    assert not found["netsuite"]["well"]


def test_the_doctor_knows_the_port_of_an_address_that_names_none(tmp_path: Path) -> None:
    home = _home(tmp_path, console="http://127.0.0.1:9", postgres="127.0.0.2", psa="https://127.0.0.2/psa")
    done = CliRunner().invoke(cli.app, ["doctor", "--home", str(home), "--json"])
    found = {each["part"]: each for each in json.loads(done.output)}
    assert "127.0.0.2:5432" in found["postgres"]["said"]
    assert "127.0.0.2:443" in found["psa"]["said"]


def test_a_service_whose_address_is_not_known_is_not_taken_for_well(tmp_path: Path) -> None:
    home = _home(tmp_path, console="http://127.0.0.1:9")
    done = CliRunner().invoke(cli.app, ["doctor", "--home", str(home), "--json"])
    found = {each["part"]: each for each in json.loads(done.output)}
    assert not found["master_data"]["well"]
    assert "THROUGHLINE_MASTER_DATA_OPS" in found["master_data"]["said"]
    with pytest.raises(OpsError, match="THROUGHLINE_CONTRACT_EVENTS_OPS"):
        CliRunner().invoke(cli.app, ["calls", "ls", "--home", str(home)], catch_exceptions=False)


def test_lanes_of_a_service_that_runs_are_left_alone(tmp_path: Path) -> None:
    words = ["lanes", "follow-database", "master_data", "--lost", "nothing", "--why", "failover", "--home", str(tmp_path)]
    with ThreadingHTTPServer(("127.0.0.1", 0), _Alive) as server:
        _home(tmp_path, master_data=f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever).start()
        with pytest.raises(OpsError, match="is running"):
            CliRunner().invoke(cli.app, words, catch_exceptions=False)
        server.shutdown()
    with pytest.raises(OpsError, match=r"environments\.json"):  # it stands still: what the service is told is needed next
        CliRunner().invoke(cli.app, words, catch_exceptions=False)


def test_a_home_given_by_name_wins_over_the_environment(tmp_path: Path) -> None:
    home = _home(tmp_path, console="http://here:1")
    assert endpoints.find(home, {"THROUGHLINE_CONSOLE": "http://there:1"})["console"] == "http://here:1"
    assert endpoints.find(None, {"THROUGHLINE_CONSOLE": "http://there:1"})["console"] == "http://there:1"


def test_an_unknown_address_says_which_variable_names_it() -> None:
    with pytest.raises(OpsError, match="THROUGHLINE_KAFKA"):
        endpoints.find(None, {"THROUGHLINE_CONSOLE": "http://there:1"})["kafka"]


def test_a_broken_endpoints_file_says_what_to_do(tmp_path: Path) -> None:
    _home(tmp_path)
    (tmp_path / "run" / "endpoints.json").write_text("{")
    with pytest.raises(OpsError, match="throughline down") as told:
        endpoints.find(tmp_path)
    assert not isinstance(told.value, StackDown)


def test_only_given_options_are_handed_over() -> None:
    written = stack.arguments([Path("a.json"), Path("b.json")], until_idle=True, home=None, derive_mappings=False, port_base=9000)
    assert written == ["--feed", "a.json", "--feed", "b.json", "--until-idle", "--port-base", "9000"]


def test_a_folder_named_deploy_where_the_user_stands_is_not_what_is_run(tmp_path: Path) -> None:
    stranger = tmp_path / "deploy" / "embedded"
    stranger.mkdir(parents=True)
    for folder in (stranger.parent, stranger):
        (folder / "__init__.py").touch()
    (stranger / "__main__.py").write_text("raise SystemExit('the stranger ran')")
    handing = "from shared.ops.stack import hand_over; hand_over('down', home='home')"
    done = subprocess.run([sys.executable, "-P", "-c", handing], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "nothing runs" in done.stderr) == (0, True), done.stderr


def test_what_came_from_outside_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show.out(show.table("", ("title",), [("evil\x1b]0;owned\x07 [bold]text[/bold]",)]))
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "[bold]text[/bold]" in shown


@pytest.mark.parametrize(
    ("moment", "said"),
    [("2026-03-01T11:59:58+00:00", "2 s"), ("2026-03-01T10:29:00+00:00", "1 h 31 min"), ("2026-02-27T12:00:00+00:00", "2 d"), (None, "")],
)
def test_an_age_is_told_in_its_two_largest_units(moment: str | None, said: str) -> None:
    from datetime import UTC, datetime

    assert show.ago(moment, datetime(2026, 3, 1, 12, tzinfo=UTC)) == said


def test_a_place_is_told_from_a_fingerprint() -> None:
    assert dlt.place_of("psa_sync.dlt.v1/0:42") == dlt.Place("psa_sync.dlt.v1", 0, 42)
    assert dlt.place_of("0123456789ab") is None


@pytest.mark.parametrize(
    ("name", "held", "said"),
    [
        ("kafka_dlt-original-partition", (3).to_bytes(4, "big"), "3"),
        ("kafka_dlt-original-offset", (1 << 33).to_bytes(8, "big"), str(1 << 33)),
        ("__dlq.errors.offset", b"42", "42"),
        ("throughline-cause", "fährt".encode(), "fährt"),
        ("broken", b"\x00\xff", "00 ff"),
        ("empty", None, ""),
    ],
)
def test_a_header_is_read_as_its_writer_meant_it(name: str, held: bytes | None, said: str) -> None:
    assert dlt.header(name, held) == said
