"""The life of a check without models: opening, waves, cancelling, parking, people's verdicts, contests, alarms."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from grading import checks, evidence, readiness
from grading.enums import CheckStatus, DecidedBy, OutcomeKind, PredictionState, Verdict
from grading.models import Contest, DifficultyCheck, Prediction
from hle_site import pipeline
from hle_site.audit.models import AuditEvent
from hle_site.notifications.models import Notice
from questions import actions, guards
from questions.enums import Status
from questions.models import Question, StatusChange
from questions.workflow import Refused
from tests import factories

pytestmark = pytest.mark.django_db


def answer(question: Question, *names: str, verdict: str = Verdict.INCORRECT, text: str = "") -> None:
    """Store what models said, as the engine would."""
    rows = Prediction.objects.filter(tested_hash=question.newest.tested_hash, model__name__in=names)
    for row in rows:
        row.state, row.outcome, row.verdict = PredictionState.SETTLED, OutcomeKind.ANSWER, verdict
        row.answer, row.decided_by, row.tries = text or row.model.name, DecidedBy.MATCHER, 1
        row.save()


def fail(question: Question, name: str, outcome: str, detail: str = "") -> None:
    """Store that a model did not answer."""
    Prediction.objects.filter(tested_hash=question.newest.tested_hash, model__name=name).update(
        state=PredictionState.UNSCORED,
        verdict=Verdict.UNSCORED,
        decided_by="",
        outcome=outcome,
        outcome_detail=detail,
        tries=1,
    )


FIRST = ("simulated-small", "simulated-medium")
SECOND = ("simulated-large", "simulated-vision")
THIRD = ("simulated-swift", "simulated-deep")


def test_open_check_plans_the_first_wave_once(contributor: Any) -> None:
    question = factories.make_checking(by=contributor)
    change = StatusChange.objects.get(question=question)

    again = checks.open_check(question=question, revision=change.revision, by=contributor)

    assert DifficultyCheck.objects.get() == again
    assert (again.status, again.wave) == (CheckStatus.QUEUED, 1)
    assert tuple(Prediction.objects.values_list("model__name", flat=True)) == FIRST
    assert Prediction.objects.values("option_seed").distinct().count() == 2


def test_waves_follow_while_the_question_is_alive(contributor: Any) -> None:
    question = factories.make_checking(by=contributor)
    check = question.checks.get()
    seen = []

    for names in (FIRST, SECOND, THIRD):
        answer(question, *names)
        checks.settle(check)
        seen.append(Prediction.objects.count())

    assert seen == [4, 6, 6]
    check.refresh_from_db()
    assert (check.status, check.outcome_reason) == (CheckStatus.PASSED, "0 of 6 models answered correctly.")
    assert Question.objects.get().status == Status.ELIGIBLE
    assert checks.settle(check) is False


def test_one_unscored_model_lets_nothing_pass(contributor: Any) -> None:
    question = factories.make_checking(by=contributor)
    check = question.checks.get()
    fail(question, "simulated-small", OutcomeKind.TRANSIENT)
    answer(question, "simulated-medium")
    for names in (SECOND, THIRD):
        checks.settle(check)
        answer(question, *names)

    checks.settle(check)

    check.refresh_from_db()
    assert (check.status, check.parked_times) == (CheckStatus.PARKED, 1)
    assert check.parked_reason == "simulated-small: Provider not reachable. Not counted."
    assert check.due_at is not None
    assert Question.objects.get().status == Status.CHECKING


@pytest.mark.parametrize("outcome", sorted(set(OutcomeKind) - checks.PASSING_KINDS - {OutcomeKind.ANSWER}))
def test_what_does_not_pass_by_itself_waits_for_a_person(contributor: Any, outcome: str) -> None:
    question = factories.make_checking(by=contributor)
    check = question.checks.get()
    for names in (FIRST, SECOND, THIRD):
        answer(question, *names)
        fail(question, "simulated-small", outcome)
        checks.settle(check)

    check.refresh_from_db()

    assert (check.status, check.due_at) == (CheckStatus.PARKED, None)
    notices = Notice.objects.filter(recipient=contributor, kind="check_parked")
    assert [notice.path for notice in notices] == [reverse("grading:check", args=[question.pk])]


def test_automatic_retries_end(contributor: Any, settings: Any) -> None:
    settings.PARK_RETRY_S = [0.0, 0.0]
    question = factories.make_checking(by=contributor)
    check = question.checks.get()
    for names in (FIRST, SECOND, THIRD):
        answer(question, *names)
        fail(question, "simulated-small", OutcomeKind.THROTTLED)
        checks.settle(check)
    dues = []

    for _turn in range(3):
        check.refresh_from_db()
        dues.append(check.due_at is not None)
        checks.sweep()
        fail(question, "simulated-small", OutcomeKind.THROTTLED)
        checks.settle(check)

    assert dues == [True, True, False]


def test_cancelled_check_marks_what_was_not_asked(contributor: Any) -> None:
    question = factories.make_checking(by=contributor)
    answer(question, "simulated-small")

    actions.cancel_check(question=question, by=contributor)
    pipeline.sweep()

    assert DifficultyCheck.objects.get().status == CheckStatus.CANCELLED
    assert dict(Prediction.objects.values_list("model__name", "state")) == {
        "simulated-small": PredictionState.SETTLED,
        "simulated-medium": PredictionState.SKIPPED,
    }


def test_same_text_again_keeps_what_was_scored(contributor: Any) -> None:
    question = factories.make_checking(by=contributor)
    answer(question, "simulated-small")
    actions.cancel_check(question=question, by=contributor)
    pipeline.sweep()

    actions.start_check(question=question, by=contributor, terms_version="1")
    pipeline.sweep()

    assert dict(Prediction.objects.values_list("model__name", "state")) == {
        "simulated-small": PredictionState.SETTLED,
        "simulated-medium": PredictionState.WAITING,
    }


def test_late_reaction_to_a_cancelled_start_asks_nobody(contributor: Any) -> None:
    question = factories.make_draft(by=contributor)
    actions.start_check(question=question, by=contributor, terms_version="1")
    actions.cancel_check(question=question, by=contributor)

    pipeline.sweep()

    assert DifficultyCheck.objects.get().status == CheckStatus.CANCELLED
    assert Prediction.objects.count() == 0


def test_withdrawn_question_gets_no_verdict(contributor: Any) -> None:
    question = factories.make_checking(by=contributor)
    check = question.checks.get()
    answer(question, "simulated-small", verdict=Verdict.CORRECT)
    answer(question, "simulated-medium")
    actions.withdraw(question=question, by=contributor)

    checks.settle(check)

    check.refresh_from_db()
    assert check.status == CheckStatus.CANCELLED
    assert Question.objects.get().status == Status.WITHDRAWN


def parked_for_a_person(contributor: Any) -> tuple[Question, DifficultyCheck, Prediction]:
    question = factories.make_checking(by=contributor)
    check = question.checks.get()
    for names in (FIRST, SECOND, THIRD):
        answer(question, *names)
        fail(question, "simulated-small", OutcomeKind.ANSWER, "judge: unparsed")
        checks.settle(check)
    check.refresh_from_db()
    return question, check, Prediction.objects.get(model__name="simulated-small")


def test_person_judges_a_complete_answer(
    contributor: Any, organiser: Any, django_capture_on_commit_callbacks: Any
) -> None:
    question, check, row = parked_for_a_person(contributor)

    with django_capture_on_commit_callbacks(execute=True):
        checks.judge_by_person(
            prediction=row, question=question, by=organiser, verdict="incorrect", reason="Another author."
        )

    row.refresh_from_db()
    check.refresh_from_db()
    assert (row.verdict, row.decided_by, row.decided_person) == (Verdict.INCORRECT, DecidedBy.PERSON, organiser)
    assert check.status == CheckStatus.PASSED
    assert AuditEvent.objects.filter(action="prediction.judge", actor_id=organiser.pk).count() == 1


@pytest.mark.parametrize("outcome", [OutcomeKind.REFUSED, OutcomeKind.TRUNCATED, OutcomeKind.AMBIGUOUS])
def test_nobody_may_call_an_unscored_answer_incorrect(contributor: Any, organiser: Any, outcome: str) -> None:
    question, _check, row = parked_for_a_person(contributor)
    fail(question, "simulated-small", outcome)

    with pytest.raises(Refused):
        checks.judge_by_person(
            prediction=row, question=question, by=organiser, verdict="incorrect", reason="It surely is."
        )

    row.refresh_from_db()
    assert row.verdict == Verdict.UNSCORED


def test_owner_may_not_judge_or_resume(contributor: Any) -> None:
    question, check, row = parked_for_a_person(contributor)

    with pytest.raises(PermissionDenied):
        checks.judge_by_person(prediction=row, question=question, by=contributor, verdict="incorrect", reason="x" * 20)
    with pytest.raises(PermissionDenied):
        checks.resume(check, by=contributor)


def test_upheld_contest_lets_a_complete_panel_pass(contributor: Any, organiser: Any) -> None:
    question = factories.make_checking(by=contributor)
    factories.settle_check(question, verdicts=("correct",) + ("incorrect",) * 5)
    question = Question.objects.get(pk=question.pk)
    row = Prediction.objects.get(verdict=Verdict.CORRECT)
    contest = checks.contest(prediction=row, question=question, by=contributor, reason="The unit is another one.")

    follows = checks.resolve_contest(contest=contest, by=organiser, is_upheld=True, resolution="The unit differs.")

    assert follows == "passed"
    assert Question.objects.get().status == Status.ELIGIBLE
    row.refresh_from_db()
    assert (row.verdict, row.decided_by, row.verdict_reason) == (
        Verdict.INCORRECT,
        DecidedBy.PERSON,
        "The unit differs.",
    )
    assert evidence.stands(question, question.newest)


def test_upheld_contest_with_waves_missing_asks_for_a_new_start(contributor: Any, organiser: Any) -> None:
    question = factories.make_too_easy(by=contributor)
    row = Prediction.objects.get(verdict=Verdict.CORRECT)
    contest = checks.contest(prediction=row, question=question, by=contributor, reason="The unit is another one.")

    follows = checks.resolve_contest(contest=contest, by=organiser, is_upheld=True, resolution="The unit differs.")
    actions.revise(question=question, by=contributor)
    actions.start_check(question=question, by=contributor, terms_version="1")
    pipeline.sweep()
    checks.sweep()

    assert follows == "test_again"
    assert question.checks.live().get().wave == 2
    assert list(Prediction.objects.filter(state=PredictionState.WAITING).values_list("model__name", flat=True)) == list(
        SECOND
    )


def test_dismissed_contest_changes_nothing_and_is_decided_once(contributor: Any, organiser: Any) -> None:
    question = factories.make_too_easy(by=contributor)
    row = Prediction.objects.get(verdict=Verdict.CORRECT)
    contest = checks.contest(prediction=row, question=question, by=contributor, reason="The unit is another one.")

    checks.resolve_contest(contest=contest, by=organiser, is_upheld=False, resolution="It is the key.")

    with pytest.raises(Refused):
        checks.resolve_contest(contest=contest, by=organiser, is_upheld=True, resolution="Or not.")
    with pytest.raises(Refused):
        checks.contest(prediction=row, question=question, by=contributor, reason="The unit is another one.")
    row.refresh_from_db()
    assert row.verdict == Verdict.CORRECT
    assert Contest.objects.get().is_upheld is False


def test_contributor_confirms_a_doubted_key_before_the_submission(contributor: Any) -> None:
    question = factories.make_checking(by=contributor)
    factories.settle_check(question, answer="191")
    question = Question.objects.get(pk=question.pk)
    submit = {"question": question, "by": contributor, "licence_version": question.call.data_licence.version}

    with pytest.raises(Refused) as refused:
        actions.submit_for_review(**submit)
    with pytest.raises(Refused):
        checks.confirm_key(question=question, by=contributor, reason="Sure.")
    with pytest.raises(PermissionDenied):
        checks.confirm_key(question=question, by=factories.make_user("stranger"), reason="Worked out by hand again.")
    checks.confirm_key(question=question, by=contributor, reason="Worked out by hand again.")
    actions.submit_for_review(**submit)

    assert [sentence[:40] for sentence in refused.value.sentences] == ["Several models agree on an answer that i"]
    assert Question.objects.get().status == Status.IN_REVIEW
    assert evidence.has_key_alarm(question)
    assert AuditEvent.objects.filter(action="key.confirm").count() == 1


def test_key_that_nobody_doubts_needs_no_confirmation(contributor: Any) -> None:
    question = factories.make_eligible(by=contributor)

    assert list(readiness.key_confirmed(question, contributor)) == []


def test_agreement_against_the_key_raises_an_alarm_until_cleared(contributor: Any, organiser: Any) -> None:
    question = factories.make_checking(by=contributor)
    factories.settle_check(question, answer="191")
    question = Question.objects.get(pk=question.pk)

    before = list(readiness.no_key_alarm(question, organiser))
    checks.clear_alarm(question=question, by=organiser, reason="Worked out twice by hand.")

    assert evidence.key_alarm(question.newest).answer == "191"
    assert [sentence[:34] for sentence in before] == ["Several models agree on an answer "]
    assert list(readiness.no_key_alarm(question, organiser)) == []
    assert readiness.no_key_alarm in guards._guards["approve"]


def test_evidence_of_a_passed_check(contributor: Any) -> None:
    question = factories.make_eligible(by=contributor)

    found = guards.evidence([question.newest])[question.newest.pk]

    assert {
        name: found[name] for name in ("check_stands", "is_simulated", "n_models", "n_correct", "tries", "panel")
    } == {
        "check_stands": True,
        "is_simulated": True,
        "n_models": 6,
        "n_correct": 0,
        "tries": 1,
        "panel": "simulated-v1",
    }
