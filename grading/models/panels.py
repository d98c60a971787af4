"""Policies and panels, numbered and never changed once used, and which of them a call uses."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from grading.models.providers import ModelSpec
from questions.models import Call

User = settings.AUTH_USER_MODEL


class Policy(models.Model):
    """When a check passes and how its panel is asked: numbered, never changed once used."""

    version = models.CharField(max_length=40, unique=True)
    exact_max_correct = models.PositiveSmallIntegerField(default=0)
    choice_max_correct = models.PositiveSmallIntegerField(default=1)
    choice_mean_below_chance = models.BooleanField(default=True)
    confirmation_rounds = models.PositiveSmallIntegerField(default=0)  # further draws of the panel before a pass
    confirm_choice = models.BooleanField(default=True)  # every multiple-choice item
    confirm_from_try = models.PositiveSmallIntegerField(default=2)  # exact match from this try on; 1: always
    confirm_max_correct = models.PositiveSmallIntegerField(default=1)  # right answers an exact match may have in them
    run_all_percent = models.PositiveSmallIntegerField(default=0)  # checks that ask every model, to learn solve rates
    orders_waves = models.BooleanField(default=False)  # by cost / marginal solve rate, once the ledger knows enough

    class Meta:
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.version


class Panel(models.Model):
    """A numbered set of models in waves, with a judge. Immutable once a check used it."""

    slug = models.SlugField()
    version = models.PositiveIntegerField(default=1)
    title = models.CharField(max_length=120)
    judge = models.ForeignKey(ModelSpec, on_delete=models.PROTECT, related_name="+")
    second_judge = models.ForeignKey(ModelSpec, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["slug", "version"], name="panel_version_once")]

    def __str__(self) -> str:
        return f"{self.title} v{self.version}"

    @property
    def judges(self) -> list[ModelSpec]:
        """The judge and, if there is one, the second judge."""
        return [judge for judge in (self.judge, self.second_judge) if judge is not None]


class PanelMember(models.Model):
    """One model in a panel: in which wave it answers, and which kind of question."""

    panel = models.ForeignKey(Panel, on_delete=models.CASCADE, related_name="members")
    model = models.ForeignKey(ModelSpec, on_delete=models.PROTECT, related_name="+")
    wave = models.PositiveSmallIntegerField()
    position = models.PositiveSmallIntegerField()
    for_text = models.BooleanField(default=True)
    for_images = models.BooleanField(default=False)
    substitute = models.ForeignKey(ModelSpec, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["wave", "position"]
        constraints = [models.UniqueConstraint(fields=["panel", "model"], name="model_once_in_a_panel")]

    def __str__(self) -> str:
        return f"{self.panel}: {self.model}"


class WaveOrder(models.Model):
    """In which waves a panel is asked questions of one kind, learnt once a day from earlier checks."""

    panel = models.ForeignKey(Panel, on_delete=models.CASCADE, related_name="+")
    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="+")
    answer_type = models.CharField(max_length=20)
    has_image = models.BooleanField()
    day = models.DateField()
    waves = models.JSONField()  # model ids wave by wave
    n_checks = models.PositiveIntegerField()  # how many earlier checks taught it; 0: as the panel says

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["panel", "policy", "answer_type", "has_image", "day"], name="order_of_a_day_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.panel} on {self.day}"


class CallPanel(models.Model):
    """The panel and policy that a call uses."""

    call = models.OneToOneField(Call, on_delete=models.CASCADE, related_name="panel_choice")
    panel = models.ForeignKey(Panel, on_delete=models.PROTECT, related_name="+")
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.call}: {self.panel}"
