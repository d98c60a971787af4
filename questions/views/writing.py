"""The editor: a new question, its text, its supporting part. Nothing typed is lost, whatever an action answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from hle_site.uploads import RefusedPicture
from questions import actions, presenters
from questions.actions import EditConflict
from questions.enums import Status
from questions.forms import SUBJECTS, QuestionForm, SupportForm
from questions.models import Call, Question, Revision
from questions.views.finding import question_of
from questions.workflow import InvalidTransition

TOKEN_SALT = "questions.new"  # noqa: S105 - a name, not a secret


def _own(request: HttpRequest, pk: Any) -> Question:
    question = question_of(request, pk, "questions.view_question")
    if not question.is_owned_by(request.user):
        raise PermissionDenied
    return question


def _question_form(request: HttpRequest, call: Call, revision: Revision | None, **initial: Any) -> QuestionForm:
    given = (request.POST, request.FILES) if request.method == "POST" else ()
    return QuestionForm(
        *given,
        call=call,
        revision=revision,
        by=request.user,
        preview_url=reverse("questions:preview"),
        initial=initial,
    )


def _support_form(request: HttpRequest, revision: Revision) -> SupportForm:
    given = (request.POST, request.FILES) if request.method == "POST" else ()
    return SupportForm(*given, revision=revision, by=request.user, preview_url=reverse("questions:preview"))


def _take_picture(form: Any, by: Any) -> None:
    """Store the chosen picture; a refused one becomes a mistake of its field."""
    data = form.cleaned_data.get("upload")
    if data is None:
        return
    try:
        form.keep(actions.store_picture(data=data, by=by))
    except RefusedPicture as error:
        form.add_error("upload", str(error))


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Write a question. The form carries its future id, so that sending it twice makes one question."""
    if not request.user.has_perm("questions.create_question"):
        raise PermissionDenied
    call = get_object_or_404(Call, is_default=True)
    form = _question_form(request, call, None, token=signing.dumps(str(uuid4()), salt=TOKEN_SALT))
    status = 200
    if request.method == "POST":
        status = 400
        is_valid = form.is_valid()
        _take_picture(form, request.user)
        if is_valid and form.is_valid():
            return _create(request, call, form)
    return _editor(request, form, status=status, call=call)


def _create(request: HttpRequest, call: Call, form: QuestionForm) -> HttpResponse:
    pk = _named(form.cleaned_data["token"])
    content = form.content() | form.picture_content()
    try:
        question = actions.create(call=call, by=request.user, content=content, pk=pk)
    except IntegrityError:  # sent twice: the first one made the question
        question = _own(request, pk)
        return _save(request, question, form, version=1)
    return _saved(request, question, "new=1")


def _named(token: str) -> UUID:
    try:
        return UUID(signing.loads(token, salt=TOKEN_SALT, max_age=60 * 60 * 24 * 30))
    except signing.BadSignature:
        return uuid4()


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: Any) -> HttpResponse:
    """Change the question while it is a draft."""
    question = _own(request, pk)
    if request.method != "POST" and question.status != Status.DRAFT:
        messages.info(request, _("The text can be changed only in a draft. Choose “Revise” first."))
        return redirect("questions:detail", pk=question.pk)
    form = _question_form(request, question.call, question.newest)
    if request.method != "POST":
        return _editor(request, form, question=question)
    is_valid = form.is_valid()
    _take_picture(form, request.user)
    if not (is_valid and form.is_valid()):
        return _editor(request, form, question=question, status=400)
    return _save(request, question, form, version=form.cleaned_data["version"])


def _save(request: HttpRequest, question: Question, form: QuestionForm, *, version: int | None) -> HttpResponse:
    conflict, status = _store(request, question, form, version=version)
    if status == 200:
        return _saved(request, question, "saved=1")
    return _editor(request, form, question=question, conflict=conflict, status=status)


def _saved(request: HttpRequest, question: Question, mark: str) -> HttpResponse:
    if request.POST.get("do") == "test":
        return redirect(reverse("questions:check", args=[question.pk]) + f"?{mark}")
    messages.success(request, _("Saved."))
    return redirect(reverse("questions:edit", args=[question.pk]) + f"?{mark}")


def _store(
    request: HttpRequest, question: Question, form: Any, *, version: int | None
) -> tuple[list[presenters.FieldDiff] | None, int]:
    """Save what a valid form holds; return the differences of a conflict, and the status of the answer."""
    content = form.content()
    try:
        actions.save(
            question=question,
            by=request.user,
            content=content | form.picture_content(),
            version=version if version is not None else 0,
        )
    except EditConflict as error:
        form.go_over(error.revision)
        return presenters.conflict(error.revision, content), 409
    except (InvalidTransition, PermissionDenied):  # it is the own question: only its status can refuse
        form.add_error(None, _("Nothing was saved: the text can be changed only in a draft. Your text is still below."))
        return None, 409
    return None, 200


def _editor(
    request: HttpRequest,
    form: QuestionForm,
    *,
    call: Call | None = None,
    question: Question | None = None,
    conflict: list[presenters.FieldDiff] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "question": question,
        "call": call or question.call,
        "handle": question.handle if question else "",
        "subjects": SUBJECTS,
        "picture": form.picture,
        "picture_url": presenters.picture_url(form.picture),
        "findings": presenters.findings(question.newest) if question else [],
        "may_keep": bool(question) and presenters.may_keep(question, request.user),
        "conflict": conflict,
        "draft_saved": _no_longer_needed(request, question, "question"),
    }
    return render(request, "questions/edit.html", context, status=status)


def _no_longer_needed(request: HttpRequest, question: Question | None, kind: str) -> str:
    """Return the name of the browser's copy that the site now holds itself."""
    if question is None or request.method == "POST":
        return ""
    if "new" in request.GET:
        return "question-new"
    return f"{kind}-{question.pk}" if "saved" in request.GET else ""


@require_POST
def autosave(request: HttpRequest, pk: Any) -> JsonResponse:
    """Save the text of the editor while it is typed; pictures wait for the button."""
    question = _own(request, pk)
    return _autosaved(request, question, _question_form(request, question.call, question.newest))


@require_POST
def autosave_support(request: HttpRequest, pk: Any) -> JsonResponse:
    """Save the supporting part while it is typed."""
    question = _own(request, pk)
    return _autosaved(request, question, _support_form(request, question.newest))


def _autosaved(request: HttpRequest, question: Question, form: Any) -> JsonResponse:
    if not form.is_valid():
        return JsonResponse({"detail": _("Not saved: a field has a mistake."), "errors": form.errors}, status=400)
    version = form.cleaned_data["version"]
    try:
        revision = actions.save(
            question=question, by=request.user, content=form.content(), version=version if version is not None else 0
        )
    except EditConflict as error:
        return JsonResponse({"detail": str(error), "version": error.revision.version}, status=409)
    except (InvalidTransition, PermissionDenied):  # it is the own question: only its status can refuse
        detail = _("Not saved: the text can be changed only in a draft.")
        return JsonResponse({"detail": detail, "version": question.newest.version}, status=409)
    return JsonResponse({"saved_at": revision.saved_at.isoformat(), "version": revision.version})


@require_GET
def findings(request: HttpRequest, pk: Any) -> HttpResponse:
    """What the linter says about the saved text, for the panel beside the editor."""
    question = _own(request, pk)
    context = {"findings": presenters.findings(question.newest), "question": question}
    return render(request, "questions/edit.html#findings", context)


@require_http_methods(["GET", "POST"])
def support(request: HttpRequest, pk: Any) -> HttpResponse:
    """Rationale, sources and notes, while the question is a draft or has passed its test."""
    question = _own(request, pk)
    is_open = question.status in {Status.DRAFT, Status.ELIGIBLE}
    if request.method != "POST" and not is_open:
        messages.info(request, _("This part can be changed only in a draft, or after the test was passed."))
        return redirect("questions:detail", pk=question.pk)
    form = _support_form(request, question.newest)
    conflict, status = None, 200
    if request.method == "POST":
        is_valid = form.is_valid()
        _take_picture(form, request.user)
        status = 400
        if is_valid and form.is_valid():
            conflict, status = _store(request, question, form, version=form.cleaned_data["version"])
            if status == 200:
                return _supported(request, question)
    context = {
        "form": form,
        "question": question,
        "picture": form.picture,
        "picture_url": presenters.picture_url(form.picture),
        "is_eligible": question.status == Status.ELIGIBLE,
        "conflict": conflict,
        "draft_saved": _no_longer_needed(request, question, "support"),
    }
    return render(request, "questions/support.html", context, status=status)


def _supported(request: HttpRequest, question: Question) -> HttpResponse:
    if request.POST.get("do") == "submit":
        return redirect(reverse("questions:submit", args=[question.pk]) + "?saved=1")
    messages.success(request, _("Saved."))
    return redirect(reverse("questions:support", args=[question.pk]) + "?saved=1")
