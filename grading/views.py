"""The model test, what people may do to it, and the page of those who run it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from grading import checks, disagreements, operations, presenters, quoting, tags, tasks
from grading.enums import CheckStatus
from grading.forms import ContestForm, JudgeForm, KeyForm, ReasonForm, ResolveForm, SubstituteForm
from grading.models import Contest, DifficultyCheck, ModelSpec, Prediction
from hle_site.audit import log
from questions.models import Question
from questions.workflow import InvalidTransition, Refused


def _question(request: HttpRequest, pk: Any, permission: str) -> Question:
    """Return a question that the reader may see, or say 404; then ask the permission, or say 403."""
    visible = Question.objects.visible_to(request.user).select_related("call", "contributor")
    question = get_object_or_404(visible.with_standing(request.user), pk=pk)
    question.note_standing(request.user)
    if not request.user.has_perm(permission, question):
        raise PermissionDenied
    return question


def _prediction(question: Question, pk: Any, **kind: Any) -> Prediction:
    """Return an answer to one of the question's texts; another's does not exist here."""
    hashes = question.revisions.values("tested_hash")
    rows = Prediction.objects.filter(tested_hash__in=hashes, **kind).select_related(
        "model__provider", "revision__image"
    )
    return get_object_or_404(rows, pk=pk)


def _add_errors(form: Any, error: Exception) -> int:
    """Put what an action says beside what was typed, and return the status of the answer."""
    for sentence in error.sentences if isinstance(error, Refused) else [str(error)]:
        form.add_error(None, sentence)
    return 409 if isinstance(error, InvalidTransition) else 400


@require_GET
def check(request: HttpRequest, pk: Any) -> HttpResponse:
    """The model test of a question; asked by the page itself, only the panel, and nothing when nothing changed."""
    question = _question(request, pk, "grading.view_check")
    known = request.headers.get("If-None-Match") if request.htmx else None
    if known and known == tags.newest(question, request.user):
        return HttpResponseNotModified()
    template = "grading/_panel.html" if request.htmx else "grading/check.html"
    panel = presenters.panel_of(question, request.user)
    response = render(request, template, {"question": question, "panel": panel})
    response["ETag"] = panel.etag
    return response


@require_http_methods(["GET", "POST"])
def contest(request: HttpRequest, pk: Any, prediction_pk: Any) -> HttpResponse:
    """Object to the verdict on one answer."""
    question = _question(request, pk, "grading.contest_verdict")
    prediction = _prediction(question, prediction_pk, draw=0)
    form = ContestForm(request.POST or None)
    status = 200
    if form.is_valid():
        try:
            checks.contest(prediction=prediction, question=question, by=request.user, **form.cleaned_data)
        except Refused as error:
            status = _add_errors(form, error)
        else:
            messages.success(
                request, _("Your objection was recorded. An organiser looks at it; you will find the answer here.")
            )
            return redirect("grading:check", pk=question.pk)
    title, action = _("Contest this verdict"), _("Send the objection")
    return _decide(request, question, prediction, form, status, title=title, action=action)


@require_http_methods(["GET", "POST"])
def resolve(request: HttpRequest, pk: Any, contest_pk: Any) -> HttpResponse:
    """Uphold or dismiss a contest."""
    question = _question(request, pk, "grading.resolve_contest")
    found = get_object_or_404(Contest.objects.filter(question=question), pk=contest_pk)
    form = ResolveForm(request.POST or None)
    status = 200
    if form.is_valid():
        try:
            follows = checks.resolve_contest(
                contest=found,
                by=request.user,
                is_upheld=form.cleaned_data["decision"] == "uphold",
                resolution=form.cleaned_data["reason"],
            )
        except (Refused, InvalidTransition) as error:
            status = _add_errors(form, error)
        else:
            messages.success(request, FOLLOWS[follows]())
            may_operate = request.user.has_perm("grading.view_operations")
            return redirect("grading:operations" if may_operate else "grading:disagreements")
    prediction = _prediction(question, found.prediction_id)
    title, action = _("Contest of a verdict"), _("Decide")
    return _decide(request, question, prediction, form, status, title=title, action=action, contest=found)


FOLLOWS = {
    "dismissed": lambda: _("The contest was dismissed. The contributor reads your reason."),
    "recorded": lambda: _("The verdict was changed. It does not change the outcome of the test."),
    "goes_on": lambda: _("Your verdict was recorded, and the test goes on."),
    "passed": lambda: _("The verdict was changed, and the question passes the test now."),
    "no_longer": lambda: _(
        "The verdict was changed, and with it the question would not have passed: its test is out of date now and has to be repeated."
    ),
    "test_again": lambda: _(
        "The verdict was changed. The contributor can start the test again; only missing models are asked."
    ),
}


@require_GET
def disagreements_page(request: HttpRequest) -> HttpResponse:
    """Answers that wait for a person."""
    if not request.user.has_perm("grading.view_disagreements"):
        raise PermissionDenied
    return render(request, "grading/disagreements.html", {"disputes": disagreements.waiting_for(request.user)})


@require_http_methods(["GET", "POST"])
def judge(request: HttpRequest, pk: Any, prediction_pk: Any) -> HttpResponse:
    """Decide a complete answer about which no judge could, or about which judges differ; the read is logged."""
    question = _question(request, pk, "grading.judge_answer")
    prediction = _prediction(question, prediction_pk)
    following = disagreements.next_for(request.user, after=prediction)
    on = following.url if following else reverse("grading:disagreements")
    if not disagreements.needs_a_person(prediction):
        messages.warning(request, _("This answer needs no person any more."))
        return redirect("grading:disagreements")
    form = JudgeForm(request.POST or None)
    status = 200
    if form.is_valid():
        try:
            follows = checks.judge_by_person(
                prediction=prediction, question=question, by=request.user, **form.cleaned_data
            )
        except (Refused, InvalidTransition) as error:
            status = _add_errors(form, error)
        else:
            messages.success(request, FOLLOWS[follows]())
            tasks.hint("")
            return redirect(on)
    log.record("prediction.read", by=request.user, on=prediction)
    title, action = _("Judge an answer"), _("Record the verdict")
    judgements = prediction.judgements.select_related("model__provider").exclude(answered_at=None)
    return _decide(
        request,
        question,
        prediction,
        form,
        status,
        title=title,
        action=action,
        judgements=judgements.order_by("answered_at"),
        following=following,
    )


def _decide(
    request: HttpRequest, question: Question, prediction: Prediction, form: Any, status: int, **context: Any
) -> HttpResponse:
    """The page on which one answer is looked at beside the key."""
    shown = {"reply": quoting.visible(prediction.reply), "revision": prediction.revision}
    values = {"question": question, "prediction": prediction, "form": form, **shown, **context}
    return render(request, "grading/decide.html", values, status=status)


@require_POST
def retry(request: HttpRequest, pk: Any) -> HttpResponse:
    """Ask again what is unscored in a parked check."""
    question = _question(request, pk, "grading.mend_check")
    parked = DifficultyCheck.objects.filter(question=question, status=CheckStatus.PARKED).first()
    if parked and checks.resume(parked, by=request.user):
        tasks.hint(str(parked.pk))
        messages.success(request, _("The models without an answer are asked again. What was scored stands."))
    else:
        messages.warning(request, _("This test is not parked any more."))
    return redirect("grading:operations")


@require_http_methods(["GET", "POST"])
def substitute(request: HttpRequest, pk: Any) -> HttpResponse:
    """Put the panel's substitute in the place of a model that left something unscored in a parked check."""
    question = _question(request, pk, "grading.mend_check")
    parked = DifficultyCheck.objects.select_related("revision", "policy", "question")
    found = parked.filter(question=question, status=CheckStatus.PARKED).first()
    offers = checks.offers(found) if found else []
    if found is None or not offers:
        messages.warning(request, _("There is nothing to replace in this test."))
        return redirect("grading:operations")
    form = SubstituteForm(request.POST or None)
    form.fields["model"].queryset = ModelSpec.objects.filter(pk__in=[model.pk for model, _stand_in in offers])
    status = 200
    if form.is_valid():
        try:
            checks.substitute(check=found, by=request.user, **form.cleaned_data)
        except Refused as error:
            status = _add_errors(form, error)
        else:
            tasks.hint(str(found.pk))
            messages.success(request, _("The substitute is asked for what is missing. What was scored stands."))
            return redirect("grading:operations")
    values = {
        "title": _("Ask a substitute"),
        "body": " ".join(
            _("%(stand_in)s can answer for %(model)s.") % {"stand_in": stand_in.label, "model": model.label}
            for model, stand_in in offers
        ),
        "form": form,
        "confirm_label": _("Ask the substitute"),
        "cancel_url": request.path.removesuffix("substitute/"),
    }
    return render(request, "confirm.html", values, status=status)


@require_POST
def rejudge(request: HttpRequest, pk: Any) -> HttpResponse:
    """Ask the judge once more about the stored answers of a test; verdicts stay."""
    question = _question(request, pk, "grading.judge_answer")
    n = checks.rejudge_check(question=question, by=request.user)
    if n:
        tasks.send(tasks.judge_again)
        messages.success(
            request,
            ngettext(
                "%(n)d answer is put before the judge again. Its verdict stays; if the judge differs, it is listed for a person.",
                "%(n)d answers are put before the judge again. Their verdicts stay; where the judge differs, they are listed for a person.",
                n,
            )
            % {"n": n},
        )
    else:
        messages.warning(request, _("There is no answer here that a judge could be asked about again."))
    return redirect("grading:check", pk=question.pk)


@require_http_methods(["GET", "POST"])
def confirm_key(request: HttpRequest, pk: Any) -> HttpResponse:
    """Let the contributor hold to a key that models agree against, after a second look."""
    question = _question(request, pk, "questions.submit_for_review_question")
    form = KeyForm(request.POST or None)
    status = 200
    if form.is_valid():
        try:
            checks.confirm_key(question=question, by=request.user, reason=form.cleaned_data["reason"])
        except Refused as error:
            status = _add_errors(form, error)
        else:
            messages.success(request, _("Recorded. You can submit the question now."))
            return redirect("grading:check", pk=question.pk)
    values = {
        "title": _("Confirm the key"),
        "body": _(
            "Several models, each on its own, came to one answer that is not your key. That happens with hard questions, and with wrong keys. Work the question out once more before you confirm."
        ),
        "form": form,
        "confirm_label": _("I checked it: the key holds"),
        "cancel_url": request.path.removesuffix("confirm-key/"),
    }
    return render(request, "confirm.html", values, status=status)


@require_http_methods(["GET", "POST"])
def clear_alarm(request: HttpRequest, pk: Any) -> HttpResponse:
    """Record that the key holds although models agree on another answer."""
    question = _question(request, pk, "grading.mend_check")
    form = ReasonForm(request.POST or None)
    status = 200
    if form.is_valid():
        try:
            checks.clear_alarm(question=question, by=request.user, reason=form.cleaned_data["reason"])
        except Refused as error:
            status = _add_errors(form, error)
        else:
            messages.success(request, _("The alarm was cleared; your reason is on record."))
            return redirect("grading:check", pk=question.pk)
    values = {
        "title": _("Clear the key alarm"),
        "body": _("Several models agree on an answer that is not the key. Say how the key was verified."),
        "form": form,
        "confirm_label": _("The key holds"),
        "cancel_url": request.path.removesuffix("clear-alarm/"),
    }
    return render(request, "confirm.html", values, status=status)


@require_GET
def operations_page(request: HttpRequest) -> HttpResponse:
    """Queue, workers, providers, spending, and what waits for a person."""
    if not request.user.has_perm("grading.view_operations"):
        raise PermissionDenied
    board = operations.board(request.user)
    questions = {row.question_id for row in [*board.parked, *board.stuck, *board.contests]}
    mine = Question.objects.visible_to(request.user).filter(pk__in=questions)
    may_act = {question.pk for question in mine if request.user.has_perm("grading.resolve_contest", question)}
    return render(request, "grading/operations.html", {"board": board, "may_act": may_act})
