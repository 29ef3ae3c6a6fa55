"""A workload inside an arm: the function, its inputs, and one batch of them."""

from __future__ import annotations

import functools
import inspect
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from . import reference
from .errors import BadInput, Unfit


class Map(Protocol):
    """What a backend yields: every input through the function, in order, as a list."""

    def __call__(self, function: Callable[[Any], Any], inputs: Sequence[Any], /) -> list[Any]:
        """The results, complete when it returns."""
        ...


_LONGEST = 300
"""Characters of what a function says of itself."""


class Called(NamedTuple):
    """What the configuration named, as it was called: with which of the parameters; `None` for what was not called.

    `entered` says whether the inputs are those of a context manager.
    """

    function: Sequence[str] = ()
    inputs: Sequence[str] | None = None
    entered: bool = False


@dataclass(frozen=True)
class Workload:
    """What an arm measures.

    `task` is the function with its parameters bound, `None` for a workload that gives a job; `inputs` are the
    sampled ones and `available` counts all there were; `reset`, if any, runs untimed before every batch; `called`
    tells how to write the same.
    """

    task: Callable[[Any], Any] | None
    job: Callable[[Map, Sequence[Any]], Any] | None
    inputs: Sequence[Any]
    available: int
    reset: Callable[[], object] | None
    called: Called = field(default_factory=Called)

    def bind(self, map_: Map) -> Callable[[], Any]:
        """One batch through `map_`, ready to be timed."""
        job, task, inputs = self.job, self.task, self.inputs
        if job is not None:
            return lambda: job(map_, inputs)
        if task is None:
            raise BadInput("workload.task is missing: write workload.task=module:function")
        return lambda: map_(task, inputs)

    @property
    def about(self) -> str:
        """The first line of what the measured function says of itself; empty where it says nothing."""
        function: Any = self.job or self.task
        while isinstance(function, functools.partial):
            function = function.func
        with suppress(Exception):  # measured code may say that in any way
            return (inspect.getdoc(function) or "").partition("\n")[0][:_LONGEST]
        return ""

    def sampled(self, count: int | None) -> Workload:
        """The same workload over `count` of its inputs, spread evenly over them; all for `None`."""
        if count is None:
            return self
        return replace(self, inputs=[self.inputs[each] for each in spread(count, self.available)])


@contextmanager
def open_workload(description: Mapping[str, Any]) -> Iterator[Workload]:
    """Import what the description names and build its inputs; inputs that are a context manager stay open inside.

    Args:
        description: `task` or `job`, `inputs`, `params`, `reset`, `check`, as in the configuration; a relative file
            already made absolute. `inputs` may also be `{"pickle": path}`.

    Raises:
        BadInput: something named cannot be imported or called, or there are no inputs; `Unfit` where it is a function
            that cannot be called so.
    """
    params = dict(description["params"])
    taken: set[str] = set()
    task = job = reset = None
    if description["job"] is not None:
        job, bound = _load_bound(description["job"], "workload.job", ("map", "inputs"), params, taken)
    elif description["task"] is not None:
        task, bound = _load_bound(description["task"], "workload.task", ("an input",), params, taken)
    else:
        raise BadInput("workload.task is missing: write workload.task=module:function")
    if description["reset"] is not None:
        reset, _ = _load_bound(description["reset"], "workload.reset", (), params, taken)
    if description["check"] not in ("auto", "none"):
        _load_bound(description["check"], "workload.check", ("expected", "got"), {}, taken)
    with ExitStack() as stack:
        inputs, given, entered = _build_inputs(description["inputs"], params, taken, stack)
        for name, value in params.items():
            if name not in taken:
                raise BadInput(
                    f"workload.params.{name}={value!r}: neither the task nor the inputs take {name!r}; "
                    f"remove it, or give the function a parameter of that name"
                )
        yield Workload(task, job, inputs, len(inputs), reset, Called(bound, given, entered))


def modules(description: Mapping[str, Any]) -> list[str]:
    """The places that a worker imports before its first task: module names and absolute files."""
    named = [description["task"], description["job"]]
    return [each.rpartition(":")[0] for each in named if each is not None]


def spread(count: int, available: int) -> list[int]:
    """`count` indices spread evenly over `available`."""
    return [(2 * each + 1) * available // (2 * count) for each in range(count)]


def _load_bound(
    named: str, key: str, arguments: Sequence[str], params: Mapping[str, Any], taken: set[str]
) -> tuple[Callable[..., Any], list[str]]:
    """The function with those of the parameters bound that it accepts, and their names."""
    function = reference.load_function(named, key)
    accepted = _accepted(function, params)
    taken.update(accepted)
    _check_call(function, f"{key}={named}", arguments, accepted)
    return functools.partial(function, **accepted) if accepted else function, list(accepted)


def _check_call(function: Callable[..., Any], said: str, arguments: Sequence[str], params: Mapping[str, Any]) -> None:
    """See that the function can be called with that many arguments and these parameters, where it tells."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins tell nothing of themselves: let the call decide
        return
    try:
        signature.bind(*arguments, **params)
    except TypeError as error:
        called = f"({', '.join([*arguments, *(f'{name}=...' for name in params)])})"
        raise Unfit(f"{said}: it is called as {called}, which {signature} does not allow ({error})") from None


def _accepted(function: Callable[..., Any], params: Mapping[str, Any]) -> dict[str, Any]:
    if not params:
        return {}
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins tell nothing of themselves: let the call decide
        return dict(params)
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    if inspect.Parameter.VAR_KEYWORD in kinds.values():
        return dict(params)
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: value for name, value in params.items() if kinds.get(name) in by_name}


def _build_inputs(
    given: Any, params: Mapping[str, Any], taken: set[str], stack: ExitStack
) -> tuple[Sequence[Any], list[str] | None, bool]:
    """The inputs, and how they came: see `Called`."""
    if isinstance(given, dict):
        with open(given["pickle"], "rb") as stream:
            return list(pickle.load(stream)), None, False  # written by this run's own conductor, for itself
    if isinstance(given, int):
        return range(given), None, False
    if isinstance(given, list):
        return list(given), None, False
    found: Any = reference.load(given, "workload.inputs")
    bound = None
    if callable(found) and not _is_iterable(found):
        accepted = _accepted(found, params)
        taken.update(accepted)
        _check_call(found, f"workload.inputs={given}", (), accepted)
        found, bound = found(**accepted), list(accepted)
    entered = not _is_iterable(found)
    if entered:
        if not hasattr(type(found), "__enter__"):
            raise BadInput(
                f"workload.inputs={given} is of type {type(found).__name__}; name an iterable, a function that "
                "returns one, or a context manager that yields one"
            )
        found = stack.enter_context(found)
        if not _is_iterable(found):
            raise BadInput(
                f"workload.inputs={given} yields one of type {type(found).__name__}; let it yield an iterable"
            )
    inputs = list(found)
    if not inputs:
        raise BadInput(f"workload.inputs={given} is empty; give at least one input")
    return inputs, bound, entered


def _is_iterable(found: object) -> bool:
    return hasattr(type(found), "__iter__")
