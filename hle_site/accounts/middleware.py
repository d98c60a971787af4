"""What holds on every page: staff sign in with a second factor, pages with content are not stored, errors are 400, reading
looks up once."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from hle_site import lookups

OPEN_TO_STAFF_WITHOUT_FACTOR = ("/accounts/", "/static/", "/healthz", "/readyz")

Handler = Callable[[HttpRequest], HttpResponse]


class StaffFactorMiddleware:
    """Sends a staff account without a second factor to the page where it sets one up; nothing else opens before."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.REQUIRE_STAFF_FACTOR or request.path.startswith(OPEN_TO_STAFF_WITHOUT_FACTOR):
            return self.get_response(request)
        user = request.user
        if not user.is_authenticated or not user.is_staff_member or user.held.has_factor:
            return self.get_response(request)
        sentence = _("Your role needs a second factor. Please set it up before you go on.")
        if request.path.startswith("/api/"):
            return JsonResponse({"error": {"code": "second_factor_required", "message": sentence}}, status=403)
        messages.warning(request, sentence)
        return redirect("mfa_activate_totp")


class NoStoreMiddleware:
    """Marks answers for signed-in people as private, unless the view has said something itself."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.user.is_authenticated and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store, private"
        return response


class FormErrorMiddleware:
    """Answers 400 to a form of allauth's that comes back with errors, as our own pages do."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_template_response(self, request: HttpRequest, response: TemplateResponse) -> TemplateResponse:
        """Look at the form before the page is rendered."""
        form = (response.context_data or {}).get("form")
        if request.method == "POST" and response.status_code == 200 and form is not None and form.errors:
            response.status_code = 400
        return response


class SharedLookupsMiddleware:
    """Lets the rules share their look-ups while a page is read; a request that may write asks each time anew."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return self.get_response(request)
        with lookups.shared():
            return self.get_response(request)
