"""From a configuration's `claims` to validated ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .cells import Json
from .claims import QUANTITIES, SPEEDUP, Bar, Chart, Claims, Statement, Which
from .errors import InputError
from .values import known, mapping, number, one_of, text, whole

_KEYS = {"workload", "params", "backend", "workers"}
_SERIAL = "serial"


def make_claims(config: Json, backends: Sequence[str]) -> Claims:
    """Validate what an experiment's YAML says; `backends` are those that there are.

    Raises:
        InputError: something in it is none that its key can have.
    """
    known(config, {"author"}, "claims.", optional={"statements", "charts", "words"})
    words = _some_text("claims.words", config.get("words"))
    statements, charts = (_listed(f"claims.{key}", config.get(key) or []) for key in ("statements", "charts"))
    return Claims(
        text("claims.author", config["author"]),
        tuple(_statement(f"claims.statements[{n}]", each, backends, words) for n, each in enumerate(statements)),
        tuple(_chart(f"claims.charts[{n}]", each, backends) for n, each in enumerate(charts)),
    )


def _statement(key: str, config: Json, backends: Sequence[str], words: str) -> Statement:
    known(config, {"says", "cell"}, f"{key}.", optional={"figure", "quantity", "over", "above", "below", "words"})
    above, below = (config.get(each) for each in ("above", "below"))
    if above is None and below is None:
        raise InputError(f"{key} claims nothing that could fail to hold; give it above, below or both")
    above = None if above is None else number(f"{key}.above", above, above=0)
    below = None if below is None else number(f"{key}.below", below, above=above or 0)
    cell, over = _which(f"{key}.cell", config["cell"], backends), None
    if config.get("over") is not None:
        known(config["over"], set(), f"{key}.over.", optional=_KEYS)
        over = _which(f"{key}.over", {**config["cell"], **config["over"]}, backends)
        if over == cell:
            raise InputError(f"{key}.over is the cell itself; give it other workers, or another backend")
    if _SERIAL in (cell.backend, over and over.backend):
        raise InputError(f"{key}: backend=serial says nothing: speed-ups are over a plain loop anyway; leave it out")
    return Statement(
        says=text(f"{key}.says", config["says"]),
        figure=_some_text(f"{key}.figure", config.get("figure")),
        quantity=one_of(f"{key}.quantity", config.get("quantity", SPEEDUP), QUANTITIES),
        cell=cell,
        over=over,
        above=above,
        below=below,
        words=_some_text(f"{key}.words", config.get("words")) or words,
    )


def _chart(key: str, config: Json, backends: Sequence[str]) -> Chart:
    known(config, {"title", "bars"}, f"{key}.", optional=_KEYS)
    common = {name: value for name, value in config.items() if name in _KEYS}
    bars = _listed(f"{key}.bars", config["bars"])
    if not bars:
        raise InputError(f"{key}.bars=[] is empty; give it one bar at least, as in {{workers: 1, seconds: 2.5}}")
    return Chart(
        text(f"{key}.title", config["title"]),
        tuple(_bar(f"{key}.bars[{n}]", each, common, backends) for n, each in enumerate(bars)),
    )


def _bar(key: str, config: Json, common: Mapping[str, Json], backends: Sequence[str]) -> Bar:
    known(config, {"seconds"}, f"{key}.", optional=_KEYS)
    which = {**common, **{name: value for name, value in config.items() if name in _KEYS}}
    if which.get("backend") == _SERIAL:
        which["workers"] = 1
    return Bar(_which(key, which, backends), number(f"{key}.seconds", config["seconds"], above=0))


def _which(key: str, config: Json, backends: Sequence[str]) -> Which:
    known(config, _KEYS - {"params"}, f"{key}.", optional={"params"})
    return Which(
        text(f"{key}.workload", config["workload"]),
        one_of(f"{key}.backend", config["backend"], backends),
        whole(f"{key}.workers", config["workers"], least=1),
        mapping(f"{key}.params", config.get("params")),
    )


def _some_text(key: str, value: Json) -> str:
    return "" if value is None else text(key, value)


def _listed(key: str, value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise InputError(f"{key}={value!r} is no list; begin each of its entries with a dash")
    return value
