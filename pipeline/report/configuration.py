"""A run's configuration as YAML: of ten thousand cells most entries are alike, and each is put into words once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import indent
from typing import Any

import yaml

_WIDTH = 120
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def to_yaml(resolved: Mapping[str, Any]) -> str:
    """What PyYAML makes of it as a whole, byte for byte."""
    return "".join(_lines(resolved, "", {}))


def _lines(mapping: Mapping[str, Any], margin: str, known: dict[tuple[str, str, str], str]) -> Iterator[str]:
    """Its entries at that margin; `known` are those that were put into words before."""
    for key, value in mapping.items():
        if key == "definition":
            yield f"{margin}{key}:\n"
            yield from _lines(value, f"{margin}  ", known)
        elif key == "cells" and value:
            yield f"{margin}{key}:\n"
            for cell in value:
                yield f"{margin}- {''.join(_lines(cell, f'{margin}  ', known)).removeprefix(f'{margin}  ')}"
        else:
            entry = (margin, key, repr(value))
            if entry not in known:
                known[entry] = _entry(key, value, margin)
            yield known[entry]


def _entry(key: str, value: Any, margin: str) -> str:
    options: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": _WIDTH - len(margin)}
    return indent(str(yaml.dump({key: value}, Dumper=_DUMPER, **options)), margin)
