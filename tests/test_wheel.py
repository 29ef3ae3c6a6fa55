"""The wheel holds all that a run needs, and nothing of ours but `pipeline` at the top."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]


def run(*command: str | Path, folder: Path) -> str:
    """What the command prints; an exit status other than 0 fails the test with all that it said."""
    # Nothing of the checkout, nor of the session that tests it, may come in by the environment.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, CHECKOUT, folder=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the wheel installed, which takes its other packages from the one that runs the tests."""
    folder = tmp_path_factory.mktemp("installed")
    # With pip, whose own wheel ensurepip carries: nothing is downloaded.
    venv.create(folder, with_pip=True, symlinks=os.name != "nt")
    paths = sysconfig.get_paths("venv", {"base": str(folder), "platbase": str(folder)})
    interpreter = Path(paths["scripts"], "python")
    run(interpreter, "-m", "pip", "--quiet", "install", "--no-deps", "--no-index", wheel, folder=folder)
    # A line of a .pth file only adds a folder: the editable checkout's own .pth in it is not read.
    shared = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(paths["purelib"], "shared.pth").write_text("\n".join(shared), encoding="utf-8")
    return interpreter


def test_the_wheel_carries_configurations_and_workloads_inside_the_package(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("conf", "experiments"):
        files = [file for file in CHECKOUT.joinpath(folder).rglob("*") if file.suffix in {".py", ".yaml"}]
        assert {f"pipeline/{file.relative_to(CHECKOUT).as_posix()}" for file in files} <= names
    assert {"pipeline/conf/config.yaml", "pipeline/experiments/io.py", "pipeline/py.typed"} <= names


def test_the_wheel_puts_nothing_but_pipeline_at_the_top(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"pipeline"}


def test_what_is_installed_is_not_the_checkout(python: Path, tmp_path: Path) -> None:
    show = "import pipeline, sys; print(pipeline.__file__, *sys.path, sep='\\n')"
    imported, *path = run(python, "-c", show, folder=tmp_path).splitlines()
    assert Path(imported).is_relative_to(python.parents[1])
    assert str(CHECKOUT) not in path


def test_an_installed_command_finds_its_configurations_from_any_folder(python: Path, tmp_path: Path) -> None:
    shown = run(python, "-m", "pipeline", "--cfg", "job", "workload=sleep", folder=tmp_path)
    assert "experiments/sleep.py:sleep" in shown
    assert "measure:" in shown


def test_an_installed_command_measures_from_any_folder(python: Path, tmp_path: Path) -> None:
    tiny = ("workload=sleep", "workload.inputs=4", "workload.params.seconds=0.001", "workers=2")
    quick = ("measure=quick", "measure.trials=1", "measure.max_rounds=1")
    run(python, "-m", "pipeline", *tiny, *quick, folder=tmp_path)
    (journal,) = tmp_path.glob("outputs/sleep/*/*/journal.jsonl")
    assert journal.stat().st_size > 0
