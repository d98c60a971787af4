"""Providers that fail, throttle or refuse, against the engine in this process: never a verdict, few probes, nothing lost."""

import asyncio
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from grading import engine
from grading.checks import resume
from grading.engine import circuits, claims, leases, providers
from grading.engine.held import Held
from grading.enums import CheckStatus, LedgerState, OutcomeKind, PredictionState, Verdict
from grading.llm import Outcome
from grading.models import DifficultyCheck, Ledger, ModelSpec, PanelMember, Prediction, Provider, Worker
from grading.tasks import run_check
from hle_site.audit.models import AuditEvent
from hle_site.notifications.models import Notice
from tests import factories
from tests.faults import world
from tests.faults.processes import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

NO_WAIT = {"retry_after": "0"}


@pytest.fixture(autouse=True)
def forget_providers() -> None:
    """What this process saw of providers in another test does not count."""
    circuits._records.clear()


def work_for(seconds: float) -> None:
    """Work on what is due for so long."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        engine.current().work()
        time.sleep(0.05)


def work_while(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Work on what is due as long as that holds."""
    ends_at = time.monotonic() + seconds
    while condition() and time.monotonic() < ends_at:
        engine.current().work()
        time.sleep(0.05)


def work_until_settled(seconds: float = 90) -> None:
    """Work until every check has its verdict; whoever waits for a later try or a resumption does not wait long."""
    ends_at = time.monotonic() + seconds
    while not world.is_settled() and time.monotonic() < ends_at:
        engine.current().work()
        Prediction.objects.filter(state=PredictionState.WAITING).update(due_at=timezone.now())
        for check in DifficultyCheck.objects.filter(status=CheckStatus.PARKED):
            resume(check)


def scored() -> int:
    """How many answers have a verdict."""
    return Prediction.objects.exclude(verdict=Verdict.UNSCORED).count()


def verdicts() -> dict[tuple[str, str], str]:
    """The verdict on each answer, by question and model."""
    rows = Prediction.objects.values_list("revision__prompt", "model__name", "verdict")
    return {(prompt, model): verdict for prompt, model, verdict in rows}


def test_storm_of_429_gives_no_verdict_and_is_met_by_single_probes(
    simulate: Any, own_engine: Any, settings: Any
) -> None:
    settings.PROVIDER_PAUSE_S = 1.5
    storm = simulate(faults={"throttle": 1.0}, **NO_WAIT)
    world.start_checks(10)

    work_while(lambda: not Provider.objects.get().paused_reason)
    provider = Provider.objects.get()
    opened_at = AuditEvent.objects.get(action="provider.open_circuit").at
    work_for(5.0)

    under_way_until = (opened_at + timedelta(seconds=1)).isoformat()  # calls that had left before
    probes = [line for line in storm.journal() if line["at"] > under_way_until]
    assert provider.paused_reason == "It takes no calls at present: rate limit"
    assert 1 <= len(probes) <= 1 + 9 / settings.PROVIDER_PAUSE_S
    assert (scored(), DifficultyCheck.objects.live().count()) == (0, 10)

    healthy = simulate(fixed=world.FIXED)
    work_until_settled()

    world.assert_nothing_is_lost(10)
    assert Provider.objects.get().paused_reason == ""
    assert set(world.asked(healthy.journal()).values()) == {1}


@pytest.mark.parametrize("retry_after", ["0", "1", "3600", "Wed, 21 Oct 2099 07:28:00 GMT", "soon"])
def test_any_retry_after_is_a_wait_and_no_verdict(simulate: Any, own_engine: Any, retry_after: str) -> None:
    throttle = {"contains": "number 1 ", "models": "simulated-small", "fault": "throttle", "retry_after": retry_after}
    simulator = simulate(fixed=[{**throttle, "attempts": [1]}, *world.FIXED])
    world.start_checks(4)
    engine.current().work()

    row = Prediction.objects.get(model__name="simulated-small", revision__prompt__contains="number 1 ")
    assert (row.verdict, row.outcome) == (Verdict.UNSCORED, OutcomeKind.THROTTLED)
    assert Provider.objects.get().paused_until is not None

    Provider.objects.update(paused_until=None)
    circuits._records.clear()
    work_until_settled()

    world.assert_nothing_is_lost(4)
    assert max(world.asked(simulator.journal()).values()) == 2


def test_a_fifth_of_all_calls_failing_changes_no_verdict(simulate: Any, own_engine: Any, settings: Any) -> None:
    settings.PROVIDER_PAUSE_S = 0.1
    rates = {"500": 0.05, "503": 0.05, "529": 0.05, "reset": 0.05}
    faulty = simulate(faults=rates, seed="9", **NO_WAIT)
    people = [factories.make_user(f"author{number}") for number in range(4)]
    for number in range(16):
        prompt = f"What is {number + 3} * {number + 11}?" if number % 3 == 0 else f"Which bird sang in story {number}?"
        factories.make_checking(by=people[number % 4], prompt=prompt, answer=str((number + 3) * (number + 11)))
    work_until_settled()
    with_faults, statuses = verdicts(), world.verdicts()

    n_failed = sum(line["status"] >= 500 or line["fault"] == "reset" for line in faulty.journal())
    assert n_failed > 20
    simulate(seed="9")
    for row in list(Prediction.objects.all()):
        row.ledger.all().delete()
        row.judgements.all().delete()
    Prediction.objects.update(
        state="waiting", outcome="", outcome_counts={}, verdict="unscored", decided_by="", tries=0
    )
    DifficultyCheck.objects.update(status=CheckStatus.CANCELLED)
    engine.current().work()

    assert verdicts() == with_faults
    assert statuses == {CheckStatus.PASSED: 10, CheckStatus.FAILED: 6}


def test_refused_key_opens_the_circuit_with_one_notice_and_keeps_the_questions_waiting(
    simulate: Any, own_engine: Any, organiser: Any, settings: Any
) -> None:
    settings.PROVIDER_PAUSE_S = 0.2
    simulator = simulate(faults={"401": 1.0})
    world.start_checks(6)
    engine.current().work()
    provider = Provider.objects.get()
    n_first = len(simulator.journal())

    Provider.objects.update(paused_until=None)
    engine.current().work()

    assert provider.paused_reason == "It refuses our calls: key or account"
    assert [notice.subject for notice in Notice.objects.filter(recipient=organiser)] == [
        "Simulated provider is left alone"
    ]
    assert len(simulator.journal()) == n_first + 1 == 13  # the first wave, and one probe
    states = Counter(Prediction.objects.values_list("state", "verdict"))
    assert states == {("unscored", "unscored"): 12, ("waiting", "unscored"): 12}


def test_missing_model_does_not_close_its_provider(simulate: Any, own_engine: Any) -> None:
    missing = {"contains": "divisors", "models": "simulated-small", "fault": "404"}
    simulate(fixed=[missing, *world.FIXED])
    world.start_checks(2)

    engine.current().work()

    assert Provider.objects.get().paused_reason == ""
    assert Prediction.objects.filter(verdict=Verdict.INCORRECT).count() == 10


def test_circuit_is_closed_by_hand_by_organisers_only(contributor: Any, organiser: Any, transactional_db: None) -> None:
    provider = Provider.objects.get()
    circuits.follow(provider, circuits.Hold(3600, "It fails call after call"))
    provider.refresh_from_db()
    assert circuits.stop_left_s(provider) > 3500

    with pytest.raises(PermissionDenied):
        providers.reopen(provider, by=contributor)
    is_closed = providers.reopen(provider, by=organiser)

    provider.refresh_from_db()
    assert (is_closed, provider.paused_reason, circuits.stop_left_s(provider)) == (True, "", 0.0)
    assert AuditEvent.objects.get(action="provider.close_circuit").actor_id == organiser.pk
    assert not providers.reopen(provider, by=organiser)


def test_two_workers_win_one_probe(transactional_db: None) -> None:
    provider = Provider.objects.get()
    Provider.objects.update(paused_reason="It fails call after call", paused_until=None)

    assert [circuits.take_probe(provider.pk) for _worker in range(3)] == [True, False, False]


def test_open_circuit_lets_one_row_be_claimed(transactional_db: None) -> None:
    world.start_checks(5)
    Provider.objects.update(paused_reason="It fails call after call")

    assert len(claims.claim(leases.sign_on(), 100).rows) == 1


@pytest.mark.parametrize(
    ("kinds", "opens"),
    [
        (["transient"] * 5, True),
        (["transient"] * 4, False),
        (["transient"] * 4 + ["answer"] + ["transient"] * 4, False),
        (["transient", "ambiguous"] * 4 + ["transient"], True),
        (["config_error"], True),
        (["empty"] * 9, False),
    ],
)
def test_circuit_opens_after_failures_without_an_answer_between_them(
    kinds: list[str], opens: bool, transactional_db: None
) -> None:
    provider = Provider.objects.get()
    holds = [circuits.pause_after(provider, outcome(kind)) for kind in kinds]

    assert [bool(hold and hold.reason) for hold in holds] == [False] * (len(kinds) - 1) + [opens]


def outcome(kind: str) -> Any:
    """What came of a call."""
    return Outcome(OutcomeKind(kind))


def test_limit_of_open_calls_at_a_provider_is_kept(simulate: Any, own_engine: Any) -> None:
    Provider.objects.update(max_connections=3)
    simulator = simulate(fixed=world.FIXED, delay_s=[0.2, 0.3])
    world.start_checks(5)
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.02):
            most = max(most, Ledger.objects.filter(state=LedgerState.RESERVED).count())
        connection.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    work_until_settled()
    done.set()
    watcher.join()

    world.assert_nothing_is_lost(5)
    assert most == 3
    assert set(world.asked(simulator.journal()).values()) == {1}


def test_quick_stop_gives_up_young_calls_and_hands_them_over(simulate: Any, own_engine: Any, settings: Any) -> None:
    settings.STOP_CANCELS_YOUNGER_S = 300.0
    simulator = simulate(fixed=world.FIXED, models={"simulated-small": {"delay_s": [600, 600]}})
    world.start_checks(2)
    working = threading.Thread(target=own_engine.work)
    working.start()
    reserved = Ledger.objects.filter(state=LedgerState.RESERVED)
    wait_for(lambda: reserved.count() == 2 and len(simulator.journal()) == 4, seconds=60, what="two long calls")

    own_engine.stop()
    working.join(30)

    assert not working.is_alive()
    long = Prediction.objects.filter(model__name="simulated-small")
    assert set(long.values_list("state", "worker")) == {("asked", None)}
    taken = claims.claim(leases.sign_on(), 100)
    assert {(row.state, row.outcome_counts["ambiguous"]) for row in taken.rows} == {("waiting", 1)}
    assert Ledger.objects.filter(state=LedgerState.AMBIGUOUS).count() == 2


def test_late_answer_is_refused_and_its_price_is_kept(simulate: Any, own_engine: Any) -> None:
    simulate(fixed=world.FIXED)
    ModelSpec.objects.update(usd_per_million_in=1, usd_per_million_out=1)
    world.start_checks(1)
    stalled = claims.claim(own_engine.worker_id, 1).rows[0]
    ledger = asked_by(own_engine, stalled)
    Worker.objects.filter(pk=own_engine.worker_id).update(beat_at="2020-01-01T00:00Z")
    other = leases.sign_on()
    taken = next(row for row in claims.claim(other, 10).rows if row.pk == stalled.pk)

    is_held = write(own_engine, "answer", **answer_to(stalled, ledger))

    row, line = Prediction.objects.get(pk=stalled.pk), Ledger.objects.get(pk=ledger)
    assert (is_held, taken.fence) == (False, stalled.fence + 1)
    assert (row.state, row.verdict, row.reply) == (PredictionState.WAITING, Verdict.UNSCORED, "")
    assert (line.state, str(line.cost_usd)) == (LedgerState.BILLED, "0.002000")


def asked_by(own_engine: Any, row: Prediction) -> Any:
    """Write that the row was asked, as before a call."""
    ledger = uuid.uuid4()
    assert write(own_engine, "ask", **Held(row, None).reservation(row.model, ledger, Decimal("0.01")))
    return ledger


def answer_to(row: Prediction, ledger: Any) -> dict[str, Any]:
    """What a flight writes after an answer."""
    return {
        "id": row.pk,
        "fence": row.fence,
        "ledger": ledger,
        "ledger_state": "billed",
        "cost_usd": "0.002",
        "is_paid": False,
        "is_estimated": False,
        "state": "answered",
        "outcome": "answer",
        "outcome_detail": "",
        "outcome_counts": {},
        "reply": "Answer: 192",
        "answer": "192",
        "confidence": None,
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "latency_ms": 1,
        "delay_s": 0,
        "is_kept": True,
    }


def write(own_engine: Any, kind: str, **values: Any) -> bool:
    """Write by the engine's writer and return whether the fence let it pass."""
    return asyncio.run(own_engine.writer.write(kind, **values))


def test_write_that_fails_ends_its_own_flight_and_not_the_writer(own_engine: Any) -> None:
    with pytest.raises(KeyError):
        write(own_engine, "ask", id=uuid.uuid4(), fence=1)

    assert own_engine.writer.is_alive()
    assert not write(own_engine, "mark", id=uuid.uuid4(), fence=1)


@pytest.mark.parametrize(
    ("table", "refused", "calls"),
    [("judgement", "false", 2), ("prediction", "reply = ''", 2)],
    ids=["write-ahead of the judge", "answer"],
)
def test_row_that_the_database_refuses_is_left_to_a_person(
    simulate: Any, own_engine: Any, refuse: Any, table: str, refused: str, calls: int
) -> None:
    simulator = simulate(fixed=[{"contains": "Name the author", "models": "simulated-[!j]*", "answer": "Currer Bell"}])
    PanelMember.objects.filter(wave__gt=1).delete()
    by = factories.make_user("author")
    factories.make_checking(by=by, prompt="Name the author of the novel, please.", answer="Charlotte Brontë")
    refuse(table, refused)

    own_engine.work()

    check = DifficultyCheck.objects.get()
    assert (check.status, check.due_at) == (CheckStatus.PARKED, None)
    assert set(Prediction.objects.values_list("state", "verdict", "outcome_detail")) == {
        ("unscored", "unscored", "internal error: IntegrityError")
    }
    assert len(simulator.journal()) == calls


@pytest.fixture
def refuse(transactional_db: None) -> Iterator[Callable[[str, str], None]]:
    """Return a function that lets a table of grading accept only rows of which a condition holds."""
    tables = []

    def add(table: str, condition: str) -> None:
        tables.append(table)
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE grading_{table} ADD CONSTRAINT refused CHECK ({condition}) NOT VALID")

    yield add
    for table in tables:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE grading_{table} DROP CONSTRAINT refused")


def test_same_message_ten_times_has_one_effect(simulate: Any, own_engine: Any) -> None:
    simulator = simulate(fixed=world.FIXED, delay_s=[0.05, 0.1])
    world.start_checks(4)
    checks = list(DifficultyCheck.objects.values_list("pk", flat=True))

    threads = [threading.Thread(target=run_check, args=(str(check),)) for check in checks * 10]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own_engine.work()

    world.assert_nothing_is_lost(4)
    assert set(world.asked(simulator.journal()).values()) == {1}
    assert Counter(Ledger.objects.values_list("state", flat=True)) == {LedgerState.BILLED: len(simulator.journal())}
