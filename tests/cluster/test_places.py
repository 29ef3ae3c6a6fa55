"""Places on a cluster that are asked for and given back, however soon."""

from __future__ import annotations

import os
import subprocess
import sys

from .conftest import NODES
from .nodes import Cluster

TIMES = 200
GIVES_BACK = f"""
import ray
from pipeline.bench import places
ray.init(log_to_driver=False, logging_level="ERROR")
for _ in range({TIMES}):
    places.give_back(places.placement_group([{{"CPU": 1}}] * 2, strategy="SPREAD"))
held = places.hold([{{"CPU": 1}}] * {NODES}, strategy="STRICT_SPREAD")
print("all" if held else "none")
"""


def test_places_given_back_are_free_again(cluster: Cluster) -> None:
    """Also where they are still on their way: Ray's own removal leaves some taken for ever in most such runs."""
    done = subprocess.run(
        [sys.executable, "-c", GIVES_BACK],
        env={**os.environ, **cluster.environment, "RAY_ADDRESS": cluster.address},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout == "all\n", done.stderr
