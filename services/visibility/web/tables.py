"""Tables as CSV (RFC 4180), one column a field; amounts by currency become one text such as `EUR 1200.50; USD 3.00`."""

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Any

from fastapi import Response

from services.visibility.ports.views import View

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(name: str, rows: Iterable[View], kind: type[View]) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(csv_page(rows, kind, header=True), media_type="text/csv", headers=headers)


def csv_page(rows: Iterable[View], kind: type[View], *, header: bool = False) -> str:
    text = StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(kind.model_fields)
    writer.writerows([_cell(value) for value in row.model_dump(mode="json").values()] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula is quoted with an apostrophe: titles come from outside."""
    if isinstance(value, dict):
        return "; ".join(f"{currency} {amount}" for currency, amount in value.items())
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
