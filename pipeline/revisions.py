"""Two revisions of the user's repository, each checked out in a folder of its own; nothing of the user's is touched."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import sources
from .cells import Sweep
from .errors import InputError
from .scratch import PREFIX, scratch_folder

WORKING_TREE = "."
"""The word for what git tracks as it stands in the working tree, committed or not."""

_ELSEWHERE = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
)
"""Git's hooks run with these, and a checkout would write into the user's index."""
_NOBODY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "pipeline"), ("EMAIL", "pipeline@localhost"), ("DATE", "@0 +0000"))
}
"""Whose commit the working tree becomes: with these, equal trees are equal commits."""


@dataclass(frozen=True)
class Revision:
    """A commit, how the user `asked` for it, and where it is checked out.

    `folder` is there what the folder is in which the command was given; `top` and `checkout` are the repository's
    folder and the checkout's.
    """

    asked: str
    commit: str
    tree: str
    subject: str
    folder: Path
    top: Path
    checkout: Path

    def to_json(self) -> dict[str, str]:
        """As the journal keeps it: what it is, wherever it was checked out."""
        return {key: getattr(self, key) for key in ("asked", "commit", "tree", "subject")}

    @property
    def name(self) -> str:
        """How messages call it."""
        if self.asked == WORKING_TREE:
            return "the working tree"
        return self.asked if self.commit.startswith(self.asked) else f"{self.asked} ({self.commit[:12]})"

    @property
    def path(self) -> list[str]:
        """This process's entries of `sys.path` that are the repository's, as they are in the checkout."""
        inside = [Path(entry).relative_to(self.top) for entry in sys.path if Path(entry).is_relative_to(self.top)]
        return [str(self.checkout / entry) for entry in inside if self.checkout.joinpath(entry).is_dir()]

    @property
    def env(self) -> dict[str, str]:
        """Variables with which a Python finds the checkout's modules, not those of the working tree."""
        given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
        others = [entry for entry in given if Path(entry).is_absolute() and not Path(entry).is_relative_to(self.top)]
        return {"PYTHONPATH": os.pathsep.join([*self.path, *others])}

    def check(self, sweep: Sweep) -> None:
        """See that what the sweep measures is the revision's.

        Raises:
            InputError: it has no such file or module.
        """
        for workload in {cell.workload.id: cell.workload for cell in sweep.cells}.values():
            named = {key: getattr(workload, key) for key in ("task", "job", "inputs", "check", "reset")}
            for key, reference in named.items():
                if isinstance(reference, str) and ":" in reference and not self._has(reference, key):
                    raise InputError(
                        f"workload.{key}={reference}: {self.name} has no such file; name what is committed in both "
                        "revisions, as seen from this folder"
                    )

    def _has(self, reference: str, key: str) -> bool:
        try:
            found = sources.find_file(reference, self.folder, self.path)
        except InputError:
            return False
        if key not in ("task", "job"):  # inputs and the like may be those of a package
            return True
        return found is not None and found.resolve().is_relative_to(self.checkout)


@dataclass(frozen=True)
class Revisions:
    """What was before and what came after."""

    before: Revision
    after: Revision

    def to_json(self) -> dict[str, dict[str, str]]:
        """As the journal keeps them."""
        return {"before": self.before.to_json(), "after": self.after.to_json()}


@contextmanager
def check_out(before: str, after: str, folder: Path) -> Iterator[Revisions]:
    """Both in worktrees that git knows of, and that are gone after the block.

    Args:
        before: anything that git knows for a commit, or `WORKING_TREE`.
        after: likewise.
        folder: somewhere in the repository.

    Raises:
        InputError: there is no repository or no such commit.
    """
    top = _find_top(folder)
    place = folder.resolve().relative_to(top)
    with ExitStack() as stack:
        parent = stack.enter_context(scratch_folder()).resolve()
        _forget_orphans(top)
        found = []
        for name, asked in zip(_checkouts(), (before, after), strict=True):
            commit = _commit(asked, top, parent)
            checkout = parent / name
            stack.callback(_remove, checkout, top)
            # No hook of the user's has to do with this checkout.
            _git(top, "-c", f"core.hooksPath={os.devnull}", "worktree", "add", "--detach", str(checkout), commit)
            tree = _git(top, "rev-parse", f"{commit}^{{tree}}")
            subject = "the working tree" if asked == WORKING_TREE else _git(top, "log", "-1", "--format=%s", commit)
            found.append(Revision(asked, commit, tree, subject, checkout / place, top, checkout))
            if not found[-1].folder.is_dir():
                raise InputError(f"{found[-1].name} has no folder {place}; start from one that both revisions have")
        yield Revisions(*found)


def _find_top(folder: Path) -> Path:
    try:
        return Path(_git(folder, "rev-parse", "--show-toplevel")).resolve()
    except InputError as error:
        raise InputError(
            f"{folder} is in no git repository ({error}); start from the folder of the measured code, in its repository"
        ) from None


def _commit(asked: str, top: Path, scratch: Path) -> str:
    if asked == WORKING_TREE:
        return _commit_working_tree(top, scratch)
    try:
        return _git(top, "rev-parse", "--verify", "--quiet", f"{asked}^{{commit}}")
    except InputError:
        raise InputError(
            f"{asked}: there is no such revision in {top}; git log --oneline lists them, and {WORKING_TREE} is the "
            "working tree"
        ) from None


def _commit_working_tree(top: Path, scratch: Path) -> str:
    """A commit of all tracked files as they are, on no branch; made with a copy of the index."""
    index = scratch / "index"
    with suppress(FileNotFoundError):  # nothing was ever added
        shutil.copyfile(top / _git(top, "rev-parse", "--git-path", "index"), index)
    own = {"GIT_INDEX_FILE": str(index)}
    _git(top, "add", "--update", variables=own)
    tree = _git(top, "write-tree", variables=own)
    head = _commit("HEAD", top, scratch)
    if tree == _git(top, "rev-parse", f"{head}^{{tree}}"):
        return head
    return _git(top, "commit-tree", tree, "-p", head, "-m", "the working tree", variables=_NOBODY)


def _checkouts() -> tuple[str, str]:
    """The names of both checkouts, of one length: where a stack begins may matter.

    Where a repository is shared, as by containers, a folder that is not there may be so for others: names say for whom.
    """
    mounts = 0
    with suppress(OSError):
        mounts = Path("/proc/self/ns/mnt").stat().st_ino
    here = hashlib.sha256(f"{platform.node()} {mounts}".encode()).hexdigest()[:8]
    return f"a-{here}", f"b-{here}"


def _remove(checkout: Path, top: Path) -> None:
    with suppress(InputError):  # it was not even begun
        _git(top, "worktree", "remove", "--force", str(checkout))


def _forget_orphans(top: Path) -> None:
    """Those of commands that were killed, whose folders went with their scratch.

    `git worktree prune` would forget the user's too that are on a disk which is not there just now.
    """
    for line in _git(top, "worktree", "list", "--porcelain").splitlines():
        checkout = Path(line.removeprefix("worktree "))
        is_ours = checkout.name in _checkouts() and checkout.parent.name.startswith(PREFIX)
        if line.startswith("worktree ") and is_ours and not checkout.exists():
            _remove(checkout, top)


def _git(folder: Path, *words: str, variables: Mapping[str, str] | None = None) -> str:
    """What git prints.

    Raises:
        InputError: it refuses, or is not there; the text is its own.
    """
    environment: dict[str, Any] = {key: value for key, value in os.environ.items() if key not in _ELSEWHERE}
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(
            command,
            env={**environment, **(variables or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            start_new_session=True,  # Ctrl-C is ours to heed
        )
    except FileNotFoundError:
        raise InputError("git is not installed") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {error.returncode}"]
        raise InputError(f"git: {said[-1]}") from None
    return done.stdout.decode(errors="replace").strip()
