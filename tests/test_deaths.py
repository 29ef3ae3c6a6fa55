"""How processes ended that are no children of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.bench import deaths
from pipeline.bench.deaths import Watch

pytestmark = pytest.mark.skipif(not deaths.WATCHES, reason="nothing is told here")

GRANDCHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import os, signal\\ninput()\\n" + sys.argv[1]])
print(child.pid, flush=True)
child.wait()
print(flush=True)
sys.stdin.read()
"""


@contextmanager
def _grandchild(ends: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """One that ends in this way once its parent, which waits for that, is written a line to."""
    words = [sys.executable, "-c", GRANDCHILD, ends]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        yield int(child.stdout.readline()), child


def _let_end(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("\n")
    child.stdin.flush()
    child.stdout.readline()


@pytest.mark.skipif(not deaths.TELLS, reason="Linux tells from 6.15 on")
@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("os._exit(3)", "ended with exit status 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV"),
        ("pass", "ended with exit status 0"),
    ],
)
def test_it_says_how_one_ended(ends: str, said: str) -> None:
    """Though its parent alone can wait for it."""
    with _grandchild(ends) as (pid, child):
        watch = Watch([os.getpid(), pid])
        _let_end(child)
        assert watch.say() == said


def test_it_tells_that_one_has_ended() -> None:
    """And not that of one that lives, nor of none."""
    with _grandchild("pass") as (pid, child):
        watch = Watch([pid])
        assert not watch.is_gone()
        _let_end(child)
        assert watch.is_gone()
    assert not Watch(()).is_gone()
    assert not Watch([os.getpid()]).is_gone()


@pytest.mark.parametrize("instead", [False, True])
def test_a_descriptor_that_the_measured_code_closed_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, *, instead: bool
) -> None:
    """Not that the process has ended, above all, whatever has its number now."""
    opened: list[int] = []
    monkeypatch.setattr(os, "pidfd_open", lambda pid, was=os.pidfd_open: opened.append(was(pid)) or opened[-1])
    watch = Watch([os.getpid()])
    if instead:
        with open(os.devnull) as another:
            os.dup2(another.fileno(), opened[0])
    else:
        os.close(opened[0])
    assert not watch.is_gone()
    assert watch.say() is None
    if instead:
        os.close(opened[0])
