"""`pipeline.measure`: the same path from Python."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline
from pipeline.errors import InputError

from .conftest import ROOT, Command

LEAST = ["measure.trials=1", "measure.max_rounds=1"]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A module of the user's, imported in this process as in a notebook."""
    (tmp_path / "users_module.py").write_text(
        "import pathlib\n"
        "def size(path): return len(str(path))\n"
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
        [sys.executable, script], cwd=tmp_path, env=Command.environment(), capture_output=True, text=True, check=False
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
