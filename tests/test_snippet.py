"""The recommended pool as a script: it runs, gives what a loop gives, and no name becomes code."""

from __future__ import annotations

import ast
import html
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline import report
from pipeline.evidence import Run
from pipeline.journal import Record
from pipeline.report.exports import export

from . import recorded
from .conftest import LEAST, Command, Finished
from .recorded import Told, Work

TASKS = r"""
import os
from contextlib import contextmanager
inputs = (1, 2)
def square(x, plus=0):
    return x * x + plus
def numbers(count):
    return (each for each in range(count))
@contextmanager
def opened(count):
    yield range(count)
def job(map, inputs, plus=0):
    return sum(map(square, map(square, inputs))) + plus
def pool(x):
    return -x
list = pool
class Kit:
    @staticmethod
    def square(x):
        return x * x
def variables(x):
    return [x, os.environ.get("MINE"), os.environ.get("OMP_NUM_THREADS")]
def named(x, **params):
    return [x, params]
"""


@dataclass(frozen=True)
class Case:
    """A workload, and what a script says that does its work; `beside` is the file that the script is put beside."""

    results: Any
    workload: dict[str, Any]
    beside: str = "tasks.py"


TEXTS = ["it's", 'a "b"', "new\nline", "`````", "\u202e", "\\", "#", "{inputs}", "x" * 80, "one two " * 20]
PARAMS = {"a b": TEXTS[0], "class": TEXTS[2], "a": "y" * 80}
CASES = {
    "a function": Case([0, 1, 4], {"task": "tasks:square", "inputs": "tasks:numbers", "params": {"count": 3}}),
    "a manager": Case(
        [5, 6, 9], {"task": "tasks:square", "inputs": "tasks.py:opened", "params": {"count": 3, "plus": 5}}
    ),
    "a job": Case(3, {"job": "tasks:job", "inputs": 2, "params": {"plus": 2}}),
    "names of ours": Case([-1, -2], {"task": "tasks:pool", "inputs": "tasks:inputs"}),
    "a built-in name": Case([-1, -2], {"task": "tasks:list", "inputs": [1, 2]}),
    "a file": Case([0, 1], {"task": "sub/others.py:Kit.square", "inputs": 2}, "sub/others.py"),
    "two files": Case([1, 4], {"task": "sub/others.py:square", "inputs": "tasks.py:inputs"}),
    "a name of the library": Case([0, 1], {"task": "sub/io.py:square", "inputs": 2}),
    "a name that is none": Case([0, 1], {"task": "sub/my-tasks.py:square", "inputs": 2}, "sub/my-tasks.py"),
    "texts": Case([[each, PARAMS] for each in TEXTS], {"task": "tasks:named", "inputs": TEXTS, "params": PARAMS}),
}
KEPT = ("options", "code", "interpreter", "startup_s", "cold_s", "shutdown_s", "peak_rss_bytes")
"""What a trial tells of an arm, but for its times and what was counted meanwhile."""
POOLS = ["serial", "thread", "process fork", "process forkserver", "process spawn"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's, with a configuration for each case."""
    path = tmp_path_factory.mktemp("user")
    path.joinpath("conf", "workload").mkdir(parents=True)
    path.joinpath("sub").mkdir()
    for name in ("tasks.py", "sub/others.py", "sub/io.py", "sub/my-tasks.py"):
        path.joinpath(name).write_text(TASKS)
    for number, (name, case) in enumerate(CASES.items()):
        described = json.dumps({"name": name, **case.workload})
        path.joinpath("conf", "workload", f"case_{number}.yaml").write_text(described)
    return path


@pytest.fixture(scope="module")
def pools(folder: Path) -> Finished:
    """One workload in every pool."""
    return _measure(
        folder,
        "workload=function",
        "workload.task=tasks:square",
        "workload.inputs=[1,2]",
        "+workload.params.plus=3",
        "backend=serial,thread,process",
        "backend.start_method=fork,forkserver,spawn",
        "backend.chunksize=2",
    )


@pytest.fixture(scope="module")
def cases(folder: Path) -> Finished:
    """Every workload in one pool."""
    return _measure(folder, f"workload={','.join(f'case_{number}' for number in range(len(CASES)))}", "backend=thread")


def _measure(folder: Path, *words: str) -> Finished:
    done = Command(folder)(*words, "--config-dir", "conf", "workers=2", "runner.exclusive=false", "-m", *LEAST)
    assert done.status == 0, done.err
    return done


def _convincing(done: Finished, cell: Record, speedup: float) -> Run:
    """The run of one of its cells, with trials and times that leave no doubt; all else is as it was measured."""
    (header,) = done.records("run")
    (trial,) = (each for each in done.records("trial") if each["cell"] == cell["id"])
    (preflight,) = (each for each in done.records("preflight") if each["workload"] == cell["workload_id"])
    rng = random.Random(0)

    def again(number: int) -> Record:
        loop_s = [0.1 * (1 + rng.gauss(0, 0.01)) for _ in range(8)]
        times_s = {"anchor": loop_s, "cell": [each / speedup for each in loop_s]}
        arms = {
            name: {**{key: arm[key] for key in KEPT}, "batch_s": times_s[name], "cpu_s": times_s[name]}
            for name, arm in trial["arms"].items()
        }
        return {**trial, "trial": number, "arms": arms, "capacity": None, "machine": None, "own_cpu_s": None}

    return Run(({**header, "cells": [cell], "measured": [cell["id"]]}, preflight, *map(again, range(8))))


def _snippet(run: Run) -> str | None:
    (said,) = json.loads(export(run, "json"))["verdict"].values()
    snippet: str | None = said["snippet"]
    return snippet


def _run(snippet: str | None, folder: Path) -> Any:
    """What a script gives that was pasted into a file in the folder."""
    assert snippet is not None
    name = "result" if "result = " in snippet else "results"
    folder.joinpath("pasted.py").write_text(f"{snippet}    import json\n    print(json.dumps({name}))\n")
    done = subprocess.run(
        [sys.executable, "-W", "error", "pasted.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{snippet}\n{done.stderr}"
    return json.loads(done.stdout)


def _cells(done: Finished) -> Iterator[tuple[str, Record]]:
    for cell in done.records("run")[0]["cells"]:
        yield " ".join(filter(None, [cell["backend"], cell["options"].get("start_method")])), cell


@pytest.mark.parametrize("name", POOLS)
def test_each_pool_gives_what_the_loop_gives(pools: Finished, name: str) -> None:
    """As it was measured: so many workers, such processes, such chunks."""
    cells = dict(_cells(pools))
    backend, _, method = name.partition(" ")
    is_serial = backend == "serial"
    snippet = _snippet(_convincing(pools, cells["thread" if is_serial else name], 1.0 if is_serial else 1.9))
    assert _run(snippet, pools.folder) == [4, 7]
    wanted = {
        "serial": "    results = [bound(x) for x in inputs]\n",
        "thread": "    with ThreadPoolExecutor(2) as pool:\n        results = list(pool.map(bound, inputs))\n",
        "process": f'    with ProcessPoolExecutor(2, mp_context=get_context("{method}")) as pool:\n'
        "        results = list(pool.map(bound, inputs, chunksize=2))\n",
    }
    assert snippet is not None
    assert snippet.endswith(wanted[backend])
    assert 'if __name__ == "__main__":\n' in snippet


def test_the_automatic_start_method_and_chunk_size_are_those_that_were_measured(folder: Path) -> None:
    done = _measure(folder, "workload=function", "workload.task=tasks.py:pool", "workload.inputs=3", "backend=process")
    ((_, cell),) = _cells(done)
    snippet = _snippet(_convincing(done, cell, 1.9))
    assert snippet is not None
    (trial,) = done.records("trial")
    assert f"chunksize={trial['arms']['cell']['options']['chunksize']})" in snippet
    method = "forkserver" if sys.platform == "linux" else "spawn"
    assert f'get_context("{method}")' in snippet
    assert _run(snippet, folder) == [0, -1, -2]


@pytest.mark.parametrize("name", CASES)
def test_each_workload_gives_what_it_gave(cases: Finished, name: str) -> None:
    (cell,) = (each for _, each in _cells(cases) if each["name"] == name)
    case = CASES[name]
    assert _run(_snippet(_convincing(cases, cell, 1.9)), cases.folder.joinpath(case.beside).parent) == case.results


def test_nothing_is_pasted_where_nothing_is_recommended(cases: Finished) -> None:
    (_, cell), *_ = _cells(cases)
    header, preflight, *_ = _convincing(cases, cell, 1.9).records
    assert _snippet(Run((header, preflight))) is None


INJECTED = "\nimport injected\n"
NAMES = [
    f"work.py:work{INJECTED}",
    f"wo{INJECTED}rk.py:work",
    f"wo{INJECTED}rk:work",
    f"a{INJECTED}/io.py:work",
    f"a\u202e{INJECTED}/work.py:work",
    "work.py:class",
    "work.py:a.b c",
    "class.py:work",
    "a b.py:work",
    "work.py:é",
    "..work:work",
    "../../x.py:work",
    "../io.py:work",
    "/io.py:work",
    "io.py:work",
    "v1.2.py:work",
    "');import injected;('.py:work",
    "'''\"\"\"`````.py:work",
    "__main__.py:work",
    "work.py:__name__",
    ".py:work",
]
"""Of modules, files and functions, where each can be; all are ones that somebody could have."""


THREADS = {
    "map": "list(pool.map({function}, {inputs}))",
    "imports": ["from concurrent.futures import ThreadPoolExecutor"],
    "definitions": [],
    "opens": ["with ThreadPoolExecutor(2) as pool:"],
}


def _told(code: Record = THREADS, **workload: Any) -> Run:
    """A run that recommends a pool of two, of a workload that is described otherwise."""
    env = {"A": INJECTED, f"B{INJECTED}": None, "C": "`````"}
    run = recorded.run(Work([Told("thread", 2, 1.9, trials=8, env=env)]))
    header, preflight, *trials = run.records
    cells = [
        {**cell, "python": f"python{INJECTED}", "workload": {**cell["workload"], **workload}}
        for cell in header["cells"]
    ]
    called = {"function": list(workload.get("params", ())), "inputs": [], "entered": False}

    def opened(trial: Record) -> Record:
        return {**trial, "arms": {name: {**arm, "code": code} for name, arm in trial.get("arms", {}).items()}}

    return Run(({**header, "cells": cells}, {**preflight, "called": called}, *map(opened, trials)))


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_no_name_becomes_code(name: str) -> None:
    """What has no name in Python has no script; what is said in comments stays there."""
    snippet = _snippet(_told(task=name, inputs=name, params={INJECTED: INJECTED}))
    for node in ast.walk(ast.parse(snippet or "")):
        match node:
            case ast.Import():
                raise AssertionError(snippet)
            case ast.ImportFrom() | ast.Name():
                assert "injected" not in str(vars(node))


@pytest.mark.parametrize("fence", ["```", "`````"])
def test_page_and_markdown_have_the_script_that_the_verdict_has(fence: str) -> None:
    drawn = dict(report.files(_told(inputs=[f"{fence}\n</code></pre><b>", fence], params={})))
    page, plain, verdict = (str(drawn[name]) for name in ("report.html", "report.md", "verdict.json"))
    snippet = json.loads(verdict)["workloads"]["io"]["snippet"]
    shown = re.findall(
        r'<h3>Use it</h3>\n<pre [^>]*aria-label="Script for io" tabindex="0"><code>(.*?)</code>', page, re.DOTALL
    )
    assert [html.unescape(code) for code in shown] == [snippet]
    fenced = re.findall(r"^Use it:\n\n(`{3,})python\n(.*?)\n\1$", plain, re.DOTALL | re.MULTILINE)
    assert [f"{code}\n" for _, code in fenced] == [snippet]
    comments = [line for line in snippet.splitlines() if line.startswith("#")]
    assert comments == [
        "# Save this in the folder that it was measured from",
        r"# Run without 'B\nimport injected\n'",
        r"# Run with 'A=\nimport injected\n'",
        "# Run with C=`````",
        r"# Run with 'python\nimport injected\n'",
    ]


def test_inputs_that_came_as_objects_or_are_too_long_are_the_readers() -> None:
    for inputs in ({"pickle": "0123456789ab"}, ["x" * 2_000]):
        assert "    inputs = ...  # yours\n" in (_snippet(_told(inputs=inputs, params={})) or "")


def test_a_journal_that_does_not_say_how_has_no_script() -> None:
    """Older ones."""
    assert _snippet(recorded.run(Work([Told("thread", 2, 1.9, trials=8)]))) is None


@pytest.mark.parametrize("style", ["actor", "task"])
def test_a_cluster_gives_what_the_loop_gives(folder: Path, style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In chunks, two of which are with every worker; more workers than CPUs share them."""
    pytest.importorskip("ray", reason="Ray is not installed: make .venv/.ray")
    from pipeline.bench.backends.ray import code

    monkeypatch.setenv("PIPELINE_HOSTS", "1")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    options = {"style": style, "placement": "pack", "chunksize": 2, "env": {"MINE": INJECTED, "OTHER": None}}
    told = code.say(2, options, 0.5, ["OMP_NUM_THREADS", "OTHER"])._asdict()
    snippet = _snippet(_told(told, task="tasks:variables", inputs=9, params={}))
    assert _run(snippet, folder) == [[each, INJECTED, None] for each in range(9)]
