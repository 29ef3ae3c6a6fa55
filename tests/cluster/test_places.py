"""Places on a cluster that are asked for and given back, however soon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from .conftest import NODES
from .nodes import Cluster

TIMES = 200
GIVES_BACK = f"""
import ray
from pipeline.bench import places
ray.init(log_to_driver=False, logging_level="ERROR")
for _ in range({TIMES}):
    places.give_back(places.placement_group([{{"CPU": 1}}] * 2, strategy="SPREAD"))
asked = iter([True])
def wanted():
    if next(asked, False):
        return True
    raise OSError("the head is gone")
try:
    places.hold([{{"CPU": 2}}], wanted)
except OSError as error:
    print(error)
print([each["state"] for each in places.placement_group_table().values() if each["state"] != "REMOVED"])
held = places.hold([{{"CPU": 1}}] * {NODES}, strategy="STRICT_SPREAD")
print("all" if held else "none")
"""


def test_places_given_back_are_free_again(cluster: Cluster) -> None:
    """Also where they are still on their way: Ray's own removal leaves some taken for ever in most such runs.

    And where an error comes while they are waited for.
    """
    done = subprocess.run(
        [sys.executable, "-c", GIVES_BACK],
        env={**os.environ, **cluster.environment, "RAY_ADDRESS": cluster.address},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout.splitlines() == ["the head is gone", "[]", "all"], done.stderr


def test_a_node_that_cannot_keep_a_copy_of_the_folder_keeps_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is tried."""
    from pipeline.cluster.keeper import Keeper

    scratch, folder = tmp_path / "scratch", tmp_path / "folder"
    scratch.mkdir()
    folder.mkdir()
    os.mkfifo(folder / "pipe")  # cannot be copied, as if the disk was full
    monkeypatch.chdir(folder)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with zipfile.ZipFile(tmp_path / "library.zip", "w"):
        pass
    with pytest.raises(shutil.Error):
        Keeper(tmp_path.joinpath("library.zip").read_bytes(), {})
    assert list(scratch.iterdir()) == []
