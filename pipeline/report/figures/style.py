"""How figures look: the same colour and marker for the same backend, everywhere."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

INK = "#1f2328"
MUTED = "#656d76"
GRID = "#d8dee4"
PAPER = "#ffffff"

#: Okabe and Ito's colours, which colour-blind people tell apart (https://jfly.uni-koeln.de/color/).
_BLUE, _VERMILLION, _GREEN, _PURPLE, _ORANGE, _SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"

PARTS = {
    "ideal_s": ("#11692f", PAPER),
    "phases_s": ("#8b9418", INK),
    "dispatch_s": ("#2a2fb5", PAPER),
    "imbalance_s": ("#2997dc", INK),
    "waiting_s": ("#b0327c", PAPER),
    "machine_s": ("#be8257", INK),
    "unexplained_s": ("#3a3f45", PAPER),
}
"""The parts of a batch's time: the colour of each, and that of text on it. Neighbours differ in lightness, each from
paper by 3:1, text by 4.5:1; under simulated protanopia, deuteranopia and tritanopia (Machado 2009) any two are apart by
16 or more in CIE Lab."""

THEMED = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--paper",
    _BLUE: "--blue",
    _VERMILLION: "--vermillion",
    _GREEN: "--green",
    **{colour: f"--{part.removesuffix('_s')}" for part, (colour, _) in PARTS.items()},
}
"""The colours that the page replaces by its own variables, so that figures follow its light and dark."""

TEXT_PT = 11.0
SMALL_PT = 9.5
CHARACTER_IN = 0.082
"""How wide a character of small text is, on average and rather more."""

SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": TEXT_PT,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": PAPER,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": SMALL_PT,
    "axes.linewidth": 0.8,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": TEXT_PT,
    "axes.titleweight": "bold",
    "figure.facecolor": PAPER,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "path.simplify": False,
    "svg.fonttype": "none",
    "xtick.color": MUTED,
    "xtick.labelsize": SMALL_PT,
    "xtick.major.size": 4,
    "xtick.minor.size": 0,
    "ytick.color": MUTED,
    "ytick.labelsize": SMALL_PT,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
}


@dataclass(frozen=True)
class Look:
    """A backend's colour and marker."""

    colour: str
    marker: str


_LOOKS = {
    "serial": Look(MUTED, "D"),
    "thread": Look(_BLUE, "o"),
    "process": Look(_VERMILLION, "s"),
    "asyncio": Look(_GREEN, "^"),
    "interpreter": Look(_PURPLE, "P"),
    "ray": Look(_ORANGE, "X"),
}
_OTHERS = tuple(Look(colour, marker) for marker in "v<>p" for colour in (_SKY, _PURPLE, _ORANGE))

DASHES: tuple[tuple[float, ...] | str, ...] = ("", (5, 2), (1.2, 1.6), (6, 2, 1.2, 2), (9, 3), (3, 1.2))
"""For the variants of a backend, in the order in which they come."""


def look(backend: str) -> Look:
    """A backend's look; that of one unknown here hangs on its name alone."""
    return _LOOKS.get(backend) or _OTHERS[zlib.crc32(backend.encode()) % len(_OTHERS)]
