"""A keeper on a node: an actor that starts the same keeper as the local runner does, and passes messages on.

It travels as a value, with everything it needs: nodes have Ray, and what the measured code needs, and nothing of ours.
So this module imports the standard library and Ray alone, and nothing in it refers to another one of ours.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray

#: Variables that `cluster` gives to what it starts, so that it is found: a keeper ends by itself, and tidies up before.
_MARKS = ("PIPELINE_CLUSTER_LOG", "SPT_NOENV")
# No child of the actor's: Ray kills those at once when the actor ends, and the keeper has to tidy up.
_KEEPER = """
import os, sys
if os.fork():
    os._exit(0)
os.setsid()
sys.path.insert(0, sys.argv[1])
from pipeline_bench.keeper import main
main()
"""


class Keeper:
    """One a node, for two callers at once: one asks, and one hears meanwhile how that goes.

    It has a copy of the user's folder: Ray's own is shared, and gone with the node that fetched it.
    """

    def __init__(self, packed: bytes, names: dict[str, str]) -> None:
        """Unpack the measured side, a zip file, into a private folder, which goes with the keeper's process.

        `names` are those by which messages call the places: folder, shipped, pickled, cluster, address, hosts.
        """
        self._names = names
        self._scratch = Path(tempfile.mkdtemp(prefix="pipeline-"))
        self._library, self._folder = self._scratch / "library", self._scratch / "folder"
        try:
            with zipfile.ZipFile(io.BytesIO(packed)) as library:
                library.extractall(self._library)
            shutil.copytree(Path.cwd(), self._folder, symlinks=True)
        except BaseException:  # a disk that is full; no keeper's process is there yet to tidy up
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise
        sys.path.append(str(self._library))
        self._orphans = importlib.import_module("pipeline_bench.orphans")
        self._key: int | None = None
        self._progress: dict[str, Any] | None = None
        self._is_there = threading.Condition()
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        started = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _KEEPER, str(self._library), str(self._scratch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_users_environment(),
        )
        started.wait()
        return started

    def describe(self) -> dict[str, Any] | None:
        """What the node is, and whether it has a version of this package of its own."""
        about = self.ask({"kind": "describe"})
        if about is None:
            return None
        versions = {each.metadata["Name"]: each.version for each in importlib.metadata.distributions(name="pipeline")}
        return {**about, "ray": ray.__version__, "host": platform.node(), "pipeline": versions.get("pipeline")}

    def ask(
        self, message: dict[str, Any], pickled: bytes | None = None, key: int | None = None
    ) -> dict[str, Any] | None:
        """The keeper's last word on a message; `None` where it was killed, and then there is a new one.

        How it goes meanwhile is to be heard by its `key`.
        """
        self._now(key, None)
        try:
            return self._ask(message, pickled)
        finally:
            self._now(None, None)

    def _ask(self, message: dict[str, Any], pickled: bytes | None) -> dict[str, Any] | None:
        places = {
            self._names["folder"]: str(self._folder),
            self._names["shipped"]: str(self._library / "shipped"),
            self._names["pickled"]: str(self._scratch / "inputs.pickle"),
            self._names["cluster"]: ray.get_runtime_context().gcs_address,
            self._names["address"]: ray.util.get_node_ip_address(),
            self._names["hosts"]: str(len({node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]})),
        }
        if pickled is not None:
            self._scratch.joinpath("inputs.pickle").write_bytes(pickled)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):  # one that is gone says nothing below
            self._process.stdin.write(json.dumps(_on_this_node(message, places)).encode() + b"\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            reply: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
            if "done" in reply:
                done: dict[str, Any] = reply["done"]
                return done
            self._now(self._key, reply.get("progress"))
        self._orphans.end(self._library)
        self._process = self._start()
        return None

    def _now(self, key: int | None, progress: dict[str, Any] | None) -> None:
        with self._is_there:
            self._key, self._progress = key, progress
            self._is_there.notify_all()

    def hear(self, key: int, patience_s: float) -> dict[str, Any] | None:
        """The newest progress of what has this key that nobody has heard of yet; `None` where there is none in time.

        Whoever still waits for what is done hears that at once, and nothing of what comes next.
        """
        with self._is_there:
            self._is_there.wait_for(lambda: self._key != key or self._progress is not None, patience_s)
            if self._key != key:
                return None
            progress, self._progress = self._progress, None
        return progress


def _on_this_node(value: Any, places: dict[str, str]) -> Any:
    """With every text that begins with the name of a place made a path on this node."""
    match value:
        case str():
            head, slash, rest = value.partition("/")
            return places[head] + slash + rest if head in places else value
        case dict():
            return {key: _on_this_node(each, places) for key, each in value.items()}
        case list():
            return [_on_this_node(each, places) for each in value]
        case _:
            return value


def _users_environment() -> dict[str, str]:
    """What Ray was started with: for its workers it sets OMP_NUM_THREADS, paths and variables of its own."""
    with suppress(OSError):
        pairs = Path("/proc", str(os.getppid()), "environ").read_bytes().split(b"\0")
        found = dict(os.fsdecode(pair).split("=", 1) for pair in pairs if b"=" in pair)
        return {name: value for name, value in found.items() if name not in _MARKS}
    own = {"OMP_NUM_THREADS", "PYTHONPATH", *_MARKS}
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_") and name not in own}
