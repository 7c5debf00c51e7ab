"""Faults on order: what can be made to go wrong, for how many calls or how many seconds."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec

from deploy.sandboxes.common.journal import JsonObject


class Limit(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """For the next N matching calls, or for S seconds; neither means until cleared."""

    next: int | None = None
    seconds: float | None = None


class Throttle(Limit, kw_only=True):
    """Too many requests; `retry_after` (seconds) adds the header where the vendor sends one."""

    retry_after: int | None = None


class Failure(Limit, kw_only=True):
    status: int = 503


class SlowBody(Limit, kw_only=True):
    """The answer's body dribbles out over `over_seconds`."""

    over_seconds: float


class HeavyTail(Limit, kw_only=True):
    """Calls take `least_ms` longer, some of them much more (Pareto with `alpha`: the smaller, the heavier), none more than `most_ms`."""

    least_ms: float
    alpha: float
    most_ms: float

    def longer_ms(self, chance: float) -> float:
        """For a `chance` between 0 and 1, evenly drawn."""
        return min(self.most_ms, self.least_ms / float((1 - chance) ** (1 / self.alpha)))


class StaleReads(Limit, kw_only=True):
    """Reads and queries show what was there `behind_s` seconds ago: an index that lags behind the writes."""

    behind_s: float


class Reject(Limit, kw_only=True):
    """A write of `record` whose `field` has `value` is refused with the vendor's error. `value` null: any value."""

    record: str
    field: str
    value: str | None = None
    code: str
    message: str
    status: int = 400


class FaultOrder(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of POST /_sandbox/faults. `account` and `record` narrow every fault in the order to matching calls."""

    account: str | None = None
    record: str | None = None
    latency_ms: float | None = None
    heavy_tail: HeavyTail | None = None
    throttle: Throttle | None = None
    error: Failure | None = None
    drop_after_commit: Limit | None = None
    slow_body: SlowBody | None = None
    outage: Limit | None = None
    stale_reads: StaleReads | None = None
    reject: Reject | None = None


@dataclass(slots=True)
class Active:
    kind: str
    detail: Any
    account: str | None
    record: str | None
    remaining: int | None
    until: float | None
    met: Counter[str]

    def matches(self, kind: str, account: str, record: str) -> bool:
        return self.kind == kind and self.account in (None, account) and self.record in (None, record)


class Faults:
    """The faults in force. `now` is a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._active: list[Active] = []
        self._met: dict[str, Counter[str]] = {}

    def order(self, order: FaultOrder) -> str:
        """The order's name, by which it alone is lifted."""
        met = self._met[name := uuid4().hex] = Counter[str]()
        for kind in FaultOrder.__struct_fields__:
            detail = getattr(order, kind)
            if kind in ("account", "record") or detail is None:
                continue
            limit = detail if isinstance(detail, Limit) else Limit()
            until = None if limit.seconds is None else self._now() + limit.seconds
            met[kind] = 0
            self._active.append(Active(kind, detail, order.account, order.record, limit.next, until, met))
        return name

    def clear(self) -> None:
        self._active.clear()
        self._met.clear()

    def lift(self, name: str) -> dict[str, int] | None:
        """End one order; how many calls each of its faults befell, None when there is no such order."""
        met = self._met.pop(name, None)
        self._active = [fault for fault in self._active if fault.met is not met]
        return met

    def take(self, kind: str, account: str, record: str) -> Any:
        """The detail of the first fault of that kind in force for this call, used up by one; None if there is none."""
        for fault in self._in_force():
            if fault.matches(kind, account, record):
                _use(fault)
                return fault.detail
        return None

    def take_rejection(self, account: str, record: str, fields: JsonObject) -> Reject | None:
        for fault in self._in_force():
            if fault.matches("reject", account, record) and _hits(fault.detail, record, fields):
                _use(fault)
                rejection: Reject = fault.detail
                return rejection
        return None

    def report(self) -> list[JsonObject]:
        now = self._now()
        return [
            {"kind": fault.kind, "account": fault.account, "record": fault.record, "detail": fault.detail,
             "calls_left": fault.remaining, "seconds_left": None if fault.until is None else round(fault.until - now, 3)}
            for fault in self._in_force()
        ]  # fmt: skip

    def _in_force(self) -> list[Active]:
        now = self._now()
        self._active = [f for f in self._active if f.remaining != 0 and (f.until is None or f.until > now)]
        return self._active


def _use(fault: Active) -> None:
    fault.met[fault.kind] += 1
    if fault.remaining is not None:
        fault.remaining -= 1


def _hits(rule: Reject, record: str, fields: JsonObject) -> bool:
    if rule.record != record or rule.field not in fields:
        return False
    value = fields[rule.field]
    values = value.values() if isinstance(value, dict) else (value,)
    return rule.value is None or rule.value in {str(each) for each in values}
