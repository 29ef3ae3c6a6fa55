"""The configuration of a run is written as PyYAML writes it, whatever stands in it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from pipeline.report.configuration import to_yaml

TEXTS = [
    "plain",
    "",
    "null",
    "12",
    "- a: 'b' #",
    "two\nlines\n\n",
    "\n  leading",
    "é\u2028\u3042\U0001f600\x85",
    "words " * 60,
    "a word without an end" * 20,
]


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_is_written_as_by_pyyaml(text: str) -> None:
    """In values, in keys, in lists, and at every depth, so that long ones break at the same column."""
    workload = {"task": text, "params": {f"key {text}": [text, {"deep": [text, 1.5, None, True]}]}, "inputs": []}
    cells = [{"id": f"c{number}", "workload": workload, "options": {}, "workers": number} for number in range(3)]
    _check({"name": text, "definition": {"measure": {"trials": 5}, "cells": cells, "sources": {}}, "cells": cells})


def test_a_run_without_cells_is_written_as_by_pyyaml() -> None:
    """Then there is an empty list."""
    _check({"name": "none", "definition": {"cells": []}, "cells": []})


def _check(resolved: dict[str, Any]) -> None:
    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    whole = yaml.dump(_apart(resolved), Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)
    assert to_yaml(resolved) == whole


def _apart(value: Any) -> Any:
    """With no object in it twice, of which PyYAML would make an anchor."""
    match value:
        case dict():
            return {key: _apart(each) for key, each in value.items()}
        case list():
            return [_apart(each) for each in value]
        case _:
            return value
