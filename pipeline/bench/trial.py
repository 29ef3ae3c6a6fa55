"""One trial: two or more fresh arms, measured against each other for some rounds.

It is self-contained: its description is plain JSON, and so is its record. The first arm is the anchor.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from . import own, rounds, steady, warmup
from .capacity import Probe, ProbeDied, open_probe, open_thread_probe
from .counters import since
from .machine import Meter, open_meter
from .messages import Message
from .own import Rest
from .rounds import Arm, ArmFailed, Rounds, ask

#: So often, at most, the machine's capacity is probed between the rounds of a trial.
PROBES = 4
#: An arm runs so many batches, at most about, to tell where its time goes.
INSTRUMENTED_BATCHES = 7

START_ARM = Callable[[str, Message], AbstractContextManager[Arm]]


def run(
    description: Message,
    start_arm: START_ARM,
    scratch: Path,
    tell: Callable[[Message], None],
    look: Callable[[], steady.Reading] = steady.read,
) -> Message:
    """Measure one trial.

    Args:
        description: `arms` (each name, python, env, backend, workers, options, and folder and workload where these are
            its own; the anchor first, and last one with the cell's pool), `workload`, `sample`, `rounds`, `cold`,
            `spans` (how many to keep, `None` for no instrumented batches), `warm_s` and, as far as it is known,
            `task_s` (a batch and a task in a plain loop, as the preflight saw them), `seed`.
        start_arm: starts the process for one of the arms.
        scratch: a private folder.
        tell: called with progress after each round.
        look: reads the machine's clocks and CPUs; where they changed meanwhile, the trial counts as not run.

    Returns:
        The record: status, reason, traceback, failed_arm (the name of the one that ended the trial early), orders,
        repeat, capacity (one probe each), capacity_of (`processes`, `threads`, `None` without probes), machine
        (counters over all rounds), own_cpu_s (of that, CPU time of all processes of ours), phases_s, and for each of
        the arms:
            options, interpreter, startup_s, code (see `backends.Code`), cold_s, shutdown_s;
            peak_rss_bytes: since it started, after its first batch;
            answers: how they compare with the anchor's;
            with `spans`: pools (see `pools.ask`) and, unless the trial is cold, instrumented, spans and busy (see
            `instrument.run`);
            lists with an entry for each round: batch_s; of a batch on average cpu_s, queue_s, voluntary, involuntary
            and gc_runs (see `counters.Tree`); of the whole repetition rss_bytes (its peak), pss_bytes (after it), and
            what `rounds.Rounds.take` tells of the machine.
    """
    record: Message = {
        "status": "measured",
        "reason": None,
        "traceback": None,
        "failed_arm": None,
        "repeat": 1,
        "orders": [],
        "arms": {
            each["name"]: {"options": each["options"], "batch_s": [], "cpu_s": []} for each in description["arms"]
        },
        "phases_s": {},
        "capacity": [],
        "capacity_of": None,
        "machine": None,
        "own_cpu_s": None,
    }
    phases_s, began, before = record["phases_s"], time.perf_counter(), look()
    try:
        with ExitStack() as stack:
            with _timed(phases_s, "interpreters"):
                arms = {
                    each["name"]: stack.enter_context(start_arm(each["name"], each)) for each in description["arms"]
                }
                probe = stack.enter_context(open_probe(_widest(description)))
                meter = stack.enter_context(open_meter())
                _load(description, arms, record)
                probe = stack.enter_context(_fitting(probe, description, record))
            with _timed(phases_s, "startup"):
                outside = _open(description, arms, record)
            if probe is not None:
                with _timed(phases_s, "probe"):
                    probe.calibrate()
            if description["cold"]:
                with _timed(phases_s, "rounds"), _counting(record, meter, outside):
                    warmup.run(description, arms, record, Rounds(arms, meter, Rest(outside)), scratch)
                    if probe is not None:
                        Rest(outside).wait()
                        record["capacity"].append(probe.measure())
            else:
                with _timed(phases_s, "warm-up"):
                    taken = Rounds(arms, meter, Rest(outside))
                    warmup.run(description, arms, record, taken, scratch)
                with _timed(phases_s, "rounds"), _counting(record, meter, outside):
                    _measure(description, record, taken, probe, tell)
            if description["spans"] is not None and _has_time(description, record, time.perf_counter() - began):
                with _timed(phases_s, "warm-up"):  # likewise none of the rounds
                    _instrument(description, arms, record)
            with _timed(phases_s, "shutdown"):
                for name, arm in arms.items():
                    record["arms"][name] |= ask(arm, "close")
    except ArmFailed as failure:
        record |= {
            "status": failure.status,
            "reason": failure.reason,
            "traceback": failure.traceback,
            "failed_arm": failure.failed_arm,
        }
    except ProbeDied as death:  # for want of memory, or by somebody's hand: no fault of the cell's
        record |= {"status": "not run", "reason": str(death)}
    changed = steady.find_change(before, look())
    if changed is not None:  # what failed may have failed for this
        record |= {"status": "not run", "reason": changed, "traceback": None, "failed_arm": None}
    return record


def _has_time(description: Message, record: Message, passed_s: float) -> bool:
    """Whether instrumented batches, a handful in each arm, fit into the trial: what it measured would be lost."""
    batches_s: float = sum(arm["cold_s"] for arm in record["arms"].values())
    return bool(passed_s + INSTRUMENTED_BATCHES * batches_s < description["timeout_s"])


def _widest(description: Message) -> int:
    counts: list[int] = [each["workers"] for each in description["arms"]]
    return max(counts)


def _load(description: Message, arms: Mapping[str, Arm], record: Message) -> None:
    for each in description["arms"]:  # side by side: nothing is timed yet
        arms[each["name"]].tell("load", workload=each.get("workload", description["workload"]))
    for name, arm in arms.items():
        record["arms"][name]["interpreter"] = arm.answer()["interpreter"]


@contextmanager
def _fitting(probe: Probe | None, description: Message, record: Message) -> Iterator[Probe | None]:
    """`probe`, or one of threads where the cell's can run side by side; what it is of gets into the record.

    Which Python has no GIL only its arm tells. The processes of `probe` started beside the arms meanwhile, and stay
    idle then.
    """
    cell = description["arms"][-1]
    if probe is None:
        yield None
    elif cell["backend"] == "thread" and not record["arms"][cell["name"]]["interpreter"]["gil"]:
        record["capacity_of"] = "threads"
        with open_thread_probe(_widest(description), cell["python"]) as threads:
            yield threads
    else:
        record["capacity_of"] = "processes"
        yield probe


def _open(description: Message, arms: Mapping[str, Arm], record: Message) -> list[int]:
    """Returns the workers that are not below this process."""
    outside: list[int] = []
    for each in description["arms"]:
        pool = {key: each[key] for key in ("backend", "workers", "options")}
        reply = ask(arms[each["name"]], "open", sample=description["sample"], **pool)
        outside += reply.pop("outside")
        record["arms"][each["name"]] |= reply
    return outside


def _measure(
    description: Message,
    record: Message,
    taken: Rounds,
    probe: Probe | None,
    tell: Callable[[Message], None],
) -> None:
    order, count = [each["name"] for each in description["arms"]], description["rounds"]
    rng = random.Random(description["seed"])
    probed = {each * count // PROBES for each in range(PROBES)}
    for done in range(count):
        if probe is not None and done in probed:
            taken.rest.wait()
            record["capacity"].append(probe.measure())
        rng.shuffle(order)
        rounds.add(record, order, taken.take(order, "run", repeat=record["repeat"]))
        tell({"rounds": done + 1})
    if probe is not None:
        taken.rest.wait()
        record["capacity"].append(probe.measure())


@contextmanager
def _counting(record: Message, meter: Meter, outside: Sequence[int]) -> Iterator[None]:
    """What the machine and our own processes used meanwhile."""
    before, own_before_s = meter.read(), own.cpu_s(outside)
    yield
    record["machine"], own_s = since(before, meter.read()), own.cpu_s(outside)
    record["own_cpu_s"] = None if own_s is None or own_before_s is None else own_s - own_before_s


def _instrument(description: Message, arms: Mapping[str, Arm], record: Message) -> None:
    """Where the time goes: one instrumented batch of every arm, one right after the other; and their thread pools.

    After the rounds, because it leaves traces in the arms: modules, freed memory. In cold trials there is no such
    batch: it would be a warm one.
    """
    known = {"rounds": description["rounds"], "warm_s": description["warm_s"], "task_s": description.get("task_s")}
    order = random.Random(f"instrument {description['seed']}").sample(list(arms), len(arms))
    for name in [] if description["cold"] else order:
        record["arms"][name] |= ask(arms[name], "instrument", most=description["spans"], **known)
    for arm in arms.values():  # side by side: nothing is timed any more
        arm.tell("pools")
    for name, arm in arms.items():
        record["arms"][name] |= arm.answer()


@contextmanager
def _timed(into: dict[str, float], phase: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        into[phase] = into.get(phase, 0.0) + time.perf_counter() - began
