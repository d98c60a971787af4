"""Steps from one status to the next: each asks on a page of its own and acts on POST. A step taken twice does no harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from questions import actions, guards, presenters
from questions.enums import Action, Status
from questions.forms import AcceptForm, WithdrawForm
from questions.models import Question
from questions.views.finding import REFUSALS, add_errors, question_of


def _home(question: Question) -> str:
    return reverse("questions:detail", args=[question.pk])


def _take(
    request: HttpRequest, question: Question, form: Form, act: Callable[..., Any], *, done: str, to: str, back: str
) -> HttpResponse | int:
    """Act on a form and return where to go, or the status of the page that says why not.

    A step that an earlier click has already taken counts as taken.
    """
    if request.method != "POST":
        return 200
    if not form.is_valid():
        return 400
    try:
        act(form.cleaned_data)
    except REFUSALS as error:
        if Question.objects.filter(pk=question.pk, status=to).exists():
            return redirect(back)
        return add_errors(form, error)
    messages.success(request, done)
    return redirect(back)


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, pk: Any) -> HttpResponse:
    """Before the test: what the linter says, the terms, the allowance."""
    question = question_of(request, pk, "questions.start_check_question")
    terms = question.call.contributor_terms
    label = _("I have read the contributor terms, version %(version)s, and accept them.") % {"version": terms.version}
    form = AcceptForm(request.POST if request.method == "POST" else None, label=label, version=terms.version)
    answer = _take(
        request,
        question,
        form,
        lambda data: actions.start_check(question=question, by=request.user, terms_version=data["version"]),
        done=_("The test has started. You may close this page; a notice follows when there is a verdict."),
        to=Status.CHECKING,
        back=_home(question),
    )
    if isinstance(answer, HttpResponse):
        return answer
    revision = question.newest
    found = presenters.findings(revision)
    context = {
        "question": question,
        "text": presenters.question_text(revision, with_key=True),
        "form": form,
        "terms": terms,
        "findings": found,
        "has_errors": any(finding.severity == "error" for finding in found),
        "refusals": guards.refusals(Action.START_CHECK, question, request.user),
        "is_draft": question.status == Status.DRAFT,
        "draft_saved": f"question-{question.pk}" if "saved" in request.GET else "",
    }
    return render(request, "questions/check.html", context, status=answer)


@require_http_methods(["GET", "POST"])
def submit(request: HttpRequest, pk: Any) -> HttpResponse:
    """Before the review: what is handed in, and the licence of the released data."""
    question = question_of(request, pk, "questions.submit_for_review_question")
    licence = question.call.data_licence
    label = _("I have read the licence of the released data, version %(version)s, and accept it.") % {
        "version": licence.version
    }
    form = AcceptForm(request.POST if request.method == "POST" else None, label=label, version=licence.version)
    answer = _take(
        request,
        question,
        form,
        lambda data: actions.submit_for_review(question=question, by=request.user, licence_version=data["version"]),
        done=_("Submitted. Reviewers take it from here; you get a notice when they are done."),
        to=Status.IN_REVIEW,
        back=_home(question),
    )
    if isinstance(answer, HttpResponse):
        return answer
    context = {
        "question": question,
        "text": presenters.question_text(question.newest, with_key=True),
        "form": form,
        "licence": licence,
        "refusals": guards.refusals(Action.SUBMIT_FOR_REVIEW, question, request.user),
        "is_eligible": question.status == Status.ELIGIBLE,
        "draft_saved": f"support-{question.pk}" if "saved" in request.GET else "",
    }
    return render(request, "questions/submit.html", context, status=answer)


def _confirm(
    request: HttpRequest,
    question: Question,
    act: Callable[..., Any],
    words: dict[str, Any],
    *,
    form: Form,
    done: str,
    to: str,
    back: str = "",
) -> HttpResponse:
    answer = _take(request, question, form, act, done=done, to=to, back=back or _home(question))
    if isinstance(answer, HttpResponse):
        return answer
    context = words | {"form": form, "cancel_url": _home(question)}
    return render(request, "confirm.html", context, status=answer)


def _plain_form(request: HttpRequest) -> Form:
    return Form(request.POST if request.method == "POST" else None)


@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, pk: Any) -> HttpResponse:
    """Stop the running test."""
    question = question_of(request, pk, "questions.cancel_check_question")
    words = {
        "title": _("Stop the test of %(handle)s") % {"handle": question.handle},
        "body": _("The question becomes a draft again. Answers that came already stay and are used by a next test."),
        "confirm_label": _("Stop the test"),
        "danger": True,
    }
    return _confirm(
        request,
        question,
        lambda _data: actions.cancel_check(question=question, by=request.user),
        words,
        form=_plain_form(request),
        done=_("The test was stopped. The question is a draft again."),
        to=Status.DRAFT,
    )


@require_http_methods(["GET", "POST"])
def revise(request: HttpRequest, pk: Any) -> HttpResponse:
    """Open a working copy."""
    question = question_of(request, pk, "questions.revise_question")
    words = {
        "title": _("Revise %(handle)s") % {"handle": question.handle},
        "body": _(
            "A new revision opens with the same text; the earlier one stays as it was tested. If you change the question, its choices, its answer or its picture, it is tested again."
        ),
        "confirm_label": _("Revise"),
    }
    return _confirm(
        request,
        question,
        lambda _data: actions.revise(question=question, by=request.user),
        words,
        form=_plain_form(request),
        done=_("Here is your new revision. Change what you like, then test it again or go on with the earlier test."),
        to=Status.DRAFT,
        back=reverse("questions:edit", args=[question.pk]),
    )


@require_http_methods(["GET", "POST"])
def keep(request: HttpRequest, pk: Any) -> HttpResponse:
    """Go on without a new test, because what was tested has not changed."""
    question = question_of(request, pk, "questions.keep_check_question")
    words = {
        "title": _("Go on with the earlier test of %(handle)s") % {"handle": question.handle},
        "body": _(
            "Question, choices, answer and picture are the same as in the test that was passed, so no new one is needed."
        ),
        "confirm_label": _("Go on"),
    }
    return _confirm(
        request,
        question,
        lambda _data: actions.keep_check(question=question, by=request.user),
        words,
        form=_plain_form(request),
        done=_("The earlier test holds for this revision."),
        to=Status.IN_REVIEW if question.submitted_at else Status.ELIGIBLE,
    )


@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, pk: Any) -> HttpResponse:
    """Take the question back."""
    question = question_of(request, pk, "questions.withdraw_question")
    words = {
        "title": _("Withdraw %(handle)s") % {"handle": question.handle},
        "body": _("Tests and reviews of it end, and it will not be released. You can still read it. This is final."),
        "confirm_label": _("Withdraw"),
        "danger": True,
    }
    return _confirm(
        request,
        question,
        lambda data: actions.withdraw(question=question, by=request.user, reason=data["reason"]),
        words,
        form=WithdrawForm(request.POST if request.method == "POST" else None),
        done=_("The question is withdrawn."),
        to=Status.WITHDRAWN,
    )
