import numpy as np
import pytest

from questions.crosslingual import induction, languages, transfer
from questions.crosslingual.induction import Block
from questions.crosslingual.report import share

SIZES = transfer.Sizes(training=6000, labelled=1, tested=1, searched=1)


def induced(of):
    corpora = tuple([s.ids for s in part] for part in of.training)
    blocks = (Block(languages.SPECIALS, of.vocabulary), Block(of.vocabulary + languages.SPECIALS, of.rows))
    return induction.induce(corpora, of.dictionary, blocks)


def test_company_finds_far_more_held_out_words_than_chance():
    of = transfer.world("script + inversion", 0, share=0.5, same_content=False, sizes=SIZES, scale=0.3)
    found = induced(of)

    assert not set(found[:, 0]) & set(of.dictionary[:, 0])
    assert not set(found[:, 1]) & set(of.dictionary[:, 1])
    assert len(set(found[:, 0])) == len(set(found[:, 1])) == len(found)
    assert len(found) > len(of.held_out) / 4
    assert share(found, of.held_out) > 0.4


def test_the_same_sentences_give_everything_away():
    of = transfer.world("script + inversion", 0, share=0.5, sizes=SIZES, scale=0.3)

    assert share(induced(of), of.held_out) > 0.97


def test_without_a_known_pair_it_refuses():
    with pytest.raises(ValueError, match="Without a known pair"):
        induction.induce(([np.array([4])], [np.array([9])]), np.empty((0, 2), dtype=int), (Block(4, 6), Block(8, 10)))


def test_a_full_dictionary_leaves_nothing_to_find():
    of = transfer.world("script", 0, sizes=SIZES._replace(training=50), scale=0.3)

    assert induced(of).shape == (0, 2)


def test_csls_takes_a_hub_down():
    """Word 2 is near to all; without correction words 0 and 1 both choose it."""
    similarity = np.array([[0.8, 0.1, 0.9], [0.1, 0.8, 0.85], [0.2, 0.2, 0.95]], dtype=np.float32)

    assert similarity.argmax(1).tolist() == [2, 2, 2]
    assert induction.csls(similarity, neighbours=2).argmax(1).tolist() == [0, 1, 2]


def test_neighbours_stay_within_a_sentence_and_count_both_ways():
    flat = np.array([4, 5, 6, -1, 7, 8, -1])
    words, others = induction._neighbours(flat, np.cumsum(flat < 0), 1, 1)

    assert sorted(zip(words.tolist(), others.tolist(), strict=True)) == [(4, 5), (5, 4), (5, 6), (6, 5), (7, 8), (8, 7)]
