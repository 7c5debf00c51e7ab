"""Money: an exact decimal with a currency and its minor units; allocation loses no cent."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from shared.kernel.currencies import MINOR_UNITS

FRACTION_DIGITS = 4  # the scale on the wire: no ISO 4217 currency has more minor units than four


class UnknownCurrency(ValueError):
    """The code is not an active ISO 4217 currency."""


class CurrencyMismatch(ValueError):
    """Two currencies met in one sum; convert first."""


def minor_units(currency: str) -> int:
    """Digits after the point that `currency` is paid in (ISO 4217 list one). Raises UnknownCurrency."""
    try:
        return MINOR_UNITS[currency]
    except KeyError:
        raise UnknownCurrency(f"{currency!r} is not an ISO 4217 currency code; send one such as EUR, in capitals") from None


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` in units of `currency` (12.50 is twelve and a half, never cents)."""

    amount: Decimal
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def rounded(self) -> "Money":
        """To the currency's minor units, half to even. Raises UnknownCurrency."""
        return Money(self.amount.quantize(Decimal(1).scaleb(-minor_units(self.currency)), ROUND_HALF_EVEN), self.currency)

    def _same(self, other: "Money") -> Decimal:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{other.currency} met {self.currency}; convert one of them first")
        return other.amount


def allocate(total: Money, weights: Sequence[Decimal]) -> tuple[Money, ...]:
    """Split `total` by `weights` so that the parts sum to it exactly: largest remainders take the left-over minor units.

    Raises ValueError when there is no positive weight to carry the amount.
    """
    whole = sum(weights, Decimal(0))
    if whole <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("allocation needs weights that are not negative and do not sum to zero")
    unit = Decimal(1).scaleb(-minor_units(total.currency))
    exact = [total.amount * weight / whole for weight in weights]
    floors = [(share // unit) * unit for share in exact]
    left = int((total.rounded().amount - sum(floors, Decimal(0))) / unit)
    step = unit if left >= 0 else -unit
    by_remainder = sorted(range(len(weights)), key=lambda i: (floors[i] - exact[i]) * (1 if left >= 0 else -1))
    for i in by_remainder[: abs(left)]:
        floors[i] += step
    return tuple(Money(amount.quantize(unit), total.currency) for amount in floors)
