"""What the body of a request may be: its size on every address, and JSON that means one thing in the API."""

import json
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

LARGEST = 16 * 1024 * 1024  # a picture and the texts beside it fit well within
LARGEST_JSON = 1024 * 1024
DEEPEST = 20


class BodyLimitMiddleware:
    """Refuses a body before it is read when it is larger than any form sends, or does not say how large it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not _is_within(request.META.get("CONTENT_LENGTH") or "0"):
            sentence = _("This is more than the site takes at once: %d MB.") % (LARGEST // 1024**2)
            return _refused(request, 413, TooLarge.default_code, sentence)
        if "HTTP_TRANSFER_ENCODING" in request.META:  # Django reads no body without a length, and would lose it unsaid
            return _refused(
                request, 411, "length_required", _("Say how long the body is: it cannot be sent in chunks.")
            )
        return self.get_response(request)


def _is_within(length: str) -> bool:
    return length.isascii() and length.isdigit() and len(length) <= 12 and int(length) <= LARGEST


def _refused(request: HttpRequest, status_code: int, code: str, sentence: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"error": {"code": code, "message": sentence}}, status=status_code)
    return render(request, "400.html", {"reason": sentence}, status=status_code)


class TooLarge(APIException):
    """The body is larger than the API takes."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class JSONParser(BaseParser):
    """Reads JSON in UTF-8 of a bounded size and depth, in which no name stands twice and every number is finite."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return what the body says, or refuse it with a sentence."""
        headers = parser_context["request"].headers
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnsupportedMediaType(headers["Content-Encoding"], _("Send the body as it is, not compressed."))
        if _charset(media_type or "") not in {"", "utf-8", "utf8"}:
            raise UnsupportedMediaType(media_type, _("Send the body in UTF-8."))
        body = stream.read(LARGEST_JSON + 1)
        if len(body) > LARGEST_JSON:
            raise TooLarge(_("The body is larger than %d bytes.") % LARGEST_JSON)
        try:
            content = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite)
        except RecursionError:
            raise ParseError(_("The body is nested too deeply.")) from None
        except ValueError as error:
            raise ParseError(_("The body is not JSON in UTF-8: %s.") % str(error)[:100]) from None
        if _depth(content) > DEEPEST:
            raise ParseError(_("The body is nested too deeply."))
        return content


def _charset(media_type: str) -> str:
    _before, found, after = media_type.lower().partition("charset=")
    return after.split(";")[0].strip().strip('"') if found else ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ParseError(_("A name stands twice in one object."))
    return content


def _no_number(name: str) -> Any:
    raise ParseError(_("%s is no number.") % name)


def _finite(digits: str) -> float:
    number = float(digits)
    return number if abs(number) != float("inf") else _no_number(digits[:20])


def _depth(content: Any) -> int:
    """Return how many objects and lists lie within each other."""
    depth, level = 0, [content]
    while level := [part for part in level if isinstance(part, dict | list)]:
        depth += 1
        level = [part for whole in level for part in (whole.values() if isinstance(whole, dict) else whole)]
    return depth
