"""People and questions for tests, made by the real actions; only models' answers are written as rows."""

import itertools
from typing import Any

from allauth.account.models import EmailAddress
from django.utils import timezone

from grading.enums import CheckStatus, DecidedBy, OutcomeKind, PredictionState, Verdict
from grading.models import DifficultyCheck, Prediction
from hle_site import pipeline
from hle_site.accounts import actions as account_actions
from hle_site.accounts.models import User
from questions import actions, workflow
from questions.enums import Action, Status
from questions.models import Call, Question

_numbers = itertools.count(1)

CONTENT = {
    "prompt": "What is the smallest positive integer with exactly $14$ divisors, written in base ten?",
    "answer_type": "exactMatch",
    "options": [],
    "answer": "192",
    "category": "Math",
    "raw_subject": "Number theory",
    "language": "en",
    "rationale": "An integer with 14 divisors is p^13 or p^6 q. The smallest of the second kind is 2^6 * 3 = 192.",
    "sources": "Any textbook on elementary number theory.",
    "ai_use_note": "None.",
}


def make_user(name: str, *roles: str, institution: str = "", subjects: tuple[str, ...] = ("Math",)) -> Any:
    """Create a verified account with roles."""
    email = f"{name.lower().replace(' ', '.')}.{next(_numbers)}@example.org"
    user = User.objects.create_user(email, "correct horse battery", name=name.title(), subjects=list(subjects))
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    for role in roles:
        account_actions.grant_role(user=user, role=role, by=None, reason="test")
    if institution:
        account_actions.set_institution(user=user, institution=institution)
    return User.objects.get(pk=user.pk)


def default_call() -> Any:
    """Return the call that every site starts with."""
    return Call.objects.get(is_default=True)


def make_draft(*, by: Any, **content: Any) -> Question:
    """Create a draft."""
    return actions.create(call=default_call(), by=by, content=CONTENT | content)


def make_checking(*, by: Any, **content: Any) -> Question:
    """Create a question and start its check; no worker runs."""
    question = make_draft(by=by, **content)
    actions.start_check(question=question, by=by, terms_version=question.call.contributor_terms.version)
    pipeline.sweep()
    return Question.objects.get(pk=question.pk)


def settle_check(
    question: Question, *, verdicts: tuple[str, ...] = ("incorrect",) * 6, answer: str = ""
) -> DifficultyCheck:
    """Write the models' answers as if the panel had given them, and end the check accordingly.

    Wrong answers differ from model to model, so that nobody suspects the key, unless `answer` is given.
    """
    revision = question.newest
    choice = question.call.panel_choice
    check = question.checks.live().first() or DifficultyCheck.objects.create(
        question=question,
        revision=revision,
        tested_hash=revision.tested_hash,
        panel=choice.panel,
        policy=choice.policy,
        prompt_version="test",
        matcher_version="test",
        judge_version="test",
        is_simulated=True,
        requested_by=question.contributor,
    )
    members = choice.panel.members.select_related("model")
    for member, verdict in zip(members, verdicts, strict=False):
        scored = verdict != Verdict.UNSCORED
        given = revision.answer if verdict == Verdict.CORRECT else answer or str(7 + member.position)
        Prediction.objects.update_or_create(
            tested_hash=revision.tested_hash,
            panel=choice.panel,
            model=member.model,
            draw=0,
            defaults={
                "revision": revision,
                "wave": member.wave,
                "position": member.position,
                "state": PredictionState.SETTLED if scored else PredictionState.UNSCORED,
                "outcome": OutcomeKind.ANSWER if scored else OutcomeKind.TRANSIENT,
                "answer": given,
                "reply": f"Explanation: test\nAnswer: {given}",
                "verdict": verdict,
                "decided_by": DecidedBy.MATCHER if scored else "",
                "rule": "test",
                "answered_at": timezone.now(),
            },
        )
    passed = Verdict.CORRECT not in verdicts
    check.status = CheckStatus.PASSED if passed else CheckStatus.FAILED
    check.settled_at = timezone.now()
    check.save()
    workflow.advance(question, Action.PASS_CHECK if passed else Action.FAIL_CHECK, by=None)
    pipeline.sweep()
    return check


def make_eligible(*, by: Any, **content: Any) -> Question:
    """Create a question that no model could answer."""
    question = make_checking(by=by, **content)
    settle_check(question)
    return Question.objects.get(pk=question.pk)


def make_too_easy(*, by: Any, **content: Any) -> Question:
    """Create a question that the first model answered."""
    question = make_checking(by=by, **content)
    settle_check(question, verdicts=("correct", "incorrect"))
    return Question.objects.get(pk=question.pk)


def make_in_review(*, by: Any, **content: Any) -> Question:
    """Create a question with its first round open."""
    question = make_eligible(by=by, **content)
    actions.submit_for_review(question=question, by=by, licence_version=question.call.data_licence.version)
    pipeline.sweep()
    question = Question.objects.get(pk=question.pk)
    assert question.status == Status.IN_REVIEW
    return question
