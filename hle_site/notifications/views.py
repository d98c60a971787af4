"""The inbox: what happened that concerns the reader, unread first."""

from typing import Any

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from hle_site.notifications.models import Notice

NEWEST = 100


@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """The own notices; `?show=all` adds those that were read."""
    mine = Notice.objects.filter(recipient=request.user)
    shows_all = request.GET.get("show") == "all"
    shown = mine if shows_all else mine.filter(read_at=None)
    notices = shown.order_by(F("read_at").asc(nulls_first=True), "-created_at", "-id")[:NEWEST]
    context = {
        "notices": notices,
        "shows_all": shows_all,
        "n_unread": mine.filter(read_at=None).count(),
        "n_all": mine.count(),
    }
    return render(request, "notifications/inbox.html", context)


@require_POST
def open_notice(request: HttpRequest, pk: Any) -> HttpResponse:
    """Mark a notice as read and go where it points to."""
    notice = get_object_or_404(Notice, recipient=request.user, pk=pk)
    if notice.read_at is None:
        notice.read_at = timezone.now()
        notice.save(update_fields=["read_at"])
    if notice.path and url_has_allowed_host_and_scheme(notice.path, allowed_hosts=None):
        return redirect(notice.path)
    return redirect("notifications:inbox")


@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark all own notices as read."""
    Notice.objects.filter(recipient=request.user, read_at=None).update(read_at=timezone.now())
    return redirect("notifications:inbox")
