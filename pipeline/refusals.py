"""What Hydra, OmegaConf and YAML refuse, said in one line: the value, the reason and the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from hydra.core.override_parser.types import Override
from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf._utils import split_key
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from .errors import InputError
from .wording import nearest

_OPEN_NODES = ("env", "workload.params")
"""Where a user may add keys with `+`."""


@contextmanager
def in_one_line(where: str = "") -> Iterator[None]:
    """Make one line of what Hydra, OmegaConf and YAML raise at bad input: types of their own and many built-in ones."""
    try:
        yield
    except Exception as error:
        raise InputError(f"{where}: {one_line(error)}" if where else one_line(error)) from error


def one_line(error: Exception) -> str:
    """What Hydra, OmegaConf or YAML said, without their further lines, with a remedy where they have none."""
    if isinstance(error.__cause__, OmegaConfBaseException) and not str(error):
        error = error.__cause__
    lines = [line.strip().rstrip(".:") for line in str(error).splitlines() if line.strip()]
    first, second, *further = [*lines, "", ""]
    said = f"{first}: {second}" if second and not second.lower().endswith("search path") else first
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = error.missing_cfg_file.rpartition("/")
        known = nearest(name, error.options)
        return f"{shown(f'{group}={name}')}: there is no {group} {shown(name)!r}; {known}"
    if isinstance(error, OverrideParseException):
        said = _grammar_error(first, second)
    elif isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        said = f"{error.problem_mark.name}, line {error.problem_mark.line + 1}: {error.problem}"
    elif isinstance(error, MissingMandatoryValue):
        said = f"{error.full_key} has no value; write {error.full_key}=VALUE"
    elif isinstance(error, OmegaConfBaseException) and error.full_key:
        said = f"{error.full_key}: {first}; --cfg job prints every key"
    elif any(line.startswith("full_key: hydra.sweeper.params.") for line in further):
        said += "; write axes as text, as in 'workers: 1,2,4'"
    elif isinstance(error.__cause__, OmegaConfBaseException) and not second:
        said = ": ".join([first, *str(error.__cause__).splitlines()[:1]])
    return shown(said or type(error).__name__, 400)


def _grammar_error(first: str, second: str) -> str:
    why = (second if first.startswith("Error parsing") else first).partition(" expecting")[0]
    if why.startswith("LexerNoViable"):
        why = "a character or quote is out of place"
    if " while evaluating " in why:
        why = why.partition("': ")[2]
    return f"{shown(why)}; write KEY=1, KEY=[1,2] or, in quotes of its own, any text: 'KEY=\"some text\"'"


def unknown_key(override: Override, config: DictConfig) -> str | None:
    """Which part of the override's key is not in the configuration, and what is in its place."""
    node: Any = config
    path = ""
    for word in split_key(override.key_or_group):
        if not isinstance(node, DictConfig) or word not in node:
            break
        path, node = f"{path}{word}.", node._get_node(word)
    else:
        return None
    known = [str(key) for key in node] if isinstance(node, DictConfig) else []
    hints = [nearest(word, known, path)] if known else []
    if path.rstrip(".") in _OPEN_NODES and not override.is_delete():
        hints.append(f"+{shown(override)} adds it")
    return f"there is no key '{path}{word}'; {'; '.join(hints) or f'{path[:-1]} has no keys'}"


def shown(what: Override | str, most: int = 120) -> str:
    """What the user wrote as part of one line: without line breaks and the like, and without the middle if long."""
    text = what if isinstance(what, str) else what.input_line or ""
    text = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 3 :]}"
