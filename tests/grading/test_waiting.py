"""What the waiting page says: the place in the queue, and the time by recent tests of the same panel, or nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from grading import tags, waiting
from grading.engine import claims
from grading.engine.leases import sign_on
from grading.enums import CheckStatus
from grading.models import DifficultyCheck, Panel
from tests import factories
from tests.benchmarks.site import use_one_model

pytestmark = pytest.mark.django_db


def took(check: DifficultyCheck, *seconds: float, **changes: Any) -> None:
    """Copy a check as settled ones that took so long."""
    now = timezone.now()
    values = {field.name: getattr(check, field.name) for field in check._meta.fields if field.name != "id"}
    values |= {"status": CheckStatus.PASSED, "settled_at": now, **changes}
    DifficultyCheck.objects.bulk_create(
        DifficultyCheck(**values | {"created_at": values["settled_at"] - timedelta(seconds=span)}) for span in seconds
    )


@pytest.mark.parametrize(
    ("ordered", "median", "ninth"),
    [([7], 7, 7), (range(1, 11), 5, 9), (range(1, 12), 6, 10), ([1] * 9 + [100], 1, 1), ([1] * 8 + [100, 200], 1, 100)],
)
def test_percentiles_are_values_that_occurred(ordered: Any, median: float, ninth: float) -> None:
    assert (waiting.percentile(ordered, 50), waiting.percentile(ordered, 90)) == (median, ninth)


def test_page_says_what_is_usual_and_what_nine_of_ten_keep_to(client_of: Any, contributor: Any) -> None:
    check = factories.make_checking(by=contributor).checks.get()
    took(check, *[120] * 8, 300, 100_000)

    assert waiting.typical(check) == waiting.Wait(120, 300)
    assert "Usually 2 min, nine of ten within 5 min." in text_of(client_of(contributor), check)


def test_too_few_tests_say_nothing(client_of: Any, contributor: Any) -> None:
    check = factories.make_checking(by=contributor).checks.get()
    took(check, *[120] * 9)

    assert waiting.typical(check) is None
    assert "nine of ten" not in text_of(client_of(contributor), check)


def test_only_recent_verdicts_of_this_panel_count(contributor: Any) -> None:
    check = factories.make_checking(by=contributor).checks.get()
    took(check, *[60] * 10)
    took(check, *[999] * 10, settled_at=timezone.now() - timedelta(days=8))
    took(check, *[999] * 10, status=CheckStatus.CANCELLED)
    use_one_model("simulated-small")
    took(check, *[999] * 10, panel=Panel.objects.get(title="One model"))

    assert waiting.typical(check) == waiting.Wait(60, 60)


def test_time_is_that_of_questions_of_the_same_kind_where_enough_of_them_tell(contributor: Any) -> None:
    check = factories.make_checking(by=contributor).checks.get()
    choice = factories.make_checking(
        by=contributor, prompt="Which of these is it?", answer_type="multipleChoice", options=list("abcde"), answer="A"
    ).checks.get()
    took(check, *[60] * 10)
    took(choice, *[600] * 9)

    assert [waiting.typical(one) for one in (check, choice)] == [waiting.Wait(60, 60), waiting.Wait(60, 600)]

    took(choice, 600)

    assert [waiting.typical(one) for one in (check, choice)] == [waiting.Wait(60, 60), waiting.Wait(600, 600)]


def test_place_in_the_queue_is_by_the_turns_of_contributors(contributor: Any) -> None:
    many = [factories.make_checking(by=contributor, prompt=f"What is {n} + {n}?").checks.get() for n in range(1, 4)]
    single = factories.make_checking(by=factories.make_user("another"), prompt="What is 8 + 9?").checks.get()

    places = [waiting.ahead(check) for check in (*many, single)]
    taken = claims.claim(sign_on(), 2)

    assert places == [0, 4, 6, 1]
    assert {row.tested_hash for row in taken.rows} == {many[0].tested_hash, single.tested_hash}
    assert [waiting.ahead(check) for check in (many[1], many[2])] == [2, 4]


def test_place_in_the_queue_is_told_anew_each_minute(contributor: Any, monkeypatch: Any) -> None:
    question = factories.make_checking(by=contributor)
    times = [datetime(2026, 11, 29, 12, minute, second, tzinfo=UTC) for minute, second in ((0, 1), (0, 58), (1, 2))]
    told = []

    for at in times:
        monkeypatch.setattr(timezone, "now", lambda at=at: at)
        told.append(tags.newest(question, contributor))

    assert [told[0] == tag for tag in told] == [True, True, False]


def text_of(client: Client, check: DifficultyCheck) -> str:
    return client.get(reverse("grading:check", args=[check.question_id])).content.decode()
