"""The words of a lever name documents from the root; in a page they are links."""

import os.path
import re
from pathlib import PurePosixPath

NAMED = re.compile(r"\bdocs/([\w/-]+\.md)")


def linked(text: str, folder: str) -> str:
    """`text` for a page in `docs/{folder}`: docs/results/citus.md becomes [citus](its way from there)."""
    return NAMED.sub(lambda found: f"[{PurePosixPath(found[1]).stem}]({_way(found[1], folder)})", text)


def _way(path: str, folder: str) -> str:
    return os.path.relpath(path, folder).replace(os.sep, "/")
