"""The catalogue: what organisers may change, what a check has used and stays, and the pages of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.urls import reverse

from grading import tasks
from grading.catalogue import actions, rules
from grading.catalogue.actions import Seat
from grading.models import Ledger, ModelSpec, Panel, PanelMember, Policy, Prediction, Provider
from hle_site.audit.models import AuditEvent
from questions.models import Call
from questions.workflow import Refused
from tests.factories import default_call, make_eligible
from tests.grading.simulator.process import Simulator

pytestmark = pytest.mark.django_db

PROVIDER = {
    "name": "Acme",
    "slug": "acme",
    "dialect": "openai_chat",
    "base_url": "https://api.acme.example/v1",
    "base_url_env": "",
    "key_env": "ACME_API_KEY",
    "max_connections": "100",
    "requests_per_minute": "",
    "tokens_per_minute": "",
    "is_active": "on",
}


@pytest.fixture(autouse=True)
def allowed(settings: Any) -> None:
    settings.PROVIDER_HOSTS = ["api.acme.example"]
    settings.REQUIRE_STAFF_FACTOR = False


@pytest.fixture
def acme(organiser: Any) -> Provider:
    fields = {"slug": "acme", "name": "Acme", "base_url": "https://api.acme.example/v1", "key_env": "ACME_API_KEY"}
    return actions.save_provider(provider=Provider(**fields), by=organiser)


def simulated(name: str) -> ModelSpec:
    return ModelSpec.objects.get(name=f"simulated-{name}")


def test_provider_is_added_on_the_page_and_logged(organiser: Any, client_of: Callable[[Any], Any]) -> None:
    answer = client_of(organiser).post(reverse("panels:new_provider"), PROVIDER)

    provider = Provider.objects.get(slug="acme")
    assert (answer.status_code, answer.url) == (302, reverse("panels:provider", args=["acme"]))
    assert (provider.base_url, provider.key_env, provider.no_training_at) == (
        "https://api.acme.example/v1",
        "ACME_API_KEY",
        None,
    )
    assert AuditEvent.objects.filter(action="provider.create", actor_id=organiser.pk).count() == 1


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("base_url", "https://evil.example/v1", "The host evil.example is not in PROVIDER_HOSTS"),
        ("base_url", "http://api.acme.example/v1", "The address must begin with https://."),
        ("base_url", "https://me:word@api.acme.example/v1", "An address carries no user name or password"),
        ("base_url", "", "Give either an address or the variable that holds it."),
        ("base_url_env", "ACME_API_URL", "Give either an address or the variable that holds it."),
        ("base_url_env", "DATABASE_URL", "the variable of an address must end with _API_URL"),
        ("key_env", "SECRET_KEY", "the variable of a key must end with _API_KEY"),
        ("key_env", "RELEASE_KEY", "the variable of a key must end with _API_KEY"),
        ("key_env", "", "This field is required."),
        ("slug", "two words", "letters, numbers, underscores or hyphens"),
        ("max_connections", "-1", "greater than or equal to 0"),
    ],
)
def test_provider_page_refuses_with_a_sentence_and_keeps_what_was_typed(
    organiser: Any, client_of: Callable[[Any], Any], field: str, value: str, sentence: str
) -> None:
    answer = client_of(organiser).post(reverse("panels:new_provider"), PROVIDER | {field: value})

    page = answer.content.decode()
    assert answer.status_code == 400
    assert sentence in page
    assert 'value="Acme"' in page
    assert not Provider.objects.filter(name="Acme").exists()


@pytest.mark.parametrize(
    "address",
    [
        "https://api.acme.example.evil.example/", "https://evil.example/api.acme.example", "https://evil.example?api.acme.example",
        "https://evil.example#api.acme.example", "https://api.acme.example@evil.example/", "https://evil.example\\@api.acme.example/",
        "https://api.acme.example\\.evil.example/", "https://api.acme.example\t.evil.example/", "https://api.acme.example%00.evil.example/",
        "https://api.acme.example\r\nHost: evil.example/", "https:\\\\evil.example", "https:evil.example", "//evil.example", "https:///x",
        "https://127.0.0.1/", "https://2130706433/", "https://0x7f000001/", "https://127.1/", "https://0/", "https://[::1]/",
        "https://[::ffff:127.0.0.1]/", "https://localhost/", "https://169.254.169.254/latest/meta-data", "https://[x/", "",
        "http://api.acme.example/", "ftp://api.acme.example/", "gopher://api.acme.example/", "file:///etc/passwd", "unix:///run/x.sock",
        "data:,x", "javascript:alert(1)", "https://\u0430pi.acme.example/", "https://api\u3002acme\u3002example/", "https://api.acme.example./v1",
    ],
)  # fmt: skip
def test_no_form_of_an_address_leads_to_another_host(address: str) -> None:
    assert rules.address_problem(address)


def test_new_address_voids_the_terms(organiser: Any, acme: Provider) -> None:
    actions.record_terms(provider=acme, terms="Terms of 2026-01-01, section 3", by=organiser)
    acme.base_url = "https://api.acme.example/v2"

    actions.save_provider(provider=acme, by=organiser)

    acme.refresh_from_db()
    assert (acme.no_training_terms, acme.no_training_at, acme.no_training_by) == ("", None, None)


def test_terms_are_recorded_with_name_and_time(organiser: Any, acme: Provider, client_of: Callable[[Any], Any]) -> None:
    client = client_of(organiser)
    address = reverse("panels:terms", args=["acme"])

    refused = client.post(address, {"terms": "none"})
    answer = client.post(address, {"terms": "Terms of 2026-01-01, section 3"})

    acme.refresh_from_db()
    assert (refused.status_code, answer.status_code) == (400, 302)
    assert (acme.no_training_by, acme.no_training_terms) == (organiser, "Terms of 2026-01-01, section 3")
    assert acme.no_training_at is not None


def test_model_that_answered_keeps_what_it_is_sent(organiser: Any, contributor: Any) -> None:
    make_eligible(by=contributor)
    model = simulated("small")
    assert Prediction.objects.filter(model=model).exists()
    model.max_tokens += 1

    with pytest.raises(Refused, match="max_tokens"):
        actions.save_model(model=model, by=organiser)

    model.refresh_from_db()
    model.timeout_s = 30
    assert actions.save_model(model=model, by=organiser).timeout_s == 30


def test_new_price_needs_a_new_version_of_the_list(organiser: Any, acme: Provider) -> None:
    model = actions.save_model(model=ModelSpec(provider=acme, name="quick", label="quick"), by=organiser)
    model.usd_per_million_in = 3

    with pytest.raises(Refused, match="new version"):
        actions.save_model(model=model, by=organiser)

    model.price_version = "2026-11-24"
    assert actions.save_model(model=model, by=organiser).price_version == "2026-11-24"


def seats(*names: str) -> list[Seat]:
    return [Seat(simulated(name), 1, for_text=True, for_images=False) for name in names]


def test_unused_panel_is_changed_and_a_used_one_gets_the_next_version(organiser: Any, contributor: Any) -> None:
    head = {"slug": "mine", "title": "Mine", "judge": simulated("judge"), "second_judge": None, "by": organiser}
    first = actions.save_panel(**head, seats=seats("small"))

    same = actions.save_panel(**head, seats=seats("small", "large"), panel=first)
    actions.use_panel(call=default_call(), panel=same, policy=Policy.objects.first(), by=organiser)
    following = actions.save_panel(**head, seats=seats("deep"), panel=same)

    assert (first.pk, first.version, following.version) == (same.pk, 1, 2)
    assert list(same.members.values_list("model__name", flat=True)) == ["simulated-small", "simulated-large"]
    assert default_call().panel_choice.panel == same


@pytest.mark.parametrize(
    "change",
    [
        lambda panel: Panel.objects.filter(pk=panel.pk).update(title="Other"),
        lambda panel: Panel.objects.filter(pk=panel.pk).update(second_judge=simulated("deep")),
        lambda panel: panel.members.all().update(wave=1),
        lambda panel: panel.members.all().delete(),
        lambda panel: PanelMember.objects.create(panel=panel, model=simulated("judge"), wave=1, position=9),
        lambda panel: PanelMember.objects.filter(model=simulated("small")).exclude(panel=panel).update(panel=panel),
    ],
    ids=["title", "judge", "wave", "member gone", "new member", "member moved in"],
)
def test_database_keeps_a_panel_that_a_check_used(organiser: Any, contributor: Any, change: Any) -> None:
    used = make_eligible(by=contributor).checks.get().panel
    head = {"slug": "mine", "title": "Mine", "judge": simulated("judge"), "second_judge": None, "by": organiser}
    actions.save_panel(**head, seats=seats("small"))
    before = list(used.members.order_by("pk").values())

    with pytest.raises(IntegrityError, match="was used by a check"), transaction.atomic():
        change(used)

    assert list(used.members.order_by("pk").values()) == before
    assert Panel.objects.get(pk=used.pk).title == used.title


def test_database_lets_an_unused_panel_change(organiser: Any, contributor: Any) -> None:
    make_eligible(by=contributor)
    head = {"slug": "mine", "title": "Mine", "judge": simulated("judge"), "second_judge": None, "by": organiser}
    unused = actions.save_panel(**head, seats=seats("small"))

    unused.members.all().update(wave=2)
    unused.delete()

    assert not PanelMember.objects.filter(panel__slug="mine").exists()


def test_check_under_way_keeps_the_panel_that_it_began_with(organiser: Any, contributor: Any) -> None:
    question = make_eligible(by=contributor)
    before = question.checks.get().panel
    head = {"slug": "mine", "title": "Mine", "judge": simulated("judge"), "second_judge": None, "by": organiser}
    panel = actions.save_panel(**head, seats=seats("small"))

    actions.use_panel(call=default_call(), panel=panel, policy=Policy.objects.first(), by=organiser)

    assert question.checks.get().panel == before
    assert Call.objects.get(is_default=True).panel_choice.panel == panel


@pytest.mark.parametrize(
    ("places", "second", "sentence"),
    [
        ([], None, "Give at least one model a wave."),
        ([("small", 1, True, False), ("large", 3, True, False)], None, "Number the waves from 1 without a gap."),
        ([("small", 1, False, True)], None, "No model answers text questions"),
        ([("small", 1, False, False)], None, "answers neither text nor pictures"),
        ([("swift", 1, True, True)], None, "simulated-swift takes no pictures"),
        ([("small", 1, True, False)], "large", "The second judge must be of another provider"),
    ],
)
def test_panel_that_makes_no_sense_is_refused(organiser: Any, places: Any, second: Any, sentence: str) -> None:
    wanted = [Seat(simulated(name), *rest) for name, *rest in places]
    other = simulated(second) if second else None

    with pytest.raises(Refused, match=sentence):
        actions.save_panel(
            slug="mine", title="Mine", judge=simulated("judge"), second_judge=other, seats=wanted, by=organiser
        )
    assert not Panel.objects.filter(slug="mine").exists()


def test_panel_is_composed_on_the_page(organiser: Any, client_of: Callable[[Any], Any]) -> None:
    small, large = simulated("small"), simulated("large")
    form = {"slug": "mine", "title": "Mine", "judge": simulated("judge").pk}
    form |= {f"wave_{small.pk}": 2, f"text_{small.pk}": "on", f"wave_{large.pk}": 1, f"text_{large.pk}": "on"}
    form |= {f"substitute_{small.pk}": large.pk}

    answer = client_of(organiser).post(reverse("panels:new_panel"), form)

    assert answer.url == reverse("panels:panel", args=["mine", 1])
    members = Panel.objects.get(slug="mine").members.values_list("model__name", "wave", "substitute__name")
    assert list(members) == [("simulated-large", 1, None), ("simulated-small", 2, "simulated-large")]


def test_preset_of_the_paper_is_added_once_and_sends_nothing_before_terms(organiser: Any) -> None:
    panel = actions.add_preset(slug="hle-paper", by=organiser)

    asked = [(m.model.label, m.wave, m.for_images) for m in panel.members.select_related("model")]
    assert asked == [
        ("gpt-4o", 1, True),
        ("gemini-1.5-pro", 1, True),
        ("claude-3.5-sonnet", 2, True),
        ("o1", 2, True),
        ("o1-mini", 3, False),
        ("o1-preview", 3, False),
    ]
    assert not Provider.objects.filter(is_simulated=False, no_training_at__isnull=False).exists()
    with pytest.raises(Refused, match="added before"):
        actions.add_preset(slug="hle-paper", by=organiser)


def test_connection_is_tested_by_a_call_that_has_a_line_in_the_ledger(
    organiser: Any, simulate: Callable[..., Simulator]
) -> None:
    simulate()
    model = simulated("small")

    tasks.test_connection(model.pk, str(organiser.pk))

    provider = Provider.objects.get(slug="simulated")
    assert provider.test_outcome == "answer"
    assert list(Ledger.objects.values_list("prediction", "contributor", "state")) == [(None, organiser.pk, "billed")]


def test_connection_test_says_what_is_missing_and_sends_nothing(organiser: Any, acme: Provider) -> None:
    model = actions.save_model(model=ModelSpec(provider=acme, name="quick", label="quick"), by=organiser)

    tasks.test_connection(model.pk, str(organiser.pk))

    acme.refresh_from_db()
    assert (acme.test_outcome, acme.test_detail) == ("config_error", "no agreement against training on record")
    assert not Ledger.objects.exists()


def test_connection_test_of_a_paid_model_needs_a_budget(organiser: Any, acme: Provider) -> None:
    actions.record_terms(provider=acme, terms="Terms of 2026-01-01, section 3", by=organiser)
    model = actions.save_model(model=ModelSpec(provider=acme, name="quick", label="quick"), by=organiser)

    tasks.test_connection(model.pk, str(organiser.pk))

    acme.refresh_from_db()
    assert (acme.test_outcome, acme.test_detail) == ("config_error", "no budget is left today, or none is set")


def test_pages_show_the_presence_of_a_key_and_never_its_value(
    organiser: Any, acme: Provider, client_of: Callable[[Any], Any], monkeypatch: Any
) -> None:
    monkeypatch.setenv("ACME_API_KEY", "cnry-key-value")
    client = client_of(organiser)

    pages = [client.get(reverse("panels:index")), client.get(reverse("panels:provider", args=["acme"]))]

    for page in pages:
        assert "ACME_API_KEY" in page.content.decode()
        assert "present" in page.content.decode()
        assert "cnry-key-value" not in page.content.decode()


ACTS = {
    "save_provider": lambda by: actions.save_provider(
        provider=Provider(slug="x", name="x", key_env="X_API_KEY"), by=by
    ),
    "record_terms": lambda by: actions.record_terms(provider=Provider.objects.first(), terms="x" * 20, by=by),
    "save_model": lambda by: actions.save_model(model=simulated("small"), by=by),
    "save_panel": lambda by: actions.save_panel(
        slug="x", title="x", judge=simulated("judge"), second_judge=None, seats=seats("small"), by=by
    ),
    "use_panel": lambda by: actions.use_panel(
        call=default_call(), panel=Panel.objects.first(), policy=Policy.objects.first(), by=by
    ),
    "create_policy": lambda by: actions.create_policy(policy=Policy(version="x"), by=by),
    "add_preset": lambda by: actions.add_preset(slug="hle-paper", by=by),
    "request_test": lambda by: actions.request_test(model=simulated("small"), by=by),
}


@pytest.mark.parametrize("act", ACTS)
def test_only_organisers_change_the_catalogue(contributor: Any, senior: Any, act: str) -> None:
    before = AuditEvent.objects.count()

    for person in (contributor, senior):
        with pytest.raises(PermissionDenied):
            ACTS[act](person)

    assert AuditEvent.objects.count() == before


def test_policy_is_stored_as_a_new_version(organiser: Any, client_of: Callable[[Any], Any]) -> None:
    form = {"version": "strict-1", "exact_max_correct": 0, "choice_max_correct": 0, "confirmation_rounds": 2}
    form |= {"confirm_from_try": 1, "confirm_max_correct": 0, "run_all_percent": 3, "orders_waves": "on"}
    client = client_of(organiser)

    refused = client.post(reverse("panels:new_policy"), form | {"run_all_percent": 300})
    answer = client.post(reverse("panels:new_policy"), form)

    stored = Policy.objects.get(version="strict-1")
    assert (refused.status_code, answer.status_code) == (400, 302)
    assert (stored.confirmation_rounds, stored.run_all_percent, stored.orders_waves) == (2, 3, True)


def test_provider_that_is_left_alone_is_opened_by_hand(organiser: Any, client_of: Callable[[Any], Any]) -> None:
    Provider.objects.filter(slug="simulated").update(paused_reason="It fails call after call")
    client, page = client_of(organiser), reverse("panels:provider", args=["simulated"])
    before = client.get(page).content.decode()

    answer = client.post(reverse("panels:reopen", args=["simulated"]))

    assert "It fails call after call" in before
    assert answer.status_code == 302
    assert Provider.objects.get(slug="simulated").paused_reason == ""
    assert "It fails call after call" not in client.get(page).content.decode()
