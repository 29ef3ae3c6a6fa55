"""Placement groups of a Ray cluster: asked for until they come, and given back so that nothing of them stays taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ray.util.placement_group import PlacementGroup, placement_group, placement_group_table, remove_placement_group

#: Ray waits in whole seconds: less is not waiting at all.
_LOOKS_EVERY_S = 1
#: As long as a group is asked for first, or again, and so long at most, it is not removed.
_OPEN = ("QUEUED", "SCHEDULING_STARTED")
_SETTLES_S, _PAUSE_S = 5.0, 0.01


def hold(
    bundles: Sequence[dict[str, float]], wanted: Callable[[], bool] = lambda: True, **options: Any
) -> PlacementGroup | None:
    """The places once they are all there, or None when they are no longer `wanted`; `options` are Ray's.

    What Ray calls infeasible, as the nodes just were, it looks at again when a node joins, and not before: ask anew.
    """
    while wanted():
        group = placement_group(list(bundles), **options)
        try:
            if _comes(group, wanted):
                return group
        except BaseException:  # it would come later, and nobody would know of it
            with suppress(Exception):
                give_back(group)
            raise
        give_back(group)
    return None


def _comes(group: PlacementGroup, wanted: Callable[[], bool]) -> bool:
    """Wait for a group, as long as that makes sense."""
    while not group.wait(_LOOKS_EVERY_S):
        if not wanted() or _stage(group) == "INFEASIBLE":
            return False
    return True


def give_back(group: PlacementGroup) -> None:
    """Remove a group, but not in the moment in which nodes are asked for its bundles.

    What has been set aside by then stays so for ever, whoever asks: https://github.com/ray-project/ray/issues/64693.
    """
    until = time.monotonic() + _SETTLES_S
    while _stage(group) in _OPEN and time.monotonic() < until:
        time.sleep(_PAUSE_S)
    remove_placement_group(group)


def _stage(group: PlacementGroup) -> str:
    stage: str = placement_group_table(group)["stats"]["scheduling_state"]
    return stage
