"""Finds the levers: every module of this folder that has a LEVER. The docstring is the page."""

import importlib
import pkgutil
from functools import cache

import levers
from levers.lever import Lever


@cache
def catalogue() -> dict[str, Lever]:
    """Every lever by its name, in the order of the folder listing."""
    found: dict[str, Lever] = {}
    for module in sorted(pkgutil.iter_modules(levers.__path__), key=lambda item: item.name):
        lever = getattr(importlib.import_module(f"levers.{module.name}"), "LEVER", None)
        if isinstance(lever, Lever):
            found[lever.name] = lever
    return found


def lever_named(name: str) -> Lever:
    """The lever of a name (dashes and underscores are the same). ValueError names near ones."""
    wanted = name.replace("-", "_").lower()
    known = catalogue()
    if wanted not in known:
        import difflib

        near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "`lab levers` lists them"
        raise ValueError(f"lever {name!r} is unknown; {hint}")
    return known[wanted]


def page(name: str) -> str:
    """The lever's page: its module's docstring."""
    lever = lever_named(name)
    return (importlib.import_module(f"levers.{lever.name}").__doc__ or "").strip()


def paragraphs(text: str) -> dict[str, str]:
    """A page by paragraph: `question`, `Problem`, and one entry a value, whose text holds Costs and Fails.

    A paragraph about values opens with them in backticks, with or without "Plain way" before:
    "Plain way, `uvloop`: ..." or "`2`, `5`: ...".
    """
    found: dict[str, str] = {}
    for number, paragraph in enumerate(text.split("\n\n")):
        line = " ".join(paragraph.split())
        head, colon, rest = line.partition(": ")
        if number == 0:
            found["question"] = line
        elif not colon:
            continue
        elif "`" in head:
            if head.startswith("Plain way"):
                found["Plain way"] = rest
            for value in head.split("`")[1::2]:
                found[value] = rest
        else:
            found[head] = rest
    return found
