"""Providers and their models as data: address and key by name, what a dialect lacks, limits, prices, recorded terms."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from grading.enums import Dialect, OutcomeKind

User = settings.AUTH_USER_MODEL


class Provider(models.Model):
    """Somebody who serves models. The key and, for the simulator, the address are named by environment variable, never stored."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    base_url = models.URLField(blank=True)
    base_url_env = models.CharField(max_length=60, blank=True)
    key_env = models.CharField(max_length=60)
    dialect = models.CharField(max_length=20, choices=Dialect.choices, default=Dialect.OPENAI_CHAT)
    is_simulated = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    max_connections = models.PositiveIntegerField(default=600)
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True)
    no_training_terms = models.CharField(max_length=300, blank=True)
    no_training_at = models.DateTimeField(null=True, blank=True)
    no_training_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    paused_until = models.DateTimeField(null=True, blank=True)
    paused_reason = models.CharField(max_length=120, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)  # the last test of the connection, and what came of it
    test_outcome = models.CharField(max_length=14, choices=OutcomeKind.choices, blank=True)
    test_detail = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(condition=Q(base_url="") ^ Q(base_url_env=""), name="one_address"),
        ]

    def __str__(self) -> str:
        return self.name


class ModelSpec(models.Model):
    """One model of a provider as it is asked: what its dialect lacks, its limits and its price.

    `label` names it on this site; `name` is the provider's own, which several labels may share with other settings.
    """

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="models")
    name = models.CharField(max_length=100)
    label = models.CharField(max_length=100)
    takes_images = models.BooleanField(default=False)
    takes_system_prompt = models.BooleanField(default=True)
    takes_temperature = models.BooleanField(default=True)
    takes_schema = models.BooleanField(default=True)
    token_parameter = models.CharField(max_length=30, default="max_completion_tokens")
    reasoning_effort = models.CharField(max_length=20, blank=True)
    max_tokens = models.PositiveIntegerField(default=8192)
    timeout_s = models.PositiveIntegerField(default=600)
    usd_per_million_in = models.DecimalField(max_digits=10, decimal_places=4, default=0)
    usd_per_million_out = models.DecimalField(max_digits=10, decimal_places=4, default=0)
    price_version = models.CharField(max_length=40, default="unpriced")
    is_retired = models.BooleanField(default=False)

    class Meta:
        ordering = ["provider", "label"]
        constraints = [models.UniqueConstraint(fields=["provider", "label"], name="label_once_per_provider")]

    def __str__(self) -> str:
        return self.label

    @property
    def is_simulated(self) -> bool:
        """True when no real model stands behind it."""
        return self.provider.is_simulated
