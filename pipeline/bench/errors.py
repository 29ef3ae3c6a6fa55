"""What the measured side raises for what cannot be measured."""


class BadInput(Exception):
    """What the user gave cannot be measured; the text is one line with the value, the reason and the remedy."""


class Unfit(BadInput):
    """A function that is there, and cannot be a task as it is; `status` is that of its cells where others can."""

    def __init__(self, message: str, status: str = "failed") -> None:
        super().__init__(message, status)  # both, so that it can be pickled
        self.message = message
        self.status = status

    def __str__(self) -> str:
        return self.message


class Unavailable(Exception):
    """What a trial needs beside the measured code is gone, or others have it; the text says what. It is taken again."""


class WorkerDied(Exception):
    """A worker of the pool ended, and with it the pool; the text says how."""


class WorkerTooLarge(Exception):
    """A worker of the pool was ended because it had too much memory; the text says what is too much."""
