"""Pages of organisers and auditors: the desk, one question with all its rounds, and the steps that only they may take."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading import evidence
from hle_site.accounts.enums import Role
from questions import guards
from questions.enums import Action, Status
from questions.models import Question
from questions.views.finding import attempt
from questions.workflow import InvalidTransition, Refused
from review import actions, assignment, editor_steps, presenters
from review import desk as desks
from review.enums import AppealStatus, DecisionOutcome
from review.forms import (
    AppealAnswerForm,
    DecisionForm,
    DuplicateForm,
    InviteForm,
    MatchForm,
    MessageForm,
    TriageForm,
)
from review.models import Appeal, BlindSolve, Retraction, Round, Triage
from review.querysets import TRIAGED
from review.views import confirm, tell


@require_GET
def desk(request: HttpRequest) -> HttpResponse:
    """What waits for organisers."""
    if not request.user.has_perm("review.view_desk"):
        raise PermissionDenied
    context = {"lists": desks.lists(request.user), "may_act": request.user.has_role(Role.ORGANISER)}
    return render(request, "review/desk.html", context)


def _readable(request: HttpRequest, pk: Any) -> Question:
    """Return a question that the reader may see; the pages here are for organisers, auditors and senior reviewers of it."""
    rows = Question.objects.visible_to(request.user).select_related("call", "appeal", "retraction__proposed_by")
    found = get_object_or_404(rows.with_standing(request.user), pk=pk)
    found.note_standing(request.user)
    if not request.user.has_perm("review.view_rounds", found):
        raise PermissionDenied
    return found


@require_GET
def question(request: HttpRequest, pk: Any) -> HttpResponse:
    """One question with all its rounds, the evidence and the decision."""
    return _question(request, _readable(request, pk))


def _question(request: HttpRequest, found: Question, *, status: int = 200, **forms: Any) -> HttpResponse:
    user = request.user
    newest = found.revisions.select_related("image", "rationale_image").order_by("-number")
    revision = evidence.with_doubts(newest)[0]
    revision.question = found
    found.note_newest(revision)
    rounds = presenters.all_rounds(user, found)
    round_ = next((row for row in rounds if row.settled_at is None), None)
    appeal = getattr(found, "appeal", None)
    retraction = getattr(found, "retraction", None)
    is_proposed = retraction is not None and retraction.confirmed_at is None
    is_due = found.status == Status.AWAITING_DECISION
    may_decide = is_due and user.has_perm("review.decide", found)
    context = {
        "handle": found.handle,
        "question_id": found.pk,
        "status": found.status,
        "status_changed_at": found.status_changed_at,
        "due_at": found.due_at,
        "text": presenters.question_text(revision, with_key=user.has_perm("questions.view_key", found)),
        "reveal": presenters.reveal(revision, with_ai_note=user.has_perm("questions.view_ai_note", found))
        if user.has_perm("questions.view_key", found)
        else None,
        "rounds": presenters.rounds_for(user, found),
        "evidence": presenters.evidence(found, guards.refusals(Action.APPROVE, found, user)),
        "decisions": _decisions(rounds),
        "is_due": is_due,
        "decision_form": forms.get("decision_form") or (DecisionForm() if is_due and may_decide else None),
        "is_barred": is_due and not may_decide and user.has_role(Role.ORGANISER),
        "steps": editor_steps.offered(found, user),
        "invite_form": forms.get("invite_form") or _invite_form(round_, user, found),
        "triage_form": forms.get("triage_form") or _triage_form(user, found),
        "asked": _asked(found),
        "open_round_id": round_.pk if round_ else None,
        "appeal": appeal
        and {"text": appeal.text, "status": appeal.status, "answer": appeal.answer, "at": appeal.filed_at},
        "appeal_form": forms.get("appeal_form")
        or (
            AppealAnswerForm()
            if appeal and appeal.status == AppealStatus.OPEN and user.has_perm("review.decide_appeal", found)
            else None
        ),
        "retraction": is_proposed
        and {
            "reason": retraction.reason,
            "public_reason": retraction.public_reason,
            "by": str(retraction.proposed_by),
            "is_own": retraction.proposed_by_id == user.pk,
        },
        "message_form": MessageForm() if user.has_perm("review.comment_to_reviewers", found) else None,
    }
    return render(request, "review/question.html", context, status=status)


def _decisions(rounds: list[Round]) -> list[dict[str, Any]]:
    rows = sorted((row.decision for row in rounds if hasattr(row, "decision")), key=lambda row: row.at, reverse=True)
    return [
        {
            "outcome": row.outcome,
            "label": row.get_outcome_display(),
            "reason": row.reason,
            "code": row.get_reason_code_display() if row.reason_code else "",
            "by": str(row.by),
            "recommended_by": str(row.recommended_by or ""),
            "revision": row.revision.number,
            "at": row.at,
        }
        for row in rows
    ]


def _asked(found: Question) -> list[str]:
    if found.status not in TRIAGED:
        return []
    return [str(row.senior) for row in Triage.objects.open().filter(question=found).select_related("senior")]


def _invite_form(round_: Round | None, user: Any, found: Question) -> InviteForm | None:
    if round_ is None or not user.has_perm("review.assign", found):
        return None
    people = assignment.candidates(round_)
    return InviteForm(people=people) if people else None


def _triage_form(user: Any, found: Question) -> TriageForm | None:
    if found.status not in TRIAGED or not user.has_perm("review.assign", found):
        return None
    people = actions.triage_candidates(found)
    return TriageForm(people=people) if people else None


@require_POST
def decide(request: HttpRequest, pk: Any) -> HttpResponse:
    """Take the decision."""
    found = _readable(request, pk)
    if not request.user.has_perm("review.decide", found):
        raise PermissionDenied
    form = DecisionForm(request.POST)
    status = attempt(form, lambda **data: actions.decide(question=found, by=request.user, **data))
    if status != 200:
        return _question(request, Question.objects.get(pk=found.pk), status=status, decision_form=form)
    outcome = DecisionOutcome(form.cleaned_data["outcome"]).label
    messages.success(request, _("Decided: %(outcome)s.") % {"outcome": outcome})
    return redirect("review:desk")


@require_POST
def answer_appeal(request: HttpRequest, pk: Any) -> HttpResponse:
    """Answer an appeal."""
    found = _readable(request, pk)
    appeal = get_object_or_404(Appeal, question=found)
    if not request.user.has_perm("review.decide_appeal", found):
        raise PermissionDenied
    form = AppealAnswerForm(request.POST)
    status = attempt(form, lambda **data: actions.decide_appeal(appeal=appeal, by=request.user, **data))
    if status != 200:
        return _question(request, found, status=status, appeal_form=form)
    messages.success(request, _("The appeal is answered."))
    return redirect("review:question", pk=found.pk)


@require_POST
def invite(request: HttpRequest, pk: Any) -> HttpResponse:
    """Invite a reviewer to an open round."""
    round_ = get_object_or_404(Round.objects.select_related("question", "revision"), pk=pk)
    found = _readable(request, round_.question_id)
    form = InviteForm(request.POST, people=assignment.candidates(round_))
    status = attempt(form, lambda **data: assignment.invite(round_=round_, by=request.user, **data))
    if status != 200:
        return _question(request, found, status=status, invite_form=form)
    messages.success(request, _("Invited. The reviewer gets a mail."))
    return redirect("review:question", pk=found.pk)


@require_POST
def ask_senior(request: HttpRequest, pk: Any) -> HttpResponse:
    """Ask a senior reviewer to look at a question outside review."""
    found = _readable(request, pk)
    if not request.user.has_perm("review.assign", found):
        raise PermissionDenied
    form = TriageForm(request.POST, people=actions.triage_candidates(found))
    status = attempt(form, lambda **data: actions.ask_senior(question=found, by=request.user, **data))
    if status != 200:
        return _question(request, found, status=status, triage_form=form)
    messages.success(request, _("Asked. The senior reviewer gets a mail and sees the question until it moves on."))
    return redirect("review:question", pk=found.pk)


@require_http_methods(["GET", "POST"])
def act(request: HttpRequest, pk: Any, action: str) -> HttpResponse:
    """One editor's step on a page of its own, with reason and code."""
    found = get_object_or_404(Question.objects.visible_to(request.user).select_related("call"), pk=pk)
    step = editor_steps.STEPS.get(action)
    if step is None:
        raise Http404
    if not request.user.has_perm(f"questions.{action}_question", found):
        raise PermissionDenied
    more = {"user": request.user, "question": found} if step.form is DuplicateForm else {}
    initial = {"original": request.GET.get("original", "")}
    return confirm(
        request,
        form=step.form(request.POST or None, initial=initial, **more),
        act=lambda **data: step.act(question=found, by=request.user, **data),
        done=step.done,
        words={"title": step.title, "body": step.body, "confirm_label": step.title, "danger": step.danger},
        back=_back(request, found),
    )


def _back(request: HttpRequest, found: Question) -> str:
    if request.user.has_perm("review.view_rounds", found):
        return reverse("review:question", args=[found.pk])
    return reverse("review:dashboard")


@require_POST
def confirm_retraction(request: HttpRequest, pk: Any) -> HttpResponse:
    """Confirm a retraction that somebody else proposed."""
    found = _readable(request, pk)
    retraction = get_object_or_404(Retraction, question=found, confirmed_at=None)
    if not request.user.has_perm("questions.retract_question", found):
        raise PermissionDenied
    try:
        actions.confirm_retraction(retraction=retraction, by=request.user)
    except (Refused, InvalidTransition) as error:
        tell(request, error)
    else:
        messages.success(request, _("The question is retracted."))
    return redirect("review:question", pk=found.pk)


@require_http_methods(["GET", "POST"])
def match(request: HttpRequest, pk: int) -> HttpResponse:
    """Say by hand whether a recorded answer reaches the key."""
    solve = get_object_or_404(BlindSolve.objects.select_related("assignment__round__question"), pk=pk)
    found = solve.assignment.round.question
    if not Question.objects.visible_to(request.user).filter(pk=found.pk).exists():
        raise Http404
    if not request.user.has_perm("review.confirm_match", found) or solve.assignment.reviewer_id == request.user.pk:
        raise PermissionDenied
    return confirm(
        request,
        form=MatchForm(request.POST or None),
        act=lambda **data: actions.confirm_match(solve=solve, by=request.user, **data),
        done=_("Noted."),
        words={
            "title": _("Compare an answer with the key"),
            "body": _("Recorded answer: %(answer)s. Key: %(key)s.")
            % {"answer": solve.answer, "key": solve.revision.answer},
            "confirm_label": _("Save"),
        },
        back=_back(request, found),
    )
