"""From a command line and conf/ to one resolved configuration for each cell.

The grammar and the composition are Hydra's. Its launcher is not used: it composes every job twice. Here each
distinct choice of groups is composed once, and the values of a cell are applied to a copy of that.
"""

from __future__ import annotations

import copy
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import version as hydra_version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import setup_globals
from hydra.errors import CompactHydraException, HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .cells import nearest
from .errors import InputError

ROOT = Path(__file__).parent
"""The folder beside `conf/` and `experiments/`: the package's own in a wheel, the checkout's otherwise."""
if not ROOT.joinpath("conf").is_dir():
    ROOT = ROOT.parent

_ALLOWED_HYDRA_KEYS = ("hydra.mode", "hydra.searchpath", "hydra.verbose", "hydra.sweeper.params")


@dataclass(frozen=True)
class Matrix:
    """The resolved configurations of a command, one a cell, in Hydra's order, without Hydra's own node.

    `swept` says whether the command asked for a sweep; `experiment` is the name of the one it chose, if one.
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
        if folder is not None and not os.path.isdir(folder):
            raise InputError(f"{flag} {folder}: there is no such folder; name one with configurations in it")
    search_path = create_config_search_path(os.path.abspath(config_path) if config_path else str(ROOT / "conf"))
    if config_dir is not None:
        search_path.prepend("command-line", f"file://{os.path.abspath(config_dir)}", SearchPathQuery("schema", None))
    return ConfigLoaderImpl(search_path)


def expand(
    loader: ConfigLoaderImpl, overrides: Sequence[str], multirun: bool, config_name: str = "config"
) -> Matrix:
    """Every cell's configuration.

    The default axes are `hydra.sweeper.params`. Whatever the command line says of a key, with or without `+` or
    `++`, replaces its axis, and so does what an experiment says: its own `hydra.sweeper.params`, a plain value, or
    `override /group`.

    Raises:
        InputError: the command line or a configuration is not valid; one line.
    """
    try:
        return _Expansion(loader, config_name, overrides).matrix(multirun)
    except (HydraException, CompactHydraException, OmegaConfBaseException) as error:
        raise InputError(_one_line(error)) from error


class _Expansion:
    def __init__(self, loader: ConfigLoaderImpl, config_name: str, overrides: Sequence[str]) -> None:
        self._loader = loader
        self._config_name = config_name
        self._parser = OverridesParser.create(config_loader=loader)
        self._parsed: dict[str, Override] = {}
        parsed = [self._parse(line) for line in overrides]
        self._hydra = [each.input_line or "" for each in parsed if each.is_hydra_override()]
        self._overrides = [each for each in parsed if not each.is_hydra_override()]
        self._bases: dict[tuple[str, ...], DictConfig] = {}
        self._refuse_hydra_keys()

    def matrix(self, multirun: bool) -> Matrix:
        experiments = [each for each in self._overrides if _bare_key(each) == "experiment"]
        lines: list[tuple[str, ...]] = []
        swept = multirun
        for chosen in itertools.product(*(_values(each) for each in experiments)):
            # Hydra reads no axes from an experiment that is itself swept: each is a sweep of its own here.
            rest = [each for each in self._overrides if each not in experiments]
            swept = swept or self._asks_for_sweep(chosen)
            if not swept:
                self._refuse_several_values()
            axes = self._default_axes(chosen, rest) if swept else []
            for job in _product([self._parse(line) for line in (*axes, *chosen)] + rest):
                lines.append(job)
        names = {str(each.value()) for each in experiments if _is_plain(each)}
        configs = tuple(self._config(job) for job in lines)
        return Matrix(configs, swept, "-".join(sorted(names)) or None)

    def _parse(self, line: str) -> Override:
        if line not in self._parsed:
            if line.startswith("-") or ("=" not in line and not line.startswith("~")):
                raise InputError(f"{line}: neither a command nor KEY=VALUE; python -m pipeline --help shows both")
            self._parsed[line] = self._parser.parse_overrides([line])[0]
        return self._parsed[line]

    def _refuse_hydra_keys(self) -> None:
        for line in self._hydra:
            key = _bare_key(self._parse(line))
            if not key.startswith(_ALLOWED_HYDRA_KEYS):
                raise InputError(
                    f"{line}: Hydra's launchers and folders are not used here; write output=FOLDER for where "
                    "reports go and runner=NAME for where trials run"
                )

    def _refuse_several_values(self) -> None:
        for each in self._overrides:
            if each.is_sweep_override():
                raise InputError(
                    f"{each.input_line} gives several values; add -m to measure each of them"
                )

    def _asks_for_sweep(self, experiments: Sequence[str]) -> bool:
        mode = self._load(experiments).hydra.mode
        return mode is not None and mode.name == "MULTIRUN"

    def _default_axes(self, experiments: Sequence[str], rest: Sequence[Override]) -> list[str]:
        params = self._load(experiments).hydra.sweeper.params or {}
        own, fixed = self._said_by_experiments(experiments) if experiments else (set(), set())
        said = {_bare_key(each) for each in rest} | (fixed - own)
        plainly = {each.get_key_element() for each in rest}
        # A key of the command line that is spelled like its axis takes the axis's place in the order, as in Hydra.
        return [f"{key}={value}" for key, value in params.items() if key not in said or key in plainly]

    def _said_by_experiments(self, experiments: Sequence[str]) -> tuple[set[str], set[str]]:
        """The axes that the chosen experiments give, and the keys and groups that they set to one value."""
        listed = self._loader.compute_defaults_list(self._config_name, [*self._hydra, *experiments], RunMode.RUN)
        axes: set[str] = set()
        fixed: set[str] = set()
        for default in listed.defaults:
            if default.config_path is None or not default.config_path.startswith("experiment/"):
                continue
            loaded = self._loader.repository.load_config(default.config_path)
            if loaded is None:
                continue
            fixed |= {each.group.lstrip("/") for each in loaded.defaults_list or () if getattr(each, "override", False)}
            for key, value in _flat(OmegaConf.to_container(loaded.config)):
                fixed.add(key)
                if key.startswith("hydra.sweeper.params.") and value is not None:
                    axes.add(key.removeprefix("hydra.sweeper.params."))
        return axes, fixed

    def _load(self, lines: Sequence[str]) -> DictConfig:
        for line in lines:
            self._refuse_unknown(self._parse(line))
        return self._loader.load_configuration(
            self._config_name, [*self._hydra, *lines], RunMode.RUN, validate_sweep_overrides=False
        )

    def _config(self, job: Sequence[str]) -> dict[str, Any]:
        parsed = [self._parse(line) for line in job]
        groups = tuple(line for line, each in zip(job, parsed, strict=True) if self._is_group(each))
        if groups not in self._bases:
            base = self._load(groups)
            OmegaConf.set_struct(base, False)
            del base["hydra"]
            OmegaConf.set_struct(base, True)
            self._bases[groups] = base
        config = copy.deepcopy(self._bases[groups])
        for each in parsed:
            if not self._is_group(each):
                self._apply(each, config)
        resolved: dict[str, Any] = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
        return resolved

    def _apply(self, override: Override, config: DictConfig) -> None:
        try:
            ConfigLoaderImpl._apply_overrides_to_config([override], config)
        except HydraException as error:
            line = override.input_line
            if "Could not override" in str(error):
                parent, _, word = override.key_or_group.rpartition(".")
                node = OmegaConf.select(config, parent) if parent else config
                known = [str(key) for key in node] if isinstance(node, DictConfig) else [str(key) for key in config]
                raise InputError(
                    f"{line}: there is no key {override.key_or_group!r}; {nearest(word, known)}"
                ) from None
            raise InputError(f"{line}: {_one_line(error)}") from error

    def _is_group(self, override: Override) -> bool:
        exists = self._loader.repository.group_exists(override.key_or_group)
        return bool(exists) and not isinstance(override.value(), dict)

    def _refuse_unknown(self, override: Override) -> None:
        if override.is_delete() or not self._is_group(override):
            return
        group, value = override.key_or_group, override.value()
        if override.type is not None and override.is_force_add():
            raise InputError(f"{override.input_line}: ++ is for values; write {group}={value}")
        if group == "experiment" and not override.is_add():
            raise InputError(f"{override.input_line}: an experiment is added to the defaults; write +{group}={value}")
        options = self._loader.get_group_options(group)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and each not in options and not _has_config(self._loader, group, each):
                raise InputError(f"{override.input_line}: there is no {group} {each!r}; {nearest(each, options)}")


def _product(overrides: Sequence[Override]) -> Iterator[tuple[str, ...]]:
    """One tuple of override lines a job. A later override of a key takes the place of an earlier one, as in Hydra."""
    by_key: dict[str, list[str]] = {}
    for each in overrides:
        by_key[each.get_key_element()] = _values(each)
    return itertools.product(*by_key.values())


def _values(override: Override) -> list[str]:
    key = override.get_key_element()
    if override.is_sweep_override():
        if not override.is_discrete_sweep():
            raise InputError(f"{override.input_line}: an interval has no end of values; write range() or choice()")
        return [f"{key}={value}" for value in override.sweep_string_iterator()]
    if override.is_delete() and override.value() is None:
        return [key]
    return [f"{key}={override.get_value_element_as_str()}"]


def _is_plain(override: Override) -> bool:
    return not override.is_sweep_override()


def _bare_key(override: Override) -> str:
    return override.key_or_group


def _flat(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _flat(value, f"{prefix}{key}.")
    else:
        yield prefix.rstrip("."), node


def _has_config(loader: ConfigLoaderImpl, group: str, name: str) -> bool:
    return loader.repository.load_config(f"{group}/{name}") is not None


def _one_line(error: BaseException) -> str:
    """The first line of what Hydra or OmegaConf said, with that of its cause where it has one."""
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    if error.__cause__ is not None and isinstance(error.__cause__, OmegaConfBaseException):
        said[1:] = [line.strip() for line in str(error.__cause__).splitlines() if line.strip()][:1]
    return ": ".join(dict.fromkeys(said[:2])) or type(error).__name__
