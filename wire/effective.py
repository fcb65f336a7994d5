"""What a process says at /health of its settings: each part says what it does, nobody reads it from the wish.

A part has `in_effect`: setting -> the value it works with, beside the code that does so.
"""

import asyncio
import gc
import logging
from collections.abc import Iterable


def of_parts(parts: Iterable[object]) -> dict[str, object]:
    """What these say of themselves; of two that say different things the later one counts."""
    values: dict[str, object] = {}
    for part in parts:
        values |= getattr(part, "in_effect", {})
    return values


def of_process() -> dict[str, object]:
    """What the process has only one of; called on the running loop."""
    level = logging.getLogger(__name__).getEffectiveLevel()
    return {
        "event_loop": loop_name(asyncio.get_running_loop()),
        "gc_threshold": gc.get_threshold()[0],
        "log_level": logging.getLevelName(level).lower(),
    }


def loop_name(loop: asyncio.AbstractEventLoop) -> str:
    """uvloop, asyncio or asyncio_debug, from the loop that runs."""
    name = type(loop).__module__.split(".")[0]
    return f"{name}_debug" if loop.get_debug() else name


def on_or_off(is_on: object) -> str:
    """A setting's word."""
    return "on" if is_on else "off"
