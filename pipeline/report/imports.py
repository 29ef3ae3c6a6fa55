"""How a script of the user's imports what a configuration names."""

from __future__ import annotations

import keyword
import posixpath
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath


@dataclass(frozen=True)
class Imports:
    """Lines that import, those of Python's own modules apart, and by what expressions the objects are known then.

    `folder` is where the script has to stand, relative to where it was measured from; `None` where that is no matter.
    """

    own: tuple[str, ...]
    lines: tuple[str, ...]
    names: tuple[str, ...]
    folder: str | None


def find(references: Sequence[str], taken: Collection[str]) -> Imports | None:
    """The imports for `module:name` or `path/file.py:name`; `None` where Python cannot say one of them.

    Args:
        references: as in the configuration.
        taken: names that are something else in the script; what is called so is imported under another one.
    """
    places = [PureWindowsPath(place) for place, _, _ in _split(references) if place.endswith(".py")]
    folder = _common_folder(places, taken)
    modules = [_module(place, folder) for place, _, _ in _split(references)]
    if not all(_is_dotted_name(name) for _, _, name in _split(references)) or not all(modules):
        return None
    known = _Names(taken)
    names = [known.add(module, name) for module, (_, _, name) in zip(modules, _split(references), strict=True)]
    own = ("from importlib import import_module",) if known.needs_import_module else ()
    return Imports(own, known.lines(), tuple(names), folder.as_posix() if folder is not None else None)


class _Names:
    """What is imported so far."""

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = set(taken)
        self._known: dict[tuple[str, str], str] = {}

    def add(self, module: str, name: str) -> str:
        """The expression by which a module's object is known."""
        top, dot, rest = name.partition(".")
        if (module, top) not in self._known:
            free = top
            while free in self._taken:
                free += "_"
            self._taken.add(free)
            self._known[module, top] = free
        return f"{self._known[module, top]}{dot}{rest}"

    @property
    def needs_import_module(self) -> bool:
        """Whether there is a module that no `import` can name."""
        return not all(_is_dotted_name(module) for module, _ in self._known)

    def lines(self) -> tuple[str, ...]:
        """One for each module, but for those that no `import` can name."""
        imported: dict[str, list[str]] = {}
        found = []
        for (module, top), known in sorted(self._known.items()):
            if _is_dotted_name(module):
                imported.setdefault(module, []).append(top if known == top else f"{top} as {known}")
            else:
                found.append(f"{known} = import_module({module!r}).{top}")
        return (*(f"from {module} import {', '.join(tops)}" for module, tops in imported.items()), *found)


def _split(references: Sequence[str]) -> list[tuple[str, str, str]]:
    return [reference.rpartition(":") for reference in references]


def _common_folder(files: Sequence[PureWindowsPath], taken: Collection[str]) -> PureWindowsPath | None:
    """The folder from which all of them are imported; `None` where there is none.

    A file `io.py` is imported from the folder above, as a script beside it would get the library's.
    """
    try:
        folder = PureWindowsPath(posixpath.commonpath([file.parent.as_posix() for file in files]))
    except ValueError:  # none at all, or absolute ones beside relative ones
        return None
    for each in (folder, folder.parent):
        tops = {file.relative_to(each).with_suffix("").parts[0] for file in files}
        if tops.isdisjoint((*sys.stdlib_module_names, "__main__", *taken)):
            return each
    return None


def _module(place: str, folder: PureWindowsPath | None) -> str:
    """The module's name in a script in that folder; empty where it cannot have one."""
    if not place.endswith(".py"):
        return place if all(place.split(".")) else ""
    if folder is None:
        return ""
    parts = PureWindowsPath(place).relative_to(folder).with_suffix("").parts
    return "" if any("." in part for part in parts) else ".".join(parts)


def _is_dotted_name(text: str) -> bool:
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in text.split("."))
