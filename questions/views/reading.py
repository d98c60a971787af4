"""What people read: the own questions, one question with its panels, its history, a rendered text, a picture."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from hle_site import markup
from hle_site.audit import log
from questions import paging, panels, presenters
from questions.forms import ListForm, PreviewForm
from questions.models import Attachment, Question, Revision
from questions.views.finding import question_of


@require_GET
def list_(request: HttpRequest) -> HttpResponse:
    """The own questions, newest first, narrowed by status."""
    form = ListForm(request.GET)
    wanted = form.cleaned_data["status"] if form.is_valid() else ""
    mine = Question.objects.owned_by(request.user)
    found = mine.filter(status=wanted) if wanted else mine
    page = paging.page(found.for_list(), request.GET)
    context = {
        "form": form,
        "rows": presenters.rows(page.items, timezone.now()),
        "page": page,
        "status": wanted,
        "has_any": bool(page.items) or mine.exists(),
    }
    return render(request, "questions/list.html", context)


@require_GET
def detail(request: HttpRequest, pk: Any) -> HttpResponse:
    """One question: its text, where it stands, who acts next, and what the later stages show."""
    user = request.user
    question = question_of(request, pk, "questions.view_question", read_days=presenters.read_days())
    is_owner = question.is_owned_by(user)
    shown = _shown(question, user)
    if not is_owner and question.status in presenters.OPENED_BY_OTHERS:
        log.record(presenters.READ, by=user, on=question)
    shown_panels = panels.panels(question, user)
    context = {
        "question": question,
        "is_owner": is_owner,
        "is_day": not is_owner or presenters.is_moved_by_others(question),
        "text": presenters.question_text(
            shown,
            with_key=user.has_perm("questions.view_key", question),
            beside=presenters.beside(question, user),
        ),
        "next": presenters.NEXT[question.status],
        "steps": presenters.steps(question),
        "buttons": presenters.buttons(question, user),
        "panels": shown_panels,
        "reads_feedback": any(panel.anchor == "feedback" for panel in shown_panels),
        "events": presenters.history(question, user)[:5] if user.has_perm("questions.view_history", question) else [],
        "draft_saved": f"question-{question.pk}" if "saved" in request.GET and is_owner else "",
    }
    return render(request, "questions/detail.html", context)


def _shown(question: Question, user: Any) -> Revision:
    found = presenters.readable_revisions(question, user)
    if not found:
        raise Http404
    return found[0]


@require_GET
def history(request: HttpRequest, pk: Any) -> HttpResponse:
    """What happened to a question, and two of its revisions side by side."""
    user = request.user
    question = question_of(request, pk, "questions.view_history", read_days=presenters.read_days())
    found = presenters.readable_revisions(question, user)
    by_number = {str(revision.number): revision for revision in found}
    new = by_number.get(request.GET.get("to", ""), found[0] if found else None)
    old = by_number.get(request.GET.get("from", ""), found[1] if len(found) > 1 else new)
    with_key = user.has_perm("questions.view_key", question)
    context = {
        "question": question,
        "is_owner": question.is_owned_by(user),
        "panels": panels.panels(question, user),
        "events": presenters.history(question, user),
        "revisions": found,
        "old": old,
        "new": new,
        "diffs": presenters.differences(old, new, with_key=with_key, beside=presenters.beside(question, user))
        if old and new
        else [],
    }
    return render(request, "questions/history.html", context)


@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """A text as the one renderer of the site shows it."""
    form = PreviewForm(request.POST)
    if not form.is_valid():
        return HttpResponse(" ".join(form.errors.get("text", [_("This text cannot be shown.")])), status=400)
    return HttpResponse(markup.render(form.cleaned_data["text"]))


@require_GET
def picture(request: HttpRequest, pk: Any) -> FileResponse:
    """The stored bytes of a picture, for people who may read a question that shows it, and for its uploader."""
    found = get_object_or_404(Attachment, pk=pk)
    if found.uploaded_by_id != request.user.pk and not _may_see(request.user, found):
        raise Http404
    response = FileResponse(found.file.open("rb"), content_type=found.media_type)
    response["Content-Disposition"] = f'inline; filename="{found.sha256[:12]}.{found.extension}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _may_see(user: Any, found: Attachment) -> bool:
    readable = Question.objects.visible_to(user)
    with_it = readable.filter(pk__in=Revision.objects.filter(image=found).values("question"))
    if with_it.exists():
        return True
    beside = readable.filter(pk__in=Revision.objects.filter(rationale_image=found).values("question"))
    return any(user.has_perm("questions.view_key", question) for question in beside)
