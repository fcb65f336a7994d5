"""/metrics with several uvicorn workers: whichever of them is asked answers for all, each under its label.

The workers share one port, so a scrape reaches any of them. Each also listens on a socket in Linux's
abstract namespace (no file, gone with the process), where its siblings fetch its page.
"""

import asyncio
import os
import re
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

ANSWER_SECONDS = 1.0  # a sibling that does not answer is left out, as if it were down
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (.*)$")

Page = Callable[[], bytes]


def _address(worker: int) -> str:
    return f"\0lab-metrics-{os.getppid()}-{worker}"


def _siblings() -> list[int]:
    supervisor = os.getppid()
    return [int(pid) for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()]


def running() -> int:
    """How many workers of this supervisor run: those that listen for their siblings."""
    begin = _address(0).removesuffix("0").replace("\0", "@")
    listed = Path("/proc/net/unix").read_text().splitlines()
    return len({line.rsplit(" ", 1)[-1] for line in listed if begin in line})


@asynccontextmanager
async def offered(page: Page) -> AsyncIterator[None]:
    """Give this worker's page to its siblings within the block."""

    async def give(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(page())
        writer.close()

    async with await asyncio.start_unix_server(give, _address(os.getpid())):
        yield


async def _fetch(worker: int) -> bytes:
    line = socket.socket(socket.AF_UNIX)
    line.setblocking(False)
    try:
        line.connect(_address(worker))  # at once or not at all; uvloop knows no abstract address here
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(sock=line)
            try:
                return await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        line.close()
        return b""


async def of_all(own: Page) -> bytes:
    """One page of all workers."""
    others = [pid for pid in _siblings() if pid != os.getpid()]
    pages = await asyncio.gather(*(_fetch(pid) for pid in others))
    return merged({os.getpid(): own(), **dict(zip(others, pages, strict=True))})


def merged(pages: Mapping[int, bytes]) -> bytes:
    """The pages as one: each sample with the label `worker`, the samples of a name side by side."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = defaultdict(list)
    for worker, page in pages.items():
        family = ""
        for line in page.decode().splitlines():
            if line.startswith("# HELP "):
                family = line.split(" ", 3)[2]
                heads.setdefault(family, [line])
            elif line.startswith("# TYPE "):
                if len(heads[family]) == 1:
                    heads[family].append(line)
            elif found := _SAMPLE.match(line):
                name, labels, value = found.groups()
                label = f'worker="{worker}"' + (f",{labels}" if labels else "")
                samples[family].append(f"{name}{{{label}}} {value}")
    lines = [line for family, head in heads.items() for line in (*head, *samples[family])]
    return ("\n".join(lines) + "\n").encode()
