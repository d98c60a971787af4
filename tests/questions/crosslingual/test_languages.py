"""The synthetic languages need NumPy alone, but belong to the extra."""

from collections import Counter

import numpy as np
import pytest

from questions.crosslingual import languages
from questions.crosslingual.languages import LENGTHS, MARKS, SPECIALS, TAGS, TOPICS, Sentence

WORDS = languages.lexicon(0)
SENTENCES = languages.sample(WORDS, 2000, seed=1)
THREE = Sentence(np.array([4, 5, 6, 7]), np.array([0, 1, 2, 13]), 3, np.array([1, 0, 2, 3]))
NO_CHANCE = np.random.default_rng(0)


def test_the_same_seed_gives_the_same_sentences_and_another_seed_others():
    again = languages.sample(languages.lexicon(0), 2000, seed=1)
    other = languages.sample(WORDS, 2000, seed=2)

    assert [s.ids.tolist() for s in again] == [s.ids.tolist() for s in SENTENCES]
    assert [s.ids.tolist() for s in other] != [s.ids.tolist() for s in SENTENCES]


def test_sentences_keep_to_length_tags_topics_and_rows():
    lengths = {len(sentence.ids) for sentence in SENTENCES}
    ids = np.concatenate([sentence.ids for sentence in SENTENCES])

    assert lengths == set(range(LENGTHS[0], LENGTHS[1] + 1))
    assert {int(tag) for sentence in SENTENCES for tag in sentence.tags} == set(range(len(TAGS)))
    assert {sentence.topic for sentence in SENTENCES} == set(range(TOPICS))
    assert ids.min() >= SPECIALS
    assert ids.max() < WORDS.size


def test_every_sentence_ends_with_an_end_mark():
    ends = {int(WORDS.words[mark][0]) for mark in MARKS if mark != ","}

    assert {int(sentence.ids[-1]) for sentence in SENTENCES} == ends


def test_shared_forms_carry_two_tags():
    tags = {
        word: {t for s in SENTENCES for w, t in zip(s.ids, s.tags, strict=True) if w == word}
        for word in range(SPECIALS, WORDS.size)
    }
    both = set(WORDS.words["NOUN"].tolist()) & set(WORDS.words["VERB"].tolist())

    assert len(both) == 40
    assert max(len(found) for found in tags.values()) > 1


def test_a_sentence_draws_most_of_its_content_words_from_its_topic():
    on_topic = []
    for sentence in SENTENCES:
        of_topic = {tag: set(WORDS.by_topic[tag][sentence.topic][0].tolist()) for tag in languages.TOPICAL}
        on_topic += [
            int(w) in of_topic[TAGS[t]] for w, t in zip(sentence.ids, sentence.tags, strict=True) if TAGS[t] in of_topic
        ]

    assert 0.68 < np.mean(on_topic) < 0.80  # 0.7 drawn from it, and a few of the rest by chance


def test_frequencies_follow_zipf():
    counts = Counter(int(w) for s in languages.sample(WORDS, 5000, seed=3) for w in s.ids)
    first, tenth = WORDS.words["DET"][0], WORDS.words["DET"][9]

    assert languages.zipf(3) == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    assert 7 < counts[int(first)] / counts[int(tenth)] < 14


def test_scale_multiplies_the_open_classes():
    larger = languages.lexicon(0, scale=2.0)

    assert [len(larger.words[tag]) for tag in ("NOUN", "VERB", "DET")] == [500, 250, 12]
    assert len(set(larger.words["NOUN"]) & set(larger.words["VERB"])) == 80


@pytest.mark.parametrize(
    ("transformation", "ids", "tags"),
    [
        ("script", [104, 105, 106, 107], [0, 1, 2, 13]),
        ("inversion", [7, 6, 5, 4], [13, 2, 1, 0]),
        ("syntax", [5, 4, 6, 7], [1, 0, 2, 13]),
        ("script + inversion", [107, 106, 105, 104], [13, 2, 1, 0]),
        ("script + syntax", [105, 104, 106, 107], [1, 0, 2, 13]),
    ],
)
def test_a_transformation_moves_words_and_tags_together(transformation, ids, tags):
    (derived,) = languages.derive([THREE], languages.steps_of(transformation, 100), seed=0)

    assert derived.ids.tolist() == ids
    assert derived.tags.tolist() == tags


def test_permutation_keeps_the_words_with_their_tags_and_follows_its_seed():
    steps = languages.steps_of("permutation", 100)
    first = languages.derive(SENTENCES, steps, seed=0)

    assert [sorted(zip(s.ids, s.tags, strict=True)) for s in first] == [
        sorted(zip(s.ids, s.tags, strict=True)) for s in SENTENCES
    ]
    assert [s.ids.tolist() for s in first] == [s.ids.tolist() for s in languages.derive(SENTENCES, steps, seed=0)]
    assert [s.ids.tolist() for s in first] != [s.ids.tolist() for s in SENTENCES]


def test_the_second_grammar_is_verb_final_with_postpositions():
    derived = languages.derive(SENTENCES, [languages.syntax], seed=0)
    adposition = TAGS.index("ADP")

    assert {TAGS[s.tags[-2]] for s in derived} == {"VERB", "AUX", "PART"}
    assert {TAGS[s.tags[-2]] for s in SENTENCES} > {"NOUN", "ADJ", "VERB"}
    assert any(s.tags[0] == adposition for s in SENTENCES)
    assert not any(s.tags[0] == adposition for s in derived)


def test_partial_overlap_shares_words_and_leaves_them_out_of_the_dictionary():
    shared = languages.overlap(WORDS.size, 0.25, seed=0)
    derived = languages.derive(SENTENCES, languages.steps_of("script", WORDS.size, shared=shared), seed=0)
    pairs = languages.translations("script", WORDS.size, shared=shared)
    kept = {int(w) for s in derived for w in s.ids if w < WORDS.size}

    assert len(shared) == round(0.25 * (WORDS.size - SPECIALS))
    assert kept <= set(shared.tolist())
    assert set(pairs[:, 0].tolist()) == set(range(SPECIALS, WORDS.size)) - set(shared.tolist())
    assert (pairs[:, 1] - pairs[:, 0] == WORDS.size).all()


def test_a_dictionary_is_split_once_by_its_seed():
    pairs = languages.translations("script", 104)
    known, held_out = languages.split_dictionary(pairs, 0.25, seed=7)

    assert (len(known), len(held_out)) == (25, 75)
    assert sorted([*known.tolist(), *held_out.tolist()]) == pairs.tolist()
    assert known.tolist() == languages.split_dictionary(pairs, 0.25, seed=7)[0].tolist()
    assert known.tolist() != languages.split_dictionary(pairs, 0.25, seed=8)[0].tolist()


def test_an_unknown_transformation_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="no transformation 'script \\+ magic'; known are script, inversion"):
        languages.steps_of("script + magic", 100)
