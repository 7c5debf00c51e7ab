"""What is said of a dead letter before it is re-driven: the verdict, and what would follow. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any

from shared.kernel.cause import Cause
from shared.runtime.decision import Outcome
from shared.store.letters import Letter
from shared.store.plans import PlanItem

VERDICTS = {Outcome.DUPLICATE: "already applied", Outcome.SUPERSEDED: "superseded", Outcome.DEAD_LETTERED: "still broken"}
UNDECODED = "its bytes ended the process that decoded them, so they are not decoded here; edit or discard it"


@dataclass(frozen=True, slots=True)
class Judgement:
    """`calls` are what would be sent, `reads` the version of every state that was looked at."""

    verdict: str
    note: str
    schema: str = ""
    emits: tuple[Mapping[str, str], ...] = ()
    calls: tuple[Mapping[str, Any], ...] = ()
    reads: Mapping[str, int] = field(default_factory=dict)
    amount: Decimal | None = None
    currency: str | None = None


def item_of(n: int, letter: Letter, j: Judgement, held: int) -> PlanItem:
    """`held` records wait behind the letter."""
    return PlanItem(
        n,
        letter.id,
        letter.topic,
        letter.part,
        letter.offset,
        letter.key,
        sha256(letter.value or b"").digest(),
        letter.fingerprint,
        j.verdict,
        j.note[:500],
        j.schema,
        json.dumps(j.emits),
        json.dumps(j.calls),
        json.dumps(j.reads),
        j.amount,
        j.currency,
        held,
    )


def may_regress(letter: Letter, judgement: Judgement) -> bool:
    """What has no state yet has taken nothing."""
    return judgement.verdict == "apply" and letter.key is not None and judgement.reads.get(letter.key, 0) > 0 and letter.offset >= 0


def would_regress(judgement: Judgement) -> Judgement:
    return Judgement("would regress", "a later record of this key was taken since; it would undo what that one said", judgement.schema)


def said(cause: Cause | None) -> str:
    return f"{cause.code}: {cause.message}" if cause else "its decider names no cause"


def worth(event: Any) -> tuple[Decimal | None, str | None]:
    """The value of the contract that the record is of, where it says so."""
    message = getattr(event, "message", None)
    total = getattr(message, "total_value", None) or getattr(getattr(message, "contract", None), "total_value", None)
    amount, currency = getattr(total, "amount", None), getattr(total, "currency", None)
    return (amount, currency) if isinstance(amount, Decimal) and isinstance(currency, str) else (None, None)
