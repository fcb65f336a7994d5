"""example.env as data: which settings there are. It documents them all (a test holds that)."""

import re
from pathlib import Path

from lab.errors import UsageError

FILE = Path(__file__).parents[2] / "example.env"
# What `lab up` decides itself, for each process apart.
CHOSEN = re.compile(
    r"POSTGRES_(?!.*TIMEOUT).*|RABBITMQ_.*|SECRET|SERVICE_ID|WS_ID|WEBSOCKET_URLS|.*_(HOST|PORT|SOCKET)"
)


def documented() -> dict[str, str]:
    """Name -> default, in the order of the file. A setting that is unset by default has ''."""
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", FILE.read_text(), re.MULTILINE))


def parse_overrides(words: list[str]) -> dict[str, str]:
    """`NAME=VALUE` words as a dict. Raises UsageError on a word of another shape or an unknown setting.

    A misspelt lever must not silently do nothing: both sides of a comparison would be the same.
    """
    known = {name for name in documented() if not CHOSEN.fullmatch(name)}
    overrides = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--set '{word}': expected NAME=VALUE")
        if name not in known:
            raise UsageError(f"--set {name}: expected one of {', '.join(sorted(known))}")
        overrides[name] = value
    return overrides
