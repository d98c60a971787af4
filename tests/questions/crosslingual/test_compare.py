import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest

from questions.crosslingual import compare, report
from questions.crosslingual.report import Run

PROBE, OWN = "pos.probe.zero", "pos.probe.supervised"


def made(
    method,
    seed=0,
    *,
    transformation="script + inversion",
    zero=80.0,
    own=93.0,
    alignment=100.0,
    retrieval=100.0,
    share=1.0,
):
    scores = {PROBE: zero, OWN: own, "pos.tuned.zero": zero, "alignment": alignment, "retrieval": retrieval}
    return Run(method, transformation, share, True, seed, 1.0, 1000.0, 30.0, scores, {"pos.majority": 23.0}, {})


def good():
    return [
        run
        for seed in range(3)
        for run in (
            made("mlm", seed, zero=20.0, alignment=1.0, retrieval=2.0),
            made("xlm", seed, zero=25.0, alignment=2.0, retrieval=2.0),
            made("dict-mlm", seed, zero=45.0, own=80.0, alignment=40.0, retrieval=80.0),
            made("align-mlm", seed),
        )
    ]


def test_good_runs_meet_every_criterion():
    assert [v.sentence for v in report.verdicts(good()) if not v.met] == []
    assert len(report.verdicts(good())) == 11


@pytest.mark.parametrize(
    ("method", "change", "sentence"),
    [
        ("align-mlm", {"zero": 30.0}, "ALIGN-MLM over MLM in every seed, both regimes"),
        ("mlm", {"zero": 60.0}, "ALIGN-MLM over MLM, mean, probe"),
        ("xlm", {"zero": 60.0}, "ALIGN-MLM over XLM, mean, probe"),
        ("dict-mlm", {"zero": 70.0}, "ALIGN-MLM over DICT-MLM, mean, probe"),
        ("dict-mlm", {"own": 70.0}, "supervised scores of the four apart, probe"),
        ("xlm", {"own": 89.0}, "supervised scores of MLM, XLM, ALIGN-MLM apart, probe"),
        ("align-mlm", {"alignment": 94.0}, "alignment of ALIGN-MLM"),
        ("mlm", {"alignment": 11.0}, "alignment of MLM"),
        ("align-mlm", {"retrieval": 94.0}, "retrieval of ALIGN-MLM"),
        ("mlm", {"retrieval": 11.0}, "retrieval of MLM"),
        ("mlm", {"alignment": 101.0}, "rank correlation of alignment with delta, probe"),
    ],
)
def test_each_criterion_can_be_missed(method, change, sentence):
    base = {run.method: run for run in good()}
    fields = {"zero": base[method].scores[PROBE], "own": base[method].scores[OWN]}
    fields |= {name: base[method].scores[name] for name in ("alignment", "retrieval")} | change
    runs = [made(method, run.seed, **fields) if run.method == method else run for run in good()]
    if sentence.startswith("rank"):
        runs = [run for run in runs if run.method != "xlm"] + [
            made("xlm", s, zero=25.0, alignment=102.0) for s in range(3)
        ]

    assert sentence in [v.sentence for v in report.verdicts(runs) if not v.met]


def test_one_bad_seed_is_enough():
    runs = [*good()[:-1], made("align-mlm", 2, zero=34.0)]

    assert "ALIGN-MLM over MLM in every seed, both regimes" in [v.sentence for v in report.verdicts(runs) if not v.met]


def test_partial_dictionaries_are_reported_and_not_judged():
    assert report.verdicts([made("align-mlm", share=0.5)]) == []


def test_the_report_shows_mean_spread_rivals_and_verdicts():
    text = report.text([*good()[:-1], made("align-mlm", 2, zero=90.0)], seconds=90.0, processes=2)

    assert re.search(r"ALIGN-MLM +83.3 ±5.0", text)
    assert "rivals: pos.majority 23.0 ±0.0" in text
    assert "met     ALIGN-MLM over MLM, mean, probe: 63.3, at least 25" in text
    assert "12 runs in 1.5 min, 2 at a time; 6.0 min of training." in text


def test_what_is_no_small_set_up_is_shown_and_not_judged(tmp_path):
    large = [run for run in good() if run.seed == 0 and run.method != "align-mlm"] + [made("align-mlm", zero=30.0)]

    text = report.text(large, seconds=90.0, processes=2, judged=False)
    report.write(large, tmp_path, judged=False)

    assert "Not judged: the criteria are those of the small set-up on three seeds." in text
    assert "  ALIGN-MLM over MLM, mean, probe: 10.0\n" in text
    assert "  rank correlation of alignment with delta, probe: 0.80 (n = 4)\n" in text
    assert "MISSED" not in text
    assert json.loads((tmp_path / "results.json").read_text())["verdicts"] == []


def test_settings_name_the_share_and_the_sentences():
    run = made("align-mlm", share=0.25)

    assert run.setting == "script + inversion, 25% of the dictionary"
    assert Run(**{**run.__dict__, "same_content": False}).setting.endswith(", other sentences")


def test_results_and_figure_are_written(tmp_path):
    report.write(good(), tmp_path / "out")
    results = json.loads((tmp_path / "out/results.json").read_text())

    assert len(results["runs"]) == 12
    assert {v["met"] for v in results["verdicts"]} == {True}
    assert (tmp_path / "out/alignment.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in (tmp_path / "out/alignment.svg").read_text()[:500]


def test_points_are_means_over_the_seeds():
    runs = [made("mlm", 0, zero=20.0, alignment=1.0), made("mlm", 1, zero=30.0, alignment=3.0)]

    assert report.points(runs) == [("mlm", "script + inversion", 2.0, -68.0)]


def test_share_counts_right_pairs():
    wanted = np.array([[4, 24], [5, 25]])

    assert report.share(np.array([[4, 24], [5, 26]]), wanted) == 0.5
    assert math.isnan(report.share(wanted[:0], wanted))


@pytest.mark.parametrize(
    ("suite", "runs", "places"),
    [
        ("quick", 12, 1),
        ("full", 36, 3),
        ("orders", 24, 2),
        ("prealign", 9, 1),
        ("partial", 36, 4),
        ("improve", 24, 4),
        ("large", 4, 1),
    ],
)
def test_suites_have_their_runs(suite, runs, places):
    jobs = compare.SUITES[suite][1]()

    assert len(jobs) == runs
    assert len({(job.transformation, job.share, job.same_content) for job in jobs}) == places
    assert len(set(jobs)) == runs


def test_a_run_measures_what_its_job_says():
    job = compare.improvement()[1]
    small = job._replace(
        sizes=compare.transfer.Sizes(300, 60, 40, 400),
        scale=0.3,
        config=compare.replace(job.config, steps=5, width=16, heads=2, inner=16, layers=1),
    )

    run = compare.run(small)

    assert (run.method, run.setting) == (
        "align-mlm + induction",
        "script + inversion, 50% of the dictionary, other sentences",
    )
    assert run.scores["induced.n"] > 0
    assert "alignment.held_out" in run.scores
    assert run.rivals["retrieval.bag_of_words + induction"] > run.rivals["retrieval.bag_of_words"]


def test_the_large_suite_needs_a_graphics_card(capsys, monkeypatch):
    monkeypatch.setattr(compare.torch.cuda, "is_available", lambda: False)

    assert compare.main(["--large"]) == 2
    assert "no graphics card" in capsys.readouterr().err


def test_the_command_runs_from_end_to_end(tmp_path):
    command = [sys.executable, "-m", "questions.crosslingual.compare", "--quick", "--trial", "--processes", "2"]

    done = subprocess.run([*command, "--out", str(tmp_path)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "12 runs in" in done.stdout
    assert "Not judged" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alignment.png", "alignment.svg", "results.json"]
