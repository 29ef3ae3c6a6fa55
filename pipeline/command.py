"""What the command line asks for, and the exit status that answers it."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from . import __version__
from .errors import InputError, Interrupted

if TYPE_CHECKING:
    from hydra._internal.config_loader_impl import ConfigLoaderImpl

    from .evidence import Run
    from .session import Request

ALL_MEASURED, SOME_NOT_MEASURED, BAD_INPUT, OUR_BUG = 0, 1, 2, 70


def run(words: Sequence[str]) -> int:
    """Do what the command's words ask for.

    Returns:
        The exit status: 0 all measured, 1 some cells were not, 2 bad input, 70 a bug of ours, 130 and 143 ended by
        a signal.
    """
    try:
        if words and words[0] in _SUBCOMMANDS:
            return _SUBCOMMANDS[words[0]](words[1:])
        return _hydra_style(words)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except Interrupted as interruption:
        return interruption.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        return ALL_MEASURED
    except Exception:
        print(f"error: a bug of pipeline, not of yours; its traceback is in {_keep_traceback()}", file=sys.stderr)
        return OUR_BUG


def _keep_traceback() -> str:
    with tempfile.NamedTemporaryFile("w", prefix="pipeline-bug-", suffix=".txt", delete=False) as stream:
        traceback.print_exc(file=stream)
    return stream.name


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; python -m pipeline --help shows what there is")


def _make_parser() -> argparse.ArgumentParser:
    """Hydra's flags. Hydra's own parser cannot be built on Python 3.14."""
    parser = _Parser(prog="python -m pipeline", add_help=False, allow_abbrev=False)
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
        _show(loader, given)
        return ALL_MEASURED
    from .session import Request
    from .validation import make_sweep

    found = matrix.expand(loader, given.overrides, given.multirun, given.config_name)
    sweep = make_sweep(found.configs, found.experiment)
    return _measure(Request(sweep, _command(words), Path.cwd()), words)


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
            hydra.app_help(config_name=given.config_name, args_parser=_make_parser(), args=given)
        elif given.hydra_help:
            hydra.hydra_help(config_name=given.config_name, args_parser=_make_parser(), args=given)
        elif given.cfg:
            hydra.show_cfg(given.config_name, given.overrides, given.cfg, given.package, given.resolve)
        elif given.info:
            hydra.show_info(given.info, given.config_name, given.overrides)
        else:
            hydra.shell_completion(given.config_name, given.overrides)
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(one_line(error)) from error
    finally:
        GlobalHydra.instance().clear()


def _command(words: Sequence[str]) -> str:
    return shlex.join(["python", "-m", "pipeline", *words])


def _measure(request: Request, words: Sequence[str]) -> int:
    from . import session
    from .display import open_display

    try:
        with open_display() as display:
            done = session.measure(request, display)
    except Interrupted:
        going_on = _command([word for word in words if not word.lstrip("+").startswith("fresh=")])
        print(f"interrupted; what was measured is kept. To go on: {going_on}", file=sys.stderr)
        raise
    if done.was_finished:
        print(f"already measured: {done.folder}; fresh=true measures again", file=sys.stderr)
    return _report(done.folder)


def _report(folder: Path) -> int:
    """Draw a run's report and say what it says."""
    from . import report
    from .evidence import Run

    run_ = Run.read(folder / "journal.jsonl")
    report.write(run_, folder)
    _print(run_, folder)
    unmeasured = [each for each in run_.evidence.values() if each.status not in ("measured", "unsupported")]
    return SOME_NOT_MEASURED if unmeasured else ALL_MEASURED


def _print(run_: Run, folder: Path) -> None:
    from .summary import print_summary

    print_summary(run_)
    print(f"\nreport: {folder / 'report.html'}")


def _report_command(words: Sequence[str]) -> int:
    """`report RUN`."""
    if len(words) != 1:
        raise InputError(f"report {' '.join(words)}: name one run's folder, as in report outputs/latest")
    folder = Path(words[0])
    if folder.name == "journal.jsonl":
        folder = folder.parent
    if not folder.joinpath("journal.jsonl").is_file():
        raise InputError(f"report {words[0]}: there is no journal.jsonl in it; name a run's folder: outputs/latest")
    return _report(folder)


_SUBCOMMANDS: dict[str, Callable[[Sequence[str]], int]] = {"report": _report_command}
