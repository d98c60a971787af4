"""Duplicates across languages: an encoder trained from text beside a bag of words by dictionary, and character runs.

Real questions (`theoremqa`, `scibench` in the folder that --data or HLE_SAMPLE_DATA names) in a made-up language: each word
has a random form in another script, the order of words is reversed, numbers and formulas stay. Copies with edits are to be
found in an index of the originals; as many questions of the same subjects, edited alike, are in no index and must not be
reported. The encoder learns from English and from other text in the language, in no case from a copy or from what was said
about it. "word list" is `questions.crosslingual.wordlist`. Thresholds come from one half of the queries and are used on the
other; "from" names one that was fixed. This tells nothing of real languages, whose words have cognates, endings and several
translations. `--scan` measures how long a search over stored vectors takes.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from hle_site.embedded import places
from tests.benchmarks.report import CHECKOUT, Figure, absent, report, sample_data

if TYPE_CHECKING:
    from tests.benchmarks.crosslingual_duplicates.measure import Run, Score

NEEDED = ("torch", "numpy", "tokenizers")
SHARES = (1.0, 0.5, 0.25)
INSTALL_S = 900
RIVALS = ("bag of words", "character runs, translated")
BY_ENCODER = ("encoder", "encoder + bag of words")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status."""
    options = _options(arguments)
    if options.scan:
        return scan()
    root = sample_data("theoremqa", options.data)
    if root is None or not (root.parent / "scibench").is_dir():
        return absent("the sample data is not there (HLE_SAMPLE_DATA or --data, with folders theoremqa and scibench)")
    if all(importlib.util.find_spec(name) for name in NEEDED):
        return measure(root.parent, options)
    python = _python_with_extra()
    if python is None:
        return absent("PyTorch is not there and could not be installed: see what pip says above")
    given = sys.argv[1:] if arguments is None else arguments
    return subprocess.run([python, "-m", __spec__.name.removesuffix(".__main__"), *given], cwd=CHECKOUT).returncode


def measure(root: Path, options: argparse.Namespace) -> int:
    """Run every seed with every share of the dictionary, and report."""
    from tests.benchmarks.crosslingual_duplicates import material
    from tests.benchmarks.crosslingual_duplicates.measure import Run, measure

    runs = [Run(seed, share, root, options.steps) for share in SHARES for seed in range(options.seeds)]
    done: dict[Run, dict[str, Score]] = {}
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for run, scores in zip(runs, pool.map(measure, runs), strict=True):
            done[run] = scores
            print(
                f"  {run.share:.0%} of the dictionary, seed {run.seed}: done ({len(done)} of {len(runs)})", flush=True
            )
    first = material.prepare(root, 0, 1.0)
    copies = sum(one.family in {other.family for other in first.index} for one in first.queries)
    context = [
        f"{len(first.index)} questions in the index, {copies} copies and {len(first.queries) - copies} new questions asked for (seed 0)",
        f"{options.seeds} seeds: split, words of the language, edits, dictionary and training; {options.steps} steps of ALIGN-MLM",
        *(f"{language}: {len(lines)} lines to learn from" for language, lines in first.corpora.items()),
        f"dictionary of {len(first.dictionary.entries)} words; of these 100, 50 or 25 % are known",
        "",
        *kinds(done, share=SHARES[-1]),
        "",
        *verdict(done),
    ]
    return report("Duplicates across languages", figures(done), context=context)


def scan() -> int:
    """Measure the scan over stored vectors on the services that `manage.py bench` started."""
    from tests.benchmarks.crosslingual_duplicates.scan import COUNTS, ROUNDS, figures

    context = [f"exact, by NumPy; median of {ROUNDS} rounds, {max(COUNTS):,} vectors at most, one process"]
    return report("Scan over the vectors of texts", figures(), context=context)


def figures(done: Mapping[Run, Mapping[str, Score]]) -> list[Figure]:
    """Return a row for each share of the dictionary and each search: first hits, with precision and recall beside."""
    rows = []
    for share in SHARES:
        runs = [scores for run, scores in done.items() if run.share == share]
        rows += [
            Figure(
                f"{share:.0%}, {name}",
                mean(scores[name].top for scores in runs),
                "% first hits right",
                peer=f"precision {_spread(runs, name, 'precision')}, recall {_spread(runs, name, 'recall')},"
                f" F1 {_spread(runs, name, 'f1')}",
            )
            for name in runs[0]
        ]
    return rows


def _spread(runs: Sequence[Mapping[str, Score]], name: str, part: str) -> str:
    values = [getattr(scores[name], part) for scores in runs]
    return f"{mean(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def kinds(done: Mapping[Run, Mapping[str, Score]], share: float) -> list[str]:
    """Return lines with the first hits by kind of edit, where the dictionary is smallest."""
    runs = [scores for run, scores in done.items() if run.share == share]
    lines = [f"First hits that are right with {share:.0%} of the dictionary, by edit, in %:"]
    shown = (RIVALS[0], *BY_ENCODER, "word list")
    for kind in runs[0][RIVALS[0]].by_kind:
        values = [f"{name} {mean(scores[name].by_kind[kind] for scores in runs):.0f}" for name in shown]
        lines.append(f"  {kind:<18}{', '.join(values)}")
    return lines


def verdict(done: Mapping[Run, Mapping[str, Score]]) -> list[str]:
    """Return for each share whether the encoder, alone or added, beats the better rival in F1 in every seed."""
    lines = []
    for share in SHARES:
        runs = [scores for run, scores in done.items() if run.share == share]
        gains = {
            name: [scores[name].f1 - max(scores[rival].f1 for rival in RIVALS) for scores in runs]
            for name in BY_ENCODER
        }
        wins = [name for name, gained in gains.items() if min(gained) > 0]
        shown = ", ".join(f"{name} {mean(gained):+.1f}" for name, gained in gains.items())
        says = f"wins in every seed: {' and '.join(wins)}" if wins else "the encoder does not win"
        lines.append(f"{share:.0%} of the dictionary, F1 against the better of {' and '.join(RIVALS)}: {shown}; {says}")
    return lines


def _python_with_extra() -> Path | None:
    """Return the Python of an environment with what the encoder needs, made at the first run; None when it cannot be had.

    pip installs it, which takes the build of PyTorch that it is set up for.
    """
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [line for line in project["optional-dependencies"]["crosslingual"] if line.startswith(NEEDED)]
    home = places.default_state() / "peers" / "crosslingual"
    python, done = home / "bin/python", home / "complete"
    if done.exists() and done.read_text() == repr(wanted):
        return python
    print(f"Installing {', '.join(wanted)} into {home} ...", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    try:
        venv.create(home, with_pip=True)
        subprocess.run(pip, check=True, timeout=INSTALL_S)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"It could not be installed: {error}")
        return None
    done.write_text(repr(wanted))
    return python


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py bench crosslingual_duplicates", allow_abbrev=False)
    parser.add_argument("--data", help="folder of the sample data, instead of HLE_SAMPLE_DATA")
    parser.add_argument("--scan", action="store_true", help="measure the scan over stored vectors, and nothing else")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300, help="of training, for each seed and share")
    parser.add_argument("--processes", type=int, default=2, help="of one thread each")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
