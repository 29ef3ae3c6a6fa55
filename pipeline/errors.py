"""What this package raises at its users."""


class InputError(ValueError):
    """What was asked for cannot be done; the text is one line with the value, the reason and the remedy.

    Line breaks and control characters of what the user wrote are made spaces.
    """

    def __init__(self, text: str) -> None:
        super().__init__(" ".join("".join(each if each.isprintable() else " " for each in text).split()))


class Senseless(InputError):
    """A journal that is whole, and says what none of ours does; the cause is what went wrong over it."""


class ClusterLost(Exception):
    """The cluster, or all its nodes, went while something was measured there; what was measured is kept."""


class Interrupted(BaseException):
    """A signal ended it; what was measured is kept. Nothing that heeds errors takes it for one."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"ended by signal {signal_number}")
        self.exit_status = 128 + signal_number
