"""From a command line and conf/ to one resolved configuration for each cell.

The grammar and the composition are Hydra's. Its launcher is not used: it composes every job twice. Here each
distinct choice of groups is composed once, and the values of a cell are applied to a copy of that.
"""

from __future__ import annotations

import itertools
import math
import os
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hydra import version as hydra_version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.default_element import GroupDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, Sweep
from hydra.core.utils import setup_globals
from hydra.errors import MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from .errors import InputError
from .refusals import in_one_line, one_line, shown, unknown_key

ROOT = Path(__file__).parent
"""The folder beside `conf/` and `experiments/`: the package's own in a wheel, the checkout's otherwise."""
if not ROOT.joinpath("conf").is_dir():
    ROOT = ROOT.parent

MOST_CELLS = 100_000
"""More cells than this are a slip of the hand: they would take days at some seconds each."""

_AXES = "hydra.sweeper.params."
_HYDRA_KEYS = ("hydra.mode.", "hydra.searchpath.", "hydra.verbose.", _AXES)


@dataclass(frozen=True)
class Matrix:
    """The resolved configurations of a command, one a cell, in Hydra's order, without Hydra's own node.

    `swept` says whether the command asked for a sweep; `experiment` is the name of the one it chose, of several
    their names with dashes between.
    """

    configs: tuple[dict[str, Any], ...]
    swept: bool
    experiment: str | None


def make_loader(config_dir: str | None = None, config_path: str | None = None) -> ConfigLoaderImpl:
    """A loader of `conf/` (or of the folder `config_path` instead) with `config_dir` added.

    Raises:
        InputError: a folder is not there.
    """
    hydra_version.setbase("1.3")
    setup_globals()
    for flag, folder in (("--config-dir", config_dir), ("--config-path", config_path)):
        if folder is not None and not Path(folder).is_dir():
            raise InputError(f"{flag} {shown(folder)}: there is no such folder; name one with configurations in it")
    search_path = create_config_search_path(os.path.abspath(config_path) if config_path else str(ROOT / "conf"))
    if config_dir is not None:
        search_path.prepend("command-line", f"file://{os.path.abspath(config_dir)}", SearchPathQuery("schema", None))
    return ConfigLoaderImpl(search_path)


def expand(loader: ConfigLoaderImpl, overrides: Sequence[str], multirun: bool, config_name: str = "config") -> Matrix:
    """Every cell's configuration.

    The default axes are `hydra.sweeper.params`. Whatever the command line says of a key, with or without `+` or
    `++`, replaces its axis, and so does what an experiment says: its own `hydra.sweeper.params`, a plain value, or
    `override /group`. Several experiments are swept one after the other, each with its own axes.

    Raises:
        InputError: the command line or a configuration is not valid; one line.
    """
    return _Expansion(loader, config_name, overrides).matrix(multirun)


class _Expansion:
    """One command's expansion; what was parsed and composed for it is kept."""

    def __init__(self, loader: ConfigLoaderImpl, config_name: str, overrides: Sequence[str]) -> None:
        self._loader = loader
        self._config_name = config_name
        self._parser = OverridesParser.create(config_loader=loader)
        self._parse = cache(self._parse_anew)
        self._base = cache(self._compose_base)
        parsed = [self._parse(line) for line in overrides]
        self._overrides = [each for each in parsed if not each.is_hydra_override()]
        self._hydra = [each for each in parsed if each.is_hydra_override()]
        for each in self._hydra:
            _refuse_hydra_key(each.key_or_group, _line(each))
            if each.is_sweep_override():
                raise InputError(f"{shown(each)}: this key takes one value; put it in quotes if it has commas")
        _refuse_twice(self._overrides)
        with in_one_line():
            # The loader's own repository knows nothing of hydra.searchpath; this is the one it composes from.
            _, self._repository = loader._parse_overrides_and_create_caching_repo(
                config_name, [*map(_line, self._hydra)]
            )
        self._group_exists = cache(self._repository.group_exists)

    def matrix(self, multirun: bool) -> Matrix:
        # Hydra reads no axes from an experiment that is itself swept: each is a sweep of its own here.
        alternatives = [self._values(each) if _is_experiment(each) else [each] for each in self._overrides]
        commands = list(itertools.product(*alternatives))
        masters = [self._compose(self._groups(command), RunMode.MULTIRUN) for command in commands]
        fixed = [self._fixed_by_experiments(*each) for each in zip(commands, masters, strict=True)]
        swept = multirun or all(master.hydra.mode == RunMode.MULTIRUN for master in masters)
        if not swept:
            self._refuse_several_values()
            self._refuse_axes_of_experiments(commands, masters)
        jobs: list[Sequence[Override]] = []
        for command, master, keys in zip(commands, masters, fixed, strict=True):
            jobs += self._jobs(command, master, keys) if swept else [command]
            if len(jobs) > MOST_CELLS:
                raise _too_many_cells("sweep fewer experiments")
        names = [_experiment_name(each) for command in commands for each in command if _is_experiment(each)]
        return Matrix(tuple(self._configs(jobs)), swept, "-".join(dict.fromkeys(names)) or None)

    def _parse_anew(self, line: str) -> Override:
        try:
            parsed: Override = self._parser.parse_overrides([line])[0]
        except Exception as error:
            if not line.startswith("-") and "=" in line:
                raise InputError(f"{shown(line)}: {one_line(error)}") from error
        else:
            if parsed.key_or_group and ("=" in line or parsed.is_delete()):
                return parsed
        raise InputError(f"{shown(line)!r} is neither a command nor KEY=VALUE; python -m pipeline --help shows both")

    def _refuse_several_values(self) -> None:
        for each in self._overrides:
            if each.is_sweep_override():
                raise InputError(f"{shown(each)} gives several values; add -m to measure each of them")

    def _refuse_axes_of_experiments(
        self, commands: Iterable[Sequence[Override]], masters: Iterable[DictConfig]
    ) -> None:
        """An experiment with axes that is not swept would measure one cell of them without a word."""
        for command, master in zip(commands, masters, strict=True):
            chosen = [each for each in command if _is_experiment(each)]
            if not chosen or master.hydra.mode == RunMode.RUN:  # called off in so many words
                continue
            rest = self._compose(self._groups(each for each in command if each not in chosen), RunMode.MULTIRUN)
            if master.hydra.sweeper.params != rest.hydra.sweeper.params:
                raise InputError(f"{shown(chosen[0])} names axes; add -m to measure all of their cells")

    def _groups(self, command: Iterable[Override]) -> tuple[str, ...]:
        """The groups that the command chooses, but for those that it sweeps."""
        return tuple(_line(each) for each in command if self._is_group(each) and not each.is_sweep_override())

    def _is_group(self, override: Override) -> bool:
        return self._group_exists(override.key_or_group) and not isinstance(override.value(), dict)

    def _compose(self, groups: Sequence[str], mode: RunMode) -> DictConfig:
        try:
            return self._loader.load_configuration(self._config_name, [*map(_line, self._hydra), *groups], mode)
        except Exception as error:
            for line in groups:
                _explain_group(self._parse(line), str(error))
            said = one_line(error)
            if isinstance(error, MissingConfigException) and said.partition(":")[0] not in map(_without_plus, groups):
                # It was an experiment that chose what is not there; Hydra does not say which.
                said = ": ".join([*(line for line in groups if _is_experiment(self._parse(line))), said])
            raise InputError(said) from error

    def _jobs(self, command: Sequence[Override], master: DictConfig, fixed: set[str]) -> list[tuple[Override, ...]]:
        """A later override of a key takes the place of an earlier one, as in Hydra."""
        by_key: dict[str, list[Override]] = {}
        for each in [*self._axes(command, master, fixed), *command]:
            by_key[each.get_key_element()] = self._values(each)
        if math.prod(map(len, by_key.values())) > MOST_CELLS:
            raise _too_many_cells(f"sweep fewer values of {shown(', '.join(by_key))}")
        return list(itertools.product(*by_key.values()))

    def _values(self, override: Override) -> list[Override]:
        """The override with each of its values, read once more from their text, as Hydra does."""
        key, line = override.get_key_element(), shown(override)
        if not override.is_sweep_override():
            again = self._parse(f"{key}={override.get_value_element_as_str()}")
            return [replace(again, input_line=override.input_line)]  # messages show what was written
        if not override.is_discrete_sweep():
            raise InputError(f"{line}: an interval has no end of values; write range() or choice()")
        sweep = override.value()
        if isinstance(sweep, ChoiceSweep) and any(isinstance(each, Sweep) for each in sweep.list):
            raise InputError(f"{line}: a sweep cannot stand inside another; write all the values in one list")
        with in_one_line(line):
            texts = list(itertools.islice(override.sweep_string_iterator(), MOST_CELLS + 1))
        if not texts:
            raise InputError(f"{line} gives no value at all; write at least one")
        if len(texts) > MOST_CELLS:
            raise _too_many_cells(f"sweep fewer values: {line}")
        return [self._parse(f"{key}={text}") for text in texts]

    def _axes(self, command: Sequence[Override], master: DictConfig, fixed: set[str]) -> list[Override]:
        """The default axes and the experiment's, without those that the experiment or the command line replaces."""
        with in_one_line():
            params = dict(master.hydra.sweeper.params or {})
        axes = [self._parse(f"{key}={value}") for key, value in params.items()]
        said = {_bare_key(each) for each in command} | fixed
        # A key of the command line that is spelled like its axis takes the axis's place in the order, as in Hydra.
        spelled = {each.get_key_element() for each in command}
        return [each for each in axes if _bare_key(each) not in said or each.get_key_element() in spelled]

    def _fixed_by_experiments(self, command: Sequence[Override], master: DictConfig) -> set[str]:
        """The keys and groups to which the experiments give one value; a later one's axis frees an earlier one's."""
        if not any(_in_experiments(group) for group in master.hydra.runtime.choices):
            return set()
        with in_one_line():
            lines = [*map(_line, self._hydra), *self._groups(command)]
            listed = self._loader.compute_defaults_list(self._config_name, lines, RunMode.MULTIRUN)
        fixed: set[str] = set()
        for default in listed.defaults:
            path = default.config_path or ""
            loaded = self._repository.load_config(path) if _in_experiments(path) else None
            if loaded is None:
                continue
            if default.package:
                raise InputError(f"{path}.yaml sets no key outside itself; begin it with '# @package _global_'")
            keys = set(_keys(OmegaConf.to_container(loaded.config)))
            for each in loaded.defaults_list or ():
                if isinstance(each, GroupDefault) and each.override and each.group:
                    keys.add(each.group.lstrip("/"))
            for key in keys:
                _refuse_hydra_key(key, f"{path}.yaml, {key}")
            fixed |= keys
            fixed -= {key.removeprefix(_AXES).lstrip("+") for key in keys if key.startswith(_AXES)}
        return fixed - {_bare_key(each).removeprefix(_AXES) for each in self._hydra}

    def _configs(self, jobs: Iterable[Sequence[Override]]) -> Iterator[dict[str, Any]]:
        previous: DictConfig | None = None
        for job in jobs:
            config = pickle.loads(self._base(self._groups(job)))
            if previous is not None:
                OmegaConf.copy_cache(previous, config)  # ${now:...} is one moment for all cells
            for each in job:
                if not self._is_group(each):
                    _apply(each, config)
            with in_one_line():
                resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
            assert isinstance(resolved, dict)
            yield {str(key): value for key, value in resolved.items()}
            previous = config

    def _compose_base(self, groups: tuple[str, ...]) -> bytes:
        """A choice of groups composed, pickled because that is copied six times faster than by `deepcopy`."""
        base = self._compose(groups, RunMode.RUN)
        OmegaConf.set_struct(base, False)
        del base["hydra"]
        OmegaConf.set_struct(base, True)
        return pickle.dumps(base)


def _apply(override: Override, config: DictConfig) -> None:
    try:
        ConfigLoaderImpl._apply_overrides_to_config([override], config)
    except Exception as error:
        reason = unknown_key(override, config) or one_line(error)
        remedy = "; leave it out" if override.is_delete() else ""
        raise InputError(f"{shown(override)}: {reason}{remedy}") from error


def _refuse_hydra_key(key: str, where: str) -> None:
    if key.startswith(("hydra.", "hydra/")) and not f"{key}.".startswith(_HYDRA_KEYS):
        raise InputError(
            f"{shown(where)}: Hydra's launchers and folders are not used here; write output=FOLDER for where "
            "reports go and runner=NAME for where trials run"
        )


def _explain_group(override: Override, error: str) -> None:
    """Say better than Hydra what is wrong with this choice of a group, if it is this one that is wrong."""
    line, group, value = shown(override), _bare_key(override), override.value()
    plus = "+" if _is_experiment(override) else ""
    if not override.is_delete() and not isinstance(value, str | list):
        raise InputError(f"{line}: {group} is chosen by name; write {plus}{group}=NAME")
    if override.is_force_add():
        raise InputError(f"{line}: ++ is for values; write {plus}{_without_plus(line)}")
    if override.is_add() and error.startswith((f"Multiple values for {group}.", f"{group} appears more than once")):
        raise InputError(f"{line}: {group} has a choice already; write {_without_plus(line)}")
    if error.startswith(f"Could not override '{group}'. No match"):
        raise InputError(f"{line}: {group} has no choice yet; write +{line}")


def _too_many_cells(remedy: str) -> InputError:
    return InputError(f"these are more than {MOST_CELLS} cells; {remedy}")


def _refuse_twice(overrides: Iterable[Override]) -> None:
    """What is added or deleted twice; of other keys that are given twice the last one counts, as in Hydra."""
    seen = set()
    for each in overrides:
        key = each.get_key_element()
        if key in seen and (each.is_add() or each.is_delete()):
            raise InputError(f"{shown(each)}: {key} is given twice; leave one of them out")
        seen.add(key)


def _without_plus(line: str) -> str:
    return line.lstrip("+")


def _bare_key(override: Override) -> str:
    """The key without `+` and its like, with the package where it has one."""
    return override.get_key_element().lstrip("+~")


def _is_experiment(override: Override) -> bool:
    return _in_experiments(override.key_or_group)


def _in_experiments(path: str) -> bool:
    return path.partition("/")[0] == "experiment"


def _experiment_name(override: Override) -> str:
    value = override.value()
    return "-".join(str(each).replace("/", "-") for each in (value if isinstance(value, list) else [value]))


def _keys(node: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _keys(value, f"{prefix}{key}.")
    else:
        yield prefix.rstrip(".")


def _line(override: Override) -> str:
    return override.input_line or ""
