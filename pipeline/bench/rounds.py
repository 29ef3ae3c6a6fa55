"""One round of a trial: every arm once, one right after the other, and what was counted meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .counters import since
from .machine import Meter, load
from .messages import Message
from .own import Rest


class Arm(Protocol):
    """A process that answers one command at a time.

    Both methods raise `ArmFailed` when the measured code raised, the process ended, or the trial's time is up.
    """

    def tell(self, do: str, **details: Any) -> None:
        """Send a command."""
        ...

    def answer(self) -> Message:
        """Wait for the reply to it."""
        ...


class ArmFailed(Exception):
    """Why a trial ended early.

    `status` is as in a cell's status, `reason` one sentence; `traceback` where there is one; `failed_arm` is the name
    of the arm whose fault it was; `is_unfit` says that the function can be no task as it is (see `errors.Unfit`).
    """

    def __init__(
        self, status: str, reason: str, *, failed_arm: str, traceback: str | None = None, is_unfit: bool = False
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.failed_arm = failed_arm
        self.traceback = traceback
        self.is_unfit = is_unfit


def say_where(name: str) -> str:
    """How a reason begins that is about the arm `name`."""
    known = {"anchor": "in the plain loop: ", "leader": "in the leader: ", "after": "in the revision after: "}
    return known.get(name, "")


def ask(arm: Arm, do: str, **details: Any) -> Message:
    """Send a command and wait for its reply."""
    arm.tell(do, **details)
    return arm.answer()


class Rounds:
    """Takes rounds with the arms of a trial and reads the machine's counters between their repetitions."""

    def __init__(self, arms: Mapping[str, Arm], meter: Meter, rest: Rest) -> None:
        """Every repetition begins once `rest` finds the arms before it at rest."""
        self._arms, self._meter, self.rest = arms, meter, rest

    def take(self, order: Sequence[str], do: str, **details: Any) -> dict[str, Message]:
        """One repetition of each arm.

        Returns:
            For each arm its reply to the command `do`, and of the machine meanwhile, in seconds, machine_busy_s,
            machine_steal_s, machine_pressure_s and machine_throttled_s (see `machine.Machine`); after it,
            machine_frequency_hz, the mean of its cores, and machine_load, the threads that ran or wanted to, on average
            over a minute.
        """
        replies = {}
        for name in order:
            self.rest.wait()
            before = self._meter.read()
            reply = ask(self._arms[name], do, **details)
            counted = {f"machine_{what}": value for what, value in since(before, self._meter.read()).items()}
            levels = {"machine_frequency_hz": self._meter.frequency_hz(), "machine_load": load()}
            replies[name] = {**reply, **counted, **levels}
        return replies


def add(record: Message, order: Sequence[str], replies: Mapping[str, Message]) -> None:
    """Append a whole round to a trial's record: a list for each thing that the arms told."""
    record["orders"].append(list(order))
    for name, reply in replies.items():
        for what, value in reply.items():
            record["arms"][name].setdefault(what, []).append(value)
