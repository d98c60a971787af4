"""Pages of reviewers and contributors: dashboard, the review itself, replies and appeals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from questions.models import Question, Revision
from questions.views.finding import add_errors, attempt, sentences
from questions.workflow import InvalidTransition, Refused
from review import actions, assignment, dashboards, panels, presenters, workplace
from review.enums import ACTIVE_ASSIGNMENTS, AssignmentStatus, Audience, RoundKind
from review.forms import (
    AdjudicationForm,
    AppealForm,
    MessageForm,
    OptionalReasonForm,
    ReasonForm,
    ReviewForm,
    SolveForm,
)
from review.models import Assignment, Round


def tell(request: HttpRequest, error: Exception) -> None:
    """Show what an action says on the next page."""
    for sentence in sentences(error):
        messages.error(request, sentence)


@require_GET
def dashboard(request: HttpRequest) -> HttpResponse:
    """The reviewer's lists and the next thing to do."""
    if not request.user.has_perm("review.view_pool"):
        raise PermissionDenied
    board = dashboards.reviewer(request.user, tab=request.GET.get("tab", ""), now=timezone.now())
    return render(request, "review/dashboard.html", {"board": board})


@require_POST
def take(request: HttpRequest, pk: Any) -> HttpResponse:
    """Take a place in a round of the own pool; a round outside it does not exist for the reader."""
    if not request.user.has_perm("review.view_pool"):
        raise PermissionDenied
    round_ = assignment.pool(request.user).filter(pk=pk).first()
    if round_ is None:
        return _take_missed(request, pk)
    try:
        taken = assignment.take(round_=round_, by=request.user)
    except Refused as error:
        tell(request, error)
        return redirect("review:dashboard")
    return redirect("review:work", pk=taken.pk)


def _take_missed(request: HttpRequest, pk: Any) -> HttpResponse:
    mine = Assignment.objects.filter(round=pk, reviewer=request.user).first()
    if mine:
        return redirect("review:work", pk=mine.pk)
    messages.warning(request, _("This place is not free any more. Please choose another question."))
    return redirect("review:dashboard")


def _own(request: HttpRequest, pk: Any, *beside: str) -> Assignment:
    """Return the reader's own assignment; another's does not exist for them."""
    beside = ("round__question", "round__revision__image", "round__revision__rationale_image", *beside)
    found = Assignment.objects.filter(reviewer=request.user).select_related(*beside)
    numbers = Revision.objects.filter(question=OuterRef("round__question")).order_by("-number").values("number")
    mine = get_object_or_404(found.annotate(newest_number=Subquery(numbers[:1])), pk=pk)
    mine.round.revision.question = mine.round.question
    return mine


@require_GET
def work(request: HttpRequest, pk: Any) -> HttpResponse:
    """The review page: question on the left, the step that is next on the right."""
    mine = _own(request, pk, "solve", "review")
    if mine.newest_number == mine.round.revision.number:
        mine.round.question.note_newest(mine.round.revision)
    return _work(request, mine)


def _work(request: HttpRequest, mine: Assignment, *, status: int = 200, **forms: Any) -> HttpResponse:
    question = mine.round.question
    is_readable, _is_denied = question.standing(request.user)
    if mine.status not in ACTIVE_ASSIGNMENTS or not is_readable:
        card = presenters.assignment_card(mine, timezone.now())
        is_invited = mine.status == AssignmentStatus.INVITED
        context = {
            "card": card,
            "assignment_id": mine.pk,
            "is_invited": is_invited,
            "is_returned": not mine.assigned_by_id,
        }
        return render(request, "review/invitation.html", context, status=status)
    if not request.user.has_perm("review.work_on_assignment", mine):
        raise Http404
    return render(request, "review/work.html", workplace.context_for(request.user, mine, **forms), status=status)


def _ready(request: HttpRequest, pk: Any) -> Assignment:
    """Return the own assignment while it still asks something."""
    mine = _own(request, pk)
    if not request.user.has_perm("review.work_on_assignment", mine):
        raise Http404
    return mine


@require_POST
def accept(request: HttpRequest, pk: Any) -> HttpResponse:
    """Accept an invitation."""
    mine = _ready(request, pk)
    try:
        assignment.accept(assignment=mine, by=request.user)
    except Refused as error:
        tell(request, error)
    return redirect("review:work", pk=mine.pk)


@require_POST
def solve(request: HttpRequest, pk: Any) -> HttpResponse:
    """Record the own answer."""
    mine = _ready(request, pk)
    form = SolveForm(request.POST, revision=mine.round.revision)
    status = attempt(form, lambda **data: actions.record_solve(assignment=mine, by=request.user, **data))
    if status != 200:
        return _work(request, mine, status=status, solve_form=form)
    messages.success(request, _("Your answer is recorded. Here is what the contributor and the models say."))
    return redirect(reverse("review:work", args=[mine.pk]) + "#reveal")


@require_POST
def autosave(request: HttpRequest, pk: Any) -> JsonResponse:
    """Save the draft while it is typed; answers JSON."""
    mine = _ready(request, pk)
    form = ReviewForm(request.POST, round_=mine.round)
    form.is_valid()
    try:
        review = actions.save_review(
            assignment=mine, by=request.user, content=form.content(), version=form.cleaned_data.get("version")
        )
    except actions.EditConflict as error:
        return JsonResponse({"detail": str(error), "version": error.review.version}, status=409)
    except Refused as error:
        return JsonResponse({"detail": " ".join(sentences(error))}, status=400)
    return JsonResponse({"saved_at": review.saved_at.isoformat(), "version": review.version})


@require_POST
def submit(request: HttpRequest, pk: Any) -> HttpResponse:
    """Save the review, and hand it in unless only saving was asked for; what was typed is kept in each case."""
    mine = _ready(request, pk)
    wish = request.POST.get("do", "next")
    form = ReviewForm(request.POST, round_=mine.round, is_submission=wish != "save")
    is_complete = form.is_valid()
    try:
        actions.save_review(
            assignment=mine, by=request.user, content=form.content(), version=form.cleaned_data.get("version")
        )
        if is_complete and wish != "save":
            actions.submit_review(assignment=mine, by=request.user)
    except (Refused, InvalidTransition, actions.EditConflict) as error:
        return _work(request, mine, status=add_errors(form, error), review_form=form)
    if not is_complete:
        return _work(request, mine, status=400, review_form=form)
    if wish == "save":
        messages.success(request, _("Saved. You can go on whenever you like."))
        return redirect("review:work", pk=mine.pk)
    messages.success(request, _("Your review is in. Thank you."))
    following = dashboards.next_address(request.user) if wish == "next" else ""
    return redirect(following or reverse("review:work", args=[mine.pk]))


@require_POST
def adjudicate(request: HttpRequest, pk: Any) -> HttpResponse:
    """Settle a disagreement."""
    mine = _ready(request, pk)
    if mine.round.kind != RoundKind.ADJUDICATION:
        raise Http404
    form = AdjudicationForm(request.POST, round_=mine.round)
    status = attempt(form, lambda **data: actions.adjudicate(assignment=mine, by=request.user, **data))
    if status != 200:
        return _work(request, mine, status=status, adjudication_form=form)
    messages.success(request, _("The question goes on as you said. Thank you."))
    return redirect("review:work", pk=mine.pk)


def confirm(
    request: HttpRequest, *, form: Any, act: Callable[..., Any], done: str, words: dict[str, Any], back: str
) -> HttpResponse:
    """Ask before a step on a page of its own, do it on POST, and say what came of it."""
    status = attempt(form, act) if request.method == "POST" else 200
    if request.method == "POST" and status == 200:
        messages.success(request, done)
        return redirect(back)
    return render(request, "confirm.html", words | {"form": form, "cancel_url": back}, status=status)


@require_http_methods(["GET", "POST"])
def decline(request: HttpRequest, pk: Any) -> HttpResponse:
    """Decline an invitation."""
    mine = _ready(request, pk)
    return confirm(
        request,
        form=OptionalReasonForm(request.POST or None),
        act=lambda **data: assignment.decline(assignment=mine, by=request.user, **data),
        done=_("Declined. Somebody else will be asked."),
        words={
            "title": _("Decline the invitation"),
            "body": _("You need not say why. “Not my field” helps us to ask the right people."),
            "confirm_label": _("Decline"),
        },
        back=reverse("review:dashboard"),
    )


@require_http_methods(["GET", "POST"])
def hand_back(request: HttpRequest, pk: Any) -> HttpResponse:
    """Give a place back."""
    mine = _ready(request, pk)
    return confirm(
        request,
        form=OptionalReasonForm(request.POST or None),
        act=lambda **data: assignment.hand_back(assignment=mine, by=request.user, **data),
        done=_("Handed back. Somebody else can take the place now."),
        words={
            "title": _("Hand the question back"),
            "body": _("Your place becomes free for somebody else. You cannot take it again in this round."),
            "confirm_label": _("Hand back"),
            "danger": True,
        },
        back=reverse("review:dashboard"),
    )


@require_http_methods(["GET", "POST"])
def conflict(request: HttpRequest, pk: Any) -> HttpResponse:
    """Declare a conflict of interest with the question."""
    mine = _ready(request, pk)
    return confirm(
        request,
        form=ReasonForm(request.POST or None),
        act=lambda **data: assignment.declare_conflict(assignment=mine, by=request.user, **data),
        done=_("Thank you for saying so. You do not see this question any more."),
        words={
            "title": _("Declare a conflict of interest"),
            "body": _(
                "For example: you know who wrote it, work with them, or have a stake in it. You lose access to the question at once."
            ),
            "confirm_label": _("Declare the conflict"),
            "danger": True,
        },
        back=reverse("review:dashboard"),
    )


@require_POST
def reply(request: HttpRequest, pk: Any) -> HttpResponse:
    """Add a message to a round: by its contributor, its reviewers, or an organiser."""
    readable = Question.objects.visible_to(request.user)
    round_ = get_object_or_404(Round.objects.select_related("question"), pk=pk, question__in=readable.values("pk"))
    form = MessageForm(request.POST)
    is_owner = round_.question.is_owned_by(request.user)
    if form.is_valid():
        audience = Audience.CONTRIBUTOR if is_owner else form.cleaned_data["audience"] or Audience.REVIEWERS
        try:
            actions.comment(round_=round_, by=request.user, audience=audience, text=form.cleaned_data["text"])
        except Refused as error:
            tell(request, error)
        else:
            messages.success(request, _("Your message is there."))
            return redirect(_back(request, round_))
    context = {
        "form": form,
        "title": _("Your message"),
        "confirm_label": _("Send"),
        "cancel_url": _back(request, round_),
    }
    return render(request, "confirm.html", context, status=400)


def _back(request: HttpRequest, round_: Round) -> str:
    wished = request.POST.get("next", "")
    if wished.startswith("/") and url_has_allowed_host_and_scheme(wished, allowed_hosts=None):
        return wished
    return reverse("questions:detail", args=[round_.question_id])


@require_GET
def feedback(request: HttpRequest, pk: Any) -> HttpResponse:
    """What the contributor reads of reviews and decisions, with a reply to each round and the appeal."""
    question = get_object_or_404(Question.objects.visible_to(request.user), pk=pk)
    if not request.user.has_perm("review.view_feedback", question):
        raise PermissionDenied
    context = {
        "handle": question.handle,
        "status": question.status,
        "due_at": question.due_at,
        "said": panels.said(question, request.user),
    }
    return render(request, "review/feedback.html", context)


@require_http_methods(["GET", "POST"])
def appeal(request: HttpRequest, pk: Any) -> HttpResponse:
    """Object to a decision."""
    question = get_object_or_404(Question.objects.visible_to(request.user), pk=pk)
    if not request.user.has_perm("review.file_appeal", question):
        raise PermissionDenied
    return confirm(
        request,
        form=AppealForm(request.POST or None),
        act=lambda **data: actions.file_appeal(question=question, by=request.user, **data),
        done=_("Your appeal is with the organisers. You get a notice when it is answered."),
        words={
            "title": _("Appeal against the decision on %(handle)s") % {"handle": question.handle},
            "confirm_label": _("Send the appeal"),
        },
        back=reverse("questions:detail", args=[question.pk]),
    )
