"""What every account holds from the start: subsidiaries, currencies and payment terms. They are read, never written."""

from deploy.sandboxes.common.journal import JsonObject

_SUBSIDIARIES = 20
_CURRENCIES = (
    "USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RON", "BGN", "INR", "SGD", "HKD", "CNY",
    "KRW", "BRL", "MXN", "ZAR", "AED", "SAR", "ILS", "TRY", "THB", "MYR", "IDR", "PHP", "VND", "CLP", "COP", "ARS", "PEN", "UAH", "KWD", "BHD",
    "UYU", "PYG", "BOB", "CRC", "GTQ", "HNL", "NIO", "DOP", "NGN", "KES", "GHS", "EGP", "MAD", "TND", "TWD", "PKR", "BDT", "LKR", "ISK", "GEL",
    "MDL", "MKD", "RSD", "ALL", "BAM", "KZT", "UZS", "AMD", "AZN", "QAR", "OMR", "JOD", "RUB", "ZMW", "UGX", "TZS", "RWF", "XOF", "XAF", "MGA",
)  # fmt: skip
_TERMS = ("Net 30", "Net 15", "Net 45", "Net 60", "Net 90", "Due on receipt", "Net 10", "Net 14", "Net 20")


def _seeded() -> dict[str, list[JsonObject]]:
    return {
        "subsidiary": [{"id": str(n), "externalId": f"SUB-{n:02d}", "refName": f"Subsidiary {n}"} for n in range(1, _SUBSIDIARIES + 1)],
        "currency": [{"id": str(n), "externalId": code, "refName": code} for n, code in enumerate(_CURRENCIES, start=1)],
        "term": [{"id": str(n), "externalId": name.replace(" ", "-"), "refName": name} for n, name in enumerate(_TERMS, start=1)],
    }


SEEDED = _seeded()


def find_seeded(record: str, asked: JsonObject) -> JsonObject | None:
    """The seeded object that `asked` ({"id"} or {"externalId"}) names."""
    for known in SEEDED.get(record, ()):
        if all(known[key] == value for key, value in asked.items()):
            return known
    return None
