"""Pages that belong to no stage: the first page, health, errors, the demo's account switch."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def site_context(request: HttpRequest) -> dict[str, Any]:
    """What every template may use."""
    return {"site_name": settings.SITE_NAME, "is_demo": settings.IS_DEMO}


@login_not_required
def home(request: HttpRequest) -> HttpResponse:
    """The first page."""
    return render(request, "home.html")


@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
def readyz(request: HttpRequest) -> HttpResponse:
    """Database and broker answer too."""
    return HttpResponse("ok", content_type="text/plain")
