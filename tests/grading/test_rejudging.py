"""Judging stored answers again, against a real database and a real provider process over HTTP."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from grading import checks, disagreements, engine, judging, tasks
from grading.engine import again, circuits, leases
from grading.enums import DecidedBy, JudgeSeat, LedgerState, OutcomeKind, PredictionState, Verdict
from grading.models import Judgement, Ledger, Prediction, Provider, Worker
from questions.models import Question
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

ANSWER = "Currer Bell"


@pytest.fixture
def settled(own_engine: Any) -> Question:
    """A question with six answers that a judge called wrong at the time."""
    question = factories.make_eligible(
        by=factories.make_user("author"), prompt="Name the author of the novel, please.", answer="Charlotte Brontë"
    )
    Prediction.objects.update(
        answer=ANSWER, reply=f"Explanation: known.\nAnswer: {ANSWER}\nConfidence: 60%", decided_by=DecidedBy.JUDGE
    )
    return question


def judge(text: str = "", grade: str = "yes", **other: Any) -> dict[str, Any]:
    reply = {
        "extracted_final_answer": ANSWER,
        "reasoning": "A pen name.",
        "correct": grade,
        "confidence": 60,
        "strict": True,
    }
    return {"contains": "Name the author", "models": "simulated-judge", "text": text or json.dumps(reply), **other}


def queue(n: int | None = None) -> int:
    return checks.rejudge(Prediction.objects.filter(pk__in=Prediction.objects.order_by("position")[:n]), by=None)


def work_on() -> None:
    """Judge again once more, with all waits cut short and every circuit as it is."""
    Judgement.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
    Provider.objects.update(paused_until=None)
    circuits._records.clear()
    tasks.judge_again()


def state() -> list[tuple[Any, ...]]:
    fields = ("pk", "state", "verdict", "decided_by", "fence", "due_at", "outcome_counts", "worker", "tries")
    return list(Prediction.objects.order_by("pk").values_list(*fields))


def test_later_judgement_changes_no_verdict_and_is_listed(simulate: Any, settled: Question) -> None:
    simulator = simulate(fixed=[judge()])
    before, organiser = state(), factories.make_user("org", "organiser")

    assert queue() == 6
    tasks.judge_again()

    assert state() == before
    rows = Judgement.objects.filter(seat=JudgeSeat.AGAIN)
    assert set(rows.values_list("outcome", "is_correct", "judge_version", "attempt", "due_at", "worker")) == {
        (OutcomeKind.ANSWER, True, judging.JUDGE_VERSION, 1, None, None)
    }
    assert {line["request_id"] for line in simulator.journal()} == {str(row.pk) for row in Ledger.objects.all()}
    assert set(Ledger.objects.values_list("state", "judgement__seat")) == {(LedgerState.BILLED, JudgeSeat.AGAIN)}
    assert len(disagreements.waiting_for(organiser)) == 6


def test_judgement_that_agrees_is_listed_nowhere(simulate: Any, settled: Question) -> None:
    simulate(fixed=[judge(grade="no")])

    queue()
    tasks.judge_again()

    assert Judgement.objects.filter(seat=JudgeSeat.AGAIN, is_correct=False).count() == 6
    assert disagreements.waiting_for(factories.make_user("org", "organiser")) == []


def test_unreadable_judge_is_asked_three_times_and_says_nothing(simulate: Any, settled: Question) -> None:
    simulator = simulate(fixed=[judge("It depends.")])

    queue(1)
    tasks.judge_again()

    rows = Judgement.objects.filter(seat=JudgeSeat.AGAIN).order_by("attempt")
    assert list(rows.values_list("attempt", "outcome", "is_correct", "due_at")) == [
        (attempt, OutcomeKind.UNPARSED, None, None) for attempt in (1, 2, 3)
    ]
    assert len(simulator.journal()) == 3
    assert disagreements.judged_otherwise().count() == 0


def test_answer_is_queued_once_and_no_persons_verdict_is_questioned(settled: Question) -> None:
    first = Prediction.objects.order_by("position")[0]
    Prediction.objects.filter(pk=first.pk).update(
        decided_by=DecidedBy.PERSON, decided_person=factories.make_user("org", "organiser")
    )
    second = Prediction.objects.order_by("position")[1]
    Prediction.objects.filter(pk=second.pk).update(
        state=PredictionState.UNSCORED, verdict=Verdict.UNSCORED, decided_by="", outcome=OutcomeKind.REFUSED
    )

    assert (queue(), queue()) == (4, 0)


def test_two_claims_of_one_job_one_wins(settled: Question) -> None:
    queue()
    one, other = leases.sign_on(), leases.sign_on()

    claimed = [again.claim(worker, 4) for worker in (one, other, one)]

    assert [len(rows) for rows in claimed] == [4, 2, 0]
    assert set(Judgement.objects.values_list("fence", flat=True)) == {1}


def test_job_of_a_dead_worker_is_asked_once_more_and_the_late_writer_is_refused(
    simulate: Any, settled: Question, own_engine: Any
) -> None:
    simulate(fixed=[judge()])
    queue(1)
    dead = leases.sign_on()
    (row,) = again.claim(dead, 10)
    Judgement.objects.update(asked_at=timezone.now())
    Ledger.objects.create(
        pk=row.pk,
        model=row.model,
        prediction=row.prediction,
        judgement=row,
        attempt=1,
        contributor=settled.contributor,
        price_version="test",
    )
    Worker.objects.filter(pk=dead).update(beat_at=timezone.now() - timedelta(hours=1))

    tasks.judge_again()
    Judgement.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
    tasks.judge_again()

    ends = Judgement.objects.order_by("attempt").values_list("attempt", "outcome", "is_correct", "due_at")
    assert list(ends) == [(1, OutcomeKind.AMBIGUOUS, None, None), (2, OutcomeKind.ANSWER, True, None)]
    assert dict(Ledger.objects.values_list("attempt", "state")) == {1: LedgerState.AMBIGUOUS, 2: LedgerState.BILLED}


def test_provider_that_is_not_set_up_gets_no_call(settled: Question, simulate: Any) -> None:
    simulator = simulate(fixed=[judge()])
    provider = Judgement._meta.get_field("model").related_model.objects.get(name="simulated-judge").provider
    provider.no_training_at = None
    provider.save()

    queue(1)
    tasks.judge_again()

    assert list(Judgement.objects.values_list("outcome", "due_at")) == [(OutcomeKind.CONFIG_ERROR, None)]
    assert simulator.journal() == []


def test_refused_key_loses_no_job_and_one_probe_finds_it_mended(simulate: Any, settled: Question) -> None:
    refusing = simulate(fixed=[judge(fault="401")])
    queue()
    tasks.judge_again()
    work_on()
    asked_before = len(refusing.journal())
    mended = simulate(fixed=[judge()])

    work_on()

    assert (asked_before, len(mended.journal())) == (7, 6)
    answered = Judgement.objects.filter(outcome=OutcomeKind.ANSWER, is_correct=True)
    assert answered.values("prediction").distinct().count() == answered.count() == 6
    assert not Judgement.objects.filter(due_at__isnull=False).exists()
    assert not Provider.objects.exclude(paused_reason="").exists()


def test_judge_that_is_down_parks_the_job_until_it_is_back(simulate: Any, settled: Question, settings: Any) -> None:
    settings.PARK_RETRY_S = [120.0, 300.0]
    simulate(fixed=[judge(fault="500")])
    queue(1)
    while Judgement.objects.filter(outcome=OutcomeKind.TRANSIENT).count() < 5:
        work_on()
    parked_s = (Judgement.objects.get(due_at__isnull=False).due_at - timezone.now()).total_seconds()
    simulate(fixed=[judge()])

    work_on()

    assert 100 < parked_s <= 120
    ends = Judgement.objects.order_by("attempt").values_list("outcome", flat=True)
    assert list(ends) == [OutcomeKind.TRANSIENT] * 5 + [OutcomeKind.ANSWER]
    assert not Judgement.objects.filter(due_at__isnull=False).exists()


def test_judge_that_stays_away_is_given_up_after_the_last_wait(simulate: Any, settled: Question, settings: Any) -> None:
    settings.PARK_RETRY_S = [120.0]
    simulator = simulate(fixed=[judge(fault="500")])
    queue(1)

    for _turn in range(15):
        work_on()

    assert len(simulator.journal()) == 10
    assert not Judgement.objects.filter(due_at__isnull=False).exists()


def test_open_circuit_lets_one_job_be_claimed(settled: Question) -> None:
    queue()
    Provider.objects.update(paused_reason="It fails call after call")

    assert len(again.claim(leases.sign_on(), 10)) == 1


def test_sweep_finds_what_has_no_message(simulate: Any, settled: Question, monkeypatch: Any) -> None:
    queue(1)
    sent = []
    monkeypatch.setattr(tasks.judge_again, "apply_async", lambda *_values, **_options: sent.append("judge_again"))

    tasks.sweep()

    assert sent == ["judge_again"]


def test_command_counts_asks_and_says_what_differs(simulate: Any, settled: Question) -> None:
    simulate(fixed=[judge()])
    dry, real = StringIO(), StringIO()

    call_command("rejudge", panel="simulated", limit=2, dry_run=True, stdout=dry)
    n_after_dry_run = Judgement.objects.count()
    call_command("rejudge", panel="simulated", limit=2, stdout=real)

    assert dry.getvalue() == "2 answers to Simulated panel v1 would be put before simulated-judge.\n"
    assert n_after_dry_run == 0
    assert real.getvalue().splitlines() == [
        "2 calls for 2 answers",
        "2 judgements were made, 2 differ from the verdict and wait for a person. 0 are still due: a worker, or this command again, goes on with them.",
    ]


def test_button_is_for_those_who_may_judge(settled: Question) -> None:
    organiser = factories.make_user("org", "organiser")

    assert checks.rejudge_check(question=settled, by=organiser) == 6
    with pytest.raises(PermissionDenied):
        checks.rejudge_check(question=settled, by=settled.contributor)


def test_engine_refuses_to_wait_inside_a_transaction(settled: Question) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError):
        engine.current().judge_again(1)
