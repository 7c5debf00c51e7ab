"""Turns `firm.toml` into the lines that its systems would send: mappings, accounts, contracts, change orders, approvals."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

FIRM = Path(__file__).with_name("firm.toml")
APPROVERS = {"legal": "Ines Falk", "finance": "Tom Adeyemi"}
REQUIRED = {"MSA": ("legal",), "SOW": ("legal", "finance"), "CHANGE_ORDER": ("finance",)}
KINDS = {"fixed": "FIXED_FEE", "time": "TIME_AND_MATERIALS", "retainer": "RETAINER"}
SIGNED_BEFORE = timedelta(days=14)
LONG_AGO = "2020-01-01"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Firm:
    """The firm as told in its file."""

    units: Mapping[str, Row]
    resource_codes: Mapping[str, str]
    accounts: Mapping[str, Row]
    contracts: Mapping[str, Row]
    amendments: Mapping[str, Row]

    def late(self, contract_id: str) -> bool:
        """Whether the contract is sold by the company that nobody told the ERP of."""
        return bool(self.units[self.contracts[contract_id]["unit"]]["entity"].get("late"))


def firm(path: Path = FIRM) -> Firm:
    told = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    units = {unit["id"]: unit for unit in told["units"]}
    return Firm(units, told["resource_codes"], told["accounts"], told["contracts"], told["amendments"])


def routes(firm: Firm) -> list[bytes]:
    """Where each unit's contracts are set up, and what the ERP calls the roles they sell."""
    lines = [_mapping(f"erp_route:{unit['id']}@{unit['region']}", "ERP_ROUTE", {"tenant": unit["tenant"]}) for unit in firm.units.values()]
    for unit in firm.units.values():
        lines += [_mapping(f"resource_code:{r}@{unit['tenant']}", "RESOURCE_CODE", {"code": firm.resource_codes[r]}) for r in unit["rates"]]
    return lines


def entities(firm: Firm, late: bool) -> dict[str, bytes]:
    """Mapping lines of the firm's companies by key: those known from the start, or the one that comes late."""
    found = {}
    for unit in firm.units.values():
        entity = unit["entity"]
        if bool(entity.get("late")) is late:
            key = f"legal_entity:{entity['key']}@{unit['tenant']}"
            found[key] = _mapping(key, "LEGAL_ENTITY", {name: entity[name] for name in ("code", "name", "subsidiary")})
    return found


def accounts(firm: Firm) -> list[bytes]:
    lines = []
    for key, told in firm.accounts.items():
        address = {"street": told["street"], "city": told["city"], "region": told.get("region"), "postal_code": told["postal_code"]}
        content = {
            "account_id": key,
            "name": told["name"],
            "parent_id": told.get("parent"),
            "bill_to_account_id": told.get("bill_to"),
            "address": {**address, "country": told["country"]},
        }
        lines.append(_line({"occurred_at": "2025-12-01T08:00:00Z", "source": "crm", **content}))
    return lines


def contract(firm: Firm, contract_id: str, seen_at: timedelta = timedelta(0)) -> bytes:
    """The contract as its CLM reports it; `seen_at` later reports the same terms once more."""
    told = firm.contracts[contract_id]
    signed = _signed(told["from"])
    report = {"source": "clm", "contract_id": contract_id, "kind": "CONTRACT", "contract": _terms(firm, contract_id, told, signed)}
    return _line({"occurred_at": (signed + seen_at).isoformat(), **report})


def amendment(firm: Firm, amendment_id: str) -> bytes:
    told = firm.amendments[amendment_id]
    unit = firm.units[firm.contracts[told["contract"]]["unit"]]
    signed = _signed(told["on"])
    body = {
        "amendment_id": amendment_id,
        "effective_date": told["on"],
        "summary": told["title"],
        "value_delta": _money(told["adds"], unit),
        "end_date": told.get("until"),
        "lines": [_amended(firm, amendment_id, told, unit)],
        "approvals": [_approval("finance", signed)],
    }
    report = {"source": "clm", "contract_id": told["contract"], "kind": "AMENDMENT", "amendment": body}
    return _line({"occurred_at": signed.isoformat(), **report})


def late_approvals(firm: Firm) -> list[bytes]:
    """Decisions that some contracts still wait for."""
    lines = []
    for contract_id, told in firm.contracts.items():
        decided = _signed(told["from"]) + timedelta(days=2)
        for role in told.get("approve_later", ()):
            report = {"source": "clm", "contract_id": contract_id, "kind": "APPROVAL", "approval": _approval(role, decided)}
            lines.append(_line({"occurred_at": decided.isoformat(), **report}))
    return lines


def _terms(firm: Firm, contract_id: str, told: Row, signed: datetime) -> Row:
    unit, kind = firm.units[told["unit"]], told.get("type", "SOW")
    lines = _lines(told, unit)
    total = sum((Decimal(line["amount"]["amount"]) for line in lines), Decimal(0))
    later = told.get("approve_later", ())
    return {
        "contract_id": contract_id,
        "contract_type": kind,
        "parent_id": told.get("under"),
        "status": "IN_APPROVAL",
        "title": told["title"],
        "customer_account_id": told["account"],
        "place_of_performance": {"country": firm.accounts[told["account"]]["country"]},
        "selling_entity": unit["entity"]["key"],
        "business_unit": unit["id"],
        "region": unit["region"],
        "currency": unit["currency"],
        "start_date": told["from"],
        "end_date": told["to"],
        "total_value": _money(total, unit),
        "not_to_exceed": _money(told["cap"], unit) if "cap" in told else None,
        "payment_terms": "Net 30",
        "revenue_method": _revenue(told),
        "lines": lines,
        "milestones": [_milestone(n, name, worth, unit) for n, (name, worth) in enumerate(told.get("milestones", {}).items(), 1)],
        "rate_card": [_rate(role, told["from"], unit) for role in told.get("roles", ())],
        "expense_policy": {"reimbursable": True, "markup_percent": "5", "cap": _money(10000, unit)} if "time" in told else None,
        "approvals": [_approval(role, signed) for role in REQUIRED[kind] if role not in later],
    }


def _lines(told: Row, unit: Row) -> list[dict[str, Any]]:
    rows = [(kind, KINDS[kind], told[kind]) for kind in KINDS if kind in told]
    if "milestones" in told:
        rows.insert(0, ("milestones", "MILESTONE", sum(told["milestones"].values())))
    return [
        {
            "line_id": name,
            "description": told["title"],
            "billing_model": model,
            "amount": _money(amount, unit),
            "cap": _money(told["cap"], unit) if name == "time" and "cap" in told else None,
        }
        for name, model, amount in rows
    ]


def _amended(firm: Firm, amendment_id: str, told: Row, unit: Row) -> dict[str, Any]:
    """What is added is a line of its own; what is taken away makes the contract's first line smaller."""
    if told["adds"] >= 0:
        line = {"line_id": amendment_id, "description": told["title"], "billing_model": "FIXED_FEE", "amount": _money(told["adds"], unit)}
        return {**line, "start_date": told["on"], "end_date": told.get("until") or firm.contracts[told["contract"]]["to"]}
    first = _lines(firm.contracts[told["contract"]], unit)[0]
    return {**first, "amount": _money(Decimal(first["amount"]["amount"]) + told["adds"], unit)}


def _revenue(told: Row) -> str:
    if "milestones" in told:
        return "MILESTONE"
    return "PERCENT_COMPLETE" if "time" in told else "STRAIGHT_LINE"


def _milestone(number: int, name: str, worth: Decimal | int, unit: Row) -> dict[str, Any]:
    return {"milestone_id": f"M{number}", "line_id": "milestones", "name": name, "amount": _money(worth, unit)}


def _rate(role: str, since: date, unit: Row) -> dict[str, Any]:
    return {"role": role, "rate": _money(unit["rates"][role], unit), "unit": "HOUR", "effective_from": since}


def _approval(role: str, at: datetime) -> dict[str, str]:
    return {"role": role, "actor": APPROVERS[role], "decision": "APPROVED", "decided_at": at.isoformat()}


def _mapping(key: str, kind: str, values: Mapping[str, str]) -> bytes:
    told = {"key": key, "kind": kind, "effective_from": LONG_AGO, "values": dict(values), "actor": "Mara Lind", "reason": "set-up of the firm"}
    return _line({"occurred_at": "2025-12-01T08:00:00Z", "source": "master data stewards", **told})


def _signed(day: date) -> datetime:
    return datetime.combine(day, time(9), UTC) - SIGNED_BEFORE


def _money(amount: Decimal | int, unit: Row) -> dict[str, str]:
    return {"amount": f"{amount:.2f}", "currency": unit["currency"]}


def _line(content: Row) -> bytes:
    return json.dumps(content, default=str).encode()
