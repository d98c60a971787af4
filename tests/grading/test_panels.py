"""Panels loaded from a file: all or nothing, and every refusal names its entry."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from grading import panels
from grading.models import ModelSpec, Panel, Provider
from questions.models import Call
from tests.factories import default_call

FILE = """
[panel]
slug = "two"
title = "Two models"
judge = "judge"

[providers.acme]
name = "Acme"
base_url = "https://api.acme.example/v1"
key_env = "ACME_API_KEY"
no_training_terms = "Agreement of 2026-01-01, section 4"

[models.quick]
provider = "acme"
model = "acme-quick-1"
wave = 1
usd_per_million_in = 0.25

[models.deep]
provider = "acme"
wave = 2
takes_images = true

[models.judge]
provider = "acme"
"""


@pytest.fixture
def allowed(settings: Any) -> None:
    settings.PROVIDER_HOSTS = ["api.acme.example"]


def test_load_makes_the_next_version_and_the_call_uses_it(organiser: Any, allowed: None) -> None:
    data = tomllib.loads(FILE)

    first = panels.load(data, call=default_call(), by=organiser)
    second = panels.load(data, call=default_call(), by=organiser)

    assert [first.version, second.version] == [1, 2]
    assert Call.objects.get(is_default=True).panel_choice.panel == second
    assert list(second.members.values_list("model__name", "wave", "for_images")) == [
        ("acme-quick-1", 1, False),
        ("deep", 2, True),
    ]
    assert Provider.objects.get(slug="acme").no_training_by == organiser


def test_new_price_in_a_file_needs_a_new_version_of_the_list(organiser: Any, allowed: None) -> None:
    panels.load(tomllib.loads(FILE), call=default_call(), by=organiser)
    dearer = FILE.replace("usd_per_million_in = 0.25", "usd_per_million_in = 0.50")

    with pytest.raises(panels.PanelRefused, match="its price has changed"):
        panels.load(tomllib.loads(dearer), call=default_call(), by=organiser)
    panels.load(
        tomllib.loads(dearer.replace("0.50", '0.50\nprice_version = "later"')), call=default_call(), by=organiser
    )

    assert str(ModelSpec.objects.get(label="quick").usd_per_million_in) == "0.5000"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            'no_training_terms = "Agreement of 2026-01-01, section 4"',
            "",
            "providers.acme: no_training_terms is missing",
        ),
        ("api.acme.example", "evil.example", "evil.example is not in PROVIDER_HOSTS"),
        ("usd_per_million_in", "price", "models.quick: price is not known"),
        ('judge = "judge"', 'judge = "nobody"', "nobody"),
        ("usd_per_million_in = 0.25", 'usd_per_million_in = "cheap"', "cheap"),
        ("wave = 2", 'wave = "second"', "models.deep: wave is 'second'"),
        ("wave = 2", "wave = 3", "The waves are 1, 3: number them from 1 without a gap."),
        ("wave = 2", 'wave = 2\nsubstitute = "nobody"', "nobody"),
    ],
)
def test_load_refuses_with_the_entry_and_stores_nothing(
    organiser: Any, allowed: None, old: str, new: str, sentence: str
) -> None:
    with pytest.raises(panels.PanelRefused, match=sentence.replace(".", r"\.")):
        panels.load(tomllib.loads(FILE.replace(old, new)), call=default_call(), by=organiser)

    assert not Panel.objects.filter(slug="two").exists()
    assert not Provider.objects.filter(slug="acme").exists()


def test_command_needs_an_organiser(contributor: Any, tmp_path: Path) -> None:
    file = tmp_path / "panel.toml"
    file.write_text(FILE)

    with pytest.raises(CommandError, match="is not an organiser"):
        call_command("load_panel", str(file), by=contributor.email)


SECOND = """
[providers.other]
base_url = "https://api.acme.example/v2"
key_env = "OTHER_API_KEY"
no_training_terms = "Agreement of 2026-01-02"

[models.referee]
provider = "other"
"""


def test_second_judge_is_of_another_provider(organiser: Any, allowed: None) -> None:
    data = tomllib.loads(FILE + SECOND)
    data["panel"]["second_judge"] = "referee"
    same = tomllib.loads(FILE)
    same["panel"]["second_judge"] = "quick"

    panel = panels.load(data, call=default_call(), by=organiser)

    assert panel.second_judge.provider.slug == "other"
    with pytest.raises(panels.PanelRefused, match="another provider"):
        panels.load(same, call=default_call(), by=organiser)
    assert Panel.objects.filter(slug="two").count() == 1
