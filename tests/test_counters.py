"""What the system counts: for processes, for their memory, for the machine and its cgroups."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.bench import counters, machine, memory
from pipeline.bench.cgroups import available_bytes, find_throttling, quota_cores

from .trials import PROCESSES, THREADS, describe, measure

counted = pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel does not count")

WORKER = """
import sys, time
for line in sys.stdin:
    until = time.process_time() + float(line)
    while time.process_time() < until:
        pass
    print(flush=True)
"""


class TestTree:
    """Of processes."""

    @counted
    def test_cpu_time_is_at_least_what_was_used(self) -> None:
        """By this process."""
        before, used_s = counters.read_tree([]), time.process_time()
        sum(range(3_000_000))
        used_s = time.process_time() - used_s
        counts = counters.since(before, counters.read_tree([]))
        assert counts["cpu_s"] is not None
        assert counts["cpu_s"] >= used_s

    @counted
    def test_another_process_is_counted_while_it_lives(self) -> None:
        """A worker need not end to be counted, and its context switches are, too."""
        with subprocess.Popen(
            [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as worker:
            assert worker.stdin is not None
            assert worker.stdout is not None

            def spin(seconds: float) -> None:
                print(seconds, file=worker.stdin, flush=True)
                assert worker.stdout is not None
                worker.stdout.readline()

            spin(0.0)
            before = counters.read_tree([worker.pid])
            spin(0.05)
            counts = counters.since(before, counters.read_tree([worker.pid]))
            worker.stdin.close()
        assert counts["cpu_s"] is not None
        assert counts["cpu_s"] > 0.045  # the scheduler's clock is read when it last looked
        assert counts["voluntary"] is not None
        assert counts["voluntary"] >= 1

    @counted
    def test_waiting_is_a_voluntary_switch(self) -> None:
        """One at least."""
        before = counters.read_tree([])
        time.sleep(0.001)
        counts = counters.since(before, counters.read_tree([]))
        assert counts["voluntary"] is not None
        assert counts["voluntary"] >= 1

    def test_counts_are_for_one_of_so_many(self) -> None:
        """A batch that was repeated counts once."""
        tree = counters.Tree(1.0, None, 10, 0, 2)
        counts = counters.since(tree, counters.Tree(3.0, None, 20, 0, 4), 2)
        assert counts == {"cpu_s": 1.0, "queue_s": None, "voluntary": 5.0, "involuntary": 0.0, "gc_runs": 1.0}

    @counted
    def test_a_process_that_ended_leaves_unknown_what_it_used(self) -> None:
        """Rather than a total without it."""
        with subprocess.Popen([sys.executable, "-c", ""]) as ended:
            pass
        assert counters.read_tree([ended.pid]).cpu_s is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
class TestMemory:
    """Of processes."""

    def test_a_repetitions_peak_is_its_own(self) -> None:
        """What was used before it, and given back, does not count."""
        own = memory.Memory([os.getpid()])
        bytearray(100_000_000)[::4096] = b"." * (100_000_000 // 4096 + 1)
        before = own.read()["rss_bytes"]
        own.begin()
        after = own.read()["rss_bytes"]
        assert before is not None
        assert after is not None
        assert after < before - 50_000_000

    def test_what_is_dear_to_read_is_read_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The first repetition has it all the same."""
        monkeypatch.setattr(memory, "DEAR_S", 0.0)
        own = memory.Memory([os.getpid()])
        assert [own.read()["pss_bytes"] is None for _ in range(3)] == [False, True, True]

    def test_what_is_cheap_to_read_is_read_every_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Both figures."""
        monkeypatch.setattr(memory, "DEAR_S", 60.0)
        own = memory.Memory([os.getpid()])
        for _ in range(3):
            assert all(value is not None and value > 0 for value in own.read().values())


Root = Callable[[dict[str, str]], Path]


@pytest.fixture
def make_root(tmp_path: Path) -> Root:
    """A folder with these files, in which the system looks for its own."""

    def make(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


V2 = "usage_usec 5\nuser_usec 4\nsystem_usec 1\nnr_periods 9\nnr_throttled 2\nthrottled_usec {}\n"
V1 = "nr_periods 9\nnr_throttled 2\nthrottled_time {}\n"
CGROUPS = "sys/fs/cgroup"


@pytest.mark.parametrize(
    ("files", "found_s"),
    [
        pytest.param({}, None, id="no cgroups"),
        pytest.param({"proc/self/cgroup": "0::/\n"}, None, id="nothing mounted"),
        pytest.param(
            {"proc/self/cgroup": "0::/\n", f"{CGROUPS}/cpu.stat": V2.format(1_500_000)}, 1.5, id="v2, a container"
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/user.slice/a.scope\n",
                f"{CGROUPS}/cpu.stat": V2.format(0),
                f"{CGROUPS}/user.slice/cpu.stat": V2.format(2_000_000),
                f"{CGROUPS}/user.slice/a.scope/cpu.stat": V2.format(3_000_000),
            },
            3.0,
            id="v2, nested",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/user.slice/a.scope\n",
                f"{CGROUPS}/user.slice/cpu.stat": V2.format(2_000_000),
                f"{CGROUPS}/user.slice/a.scope/cpu.stat": "usage_usec 5\nuser_usec 4\nsystem_usec 1\n",
            },
            2.0,
            id="v2, nested, the group itself without the controller",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/user.slice/a.scope\n",
                f"{CGROUPS}/user.slice/cpu.stat": V2.format(2_000_000),
                f"{CGROUPS}/user.slice/cpu.max": "50000 100000\n",
                f"{CGROUPS}/user.slice/a.scope/cpu.stat": V2.format(0),
                f"{CGROUPS}/user.slice/a.scope/cpu.max": "max 100000\n",
            },
            2.0,
            id="v2, nested, the quota further up",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/../../host/a\n", f"{CGROUPS}/cpu.stat": V2.format(4_000_000)},
            4.0,
            id="v2, out of the namespace",
        ),
        pytest.param(
            {"proc/self/cgroup": "3:memory:/\n1:cpu:/\n0::/\n", f"{CGROUPS}/cpu/cpu.stat": V1.format(2_500_000_000)},
            2.5,
            id="v1",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/b\n",
                f"{CGROUPS}/cpu,cpuacct/cpu.stat": V1.format(1_000_000_000),
            },
            1.0,
            id="v1, mounted with another one, the path the host's",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/b\n0::/\n",
                f"{CGROUPS}/unified/cpu.stat": "usage_usec 5\n",
                f"{CGROUPS}/cpu/cpu.stat": V1.format(0),
                f"{CGROUPS}/cpu/docker/b/cpu.stat": V1.format(6_000_000_000),
                f"{CGROUPS}/cpu/docker/b/cpu.cfs_quota_us": "150000\n",
                f"{CGROUPS}/cpu/docker/b/cpu.cfs_period_us": "100000\n",
            },
            6.0,
            id="v1, nested, beside v2",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "1:cpu:/a/b\n",
                f"{CGROUPS}/cpu/a/cpu.stat": V1.format(7_000_000_000),
                f"{CGROUPS}/cpu/a/cpu.cfs_quota_us": "150000\n",
                f"{CGROUPS}/cpu/a/cpu.cfs_period_us": "100000\n",
                f"{CGROUPS}/cpu/a/b/cpu.stat": V1.format(0),
                f"{CGROUPS}/cpu/a/b/cpu.cfs_quota_us": "-1\n",
            },
            7.0,
            id="v1, nested, the quota further up",
        ),
        pytest.param(
            {"proc/self/cgroup": "1:cpuset:/\n", f"{CGROUPS}/cpu/cpu.stat": V1.format(1)}, None, id="not ours"
        ),
    ],
)
def test_throttling_is_that_of_the_nearest_group(make_root: Root, files: dict[str, str], found_s: float | None) -> None:
    """With a quota, or else of the nearest that counts."""
    root = make_root(files)
    assert (find_throttling(root) is None) is (found_s is None)
    with machine.open_meter(root) as meter:
        assert meter.read().throttled_s == found_s


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        pytest.param({"proc/self/cgroup": "0::/a/b\n", f"{CGROUPS}/a/b/cpu.max": "max 100000\n"}, None, id="v2, none"),
        pytest.param(
            {
                "proc/self/cgroup": "0::/a/b\n",
                f"{CGROUPS}/a/b/cpu.max": "300000 100000\n",
                f"{CGROUPS}/a/cpu.max": "50000 100000\n",
            },
            0.5,
            id="v2, a smaller one further up",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "1:cpu:/a\n",
                f"{CGROUPS}/cpu/a/cpu.cfs_quota_us": "150000\n",
                f"{CGROUPS}/cpu/a/cpu.cfs_period_us": "100000\n",
            },
            1.5,
            id="v1",
        ),
        pytest.param({}, None, id="no cgroups"),
    ],
)
def test_the_quota_is_the_least_of_all_groups(make_root: Root, files: dict[str, str], cores: float | None) -> None:
    """Each of them holds."""
    assert quota_cores(make_root(files)) == cores


@pytest.mark.parametrize(
    ("files", "bytes_"),
    [
        pytest.param({}, None, id="no cgroups"),
        pytest.param({"proc/self/cgroup": "0::/a\n", f"{CGROUPS}/a/memory.max": "max\n"}, None, id="v2, none"),
        pytest.param(
            {
                "proc/self/cgroup": "0::/a/b\n",
                f"{CGROUPS}/a/memory.max": "1000\n",
                f"{CGROUPS}/a/memory.current": "900\n",
                f"{CGROUPS}/a/memory.stat": "anon 700\nactive_file 50\ninactive_file 150\n",
                f"{CGROUPS}/a/b/memory.max": "max\n",
            },
            250,
            id="v2, that of the group above",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "4:memory:/c\n1:cpu:/\n",
                f"{CGROUPS}/memory/c/memory.limit_in_bytes": "500\n",
                f"{CGROUPS}/memory/c/memory.usage_in_bytes": "600\n",
                f"{CGROUPS}/memory/c/memory.stat": "inactive_file 7\ntotal_inactive_file 20\n",
            },
            0,
            id="v1, used up",
        ),
    ],
)
def test_the_memory_left_is_the_least_of_all_groups(make_root: Root, files: dict[str, str], bytes_: int | None) -> None:
    """What was read from files is not in the way."""
    assert available_bytes(make_root(files)) == bytes_


CPU = "sys/devices/system/cpu"


class TestMachine:
    """As a whole."""

    def test_reads_what_there_is(self, make_root: Root) -> None:
        """From files that stay open."""
        root = make_root(
            {
                "proc/stat": "cpu  100 10 50 9000 30 4 6 20 0 0\ncpu0 1 2 3\n",
                "proc/pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 total=7\n",
                f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "1000000\n",
                f"{CPU}/cpu1/cpufreq/scaling_cur_freq": "3000000\n",
                f"{CPU}/cpu2/cpufreq/scaling_cur_freq": "<unknown>\n",
            }
        )
        tick_s = 0.01
        with machine.open_meter(root) as meter:
            before = meter.read()
            assert before == machine.Machine(170 * tick_s, 20 * tick_s, 1.5, None)
            assert meter.frequency_hz() == 2e9
            make_root({"proc/stat": "cpu  200 10 50 9000 30 4 6 25 0 0\n"})
            changed = counters.since(before, meter.read())
        assert changed == pytest.approx(
            {"busy_s": 100 * tick_s, "steal_s": 5 * tick_s, "pressure_s": 0.0, "throttled_s": None}
        )

    def test_nothing_is_known_of_a_system_that_counts_nothing(self, make_root: Root) -> None:
        """And nothing fails."""
        with machine.open_meter(make_root({})) as meter:
            assert meter.read() == machine.Machine(None, None, None, None)
            assert meter.frequency_hz() is None

    def test_frequencies_that_are_dear_to_read_are_read_once(
        self, make_root: Root, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Some kernels wait for each core."""
        monkeypatch.setattr(machine, "DEAR_S", 0.0)
        with machine.open_meter(make_root({f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "1000000\n"})) as meter:
            assert [meter.frequency_hz() for _ in range(2)] == [1e9, None]

    def test_of_many_cores_some_are_read(self, make_root: Root) -> None:
        """Each takes a file descriptor."""
        cores = {f"{CPU}/cpu{each}/cpufreq/scaling_cur_freq": "1000000\n" for each in range(200)}
        with machine.open_meter(make_root(cores)) as meter:
            assert len(meter._frequencies) <= machine.MOST_CORES
            assert meter.frequency_hz() == 1e9

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
    def test_this_machine_is_busy_while_we_are(self) -> None:
        """Its ticks are ours, too."""
        with machine.open_meter() as meter:
            before, until = meter.read(), time.process_time() + 0.2
            while time.process_time() < until:
                pass
            counts = counters.since(before, meter.read())
        assert counts["busy_s"] is not None
        assert counts["busy_s"] > 0.05


ROUND = {"batch_s", "cpu_s", "queue_s", "voluntary", "involuntary", "gc_runs", "rss_bytes", "pss_bytes"} | {
    f"machine_{each}" for each in ("busy_s", "steal_s", "pressure_s", "throttled_s", "frequency_hz", "load")
}


@pytest.mark.parametrize("cell", [THREADS, PROCESSES], ids=["thread", "process"])
@pytest.mark.parametrize("cold", [False, True])
def test_every_round_has_every_counter(tmp_path: Path, cell: dict[str, object], cold: bool) -> None:
    """Of each arm; `None` where the system has none."""
    tmp_path.joinpath("tasks.py").write_text("def task(x):\n    return sum(range(100_000))\n")
    reply = measure(describe(tmp_path, cell, workload={"task": "tasks:task"}, rounds=3, cold=cold))
    assert reply["status"] == "measured", reply
    rounds = 1 if cold else 3
    assert len(reply["orders"]) == rounds
    for arm in reply["arms"].values():
        lists = {name: value for name, value in arm.items() if isinstance(value, list)}
        assert set(lists) == ROUND
        assert {len(value) for value in lists.values()} == {rounds}
        if sys.platform == "linux":
            assert all(each > 1_000_000 for each in arm["rss_bytes"])
            assert arm["pss_bytes"][0] > 1_000_000
            assert all(each is not None and each >= 0 for each in arm["machine_busy_s"])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_machines_counters_are_those_of_whole_repetitions(tmp_path: Path) -> None:
    """Not of one batch on average; together they are at most what the machine counted over all rounds."""
    tmp_path.joinpath("tasks.py").write_text("def task(x):\n    return sum(range(20_000))\n")
    reply = measure(describe(tmp_path, THREADS, workload={"task": "tasks:task"}, rounds=4))
    assert reply["repeat"] > 1
    for what, total in reply["machine"].items():
        repetitions = [each for arm in reply["arms"].values() for each in arm[f"machine_{what}"]]
        assert total is None or sum(repetitions) <= total + 1e-6
