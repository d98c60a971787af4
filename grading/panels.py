"""Providers and panels as data: the simulated panel that every site starts with, and panels loaded from a file."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from grading.catalogue import rules
from grading.enums import Dialect
from grading.models import CallPanel, ModelSpec, Panel, PanelMember, Policy, Provider
from hle_site.audit import log
from questions.models import Call

# The rule of the paper; and the same with hidden further draws against luck, waves in the order that costs least, and 3 %
# of the checks asking everybody, from which that order is learnt.
POLICIES: dict[str, dict[str, Any]] = {
    "paper-2025-1": {},
    "paper-2025-2": {"confirmation_rounds": 2, "run_all_percent": 3, "orders_waves": True},
}
POLICY = "paper-2025-2"
# (model, takes images, answers text questions, answers image questions, wave)
SIMULATED = (
    ("simulated-small", True, True, True, 1),
    ("simulated-medium", True, True, True, 1),
    ("simulated-large", True, True, True, 2),
    ("simulated-vision", True, True, True, 2),
    ("simulated-swift", False, True, False, 3),
    ("simulated-deep", False, True, False, 3),
)


def ensure_simulated_panel(**_kwargs: Any) -> Panel:
    """Create the simulated provider, its panel in waves of 2, 2, 2, and the policies of the paper, once.

    A call that has a panel keeps its policy.
    """
    for version, rules_changed in POLICIES.items():
        Policy.objects.get_or_create(version=version, defaults=rules_changed)
    policy = Policy.objects.get(version=POLICY)
    provider, _new = Provider.objects.get_or_create(
        slug="simulated",
        defaults={
            "name": "Simulated provider",
            "base_url_env": "SIMULATOR_URL",
            "key_env": "SIMULATOR_TOKEN",
            "is_simulated": True,
            "no_training_terms": "A process of this site; nothing leaves the machine.",
            "no_training_at": timezone.now(),
        },
    )
    models = {
        name: ModelSpec.objects.get_or_create(
            provider=provider, name=name, defaults={"label": name, "takes_images": takes_images, "timeout_s": 60}
        )[0]
        for name, takes_images, *_rest in SIMULATED
    }
    judge, _new = ModelSpec.objects.get_or_create(
        provider=provider, name="simulated-judge", defaults={"label": "simulated-judge", "timeout_s": 60}
    )
    panel, is_new = Panel.objects.get_or_create(
        slug="simulated", version=1, defaults={"title": "Simulated panel", "judge": judge}
    )
    if is_new:
        PanelMember.objects.bulk_create(
            PanelMember(panel=panel, model=models[name], wave=wave, position=position, for_text=text, for_images=images)
            for position, (name, _takes, text, images, wave) in enumerate(SIMULATED)
        )
    for call in Call.objects.filter(panel_choice=None):
        CallPanel.objects.create(call=call, panel=panel, policy=policy)
    return panel


class PanelRefused(Exception):
    """The file cannot become a panel; the message names the entry and what it lacks."""


@transaction.atomic
def load(data: dict[str, Any], *, call: Call, by: Any) -> Panel:
    """Create or update the providers and models of a file, make the next version of its panel, and let the call use it.

    `data` has `panel` (slug, title, judge), `providers` and `models` by name. A panel version that exists is never changed:
    loading again makes the next one. Raises PanelRefused with a sentence, and then nothing is stored.
    """
    try:
        providers = {slug: _provider(slug, row, by=by) for slug, row in data["providers"].items()}
        models = {name: _model(name, row, providers) for name, row in data["models"].items()}
        head = data["panel"]
        judge, rows = models[head["judge"]], data["models"]
        second_judge = models[head["second_judge"]] if head.get("second_judge") else None
        substitutes = {name: models[row["substitute"]] for name, row in rows.items() if row.get("substitute")}
    except (KeyError, AttributeError, TypeError) as error:
        raise PanelRefused(
            f"The file lacks an entry: {error}. It needs [panel], [providers.NAME] and [models.NAME]."
        ) from error
    except ValidationError as error:
        raise PanelRefused(" ".join(error.messages)) from error
    if second_judge is not None and second_judge.provider_id == judge.provider_id:
        raise PanelRefused("panel.second_judge: the second judge must be of another provider than the first.")
    members = [name for name in rows if rows[name].get("wave")]
    if not members:
        raise PanelRefused("No model has a wave: give at least one model `wave = 1`.")
    _refuse_waves({name: rows[name]["wave"] for name in members})
    newest = Panel.objects.filter(slug=head["slug"]).order_by("-version").first()
    panel = Panel.objects.create(
        slug=head["slug"],
        version=newest.version + 1 if newest else 1,
        title=head.get("title", head["slug"]),
        judge=judge,
        second_judge=second_judge,
    )
    PanelMember.objects.bulk_create(
        PanelMember(
            panel=panel,
            model=models[name],
            wave=rows[name]["wave"],
            position=position,
            for_text=rows[name].get("for_text", True),
            for_images=rows[name].get("takes_images", False),
            substitute=substitutes.get(name),
        )
        for position, name in enumerate(members)
    )
    policy = Policy.objects.get(version=POLICY)
    CallPanel.objects.update_or_create(call=call, defaults={"panel": panel, "policy": policy})
    log.record("panel.load", by=by, on=panel, after=str(panel.version))
    return panel


def _refuse_waves(waves: dict[str, Any]) -> None:
    for name, wave in waves.items():
        if type(wave) is not int:
            raise PanelRefused(f"models.{name}: wave is {wave!r}; give a number from 1.")
    numbers = sorted(set(waves.values()))
    if numbers != list(range(1, len(numbers) + 1)):
        raise PanelRefused(f"The waves are {', '.join(map(str, numbers))}: number them from 1 without a gap.")


ADDRESSES = {
    "base_url": rules.address_problem,
    "base_url_env": rules.address_name_problem,
    "key_env": rules.key_name_problem,
}
PROVIDER_FIELDS = {
    "name",
    "base_url",
    "base_url_env",
    "key_env",
    "dialect",
    "max_connections",
    "requests_per_minute",
    "tokens_per_minute",
    "no_training_terms",
}
MODEL_FIELDS = {
    "label", "takes_images", "takes_system_prompt", "takes_temperature", "takes_schema", "token_parameter", "max_tokens",
    "reasoning_effort", "timeout_s", "usd_per_million_in", "usd_per_million_out", "price_version",
}  # fmt: skip
PANEL_FIELDS = {"provider", "model", "wave", "for_text", "substitute"}


def _provider(slug: str, row: dict[str, Any], *, by: Any) -> Provider:
    _refuse_unknown(f"providers.{slug}", row, PROVIDER_FIELDS)
    for name, problem_of in ADDRESSES.items():
        problem = problem_of(row[name]) if row.get(name) else ""
        if problem:
            raise PanelRefused(f"providers.{slug}: {problem}")
    if not row.get("no_training_terms"):
        raise PanelRefused(
            f"providers.{slug}: no_training_terms is missing: name the agreement by which the provider does not train on questions."
        )
    provider = Provider.objects.filter(slug=slug).first() or Provider(slug=slug, name=slug, dialect=Dialect.OPENAI_CHAT)
    for name, value in row.items():
        setattr(provider, name, value)
    provider.no_training_at, provider.no_training_by = timezone.now(), by
    provider.full_clean(validate_unique=False)
    provider.save()
    return provider


def _model(name: str, row: dict[str, Any], providers: dict[str, Provider]) -> ModelSpec:
    _refuse_unknown(f"models.{name}", row, MODEL_FIELDS | PANEL_FIELDS)
    provider = providers[row["provider"]]
    api_name = row.get("model", name)
    label = row.get("label", name)
    old = ModelSpec.objects.filter(provider=provider, label=label).first()
    spec = ModelSpec(pk=old.pk if old else None, provider=provider, label=label, name=api_name)
    for field in MODEL_FIELDS & row.keys():
        setattr(spec, field, str(row[field]) if field in rules.PRICE_FIELDS else row[field])
    spec.full_clean(validate_unique=False, validate_constraints=False)
    if old is not None and rules.is_model_used(old) and rules.changed_fields(old, spec):
        raise PanelRefused(
            f"models.{name}: it has answered questions, so what it is sent stays "
            f"({', '.join(rules.changed_fields(old, spec))}): give the changed model another name."
        )
    if old is not None and rules.is_price_unversioned(old, spec):
        raise PanelRefused(f"models.{name}: its price has changed: give price_version a new value, such as its date.")
    spec.save()
    return spec


def _refuse_unknown(place: str, row: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(row.keys() - known)
    if unknown:
        raise PanelRefused(f"{place}: {', '.join(unknown)} is not known; known are {', '.join(sorted(known))}.")
