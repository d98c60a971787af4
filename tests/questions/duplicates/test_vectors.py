"""Vectors by an embedder: made once, stored with their pairs or not at all, and never in the way of the rest."""

import io
import json
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from questions import tasks
from questions.duplicates import embedders, presenters, search, vectors
from questions.enums import PairKind
from questions.models import ComparedText, DuplicatePair, EmbedderReport, TextVector
from tests.questions.duplicates.conftest import ENGLISH, FAR, GERMAN, NEAR, ONE
from tests.questions.duplicates.word_bag import WordBag

pytestmark = pytest.mark.django_db
BAG = "tests.questions.duplicates.word_bag"


def test_a_translation_is_found_by_meaning_only(tested: Any, word_bag: None) -> None:
    english, german = tested(ENGLISH), tested(GERMAN, language="de")
    tested(FAR)
    search.search_due()
    by_letters = DuplicatePair.objects.count()

    tasks.embed_texts()
    pair = DuplicatePair.objects.get()

    assert by_letters == 0
    assert {pair.first, pair.second} == {english, german}
    assert (pair.kind, pair.model) == (PairKind.EMBEDDING, "word-bag:1")
    assert pair.score == pytest.approx(1, abs=1e-6)


def test_a_second_delivery_changes_nothing(tested: Any, word_bag: None) -> None:
    tested(ENGLISH)
    tested(GERMAN, language="de")
    tasks.embed_texts()
    before = [list(model.objects.order_by("pk").values()) for model in (TextVector, DuplicatePair)]

    tasks.embed_texts()

    assert [list(model.objects.order_by("pk").values()) for model in (TextVector, DuplicatePair)] == before
    assert len(before[0]) == 2


def test_a_vector_is_stored_with_its_pairs_or_not_at_all(
    tested: Any, word_bag: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested(ENGLISH)
    tested(GERMAN, language="de")

    def dies(*_args: object, **_kwargs: object) -> None:
        raise SystemExit  # as a worker that is killed while it stores

    with monkeypatch.context() as patch:
        patch.setattr(search, "keep_pair", dies)
        with pytest.raises(SystemExit):
            tasks.embed_texts()
    cut_short = TextVector.objects.count()
    tasks.embed_texts()

    assert cut_short == 0
    assert (TextVector.objects.count(), DuplicatePair.objects.count()) == (2, 1)


def test_what_letters_found_stays_what_it_is(pair: DuplicatePair, word_bag: None) -> None:
    tasks.embed_texts()

    found = DuplicatePair.objects.get()

    assert (found.kind, found.model, found.score) == (PairKind.LEXICAL, "", pair.score)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("raises", "The encoder failed on a text: RuntimeError."),
        ("shapeless", "The encoder returned (1, 63) float32 instead of (1, 64) numbers."),
        ("numberless", "The encoder returned vectors that hold no numbers (NaN or infinite)."),
        ("endless", "The encoder returned vectors that are not of unit length."),
    ],
)
def test_a_text_that_the_encoder_fails_on_stays_due_and_keeps_no_other_waiting(
    tested: Any, settings: Any, caplog: pytest.LogCaptureFixture, fault: str, said: str
) -> None:
    settings.DUPLICATE_EMBEDDER = f"{BAG}:make_faulty"
    bad = tested(f"What is {fault} in a circular chromosome?")
    good = tested(ONE)
    caplog.clear()

    tasks.embed_texts()
    state = presenters.encoder_state()

    assert [row.question for row in vectors.due("faulty:1", None).select_related("question")] == [bad]
    assert TextVector.objects.get().text.question == good
    assert (state.is_running, state.body, state.due) == (False, said, 1)
    assert "chromosome" not in caplog.text


def test_a_run_beside_another_does_nothing(tested: Any, word_bag: None, django_db_blocker: Any) -> None:
    from django.db import connections

    tested(ONE)
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [vectors.EMBED_LOCK])
            outcome = vectors.embed_due()
    finally:
        other.close()

    assert outcome == (0, 0, "Another process is making vectors now.")
    assert not TextVector.objects.exists()


def test_texts_in_other_languages_are_left_and_counted(tested: Any, settings: Any) -> None:
    settings.DUPLICATE_EMBEDDER = f"{BAG}:make_english"
    tested(ENGLISH)
    tested(GERMAN, language="de")

    tasks.embed_texts()
    state = presenters.encoder_state()

    assert list(TextVector.objects.values_list("language", flat=True)) == ["en"]
    assert (state.is_running, state.due, state.uncovered) == (True, 0, 1)


def test_vectors_are_little_endian_floats_of_unit_length(tested: Any, word_bag: None) -> None:
    tested(ONE)

    tasks.embed_texts()
    stored = np.frombuffer(TextVector.objects.get().vector, dtype="<f4")

    assert stored.shape == (64,)
    assert stored == pytest.approx(WordBag().embed([ONE], ["en"])[0])


def test_the_scan_finds_what_all_products_say(tested: Any, word_bag: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "SCAN_BLOCK", 2)
    texts = [tested(text).compared_texts.get() for text in (ONE, NEAR, FAR, ENGLISH, ONE + " Why?")]
    tasks.embed_texts()
    bags = WordBag().embed([row.revision.prompt for row in texts], ["en"] * 5)

    found = vectors.scan("word-bag:1", bags, threshold=0.6)

    products = bags @ bags.T
    assert [{pk for pk, _score in near} for near in found] == [
        {texts[at].pk for at in np.nonzero(row >= 0.6)[0]} for row in products
    ]
    assert all(near == sorted(near, key=lambda one: (-one[1], one[0])) for near in found)


def test_nothing_is_hinted_without_an_embedder_or_work(tested: Any, settings: Any, word_bag: None) -> None:
    tested(ONE)
    due_before_any_report = vectors.is_anything_due()
    tasks.embed_texts()
    done = vectors.is_anything_due()
    settings.DUPLICATE_EMBEDDER = ""

    assert (due_before_any_report, done, vectors.is_anything_due()) == (True, False, False)


def test_after_a_problem_the_sweep_waits(tested: Any, settings: Any) -> None:
    settings.DUPLICATE_EMBEDDER = f"{BAG}:make_broken"
    tested(ONE)

    tasks.embed_texts()
    report = EmbedderReport.objects.get()

    assert report.problem == f"DUPLICATE_EMBEDDER: the model in {BAG}:make_broken cannot be read: OSError."
    assert not vectors.is_anything_due()


def test_messages_carry_ids_only_and_vectors_have_a_queue_of_their_own(settings: Any) -> None:
    from hle_site.celery import app

    route = app.amqp.router.route({}, "questions.tasks.embed_texts")

    assert route["queue"].name == "embeddings"
    assert app.amqp.router.route({}, "questions.tasks.find_duplicates")["queue"].name == "celery"
    assert tasks.embed_texts.run.__annotations__ == {"return": None}
    assert tasks.find_duplicates.run.__annotations__ == {"text_id": int, "return": None}


# --- the command ---


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("embed_questions", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_makes_what_is_missing_and_says_how_it_goes(tested: Any, word_bag: None) -> None:
    tested(ENGLISH)
    tested(GERMAN, language="de")
    ComparedText.objects.all().delete()

    first, second = command(), command()

    assert first.splitlines()[0] == "word-bag:1: 2 texts are due."
    assert first.splitlines()[1].startswith("2 of 2, ")
    assert first.splitlines()[2].startswith("Done: 2 vectors in ")
    assert second.splitlines()[0] == "word-bag:1: 0 texts are due."
    assert DuplicatePair.objects.count() == 1


def test_the_command_begins_again_and_prunes_when_told(tested: Any, word_bag: None) -> None:
    tested(ONE)
    command()
    old = TextVector.objects.get()
    TextVector.objects.create(text=old.text, model="word-bag:0", language="en", vector=b"")

    kept = command()
    pruned = command("--all", "--prune")

    assert "Deleted" not in kept
    assert "Deleted 1 vectors of other encoders." in pruned
    assert [(row.model, row.pk == old.pk) for row in TextVector.objects.all()] == [("word-bag:1", False)]


def test_the_command_tries_the_encoder(word_bag: None) -> None:
    assert command("--model-check").startswith("word-bag:1 works: 64 numbers, languages any, ")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("", "DUPLICATE_EMBEDDER names no encoder, so there is nothing to embed with."),
        (
            "/nowhere/at/all",
            "DUPLICATE_EMBEDDER names /nowhere/at/all, which is no directory that this process can read.",
        ),
    ],
)
def test_the_command_says_what_is_missing(db: None, settings: Any, setting: str, said: str) -> None:
    settings.DUPLICATE_EMBEDDER = setting

    with pytest.raises(CommandError, match=said.replace(".", r"\.")):
        command()


def test_the_command_fails_when_texts_stay_due(tested: Any, settings: Any) -> None:
    settings.DUPLICATE_EMBEDDER = f"{BAG}:make_faulty"
    tested("What raises a circular chromosome?")

    with pytest.raises(CommandError, match="1 texts have no vector and stay due"):
        command()


# --- naming an embedder ---


@pytest.mark.parametrize(
    ("files", "library"),
    [
        ({"encoder.json": {}}, "torch"),
        ({"modules.json": []}, "sentence_transformers"),
        ({"config.json": {"model_type": "model2vec"}, "model.safetensors": ""}, "model2vec"),
        ({"config.json": {"model_type": "model2vec"}, "model.safetensors": "", "modules.json": []}, "model2vec"),
        ({"config.json": {"model_type": "bert"}, "model.safetensors": "", "modules.json": []}, "sentence_transformers"),
    ],
)
def test_a_directory_is_known_by_its_files_and_asks_for_its_library(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, files: dict[str, Any], library: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    found = embedders.importlib.util.find_spec
    monkeypatch.setattr(embedders.importlib.util, "find_spec", lambda name: None if name == library else found(name))

    problem = embedders.problem_of(str(tmp_path))

    assert f"the Python library {library} is not installed: pip install" in problem


@pytest.mark.parametrize("files", [{}, {"config.json": '{"model_type": "bert"}', "model.safetensors": ""}])
def test_a_directory_of_another_kind_is_refused(tmp_path: Any, files: dict[str, str]) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)

    assert "which holds no encoder that is known here" in embedders.problem_of(str(tmp_path))


def test_an_unreadable_model_gets_a_sentence(tmp_path: Any) -> None:
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "model.safetensors").touch()

    assert embedders.problem_of(str(tmp_path)).endswith("cannot be read: JSONDecodeError.")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("no_such_package.module:make", "names the Python module no_such_package.module, which is not installed."),
        (f"{BAG}:make_nameless", "does not say its name and dimensions."),
        (f"{BAG}:no_such_function", "cannot be read: AttributeError."),
    ],
)
def test_a_function_that_is_none_gets_a_sentence(settings: Any, setting: str, said: str) -> None:
    settings.DUPLICATE_EMBEDDER = setting

    with pytest.raises(embedders.Unusable, match=said.replace(".", r"\.")):
        embedders.load()


def test_the_system_check_warns_and_the_site_goes_on(settings: Any, organiser: Any, client_of: Any) -> None:
    from django.core import checks

    settings.DUPLICATE_EMBEDDER = "/nowhere/at/all"
    settings.REQUIRE_STAFF_FACTOR = False

    warnings = [found for found in checks.run_checks() if found.id == "questions.W001"]
    page = client_of(organiser).get("/duplicates/")

    assert [found.msg for found in warnings] == [
        "DUPLICATE_EMBEDDER names /nowhere/at/all, which is no directory that this process can read."
    ]
    assert page.status_code == 200
    assert "which is no directory that this process can read" in page.content.decode()


def test_a_model_is_named_for_its_content_wherever_it_lies(tmp_path: Any) -> None:
    for place in ("one", "two", "other"):
        (tmp_path / place / "part").mkdir(parents=True)
        (tmp_path / place / "part/weights").write_bytes(b"a" if place != "other" else b"b")

    names = [embedders.content_hash(tmp_path / place) for place in ("one", "two", "other")]

    assert names[0] == names[1] != names[2]
    assert len(names[0]) == 16


def test_the_commands_in_sentences_install_what_the_extra_pins() -> None:
    from hle_site import bootstrap

    pins = bootstrap.requirements_of_extra(bootstrap.Paths.of(bootstrap.CHECKOUT), "crosslingual")
    command_ = embedders.KINDS["crosslingual"][2]

    assert {"torch==2.13.0", "tokenizers==0.23.3"} <= set(pins) & set(command_.split())


def test_pages_and_tasks_import_nothing_of_an_encoder() -> None:
    import subprocess
    import sys

    program = (
        "import django, sys; django.setup(); import questions.tasks, hle_site.urls;"
        "print(sorted({'torch', 'tokenizers', 'questions.crosslingual'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout.strip() == "[]", done.stderr
