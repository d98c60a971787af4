"""What calls cost: the ledger, one line a call, the sums of a day beside it, and the limits."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from grading.enums import LedgerState
from grading.models.checks import Judgement, Prediction
from grading.models.providers import ModelSpec, Provider

User = settings.AUTH_USER_MODEL


class Ledger(models.Model):
    """What each call cost: reserved before it leaves, then billed, perhaps billed, or released."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(ModelSpec, on_delete=models.PROTECT, related_name="+")
    prediction = models.ForeignKey(
        Prediction, null=True, on_delete=models.CASCADE, related_name="ledger"
    )  # None: a test of the connection
    judgement = models.ForeignKey(Judgement, null=True, on_delete=models.CASCADE, related_name="ledger")
    attempt = models.PositiveSmallIntegerField()
    contributor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=LedgerState.choices, default=LedgerState.RESERVED)
    reserved_usd = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    is_estimated = models.BooleanField(default=False)
    price_version = models.CharField(max_length=40)
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name_plural = "ledger"
        constraints = [
            models.CheckConstraint(
                condition=~Q(state=LedgerState.BILLED) | Q(cost_usd__isnull=False), name="billed_has_a_cost"
            )
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.cost_usd or self.reserved_usd}"


class Budget(models.Model):
    """What may be spent on one provider or, without one, on all of them; and the switch that stops every paid call."""

    provider = models.OneToOneField(Provider, null=True, blank=True, on_delete=models.CASCADE, related_name="budget")
    daily_usd = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    total_usd = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    is_stopped = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider"], nulls_distinct=False, name="one_budget_per_provider_and_one_for_all"
            )
        ]

    def __str__(self) -> str:
        return f"budget of {self.provider or 'the site'}"


class Spend(models.Model):
    """What one provider cost on one day (UTC), kept beside the ledger so that a reservation locks one row."""

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="spends")
    day = models.DateField()
    reserved_usd = models.DecimalField(max_digits=14, decimal_places=6, default=0)
    billed_usd = models.DecimalField(max_digits=14, decimal_places=6, default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "day"], name="spend_of_a_day_once")]

    def __str__(self) -> str:
        return f"{self.provider} on {self.day}"
