"""The look before anything is measured: does it run, does it travel, how long does it take?"""

from __future__ import annotations

import itertools
import pickle
import random
import time

from .errors import BadInput
from .messages import Message
from .reference import describe
from .spans import Spans
from .workload import Workload, spread

TASKS_A_WORKER = 4
"""An automatic sample has so many tasks for each worker of the largest count."""


def run(workload: Workload, command: Message) -> Message:
    """Choose the sample, see whether it can be pickled, and time one batch of it in a plain loop, cold and warm.

    Args:
        command: `sample` (`auto`, `all` or a number), `widest` (the largest number of workers), `most_s`
            (how long the batch of an automatic sample should last at most), `travels` (whether a backend sends
            the task to other processes), `task` (its reference).

    Returns:
        tasks, available, sample (how many, `None` for all), cold_s, warm_s, task_s (one task's mean time, `None`
        where nothing went through the map), widest (the largest number of inputs in one call of the map), called (see
        `workload.Called`), about (what the function says of itself).

    Raises:
        BadInput: something that has to travel cannot be pickled.
    """
    if command["travels"]:
        _pickle(workload, command["task"])
    sample = _choose(workload, command)
    chosen = workload.sampled(sample)
    spans = Spans()
    batch = chosen.bind(spans.wrap(lambda function, inputs: [function(each) for each in inputs]))
    seconds = []
    for _ in range(2):
        if workload.reset:
            workload.reset()
        began = time.perf_counter()
        batch()
        seconds.append(time.perf_counter() - began)
    durations_s = [(end_ns - start_ns) / 1e9 for start_ns, end_ns, *_ in spans.notes[len(spans.notes) // 2 :]]
    return {
        "tasks": len(chosen.inputs),
        "available": workload.available,
        "sample": sample,
        "cold_s": seconds[0],
        "warm_s": seconds[1],
        "task_s": sum(durations_s) / len(durations_s) if durations_s else None,
        "widest": max((len(call.notes) for call in spans.calls), default=0),
        "called": workload.called._asdict(),
        "about": workload.about,
    }


def _pickle(workload: Workload, task: str) -> None:
    for number, each in enumerate(itertools.chain([workload.task], workload.inputs)):
        try:
            pickle.dumps(each)
        except Exception as error:  # whatever the measured code's own __reduce__ raises
            if number == 0:
                named, remedy = f"workload.task={task}", "define it with def at a module's top level"
            else:
                named, remedy = f"workload.inputs: number {number - 1}, {_show(each)},", "give plain values"
            said = describe(error)
            raise BadInput(
                f"{named} cannot be sent to another process ({said}); {remedy}, or use backend=thread"
            ) from None


def _show(value: object) -> str:
    try:
        return f"{value!r:.60}"
    except Exception:  # nor need it be able to say itself
        return f"a {type(value).__name__}"


def _choose(workload: Workload, command: Message) -> int | None:
    wanted, available = command["sample"], workload.available
    if wanted == "all" or (wanted == "auto" and workload.job is not None):
        return None
    if wanted == "auto":
        # Whole shares for the largest number of workers, so that a sample is as balanced as the batch it stands for.
        share = command["widest"]
        least = TASKS_A_WORKER * share
        if available <= least:
            return None
        fits = int(command["most_s"] / max(_estimate_task_s(workload), 1e-9))
        wanted = max(least, fits // share * share)
        if wanted > 0.75 * available:
            return None
    return None if wanted >= available else int(wanted)


def _estimate_task_s(workload: Workload) -> float:
    """The mean time of a task, from as many spread over the inputs as half a second allows, at least three."""
    assert workload.task is not None
    indices = spread(min(64, workload.available), workload.available)
    # Shuffled, so that the few that fit into the time stand for the whole; always alike.
    random.Random(0).shuffle(indices)
    if workload.reset:
        workload.reset()
    began = time.perf_counter()
    for done, index in enumerate(indices, start=1):
        workload.task(workload.inputs[index])
        if done >= 3 and time.perf_counter() - began > 0.5:
            break
    return (time.perf_counter() - began) / done
