"""What a report's figures take at the least: a script that reads the tables of a run and calls seaborn and matplotlib.

`python bare_report.py FOLDER` draws the six kinds of figures that a report has, of one workload, as SVG and as PNG of
the same size, from the parquet files in the folder. Nothing of ours is imported.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd

mpl.use("agg")
sys.modules["scipy"] = None  # type: ignore[assignment] # 1.5 s of imports for plots that are not drawn here
import matplotlib.pyplot as plt  # noqa: E402 - after the choice of what draws
import seaborn as sns  # noqa: E402 - likewise

PARTS = ["ideal_s", "dispatch_s", "imbalance_s", "waiting_s", "machine_s"]
PNG_DPI = 144


def main(folder: Path) -> None:
    """Read and draw."""
    summary, spans = (pd.read_parquet(folder / f"{name}.parquet") for name in ("summary", "spans"))
    rows = summary[summary["backend"] != "serial"].astype({"speedup": float, "batch_s": float, "efficiency": float})
    sns.set_theme(style="whitegrid")
    for name, y in (("run_time", "batch_s"), ("speedup", "speedup"), ("efficiency", "efficiency")):
        draw_lines(folder, name, rows, y)
    draw_parts(folder, rows)
    draw_spans(folder, summary, spans)
    draw_memory(folder, rows)


def draw_lines(folder: Path, name: str, rows: pd.DataFrame, y: str) -> None:
    """Over workers, with intervals."""
    figure, axes = plt.subplots(figsize=(6.5, 5))
    sns.lineplot(rows, x="workers", y=y, hue="backend", style="backend", markers=True, errorbar=None, ax=axes)
    width = (rows["speedup_high"] / rows["speedup_low"]).astype(float) ** 0.5 - 1
    for _, own in rows.groupby("backend"):
        axes.errorbar(own["workers"], own[y], yerr=own[y] * width[own.index], fmt="none", capsize=3)
    axes.axhline(1, ls="--")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    save(folder, figure, name)


def draw_parts(folder: Path, rows: pd.DataFrame) -> None:
    """Stacked bars of sixteen cells."""
    figure, axes = plt.subplots(figsize=(6.5, 6))
    shown = rows.head(16)
    names, begins = shown["backend"] + " " + shown["workers"].astype(str), 0.0
    for part in PARTS:
        share = (shown[part] / shown["batch_s"]).astype(float).fillna(0.0)
        bars = axes.barh(names, share, left=begins, label=part)
        axes.bar_label(bars, fmt="{:.0%}", label_type="center")
        begins = begins + share
    axes.legend()
    save(folder, figure, "where_time_goes")


def draw_spans(folder: Path, summary: pd.DataFrame, spans: pd.DataFrame) -> None:
    """A lane for each worker of each cell that has spans."""
    figure, axes = plt.subplots(figsize=(6.5, 5))
    floor = 0
    for cell, own in spans.groupby("cell", sort=False):
        axes.text(0, floor, summary.set_index("cell").loc[cell, "backend"])
        for worker, lane in own.groupby("worker"):
            bars = list(zip(lane["start_s"], lane["end_s"] - lane["start_s"], strict=True))
            axes.broken_barh(bars, (floor + 1 + worker, 0.8))
        floor += 2 + own["worker"].max()
    save(folder, figure, "timeline")


def draw_memory(folder: Path, rows: pd.DataFrame) -> None:
    """Against speed-up."""
    figure, axes = plt.subplots(figsize=(6.5, 5))
    common = {"x": "peak_rss_bytes", "y": "speedup", "hue": "backend", "ax": axes}
    sns.lineplot(rows, **common, sort=False, estimator=None, legend=False)
    sns.scatterplot(rows, **common, style="backend")
    for _, row in rows.nlargest(6, "speedup").iterrows():
        axes.annotate(f"{row['workers']} {row['backend']}", (row["peak_rss_bytes"], row["speedup"]))
    save(folder, figure, "memory")


def save(folder: Path, figure: plt.Figure, name: str) -> None:
    """In both formats."""
    figure.savefig(folder / f"{name}.svg")
    figure.savefig(folder / f"{name}.png", dpi=PNG_DPI)
    plt.close(figure)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
