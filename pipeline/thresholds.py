"""Where a thing that was seen begins to count: every threshold of flags and causes, in one place.

`tests/truth` says how often each flag is raised on machines that are quiet and that are not: see docs/truth.md, flags.
"""

OTHERS_SHARE = 0.10
"""Crowded: others used more than this share of the machine's cores."""
LEAST_CAPACITY = 1.5
"""Starved: two or more cores were asked for, and the probes got less than this many out of the machine,"""
LEAST_CAPACITY_SHARE = 0.6
"""or less than this share of those that were asked for and are there."""
STOLEN_SHARE = 0.02
"""Stolen: the hypervisor gave more than this share of the cores to others."""
PRESSURE_SHARE = 0.05
"""Noisy: while the plain loop ran, somebody waited for a core for more than this share of the time (PSI),"""
LEAST_COUNTED_S = 0.01
"""of a repetition that lasted at least this long: reading the counters takes time as well;"""
ANCHOR_VARIATION = 0.10
"""or half the spread of the middle 80 % of the plain loop's times is over this share of their median."""
THROTTLED_SHARE = 0.01
"""Throttled: a quota held the container back for more than this share of the time."""
DRIFT = 0.10
"""Drifting: the plain loop's last trials took so much longer or shorter than its first ones."""
REPEATABLE = 0.5
"""Not repeatable: a warm batch takes less than this share of the first one,"""
LEAST_COLD_S = 0.005
"""which lasted at least this long."""
SEVERAL_CORES = 1.1
"""Oversubscribed: the plain loop itself uses more than so many cores, so the thread pools it has are at work, and
workers with more such threads than there are cores stand in one another's way."""
IMPOSSIBLE = 1.1
"""Impossible: so many times as much CPU work was done at once as the machine offered, beyond both intervals.

It was less work, or each worker's share of the data fits into a cache of its own."""

CPU_BOUND = 0.7
"""A plain loop that keeps a core busy for more than this share of its time computes, and a pool that does so with all
cores competes for them."""

NO_GAIN = 1.15
"""The GIL is blamed for threads whose speed-up's upper bound is under this; processes whose lower bound is over it
gain;"""
FILLED = 0.9
"""where the loop's CPU time and wait for a core fill at least this share of its time: it waits for nothing else;"""
BLOCKED = 0.2
"""where, of the 1 - 1/N of their time for which threads that take turns are blocked, at least this share is seen;"""
GIL_HELD = 0.5
"""and where a thread with nothing to do but wake up has to wait for the GIL at this share of its awakenings at least.
"""

BETWEEN_RUNS = 1.03
"""Two runs that took no turns: beyond the intervals of both, their speed-ups may differ by this factor with nothing
changed, and"""
TIMES_BETWEEN_RUNS = 1.12
"""times in seconds by this one: whole runs of one loop were seen to vary by 4 % (standard deviation) on a machine that
is shared, and this is twice that of a difference of two."""
