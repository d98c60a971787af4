"""The API's frame: one error shape, keyset pages, and the routes of all stages."""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_handler

from questions.workflow import InvalidTransition, Refused


class KeysetPagination(CursorPagination):
    """Pages by key, newest first; no totals."""

    ordering = ("-created_at", "-id")
    page_size_query_param = "page_size"
    max_page_size = 100


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer every refusal with `{"error": {"code", "message", "fields"}}`."""
    if isinstance(error, Refused):
        return _answer(409, "refused", str(error), {"reasons": error.sentences})
    if isinstance(error, InvalidTransition):
        return _answer(409, "invalid_transition", str(error))
    if isinstance(error, ValidationError):
        return _answer(400, "invalid", " ".join(error.messages))
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    response = drf_handler(error, context)
    if response is None:
        return None
    assert isinstance(error, exceptions.APIException)
    if isinstance(error, exceptions.ValidationError):
        response.data = {
            "error": {"code": "invalid", "message": _("Some fields need another look."), "fields": response.data}
        }
    else:
        response.data = {"error": {"code": error.default_code, "message": str(error.detail)}}
    return response


def _answer(status: int, code: str, message: str, extra: dict[str, Any] | None = None) -> Response:
    return Response({"error": {"code": code, "message": message, **(extra or {})}}, status=status)


urlpatterns: list[URLPattern | URLResolver] = []
