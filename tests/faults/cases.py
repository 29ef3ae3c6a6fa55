"""What becomes of cells whose function is hostile: of each, by backend, the status and what the reason says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.bench import deaths

VARIANTS = ("serial", "thread", "fork", "spawn", "forkserver")
"""The backends; those of processes by their start method."""
_PROCESSES = VARIANTS[2:]

RAY = "ray"
"""Another one, where Ray is installed."""

MEMORY = "400MB"
"""What a trial gets; of a cluster's workers each."""

Ending = tuple[str, str]
"""A status, and words that the reason must hold; a measured cell has no reason."""

MEASURED: Ending = ("measured", "")


@dataclass(frozen=True)
class Case:
    """A function of `hostile`, how its cells end, and those of some variants that end in another way."""

    name: str
    ending: Ending
    others: Mapping[str, Ending] = field(default_factory=dict)

    def of(self, variant: str) -> Ending:
        """How the cell of a variant ends."""
        if variant == RAY:
            return _ON_RAY.get(self.name, self.ending)
        return self.others.get(variant, self.ending)


def _but_in_processes(ending: Ending) -> dict[str, Ending]:
    return dict.fromkeys(_PROCESSES, ending)


_EXIT_3 = ("crashed", "ended with exit status 3")
_KILLED = ("crashed", "was ended by SIGKILL")
_LOST = ("failed", "lost 3 times: its keeper")

ENDING = (
    Case("raises", ("failed", "ValueError: no")),
    Case("exits_politely", ("failed", "SystemExit: 4")),
    Case("stops_iterating", ("failed", "StopIteration")),
    Case("recurses_for_ever", ("failed", "RecursionError")),
    Case(
        "raises_what_cannot_be_pickled",
        ("failed", "I hold a lock"),
        _but_in_processes(("failed", "cannot pickle '_thread.lock' object")),
    ),
    Case(
        "raises_what_cannot_be_unpickled",
        ("failed", "one and two"),
        _but_in_processes(("failed", "what a worker gave back cannot be unpickled: TypeError")),
    ),
    Case("raises_what_cannot_be_said", ("failed", "_Unspeakable")),
    Case("raises_at_length", ("failed", "more characters]")),
    Case(
        "returns_what_cannot_be_pickled", MEASURED, _but_in_processes(("failed", "cannot pickle '_thread.lock' object"))
    ),
    Case(
        "returns_what_cannot_be_unpickled",
        MEASURED,
        _but_in_processes(("failed", "what a worker gave back cannot be unpickled: TypeError")),
    ),
    Case("returns_something_else_each_time", ("invalid", "its results differ from the plain loop's")),
    Case("exits", _EXIT_3),
    Case("aborts", ("crashed", "was ended by SIGABRT")),
    Case("reads_address_nought", ("crashed", "was ended by SIGSEGV")),
    Case("is_killed_from_outside", _KILLED),
    Case("is_terminated", ("crashed", "was ended by SIGTERM")),
    Case("kills_its_group", _KILLED),
    Case("allocates_for_ever", ("out of memory", "that measure.memory allows")),
    Case("asks_for_too_much", ("out of memory", "MemoryError")),
    Case("prints_a_gigabyte", MEASURED),
    Case("closes_the_standard_streams", MEASURED),
    Case(
        "closes_every_descriptor", ("crashed", "ended with exit status 1"), _but_in_processes(("crashed", "a worker"))
    ),
    Case(
        "writes_to_every_descriptor",
        ("crashed", "it wrote into the pipe by which its keeper hears from it"),
        _but_in_processes(MEASURED),
    ),
    Case("leaves_grandchildren", MEASURED),
    Case("daemonises", MEASURED),
    Case("nests_processes", MEASURED),
    Case("leaves_files_and_sockets", MEASURED),
    Case("changes_folder", MEASURED),
    Case("changes_umask", MEASURED),
    Case("changes_signal_handlers", MEASURED),
    Case("changes_recursion_limit", MEASURED),
    Case("changes_locale", MEASURED),
    Case("changes_path", MEASURED),
    Case("changes_randomness", MEASURED),
    Case("changes_standard_streams", MEASURED),
    Case("changes_environment", MEASURED),
    Case("sets_the_start_method", MEASURED),
    Case("Made", MEASURED),
    Case("builtin", MEASURED),
    Case("partial", MEASURED),
    Case("takes_nothing", ("failed", "too many positional arguments")),
    Case("takes_two", ("failed", "missing a required argument: 'two'")),
    Case("generates", ("failed", "is a generator: calling it runs nothing")),
    Case("waits", ("unsupported", "is an async function: calling it runs nothing")),
    Case("generates_and_waits", ("unsupported", "is an async generator: calling it runs nothing")),
)
"""Those that end by themselves, or are ended for what they take."""

_IN_BATCH = ("timed out", "while the first batch ran; measure.timeout_s allows more")
_IN_CLOSING = ("timed out", "while the pool was closed; measure.timeout_s allows more")

ENDLESS = (
    Case("sleeps_for_ever", _IN_BATCH),
    Case("computes_for_ever", _IN_BATCH),
    Case("stops_itself", _IN_BATCH),
    Case("deadlocks_after_a_fork", _IN_BATCH),
    Case("starts_threads_that_never_end", MEASURED, _but_in_processes(_IN_CLOSING)),
    Case("hangs_at_the_end", MEASURED, {"spawn": _IN_CLOSING}),
    Case(
        "kills_its_parent",
        _LOST,
        {"fork": _KILLED, "spawn": _KILLED, "forkserver": ("crashed", "a worker process ended")},
    ),
)
"""Those that never end, and those whose pools do not."""

_NO_PICKLE: Ending = ("failed", "cannot pickle '_thread.lock' object")
_CLUSTER_LOST = ("failed", "lost 3 times: the Ray cluster that was started for it ended")
_POLITELY = ("crashed", "a worker process ended with exit status 0")

_ON_RAY: dict[str, Ending] = {
    "exits_politely": _POLITELY,  # Ray takes that for the worker's end,
    "is_terminated": _POLITELY,  # and has a handler for this
    "raises_what_cannot_be_pickled": _NO_PICKLE,
    "raises_what_cannot_be_unpickled": ("failed", "what a worker gave back cannot be unpickled: TypeError"),
    "returns_what_cannot_be_pickled": _NO_PICKLE,
    "returns_what_cannot_be_unpickled": ("failed", "missing 1 required positional argument: 'one'"),
    "closes_every_descriptor": ("crashed", "a worker"),
    "writes_to_every_descriptor": _IN_BATCH,
    "kills_its_parent": _CLUSTER_LOST,
}
"""Those that end in another way on the workers of a cluster."""

_DIES_THERE = (
    *("exits", "exits_politely", "aborts", "reads_address_nought", "is_killed_from_outside", "is_terminated"),
    *("kills_its_group", "closes_every_descriptor"),
)
if not deaths.TELLS:  # the system how those end that are no children; Ray says only that they did
    _ON_RAY |= dict.fromkeys(_DIES_THERE, ("crashed", "died unexpectedly before finishing this task"))
