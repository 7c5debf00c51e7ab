"""Reads one line of an intake as the report it claims to be. Everything from outside passes these models."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError

from services.contract_events.domain.events import ContractEvent
from services.contract_events.domain.reports import AccountReport, MappingKind, MappingReport, mapping_violation
from services.contract_events.ports import Parcel
from shared.kernel.ids import derive
from shared.messages.reshape import reshape
from shared.messages.source import SourceAccount, SourceContract, SourceMapping

CONTRACTS, ACCOUNTS, MAPPINGS = "source.clm.contract.v1", "source.crm.account.v1", "source.reference.mapping.v1"
LONGEST_KEY = 500
LONGEST_NUMBER = 30  # digits before or after the point
L = TypeVar("L", bound=BaseModel)
R = TypeVar("R", ContractEvent, AccountReport, MappingReport)


class _Strict(BaseModel):
    """A field that no model knows is refused: it is a slip of the sender, and what it says would be lost."""

    model_config = ConfigDict(extra="forbid")


class _ContractLine(_Strict):
    report: ContractEvent


class _AccountLine(_Strict):
    report: AccountReport


class _MappingLine(_Strict):
    report: MappingReport


class Wrong(ValueError):
    """This line cannot be taken; `code` groups the reason."""

    def __init__(self, code: str, message: str, contract_id: str | None = None) -> None:
        super().__init__(message)
        self.code, self.contract_id = code, contract_id


def document_of(line: bytes) -> Any:
    """The line as JSON, amounts exact, its texts such as can be kept. Raises Wrong."""
    try:
        document = json.loads(line, parse_float=_amount, parse_constant=_no_number)
        msgspec.json.encode(document)
    except UnicodeError as error:
        raise Wrong("broken-text", f"a text in it is no Unicode, such as half of a surrogate pair; send the whole character ({error})") from None
    except (ValueError, RecursionError) as error:
        raise Wrong("broken-json", f"this is not JSON: {error}") from error
    return document


def contract_parcel(line: bytes) -> Parcel:
    """A report of a contract system. Its rules are applied later, where a broken one becomes a dead letter that people can see."""
    content = _object(line, "contract")
    return parcel_of(_identified(_read(_ContractLine, content, "contract").report, "contract"))


def account_parcel(line: bytes) -> Parcel:
    content = _object(line, "account")
    return parcel_of(_identified(_read(_AccountLine, content, "account").report, "account"))


def mapping_parcel(line: bytes) -> Parcel:
    content = _object(line, "mapping")
    report = _identified(_read(_MappingLine, content, "mapping").report, "mapping")
    cause = mapping_violation(report)
    if cause is not None:
        raise Wrong(cause.code, cause.message)
    return parcel_of(report)


def parcel_of(report: ContractEvent | AccountReport | MappingReport) -> Parcel:
    """The report under the key that orders it. Raises Wrong for one that names nothing."""
    key = report.contract_id if isinstance(report, ContractEvent) else report.account_id if isinstance(report, AccountReport) else report.key
    if not key.strip() or len(key) > LONGEST_KEY:
        raise Wrong("bad-key", f"an id has 1 to {LONGEST_KEY} characters, this one has {len(key)}")
    if isinstance(report, ContractEvent):
        return Parcel(CONTRACTS, report.contract_id, report.event_id, reshape(report, SourceContract))
    if isinstance(report, AccountReport):
        return Parcel(ACCOUNTS, report.account_id, report.event_id, reshape(report, SourceAccount))
    return Parcel(MAPPINGS, report.key, report.event_id, reshape(_in_a_released_kind(report), SourceMapping))


def _in_a_released_kind(report: MappingReport) -> MappingReport:
    """Readers of the first schema could not take a kind that it does not have; whom a mapping concerns is told by its key."""
    return replace(report, kind=MappingKind.ERP_ROUTE) if report.kind is MappingKind.ERP_SETUP else report


def _object(line: bytes, what: str) -> Mapping[str, Any]:
    content = document_of(line)
    if not isinstance(content, dict):
        raise Wrong("not-an-object", f"a line holds one {what} as a JSON object")
    return {"event_id": "", **content}


def _read(model: type[L], content: Mapping[str, Any], what: str) -> L:
    try:
        return model.model_validate({"report": content})
    except ValidationError as error:
        raise Wrong("wrong-shape", f"no {what} event: {_first(error)}", _text(content, "contract_id")) from None


def _identified(report: R, what: str) -> R:
    """A report without an id gets one from what it says, so that sending it again repeats it."""
    moment: datetime = report.occurred_at
    if moment.tzinfo is None:
        raise Wrong("wrong-shape", f"no {what} event: occurred_at {moment.isoformat()} has no offset; write UTC as Z")
    return report if report.event_id else replace(report, event_id=str(derive("door", what, msgspec.json.encode(report).decode())))


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False)
    place = ".".join(str(part) for part in found[0]["loc"][1:]) or "the whole"
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{place}: {found[0]['msg']}{more}"


def _text(content: Mapping[str, Any], key: str) -> str | None:
    value = content.get(key)
    return value if isinstance(value, str) else None


def _amount(text: str) -> Decimal:
    """Exact, and of a size that money has: the digits of an exponent without end would cost the door its time."""
    number = Decimal(text)
    if number and abs(number.adjusted()) > LONGEST_NUMBER:
        raise ValueError(f"{text[:20]} is no amount of money")
    return number


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
