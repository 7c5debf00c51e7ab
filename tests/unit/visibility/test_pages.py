"""Pages and the JSON API over sample data: complete without scripts, nothing from outside, everything escaped."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import asyncpg
import httpx2 as httpx
import pytest

from services.visibility.policy import supply_of
from services.visibility.ports import views
from services.visibility.ports.reading import NotFound, Wanted
from services.visibility.web.site import build_site
from tests.unit.visibility.stories import MAPPING, T0, at

SLASHED = "ocds-b5fd17/PT-9/2019"
HOSTILE = '<script>alert("title")</script>'
VALUES = {"EUR": "1200.50", "JPY": "5000"}
LINE = views.ContractLine(
    contract_id=SLASHED,
    title=HOSTILE,
    contract_type="SOW",
    customer="Nordbank AG",
    business_unit="BU-17",
    region="EMEA",
    tenant="netsuite-emea",
    revision=2,
    stage="APPROVED",
    condition="WAITING",
    stage_since=T0,
    received_at=T0,
    amount="1200.50",
    currency="EUR",
    reason="No legal entity for BU-17 yet.",
)
POISON = LINE.model_copy(
    update={"contract_id": "POISON-1", "title": None, "amount": None, "currency": None, "condition": "DEAD_LETTERED", "customer": None}
)
WAIT = views.WaitLine(key=MAPPING, queue="master data", reason="No legal entity for BU-17.", contracts=2, since=T0, value_by_currency=VALUES)
PACE = views.Pace(median_s=1.9, p99_s=41.0, late=1, limit_s=900)
LETTER = views.LetterLine(
    topic="contract_events.dlt.v1",
    partition=0,
    offset=3,
    key="POISON-1",
    contract_id="POISON-1",
    service="contract_events",
    failed_topic="source.clm.contract.v1",
    failed_partition=0,
    failed_offset=77,
    at=T0,
    code="undecodable",
    message="schema id 4711 is not known",
    fingerprint="4d3da6907132",
    attempts=1,
    bytes=14,
    standing=True,
)
CAUSE = views.CauseLine(
    fingerprint=LETTER.fingerprint,
    code=LETTER.code,
    message=LETTER.message,
    service=LETTER.service,
    letters=1,
    standing=1,
    contracts=1,
    first=T0,
    last=T0,
    value_by_currency={},
)


def transition(seconds: float, service: str, status: str, **other: Any) -> views.Transition:
    known: dict[str, Any] = {"step": None, "waits": [], "cause": None, "call": None, "goes_back_to": None, "summary": f"{status} {HOSTILE}"}
    return views.Transition(
        at=at(seconds), service=service, revision=2, status=status, topic="contract.state.v1", partition=0, offset=1, **{**known, **other}
    )


DETAIL = views.ContractDetail(
    line=LINE,
    reached_at={"received": T0},
    cause=None,
    waits=[WAIT],
    records=[{"step": "project", "target": "netsuite-emea", "record_type": "job", "external_id": "TL-1", "internal_id": "8812"}],
    contract={
        "parent_id": "MSA/0117",
        "start_date": "2026-01-01",
        "end_date": "2027-06-30",
        "not_to_exceed": {"amount": "2000", "currency": "EUR"},
        "payment_terms": "Net 30",
        "purchase_order": None,
        "selling_entity": None,
        "revenue_method": "STRAIGHT_LINE",
        "lines": [
            {"description": HOSTILE, "billing_model": "FIXED_FEE", "amount": {"amount": "1200.50", "currency": "EUR"}, "cap": None},
        ],
        "milestones": [{"name": "Go-live", "due_date": "2026-09-01", "amount": None, "percent": "40"}],
        "inferred": [{"field": "end_date", "rule": "begins on the release's date"}],
    },
    lineage=[
        {
            "number": number,
            "effective_date": "2026-01-01",
            "approvals": [{"role": "legal", "actor": "A. Ruiz", "decision": "APPROVED"}],
            "delta": {"amount": delta, "currency": "EUR"},
            "value": {"amount": value, "currency": "EUR"},
        }
        for number, delta, value in ((1, "1300.5000", "1300.5"), (2, "-100.0000", "1200.5"))
    ],
    engagement=None,
    transitions=[
        transition(0, "contract_events", "APPROVED"),
        transition(0.2, "master_data", "WAITING", waits=[{"key": MAPPING}]),
        transition(8040.2, "master_data", "READY"),
        transition(
            8041,
            "erp_provisioning",
            "REJECTED",
            cause={"code": "x", "message": "refused", "fingerprint": "f"},
            call={"request": "PUT /job", "outcome": "REJECTED", "duration_ms": 212, "attempts": 2},
        ),
    ],
    dead_letters=[LETTER],
    late=True,
    under=["CO-1"],
)


class Sample:
    """A `Reader`, `Neighbours` and `Tail` that answers the same to everyone."""

    empty = False
    failing = False

    async def beats(self) -> int:
        return 7

    async def health(self) -> views.Health:
        return views.Health(status="ok", stale_s=1.0)

    async def summary(self) -> views.Summary:
        if self.failing:
            raise asyncpg.CannotConnectNowError("starting up")
        if self.empty:
            nothing = views.Pace(median_s=None, p99_s=None, late=0, limit_s=900)
            flow = [
                views.Step(name=name, contracts=0, value_by_currency={}, series=[0] * 24) for name in ("Approved", "Validated", "In ERP", "Active")
            ]
            return views.Summary(
                as_of=T0, changed_at=None, contracts=views.Counts(), value_by_currency=views.Values(), flow=flow, stopped=[], pace=nothing
            )
        flow = [
            views.Step(name=name, contracts=number, value_by_currency=VALUES, series=[0, number])
            for name, number in (("Approved", 4), ("Validated", 3), ("In ERP", 2), ("Active", 2))
        ]
        stopped = [
            views.Stopped(
                kind="wait", name=MAPPING, reason=HOSTILE, contracts=2, value_by_currency=VALUES, since=T0, queue="master data", share=0.25
            ),
            views.Stopped(kind="dead_letter", name=LETTER.fingerprint, reason="x", contracts=1, value_by_currency={}, since=T0, queue=None, share=0),
        ]
        counts = views.Counts(received=5, approved=4, ready=3, provisioned=2, active=2, waiting=2, dead_lettered=1, not_in_erp=1)
        return views.Summary(
            as_of=T0, changed_at=T0, since=T0, contracts=counts, value_by_currency=views.Values(), flow=flow, stopped=stopped, pace=PACE
        )

    async def report(self) -> views.Report:
        return views.Report(contracts=views.Counts(), value_by_currency=views.Values(), waits={}, duration_s=0, not_provisioned=[])

    async def contracts(self, wanted: Wanted) -> views.ContractPage:
        if wanted.state == "nonsense":
            raise ValueError("'nonsense' is no state")
        if self.empty:
            return views.ContractPage(contracts=[])
        if wanted.after:
            return views.ContractPage(contracts=[POISON])
        many = [LINE.model_copy(update={"contract_id": f"{SLASHED}/{number}", "title": "T" * 60}) for number in range(48)]
        return views.ContractPage(contracts=[LINE, POISON, *many], after="2026~x")

    async def units_and_queues(self) -> tuple[list[str], list[str]]:
        return ["BU-17", HOSTILE], ["master data"]

    async def contract(self, contract_id: str) -> views.ContractDetail:
        if contract_id not in (SLASHED, "POISON-1"):
            raise NotFound(f"no contract {contract_id!r} has been received")
        if contract_id == SLASHED:
            return DETAIL
        bare: dict[str, Any] = {"contract": None, "lineage": [], "transitions": [], "waits": [], "records": [], "under": [], "late": False}
        cause = {"code": LETTER.code, "message": LETTER.message, "fingerprint": LETTER.fingerprint}
        return DETAIL.model_copy(update={"line": POISON, "cause": cause, **bare})

    async def waits(self) -> list[views.WaitLine]:
        return [] if self.empty else [WAIT]

    async def wait(self, key: str, after: str | None = None, limit: int = 100) -> views.WaitDetail:
        columns = LINE.model_dump(include={"contract_id", "title", "customer", "business_unit", "stage", "amount", "currency"})
        return views.WaitDetail(wait=WAIT, supply=supply_of(key), waiters=[views.WaiterLine(since=T0, **columns)], after="2026~x")

    async def causes(self) -> list[views.CauseLine]:
        return [] if self.empty else [CAUSE, CAUSE.model_copy(update={"service": "psa_sync", "letters": 4, "standing": 2})]

    async def letters(self, fingerprint: str | None = None, limit: int = 100) -> list[views.LetterLine]:
        return [LETTER]

    async def letter(self, topic: str, partition: int, offset: int) -> views.LetterLine:
        return LETTER

    async def kpis(self, unit: str | None = None, limit: int = 200) -> views.Kpis:
        if self.empty:
            return views.Kpis(windows=[], late=[], pace=PACE)
        window = views.Window(
            window_start=T0, window_end=T0 + timedelta(minutes=5), business_unit="*", stage="ACTIVE", contracts=3, value_by_currency=VALUES
        )
        late = views.Late(
            contract_id=SLASHED, stage="APPROVED", business_unit="BU-17", since=T0, limit_s=900, amount="1.00", currency="EUR", cleared=False
        )
        return views.Kpis(windows=[window], late=[late], pace=PACE)

    async def platform(self) -> views.Platform:
        silent = views.ServiceLine(name="psa_sync", state="silent", lag=None, decisions_per_s=None, open_calls=None, asked_at=T0)
        target = views.TargetLine(name="netsuite-emea", service="erp_provisioning", state="flowing", in_use=14, allowance=15, waiting_calls=38)
        return views.Platform(services=[silent], targets=[] if self.empty else [target])

    async def follow(self) -> AsyncIterator[str | None]:
        yield None
        yield '{"contract_id":"SOW-1"}'


class Markup(HTMLParser):
    """Collects what a page refers to, and its tables with the links of the section around each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.names: list[str] = []
        self.attributes: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.addresses += [value for name, value in attrs if name in ("href", "src", "action") and value]


def get(address: str, **settings: bool) -> httpx.Response:
    sample = Sample()
    for name, value in settings.items():
        setattr(sample, name, value)
    site = build_site(sample, sample, sample, lambda: False)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=site), base_url="http://console") as client:
            return await client.get(address)

    return asyncio.run(ask())


PAGES = (
    "/",
    "/contracts",
    "/contracts?state=waiting&unit=BU-17&q=%22%3E%3Cscript%3E",
    f"/contracts/{SLASHED}",
    "/contracts/ocds-b5fd17%2FPT-9%2F2019",
    "/contracts/POISON-1",
    "/waits",
    f"/waits/{MAPPING}",
    "/dead-letters",
    f"/dead-letters/{LETTER.fingerprint}",
    "/kpis",
    "/kpis?unit=BU-17",
)
EMPTY_PAGES = ("/", "/contracts", "/contracts?state=late", "/waits", "/dead-letters", "/kpis")


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_whole_small_and_keeps_to_itself(address: str) -> None:
    answer = get(address)
    assert answer.status_code == 200
    assert len(answer.content) < 50_000
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    markup = Markup(answer.text)
    assert all(each.startswith(("/", "#")) and not each.startswith("//") for each in markup.addresses)
    assert "style" not in markup.names
    assert "style" not in markup.attributes
    assert not [name for name in markup.attributes if name.startswith("on")]
    assert markup.names.count("script") == 1
    assert "<h1" in answer.text
    assert 'href="#content"' in answer.text


@pytest.mark.parametrize("address", PAGES)
def test_nothing_from_outside_is_taken_for_markup(address: str) -> None:
    text = get(address).text
    assert HOSTILE not in text
    assert text.count("<script") == 1
    assert '"><script' not in text


@pytest.mark.parametrize("address", PAGES)
def test_every_table_downloads_as_csv_and_as_json(address: str) -> None:
    for section in re.findall(r"<section.*?</section>", get(address).text, re.DOTALL):
        if "<table" in section:
            assert re.search(r'href="/api/[^"]*format=csv[^"]*"[^>]*>CSV', section), section[:200]
            assert re.search(r'href="/api/[^"]*">JSON', section), section[:200]


@pytest.mark.parametrize("address", PAGES)
def test_every_download_that_a_page_names_answers(address: str) -> None:
    for link in {each for each in Markup(get(address).text).addresses if each.startswith("/api/")}:
        answer = get(link)
        assert answer.status_code == 200, link
        assert ("text/csv" in answer.headers["content-type"]) == ("format=csv" in link)


def test_an_approved_contract_that_was_cancelled_lacks_no_billing_structure() -> None:
    assert "1 approved contract</a> without a billing structure in ERP" in get("/").text


def test_a_cause_that_two_services_share_names_both_and_counts_their_letters() -> None:
    text = get(f"/dead-letters/{LETTER.fingerprint}").text
    assert "in contract_events, psa_sync" in text
    assert "1 of 1 letter stands</span> in contract_events" in text
    assert "2 of 4 letters stand</span> in psa_sync" in text
    assert "the newest 1 of 5" in text


@pytest.mark.parametrize("address", EMPTY_PAGES)
def test_an_empty_state_is_said_in_words(address: str) -> None:
    text = get(address, empty=True).text
    assert re.search(r"Nothing has been received|No contract|nothing waits|no dead letters|No window has been counted", text)


def test_a_status_is_a_word_a_shape_and_a_colour() -> None:
    text = get("/contracts").text
    assert '<span class="tag wait">waiting</span>' in text
    style = get(next(each for each in Markup(text).addresses if "console.css" in each)).text
    for look in ("ok", "wait", "bad", "way", "shut"):
        assert re.search(rf"\.{look}\.tag::before {{ content: \"\S\"", style), f"{look} needs a shape"


def test_a_story_says_what_was_waited_for_and_how_long() -> None:
    text = get(f"/contracts/{SLASHED}").text
    assert "waited <b>2 h 14 min</b>" in text
    assert "adds up" in text
    assert "refused" in text


def test_a_wait_says_how_it_is_supplied() -> None:
    text = get(f"/waits/{MAPPING}").text
    assert "throughline mappings load mapping.jsonl" in text
    line = supply_of(MAPPING).file
    assert line is not None
    assert json.loads(line)["key"] == MAPPING


def test_what_is_not_there_is_said_as_a_page_to_readers_and_as_json_to_programs() -> None:
    page, answer = get("/contracts/SOW-0"), get("/api/contracts/SOW-0")
    assert (page.status_code, answer.status_code) == (404, 404)
    assert "no contract &#39;SOW-0&#39; has been received" in page.text
    assert answer.json() == {"detail": "no contract 'SOW-0' has been received"}
    assert get("/nowhere").status_code == 404
    assert get("/api/nowhere").json() == {"detail": "Not Found"}
    assert get("/contracts?state=nonsense").status_code == 400


def test_a_database_that_is_away_is_said_as_such() -> None:
    page, answer = get("/", failing=True), get("/api/summary", failing=True)
    assert (page.status_code, answer.status_code) == (503, 503)
    assert "Nothing is lost" in page.text
    assert "detail" in answer.json()


def test_csv_holds_all_pages_and_no_formulas() -> None:
    text = get("/api/contracts?format=csv").text
    assert len(text.splitlines()) == 1 + 50 + 1
    assert text.startswith("contract_id,title,")


def test_the_api_describes_itself() -> None:
    described = get("/api/openapi.json").json()
    assert {"/api/summary", "/api/report", "/api/contracts", "/api/contracts/{contract_id}", "/api/waits", "/api/tail"} <= described["paths"].keys()
    assert described["components"]["schemas"]["Report"]["required"]


def test_the_tail_hands_on_statuses_and_heartbeats() -> None:
    text = get("/api/tail").text
    assert ": still here" in text
    assert 'event: status\ndata: {"contract_id":"SOW-1"}' in text
