"""What the backend counts. Observing costs a fraction of a microsecond: plain lists, read at a scrape."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Histogram:
    """Counts by upper bound. One thread observes: no lock."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus wants them."""
        labels = [*(str(float(bound)) for bound in self.bounds), "+Inf"]
        total = 0
        result = []
        for label, count in zip(labels, self.counts, strict=True):
            total += count
            result.append((label, float(total)))
        return result


class Metrics:
    """All figures of one process; `page()` is what /metrics answers."""

    def __init__(self, returned: Callable[[], int] = lambda: 0) -> None:
        self._returned = returned
        self.create_seconds = Histogram()
        self.list_seconds = Histogram()
        self.batch_sizes = Histogram(SIZES)
        self.hint_batch_sizes = Histogram(SIZES)
        self.acquire_seconds = Histogram()
        self.loop_lag_seconds = Histogram()
        self.cache_hits = 0
        self.cache_misses = 0
        self.reads_primary = 0
        self.reads_replica = 0
        self.answers_5xx = 0
        self.batches_retried = 0
        self.hints_published = 0
        self.hints_dropped = 0
        self.hints_failed = 0
        self.hints_waiting = 0
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def page(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Called by the registry at a scrape."""
        for name, text, histogram in (
            ("dialog_create_req_time_s", "Seconds to answer a send.", self.create_seconds),
            ("dialog_list_req_time_s", "Seconds to answer a page of a dialog.", self.list_seconds),
            ("group_commit_size", "Messages in one commit.", self.batch_sizes),
            (
                "hints_batch_size",
                "Hints handed to the broker at once; HINTS_PER_MESSAGE of them share a message.",
                self.hint_batch_sizes,
            ),
            (
                "database_acquire_wait_s",
                "Seconds waited for a connection, when waiting.",
                self.acquire_seconds,
            ),
            ("loop_lag_s", "Seconds that the event loop was late.", self.loop_lag_seconds),
        ):
            yield HistogramMetricFamily(name, text, buckets=histogram.buckets(), sum_value=histogram.sum)
        for name, text, count in (
            ("count_5xx", "Answers with a status of 500 or more.", self.answers_5xx),
            (
                "group_commit_retried",
                "Batches that failed and were retried one by one.",
                self.batches_retried,
            ),
            ("hints_published", "Hints that the broker took.", self.hints_published),
            ("hints_dropped", "Hints dropped because the publish queue was full.", self.hints_dropped),
            ("cache_hits", "Users found in the cache.", self.cache_hits),
            ("cache_misses", "Users not found in the cache.", self.cache_misses),
            (
                "reads_primary",
                "Reads that the primary answered.",
                self.reads_primary,
            ),
            ("reads_replica", "Reads that the replica answered.", self.reads_replica),
            ("hints_failed", "Hints given up after the last try.", self.hints_failed),
            (
                "messages_returned",
                "Messages that the broker gave back: no queue took them.",
                self._returned(),
            ),
        ):
            yield CounterMetricFamily(name, text, value=count)
        yield GaugeMetricFamily("asyncio_tasks", "Tasks of the event loop.", value=_tasks())
        yield GaugeMetricFamily("hints_waiting", "Hints in the publish queue.", value=self.hints_waiting)


def _tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # read by a thread, or a test, without a loop
        return 0
