"""The terms of a contract: when two statements say the same, and what a change order makes of them."""

from dataclasses import fields, is_dataclass, replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import TypeVar

from shared.kernel.contract import Amendment, Contract, ContractStatus, Line, Milestone

# Decisions and provenance are not terms: a contract approved in the meantime, or read from a better file, is the same agreement.
NOT_TERMS = {"approvals", "inferred"}
Keyed = TypeVar("Keyed", Line, Milestone)


def fingerprint(contract: Contract) -> str:
    """The same for statements of the same terms; amounts count by value, so 12.5 and 12.50 are one."""
    return _digest(replace(contract, status=ContractStatus.DRAFT))


def amendment_fingerprint(amendment: Amendment) -> str:
    """The same for change orders of one id that change the same."""
    return _digest(amendment)


def amended(contract: Contract, amendment: Amendment) -> Contract:
    """`contract` with the change order on top: value moved by the delta, lines and milestones added or replaced by key."""
    return replace(
        contract,
        total_value=contract.total_value + amendment.value_delta,
        end_date=amendment.end_date or contract.end_date,
        lines=_by_key(contract.lines, amendment.lines, "line_id"),
        milestones=_by_key(contract.milestones, amendment.milestones, "milestone_id"),
        approvals=contract.approvals + amendment.approvals,
    )


def changed_fields(before: Contract | None, after: Contract) -> tuple[str, ...]:
    """Names of the contract's fields that differ, in their order; all of them for a new contract."""
    return tuple(f.name for f in fields(after) if before is None or getattr(before, f.name) != getattr(after, f.name))


def _by_key(current: tuple[Keyed, ...], incoming: tuple[Keyed, ...], key: str) -> tuple[Keyed, ...]:
    rows = {getattr(row, key): row for row in current}
    rows.update({getattr(row, key): row for row in incoming})
    return tuple(rows.values())


def _digest(value: object) -> str:
    return sha256(_canonical(value).encode()).hexdigest()[:32]


def _canonical(value: object) -> str:
    if is_dataclass(value):
        named = (f"{f.name}={_canonical(getattr(value, f.name))}" for f in fields(value) if f.name not in NOT_TERMS)
        return f"{{{';'.join(named)}}}"
    if isinstance(value, tuple):
        return f"[{','.join(_canonical(item) for item in value)}]"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, date) else repr(str(value)) if value is not None else "-"
