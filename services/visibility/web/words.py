"""How counts, amounts and times are written for people. Pure: the moment that times are relative to is given."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import quote, urlencode

from services.visibility.policy import plain

STAGES = {
    "IN_APPROVAL": "in approval",
    "APPROVED": "approved",
    "VALIDATED": "validated",
    "IN_ERP": "in ERP",
    "ACTIVE": "active",
    "CLOSED": "closed",
}
SERVICES = {"contract_events": "Contract", "master_data": "Master data", "erp_provisioning": "ERP", "psa_sync": "PSA", "visibility": "Visibility"}
_HOST = re.compile(r"https?://[^/\s]+/")
_SCALES = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "bn"), (Decimal(10) ** 6, "M"))


def amount(text: str, currency: str | None = None) -> str:
    """`842500.00` as 842,500.00, in the minor units of `currency` when that is given; a negative amount with a true minus."""
    exactly = plain(Decimal(text), currency) if currency else text
    return f"{Decimal(exactly):,f}".replace("-", "−")


def compact(text: str) -> str:
    """To three digits or so, for sums: 16381043.00 as 16.4 M."""
    value = Decimal(text)
    for scale, word in _SCALES:
        if abs(value) >= scale:
            return f"{value / scale:,.1f} {word}".replace("-", "−")
    return f"{value:,.0f}".replace("-", "−")


def signed(text: str, currency: str) -> str:
    return amount(text, currency) if text.startswith("-") else f"+{amount(text, currency)}"


def duration(seconds: float) -> str:
    """The two largest units, such as `2 h 14 min`."""
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    first = next(i for i, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)


def age(then: datetime, now: datetime) -> str:
    seconds = (now - then).total_seconds()
    return "now" if seconds < 1 else duration(seconds) if seconds >= 60 else f"{seconds:.0f} s"


def exact(moment: datetime) -> str:
    return f"{moment:%-d %b %Y, %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"


def clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"


def day(moment: str | date | datetime) -> str:
    found = date.fromisoformat(moment[:10]) if isinstance(moment, str) else moment
    return f"{found:%-d %b %Y}"


def plural(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def words(name: str) -> str:
    """TIME_AND_MATERIALS as time and materials."""
    return name.replace("_", " ").lower()


def without_host(request: str) -> str:
    """`PUT https://host/path` as PUT /path: which system it was is said beside it."""
    return _HOST.sub("/", request, count=1)


def under(folder: str, name: str) -> str:
    """The address of `name`, which may hold slashes, below `folder`."""
    return f"{folder}/{quote(name, safe=':@')}"


def query(**filters: object) -> str:
    """`?a=b` of the filters that are set, or nothing."""
    chosen = {name: value for name, value in filters.items() if value}
    return f"?{urlencode(chosen)}" if chosen else ""


def bars(series: Sequence[int], width: int = 120, height: int = 28) -> list[tuple[float, float, float, float]]:
    """x, y, width and height of a bar for each number; what is not zero stays visible."""
    top, step = max([*series, 1]), width / max(len(series), 1)
    heights = [max(height * number / top, 2.0) if number else 0.75 for number in series]
    return [(round(i * step, 2), round(height - tall, 2), round(step * 0.72, 2), round(tall, 2)) for i, tall in enumerate(heights)]
