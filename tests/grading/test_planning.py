"""Whom a check asks: its stored plan, checks of everybody, further draws that nobody sees, substitutes, the learnt order."""

import random
import re
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.urls import reverse

from grading import checks, evidence, presenters
from grading.checks import learning
from grading.engine.held import call_spec
from grading.enums import CheckStatus, DecidedBy, LedgerState, OutcomeKind, PredictionState, Verdict
from grading.models import DifficultyCheck, Ledger, ModelSpec, PanelMember, Policy, Prediction, Provider, WaveOrder
from hle_site import pipeline
from hle_site.audit.models import AuditEvent
from questions import actions
from questions.enums import Status
from questions.models import Question
from questions.workflow import Refused
from tests import factories

pytestmark = pytest.mark.django_db

SignIn = Callable[[Any], Client]

CHOICE = {
    "answer_type": "multipleChoice",
    "prompt": "Which of these five numbers has exactly one hundred and ninety-two divisors?",
    "options": ["one", "two", "three", "four", "five"],
    "answer": "A",
}
OTHERS = {
    Verdict.CORRECT: {"verdict": Verdict.CORRECT, "decided_by": DecidedBy.MATCHER, "outcome": OutcomeKind.ANSWER},
    Verdict.INCORRECT: {"verdict": Verdict.INCORRECT, "decided_by": DecidedBy.MATCHER, "outcome": OutcomeKind.ANSWER},
    Verdict.UNSCORED: {"verdict": Verdict.UNSCORED, "decided_by": "", "outcome": OutcomeKind.REFUSED},
}


def score(check: DifficultyCheck, verdict: str = Verdict.INCORRECT, **which: Any) -> int:
    """Store that every waiting row of this kind came to a verdict, as the engine would, and return how many there were."""
    state = PredictionState.UNSCORED if verdict == Verdict.UNSCORED else PredictionState.SETTLED
    rows = Prediction.objects.filter(tested_hash=check.tested_hash, state=PredictionState.WAITING, **which)
    return rows.update(state=state, answer="x", tries=1, **OTHERS[Verdict(verdict)])


def run(check: DifficultyCheck, *right: tuple[str, int]) -> DifficultyCheck:
    """Let the models answer until nobody is asked any more: rightly those named with a draw, wrongly all others."""
    while Prediction.objects.filter(tested_hash=check.tested_hash, state=PredictionState.WAITING).exists():
        for name, draw in right:
            score(check, Verdict.CORRECT, model__name=name, draw=draw)
        score(check)
        checks.settle(check)
    return DifficultyCheck.objects.select_related("revision", "policy", "question").get(pk=check.pk)


def asked(check: DifficultyCheck, draw: int = 0) -> list[str]:
    """The models that were asked in a draw, in the order of the plan."""
    rows = Prediction.objects.filter(tested_hash=check.tested_hash, draw=draw).order_by("wave", "position")
    return [row.model.name.removeprefix("simulated-") for row in rows.select_related("model")]


def start(by: Any, **content: Any) -> DifficultyCheck:
    return factories.make_checking(by=by, **content).checks.get()


# --- the plan ---


def test_check_keeps_the_plan_with_which_it_was_started(contributor: Any) -> None:
    check = start(contributor)
    WaveOrder.objects.update(waves=[[pk for wave in check.plan for pk in wave]])

    done = run(check)

    names = [[ModelSpec.objects.get(pk=pk).name for pk in wave] for wave in check.plan]
    assert [len(wave) for wave in names] == [2, 2, 2]
    assert sorted(Prediction.objects.values_list("model__name", "wave", "position")) == sorted(
        (name, number, 2 * (number - 1) + place)
        for number, wave in enumerate(names, start=1)
        for place, name in enumerate(wave)
    )
    assert (done.status, done.wave) == (CheckStatus.PASSED, 3)


def test_check_without_a_plan_asks_as_the_panel_says(contributor: Any) -> None:
    check = start(contributor)
    DifficultyCheck.objects.update(plan=[])

    done = run(check)

    assert (done.status, asked(done)) == (
        CheckStatus.PASSED,
        ["small", "medium", "large", "vision", "swift", "deep"],
    )


def test_picture_is_planned_for_the_models_that_take_one(contributor: Any) -> None:
    check = start(contributor)
    revision = check.revision
    revision.image_id = 1

    assert [seat.model.name for seat in checks.seats_of(DifficultyCheck(panel=check.panel, revision=revision))] == [
        "simulated-small",
        "simulated-medium",
        "simulated-large",
        "simulated-vision",
    ]


# --- checks of everybody ---


@pytest.fixture
def paid(db: None, settings: Any) -> None:
    """The panel as if it cost something, and every check asking everybody."""
    settings.DAILY_BUDGET_USD = 1_000.0
    Provider.objects.update(is_simulated=False)
    Policy.objects.update(run_all_percent=100)


def test_check_of_everybody_is_decided_at_once_and_goes_on_asking(contributor: Any, paid: None) -> None:
    check = start(contributor)
    assert (check.is_run_all, len(asked(check)), check.wave) == (True, 6, 3)
    score(check, Verdict.CORRECT, model__name="simulated-deep")

    checks.settle(check)

    check.refresh_from_db()
    assert (check.status, check.outcome_reason) == (
        CheckStatus.FAILED,
        "1 of 1 model answered correctly. The other 5 are asked for the statistics.",
    )
    assert Question.objects.get().status == Status.TOO_EASY
    assert Prediction.objects.filter(state=PredictionState.WAITING).count() == 5
    panel = presenters.panel_of(Question.objects.get(), contributor)
    notes = [card.note for wave in panel.waves for card in wave.cards]
    assert notes.count("Asked for the statistics. Its answer changes nothing here.") == 5


def test_check_of_everybody_passes_only_with_everybody(contributor: Any, paid: None) -> None:
    check = start(contributor)
    score(check, model__name="simulated-deep")

    assert checks.settle(check) is False
    assert run(check).status == CheckStatus.PASSED


def test_stopped_check_of_everybody_asks_no_more(contributor: Any, paid: None) -> None:
    check = start(contributor)

    actions.cancel_check(question=check.question, by=contributor)
    pipeline.sweep()

    assert set(Prediction.objects.values_list("state", flat=True)) == {PredictionState.SKIPPED}


def test_simulated_panel_teaches_nothing_and_is_not_asked_whole(contributor: Any) -> None:
    Policy.objects.update(run_all_percent=100)

    assert (start(contributor).is_run_all, Prediction.objects.count()) == (False, 2)


# --- further draws ---


def test_choice_passes_after_two_further_draws_with_options_shuffled_anew(contributor: Any) -> None:
    check = start(contributor, **CHOICE)

    done = run(check, ("simulated-small", 0), ("simulated-small", 1), ("simulated-large", 2))

    assert (done.status, done.wave, done.confirmation_rounds) == (CheckStatus.PASSED, 3, 2)
    assert [len(asked(done, draw)) for draw in range(4)] == [6, 6, 6, 0]
    assert Prediction.objects.values("option_seed").distinct().count() == 18


def test_choice_fails_as_soon_as_the_further_draws_are_at_chance(contributor: Any) -> None:
    check = start(contributor, **CHOICE)

    done = run(check, *[(f"simulated-{name}", 1) for name in ("small", "large", "deep")])

    assert (done.status, done.outcome_reason) == (
        CheckStatus.FAILED,
        "0 of 6 models answered correctly. Asked again, they were right too often.",
    )
    assert [len(asked(done, draw)) for draw in range(3)] == [6, 6, 0]


def test_exact_match_is_confirmed_from_the_second_try_on(contributor: Any) -> None:
    first = start(contributor)
    run(first, ("simulated-small", 0))
    question = Question.objects.get()
    actions.revise(question=question, by=contributor)
    actions.save(question=question, by=contributor, content={"prompt": "How many divisors has another number?"})
    actions.start_check(question=question, by=contributor, terms_version="1")
    pipeline.sweep()

    second = question.checks.live().get()
    done = run(second, ("simulated-deep", 2))

    assert (first.confirmation_rounds, second.confirmation_rounds) == (0, 2)
    assert (done.status, [len(asked(done, draw)) for draw in range(3)]) == (CheckStatus.PASSED, [6, 6, 6])


@pytest.mark.parametrize(("draw", "temperature"), [(0, 0.0), (1, None), (2, None)])
def test_further_draws_are_not_pinned_to_the_first_answer(draw: int, temperature: float | None) -> None:
    model = ModelSpec(name="simulated-small", takes_temperature=True)

    assert call_spec(model, [], tokens=1, request_id=uuid.uuid4(), draw=draw).temperature == temperature


def test_unscored_further_draw_parks_the_check_and_is_asked_alone_again(contributor: Any, organiser: Any) -> None:
    check = start(contributor, **CHOICE)
    for _wave in range(3):
        score(check)
        checks.settle(check)
    score(check, Verdict.UNSCORED, model__name="simulated-deep")
    run(check)
    check.refresh_from_db()
    assert (check.status, check.parked_reason) == (
        CheckStatus.PARKED,
        "simulated-deep: Declined on policy grounds. Not counted.",
    )

    checks.resume(check, by=organiser)

    assert list(Prediction.objects.filter(state=PredictionState.WAITING).values_list("model__name", "draw")) == [
        ("simulated-deep", 1)
    ]
    assert run(check).status == CheckStatus.PASSED


def test_person_is_led_to_a_further_answer_that_needs_a_judge(contributor: Any, organiser: Any) -> None:
    check = start(contributor, **CHOICE)
    for _wave in range(3):
        score(check)
        checks.settle(check)
    score(check, Verdict.UNSCORED, model__name="simulated-deep")
    run(check)
    row = Prediction.objects.get(state=PredictionState.UNSCORED)
    Prediction.objects.filter(pk=row.pk).update(outcome=OutcomeKind.ANSWER, outcome_detail="judge: unparsed")
    question = Question.objects.get()

    found = presenters.panel_of(question, organiser).to_judge

    assert found == [("simulated-deep", reverse("grading:judge", args=[question.pk, row.pk]))]
    assert presenters.panel_of(question, contributor).to_judge == []


def test_release_learns_of_tries_and_confirmation(contributor: Any) -> None:
    done = run(start(contributor, **CHOICE), ("simulated-small", 0), ("simulated-deep", 1), ("simulated-deep", 2))

    found = evidence.of_checks([done.revision])[done.revision_id]

    wanted = ("n_models", "n_correct", "confirmation_rounds", "confirmation_answers", "confirmation_correct", "tries")
    assert [found[name] for name in wanted] == [6, 1, 2, 12, 2, 1]


# --- what the contributor sees of it ---


ONCE_ONLY = re.compile(r'(csrfmiddlewaretoken" value=|"X-CSRFToken": )"[^"]*"')


def view_of(client: Client, question: Question) -> list[str]:
    """All that the contributor's channels say of the check, ids and times aside."""
    said = []
    for url in (
        reverse("grading:check", args=[question.pk]),
        reverse("questions:detail", args=[question.pk]),
        reverse("questions:history", args=[question.pk]),
        f"/api/v1/questions/{question.pk}/check/",
        f"/api/v1/questions/{question.pk}/predictions/",
    ):
        answer = client.get(url)
        assert answer.status_code == 200, url
        said.append(ONCE_ONLY.sub("", answer.content.decode()))
    return said


@pytest.mark.parametrize("ends", [False, True])
def test_contributor_cannot_tell_what_further_draws_said(client_of: SignIn, contributor: Any, ends: bool) -> None:
    check = start(contributor, **CHOICE)
    for _wave in range(4 if not ends else 5):
        score(check)
        checks.settle(check)
    check.refresh_from_db()
    assert check.status == (CheckStatus.PASSED if ends else CheckStatus.QUEUED)
    question = Question.objects.get()
    said = {}

    for verdict in (Verdict.CORRECT, Verdict.INCORRECT):
        Prediction.objects.filter(draw=1, model__name="simulated-small").update(verdict=verdict, answer="cnry")
        said[verdict] = view_of(client_of(contributor), question)

    assert Prediction.objects.filter(draw=1).exclude(verdict=Verdict.UNSCORED).count() == 6
    assert said[Verdict.CORRECT] == said[Verdict.INCORRECT]
    assert not any("cnry" in text for text in said[Verdict.CORRECT])


def test_further_draws_open_to_the_contributor_with_the_decision(contributor: Any, organiser: Any) -> None:
    run(start(contributor, **CHOICE), ("simulated-deep", 1))
    question = Question.objects.get()

    before = presenters.panel_of(question, contributor).confirmation
    for_organiser = presenters.panel_of(question, organiser).confirmation
    Question.objects.update(status=Status.APPROVED)
    after = presenters.panel_of(Question.objects.get(), contributor).confirmation

    assert before is None
    assert (for_organiser.n_correct, for_organiser.n_answers) == (1, 12)
    assert after == for_organiser
    assert after.lines[-1] == ("simulated-deep", ["correct", "incorrect"])


def test_hidden_answer_can_be_neither_contested_nor_found(client_of: SignIn, contributor: Any) -> None:
    run(start(contributor, **CHOICE), *[(f"simulated-{name}", 1) for name in ("small", "large", "deep")])
    question, row = Question.objects.get(), Prediction.objects.filter(draw=1, verdict=Verdict.CORRECT)[0]
    client = client_of(contributor)

    answer = client.get(reverse("grading:contest", args=[question.pk, row.pk]))

    assert (question.status, answer.status_code) == (Status.TOO_EASY, 404)


# --- substitutes ---


@pytest.fixture
def stand_in(db: None) -> ModelSpec:
    """A model that the panel names in case simulated-small gives no answer."""
    member = PanelMember.objects.select_related("model").get(model__name="simulated-small")
    spec = ModelSpec.objects.create(provider=member.model.provider, name="simulated-spare", label="simulated-spare")
    PanelMember.objects.filter(pk=member.pk).update(substitute=spec)
    return spec


def parked(contributor: Any, **content: Any) -> DifficultyCheck:
    check = start(contributor, **content)
    score(check, Verdict.UNSCORED, model__name="simulated-small")
    return run(check)


def test_substitute_answers_what_a_model_left_unscored(contributor: Any, organiser: Any, stand_in: ModelSpec) -> None:
    check = parked(contributor)
    small = ModelSpec.objects.get(name="simulated-small")

    checks.substitute(check=check, model=small, by=organiser, reason="It declines every question of this field.")
    checks.settle(check)

    waiting = Prediction.objects.filter(state=PredictionState.WAITING)
    assert list(waiting.values_list("model__name", "wave", "draw")) == [("simulated-spare", 1, 0)]
    done = run(check)
    assert (done.status, done.plan[0][0]) == (CheckStatus.PASSED, [small.pk, stand_in.pk])
    assert done.outcome_reason == "0 of 6 models answered correctly."
    assert AuditEvent.objects.filter(action="check.substitute", actor_id=organiser.pk).count() == 1


def test_answer_that_was_scored_stands_beside_the_substitute(
    contributor: Any, organiser: Any, stand_in: ModelSpec
) -> None:
    check = start(contributor, **CHOICE)
    for _wave in range(3):
        score(check, Verdict.CORRECT, model__name="simulated-small")
        score(check)
        checks.settle(check)
    score(check, Verdict.UNSCORED, model__name="simulated-small")
    run(check)
    small = ModelSpec.objects.get(name="simulated-small")

    checks.substitute(check=check, model=small, by=organiser, reason="Its provider closed it down.")
    checks.settle(check)

    waiting = Prediction.objects.filter(state=PredictionState.WAITING)
    assert list(waiting.values_list("model__name", "draw")) == [("simulated-spare", 1)]
    rows = checks.standing_of(DifficultyCheck.objects.get()).rows
    assert [(row.model.name, row.verdict) for row in rows if row.verdict == Verdict.CORRECT] == [
        ("simulated-small", Verdict.CORRECT)
    ]


@pytest.mark.parametrize("obstacle", ["none named", "seated", "retired", "answered", "no reason", "not parked"])
def test_substitute_is_refused(contributor: Any, organiser: Any, stand_in: ModelSpec, obstacle: str) -> None:
    model, reason = ModelSpec.objects.get(name="simulated-small"), "It declines."
    deep = ModelSpec.objects.get(name="simulated-deep")
    if obstacle == "none named":
        PanelMember.objects.update(substitute=None)
    elif obstacle == "seated":
        PanelMember.objects.filter(model=model).update(substitute=deep)
    check = parked(contributor)
    if obstacle == "retired":
        ModelSpec.objects.filter(pk=stand_in.pk).update(is_retired=True)
    elif obstacle == "answered":
        model = deep
    elif obstacle == "no reason":
        reason = "  "
    else:
        checks.resume(check)

    with pytest.raises(Refused):
        checks.substitute(check=check, model=model, by=organiser, reason=reason)

    assert DifficultyCheck.objects.get().plan == check.plan


def test_organiser_asks_a_substitute_on_its_page(
    client_of: SignIn, contributor: Any, organiser: Any, stand_in: ModelSpec, settings: Any
) -> None:
    settings.REQUIRE_STAFF_FACTOR = False
    check = parked(contributor)
    url = reverse("grading:substitute", args=[check.question_id])
    small = ModelSpec.objects.get(name="simulated-small")
    client = client_of(organiser)

    assert presenters.panel_of(check.question, organiser).substitute_url == url
    page = client.get(url)
    wrong = client.post(url, {"model": ModelSpec.objects.get(name="simulated-deep").pk, "reason": "It is slow today."})
    done = client.post(url, {"model": small.pk, "reason": "It declines every question of this field."})

    assert "simulated-spare can answer for simulated-small." in page.content.decode()
    assert (page.status_code, wrong.status_code, done.status_code) == (200, 200, 302)
    assert DifficultyCheck.objects.get().plan[0][0] == [small.pk, stand_in.pk]
    assert client.get(url).url == reverse("grading:operations")


def test_contributor_may_not_choose_a_substitute(contributor: Any, stand_in: ModelSpec) -> None:
    check = parked(contributor)

    with pytest.raises(PermissionDenied):
        checks.substitute(
            check=check, model=ModelSpec.objects.get(name="simulated-small"), by=contributor, reason="I want luck."
        )


# --- the learnt order ---


def teach(check: DifficultyCheck, n_checks: int, right: dict[str, float]) -> None:
    """Store earlier checks of everybody: which share of questions each model solved, and a ledger by which deep is dear."""
    rng = random.Random(1)
    seats = checks.seats_of(check)
    earlier = [
        DifficultyCheck(
            question=check.question,
            revision=check.revision,
            tested_hash=f"{number:064d}",
            status=CheckStatus.FAILED,
            panel=check.panel,
            policy=check.policy,
            plan=check.plan,
            is_run_all=True,
        )
        for number in range(n_checks)
    ]
    DifficultyCheck.objects.bulk_create(earlier)
    rows = [
        Prediction(
            tested_hash=one.tested_hash,
            revision=check.revision,
            panel=check.panel,
            model=seat.model,
            wave=seat.wave,
            position=seat.position,
            state=PredictionState.SETTLED,
            **OTHERS[Verdict.CORRECT if rng.random() < right.get(seat.model.name, 0.1) else Verdict.INCORRECT],
        )
        for one in earlier
        for seat in seats
    ]
    Prediction.objects.bulk_create(rows)
    Ledger.objects.bulk_create(
        Ledger(
            model=row.model,
            prediction=row,
            attempt=1,
            contributor=check.question.contributor,
            state=LedgerState.BILLED,
            cost_usd=Decimal(100 if row.model.name == "simulated-deep" else 1),
        )
        for row in rows
    )


def names_of(waves: list[list[int]]) -> list[list[str]]:
    return [[ModelSpec.objects.get(pk=pk).name.removeprefix("simulated-") for pk in wave] for wave in waves]


def test_order_is_learnt_from_verdicts_and_ledger_once_a_day(contributor: Any) -> None:
    check = start(contributor)
    WaveOrder.objects.all().delete()
    teach(check, 60, {"simulated-swift": 0.9, "simulated-vision": 0.6, "simulated-deep": 0.9})

    question = factories.make_checking(by=contributor, prompt="Which number comes after all the others in this list?")
    second = question.checks.get()

    plan = names_of(second.plan)
    assert sorted(plan[0]) == ["swift", "vision"]
    assert [len(wave) for wave in plan] == [2, 2, 2]
    assert "deep" not in plan[0]  # as good as swift, but a hundred times as dear
    order = WaveOrder.objects.get()
    assert (order.waves, order.n_checks) == (second.plan, 60)
    assert asked(second) == plan[0]


def test_too_few_checks_of_everybody_leave_the_panels_own_order(contributor: Any) -> None:
    check = start(contributor)
    WaveOrder.objects.all().delete()
    teach(check, 49, {"simulated-swift": 0.9})

    question = factories.make_checking(by=contributor, prompt="Which number comes after all the others in this list?")

    assert question.checks.get().plan == check.plan


def test_policy_that_orders_nothing_keeps_the_panels_own_order(contributor: Any) -> None:
    check = start(contributor)
    teach(check, 60, {"simulated-swift": 0.9})
    members = checks.members_for(check.panel, check.revision)

    own = learning.plan_for(members, revision=check.revision, policy=Policy.objects.get(version="paper-2025-1"))

    assert own == check.plan


# --- starts at once ---


@pytest.mark.django_db(transaction=True)
def test_a_hundred_starts_at_once_use_the_allowance_exactly(settings: Any) -> None:
    settings.CHECKS_PER_DAY = 5
    author = factories.make_user("author")
    drafts = [
        factories.make_draft(by=author, prompt=f"What is the number {number} of a long list of numbers?")
        for number in range(100)
    ]
    n_threads = 10
    gate = threading.Barrier(n_threads)
    local = threading.local()

    def begin(question: Question) -> str:
        if not hasattr(local, "is_started"):
            local.is_started = True
            gate.wait(30)
        try:
            actions.start_check(question=question, by=author, terms_version="1")
        except Refused:
            return "refused"
        finally:
            connection.close()
        return "started"

    with ThreadPoolExecutor(n_threads) as threads:
        ends = list(threads.map(begin, drafts))

    assert (ends.count("started"), ends.count("refused")) == (5, 95)
    assert Question.objects.filter(status=Status.CHECKING).count() == 5
