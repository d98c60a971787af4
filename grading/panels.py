"""Providers and panels as data: the simulated panel that every site starts with."""

from typing import Any

from django.utils import timezone

from grading.models import CallPanel, ModelSpec, Panel, PanelMember, Policy, Provider
from questions.models import Call

POLICY = "paper-2025-1"
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
    """Create the simulated provider, its panel in waves of 2, 2, 2, and the policy of the paper, once."""
    policy, _new = Policy.objects.get_or_create(version=POLICY)
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
