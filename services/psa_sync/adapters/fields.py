"""Fields as Salesforce reads and tells them: amounts are numbers, references are told by record id."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

EXTERNAL_KEY = "Throughline_Key__c"
NUMBERS = frozenset({"pse__Milestone_Amount__c", "pse__Bill_Rate__c"})
# What a relationship points at, and the column that tells it by record id.
RELATED = {"pse__Project__r": ("pse__Proj__c", "pse__Project__c"), "pse__Resource__r": ("Contact", "pse__Resource__c")}

Known = Mapping[tuple[str, str], str]


def with_numbers(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` with its amounts as decimals, which the wire writes as exact numbers."""
    return {name: Decimal(value) if name in NUMBERS and value is not None else value for name, value in fields.items()}


def references(fields: Mapping[str, Any]) -> set[tuple[str, str]]:
    """(object, external id) of everything that `fields` points at."""
    return {(RELATED[name][0], value[EXTERNAL_KEY]) for name, value in fields.items() if name in RELATED}


def holds(wanted: Mapping[str, Any], observed: Mapping[str, Any], known: Known) -> bool:
    """Whether the object has everything that is wanted of it. `known`: record ids of the objects that `wanted` points at."""
    return all(_same(name, value, observed, known) for name, value in wanted.items())


def _same(name: str, wanted: Any, observed: Mapping[str, Any], known: Known) -> bool:
    if name in RELATED:
        referred, column = RELATED[name]
        record_id = known.get((referred, wanted[EXTERNAL_KEY]))
        return record_id is not None and observed.get(column) == record_id
    seen = observed.get(name)
    if name in NUMBERS and wanted is not None:
        return isinstance(seen, int | Decimal) and Decimal(seen) == Decimal(wanted)
    return bool((seen or None) == (wanted or None))  # an empty text is told as null, a false as false
