"""The known tools, played on traces and on models of noise."""

from __future__ import annotations

import numpy as np
import pytest

for tool in ("asv", "pyperf", "pytest_benchmark"):
    pytest.importorskip(tool, reason=f"{tool} is not installed: make .venv/.truth")

from . import peers, traces  # noqa: E402 - the tools are there
from .noise import lognormal  # noqa: E402

TWICE = float(np.log(2))


@pytest.fixture(params=peers.PEERS, ids=lambda peer: peer.name)
def peer(request: pytest.FixtureRequest) -> peers.Peer:
    return request.param


def test_peers_fill_the_time_they_are_given(peer: peers.Peer) -> None:
    """Within a process of the tool's, which is what it can do more or less of."""
    plan = peer.plan(0.02, 5.0)
    measured_s = plan.processes * plan.values * plan.loops * 0.02
    assert measured_s == pytest.approx(5.0, abs=0.5)


@pytest.mark.parametrize("use", ["compare", "compare_interleaved"])
def test_peers_find_what_is_twice_as_fast(peer: peers.Peer, use: str) -> None:
    plan = peer.plan(0.02, 2.0)
    stream = peers.of_model(lognormal, np.random.default_rng(1), 2 * plan.repetitions, np.log(0.02), TWICE)
    found = getattr(peer, use)(stream, plan)
    assert found.ratio == pytest.approx(2, rel=0.1)
    assert found.different


@pytest.mark.parametrize("use", ["compare", "compare_interleaved"])
def test_peers_read_a_trace_alike(peer: peers.Peer, use: str) -> None:
    """Twice as fast code takes half of what the trace says, so the ratio is twice that of identical code."""
    trace = traces.load("quiet")
    plan = peer.plan(trace.repetition_s, 2.0)
    same, twice = (
        getattr(peer, use)(peers.of_trace(trace, 100, 2 * plan.repetitions, log_ratio), plan)
        for log_ratio in (0.0, TWICE)
    )
    assert twice.ratio == pytest.approx(2 * same.ratio)
    assert twice.different


def test_peers_discard_their_warm_up() -> None:
    """And average the loops of a value, process by process."""
    plan = peers.Plan(processes=2, values=2, loops=2, warm_ups=1)
    seconds = np.array([9, 1, 3, 5, 7, 9, 2, 4, 6, 8], dtype=float)
    assert plan.of(np.log(seconds)) == pytest.approx([2, 6, 3, 7])


def test_every_peer_and_use_has_its_row() -> None:
    rows = peers.compare_peers(traces.load("quiet"), 1.0, 5, np.random.default_rng(1))
    expected = {(each.name, use) for each in peers.PEERS for use in ("default", "interleaved")}
    assert {(row.peer, row.use) for row in rows} == expected | {(peers.OURS, "")}
    assert all(row.error >= 0 for row in rows)


def test_by_default_one_side_follows_the_other() -> None:
    """A steady slow-down is held against the side that runs second, and cancels where the blocks are B, A, A, B."""
    drifting = np.repeat(np.linspace(0, 1, 400)[:, None], 2, axis=1)
    stream = peers.Stream(drifting, drifting[::2])
    ratios = {}
    for peer in peers.PEERS:
        plan = peers.Plan(processes=2, values=100)
        ratios[peer.name] = peer.compare(stream, plan).ratio
    assert ratios.pop("asv continuous") == pytest.approx(1, abs=0.05)
    assert max(ratios.values()) < 0.7
