"""The API's frame: one shape of errors. Routes are in `api`, pages in `api_pages`."""

import sys
from typing import Any

from django.core.exceptions import PermissionDenied, TooManyFieldsSent, TooManyFilesSent, ValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.defaults import page_not_found, server_error
from redis.exceptions import RedisError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_handler

from hle_site.uploads import RefusedPicture
from questions.actions import EditConflict
from questions.workflow import InvalidTransition, Refused
from review.actions import EditConflict as ReviewConflict

AWAY = (OperationalError, InterfaceError, RedisError)
RETRY_AFTER_S = 15
UNKNOWN = gettext_lazy("There is nothing here that you may see.")


REFUSAL = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            "additionalProperties": True,
        }
    },
}


def describe_refusals(result: dict[str, Any], **_kwargs: object) -> dict[str, Any]:
    """Add to each operation of the schema what a refusal looks like."""
    result["components"]["schemas"]["Refusal"] = REFUSAL
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    for path in result["paths"].values():
        for operation in path.values():
            operation["responses"]["4XX"] = {"description": "Refused, with the reason", "content": content}
    return result


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that does not exist, under the API in its shape."""
    if not request.path.startswith("/api/"):
        return page_not_found(request, exception)
    return JsonResponse({"error": {"code": "not_found", "message": UNKNOWN}}, status=404)


def failed(request: HttpRequest) -> HttpResponse:
    """Answer after an error of ours, under the API in its shape; its log line has the id of the request."""
    if isinstance(sys.exc_info()[1], AWAY):
        return _unavailable(request)
    if not request.path.startswith("/api/"):
        return server_error(request)
    return JsonResponse({"error": {"code": "error", "message": _("The site failed. It has been noted.")}}, status=500)


def _unavailable(request: HttpRequest) -> HttpResponse:
    """Answer while database or broker are away, which mends itself."""
    if request.path.startswith("/api/"):
        sentence = _("The site cannot reach one of its parts. Nothing was kept; please try again in a moment.")
        response: HttpResponse = JsonResponse({"error": {"code": "unavailable", "message": sentence}}, status=503)
    else:
        response = server_error(request, "503.html")
        response.status_code = 503
    response["Retry-After"] = RETRY_AFTER_S
    return response


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer every refusal with `{"error": {"code", "message", ...}}`; what is not a refusal is an error of ours."""
    known = _of_actions(error)
    if known:
        return known
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
    elif isinstance(error, exceptions.NotFound):
        # one answer for what is unknown and what is hidden
        response.data = {"error": {"code": "not_found", "message": UNKNOWN}}
    else:
        response.data = {"error": {"code": error.default_code, "message": str(error.detail)}}
    return response


def _of_actions(error: Exception) -> Response | None:
    match error:
        case Refused():
            return _answer(409, "refused", str(error), {"reasons": error.sentences})
        case InvalidTransition():
            return _answer(409, "invalid_transition", str(error))
        case EditConflict():
            return _answer(409, "edit_conflict", str(error), {"version": error.revision.version})
        case ReviewConflict():
            return _answer(409, "edit_conflict", str(error), {"version": error.review.version})
        case RefusedPicture():
            return _answer(400, "invalid", str(error))
        case ValidationError():
            return _answer(400, "invalid", " ".join(error.messages))
        case TooManyFieldsSent() | TooManyFilesSent():
            return _answer(400, "invalid", _("The form has more parts than the site takes at once."))
    return None


def _answer(status: int, code: str, message: str, extra: dict[str, Any] | None = None) -> Response:
    return Response({"error": {"code": code, "message": message, **(extra or {})}}, status=status)
