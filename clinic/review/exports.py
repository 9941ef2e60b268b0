"""Tables as CSV that a spreadsheet takes for nothing but text and numbers."""

import csv
from typing import Any, Iterable, Sequence

from django.http import HttpResponse

# What a spreadsheet would take for a formula (OWASP: CSV injection).
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "%")


def cell(value: Any) -> Any:
    """A number as it is; a text that might be a formula behind an apostrophe, which makes it text everywhere."""
    if isinstance(value, (int, float)) or value is None:
        return "" if value is None else value
    text = str(value).replace("\0", "")
    return f"'{text}" if text.lstrip(" ").startswith(_BEGINS_A_FORMULA) else text


def answer(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.write("\ufeff")  # or spreadsheets take it for another alphabet
    writer = csv.writer(response, quoting=csv.QUOTE_ALL)
    writer.writerow([cell(value) for value in head])
    writer.writerows([cell(value) for value in row] for row in rows)
    return response
