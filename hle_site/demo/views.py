"""Pages of the demo: become one of its people, read the mail that it would have sent."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from hle_site.accounts.models import User
from hle_site.demo.accounts import DEMO_PEOPLE
from hle_site.notifications.models import DemoMail

NEWEST_MAILS = 50


@login_not_required
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Sign in as a person of the demo without a password, or sign out; leads to the first page, which everybody may see."""
    _require_demo()
    key = request.POST.get("account", "")
    if not key:
        logout(request)
        return redirect("home")
    person = next((person for person in DEMO_PEOPLE if person.key == key), None)
    user = person and User.objects.filter(email=person.email, is_demonstration=True, is_active=True).first()
    if not person or not user:
        messages.error(request, _("This person is not here: the demo was started without its example data."))
        return redirect("home")
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    messages.info(request, _("You are %(name)s now. %(idea)s") % {"name": user.name, "idea": person.try_this})
    return redirect("home")


@login_not_required
@require_GET
def mailbox(request: HttpRequest) -> HttpResponse:
    """The newest mails that a real site would have sent."""
    _require_demo()
    return render(request, "demo/mailbox.html", {"mails": DemoMail.objects.all()[:NEWEST_MAILS]})


def _require_demo() -> None:
    """Keep these pages out of every other site, even if somebody includes their addresses."""
    if not settings.IS_DEMO:
        raise Http404
