"""Tables as CSV (RFC 4180), one column a field; amounts by currency become one text such as `EUR 1200.50; USD 3.00`."""

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Any

from fastapi import Response

from services.visibility.ports.views import ContractDetail, View

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table_of(detail: ContractDetail, table: str) -> Response:
    """One table of a contract; `lines` are the priced lines of its terms."""
    found = (detail.contract or {}).get("lines", []) if table == "lines" else getattr(detail, table)
    rows = [row.model_dump(mode="json") if isinstance(row, View) else row for row in found]
    text = StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return _answer(table, text.getvalue())


def as_csv(name: str, rows: Iterable[View], kind: type[View]) -> Response:
    return _answer(name, csv_page(rows, kind, header=True))


def _answer(name: str, text: str) -> Response:
    return Response(text, media_type="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}.csv"'})


def csv_page(rows: Iterable[View], kind: type[View], *, header: bool = False) -> str:
    text = StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(kind.model_fields)
    writer.writerows([_cell(value) for value in row.model_dump(mode="json").values()] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula is quoted with an apostrophe: titles come from outside."""
    if isinstance(value, list):
        return "; ".join(str(_cell(each)) for each in value)
    if isinstance(value, dict):
        return "; ".join(f"{name} {_cell(each)}" for name, each in value.items())
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
