"""What the commands say of a running stack: the console's own models, served over HTTP, as tables and as JSON."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from services.visibility.ports import views
from shared.ops.cli import app
from shared.wire import catalogue

SINCE = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
KEY = "legal_entity:BU-17@netsuite-emea"
LETTER = views.LetterLine(
    topic="psa_sync.dlt.v1",
    partition=0,
    offset=7,
    key="C-9",
    contract_id="C-9",
    service="psa_sync",
    failed_topic="erp.provisioning.v1",
    failed_partition=2,
    failed_offset=40,
    at=SINCE,
    code="end-before-start",
    message="ends before it starts",
    fingerprint="0123456789ab",
    attempts=1,
    bytes=12,
    standing=True,
)
WAIT = views.WaitLine(key=KEY, queue="master data", reason="no legal entity", contracts=2, since=SINCE, value_by_currency={"EUR": "1200.50"})
CAUSE = views.CauseLine(
    fingerprint="0123456789ab",
    code="end-before-start",
    message="ends before it starts",
    service="psa_sync",
    letters=1,
    standing=1,
    contracts=1,
    first=SINCE,
    last=SINCE,
    value_by_currency={"USD": "10"},
)
LINE = views.ContractLine(
    contract_id="C-1",
    title="Data platform [red]",
    contract_type="SOW",
    customer="ACC-1",
    business_unit="BU-17",
    region="EMEA",
    tenant="netsuite-emea",
    revision=2,
    stage="APPROVED",
    condition="WAITING",
    stage_since=SINCE,
    received_at=SINCE,
    amount="1200.50",
    currency="EUR",
)
WAITER = views.WaiterLine(
    contract_id="C-1", title=None, customer="ACC-1", business_unit="BU-17", stage="APPROVED", since=SINCE, amount="1200.50", currency="EUR"
)


def _step(**what: Any) -> views.Transition:
    told = {"at": SINCE, "service": "master_data", "revision": 2, "status": "WAITING", "summary": "checked", "step": None, "waits": [], "cause": None}
    return views.Transition(**{**told, "call": None, "goes_back_to": None, "topic": "engagement.ready.v1", "partition": 0, "offset": 3, **what})


DETAIL = views.ContractDetail.model_construct(
    line=LINE,
    reached_at={},
    cause=None,
    waits=[WAIT],
    records=[{"target": "netsuite-emea", "record_type": "job", "external_id": "TL-C-1", "internal_id": "77"}],
    contract=None,
    transitions=[
        _step(goes_back_to={"topic": "contract.state.v1", "partition": 1, "offset": 5}),
        _step(waits=[{"key": KEY}]),
        _step(summary="project", call={"request": "PUT /job/eid:TL-C-1", "outcome": "done"}),
    ],
    dead_letters=[],
    late=False,
)
SERVICE = views.ServiceLine(name="psa_sync", state="behind", lag=4, decisions_per_s=1.5, open_calls=0, asked_at=SINCE)
STOPPED = views.Stopped(kind="wait", name=KEY, reason="no legal entity", contracts=2, value_by_currency={"EUR": "5"}, since=SINCE, queue="q", share=1)
PARKED = {"key": "contract:C-9", "step": "project", "target": "psa", "faults": 6, "fault": "TypeError: a bug", "since": SINCE.isoformat()}
ANSWERS: dict[str, Any] = {
    "/status": {"parked": [PARKED]},
    "/api/summary": views.Summary.model_construct(
        as_of=SINCE,
        contracts=views.Counts(received=3, waiting=2),
        value_by_currency=views.Values(received={"EUR": "1200.50", "USD": "10"}),
        stopped=[STOPPED],
    ),
    "/api/targets": views.Platform(services=[SERVICE], targets=[]),
    "/api/contracts/C-1": DETAIL,
    "/api/waits": [WAIT],
    f"/api/waits/{KEY}".replace(":", "%3A").replace("@", "%40"): views.WaitDetail(
        wait=WAIT, supply=views.Supply(sentence="Supply the legal entity.", command="throughline mappings load x.jsonl"), waiters=[WAITER]
    ),
    "/api/dead-letters": [CAUSE, CAUSE.model_copy(update={"service": "erp_provisioning"})],
    "/api/dead-letters?cause=0123456789ab&limit=500": [LETTER, LETTER.model_copy(update={"service": "erp_provisioning"})],
}


class _Console(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = ANSWERS.get(self.path, ANSWERS.get(urlsplit(self.path).path))
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(json.dumps(_plain(found) if found else {"detail": "no contract C-404"}).encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _plain(found: Any) -> Any:
    if isinstance(found, dict):
        return found
    return [each.model_dump(mode="json") for each in found] if isinstance(found, list) else found.model_dump(mode="json")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Console)
    thread = Thread(target=server.serve_forever)
    thread.start()
    folder = tmp_path_factory.mktemp("home")
    (folder / "run").mkdir()
    url = f"http://127.0.0.1:{server.server_port}"
    (folder / "run" / "endpoints.json").write_text(json.dumps({"console": url, **dict.fromkeys(catalogue.load().services, url)}))
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


def _run(home: Path, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--home", str(home)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["status"], ["received", "EUR 1,200.50 · USD 10", KEY, "psa_sync", "behind", "contract:C-9"]),
        (["calls", "ls"], ["psa_sync", "contract:C-9", "TypeError: a bug", "throughline calls retry"]),
        (["trace", "C-1"], ["Data platform [red]", f"waits for {KEY}", "contract.state.v1/1:5", "PUT /job/eid:TL-C-1 → done", "TL-C-1", "77"]),
        (["waits", "ls"], [KEY, "master data", "EUR 1,200.50"]),
        (["waits", "show", KEY], ["Supply the legal entity.", "throughline mappings load x.jsonl", "C-1"]),
        (["dlt", "ls"], ["0123456789ab", "end-before-start", "USD 10"]),
        (["dlt", "show", "0123456789ab"], ["psa_sync.dlt.v1/0:7", "erp.provisioning.v1/2:40", "--service erp_provisioning"]),
        (["endpoints"], ["console", "http://127.0.0.1:"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and len(value) < 4 else "",
)
def test_a_table_names_what_a_reader_looks_for(home: Path, words: list[str], said: list[str]) -> None:
    shown = _run(home, *words)
    for part in said:
        assert part in shown


@pytest.mark.parametrize(
    "words", [["status"], ["trace", "C-1"], ["waits", "ls"], ["waits", "show", KEY], ["dlt", "ls"], ["calls", "ls"], ["endpoints"]], ids=" ".join
)
def test_every_answer_is_json_on_demand(home: Path, words: list[str]) -> None:
    assert json.loads(_run(home, *words, "--json"))


@pytest.mark.parametrize("words", [["plan"], ["discard"]], ids=" ".join)
def test_of_a_cause_that_services_share_one_has_to_be_named(home: Path, words: list[str]) -> None:
    done = CliRunner().invoke(app, ["dlt", *words, "--cause", "0123456789ab", "--why", "mended", "--home", str(home)])
    assert str(done.exception) == "erp_provisioning, psa_sync have such letters: say which with --service."


def test_the_json_of_a_trace_is_what_the_console_tells(home: Path) -> None:
    assert json.loads(_run(home, "trace", "C-1", "--json")) == DETAIL.model_dump(mode="json")
