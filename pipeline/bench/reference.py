"""From `module:name` or `path/file.py:name` to the object it names."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import BadInput, Unfit

#: So many characters of what an exception says are kept, and so many of its traceback.
LONGEST_LINE, LONGEST_TRACEBACK = 1_000, 20_000

_LAZY = (
    (inspect.iscoroutinefunction, "an async function", "unsupported"),
    (inspect.isasyncgenfunction, "an async generator", "unsupported"),
    (inspect.isgeneratorfunction, "a generator", "failed"),
)
"""What runs nothing when it is called, and the status of its cells where others of the sweep can be measured."""


def load(reference: str, key: str) -> object:
    """The object that `reference` names; `key` is the configuration key it was given for.

    Raises:
        BadInput: there is no such module, file or name, or importing it fails.
    """
    place, _, name = reference.rpartition(":")
    module = load_module(place, f"{key}={reference}")
    found: object = module
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            public = [
                name
                for name, each in vars(module).items()
                if not name.startswith("_") and not isinstance(each, ModuleType)
            ]
            raise BadInput(
                f"{key}={reference}: {place} has no {name!r}; it has {', '.join(public[:12]) or 'nothing public'}"
            ) from None
    return found


def load_function(reference: str, key: str) -> Callable[..., Any]:
    """The function that `reference` names.

    Raises:
        BadInput: there is none.
        Unfit: calling it would run nothing.
    """
    found = load(reference, key)
    if not callable(found):
        raise BadInput(f"{key}={reference} is of type {type(found).__name__}, which cannot be called; name a function")
    for is_lazy, kind, status in _LAZY:
        if is_lazy(found):
            raise Unfit(
                f"{key}={reference} is {kind}: calling it runs nothing; wrap it in a function that does the work",
                status,
            )
    return found


def load_module(place: str, said: str, source: bytes | None = None) -> ModuleType:
    """Import `place`, a module's dotted name or the path of a Python file.

    Workers call this too, so that what was pickled by a file's module name can be unpickled there; those on machines
    that have no such file, with its `source`.

    Raises:
        BadInput: it cannot be imported; the message begins with `said`.
    """
    try:
        return _load_file(Path(place), source) if place.endswith(".py") else importlib.import_module(place)
    except ModuleNotFoundError as error:
        # Only the named module (or a parent of it) missing is the user's spelling; another one is its own import.
        if error.name is not None and (place == error.name or place.startswith(f"{error.name}.")):
            raise BadInput(
                f"{said}: there is no module {error.name!r} in {_own_path()}, or installed for {sys.executable}; "
                "start from the folder that holds it, install it, or name its file: path/file.py:name"
            ) from None
        raise BadInput(f"{said}: importing {place} raised {describe(error)}") from error
    except FileNotFoundError:
        raise BadInput(f"{said}: there is no file {place}") from None
    except (Exception, SystemExit) as error:
        raise BadInput(f"{said}: importing {place} raised {describe(error)}") from error


def _load_file(path: Path, source: bytes | None) -> ModuleType:
    # The folder and the name's hash are in the module's name: a file called io.py must not hide the library's io.
    name = f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    if not path.is_file():
        if source is None:
            raise FileNotFoundError(path)
        return _make(name, path, source)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _make(name: str, path: Path, source: bytes) -> ModuleType:
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = str(path)
    try:
        exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 - the measured code, as its file has it
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _own_path() -> str:
    """The entries of `sys.path` that are the user's: neither the interpreter's nor ours."""
    theirs = [Path(each) for each in sysconfig.get_paths().values()]
    entries = [Path(entry).absolute() for entry in sys.path if not entry.endswith(".zip")]
    own = [entry for entry in entries if not any(entry.is_relative_to(each) for each in theirs)]
    return ", ".join(dict.fromkeys(str(entry) for entry in own if not entry.joinpath(__package__).is_dir()))


def describe(error: BaseException) -> str:
    """An exception in one line: its type and the first line of its text, as far as it lets itself be said."""
    try:
        text = next(iter(str(error).splitlines()), "")
    except Exception:  # whatever the measured code's own __str__ raises
        text = ""
    name = type(error).__name__
    return _cut(f"{name}: {text}" if text else name, LONGEST_LINE)


def say_traceback(error: BaseException) -> str:
    """Its traceback, in the middle of which something may be left out."""
    try:
        return _cut("".join(traceback.format_exception(type(error), error, error.__traceback__)), LONGEST_TRACEBACK)
    except Exception:  # whatever the measured code's own __repr__ or __notes__ raise
        return ""


def _cut(text: str, longest: int) -> str:
    """Not longer than that, and of characters that can be written."""
    if len(text) > longest:
        text = f"{text[: longest // 2]} [{len(text) - longest} more characters] {text[-(longest // 2) :]}"
    return text.encode(errors="replace").decode()
