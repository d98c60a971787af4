import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch

from questions.crosslingual import objectives, transfer
from questions.crosslingual.languages import SPECIALS
from questions.crosslingual.train import OBJECTIVES, CheckpointError, Config, load, pretrain, slope

SMALL = transfer.Sizes(training=400, labelled=40, tested=40, searched=200)
WORLD = transfer.world("script + inversion", 0, sizes=SMALL, scale=0.3)
CORPORA = [[sentence.ids for sentence in sentences] for sentences in WORLD.training]
CONFIG = Config(steps=60, batch=16, layers=1, width=32, heads=2, inner=64)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def trained(**changes):
    return pretrain(CORPORA, WORLD.dictionary, WORLD.rows, dataclasses.replace(CONFIG, **changes))


def cosine(result, pairs):
    return float(objectives.mean_cosine(result.model.words.weight.detach(), torch.from_numpy(pairs)))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns(objective):
    result = trained(objective=objective)

    assert np.mean(result.losses[-10:]) < np.mean(result.losses[:5])
    assert bool(result.model.languages is not None) == (objective in ("xlm", "dict-mlm"))


def test_align_mlm_brings_the_whole_dictionary_together_and_mlm_does_not():
    aligned, plain = trained(steps=300), trained(steps=300, objective="mlm")

    assert cosine(aligned, WORLD.dictionary) > 0.9
    assert cosine(plain, WORLD.dictionary) < 0.6


def test_only_the_words_of_the_dictionary_are_brought_together():
    known, held_out = WORLD.dictionary[::2], WORLD.dictionary[1::2]
    result = pretrain(CORPORA, known, WORLD.rows, dataclasses.replace(CONFIG, steps=300))

    assert cosine(result, known) > 0.9
    assert cosine(result, held_out) < 0.7


def test_prealign_starts_aligned():
    assert cosine(trained(objective="prealign", steps=1), WORLD.dictionary) > 0.9


def test_the_same_seed_gives_the_same_weights_and_another_others():
    first, again, other = trained(steps=5), trained(steps=5), trained(steps=5, seed=1)

    assert torch.equal(first.model.words.weight, again.model.words.weight)
    assert not torch.equal(first.model.words.weight, other.model.words.weight)


def test_one_batch_can_be_learnt_by_heart():
    few = [sentences[:4] for sentences in CORPORA]
    result = pretrain(
        few, WORLD.dictionary, WORLD.rows, dataclasses.replace(CONFIG, objective="mlm", steps=400, rate=1e-2)
    )

    assert np.mean(result.losses[-20:]) < 1.0 < 4.0 < result.losses[0]


def test_a_cut_run_goes_on_to_the_same_end(tmp_path):
    whole = trained(steps=20)
    path = tmp_path / "model.pt"

    def cut(step, _loss, _tokens):
        if step == 13:
            raise KeyboardInterrupt

    config = dataclasses.replace(CONFIG, steps=20)
    with pytest.raises(KeyboardInterrupt):
        pretrain(CORPORA, WORLD.dictionary, WORLD.rows, config, checkpoint=path, every=10, watch=cut)
    seen = []
    resumed = pretrain(
        CORPORA,
        WORLD.dictionary,
        WORLD.rows,
        config,
        checkpoint=path,
        every=10,
        watch=lambda step, *_: seen.append(step),
    )

    assert seen == list(range(11, 21))
    assert resumed.losses == whole.losses
    assert torch.equal(resumed.model.words.weight, whole.model.words.weight)


def test_a_checkpoint_holds_what_is_needed_to_repeat(tmp_path):
    path = tmp_path / "model.pt"
    config = dataclasses.replace(CONFIG, steps=3)
    made = pretrain(CORPORA, WORLD.dictionary, WORLD.rows, config, checkpoint=path)
    read = load(path)
    state = torch.load(path, weights_only=True)

    assert read.config == config
    assert read.pairs.tolist() == WORLD.dictionary.tolist()
    assert torch.equal(read.model.words.weight, made.model.words.weight)
    assert state["specials"] == {"pad": 0, "cls": 1, "sep": 2, "mask": 3}
    assert len(state["code"]) == 12


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    pretrain(CORPORA, WORLD.dictionary, WORLD.rows, dataclasses.replace(CONFIG, steps=2), checkpoint=path)

    with pytest.raises(CheckpointError, match="of another run: seed is 0 there and 1 here"):
        pretrain(CORPORA, WORLD.dictionary, WORLD.rows, dataclasses.replace(CONFIG, steps=2, seed=1), checkpoint=path)


def test_a_file_that_is_no_checkpoint_is_refused_and_runs_no_code(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR.")

    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        load(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("corpora", "objective", "message"),
    [
        ([CORPORA[0]], "xlm", "xlm is for two languages, not 1"),
        ([CORPORA[0], CORPORA[1][:-1]], "xlm", "same sentences in both languages"),
        ([CORPORA[0], [np.array([9999])]], "mlm", "Row 9999 is outside"),
        ([CORPORA[0], []], "mlm", "without sentences"),
    ],
)
def test_corpora_that_do_not_fit_are_refused(corpora, objective, message):
    with pytest.raises(ValueError, match=message):
        pretrain(corpora, WORLD.dictionary, WORLD.rows, dataclasses.replace(CONFIG, objective=objective))


def test_an_unknown_objective_is_refused():
    with pytest.raises(ValueError, match="no objective 'gpt'; known are mlm, xlm"):
        Config(objective="gpt")


def test_the_learning_rate_warms_up_and_decays_linearly():
    config = Config(steps=100, warm_up=0.1)

    assert [slope(step, config) for step in (0, 9, 10, 55, 99)] == pytest.approx([0.1, 1.0, 1.0, 0.5, 1 / 90])


def test_three_languages_share_one_encoder():
    third = [ids + WORLD.vocabulary for ids in CORPORA[1]]
    pairs = np.concatenate([WORLD.dictionary, WORLD.dictionary + WORLD.vocabulary])
    result = pretrain([*CORPORA, third], pairs, WORLD.rows + WORLD.vocabulary, dataclasses.replace(CONFIG, steps=300))

    assert cosine(result, pairs) > 0.8


def test_the_island_imports_no_django():
    code = (
        "import sys; from questions.crosslingual import compare, encoder, induction, text, train, transfer;"
        "sys.exit([m for m in sys.modules if m.split('.')[0] in ('django', 'grading', 'review', 'hle_site')] or 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_specials_stay_below_the_words():
    assert min(int(ids.min()) for sentences in CORPORA for ids in sentences) >= SPECIALS
