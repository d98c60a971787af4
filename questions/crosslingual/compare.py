"""`python -m questions.crosslingual.compare`: the paper's comparison at small scale, from languages to table and figure.

Each run is one process with one thread; the runs share a graphics card. The exit status is 0 when every criterion that
the suite can judge is met; --large and --trial judge none.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from questions.crosslingual import report, transfer
from questions.crosslingual.induction import Block, induce
from questions.crosslingual.languages import SPECIALS, Ids
from questions.crosslingual.train import Config, pretrain

PAPER = ("mlm", "xlm", "dict-mlm", "align-mlm")
SEEDS = 3
MAIN = "script + inversion"
LARGE_SIZES = transfer.Sizes(training=500_000)
LARGE_SCALE = 16.5  # 8,000 words
TRIAL = transfer.Sizes(training=500, labelled=100, tested=50, searched=500)
TRIAL_STEPS = 5


class Job(NamedTuple):
    """One run: an objective on one pair of languages with one dictionary."""

    config: Config
    transformation: str
    share: float = 1.0
    same_content: bool = True
    grown: bool = False
    sizes: transfer.Sizes = transfer.SIZES
    scale: float = 1.0
    device: str = "cpu"

    @property
    def name(self) -> str:
        """Return the method as the tables call it."""
        return f"{self.config.objective} + induction" if self.grown else self.config.objective


def paper(transformations: Sequence[str], methods: Sequence[str] = PAPER) -> list[Job]:
    """Return the methods on transformations, full dictionary, `SEEDS` seeds."""
    return [
        Job(Config(objective=method, seed=seed), transformation)
        for seed in range(SEEDS)
        for transformation in transformations
        for method in methods
    ]


def partial() -> list[Job]:
    """Return the methods with half and a quarter of the dictionary, on the same and on other sentences."""
    return [
        job._replace(share=share, same_content=same)
        for share in (0.5, 0.25)
        for same in (True, False)
        for job in paper([MAIN], ("dict-mlm", "align-mlm", "prealign"))
    ]


def improvement() -> list[Job]:
    """Return ALIGN-MLM with and without induced pairs; on other sentences, since equal counts would give all away."""
    return [
        job._replace(share=share, same_content=False, grown=grown)
        for share in (0.5, 0.25)
        for job in paper([MAIN, "script + syntax"], ("align-mlm",))
        for grown in (False, True)
    ]


def large() -> list[Job]:
    """Return the larger run: 4 layers x 256, about 8,000 words, one seed; meant for a graphics card."""
    jobs = [job for job in paper([MAIN]) if job.config.seed == 0]
    return [job._replace(config=_larger(job.config), sizes=LARGE_SIZES, scale=LARGE_SCALE) for job in jobs]


def _larger(config: Config) -> Config:
    return replace(config, layers=4, width=256, heads=8, inner=1024, steps=12_000, batch=256, rate=5e-4)


SUITES = {
    "quick": ("4 methods on script + inversion, 3 seeds", lambda: paper([MAIN])),
    "full": ("4 methods on script, inversion and both, 3 seeds", lambda: paper(["script", "inversion", MAIN])),
    "orders": (
        "4 methods on permutation and syntax with script",
        lambda: paper(["script + permutation", "script + syntax"]),
    ),
    "prealign": (
        "PreAlign's contrastive start beside MLM and ALIGN-MLM",
        lambda: paper([MAIN], ("mlm", "align-mlm", "prealign")),
    ),
    "partial": ("half and a quarter of the dictionary, held-out words apart", partial),
    "improve": ("ALIGN-MLM with induced pairs against plain, partial dictionaries", improvement),
    "large": ("4 layers x 256, about 8,000 words, 1 seed; needs a graphics card", large),
}


def run(job: Job) -> report.Run:
    """Return the scores of one job: languages, pre-training, measures, rivals."""
    torch.set_num_threads(1)
    of = transfer.world(
        job.transformation,
        job.config.seed,
        share=job.share,
        same_content=job.same_content,
        sizes=job.sizes,
        scale=job.scale,
    )
    started = time.monotonic()
    tokens = 0

    def count(_step: int, _loss: float, read: int) -> None:
        nonlocal tokens
        tokens += read

    corpora = [[sentence.ids for sentence in sentences] for sentences in of.training]
    extra = _induced(of, corpora) if job.grown else of.dictionary[:0]
    pairs = np.concatenate([of.dictionary, extra])
    trained = pretrain(corpora, pairs, of.rows, job.config, device=job.device, watch=count)
    seconds = time.monotonic() - started
    scores = transfer.measure(trained.model.cpu(), of, job.config.seed)
    rivals = transfer.rivals(of)
    if job.grown:
        scores |= {"induced.n": len(extra), "induced.right": 100 * report.share(extra, of.held_out)}
        grown = transfer.rivals(of._replace(dictionary=pairs))
        rivals |= {f"{name} + induction": value for name, value in grown.items() if "majority" not in name}
    return report.Run(
        method=job.name,
        transformation=job.transformation,
        share=job.share,
        same_content=job.same_content,
        seed=job.config.seed,
        loss=float(np.mean(trained.losses[-50:])),
        tokens_per_s=tokens / seconds,
        seconds=seconds,
        scores=scores,
        rivals=rivals,
        config=asdict(job.config),
    )


def _induced(of: transfer.World, corpora: Sequence[Sequence[Ids]]) -> Ids:
    first = Block(SPECIALS, of.vocabulary)
    second = Block(of.rows - of.vocabulary + SPECIALS, of.rows)
    return induce((corpora[0], corpora[1]), of.dictionary, (first, second))


def run_all(jobs: Sequence[Job], processes: int) -> list[report.Run]:
    """Return the runs of all jobs in their order, with a progress bar that names what has just ended."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read by the children before their first tensor
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        numbers = {pool.submit(run, job): number for number, job in enumerate(jobs)}
        ended = ((numbers[future], future.result()) for future in as_completed(numbers))
        done = dict(_shown(ended, len(jobs)))
    return [done[number] for number in range(len(jobs))]


def _shown(results: Iterable[tuple[int, report.Run]], count: int) -> Iterable[tuple[int, report.Run]]:
    """Yield the results under a progress bar with the last run's loss and speed."""
    with tqdm(total=count, unit="run", file=sys.stderr) as bar:
        for number, last in results:
            bar.set_postfix_str(f"{last.method} loss {last.loss:.2f} {last.tokens_per_s:,.0f} tokens/s")
            bar.update()
            yield number, last


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m questions.crosslingual.compare", description=__doc__)
    suites = parser.add_mutually_exclusive_group(required=True)
    for name, (text, _jobs) in SUITES.items():
        suites.add_argument(f"--{name}", dest="suite", action="store_const", const=name, help=text)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="runs at the same time")
    parser.add_argument("--trial", action="store_true", help="a few steps on few sentences: does it run here?")
    parser.add_argument("--device", default="", help="cpu or cuda; --large takes cuda unless told otherwise")
    parser.add_argument("--out", type=Path, help="directory for results.json and the figure")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a suite, print its table and verdicts, write its results and figure; 0 when every criterion is met."""
    options = arguments(argv)
    device = options.device or ("cuda" if options.suite == "large" else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        sys.stderr.write("There is no graphics card that PyTorch can use here; --device cpu takes hours for --large.\n")
        return 2
    jobs = [job._replace(device=device) for job in SUITES[options.suite][1]()]
    if options.trial:
        jobs = [job._replace(config=replace(job.config, steps=TRIAL_STEPS), sizes=TRIAL) for job in jobs]
    started = time.monotonic()
    processes = max(1, min(options.processes, len(jobs)))
    runs = run_all(jobs, processes)
    judged = options.suite != "large" and not options.trial
    print(report.text(runs, seconds=time.monotonic() - started, processes=processes, judged=judged))
    if options.out:
        print(f"Results and figure: {report.write(runs, options.out, judged=judged)}")
    return 0 if not judged or all(verdict.met for verdict in report.verdicts(runs)) else 1


if __name__ == "__main__":
    sys.exit(main())
