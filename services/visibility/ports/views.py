"""What readers get: one model for each answer of the JSON API, and the console's pages are drawn from the same."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Amounts = dict[str, str]
"""Decimal text by ISO 4217 currency, such as {"EUR": "1200.50"}; amounts of different currencies are never added."""


class View(BaseModel):
    model_config = ConfigDict(frozen=True)


class Counts(View):
    """How many contracts. Each but the last four counts what got that far, whatever became of it since."""

    received: int = 0
    approved: int = 0
    ready: int = Field(default=0, description="checked against master data")
    provisioned: int = Field(default=0, description="set up in their ERP")
    active: int = Field(default=0, description="confirmed by the PSA")
    closed: int = 0
    waiting: int = Field(default=0, description="waiting now for something named")
    dead_lettered: int = Field(default=0, description="stopped now by a record or a rejection that needs a person")
    not_in_erp: int = Field(default=0, description="approved, not closed, and without a billing structure in ERP now")


class Values(View):
    """The value of those contracts."""

    received: Amounts = {}
    approved: Amounts = {}
    ready: Amounts = {}
    provisioned: Amounts = {}
    active: Amounts = {}
    closed: Amounts = {}
    waiting: Amounts = {}
    dead_lettered: Amounts = {}


class Step(View):
    """One step of the way from approved to active. `series` counts arrivals in equal spans of the time shown, oldest first."""

    name: str
    contracts: int
    value_by_currency: Amounts
    series: list[int]


class Stopped(View):
    """A cause and what it holds up. `kind` is `wait` or `dead_letter`; `name` the wait key or the fingerprint; `share` orders by cost:
    the largest share of any currency's contract value that it stops."""

    kind: str
    name: str
    reason: str
    contracts: int
    value_by_currency: Amounts
    since: datetime
    queue: str | None
    share: float


class Pace(View):
    """Seconds from received to active; late are contracts over the agreed limit."""

    median_s: float | None
    p99_s: float | None
    late: int
    limit_s: int


class Summary(View):
    as_of: datetime
    changed_at: datetime | None
    since: datetime | None = Field(default=None, description="begin of the time that the series cover")
    contracts: Counts
    value_by_currency: Values
    flow: list[Step]
    stopped: list[Stopped]
    pace: Pace


class WaitSum(View):
    """Everything that waits for one key."""

    count: int
    queue: str
    since: datetime
    value_by_currency: Amounts


class NotProvisioned(View):
    contract_id: str
    condition: str
    reason: str


class Report(View):
    """The outcome of a run. `duration_s`: from the first contract received to the last transition."""

    contracts: Counts
    value_by_currency: Values
    waits: dict[str, WaitSum]
    duration_s: float
    not_provisioned: list[NotProvisioned]


class ContractLine(View):
    contract_id: str
    title: str | None
    contract_type: str | None
    customer: str | None
    business_unit: str | None
    region: str | None
    tenant: str | None
    revision: int
    stage: str
    condition: str
    stage_since: datetime
    received_at: datetime
    amount: str | None
    currency: str | None
    reason: str | None = Field(default=None, description="what it waits for, or why it stopped")


class ContractPage(View):
    contracts: list[ContractLine]
    after: str | None = Field(default=None, description="pass as `after` for what follows; null on the last page")


class Transition(View):
    """One step of the story. `topic`, `partition` and `offset` are the record it was read from, `goes_back_to` the one that led to it."""

    at: datetime
    service: str
    revision: int
    status: str
    summary: str
    step: str | None
    waits: list[dict[str, Any]]
    cause: dict[str, str] | None
    call: dict[str, Any] | None
    goes_back_to: dict[str, Any] | None
    topic: str
    partition: int
    offset: int


class LetterLine(View):
    """A dead letter without its payload; `bytes` is the payload's size."""

    topic: str
    partition: int
    offset: int
    key: str
    contract_id: str | None
    service: str
    failed_topic: str
    failed_partition: int
    failed_offset: int
    at: datetime
    code: str
    message: str
    fingerprint: str
    attempts: int
    bytes: int
    standing: bool


class WaiterLine(View):
    contract_id: str
    title: str | None
    customer: str | None
    business_unit: str | None
    stage: str
    since: datetime
    amount: str | None
    currency: str | None


class WaitLine(View):
    key: str
    queue: str
    reason: str
    contracts: int
    since: datetime
    value_by_currency: Amounts


class Supply(View):
    """How the missing key is supplied: what to run, and the content it needs. Values in capitals between < and > are yours to fill in."""

    sentence: str
    file: str | None = Field(default=None, description="a line of a mapping file")
    command: str | None = None


class WaitDetail(View):
    wait: WaitLine
    supply: Supply
    waiters: list[WaiterLine]
    after: str | None = None


class ContractDetail(View):
    """One contract's whole story, oldest step first. `contract` and `lineage` as the newest revision has them."""

    line: ContractLine
    reached_at: dict[str, datetime]
    cause: dict[str, str] | None
    waits: list[WaitLine]
    records: list[dict[str, Any]]
    contract: dict[str, Any] | None
    lineage: list[dict[str, Any]]
    engagement: dict[str, Any] | None
    transitions: list[Transition]
    dead_letters: list[LetterLine]
    late: bool
    under: list[str] = Field(default=[], description="contracts under this one")


class CauseLine(View):
    """Dead letters of one cause in one service. `standing` of them stop a contract now."""

    fingerprint: str
    code: str
    message: str
    service: str
    letters: int
    standing: int
    contracts: int
    first: datetime
    last: datetime
    value_by_currency: Amounts


class Window(View):
    window_start: datetime
    window_end: datetime
    business_unit: str
    stage: str
    contracts: int
    value_by_currency: Amounts


class Late(View):
    contract_id: str
    stage: str
    business_unit: str
    since: datetime
    limit_s: int
    amount: str
    currency: str
    cleared: bool


class Kpis(View):
    windows: list[Window]
    late: list[Late]
    pace: Pace


class ServiceLine(View):
    """`state`: up, behind (records wait), or silent (did not answer)."""

    name: str
    state: str
    lag: int | None
    decisions_per_s: float | None
    open_calls: int | None
    asked_at: datetime


class TargetLine(View):
    """An ERP tenant or PSA as its governor sees it."""

    name: str
    service: str
    state: str
    in_use: int | None
    allowance: int | None
    waiting_calls: int | None


class Platform(View):
    services: list[ServiceLine]
    targets: list[TargetLine]


class Health(View):
    """`stale_s`: seconds since the projection last changed; null before the first record."""

    status: str
    stale_s: float | None
