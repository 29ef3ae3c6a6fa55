"""Where a run was measured, and what makes up its version."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..evidence import Run
from ..journal import Record
from .text import one_line, shorten

MOST_WORKLOADS = 12
MOST_NODES = 100


@dataclass(frozen=True)
class Facts:
    """Names and values under a heading."""

    title: str
    rows: tuple[tuple[str, str], ...]


def where(run: Run) -> str:
    """As the report's head names it: this machine, or the nodes of a cluster."""
    here = run.header["surroundings"]
    nodes = {record["node"]: record["about"] for record in run.records if record["kind"] == "node"}
    if not nodes:
        return _in_a_line(here)
    kinds = Counter(_in_a_line(about) for about in nodes.values())
    return "; ".join(f"{count:,} {'node' if count == 1 else 'nodes'} of {kind}" for kind, count in kinds.items())


def _in_a_line(about: Record) -> str:
    machine, interpreter = about["machine"], about["interpreter"]
    said = [machine["cpu"], _cores(machine), f"{interpreter['implementation']} {interpreter['python']}"]
    return one_line(", ".join(filter(None, said)))


def environment(environment: Record) -> tuple[Facts, ...]:
    """Machine, interpreter and code."""
    machine, interpreter, code = environment["machine"], environment["interpreter"], environment["code"]
    commit = None if code is None else code["commit"] + (" with uncommitted changes" if code["dirty"] else "")
    return (
        _facts(
            "Machine",
            {
                "Host": machine["host"],
                "CPU": machine["cpu"],
                "Architecture": machine["architecture"],
                "Cores": _cores(machine),
                "Hyper-threads": {True: "on: cores are shared in twos", False: "off"}.get(machine.get("smt")),
                "Memory": None if machine["memory_bytes"] is None else f"{machine['memory_bytes'] / 1e9:,.1f} GB",
                "System": machine["os"],
            },
        ),
        _facts(
            "Software",
            {
                "Python": f"{interpreter['implementation']} {interpreter['python']}",
                "GIL": "on" if interpreter["gil"] else "off",
                "pipeline": environment["pipeline"],
                "Measured code": commit or "not in a git repository",
                "Environment": environment["id"],
            },
        ),
    )


def nodes(run: Run) -> tuple[Facts, ...]:
    """The nodes of a cluster that took part, each with what it is and how many trials it measured; none elsewhere."""
    trials = Counter(
        record["node"] for record in run.records if record.get("status") == "measured" and record["trial"] is not None
    )
    said = {
        record["node"]: f"{_in_a_line(record['about'])}: {trials[record['node']]:,} trials"
        for record in run.records
        if record["kind"] == "node"
    }
    if len(said) > MOST_NODES:
        said = {
            **dict(list(said.items())[:MOST_NODES]),
            "And more": f"{len(said) - MOST_NODES:,}; environment.json has all",
        }
    return (_facts("Nodes", said),) if said else ()


def packages(environment: Record) -> Facts:
    """Installed packages and their versions."""
    return _facts("Packages", environment["packages"])


def configuration(run: Run) -> tuple[Facts, ...]:
    """What makes up the version: profile, workloads, cells and the source of what is measured."""
    definition = run.header["definition"]
    profile = {f"measure.{key}": json.dumps(value) for key, value in definition["measure"].items()}
    sources = {name: digest or "not known" for name, digest in definition["sources"].items()}
    return (
        _facts("Profile", {**profile, "margin": f"{definition['margin']:g}", "protocol": definition["protocol"]}),
        *_workloads(run.header["cells"]),
        _facts("Digests of the measured source", sources),
    )


def accompanies(run: Run) -> tuple[Facts, ...]:
    """What is known of the run and makes no other version of it."""
    header, about = run.header, run.header["surroundings"]
    commit = about["code"]["commit"] if about["code"] else None
    said = {"name": header["name"], "seed": header["seed"], "runner": header["runner"], "environment": about["id"]}
    return (_facts("Of this run", said | ({} if commit is None else {"commit": commit})),)


def version_means(run: Run) -> tuple[str, ...]:
    """What makes up a version and what does not, in sentences."""
    makes = (
        f"Version {run.header['version']} is a hash of three things: the definition (every workload and cell, and the "
        "margin), the profile by which it was measured, and the measured source. Change any of them and it is another "
        "version; config.yaml has the definition cell by cell."
    )
    accompanies = (
        "The environment (machine, system, interpreter, packages, commit) merely accompanies it, and so do the name, "
        "the seed and the runner: the same version measured in another environment is another run of it."
    )
    return makes, accompanies


def _workloads(cells: Iterable[Record]) -> list[Facts]:
    names: dict[str, dict[str, Any]] = {}
    pools: dict[str, dict[str, list[int]]] = {}
    for cell in cells:
        names.setdefault(cell["name"], {key: value for key, value in cell["workload"].items() if value is not None})
        counts = pools.setdefault(cell["name"], {}).setdefault(cell["backend"], [])
        if cell["workers"] not in counts:
            counts.append(cell["workers"])
    found = []
    for name, workload in list(names.items())[:MOST_WORKLOADS]:
        said = {
            f"workload.{key}": value if isinstance(value, str) else json.dumps(value) for key, value in workload.items()
        }
        swept = {f"{backend} workers": ", ".join(map(str, counts)) for backend, counts in pools[name].items()}
        found.append(_facts(f"Workload {one_line(name)}", {**said, **swept}))
    if len(names) > MOST_WORKLOADS:
        found.append(Facts(f"And {len(names) - MOST_WORKLOADS:,} more workloads; config.yaml has all", ()))
    return found


def _cores(machine: Record) -> str:
    cores, usable, quota = machine["cores"], machine["usable_cores"], machine["quota_cores"]
    said = "an unknown number of cores" if cores is None else "1 core" if cores == 1 else f"{cores} cores"
    if usable is not None and usable != cores:
        said += f", {usable} usable"
    return said if quota is None else f"{said}, quota {quota:g}"


def _facts(title: str, rows: dict[str, Any]) -> Facts:
    return Facts(
        title,
        tuple(
            (one_line(str(name)), "unknown" if value is None else shorten(str(value), 600))
            for name, value in rows.items()
        ),
    )
