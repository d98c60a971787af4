import dataclasses

import numpy as np
import pytest
import torch

from questions.crosslingual import transfer
from questions.crosslingual.languages import TAGS, TOPICS, Sentence
from questions.crosslingual.model import Encoder, Shape
from questions.crosslingual.train import Config, pretrain

SMALL = transfer.Sizes(training=300, labelled=200, tested=60, searched=400)
WORLD = transfer.world("script + inversion", 0, sizes=SMALL, scale=0.3)
PARTIAL = transfer.world("script + inversion", 0, sizes=SMALL, scale=0.3, share=0.25)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def fresh(of=WORLD, languages=0):
    torch.manual_seed(0)
    return Encoder(Shape(of.rows, layers=1, width=16, heads=2, inner=16, languages=languages)).eval()


def twin(of=WORLD):
    """An encoder in which each word and its translation have the very same row."""
    model = fresh(of)
    with torch.no_grad():
        model.words.weight[of.dictionary[:, 1]] = model.words.weight[of.dictionary[:, 0]]
    return model


def test_a_world_keeps_its_sentences_apart_and_parallel():
    texts = [
        {tuple(s.ids.tolist()) for s in part[transfer.ORIGINAL] if len(s.ids) > 8}
        for part in (WORLD.training, WORLD.labelled, WORLD.tested)
    ]

    assert [len(a & b) for a, b in ((texts[0], texts[1]), (texts[0], texts[2]), (texts[1], texts[2]))] == [0, 0, 0]
    for original, derived in zip(*WORLD.training, strict=True):
        assert derived.ids.tolist() == (original.ids[::-1] + WORLD.vocabulary).tolist()


def test_other_sentences_have_no_counterpart():
    other = transfer.world("script", 0, sizes=SMALL, scale=0.3, same_content=False)
    back = [(s.ids - other.vocabulary).tolist() for s in other.training[transfer.DERIVED]]

    assert [s.ids.tolist() for s in other.training[transfer.ORIGINAL]] != back
    assert other.rows == 2 * other.vocabulary


def test_held_out_words_are_what_the_dictionary_lacks():
    together = np.concatenate([PARTIAL.dictionary, PARTIAL.held_out])

    assert len(PARTIAL.dictionary) == round(0.25 * len(together))
    assert sorted(together.tolist()) == WORLD.dictionary.tolist()


def test_alignment_is_complete_for_twin_rows_and_by_chance_for_random_ones():
    assert transfer.alignment(twin(), WORLD.dictionary, WORLD) == 100.0
    assert transfer.alignment(fresh(), WORLD.dictionary, WORLD) < 10.0


def test_alignment_agrees_with_a_search_in_numpy():
    model = fresh(languages=2)
    rows = model.words.weight.detach().numpy()
    ids = model.languages.weight.detach().numpy()
    right = []
    for i, j in WORLD.dictionary.tolist():
        a = rows[i] + ids[0]
        candidates = rows[WORLD.vocabulary + 4 :] + ids[1]
        cosines = candidates @ a / (np.linalg.norm(candidates, axis=1) * np.linalg.norm(a))
        right.append(cosines.argmax() + WORLD.vocabulary + 4 == j)

    assert transfer.alignment(model, WORLD.dictionary, WORLD) == pytest.approx(100 * np.mean(right))


def test_retrieval_of_mean_rows_is_complete_for_twins():
    assert transfer.retrieval(twin(), WORLD.tested, static=True) == 100.0
    assert transfer.retrieval(fresh(), WORLD.tested, static=True) < 20.0


def test_sentence_vectors_are_centred_and_of_unit_length():
    model = fresh()
    vectors = transfer.sentence_vectors(model, WORLD.tested[0], 0).numpy()
    states = model(transfer.frame([torch.from_numpy(s.ids) for s in WORLD.tested[0]])).detach().numpy()
    means = np.array([row[1 : len(s.ids) + 1].mean(0) for row, s in zip(states, WORLD.tested[0], strict=True)])
    centred = means - means.mean(0)

    assert vectors == pytest.approx(centred / np.linalg.norm(centred, axis=1, keepdims=True), abs=1e-5)


def test_held_out_sentences_have_no_word_of_the_dictionary_but_marks():
    chosen = transfer.without(PARTIAL.searched, PARTIAL.dictionary, limit=20)
    known = set(PARTIAL.dictionary[:, 0].tolist())
    mark = TAGS.index("PUNCT")

    assert 0 < len(chosen[0]) == len(chosen[1]) <= 20
    for original, derived in zip(*chosen, strict=True):
        assert not known & {w for w, t in zip(original.ids.tolist(), original.tags.tolist(), strict=True) if t != mark}
        assert derived.ids.tolist() == (original.ids[::-1] + PARTIAL.vocabulary).tolist()


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        ([0, 0, 1, 2], [0, 0, 1, 2], 100.0),
        ([0, 1, 1, 2], [0, 0, 1, 2], 100 * 2 * 1 / (3 + 3)),  # only the last run has both its ends
        ([1, 1, 1, 1], [0, 0, 1, 2], 0.0),
        ([0, 0, 0, 0], [0, 0, 0, 1], 0.0),
    ],
)
def test_f1_counts_whole_runs(predicted, gold, expected):
    assert transfer.runs_f1([np.array(predicted)], [np.array(gold)]) == pytest.approx(expected)


def test_accuracy_counts_tokens():
    assert transfer.accuracy([np.array([0, 1]), np.array([2])], [np.array([0, 2]), np.array([2])]) == pytest.approx(
        200 / 3
    )


def test_measures_leave_the_encoder_as_it_was_and_cover_both_regimes():
    model = fresh(PARTIAL)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    scores = transfer.measure(model, PARTIAL, seed=0)

    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert {
        f"{task}.{regime}.{way}"
        for task in ("pos", "pos.runs", "topic")
        for regime in ("probe", "tuned")
        for way in ("zero", "supervised")
    } <= set(scores)
    assert {"alignment.held_out", "retrieval.held_out", "retrieval.held_out.n"} <= set(scores)
    assert all(0 <= scores[name] <= 100 for name in scores if not name.endswith(".n"))


def test_measures_are_the_same_with_the_same_seed():
    assert transfer.measure(fresh(), WORLD, seed=3) == transfer.measure(fresh(), WORLD, seed=3)


def test_an_aligned_encoder_carries_tags_over_and_a_plain_one_does_not():
    config = Config(steps=200, batch=32, layers=1, width=32, heads=2, inner=64)
    corpora = [[s.ids for s in part] for part in WORLD.training]
    aligned, plain = (
        transfer.measure(
            pretrain(corpora, WORLD.dictionary, WORLD.rows, dataclasses.replace(config, objective=name)).model, WORLD, 0
        )
        for name in ("align-mlm", "mlm")
    )

    assert aligned["pos.probe.zero"] > plain["pos.probe.zero"] + 15
    assert aligned["alignment"] > 95


def sentence(ids, tags, topic=0):
    return Sentence(np.array(ids), np.array(tags), topic, np.arange(len(ids)))


def test_rivals_by_hand():
    """Three words: 4 is tagged 0 twice and 1 once, 5 is tagged 1, 6 is not in the dictionary."""
    labelled = [sentence([4, 4, 5], [0, 0, 1], 0), sentence([5, 5, 4], [1, 1, 1], 1)]
    tested = [sentence([14, 15, 16], [0, 1, 0], 0), sentence([15, 15, 14], [1, 1, 0], 1)]
    of = transfer.World(
        10,
        20,
        ([], []),
        (labelled, []),
        ([sentence([6, 5, 4], [0, 1, 0], 0), sentence([4, 5, 5], [0, 1, 1], 1)], tested),
        ([], []),
        np.array([[4, 14], [5, 15]]),
        np.array([[6, 16]]),
    )

    scores = transfer.rivals(of)

    assert scores["pos.majority"] == pytest.approx(50.0)  # tag 1, four of six labelled tokens
    assert scores["pos.dictionary"] == pytest.approx(100 * 5 / 6)  # the unknown word gets the majority tag
    assert scores["topic.majority"] == pytest.approx(50.0)
    assert scores["topic.bag_of_words"] == pytest.approx(100.0)
    assert scores["retrieval.bag_of_words"] == pytest.approx(50.0)  # 6 5 4 is nearer to the translation of 5 5 4


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 2, 3], [10, 20, 30], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([1, 2, 3, 4], [1, 3, 2, 4], 0.8),  # 1 - 6 * 2 / (4 * 15)
        ([1, 1, 2], [1, 2, 3], np.sqrt(3) / 2),  # ranks 1.5, 1.5, 3 against 1, 2, 3
    ],
)
def test_rank_correlation(first, second, expected):
    assert transfer.spearman(first, second) == pytest.approx(expected)


def test_rank_correlation_of_a_constant_is_not_a_number():
    assert np.isnan(transfer.spearman([1, 1], [1, 2]))


def test_topics_and_tags_have_their_own_number_of_classes():
    assert (transfer.PARTS_OF_SPEECH.classes, transfer.TOPIC.classes) == (len(TAGS), TOPICS)
