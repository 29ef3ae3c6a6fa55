"""The recorded traces, and what is drawn from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from . import record, traces


@pytest.fixture(params=traces.NAMES)
def trace(request: pytest.FixtureRequest) -> traces.Trace:
    return traces.load(request.param)


def test_traces_are_small_and_complete(trace: traces.Trace) -> None:
    """Every repetition of every round is there, in the order of time, in under 300 kB."""
    assert (traces.FOLDER / f"{trace.name}.parquet").stat().st_size < 300_000
    assert trace.log_s.shape[1:] == (record.ROUNDS, 2)
    assert np.isfinite(trace.log_s).all()
    assert (np.diff(trace.began_s) > 0).all()
    assert sorted(trace.in_time_order) == sorted(trace.log_s.ravel())


def test_every_kind_of_load_is_recorded_and_the_quiet_one_is_quiet() -> None:
    assert set(traces.NAMES) == set(record.NEIGHBOURS)
    assert traces.load("quiet").sd <= 0.12


def test_repetitions_do_not_overlap(trace: traces.Trace) -> None:
    """One arm waits while the other runs."""
    took_s = np.exp(trace.in_time_order)
    assert (trace.began_s[:-1] + took_s[:-1] <= trace.began_s[1:] + 1e-4).all()


def test_simulated_trials_are_adjacent_rounds(trace: traces.Trace) -> None:
    """Of one recorded trial where that is long enough, else of the following ones too."""
    rng = np.random.default_rng(1)
    recorded = {tuple(sorted(each)): at for at, each in enumerate(trace.rounds)}
    for rounds in (1, 7, record.ROUNDS, 66):
        drawn = trace.trials(rng, rounds)
        at = np.array([recorded[tuple(sorted(each))] for each in drawn])
        assert drawn.shape == (rounds, 2)
        assert set(np.diff(at) % len(trace.rounds)) <= {1}
        assert rounds > record.ROUNDS or len(set(at // record.ROUNDS)) == 1


def test_consecutive_trials_follow_one_another(trace: traces.Trace) -> None:
    rng = np.random.default_rng(1)
    model = traces.in_a_row(trace, rng)
    typical = np.median(trace.log_s)
    first, second = (model(rng, record.ROUNDS) + typical for _ in range(2))
    at = [np.abs(np.sort(trace.rounds) - np.sort(each[0])).sum(axis=1).argmin() for each in (first, second)]
    assert at[1] == (at[0] + record.ROUNDS) % len(trace.rounds)


def test_a_traces_figures_are_those_of_what_went_in() -> None:
    """Known variance within trials and between them, read back from a file as the recorder writes it."""
    rng = np.random.default_rng(1)
    luck = rng.normal(0, 0.03, (1000, 1))
    log_s = np.log(0.02) + np.stack([rng.normal(0, 0.04, (1000, 20)) + luck, np.zeros((1000, 20))], axis=-1)
    made = traces.Trace("made", log_s, np.zeros((1000, 20), dtype=np.int8), np.zeros(40_000))
    assert made.sd == pytest.approx(0.05, rel=0.03)
    assert made.icc == pytest.approx(0.36, abs=0.03)
    assert made.lag_1 == pytest.approx(0.36, abs=0.03)
    assert made.repetition_s == pytest.approx(0.02, rel=0.01)


def test_the_recorder_records_what_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial of two arms that do next to nothing."""
    monkeypatch.setattr(traces, "FOLDER", tmp_path)
    rows = record.record(steps=10, lasting_s=0.001, seed=1)
    traces.save("made", rows)
    made = traces.load("made")
    assert made.log_s.shape == (1, record.ROUNDS, 2)
    assert set(made.first.ravel()) == {0, 1}
    assert np.exp(made.in_time_order) == pytest.approx([took_s for *_, took_s in rows])
