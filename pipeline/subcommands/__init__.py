"""What the command does besides measuring: one module a word, each with `run(words) -> exit status`."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from typing import NoReturn

from ..errors import InputError

NAMES = ("report", "compare", "reproduce", "export")


class Parser(argparse.ArgumentParser):
    """One that has a line for whoever writes something else than it takes."""

    def error(self, message: str) -> NoReturn:
        """Raise `InputError`."""
        raise InputError(f"{message:.500}; {self.prog} --help shows what there is")


def run(name: str, words: Sequence[str]) -> int:
    """Do what the words after the subcommand ask for; the exit status."""
    found: Callable[[Sequence[str]], int] = importlib.import_module(f".{name}", __name__).run
    return found(words)
