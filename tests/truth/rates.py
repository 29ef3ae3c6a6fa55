"""How often the simulated tool errs: counts over many runs, each through the real stopping, play-off and verdict.

Every function takes how many runs and a seed, and returns a count or counts for each; `spread` shares them out over the
machine's cores.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np

from pipeline import flags, playoff, statistics
from pipeline.cells import Measure
from pipeline.evidence import Run
from pipeline.plan import ALPHA
from pipeline.verdict import NOT_ENOUGH, STAY_SERIAL, USE, decide

from . import noise, traces
from .noise import Floats, Model
from .simulate import BATCH_S, DEFAULT, Pool, simulate

TEN_SECONDS = replace(DEFAULT, budget_s=10.0, target=0.025)
"""Ten seconds of rounds, down to the half-width of a play-off."""

TWO: Pool = ("thread", 2)
FOUR: Pool = ("thread", 4)
OTHER: Pool = ("process", 2)


def models() -> dict[str, Model]:
    """All noise models and all traces, by name."""
    return noise.MODELS | {name: traces.model(traces.load(name)) for name in traces.NAMES}


IN_A_ROW = tuple(f"{name} in a row" for name in traces.NAMES)
"""Traces whose trials follow one another, as those of a cell that is swept alone."""


def drawing(name: str) -> Callable[[np.random.Generator], Model]:
    """What makes a run's model of that name, one of `models` or `IN_A_ROW`."""
    if name in IN_A_ROW:
        trace = traces.load(name.removesuffix(" in a row"))
        return lambda rng: traces.in_a_row(trace, rng)
    model = models()[name]
    return lambda _: model


def spread(count: Callable[..., Counter[str]], name: str, runs: int, seed: int = 1) -> Counter[str]:
    """`count(name, runs, seed)` in pieces, on all cores."""
    pieces = 8
    shares = [runs // pieces + (piece < runs % pieces) for piece in range(pieces)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        done = [pool.submit(count, name, share, 1000 * seed + piece) for piece, share in enumerate(shares)]
        return sum((each.result() for each in done), Counter())


def count_false_alarms(name: str, runs: int, seed: int) -> Counter[str]:
    """Runs in which identical code is called different, by any statement that the tool makes of it.

    `loop`: three cells as fast as the loop, of which one's simultaneous interval excludes 1, or which is recommended.
    `tied`: two cells alike and faster than the loop, of which one is called slower or faster than the other.
    """
    rng, model, found = np.random.default_rng(seed), models()[name], Counter(runs=runs)
    for _ in range(runs):
        found["loop"] += _is_alarmed(simulate(rng, model, dict.fromkeys((TWO, FOUR, OTHER), 1.0)))
        found["tied"] += _tells_apart(simulate(rng, model, dict.fromkeys((TWO, FOUR), 1.9)))
    return found


def count_missed(name: str, runs: int, seed: int, profile: Measure = DEFAULT) -> Counter[str]:
    """Runs whose interval of one cell, after adaptive stopping, does not hold the true speed-up."""
    rng, draw, found = np.random.default_rng(seed), drawing(name), Counter(runs=runs)
    for _ in range(runs):
        speedup = _only_speedup(simulate(rng, draw(rng), {TWO: 1.0}, profile))
        found["missed"] += not speedup.low <= 1.0 <= speedup.high
    return found


def count_flags(name: str, runs: int, seed: int) -> Counter[str]:
    """Runs of one cell that are flagged, by flag."""
    rng, draw, found = np.random.default_rng(seed), drawing(name), Counter(runs=runs)
    for _ in range(runs):
        run = simulate(rng, draw(rng), {TWO: 1.0})
        cell = run.cells[1]
        found.update({flag.name for flag in flags.find(cell, run.evidence[cell["id"]], run.room(cell))})
    return found


def count_found(name: str, runs: int, seed: int, difference: float = 0.05) -> Counter[str]:
    """Runs of ten seconds that show a planted difference, or its opposite, and what a fixed length would have shown."""
    rng, model, found = np.random.default_rng(seed), models()[name], Counter(runs=runs)
    for _ in range(runs):
        faster = bool(rng.integers(2))
        truth = 1 + difference if faster else 1 / (1 + difference)
        run = simulate(rng, model, {TWO: truth}, TEN_SECONDS)
        speedup = _only_speedup(run)
        above, below = speedup.low > 1, speedup.high < 1
        found["right"] += above if faster else below
        found["wrong"] += below if faster else above
        fixed = _fixed_length(rng, model, truth, run)
        found["fixed"] += fixed.low > 1 if faster else fixed.high < 1
    return found


def count_choices(name: str, runs: int, seed: int) -> Counter[str]:
    """Recommendations on random matrices: `good` ones are within 5 % of the best; and the refusals.

    `curves`: USL curves of threads and processes; `ties`: four cells alike; `nothing`: no cell beats the loop; `open`:
    the best cell beats the loop by just the margin, so that neither "use" nor "stay serial" is true; `slow`: two cells
    alike, of a batch that takes a second; `small`: cells that gain half of the margin. `headline missed`: the speed-up
    of the recommended is not in its interval.
    """
    rng, model, found = np.random.default_rng(seed), models()[name], Counter(runs=runs)
    for _ in range(runs):
        for kind, truth in (("curves", _curves(rng)), ("ties", _ties(rng)), ("nothing", _nothing(rng))):
            _judge(kind, truth, simulate(rng, model, truth, TEN_SECONDS), found)
        slow = {TWO: 1.9, FOUR: 1.9}
        _judge("slow", slow, simulate(rng, model, slow, batch_s=1.1), found)
        small = {TWO: 1.025, FOUR: 1.025}
        _judge("small", small, simulate(rng, model, small, TEN_SECONDS), found)
        _judge("open", {TWO: 1.05, FOUR: 1.05}, simulate(rng, model, {TWO: 1.05, FOUR: 1.05}, TEN_SECONDS), found)
    return found


def _judge(kind: str, truth: dict[Pool, float], run: Run, found: Counter[str]) -> None:
    (verdict,) = decide(run)
    best = max(1.0, *truth.values())
    if verdict.decision == NOT_ENOUGH:
        found[f"{kind} refused"] += 1
        return
    chosen = verdict.chosen
    if chosen is not None:
        found["headlines"] += 1
        found["headline missed"] += (
            not chosen.speedup.low <= truth[chosen.backend, chosen.workers] <= chosen.speedup.high
        )
    got = 1.0 if chosen is None else truth[chosen.backend, chosen.workers]
    found[f"{kind} claimed"] += 1
    found[f"{kind} good"] += got >= 0.95 * best
    found[f"{kind} stayed"] += verdict.decision == STAY_SERIAL


def _curves(rng: np.random.Generator) -> dict[Pool, float]:
    truth = {}
    for backend in ("thread", "process"):
        sigma, kappa = rng.uniform(0, 1), rng.uniform(0, 0.1)
        for workers in (1, 2, 4, 8):
            truth[backend, workers] = workers / (1 + sigma * (workers - 1) + kappa * workers * (workers - 1))
    return truth


def _ties(rng: np.random.Generator) -> dict[Pool, float]:
    gain = rng.uniform(1.2, 4)
    return dict.fromkeys(((backend, workers) for backend in ("thread", "process") for workers in (2, 4)), gain)


def _nothing(rng: np.random.Generator) -> dict[Pool, float]:
    return {(b, n): rng.uniform(0.6, 1.02) for b in ("thread", "process") for n in (2, 4)}


def _is_alarmed(run: Run) -> bool:
    (verdict,) = decide(run)
    cells = [cell for cell in run.cells if cell["id"] in run.measured]
    plan = run.plan(cells[0])
    assert plan is not None
    found = [(each, run.evidence[each["id"]], plan) for each in cells]
    field = playoff.enter(found, run.family, run.variants)
    return verdict.decision == USE or any(each.speedup.low > 1 or each.speedup.high < 1 for each in field)


def _tells_apart(run: Run) -> bool:
    """Whether one of two tied cells that help led after the other, is called slower, or neither is said to help."""
    (verdict,) = decide(run)
    if verdict.chosen is None:
        return verdict.decision == STAY_SERIAL
    named = 1 + len(verdict.ties) + len(verdict.unresolved)
    return named < 2 or len({leader for leader, _ in run.matches}) > 1


def _only_speedup(run: Run) -> statistics.Speedup:
    cell = run.cells[1]
    plan = run.plan(cell)
    assert plan is not None
    return run.evidence[cell["id"]].speedup(plan.each_look())


def _fixed_length(rng: np.random.Generator, model: Model, truth: float, run: Run) -> statistics.Speedup:
    """All of the ten seconds in trials like those of `run`, looked at once."""
    plan = run.plan(run.cells[1])
    assert plan is not None
    trials = round(TEN_SECONDS.budget_s / (BATCH_S * (1 + 1 / truth) * plan.rounds))
    drawn: list[Floats] = [model(rng, plan.rounds) for _ in range(trials)]
    return statistics.speedup([(each[:, 0] - each[:, 1] + math.log(truth)).tolist() for each in drawn], ALPHA)
