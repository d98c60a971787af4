"""Keyset pages of a list, newest first: an address names the row beside the page, so that new rows shift nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

PAGE_SIZE = 30


class Page(NamedTuple):
    """One page and the marks of its neighbours, empty where there is none."""

    items: list[Any]
    newer: str
    older: str


def page(found: QuerySet[Any], given: Any, *, size: int = PAGE_SIZE) -> Page:
    """Return the page that the address asks for by `before` or `after`; a mark that is none means the first page."""
    before, after = _read(given.get("before", "")), _read(given.get("after", ""))
    if after and not before:
        rows = list(found.filter(_beyond("gt", after)).order_by("created_at", "id")[: size + 1])
        items = rows[:size][::-1]
        return Page(items, _mark(items[0]) if len(rows) > size else "", _mark(items[-1]) if items else "")
    rows = list((found.filter(_beyond("lt", before)) if before else found).order_by("-created_at", "-id")[: size + 1])
    items = rows[:size]
    return Page(items, _mark(items[0]) if before and items else "", _mark(items[-1]) if len(rows) > size else "")


def _beyond(side: str, mark: tuple[datetime, UUID]) -> Q:
    at, pk = mark
    return Q(**{f"created_at__{side}": at}) | Q(created_at=at, **{f"id__{side}": pk})


def _mark(row: Any) -> str:
    return f"{row.created_at.isoformat()}_{row.pk.hex}"


def _read(mark: str) -> tuple[datetime, UUID] | None:
    at, _underscore, pk = mark.partition("_")
    try:
        when = datetime.fromisoformat(at)
        return (when, UUID(pk)) if when.tzinfo else None
    except ValueError:
        return None
