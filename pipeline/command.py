"""What the command line asks for, and the exit status that answers it."""

from __future__ import annotations

import argparse
import io
import logging
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__, subcommands
from .errors import InputError, Interrupted, Senseless
from .interruption import end_on_signals, raise_behind
from .measuring import command_line, measure
from .status import ALL_MEASURED, BAD_INPUT, OUR_BUG, SOME_NOT_MEASURED
from .streams import PLAIN, NotWritable, refusal, tell, unheard, writing
from .subcommands import Parser
from .subcommands.report import draw

if TYPE_CHECKING:
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.hydra import Hydra


def run(words: Sequence[str]) -> int:
    """Do what the command's words ask for.

    Returns:
        The exit status: 0 all measured, 1 some cells were not, 2 bad input, 70 a bug of ours, 129, 130 and 143 ended
        by SIGHUP, SIGINT and SIGTERM.
    """
    logging.raiseExceptions = False  # a log that cannot be written, as on a full disk, has no traceback to show
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # not every encoding has a word for µs
    try:
        with end_on_signals():
            return _answer(words)
    except Interrupted as interruption:
        return interruption.exit_status
    except KeyboardInterrupt:
        tell("interrupted")
        return 130
    finally:
        for stream in (sys.stdout, sys.stderr):
            with unheard(stream):
                pass  # what is left of earlier words, so that Python does not complain of it at its end


def _answer(words: Sequence[str]) -> int:
    try:
        if words and words[0] in subcommands.NAMES:
            return subcommands.run(words[0], words[1:])
        return _hydra_style(words)
    except SystemExit as shown:  # of argparse, which has shown help
        if shown.code:
            raise
        return ALL_MEASURED
    except InputError as error:
        raise_behind(error)
        tell(f"error: {error}{_doubt() if isinstance(error, Senseless) else ''}")
        return BAD_INPUT
    except NotWritable as error:
        said = "what was measured is kept: mend this and give the same command again"
        tell(f"error: {error}; {said}{_doubt(error.__cause__)}")
        return SOME_NOT_MEASURED
    except OSError as error:
        tell(f"error: {refusal(error)}{_doubt(error)}")
        return BAD_INPUT
    except Exception as error:
        raise_behind(error)
        kept = _keep_traceback()
        where = f"this:\n{traceback.format_exc()}" if kept is None else f"in {kept}"
        tell(f"error: a bug of pipeline, not of yours; its traceback is {where}")
        return OUR_BUG


def _doubt(error: BaseException | None = None) -> str:
    """Where to look if it was a bug of ours after all; nothing where it plainly was not."""
    plainly = isinstance(error, OSError) and error.errno in PLAIN
    kept = None if plainly else _keep_traceback()
    return "" if kept is None else f"; if it is a bug of pipeline, its traceback is in {kept}"


def _keep_traceback() -> str | None:
    """The file that the traceback is in; `None` where there is no place for one."""
    import tempfile

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="pipeline-bug-", suffix=".txt", delete=False, errors="backslashreplace"
        ) as stream:
            traceback.print_exc(file=stream)
    except OSError:
        return None
    return stream.name


def _make_parser() -> argparse.ArgumentParser:
    """Hydra's flags. Hydra's own parser cannot be built on Python 3.14."""
    parser = Parser(prog="python -m pipeline", add_help=False, allow_abbrev=False)
    parser.add_argument("overrides", nargs="*", help="KEY=VALUE")
    for *names, said in (
        ("--help", "-h", "what this tool does, its groups and examples"),
        ("--hydra-help", "Hydra's help"),
        ("--version", "the versions of this tool and of Hydra"),
        ("--run", "-r", "measure one cell, which is the default"),
        ("--multirun", "-m", "measure every combination of the values given"),
        ("--resolve", "with --cfg: with interpolations resolved"),
        ("--shell-completion", "-sc", "install or remove the shell's completion, as Hydra says"),
    ):
        parser.add_argument(*names, action="store_true", help=said)
    infos = ["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"]
    parser.add_argument("--cfg", "-c", choices=["job", "hydra", "all"], help="show the configuration and end")
    parser.add_argument("--package", "-p", help="with --cfg: only this part")
    parser.add_argument("--config-path", "-cp", help="a folder of configurations instead of ours")
    parser.add_argument("--config-name", "-cn", default="config", help="the primary configuration")
    parser.add_argument("--config-dir", "-cd", help="a folder of configurations beside ours")
    parser.add_argument("--info", "-i", const="all", nargs="?", choices=infos, help="what Hydra knows")
    return parser


def _parse(words: Sequence[str]) -> argparse.Namespace:
    # Intermixed, so that flags may stand between overrides: workload=io -m backend=process.
    given = _make_parser().parse_intermixed_args(list(words))
    if given.run and given.multirun:
        raise InputError("--run and --multirun exclude each other; give one of them")
    return given


def _hydra_style(words: Sequence[str]) -> int:
    given = _parse(words)
    if given.version:
        import hydra

        print(f"pipeline {__version__} (Hydra {hydra.__version__})")
        return ALL_MEASURED
    from . import matrix

    loader = matrix.make_loader(given.config_dir, given.config_path)
    if given.help or given.hydra_help or given.cfg or given.info or given.shell_completion:
        with writing("standard output"), suppress(BrokenPipeError):
            _show(loader, given)
            print(end="", flush=True)
        return ALL_MEASURED
    from .request import Request
    from .validation import make_sweep

    found = matrix.expand(loader, given.overrides, given.multirun, given.config_name)
    sweep = make_sweep(found.configs, found.experiment)
    return draw(measure(Request(sweep, command_line(words), Path.cwd()), words).folder)


def _show(loader: ConfigLoaderImpl, given: argparse.Namespace) -> None:
    """Hydra's own displays."""
    from hydra._internal.hydra import Hydra
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from .refusals import one_line

    hydra = Hydra(task_name="pipeline", config_loader=loader)
    GlobalHydra.instance().initialize(hydra)
    try:
        if given.help:
            print(_help(hydra, given))
        elif given.hydra_help:
            hydra.hydra_help(config_name=given.config_name, args_parser=_make_parser(), args=given)
        elif given.cfg:
            with redirect_stderr(io.StringIO()):  # what it says there, SystemExit says below
                hydra.show_cfg(given.config_name, given.overrides, given.cfg, given.package, given.resolve)
        elif given.info:
            hydra.show_info(given.info, given.config_name, given.overrides)
        else:
            _complete(hydra, given)
    except SystemExit as ending:
        raise InputError(
            f"--package {given.package}: there is no such part, or it is null; --cfg {given.cfg} alone shows all"
        ) from ending
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(one_line(error)) from error
    finally:
        GlobalHydra.instance().clear()


def _help(hydra: Hydra, given: argparse.Namespace) -> str:
    """The help that the configuration gives, with our groups in it. Hydra's own way takes as long as all the rest."""
    from string import Template

    from hydra.types import RunMode

    config = hydra.compose_config(given.config_name, given.overrides, RunMode.RUN)
    loader = hydra.config_loader
    groups, listed = sorted(set(loader.list_groups("")) - {"hydra"}), []
    while groups:
        group = groups.pop(0)
        listed.append(f"{group}: {', '.join(loader.get_group_options(group))}")
        groups[:0] = [f"{group}/{each}" for each in sorted(loader.list_groups(group))]
    return Template(config.hydra.help.template).safe_substitute(APP_CONFIG_GROUPS="\n".join(listed) + "\n")


def _complete(hydra: Hydra, given: argparse.Namespace) -> None:
    words = shlex.join(["-sc", *given.overrides])
    if any(word.startswith("query=") for word in given.overrides) and "COMP_LINE" not in os.environ:
        raise InputError(f"{words}: that is for the shell to ask, with the line in COMP_LINE; write -sc install=bash")
    try:
        hydra.shell_completion(given.config_name, given.overrides)
    except ValueError as error:  # none or several of these, or another shell
        raise InputError(f"{words}: write one of install=SHELL, uninstall=SHELL; shells: bash, fish, zsh") from error
