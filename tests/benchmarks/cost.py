"""What difficulty checks cost beside asking every model, on a synthetic panel and on recorded answers.

The planning is the platform's own: `grading.policy` says whom to ask next, `grading.ordering` learns the order from the
ledger of the simulated checks before and chooses the checks that ask everybody. Only the models are simulated.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import permutations
from math import sqrt
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from grading import ordering, policy
from grading.enums import Verdict
from grading.ordering import Record
from grading.policy import EXACT_MATCH, MULTIPLE_CHOICE, PolicyRule
from tests.benchmarks.report import Figure, report, sample_data

SEED = 18_6
PASS_RATE = 0.186  # of all attempts, arXiv 2501.14249: the only figure that is published
# Mean USD of one answer, and how far a model stands above the others in latent ability (standard deviations).
PRICES_USD = (0.005, 0.009, 0.016, 0.034, 0.067, 0.175)
STRENGTHS = (-0.9, -0.7, -0.4, 0.0, 0.1, 0.5)
SOLVED_TOKENS, FAILED_TOKENS = 0.6, 1.25  # of the mean, for an answer that is right and one that is not
JUDGE_USD, JUDGED_SHARE = 0.0033, 0.25
CHOICE_SHARE, N_OPTIONS = 0.24, 5
CORRELATION, OTHER_CORRELATIONS = 0.6, (0.3, 0.8)
LASTING_SHARE = 0.5  # of what is a model's own: the same in every draw of a question
SIZES = (2, 2, 2)
OTHER_SIZES = ((3, 3), (2, 4), (1, 1, 2, 2), (1, 1, 1, 1, 2), (1, 1, 1, 1, 1, 1))
RUN_ALL_PERCENT = 3
N_LEARNT, N_MEASURED = 40_000, 40_000
RULE = PolicyRule()
CONFIRMED = PolicyRule(confirmation_rounds=2)

Waves = Sequence[Sequence[int]]


class Item(NamedTuple):
    """One question: what each model of the panel says when it is asked, and what that costs (USD)."""

    number: int
    answer_type: str
    draws: Sequence[Sequence[bool]]
    costs: Sequence[Sequence[float]]

    @property
    def n_options(self) -> int:
        """How many options it has; exact match has none."""
        return N_OPTIONS if self.answer_type == MULTIPLE_CHOICE else 0

    @property
    def is_run_all(self) -> bool:
        """Whether the platform would ask every model for the statistics."""
        return ordering.is_run_all(self.number, percent=RUN_ALL_PERCENT, key="bench")


class Asked(NamedTuple):
    """What a check asked: positions of the panel by draw, and how it ended."""

    positions: Sequence[Sequence[int]]
    outcome: policy.Outcome


def play(draws: Sequence[Sequence[bool]], *, answer_type: str, n_options: int, waves: Waves, rule: PolicyRule) -> Asked:
    """Run a check as the platform would, on answers that are known: one list of them by draw."""
    verdicts: list[list[Verdict | None]] = [[None] * len(draw) for draw in draws]
    values = {"answer_type": answer_type, "n_options": n_options, "draws": verdicts, "rule": rule}
    while due := policy.ask_next(waves=waves, **values):
        for position in due.positions:
            is_right = draws[due.draw][position]
            verdicts[due.draw][position] = Verdict.CORRECT if is_right else Verdict.INCORRECT
    heard = [[position for position, verdict in enumerate(draw) if verdict] for draw in verdicts]
    return Asked(heard, policy.decide_check(**values))


# --- the synthetic panel ---


class World(NamedTuple):
    """Models that are right where difficulty shared by all, what is their own, and chance add up to enough."""

    correlation: float
    ease: float

    def item(self, number: int, *, n_draws: int = 1) -> Item:
        """Question `number` of this world, always the same."""
        rng = random.Random(f"{SEED}:{self.correlation}:{number}")
        is_choice = rng.random() < CHOICE_SHARE
        shared = sqrt(self.correlation) * rng.gauss(0, 1)
        own = sqrt(1 - self.correlation)
        lasting = [rng.gauss(0, 1) for _model in STRENGTHS]
        draws = []
        for _draw in range(n_draws):
            fresh = [sqrt(LASTING_SHARE) * part + sqrt(1 - LASTING_SHARE) * rng.gauss(0, 1) for part in lasting]
            guesses = [is_choice and rng.random() < 1 / N_OPTIONS for _model in STRENGTHS]
            draws.append(
                [
                    guess or shared + own * part + strength + self.ease > 0
                    for part, strength, guess in zip(fresh, STRENGTHS, guesses, strict=True)
                ]
            )
        costs = [[_cost(price, is_right) for price, is_right in zip(PRICES_USD, draw, strict=True)] for draw in draws]
        return Item(number, MULTIPLE_CHOICE if is_choice else EXACT_MATCH, draws, costs)


def _cost(price_usd: float, is_right: bool) -> float:
    return price_usd * (SOLVED_TOKENS if is_right else FAILED_TOKENS) + JUDGED_SHARE * JUDGE_USD


def fitted(correlation: float, *, n_items: int = 10_000) -> World:
    """The world whose questions stump all models as often as HLE's did, found by bisection."""
    low, high = -4.0, 4.0
    for _step in range(14):
        world = World(correlation, (low + high) / 2)
        passed = sum(_passes(world.item(number)) for number in range(n_items))
        low, high = (low, world.ease) if passed < PASS_RATE * n_items else (world.ease, high)
    return world


def _passes(item: Item) -> bool:
    verdicts = [Verdict.CORRECT if is_right else Verdict.INCORRECT for is_right in item.draws[0]]
    return (
        policy.decide(answer_type=item.answer_type, n_options=item.n_options, verdicts=verdicts, rule=RULE)
        is policy.Outcome.PASS
    )


# --- learning and measuring ---


class Lesson(NamedTuple):
    """What checks in the panel's own waves taught of one answer type."""

    records: list[Record]
    costs: dict[int, float]


def learn(items: Iterable[Item], own: Waves) -> dict[str, Lesson]:
    """By answer type what is read from the newest checks: those that asked everybody, and as many others."""
    records: dict[str, list[Record]] = defaultdict(list)
    spent: dict[str, list[Sequence[float]]] = defaultdict(list)
    n_stopped: dict[str, int] = defaultdict(int)
    for item in items:
        right = item.draws[0]
        if item.is_run_all and len(spent[item.answer_type]) < ordering.MOST:
            records[item.answer_type].append(Record(dict(enumerate(right)), n_options=item.n_options))
            spent[item.answer_type].append(item.costs[0])
        elif not item.is_run_all and n_stopped[item.answer_type] < ordering.MOST:
            n_stopped[item.answer_type] += 1
            heard = {position: right[position] for position in _run(item, own).positions[0]}
            records[item.answer_type].append(Record(heard, n_options=item.n_options, waves=own))
    return {
        kind: Lesson(
            records[kind], {model: fmean(costs[model] for costs in spent[kind]) for wave in own for model in wave}
        )
        for kind in spent
    }


def planned(lessons: Mapping[str, Lesson], sizes: Sequence[int]) -> Callable[[str], Waves]:
    """The waves by answer type, as the platform learns them."""
    waves = {
        kind: ordering.learn_waves(
            list(lesson.costs),
            sizes=sizes,
            records=lesson.records,
            costs=lesson.costs,
            answer_type=kind,
            rule=RULE,
        )
        for kind, lesson in lessons.items()
    }
    return waves.__getitem__


def _run(item: Item, waves: Waves, rule: PolicyRule = RULE) -> Asked:
    return play(item.draws, answer_type=item.answer_type, n_options=item.n_options, waves=waves, rule=rule)


class Bill:
    """Questions of one kind by what their models say, with what those cost: each pattern is played once."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.costs: dict[tuple[str, Sequence[bool]], list[float]] = {}
        self.kept: dict[tuple[str, Sequence[bool]], list[float]] = {}  # the part of checks that ask everybody
        for item in items:
            key = item.answer_type, tuple(item.draws[0])
            _add(self.costs, key, item.costs[0])
            if item.is_run_all:
                _add(self.kept, key, item.costs[0])
        self.run_all_usd = sum(map(sum, self.costs.values()))

    def ratio(self, waves_of: Callable[[str], Waves], *, has_calibration: bool = False) -> float:
        """Cost of asking in waves over that of asking everybody; with the calibration share or without."""
        usd = 0.0
        for (kind, right), costs in self.costs.items():
            n_options = N_OPTIONS if kind == MULTIPLE_CHOICE else 0
            asked = play([right], answer_type=kind, n_options=n_options, waves=waves_of(kind), rule=RULE).positions[0]
            usd += sum(costs[position] for position in asked)
            if has_calibration:
                kept = self.kept.get((kind, right), [0.0] * len(costs))
                usd += sum(part for position, part in enumerate(kept) if position not in asked)
        return usd / self.run_all_usd

    def best(self, sizes: Sequence[int], kind: str) -> Waves:
        """The waves of these sizes that would have been cheapest for this kind of question."""
        n_models = len(next(iter(self.costs.values())))
        plans = {
            tuple(tuple(sorted(wave)) for wave in ordering.cut(order, sizes)) for order in permutations(range(n_models))
        }
        part = Bill([])
        part.costs = {key: costs for key, costs in self.costs.items() if key[0] == kind}
        part.run_all_usd = sum(map(sum, part.costs.values()))
        return min(sorted(plans), key=lambda plan: part.ratio(lambda _kind: plan))


def _add(
    sums: dict[tuple[str, Sequence[bool]], list[float]], key: tuple[str, Sequence[bool]], costs: Sequence[float]
) -> None:
    sums[key] = [a + b for a, b in zip(sums.get(key, [0.0] * len(costs)), costs, strict=True)]


def confirmation(world: World, waves: Callable[[str], Waves], n_items: int) -> tuple[float, float]:
    """What further draws of first tries add, as a share of asking everybody once: round by round, and all at once."""
    run_all = by_round = at_once = 0.0
    for number in range(n_items):
        item = world.item(number, n_draws=3)
        run_all += sum(item.costs[0])
        rounds = policy.rounds_to_confirm(answer_type=item.answer_type, try_number=1, rule=CONFIRMED)
        if not rounds or not _passes(item):
            continue
        asked = _run(item, waves(item.answer_type), CONFIRMED).positions
        by_round += sum(item.costs[draw][position] for draw in (1, 2) for position in asked[draw])
        at_once += sum(map(sum, item.costs[1:]))
    return by_round / run_all, at_once / run_all


def synthetic() -> list[Figure]:
    """The figures of the synthetic panel."""
    own = list(range(len(PRICES_USD)))
    world = fitted(CORRELATION)
    lessons = learn((world.item(number) for number in range(N_LEARNT)), ordering.cut(own, SIZES))
    bill = Bill(world.item(number) for number in range(N_LEARNT, N_LEARNT + N_MEASURED))
    waves = planned(lessons, SIZES)
    best = {kind: bill.best(SIZES, kind) for kind in lessons}.__getitem__
    by_round, at_once = confirmation(world, waves, 10_000)
    figures = [
        Figure(
            "cost ratio, calibration included",
            bill.ratio(waves, has_calibration=True),
            at_least=0.60,
            aim=0.50,
            is_lower_better=True,
            peer=f"best waves with hindsight: {bill.ratio(best, has_calibration=True):.3f}",
            note="; ".join(f"{kind}: {_names(waves(kind))}" for kind in lessons),
        ),
        Figure("the same without the calibration share", bill.ratio(waves)),
        Figure("cheapest models first, unlearnt", bill.ratio(lambda _kind: ordering.cut(own, SIZES))),
        Figure("dearest models first, unlearnt", bill.ratio(lambda _kind: ordering.cut(own[::-1], SIZES))),
    ]
    for sizes in OTHER_SIZES:
        ratio = bill.ratio(planned(lessons, sizes), has_calibration=True)
        figures.append(Figure(f"waves of {', '.join(map(str, sizes))}, calibration included", ratio))
    figures += [Figure(f"correlation {rho}, calibration included", _at_correlation(rho)) for rho in OTHER_CORRELATIONS]
    peer = f"both rounds at once: {at_once:.4f}"
    return [*figures, Figure("confirmation of first tries, added", by_round, peer=peer)]


def _at_correlation(rho: float) -> float:
    world = fitted(rho)
    lessons = learn((world.item(number) for number in range(N_LEARNT)), ordering.cut(range(len(PRICES_USD)), SIZES))
    bill = Bill(world.item(number) for number in range(N_LEARNT, N_LEARNT + N_MEASURED // 2))
    return bill.ratio(planned(lessons, SIZES), has_calibration=True)


def _names(waves: Waves) -> str:
    return ", then ".join(" and ".join(f"${PRICES_USD[position]:g}" for position in wave) for wave in waves)


# --- recorded answers ---

# Parameters in billions stand for prices: these models are free to run.
PARAMETERS = {"mistral-7b-v0.1": 7.0, "mistral-7b-base-v0.2": 7.0, "internlm2-20b": 20.0, "internlm2-math-20b": 20.0}
REPLAY_SIZES = ((2, 2), (1, 1, 1, 1))


def recorded(folder: Path) -> dict[str, list[bool]]:
    """By question of exact match whether each recorded model was right, in the order of PARAMETERS."""
    kinds = {row["id"]: row["answer_type"] for row in _rows(folder / "questions.jsonl")}
    right: dict[str, dict[str, bool]] = defaultdict(dict)
    for row in _rows(folder / "responses.jsonl"):
        right[row["question_id"]][row["model"]] = row["correct"]
    return {pk: [said[model] for model in PARAMETERS] for pk, said in sorted(right.items()) if kinds[pk] == EXACT_MATCH}


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def replay(right: Mapping[str, Sequence[bool]]) -> list[Figure]:
    """The figures of the recorded answers: each half is measured in the order that the other half teaches."""
    figures = []
    for prices, name in (
        ([1.0] * len(PARAMETERS), "equal prices"),
        (list(PARAMETERS.values()), "prices as parameters"),
    ):
        items = [Item(number, EXACT_MATCH, [said], [prices]) for number, said in enumerate(right.values())]
        halves = items[::2], items[1::2]
        for sizes in REPLAY_SIZES:
            found = [_crossed(teach, measure, prices, sizes) for teach, measure in (halves, halves[::-1])]
            ours, best = (fmean(values) for values in zip(*found, strict=True))
            figures.append(
                Figure(f"replay, {name}, waves of {', '.join(map(str, sizes))}", ours, peer=f"best: {best:.3f}")
            )
    return figures


def _crossed(
    teach: Sequence[Item], measure: Sequence[Item], prices: Sequence[float], sizes: Sequence[int]
) -> tuple[float, float]:
    """Cost ratio on the one half in the waves learnt on the other, and in the best waves with hindsight."""
    lesson = Lesson([Record(dict(enumerate(item.draws[0]))) for item in teach], dict(enumerate(prices)))
    bill, ours = Bill(measure), planned({EXACT_MATCH: lesson}, sizes)
    best = bill.best(sizes, EXACT_MATCH)
    return bill.ratio(ours), bill.ratio(lambda _kind: best)


def assumptions() -> list[str]:
    """What the synthetic panel takes for granted."""
    return [
        f"Published: {PASS_RATE:.1%} of attempts stump all models. Everything else is an assumption:",
        f"six models at {', '.join(map(str, PRICES_USD))} USD an answer, strengths {', '.join(map(str, STRENGTHS))},",
        f"correlation {CORRELATION}; answers {SOLVED_TOKENS} x as long when right, {FAILED_TOKENS} x when wrong;",
        f"{JUDGED_SHARE:.0%} of answers judged at {JUDGE_USD} USD; {CHOICE_SHARE:.0%} multiple choice with {N_OPTIONS} options.",
        f"Waves of {', '.join(map(str, SIZES))}; {RUN_ALL_PERCENT} % of checks ask everybody; ratio 1 is to ask everybody always.",
        f"Learnt from the first {N_LEARNT:,} questions, measured on the next {N_MEASURED:,}.",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", help="folder of the sample data, instead of HLE_SAMPLE_DATA")
    folder = sample_data("theoremqa", parser.parse_args(arguments).data)
    context, figures = assumptions(), synthetic()
    if folder is None:
        context.append(
            "The replay is not measured: no sample data (HLE_SAMPLE_DATA or --data, with a folder theoremqa)."
        )
    else:
        figures += replay(recorded(folder))
    return report("Cost of difficulty checks beside asking every model", figures, context=context, seed=SEED)


if __name__ == "__main__":
    raise SystemExit(main())
