"""What grading adds to the stage before: the checks that stand between a contributor and a call, a submission, an approval."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from grading import budget, evidence, presenters, spending
from grading.models import CallPanel, DifficultyCheck
from questions import guards, panels
from questions.enums import Action
from questions.models import Question


def allowance_left(question: Question, _user: Any) -> Iterable[str]:
    """Refuse more tests in a day than the allowance; imports are exempt."""
    if question.batch_id:
        return
    budget.hold_allowance(question.contributor)
    allowance = budget.allowance(question.contributor)
    if not allowance.left:
        yield _("You have used all %(total)d tests of today. The next ones open on %(when)s.") % {
            "total": allowance.total,
            "when": allowance.renews_at.strftime("%Y-%m-%d %H:%M UTC"),
        }


def panel_ready(question: Question, _user: Any) -> Iterable[str]:
    """Refuse a test without models for this kind of question, and one that nobody pays for."""
    choice = CallPanel.objects.filter(call=question.call).select_related("panel__judge__provider").first()
    if choice is None:
        yield _("This call has no panel of models yet, so nothing can be tested. Please tell the organisers.")
        return
    kind = {"for_images": True} if question.newest.image_id else {"for_text": True}
    if not choice.panel.members.filter(**kind).exists():
        yield _("No model of the panel answers this kind of question. Please tell the organisers.")
    if budget.is_paid(choice.panel) and not spending.payable_providers():
        yield _("The site's budget for models is used up or not set, so no test can start now. Your draft is kept.")


def tries_left(question: Question, _user: Any) -> Iterable[str]:
    """Refuse to test ever new variants of one question."""
    if question.batch_id:
        return
    if budget.tries_used(question, apart_from=question.newest.tested_hash) >= settings.TRIES_PER_FAMILY:
        yield _(
            "%(n)d versions of this question were tested already, which is the limit. Tests that ended without a verdict were not counted."
        ) % {"n": settings.TRIES_PER_FAMILY}


def no_live_check(question: Question, _user: Any) -> Iterable[str]:
    """Refuse a second test beside a running one."""
    if DifficultyCheck.objects.live().filter(question=question, question__status="checking").exists():
        yield _("A test of this question is running already.")


def check_stands(question: Question, _user: Any) -> Iterable[str]:
    """Refuse to go on with a text that no check let through."""
    if not evidence.stands(question, question.newest):
        yield _("This exact text has not passed the test against the models. Start the test first.")


def no_key_alarm(question: Question, _user: Any) -> Iterable[str]:
    """Refuse to approve while models agree on an answer other than the key."""
    if evidence.has_key_alarm(question):
        yield _(
            "Several models agree on an answer that is not the key. An organiser must first look at it and clear the alarm with a reason."
        )


def key_confirmed(question: Question, _user: Any) -> Iterable[str]:
    """Refuse to submit a text whose key models agree against, until its contributor has looked at the key once more."""
    if evidence.has_key_alarm(question) and evidence.confirmed_key(question) is None:
        yield _(
            "Several models agree on an answer that is not your key. Check the key once more, then confirm it on the page of the model test, or revise the question."
        )


def check_panel(question: Question, user: Any) -> panels.Panel | None:
    """Show the model test on the page of its question, to those who may see it."""
    if not user.has_perm("grading.view_check", question):
        return None
    content = presenters.panel_of(question, user)
    return panels.Panel("model-test", _("Model test"), "grading/_panel.html", content, "css/pages/grading.css")


def register() -> None:
    """Fill the registries."""
    for guard in (panel_ready, allowance_left, tries_left, no_live_check):
        guards.register(Action.START_CHECK)(guard)
    guards.register(Action.KEEP_CHECK, Action.SUBMIT_FOR_REVIEW)(check_stands)
    guards.register(Action.SUBMIT_FOR_REVIEW)(key_confirmed)
    guards.register(Action.APPROVE)(no_key_alarm)
    guards.register_evidence(evidence.of_checks)
    panels.register(10, check_panel)
