"""`pipeline.measure`: the same path from Python."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline
from pipeline import command
from pipeline.api import _own_path
from pipeline.bench import messages
from pipeline.errors import InputError
from pipeline.evidence import Run
from pipeline.outputs import JOURNAL
from pipeline.status import BAD_INPUT

from .conftest import ROOT, Command

LEAST = ["measure.trials=1", "measure.max_rounds=1"]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A module of the user's, imported in this process as in a notebook."""
    (tmp_path / "users_module.py").write_text(
        "import pathlib\n"
        "def size(path, scale=1, unit=''): return f'{len(str(path)) * scale} {unit}'\n"
        "def paths(): return [pathlib.Path('a'), pathlib.Path('bb')]\n"
        "nested = lambda path: path\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import users_module  # type: ignore[import-not-found]

    yield users_module
    del sys.modules["users_module"]


def test_measures_a_function_over_objects(module: object, tmp_path: Path) -> None:
    """Inputs that JSON cannot say travel all the same, and the result has table, verdict and report."""
    paths = [Path("a"), Path("bb"), Path("ccc"), Path("dddd")]
    size = module.size  # type: ignore[attr-defined]
    result = pipeline.measure(
        size, paths, backends=["thread", "process"], workers=[1, 2], profile="quick", overrides=LEAST, progress=False
    )
    assert set(result.summary["backend"]) == {"serial", "thread", "process"}
    assert set(result.summary["status"]) == {"measured"}
    assert set(result.verdict["workloads"]) == {"size"}
    assert result.report.is_file()
    assert result.folder.is_relative_to("outputs") or result.folder.is_relative_to(tmp_path)
    assert "size" in repr(result)
    assert "<table" in result._repr_html_()


def test_the_same_call_goes_on_with_the_same_run(module: object) -> None:
    """Equal inputs make an equal version, other inputs another one."""

    def measure(inputs: list[object]) -> Path:
        size = module.size  # type: ignore[attr-defined]
        return pipeline.measure(
            size, inputs, backends=["thread"], workers=[2], profile="quick", overrides=LEAST, progress=False
        ).folder

    first = measure([Path("a"), Path("b")])
    assert measure([Path("a"), Path("b")]) == first
    assert measure([Path("a"), Path("c")]).parent != first.parent


def test_many_plain_inputs_travel_apart(module: object, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither the journal has them nor each trial's description, and the same call goes on; they are not reproduced."""
    first, again = ("x" * 1000, "y" * 1000), ("".join(["x"] * 1000), "y" * 1000)
    result = _measure(module, first * 600, overrides=[*LEAST, "workload.sample=4"])
    assert set(result.summary["status"]) == {"measured"}
    assert (result.folder / JOURNAL).stat().st_size < 100_000
    assert _measure(module, again * 600, overrides=[*LEAST, "workload.sample=4"]).folder == result.folder
    assert command.run(["reproduce", str(result.folder)]) == BAD_INPUT
    assert "are not stored; call it again with fresh=True" in capfd.readouterr().err


def test_what_no_description_can_hold_is_refused(module: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line."""
    monkeypatch.setattr(messages, "MOST_BYTES", 2000)
    with pytest.raises(InputError, match="name large inputs module:name") as refused:
        _measure(module, params={"unit": "m" * 2000})
    assert "\n" not in str(refused.value)


def test_inputs_may_come_from_a_function_of_a_module(module: object) -> None:
    """It is called where the measuring happens."""
    result = pipeline.measure(
        module.size,  # type: ignore[attr-defined]
        module.paths,  # type: ignore[attr-defined]
        backends=["thread"],
        workers=[2],
        profile="quick",
        overrides=LEAST,
        progress=False,
    )
    assert set(result.summary["status"]) == {"measured"}


@pytest.mark.parametrize(
    ("task", "said"),
    [(lambda each: each, "not at its module's top level"), (len.__call__, "module")],
)
def test_a_function_that_cannot_be_imported_elsewhere_is_refused(task: object, said: str) -> None:
    """In one line that says what to do."""
    with pytest.raises(InputError, match=said) as refused:
        pipeline.measure(task, [1], progress=False)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_a_function_of_a_script_is_told_to_move_into_a_file(tmp_path: Path) -> None:
    """A notebook's cell is such a script, too."""
    script = tmp_path / "script.py"
    script.write_text("import pipeline\ndef mine(x): return x\npipeline.measure(mine, [1, 2])\n")
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env=Command(tmp_path).environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "%%writefile" in done.stderr.splitlines()[-1]


def test_importing_the_package_is_cheap() -> None:
    """No Hydra, no data frames, no drawing, no Ray until they are used."""
    heavy = ["hydra", "matplotlib", "numpy", "omegaconf", "pandas", "pyarrow", "ray", "rich", "seaborn"]
    code = f"import pipeline, sys; print([each for each in {heavy!r} if each in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _measure(module: object, inputs: object = (1, 2, 3, 4), **words: object) -> pipeline.Result:
    """One round of one trial on two threads."""
    given: dict[str, object] = {"backends": "thread", "workers": 2, "profile": "quick", "overrides": LEAST}
    size = module.size  # type: ignore[attr-defined]
    return pipeline.measure(size, inputs, progress=False, **{**given, **words})  # type: ignore[arg-type]


def _refusal(module: object, inputs: object = (1, 2, 3, 4), **words: object) -> str:
    """The line that says why nothing was measured."""
    with pytest.raises(InputError) as refused:
        _measure(module, inputs, **words)
    assert "\n" not in str(refused.value)
    assert not Path("outputs").exists()
    return str(refused.value)


def test_params_are_swept_by_overrides_beside_those_of_the_argument(module: object) -> None:
    """Each value is a workload of its own, and has the argument's, too."""
    result = _measure(module, params={"unit": "m"}, overrides=[*LEAST, "+workload.params.scale=1,2"])
    assert set(result.summary["workload"]) == {"size scale=1", "size scale=2"}
    assert set(result.summary["status"]) == {"measured"}
    assert Run.read(result.folder / JOURNAL).cells[0]["workload"]["params"] == {"scale": 1, "unit": "m"}


@pytest.mark.parametrize(
    ("word", "argument"),
    [
        ("workload=io", "task"),
        ("workload.task=a:b", "task"),
        ("++workload.job=a:b", "task"),
        ("workload.inputs=5", "inputs"),
        ("backend=process", "backends"),
        ("workers=1,2", "workers"),
        ("measure=thorough", "profile"),
        ("fresh=true", "fresh"),
        ("output=elsewhere", "output"),
        ("+workload.params.scale=1,2", "params"),
    ],
)
def test_an_override_of_what_an_argument_says_is_refused(module: object, word: str, argument: str) -> None:
    """One of the two would be lost without a word."""
    said = _refusal(module, params={"scale": 3}, overrides=[word])
    assert word in said
    assert f"argument {argument} " in said


@pytest.mark.parametrize("value", [(1, 2), {"a": (1, 2)}, Path("a"), math.nan, math.inf, b"a", {1: 2}, {"a"}])
def test_params_that_would_not_reach_the_task_as_they_are_are_refused(module: object, value: object) -> None:
    """JSON makes a list of a tuple, and knows no paths."""
    said = _refusal(module, params={"unit": value})
    assert "'unit'" in said
    assert repr(value) in said


def test_a_single_backend_or_number_of_workers_needs_no_list(module: object) -> None:
    summary = _measure(module, backends="thread", workers=16).summary
    assert list(zip(summary["backend"], summary["workers"], strict=True)) == [("serial", 1), ("thread", 16)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"workers": []}, "workers=[]"),
        ({"backends": ()}, "backends=[]"),
        ({"workers": None}, "workers=None"),
        ({"workers": 1.5}, "workers=1.5"),
        ({"inputs": None}, "inputs=None"),
        ({"inputs": 4.5}, "inputs=4.5"),
        ({"inputs": True}, "inputs=True"),
        ({"inputs": []}, "inputs are empty"),
        ({"inputs": iter(())}, "inputs are empty"),
        ({"params": [1]}, "params=[1]"),
        ({"overrides": "fresh=true"}, "overrides='fresh=true'"),
    ],
)
def test_arguments_that_say_nothing_to_measure_are_refused(module: object, words: dict[str, object], said: str) -> None:
    assert said in _refusal(module, **words)  # type: ignore[arg-type]


def test_inputs_of_a_class_of_a_script_are_told_to_move_into_a_file(tmp_path: Path) -> None:
    """However deep they are; a text that reads like the script's name is none of them."""
    script = tmp_path / "script.py"
    script.write_text(
        "import pathlib, pipeline, sys\n"
        "class Mine: pass\n"
        "path = pathlib.Path('a')\n"
        "inputs = {'mine': [(path, Mine()), '__main__', 'Mine'], 'text': [path, '__main__', '__main__']}\n"
        f"pipeline.measure('builtins:str', inputs[sys.argv[1]], workers=2, backends='thread', overrides={LEAST})\n"
    )
    status, said = {}, {}
    for name in ("mine", "text"):
        done = subprocess.run(
            [sys.executable, script, name],
            cwd=tmp_path,
            env=Command(tmp_path).environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        status[name], said[name] = done.returncode, done.stderr.splitlines()[-1]
    assert status == {"mine": 1, "text": 0}, said
    assert "need Mine, which is defined in a notebook or script" in said["mine"]
    assert "%%writefile" in said["mine"]


def test_the_projects_own_folders_are_looked_at_also_beside_or_above_an_interpreter(
    module: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment at the project's root makes that its prefix; /opt/app-code begins like /opt/app."""
    (tmp_path / "code").mkdir()
    Path(tmp_path, "code", "far_away.py").write_text("def upper(text): return text.upper()\n")
    for prefix in (tmp_path, tmp_path / "co"):
        monkeypatch.setattr(sys, "prefix", str(prefix))
        monkeypatch.syspath_prepend(str(tmp_path / "code"))
        result = pipeline.measure(
            "far_away:upper",
            ["a", "b"],
            backends="thread",
            workers=2,
            profile="quick",
            overrides=LEAST,
            output=f"outputs-{prefix.name}",
            progress=False,
        )
        assert set(result.summary["status"]) == {"measured"}


def test_what_an_interpreter_has_by_itself_is_not_handed_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its library, compressed or not, and installed packages."""
    own = ["/mine", "/mine/too"]
    library = [sysconfig.get_path("stdlib"), f"{sysconfig.get_path('platstdlib')}/lib-dynload"]
    installed = [sysconfig.get_path("purelib"), f"{sysconfig.get_path('platlib')}/inside.egg"]
    zipped = f"{sys.base_prefix}/lib/python{sys.version_info.major}{sys.version_info.minor}.zip"
    monkeypatch.setattr(sys, "path", [own[0], "", zipped, *library, own[1], *installed])
    assert _own_path() == tuple(own)
