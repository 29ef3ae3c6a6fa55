"""What a key's value can be: each function takes a value that is that, and refuses another with one line.

The line is an `InputError`: the key as it is written, the value, the reason and the remedy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from .cells import Json
from .errors import InputError
from .wording import nearest

_UNITS = {"": 1} | {
    prefix + suffix: base**power
    for power, prefix in enumerate("kMGT", start=1)
    for suffix, base in (("", 1000), ("i", 1024))
}

_MOST_S = 1e9


def known(config: Json, keys: set[str], prefix: str, optional: Iterable[str] = ()) -> None:
    """A mapping with all of `keys`, and no others but the `optional` ones; `prefix` is how its keys are written."""
    if not isinstance(config, Mapping):
        raise InputError(f"{prefix.rstrip('.')}={config!r} is no mapping; give it the keys {', '.join(sorted(keys))}")
    names = {*keys, *optional}
    for key in config:
        if key not in names:
            raise InputError(f"{prefix}{key}={config[key]!r}: there is no such key; {nearest(str(key), names, prefix)}")
    for key in sorted(keys - set(config)):
        raise InputError(f"{prefix}{key} is missing; give it a value, as the files in conf/ do")


def whole(key: str, value: Json, least: int, or_else: str = "") -> int:
    """A whole number from `least` on; `or_else` names what the key takes besides."""
    if isinstance(value, bool) or not isinstance(value, int):
        others = f"{or_else} or " if or_else else ""
        raise InputError(f"{key}={value}: {_kind(value)} is no whole number; write {others}{least}, {least + 1}, ...")
    if value < least:
        raise InputError(f"{key}={value} is too small; write {least} or more")
    return value


def number(key: str, value: Json, above: float, below: float = math.inf) -> float:
    """A finite number strictly between the bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value < below:
        span = f"above {above:g}" if below == math.inf else f"between {above:g} and {below:g}"
        example = 10 if below == math.inf else (above + below) / 20
        raise InputError(f"{key}={value} is not a number {span}; write one, as in {key}={example:g}")
    return float(value)


def seconds(key: str, value: Json) -> float:
    """A time above none, and not so long that the system could not wait for it."""
    if isinstance(value, int | float) and _MOST_S < value < math.inf:
        raise InputError(f"{key}={value} is more than {_MOST_S:g} seconds; write fewer, as in {key}=10")
    return number(key, value, above=0)


def size(key: str, value: Json, least: int, or_else: str) -> int:
    """A number of bytes from `least` on, by itself or with a unit; `or_else` names what the key takes besides."""
    given = re.fullmatch(r"(\d{1,15}(?:\.\d{1,15})?) *([kMGT]i?)?B", value) if isinstance(value, str) else None
    if given is None and (isinstance(value, bool) or not isinstance(value, int)):
        raise InputError(f"{key}={value} is no size; write {or_else}, a number of bytes, or one as in {key}=4GB")
    bytes_ = value if given is None else int(float(given[1]) * _UNITS[given[2] or ""])
    if bytes_ < least:
        raise InputError(f"{key}={value} is too small; write {or_else}, or {least // 1_000_000}MB or more")
    return int(bytes_)


def truth(key: str, value: Json) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise InputError(f"{key}={value} is neither true nor false; write one of them")
    return value


def text(key: str, value: Json) -> str:
    """Some text."""
    if not isinstance(value, str) or not value:
        raise InputError(f"{key}={value!r} is no text; write some, in quotes if need be")
    return value


def one_of(key: str, value: Json, options: Sequence[str]) -> str:
    """One of the words."""
    if value not in options:
        raise InputError(f"{key}={value}: there is no such one; {nearest(str(value), options)}")
    return str(value)


def mapping(key: str, value: Json) -> dict[str, Json]:
    """A mapping, or nothing for an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(f"{key}={value!r} is no mapping; write +{key}.NAME=VALUE")
    return dict(plain(key, value))


def plain(key: str, value: Json) -> Json:
    """As JSON has it, where every key is text and every number is one."""
    if isinstance(value, dict):
        return {str(name): plain(f"{key}.{name}", each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(key, each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{key}={value} cannot be kept in a journal; write a finite number, or text: '{value}'")
    return value


def _kind(value: Json) -> str:
    return {bool: "true or false", float: "a number with a fraction", str: "text", type(None): "nothing"}.get(
        type(value), f"a {type(value).__name__}"
    )
