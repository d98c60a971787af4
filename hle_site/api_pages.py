"""Keyset pages of the API: a size or a cursor that means nothing is refused, never passed over."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class KeysetPagination(CursorPagination):
    """Pages by key, newest first; no totals."""

    ordering: tuple[str, ...] = ("-created_at", "-id")
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_size(self, request: Request) -> int:
        """Return how many rows a page has: the number asked for, or the most that there may be."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return int(self.page_size)
        if not (asked.isascii() and asked.isdigit() and asked.strip("0")):
            raise ValidationError({self.page_size_query_param: [_("Give a whole number from 1 on.")]})
        return int(asked) if len(asked.lstrip("0")) < 3 else self.max_page_size

    def decode_cursor(self, request: Request) -> Any:
        """Return the cursor; one with a character that no key has leads nowhere."""
        cursor = super().decode_cursor(request)
        if cursor and cursor.position and not cursor.position.isprintable():
            raise NotFound
        return cursor
