"""Reads what the processes count themselves: frames, hints, waits for a connection, hits of a cache."""

from collections.abc import Iterable
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from lab.errors import StackError

TIMEOUT_SECONDS = 5.0
MILLISECONDS = 1_000.0


@dataclass(frozen=True)
class Counters:
    """What the processes of a side counted themselves during the trial, without its warm-up.

    `hints` were wanted, `hints_unwanted` came besides them. Requests waited `acquire_wait_seconds` for
    database connections, together. Group commits were `commits` with `committed` messages; hints were handed
    to the broker `handings` times, `handed` in all. `refetches` are queries for contents that hints lacked.
    Commits waited `log_syncs` times until the log was on the disk, `log_sync_seconds` in all.
    """

    frames: float = 0.0
    bytes_written: float = 0.0
    deliveries: float = 0.0
    hints: float = 0.0
    hints_unwanted: float = 0.0
    acquire_wait_seconds: float = 0.0
    cache_hits: float = 0.0
    cache_misses: float = 0.0
    commits: float = 0.0
    committed: float = 0.0
    handings: float = 0.0
    handed: float = 0.0
    refetches: float = 0.0
    log_syncs: float = 0.0
    log_sync_seconds: float = 0.0

    def ratios(self) -> dict[str, float]:
        """The metrics that follow from them."""
        found = {}
        if self.deliveries:
            found["frames_per_event"] = self.frames / self.deliveries
            found["bytes_per_event"] = self.bytes_written / self.deliveries
        if self.hints:
            found["received_per_wanted"] = (self.hints + self.hints_unwanted) / self.hints
        return found

    def besides(self, operations: int) -> dict[str, float]:
        """What no verdict is about and a reader wants to see; only what happened at all."""
        found = {}
        if self.acquire_wait_seconds and operations:
            found["acquire_wait_ms"] = self.acquire_wait_seconds / operations * MILLISECONDS
        if asked := self.cache_hits + self.cache_misses:
            found["cache_hit_share"] = self.cache_hits / asked
        if self.commits:
            found["messages_per_commit"] = self.committed / self.commits
        if self.handings:
            found["hints_at_once"] = self.handed / self.handings
        if self.refetches and operations:
            found["refetches_per_1k"] = self.refetches / operations * 1_000
        if self.log_syncs:
            found["log_sync_ms"] = self.log_sync_seconds / self.log_syncs * MILLISECONDS
        return found


def counted(metrics_urls: Iterable[str]) -> Counters:
    """The counters of these processes, summed. Raises StackError when one does not answer."""
    total = Counters()
    for url in metrics_urls:
        try:
            answer = httpx.get(url, timeout=TIMEOUT_SECONDS).raise_for_status()
        except httpx.HTTPError as error:
            raise StackError(f"{url}: {type(error).__name__}; its counters are needed") from None
        total = plus(total, parsed(answer.text))
    return total


def parsed(page: str) -> Counters:
    """The counters of one /metrics page; what is not there counts 0."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name.endswith(("_total", "_sum", "_count")) or sample.name == "hints_unwanted":
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return Counters(
        found.get("frames_total", 0.0),
        found.get("bytes_written_total", 0.0),
        found.get("deliveries_total", 0.0),
        found.get("hints_total", 0.0),
        found.get("hints_unwanted", 0.0),
        found.get("database_acquire_wait_s_sum", 0.0),
        found.get("cache_hits_total", 0.0),
        found.get("cache_misses_total", 0.0),
        found.get("group_commit_size_count", 0.0),
        found.get("group_commit_size_sum", 0.0),
        found.get("hints_batch_size_count", 0.0),
        found.get("hints_batch_size_sum", 0.0),
        found.get("refetches_total", 0.0),
    )


def plus(one: Counters, other: Counters) -> Counters:
    """Both together."""
    return Counters(*(getattr(one, name) + getattr(other, name) for name in vars(one)))


def since(earlier: Counters, later: Counters) -> Counters:
    """What was counted in between."""
    return Counters(*(getattr(later, name) - getattr(earlier, name) for name in vars(later)))
