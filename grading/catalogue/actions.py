"""What organisers do to the catalogue; every act is logged, and what a check has used is never changed."""

from __future__ import annotations

import tomllib
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from grading import budget, llm, spending
from grading.catalogue import rules
from grading.engine import providers
from grading.enums import LedgerState, OutcomeKind
from grading.llm import CallSpec
from grading.models import CallPanel, Ledger, ModelSpec, Panel, PanelMember, Policy, Provider
from grading.spending import Reservation
from hle_site.audit import log
from questions.models import Call
from questions.workflow import Refused

PRESETS = Path(__file__).parent / "presets"
PERMISSION = "grading.manage_panel"
TEST_TOKENS = 2_048  # a model that thinks before it speaks needs room for one word
TEST_TIMEOUT_S = 60.0
TEST_MESSAGE = "This is a test of the connection. Reply with the single word: ready"


class Seat(NamedTuple):
    """One model's place in a panel."""

    model: ModelSpec
    wave: int
    for_text: bool
    for_images: bool
    substitute: ModelSpec | None = None


class Preset(NamedTuple):
    """A panel that ships with the site, to be completed with terms and keys."""

    slug: str
    title: str
    about: str


def _ask_permission(by: Any) -> None:
    if not by.has_perm(PERMISSION):
        raise PermissionDenied("change the catalogue")


@transaction.atomic
def save_provider(*, provider: Provider, by: Any) -> Provider:
    """Store a new or changed provider. A new address voids the terms: they were agreed with whom the old one reached."""
    _ask_permission(by)
    old = Provider.objects.select_for_update().filter(pk=provider.pk).first()
    if old is not None and (old.base_url, old.base_url_env) != (provider.base_url, provider.base_url_env):
        provider.no_training_terms, provider.no_training_at, provider.no_training_by = "", None, None
        provider.tested_at, provider.test_outcome, provider.test_detail = None, "", ""
    provider.save()
    log.record("provider.change" if old else "provider.create", by=by, on=provider, after=provider.slug)
    return provider


@transaction.atomic
def record_terms(*, provider: Provider, terms: str, by: Any) -> None:
    """Record by which agreement the provider does not train on questions; until then no call leaves."""
    _ask_permission(by)
    if len(terms.strip()) < 10:
        raise Refused([_("Name the agreement: its title, date and paragraph.")])
    provider.no_training_terms, provider.no_training_at, provider.no_training_by = terms.strip(), timezone.now(), by
    provider.save(update_fields=["no_training_terms", "no_training_at", "no_training_by"])
    log.record("provider.terms", by=by, on=provider, reason=terms)


@transaction.atomic
def save_model(*, model: ModelSpec, by: Any) -> ModelSpec:
    """Store a new or changed model; one that was used keeps what it is sent, and a new price names its version."""
    _ask_permission(by)
    old = ModelSpec.objects.select_for_update().filter(pk=model.pk).first()
    if old is not None:
        _refuse_change_of_used(old, model)
    model.save()
    log.record("model.change" if old else "model.create", by=by, on=model, after=model.price_version)
    return model


def _refuse_change_of_used(old: ModelSpec, new: ModelSpec) -> None:
    changed = rules.changed_fields(old, new)
    if changed and rules.is_model_used(old):
        raise Refused(
            [
                _(
                    "%(model)s has answered questions, so what it is sent stays: %(fields)s. Add a model with another label instead."
                )
                % {"model": old, "fields": ", ".join(changed)}
            ]
        )
    if rules.is_price_unversioned(old, new):
        raise Refused([_("The price has changed: give the price list a new version, such as its date.")])


@transaction.atomic
def save_panel(
    *,
    slug: str,
    title: str,
    judge: ModelSpec,
    second_judge: ModelSpec | None,
    seats: Sequence[Seat],
    by: Any,
    panel: Panel | None = None,
) -> Panel:
    """Store a panel version: `panel` itself while nothing has used it, else the next number of its name."""
    _ask_permission(by)
    _refuse_panel(judge, second_judge, seats)
    if panel is None or rules.is_panel_used(panel):
        newest = Panel.objects.select_for_update().filter(slug=slug).order_by("-version").first()
        panel = Panel(slug=slug, version=newest.version + 1 if newest else 1, created_by=by)
    panel.title, panel.judge, panel.second_judge = title, judge, second_judge
    panel.save()
    panel.members.all().delete()
    PanelMember.objects.bulk_create(
        PanelMember(panel=panel, position=position, **seat._asdict()) for position, seat in enumerate(seats)
    )
    log.record("panel.save", by=by, on=panel, after=str(panel.version))
    return panel


def _refuse_panel(judge: ModelSpec, second_judge: ModelSpec | None, seats: Sequence[Seat]) -> None:
    waves = sorted({seat.wave for seat in seats})
    sentences = []
    if not seats:
        sentences.append(_("Give at least one model a wave."))
    if waves != list(range(1, len(waves) + 1)):
        sentences.append(_("Number the waves from 1 without a gap."))
    if seats and not any(seat.for_text for seat in seats):
        sentences.append(_("No model answers text questions: tick “text” for at least one."))
    sentences += [
        _("%(model)s answers neither text nor pictures: tick one, or take it out.") % {"model": seat.model}
        for seat in seats
        if not (seat.for_text or seat.for_images)
    ]
    sentences += [
        _("%(model)s takes no pictures: untick “pictures”.") % {"model": seat.model}
        for seat in seats
        if seat.for_images and not seat.model.takes_images
    ]
    if second_judge is not None and second_judge.provider_id == judge.provider_id:
        sentences.append(_("The second judge must be of another provider than the first."))
    if sentences:
        raise Refused(sentences)


@transaction.atomic
def use_panel(*, call: Call, panel: Panel, policy: Policy, by: Any) -> None:
    """Let a call test its questions with a panel under a policy from now on; checks under way keep theirs."""
    _ask_permission(by)
    old = CallPanel.objects.select_for_update().filter(call=call).select_related("panel", "policy").first()
    CallPanel.objects.update_or_create(call=call, defaults={"panel": panel, "policy": policy})
    before = f"{old.panel.slug}-v{old.panel.version} {old.policy.version}"[:60] if old else ""
    log.record("panel.use", by=by, on=call, before=before, after=f"{panel.slug}-v{panel.version} {policy.version}"[:60])


@transaction.atomic
def create_policy(*, policy: Policy, by: Any) -> Policy:
    """Store a new policy version; none is ever changed."""
    _ask_permission(by)
    if policy.pk is not None:
        raise ValueError(f"policy {policy} exists")
    policy.save()
    log.record("policy.create", by=by, on=policy, after=policy.version)
    return policy


def presets() -> list[Preset]:
    """Return the panels that ship with the site."""
    found = []
    for path in sorted(PRESETS.glob("*.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        found.append(Preset(path.stem, data["panel"]["title"], data["about"]))
    return found


@transaction.atomic
def add_preset(*, slug: str, by: Any) -> Panel:
    """Add the providers, models and panel of a preset; no call uses it, and no call leaves before terms are recorded."""
    _ask_permission(by)
    if slug not in {preset.slug for preset in presets()}:
        raise Refused([_("There is no preset of this name.")])
    data = tomllib.loads((PRESETS / f"{slug}.toml").read_text(encoding="utf-8"))
    known = Panel.objects.filter(slug=data["panel"]["slug"]).order_by("-version").first()
    if known is not None:
        raise Refused([_("This preset was added before: change %(panel)s instead.") % {"panel": known}])
    offered = {name: _offered(name, row, by=by) for name, row in data["providers"].items()}
    models = {label: _offered_model(label, row, offered) for label, row in data["models"].items()}
    seats = [
        Seat(models[label], row["wave"], for_text=True, for_images=row.get("takes_images", False))
        for label, row in data["models"].items()
        if "wave" in row
    ]
    head = data["panel"]
    return save_panel(
        slug=head["slug"], title=head["title"], judge=models[head["judge"]], second_judge=None, seats=seats, by=by
    )


def _offered(slug: str, row: Mapping[str, Any], *, by: Any) -> Provider:
    known = Provider.objects.filter(slug=slug).first()
    return known or save_provider(provider=Provider(slug=slug, **row), by=by)


def _offered_model(label: str, row: Mapping[str, Any], offered: Mapping[str, Provider]) -> ModelSpec:
    provider = offered[row["provider"]]
    values = {name: value for name, value in row.items() if name not in {"provider", "wave", "model"}}
    found, _new = ModelSpec.objects.get_or_create(
        provider=provider, label=label, defaults={"name": row.get("model", label), **values}
    )
    return found


def request_test(*, model: ModelSpec, by: Any) -> None:
    """Note that a test of the connection is under way; a worker makes the call."""
    _ask_permission(by)
    provider = model.provider
    provider.tested_at, provider.test_outcome, provider.test_detail = timezone.now(), "", ""
    provider.save(update_fields=["tested_at", "test_outcome", "test_detail"])
    log.record("provider.test", by=by, on=provider, after=model.label[:60])


def run_test(*, model: ModelSpec, by: Any) -> None:
    """Ask the model for one word and store how that ended; it is paid for like any call and shows no question."""
    provider = model.provider
    try:
        spec = providers.spec_of(provider)
    except providers.NotSetUp as error:
        _store_test(provider, OutcomeKind.CONFIG_ERROR, str(error))
        return
    tokens = min(TEST_TOKENS, model.max_tokens)
    entry = _reserve(model, budget.most_usd(model, prompt_chars=len(TEST_MESSAGE), max_tokens=tokens), by)
    if entry is None:
        _store_test(provider, OutcomeKind.CONFIG_ERROR, "no budget is left today, or none is set")
        return
    outcome = llm.run(llm.call(spec, _test_call(model, entry.pk, tokens)), deadline_s=TEST_TIMEOUT_S + 10)
    bill = budget.bill(model, outcome, prompt_chars=len(TEST_MESSAGE))
    with transaction.atomic():
        spending.book([(entry.pk, bill.state, bill.cost_usd)])
        Ledger.objects.filter(pk=entry.pk, state=LedgerState.RESERVED).update(**bill._asdict())
    _store_test(provider, outcome.kind, outcome.detail or f"{outcome.latency_ms} ms")


@transaction.atomic
def _reserve(model: ModelSpec, usd: Decimal, by: Any) -> Ledger | None:
    """Write the line of a call that is about to leave, or none when it fits no budget."""
    if not model.is_simulated and not all(spending.admit([Reservation(model.provider_id, usd)])):
        return None
    return Ledger.objects.create(
        model=model, attempt=1, contributor=by, reserved_usd=usd, price_version=model.price_version
    )


def _test_call(model: ModelSpec, ledger: uuid.UUID, tokens: int) -> CallSpec:
    return CallSpec(
        model=model.name,
        messages=[{"role": "user", "content": TEST_MESSAGE}],
        max_tokens=tokens,
        request_id=str(ledger),
        timeout_s=TEST_TIMEOUT_S,
        token_parameter=model.token_parameter,  # type: ignore[arg-type]
        temperature=0.0 if model.takes_temperature else None,
        reasoning_effort=model.reasoning_effort,
    )


def _store_test(provider: Provider, kind: str, detail: str) -> None:
    Provider.objects.filter(pk=provider.pk).update(
        tested_at=timezone.now(), test_outcome=kind, test_detail=detail[:200]
    )
