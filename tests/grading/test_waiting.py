"""What the waiting page says of the time: by recent tests of the same panel, or nothing."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from grading import waiting
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

    assert waiting.typical(check.panel) == waiting.Wait(120, 300)
    assert "Usually 2 min, nine of ten within 5 min." in text_of(client_of(contributor), check)


def test_too_few_tests_say_nothing(client_of: Any, contributor: Any) -> None:
    check = factories.make_checking(by=contributor).checks.get()
    took(check, *[120] * 9)

    assert waiting.typical(check.panel) is None
    assert "nine of ten" not in text_of(client_of(contributor), check)


def test_only_recent_verdicts_of_this_panel_count(contributor: Any) -> None:
    check = factories.make_checking(by=contributor).checks.get()
    took(check, *[60] * 10)
    took(check, *[999] * 10, settled_at=timezone.now() - timedelta(days=8))
    took(check, *[999] * 10, status=CheckStatus.CANCELLED)
    use_one_model("simulated-small")
    took(check, *[999] * 10, panel=Panel.objects.get(title="One model"))

    assert waiting.typical(check.panel) == waiting.Wait(60, 60)


def text_of(client: Client, check: DifficultyCheck) -> str:
    return client.get(reverse("grading:check", args=[check.question_id])).content.decode()
