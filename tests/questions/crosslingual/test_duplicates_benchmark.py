"""What `manage.py bench crosslingual_duplicates` counts, by hand; its material is tested without PyTorch."""

import numpy as np
import pytest

from questions.crosslingual.corpora import Dictionary
from tests.benchmarks.crosslingual_duplicates import __main__ as benchmark
from tests.benchmarks.crosslingual_duplicates import measure, searches
from tests.benchmarks.crosslingual_duplicates.material import Material, Query, Question

INDEX = [
    Question(name, text, "sets", name) for name, text in (("a", "prime ring 12"), ("b", "map"), ("c", "prime set"))
]
QUERIES = [
    Query("დგ აბ 12", "a", "re-ordered"),
    Query("ვზ", "b", "words dropped"),
    Query("აბ", "new", "half translated"),
    Query("აბ აბ", "c", "re-ordered"),
]
LIKENESS = np.array([[0.9, 0.1, 0.2], [0.1, 0.8, 0.2], [0.7, 0.1, 0.2], [0.6, 0.1, 0.2]])
MATERIAL = Material(INDEX, QUERIES, {}, Dictionary(("en", "qaa"), [("prime", "აბ"), ("ring", "დგ")]))


def test_bag_of_words_is_the_cosine_of_tf_idf_of_translated_words():
    prime, ring, number = np.log(1 + 3 / 2), np.log(1 + 3), np.log(1 + 3)

    found = searches.bag_of_words(MATERIAL)

    assert found[0] == pytest.approx([1, 0, prime**2 / np.sqrt(prime**2 + ring**2 + number**2) / np.hypot(prime, ring)])
    assert found[1] == pytest.approx([0, 0, 0])  # no entry, and no such word in the index
    assert found[2] == pytest.approx(found[3])


def test_character_runs_find_what_is_the_same_in_both_languages():
    found = searches.character_grams(MATERIAL)

    assert found[0].argmax() == 0
    assert found[1:].max() == 0
    assert searches.translated_grams(MATERIAL)[0].argmax() == 0


def test_threshold_gives_the_highest_f1():
    best = np.array([0.9, 0.8, 0.7, 0.6])
    right = np.array([True, True, False, True])
    wanted = np.array([True, True, False, True])

    assert measure.threshold(best, right, wanted) == 0.6  # 3 of 4 right, all found, against 2 of 2 right, 2 of 3 found
    assert measure.threshold(best, right & [True, True, True, False], wanted) == 0.8


@pytest.fixture
def two_kinds(monkeypatch):
    monkeypatch.setattr(measure, "KINDS", ("words dropped", "re-ordered"))


def test_score_counts_first_hits_and_uses_the_threshold_of_the_other_half(two_kinds):
    found = measure.score(LIKENESS, MATERIAL, seed=0)

    assert found.top == pytest.approx(100 * 2 / 3)  # the third is in no index, the fourth is found as a
    assert (found.by_kind["words dropped"], found.by_kind["re-ordered"]) == (100.0, 50.0)
    assert found.f1 == pytest.approx(2 * found.precision * found.recall / (found.precision + found.recall))


def test_a_fixed_threshold_reports_all_from_there(two_kinds):
    found = measure.score(LIKENESS, MATERIAL, seed=0, least=0.65)

    assert (found.precision, found.recall) == pytest.approx((100 * 2 / 3, 100 * 2 / 3))


def test_the_word_list_of_the_site_is_among_the_searches():
    material = MATERIAL._replace(corpora={"en": [one.text for one in INDEX]})

    assert measure.word_list(material).argmax(axis=1)[[0, 2]].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("added", "says"), [(80.0, "the encoder does not win"), (90.0, "wins in every seed: encoder + bag of words")]
)
def test_the_encoder_wins_only_where_it_beats_the_better_rival_in_every_seed(added, says):
    scores = {
        "encoder": 50.0,
        "encoder + bag of words": added,
        "bag of words": 70.0,
        "character runs, translated": 85.0,
    }
    one = {name: measure.Score(f1, f1, f1, f1, {}) for name, f1 in scores.items()}
    done = {measure.Run(seed, share, None, 1): one for seed in range(2) for share in (1.0, 0.5, 0.25)}

    assert [line.rpartition("; ")[2] for line in benchmark.verdict(done)] == [says] * 3
