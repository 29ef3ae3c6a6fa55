"""What each flag means and what to do about it, a sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .. import flags
from ..evidence import Flag
from .text import one_line


@dataclass(frozen=True)
class Meaning:
    """What a flag says of its cell, and its remedy."""

    says: str
    remedy: str


MEANINGS = {
    flags.STARVED: Meaning(
        "The machine offered this cell fewer cores than it has workers for, so pools were held back by others.",
        "Measure again when the machine is idle, or ask for as few workers as there are free cores.",
    ),
    flags.CROWDED: Meaning(
        "Other programs used a part of the cores meanwhile, and leave more to pools of more workers.",
        "Stop them, or measure on a machine of your own.",
    ),
    flags.STOLEN: Meaning(
        "The hypervisor gave a part of the cores to other virtual machines.",
        "Measure at another hour, or on an instance whose cores are its own.",
    ),
    flags.NOISY: Meaning(
        "The plain loop took turns with others or varied from round to round: times in seconds hold for those minutes, "
        "ratios less so.",
        "More rounds narrow the interval: measure=thorough.",
    ),
    flags.THROTTLED: Meaning(
        "A quota held the cell back, so it is left out of the verdict.",
        "Raise the container's CPU limit, or measure up to as many workers as it allows.",
    ),
    flags.DRIFTING: Meaning(
        "The plain loop became slower or faster while this was measured: times in seconds hold for those minutes.",
        "Let the machine warm up, fix its clock frequency, or measure for longer: measure=thorough.",
    ),
    flags.OVERSUBSCRIBED: Meaning(
        "The work has threads of its own, and all workers together have more of them than there are cores.",
        "Sweep the variable that caps them, which the flag names, as an axis beside the uncapped loop.",
    ),
    flags.NOT_REPEATABLE: Meaning(
        "Later batches take under half of the first: a cache, or work that is skipped once it is done. The cell is "
        "left out of the verdict.",
        "Undo what a batch leaves behind with workload.reset, or start afresh each time: measure.cold=true.",
    ),
    flags.IMPOSSIBLE: Meaning(
        "More work was done at once than the machine had cores for: it was less work, or fitted into caches better.",
        "Make sure that the pool does what the loop does; workload.check compares the answers.",
    ),
    flags.IDLE: Meaning(
        "Fewer workers took part in a batch than were opened.",
        "Open fewer, give more inputs, or make smaller chunks: backend.chunksize=1.",
    ),
    flags.UNCOMPARED: Meaning(
        "Whether the pool's answers are the loop's is not known.",
        "Return something that can be pickled and compared, or compare yourself: workload.check=module:function.",
    ),
}
"""Every flag that there is, in the order in which they are explained."""


def read(written: str) -> tuple[Flag, ...]:
    """The flags of a row of the summary, which has them as text."""
    return tuple(_read(written))


def _read(written: str) -> Iterator[Flag]:
    for each in filter(None, one_line(written).split("; ")):
        name, _, detail = each.partition(" (")
        yield Flag(name, detail.removesuffix(")"))


def explain(written: Iterable[str]) -> tuple[tuple[str, Meaning], ...]:
    """Those flags that some rows of the summary have."""
    seen = {flag.name for each in set(written) for flag in read(each)}
    return tuple((name, meaning) for name, meaning in MEANINGS.items() if name in seen)
