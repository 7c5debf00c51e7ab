"""Rules of thumb for readers: what a stop costs, how an amount is written, how a missing key is supplied."""

import json
from collections.abc import Mapping
from decimal import Decimal

from services.visibility.ports.views import Supply
from shared.kernel.money import Money, UnknownCurrency


def plain(amount: Decimal, currency: str) -> str:
    """The amount as decimal text in the currency's minor units; more places only where the amount has them."""
    money = Money(amount, currency)
    try:
        rounded = money.rounded().amount
    except UnknownCurrency:
        return f"{amount.normalize():f}"
    return f"{rounded if rounded == amount else amount.normalize():f}"


def share_stopped(stopped: Mapping[str, Decimal], total: Mapping[str, Decimal]) -> float:
    """The largest share of any currency's contract value that is held up: comparable between currencies without a rate of exchange."""
    shares = [float(amount / total[currency]) for currency, amount in stopped.items() if total.get(currency)]
    return max(shares, default=0.0)


_MAPPED = {
    "erp_setup": {"note": "<WHAT WAS SET UP>"},
    "erp_route": {"tenant": "<TENANT>"},
    "legal_entity": {"code": "<CODE>", "name": "<NAME>", "subsidiary": "<SUBSIDIARY>"},
    "resource_code": {"code": "<CODE>"},
    "tax": {"treatment": "<STANDARD|REVERSE_CHARGE|EXEMPT>", "tax_code": "<TAX CODE>"},
}
_FIRST = {"erp_setup": "Set it up in the ERP first, as the reason of the wait says. "}
_SENTENCES = {
    "account": "The CRM has to send this account: it comes with the account's next change, or when the CRM's accounts are fed again.",
    "approval": "The approver named in the key has to decide in the contract system; the decision wakes the contract.",
    "contract": "The contract system has to send this contract: an amendment of it came first.",
}


def supply_of(key: str) -> Supply:
    """How the wait on `key` ends: for mappings the line to load, for the rest whose event it is."""
    kind = key.partition(":")[0]
    if kind not in _MAPPED:
        return Supply(sentence=_SENTENCES.get(kind, "The event that carries this key wakes everything that waits for it."))
    line = {"key": key, "effective_from": "<YYYY-MM-DD>", "values": _MAPPED[kind], "actor": "<YOUR NAME>", "reason": "<WHY>"}
    return Supply(
        sentence=_FIRST.get(kind, "") + "Fill in the values, save the line, and load it: what waits for this key goes on by itself.",
        file=json.dumps(line, ensure_ascii=False),
        command="throughline mappings load mapping.jsonl",
    )
