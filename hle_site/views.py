"""Pages that belong to no stage: the frame of every page and the first page."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hle_site import demo, navigation
from questions.models import Release


def site_context(request: HttpRequest) -> dict[str, Any]:
    """What every template may use; error pages outside a session get the name only."""
    context: dict[str, Any] = {"site_name": settings.SITE_NAME}
    user = getattr(request, "user", None)
    if user is None:
        return context
    context["nav"] = navigation.menu(user, request.path, is_at_others=getattr(request, "is_at_others", False))
    context["footer_links"] = [(_("Releases"), reverse("releases:index"))]
    if user.is_authenticated:
        context["unread_count"] = user.notices.filter(read_at=None).count()
        context["footer_links"].append((_("API"), reverse("schema")))
    if settings.IS_DEMO:
        context["demo"] = demo.context(request)
    return context


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The first page: what this is for a stranger, what waits for a person who is signed in."""
    releases = Release.objects.visible_to(request.user)[:3]
    context: dict[str, Any] = {"steps": navigation.stages(), "releases": releases}
    if request.user.is_authenticated:
        context["actions"] = navigation.waiting_for(request.user)
    return render(request, "home.html", context)
