"""Pages of organisers: filling, freezing, publishing and yanking a release, and answering reports."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from questions.duplicates import search as duplicates
from questions.enums import ItemChange, ReleaseStatus, Split, Status
from questions.models import Call, Question, Release
from questions.releases import errata as reports
from questions.releases import freeze as releases
from questions.releases import selection
from questions.releases.files import BuildFailed
from questions.releases.forms import AnswerForm, FreezeForm, ReasonForm, ReleaseForm
from questions.releases.views import PER_PAGE, find
from questions.tasks import build_release
from questions.workflow import InvalidTransition, Refused

MANAGE = "questions.manage_release"
VIEW = "questions.view_release_build"

HOLD_BACK = gettext_lazy("It stays approved and can go into a later release. The reason is logged and not published.")
FREEZE = gettext_lazy(
    "The questions, their texts and their labels are stored as they are now, and the files are built from them. Another organiser publishes."
)
PUBLISH = gettext_lazy(
    "Everybody who accepts the licence can then download it, and it never changes. You cannot take this back."
)
DISCARD = gettext_lazy("Nothing of it was public. Its files are deleted, and its number is not used again.")
YANK = gettext_lazy("Nobody can download it any more. Its page, its manifest and your reason stay public.")


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Begin a release."""
    _require(request, MANAGE)
    initial = {
        "version": selection.next_version(),
        "title": settings.SITE_NAME,
        "calls": Call.objects.filter(is_default=True),
    }
    form = ReleaseForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            release = releases.draft(**form.cleaned_data, by=request.user)
        except Refused as refusal:
            form.add_error(None, refusal.sentences)
        else:
            return redirect("releases:prepare", release.version)
    return render(request, "releases/new.html", {"form": form}, status=400 if form.errors else 200)


@require_safe
def prepare(request: HttpRequest, version: str) -> HttpResponse:
    """What goes into a release, what stays out and why, what changes, and the next step."""
    _require(request, VIEW)
    return _prepare(request, find(request, version))


def _prepare(request: HttpRequest, release: Release, *, status: int = 200) -> HttpResponse:
    context = {
        "release": release,
        "steps": _steps(release),
        "may_manage": request.user.has_perm(MANAGE),
        "is_freezer": release.frozen_by_id == request.user.pk,
        "words": {"freeze": FREEZE, "publish": PUBLISH, "discard": DISCARD, "yank": YANK},
        "is_building": release.status == ReleaseStatus.FROZEN and not release.built_at,
    }
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "releases/prepare.html#progress", context)
    context |= _draft_context(request, release) if release.status == ReleaseStatus.DRAFT else _frozen_context(release)
    return render(request, "releases/prepare.html", context, status=status)


def _draft_context(request: HttpRequest, release: Release) -> dict[str, Any]:
    choice = releases.candidates(release)
    readable = set(
        Question.objects.visible_to(request.user)
        .filter(pk__in=[candidate.question.pk for candidate in choice.candidates])
        .values_list("pk", flat=True)
    )
    changes = releases.preview_changes(release, choice)
    return {
        "objections": releases.objections(release, choice),
        "open_pairs": _open_pairs(choice),
        "counts": _most_first(candidate.revision.category for candidate in choice.included),
        "included": Paginator(choice.included, PER_PAGE).get_page(request.GET.get("page")),
        "left_out": choice.left_out,
        "readable": readable,
        "others": [(Status(status).label, count) for status, count in sorted(choice.others.items())],
        "previous": selection.previous_of(release),
        "changes": [(ItemChange(verb).label, len(found)) for verb, found in changes.items() if found],
        "removed": changes[ItemChange.REMOVE],
    }


def _open_pairs(choice: selection.Choice) -> int:
    return duplicates.open_among(candidate.question.pk for candidate in choice.included).count()


def _frozen_context(release: Release) -> dict[str, Any]:
    items = release.items.present()
    return {
        "counts": _most_first(items.filter(split=Split.PUBLIC).values_list("row__category", flat=True)),
        "held_out": items.filter(split=Split.HELD_OUT).count(),
        "changes": [(ItemChange(verb).label, count) for verb, count in sorted(_count(release.items, "change").items())],
        "files": release.manifest.get("files", []),
    }


def _count(rows: Any, column: str) -> Counter[str]:
    return Counter(rows.values_list(column, flat=True))


def _most_first(categories: Iterable[str]) -> list[tuple[str, int]]:
    return sorted(Counter(categories).items(), key=lambda row: (-row[1], row[0]))


def _steps(release: Release) -> list[dict[str, str]]:
    is_over = release.status == ReleaseStatus.DISCARDED
    done = [True, bool(release.frozen_at), bool(release.built_at), bool(release.published_at)]
    labels = [_("Filled"), _("Frozen"), _("Built and verified"), _("Published")]
    current = 0 if release.status == ReleaseStatus.DRAFT else done.index(False) if False in done else len(done)
    states = ["done" if index < current else "current" if index == current else "todo" for index in range(len(done))]
    if current < len(done) and (is_over or (release.build_problem and current == 2)):
        states[current] = "failed"
    return [{"label": label, "state": state} for label, state in zip(labels, states, strict=True)]


@require_http_methods(["GET", "HEAD", "POST"])
def hold_back(request: HttpRequest, version: str, question_id: str) -> HttpResponse:
    """Keep a question out of this release, with a reason."""
    release, question = _candidate(request, version, question_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _do(
            request,
            release,
            lambda: releases.hold_back(
                release=release, question=question, reason=form.cleaned_data["reason"], by=request.user
            ),
        )
    return _confirm(request, release, _("Hold back %s?") % question.handle, HOLD_BACK, _("Hold back"), form)


@require_POST
def take_in(request: HttpRequest, version: str, question_id: str) -> HttpResponse:
    """Let a question that was held back go in again."""
    release, question = _candidate(request, version, question_id)
    return _do(request, release, lambda: releases.take_in(release=release, question=question, by=request.user))


def _candidate(request: HttpRequest, version: str, question_id: str) -> tuple[Release, Question]:
    _require(request, MANAGE)
    release = find(request, version)
    approved = Question.objects.visible_to(request.user).filter(call__in=release.calls.all(), status=Status.APPROVED)
    return release, get_object_or_404(approved, pk=question_id)


@require_http_methods(["GET", "HEAD", "POST"])
def freeze(request: HttpRequest, version: str) -> HttpResponse:
    """Freeze a release; open pairs of near-duplicates in it are accepted by a box of their own."""
    release = _managed(request, version)
    form = None
    if release.status == ReleaseStatus.DRAFT and _open_pairs(releases.candidates(release)):
        form = FreezeForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or (form and not form.is_valid()):
        return _confirm(request, release, _("Freeze version %s?") % version, FREEZE, _("Freeze"), form)
    accepts = form is not None
    return _do(request, release, lambda: releases.freeze(release=release, by=request.user, accepts_duplicates=accepts))


@require_POST
def build(request: HttpRequest, version: str) -> HttpResponse:
    """Try a failed build again."""
    release = _managed(request, version)
    return _do(request, release, lambda: build_release.delay(str(release.pk)))


@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: HttpRequest, version: str) -> HttpResponse:
    """Publish a release that somebody else froze."""
    release = _managed(request, version)
    if request.method != "POST":
        return _confirm(request, release, _("Publish version %s?") % version, PUBLISH, _("Publish"))
    return _do(
        request,
        release,
        lambda: releases.publish(release=release, by=request.user),
        said=_("Version %s is published.") % version,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def discard(request: HttpRequest, version: str) -> HttpResponse:
    """Give up a release that was not published."""
    release = _managed(request, version)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        return _do(request, release, lambda: releases.discard(release=release, by=request.user, reason=reason))
    return _confirm(request, release, _("Discard version %s?") % version, DISCARD, _("Discard"), form, danger=True)


@require_http_methods(["GET", "HEAD", "POST"])
def yank(request: HttpRequest, version: str) -> HttpResponse:
    """Stop the download of a published release."""
    release = _managed(request, version)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        return _do(request, release, lambda: releases.yank(release=release, by=request.user, reason=reason))
    return _confirm(request, release, _("Yank version %s?") % version, YANK, _("Yank"), form, danger=True)


def _managed(request: HttpRequest, version: str) -> Release:
    _require(request, MANAGE)
    return find(request, version)


def _confirm(
    request: HttpRequest,
    release: Release,
    title: str,
    body: str,
    label: str,
    form: forms.Form | None = None,
    *,
    danger: bool = False,
) -> HttpResponse:
    context = {
        "title": title,
        "body": body,
        "form": form,
        "confirm_label": label,
        "danger": danger,
        "cancel_url": reverse("releases:prepare", args=[release.version]),
    }
    return render(request, "confirm.html", context, status=400 if form is not None and form.errors else 200)


def _do(request: HttpRequest, release: Release, act: Callable[[], Any], *, said: str = "") -> HttpResponse:
    """Act and go back to the page; a refusal is shown there in its own words."""
    try:
        act()
    except (Refused, InvalidTransition, BuildFailed) as refusal:
        for sentence in getattr(refusal, "sentences", [str(refusal)]):
            messages.error(request, sentence)
        return _prepare(request, find(request, release.version), status=409)
    if said:
        messages.success(request, said)
    return redirect("releases:prepare", release.version)


@require_safe
def errata(request: HttpRequest) -> HttpResponse:
    """All reports, those that wait for an answer first."""
    _require(request, VIEW)
    return _errata(request)


def _errata(
    request: HttpRequest, bound: AnswerForm | None = None, *, pk: Any = None, status: int = 200
) -> HttpResponse:
    is_open = request.GET.get("show") != "all"
    readable = reports.desk(request.user)
    found = readable.filter(status__in=reports.OPEN) if is_open else readable
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    rows = [(erratum, bound if erratum.pk == pk else AnswerForm(erratum=erratum)) for erratum in page.object_list]
    context = {"rows": rows, "page": page, "is_open": is_open, "may_manage": request.user.has_perm(MANAGE)}
    return render(request, "releases/errata.html", context, status=status)


@require_POST
def answer(request: HttpRequest, pk: str) -> HttpResponse:
    """Move a report on."""
    _require(request, MANAGE)
    erratum = get_object_or_404(reports.desk(request.user), pk=pk)
    form = AnswerForm(request.POST, erratum=erratum)
    if not form.is_valid():
        return _errata(request, form, pk=erratum.pk, status=400)
    try:
        reports.answer(erratum=erratum, **form.cleaned_data, by=request.user)
    except (Refused, InvalidTransition) as refusal:
        form.add_error(None, getattr(refusal, "sentences", [str(refusal)]))
        return _errata(request, form, pk=erratum.pk, status=409)
    messages.success(request, _("Your answer is stored, and the person who reported it was told."))
    return redirect("releases:errata")


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied(permission)
