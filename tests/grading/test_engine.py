"""The engine against a real database and a real provider process over HTTP."""

import asyncio
import io
import resource
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from PIL import Image

from grading import checks, engine, prompts
from grading.engine import claims, files, flight, leases, pump
from grading.enums import CheckStatus, DecidedBy, LedgerState, OutcomeKind, PredictionState, Verdict
from grading.models import DifficultyCheck, Judgement, Ledger, ModelSpec, Prediction, Provider, Worker
from grading.tasks import run_check, sweep
from questions import actions
from questions.enums import Status
from questions.models import Question
from tests import factories
from tests.benchmarks.site import use_one_model
from tests.grading.conftest import speed_up_models, work_until_settled

pytestmark = pytest.mark.django_db(transaction=True)


def start_check(**content: Any) -> DifficultyCheck:
    question = factories.make_checking(by=factories.make_user("author"), **content)
    return question.checks.get()


def fixed(answer: str, models: str = "*", contains: str = "divisors") -> dict[str, Any]:
    return {"contains": contains, "models": models, "answer": answer}


def test_check_passes_when_all_six_models_are_wrong(simulate: Any, own_engine: Any) -> None:
    simulator = simulate(fixed=[fixed("17")])
    check = start_check()

    run_check(str(check.pk))

    check.refresh_from_db()
    assert (check.status, check.wave, check.is_simulated) == (CheckStatus.PASSED, 3, True)
    assert Question.objects.get(pk=check.question_id).status == Status.ELIGIBLE
    verdicts = Prediction.objects.values_list("verdict", "decided_by", "state")
    assert list(verdicts) == [(Verdict.INCORRECT, DecidedBy.MATCHER, PredictionState.SETTLED)] * 6
    assert {line["request_id"] for line in simulator.journal()} == {str(row.pk) for row in Ledger.objects.all()}
    assert set(Ledger.objects.values_list("state", flat=True)) == {LedgerState.BILLED}


def test_nothing_is_waited_for_when_no_call_is_under_way(simulate: Any, own_engine: Any, monkeypatch: Any) -> None:
    simulate(fixed=[fixed("17")])
    use_one_model("simulated-small")
    check = start_check()
    monkeypatch.setattr(pump, "GATHER_S", None)  # a pause would fail

    run_check(str(check.pk))

    check.refresh_from_db()
    assert check.status == CheckStatus.PASSED


def test_check_fails_after_the_wave_in_which_a_model_was_right(simulate: Any, own_engine: Any) -> None:
    simulator = simulate(fixed=[fixed("192", "simulated-small"), fixed("17")])
    check = start_check()

    run_check(str(check.pk))

    check.refresh_from_db()
    assert (check.status, check.wave) == (CheckStatus.FAILED, 1)
    assert check.outcome_reason == "1 of 2 models answered correctly. 4 not needed."
    assert Question.objects.get(pk=check.question_id).status == Status.TOO_EASY
    assert len(simulator.journal()) == 2


def test_undecided_answer_goes_to_the_judge(simulate: Any, own_engine: Any) -> None:
    simulate(fixed=[{"contains": "Name the author", "models": "simulated-[!j]*", "answer": "Currer Bell"}])
    check = start_check(prompt="Name the author of the novel, please.", answer="Charlotte Brontë")

    run_check(str(check.pk))

    check.refresh_from_db()
    assert check.status == CheckStatus.PASSED
    assert set(Prediction.objects.values_list("decided_by", flat=True)) == {DecidedBy.JUDGE}
    assert Judgement.objects.filter(is_correct=False).count() == 6
    assert Ledger.objects.filter(judgement=None).count() == Ledger.objects.exclude(judgement=None).count() == 6


def test_letter_is_stored_in_the_order_of_the_author(simulate: Any, own_engine: Any) -> None:
    simulate(fixed=[fixed("B", contains="Which colour")])
    options = ["red", "green", "blue", "white", "black"]
    check = start_check(
        prompt="Which colour is it?", answer_type="multipleChoice", options=options, answer="C", raw_subject="Optics"
    )

    work_until_settled(check)

    for row in Prediction.objects.exclude(state=PredictionState.SKIPPED):
        letter = prompts.options_order(row.option_seed, 5).letter_of_author("B")
        assert (row.answer, row.verdict) == (letter, Verdict.CORRECT if letter == "C" else Verdict.INCORRECT)
        assert row.reply.rstrip().splitlines()[1] == "Answer: B"


# one fault of each kind by default, its variants in the long run
FAULTS = [
    ("empty", OutcomeKind.EMPTY, 2),
    ("length", OutcomeKind.TRUNCATED, 2),
    ("refusal", OutcomeKind.FILTERED, 1),
    ("malformed_json", OutcomeKind.MALFORMED, 3),
    ("too_long", OutcomeKind.REQUEST_ERROR, 1),
    ("401", OutcomeKind.CONFIG_ERROR, 1),
    ("throttle", OutcomeKind.THROTTLED, 7),
    ("500", OutcomeKind.TRANSIENT, 5),
    ("reset", OutcomeKind.AMBIGUOUS, 2),
    ("wrong_model", OutcomeKind.MISMATCH, 1),
]
VARIANTS = [
    ("null", OutcomeKind.EMPTY, 2),
    ("blank", OutcomeKind.EMPTY, 2),
    ("content_filter", OutcomeKind.FILTERED, 1),
    ("prompt_filter", OutcomeKind.FILTERED, 1),
    ("html", OutcomeKind.MALFORMED, 3),
    ("two_choices", OutcomeKind.MALFORMED, 3),
    ("tool_call", OutcomeKind.MALFORMED, 3),
    ("surrogate", OutcomeKind.MALFORMED, 3),
    ("400", OutcomeKind.REQUEST_ERROR, 1),
    ("404", OutcomeKind.CONFIG_ERROR, 1),
    ("quota", OutcomeKind.CONFIG_ERROR, 1),
    ("529", OutcomeKind.TRANSIENT, 5),
    ("error_in_200", OutcomeKind.TRANSIENT, 5),
]
CASES = [pytest.param(*case, id=case[0]) for case in FAULTS]
CASES += [pytest.param(*case, id=case[0], marks=pytest.mark.long) for case in VARIANTS]


@pytest.mark.parametrize(("fault", "kind", "asked"), CASES)
def test_outage_is_never_a_verdict(simulate: Any, own_engine: Any, fault: str, kind: str, asked: int) -> None:
    broken = {"contains": "divisors", "models": "simulated-small", "fault": fault, "retry_after": "0"}
    simulator = simulate(fixed=[broken, fixed("17")])
    check = start_check()

    work_until_settled(check)

    assert check.status == CheckStatus.PARKED
    assert Question.objects.get(pk=check.question_id).status == Status.CHECKING
    row = Prediction.objects.get(model__name="simulated-small")
    assert (row.state, row.verdict, row.outcome) == (PredictionState.UNSCORED, Verdict.UNSCORED, kind)
    assert Prediction.objects.filter(verdict=Verdict.INCORRECT).count() == 5
    assert sum(line["model"] == "simulated-small" for line in simulator.journal()) == asked
    assert "simulated-small" in check.parked_reason
    is_passing = kind in {OutcomeKind.THROTTLED, OutcomeKind.TRANSIENT}
    assert (check.due_at is not None) == is_passing


def test_hanging_provider_ends_at_the_deadline(simulate: Any, own_engine: Any) -> None:
    simulate(fixed=[{"contains": "divisors", "models": "simulated-small", "fault": "hang"}, fixed("17")])
    speed_up_models()
    check = start_check()

    work_until_settled(check)

    row = Prediction.objects.get(model__name="simulated-small")
    assert (check.status, row.outcome, row.tries) == (CheckStatus.PARKED, OutcomeKind.AMBIGUOUS, 2)
    assert row.ledger.filter(state=LedgerState.AMBIGUOUS).count() == 2


def test_one_right_answer_decides_whatever_else_is_unscored(simulate: Any, own_engine: Any) -> None:
    simulate(
        fixed=[
            {"contains": "divisors", "models": "simulated-small", "fault": "500"},
            fixed("192", "simulated-medium"),
        ]
    )
    check = start_check()

    work_until_settled(check)

    assert check.status == CheckStatus.FAILED
    assert Prediction.objects.get(model__name="simulated-small").state == PredictionState.SKIPPED


def test_refusal_in_plain_words_is_no_answer(simulate: Any, own_engine: Any) -> None:
    simulate(
        fixed=[
            {"contains": "decline to answer", "models": "simulated-judge", "text": '{"declined": "yes"}'},
            {"contains": "divisors", "models": "simulated-small", "fault": "declines"},
            fixed("17", "simulated-[!j]*"),
        ]
    )
    check = start_check()

    work_until_settled(check)

    row = Prediction.objects.get(model__name="simulated-small")
    assert (check.status, row.state, row.outcome) == (CheckStatus.PARKED, PredictionState.UNSCORED, OutcomeKind.REFUSED)


def test_judge_that_cannot_be_read_leaves_the_answer_to_a_person(simulate: Any, own_engine: Any) -> None:
    simulate(
        fixed=[
            {"contains": "You grade one answer", "models": "simulated-judge", "text": "Grade: maybe"},
            {"contains": "Name the author", "models": "simulated-[!j]*", "answer": "Currer Bell"},
        ]
    )
    check = start_check(prompt="Name the author of the novel, please.", answer="Charlotte Brontë")

    work_until_settled(check)

    assert (check.status, check.due_at) == (CheckStatus.PARKED, None)
    row = Prediction.objects.get(model__name="simulated-small")
    assert (row.state, row.outcome, row.verdict) == (PredictionState.UNSCORED, OutcomeKind.ANSWER, Verdict.UNSCORED)
    assert row.judgements.count() == 3
    assert set(row.judgements.values_list("outcome", "is_correct")) == {(OutcomeKind.UNPARSED, None)}
    assert row.tries == 1


def test_resumed_check_asks_only_what_is_unscored(simulate: Any, own_engine: Any) -> None:
    simulate(fixed=[{"contains": "divisors", "models": "simulated-small", "fault": "empty"}, fixed("17")])
    check = work_until_settled(start_check())
    healthy = simulate(fixed=[fixed("17")])

    checks.resume(check)
    work_until_settled(check)

    assert check.status == CheckStatus.PASSED
    assert [line["model"] for line in healthy.journal()] == ["simulated-small"]


def test_missing_agreement_sends_no_call(simulate: Any, own_engine: Any) -> None:
    simulator = simulate(fixed=[fixed("17")])
    Provider.objects.update(no_training_at=None)
    check = start_check()

    work_until_settled(check)

    assert (check.status, check.due_at) == (CheckStatus.PARKED, None)
    assert simulator.journal() == []
    assert Ledger.objects.count() == 0


def test_two_claims_of_one_row_one_wins(transactional_db: None) -> None:
    start_check()
    workers = [leases.sign_on() for _ in range(8)]
    barrier, taken = threading.Barrier(8), []

    def claim(worker: Any) -> None:
        barrier.wait()
        taken.extend(row.pk for row in claims.claim(worker, 10).rows)
        connection.close()

    threads = [threading.Thread(target=claim, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == sorted(Prediction.objects.values_list("pk", flat=True))
    assert set(Prediction.objects.values_list("fence", flat=True)) == {1}


def test_second_delivery_finds_nothing(simulate: Any, own_engine: Any) -> None:
    simulator = simulate(fixed=[fixed("17")])
    check = start_check()
    run_check(str(check.pk))
    before = simulator.journal()

    for _ in range(5):
        run_check(str(check.pk))

    assert simulator.journal() == before
    assert Ledger.objects.count() == 6


def test_tasks_at_once_ask_each_model_once(simulate: Any, own_engine: Any) -> None:
    simulator = simulate(fixed=[fixed("17")], delay_s=[0.05, 0.1])
    for number in range(10):
        start_check(prompt=f"What is the smallest positive integer with exactly {number} divisors, in base ten?")

    threads = [threading.Thread(target=run_check, args=("",)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own_engine.work()

    assert set(DifficultyCheck.objects.values_list("status", flat=True)) == {CheckStatus.PASSED}
    assert len(simulator.journal()) == Ledger.objects.count() == 60


def test_late_writer_is_refused_by_the_fence(own_engine: Any) -> None:
    start_check()
    stalled = claims.claim(own_engine.worker_id, 1).rows[0]
    Worker.objects.filter(pk=own_engine.worker_id).update(stopped_at="2020-01-01T00:00Z")
    other = leases.sign_on()
    taken = {row.pk: row for row in claims.claim(other, 10).rows}[stalled.pk]

    late = own_engine.writer
    values = {"id": stalled.pk, "fence": stalled.fence, "state": "settled", "outcome": "answer", "verdict": "incorrect"}
    is_held = _run(late.write("mark", **values, decided_by="matcher"))

    assert (is_held, taken.fence) == (False, stalled.fence + 1)
    assert Prediction.objects.get(pk=stalled.pk).verdict == Verdict.UNSCORED


def _run(coro: Any) -> Any:
    return asyncio.run(coro)


def test_row_of_a_dead_worker_is_asked_once_more_and_then_left_to_a_person(transactional_db: None) -> None:
    start_check()
    for expected in ("waiting", "unscored"):
        dead = leases.sign_on()
        Prediction.objects.update(state="asked", worker=dead, tries=1)
        Worker.objects.filter(pk=dead).update(beat_at="2020-01-01T00:00Z")
        alive = leases.sign_on()

        claimed = claims.claim(alive, 10)

        assert set(Prediction.objects.values_list("state", flat=True)) == {expected}
        assert len(claimed.rows) == (2 if expected == "waiting" else 0)
        Prediction.objects.update(worker=None)
    assert set(Prediction.objects.values_list("outcome", flat=True)) == {OutcomeKind.AMBIGUOUS}
    assert len(claimed.lost) == 1


def test_stopping_engine_claims_nothing(simulate: Any, own_engine: Any) -> None:
    simulator = simulate(fixed=[fixed("17")])
    check = start_check()
    own_engine.stop()

    run_check(str(check.pk))

    assert simulator.journal() == []
    assert set(Prediction.objects.values_list("state", "worker")) == {("waiting", None)}


@pytest.fixture
def refusing_database(transactional_db: None) -> Iterator[None]:
    """A database that will not store what one of the models answers."""
    with connection.cursor() as cursor:
        small = ModelSpec.objects.get(name="simulated-small").pk
        cursor.execute(
            f"ALTER TABLE grading_prediction ADD CONSTRAINT refused CHECK (model_id <> {small} OR answer <> '17')"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE grading_prediction DROP CONSTRAINT refused")


def test_row_that_the_database_refuses_ends_unscored_and_holds_up_nobody(
    simulate: Any, refusing_database: None, own_engine: Any
) -> None:
    simulator = simulate(fixed=[fixed("17")])
    check = start_check()

    work_until_settled(check)

    refused = Prediction.objects.get(model__name="simulated-small")
    assert (refused.state, refused.verdict, refused.tries) == (PredictionState.UNSCORED, Verdict.UNSCORED, 1)
    assert refused.outcome_detail == "internal error: IntegrityError"
    assert Prediction.objects.filter(verdict=Verdict.INCORRECT).count() == 5
    assert check.status == CheckStatus.PARKED
    assert [line["model"] for line in simulator.journal()].count("simulated-small") == 1
    assert refused.ledger.get().state == LedgerState.AMBIGUOUS


@pytest.fixture
def few_open_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1_000, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_worker_allows_itself_the_connections_that_it_needs(few_open_files: None) -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    allowed = [files.allow_calls(calls) for calls in (500, 1_500, 10, hard)]

    assert allowed == [1_000, 1_756, 1_756, hard]
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


def test_engine_refuses_to_wait_inside_a_transaction(own_engine: Any) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        own_engine.work()


def test_contributors_take_turns(transactional_db: None) -> None:
    busy = factories.make_user("busy")
    for number in range(5):
        factories.make_checking(by=busy, prompt=f"Question {number} of a busy author, with divisors?")
    quiet = factories.make_checking(by=factories.make_user("quiet"), prompt="The one question of a quiet author?")

    first = claims.claim(leases.sign_on(), 2).rows

    assert quiet.newest.tested_hash in {row.tested_hash for row in first}


def test_sweep_moves_what_a_crash_left(simulate: Any, own_engine: Any) -> None:
    simulate(fixed=[fixed("17")])
    check = start_check()
    Prediction.objects.update(state="settled", outcome="answer", verdict="incorrect", decided_by="matcher", answer="17")

    sweep()
    sweep()

    check.refresh_from_db()
    assert check.wave == 2
    assert engine.current().work() is None
    check.refresh_from_db()
    assert check.status == CheckStatus.PASSED


def test_rows_that_share_a_picture_read_it_at_the_same_time(contributor: Any, db: None) -> None:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), "green").save(data, format="PNG")
    picture = actions.store_picture(data=data.getvalue(), by=contributor)
    revision = factories.make_draft(by=contributor, image=picture, image_alt="A green square").newest

    assert revision.image == picture  # loaded here, as a claim does
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(flight._data_uri, [revision] * 64))

    assert len(found) == 1
    assert found.pop().startswith("data:image/png;base64,")
