"""What the service counts. Observing costs a fraction of a microsecond: plain numbers, read at a scrape."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from websocket_service.close_codes import REASONS
from websocket_service.outgoing import Outgoing
from wire.message import HOPS

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 40.0)


class Histogram:
    """Counts by upper bound. One thread observes: no lock."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.sum += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus wants them."""
        total = 0
        result = []
        for label, count in zip([*map(str, SECONDS), "+Inf"], self.counts, strict=True):
            total += count
            result.append((label, float(total)))
        return result


class Metrics:
    """All figures of one process; `page()` is what /metrics answers."""

    def __init__(self) -> None:
        self.delivery_seconds = Histogram()
        self.hop_seconds = [Histogram() for _ in HOPS[1:]]
        self.loop_lag_seconds = Histogram()
        self.hints: Counter[str] = Counter({"new": 0, "duplicate": 0, "reordered": 0, "gap": 0, "dropped": 0})
        self.frames = 0
        self.bytes_written = 0
        self.closes: Counter[int] = Counter()
        self.resumes: Counter[str] = Counter({"ring": 0, "db": 0, "none": 0, "new": 0})
        self.deliveries = 0
        self.repairs = 0
        self.sweeps = 0
        self.gets = 0
        self.refetches = 0
        self.database_errors = 0
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}  # name -> (help, value now)
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def pushed(self, batch: Sequence[Outgoing], now: float) -> None:
        """These were handed to a socket now, in one frame."""
        self.frames += 1
        self.deliveries += len(batch)
        delivery = self.delivery_seconds
        for outgoing in batch:
            message = outgoing.message
            delivery.observe(now - message.created_at)
            if message.way is not None:
                self._observe_way([*message.way, now])

    def _observe_way(self, way: list[float]) -> None:
        for histogram, before, after in zip(self.hop_seconds, way, way[1:], strict=False):
            histogram.observe(after - before)

    def closed(self, code: int) -> None:
        """A socket was closed with this code, by us or by its peer."""
        known = code in REASONS or 1000 <= code <= 1015
        self.closes[code if known else 0] += 1  # a peer may send any: no label of its own for those

    def page(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Called by the registry at a scrape."""
        for name, text, histogram in (
            ("delivery_s", "Seconds from the commit to the socket.", self.delivery_seconds),
            ("loop_lag_s", "Seconds that the event loop was late.", self.loop_lag_seconds),
        ):
            yield HistogramMetricFamily(name, text, buckets=histogram.buckets(), sum_value=histogram.sum)
        hops = HistogramMetricFamily("hop_s", "Seconds from one hop to the next.", labels=["hop"])
        for hop, histogram in zip(HOPS[1:], self.hop_seconds, strict=True):
            hops.add_metric([hop], histogram.buckets(), histogram.sum)
        yield hops
        for name, text, label, counts in (
            ("hints", "Hints that the broker brought.", "kind", self.hints),
            (
                "socket_closes",
                "Sockets closed, by code; 0: any other code.",
                "code",
                self.closes,
            ),
            ("resumes", "Sockets welcomed, by how they resumed.", "kind", self.resumes),
        ):
            family = CounterMetricFamily(name, text, labels=[label])
            for key, count in counts.items():
                family.add_metric([str(key)], count)
            yield family
        for name, text, value in (
            ("deliveries", "Messages handed to sockets.", self.deliveries),
            ("frames", "Frames with messages handed to sockets.", self.frames),
            ("bytes_written", "Bytes of all frames handed to sockets.", self.bytes_written),
            ("repairs", "Messages whose hint was lost and that a sweep found.", self.repairs),
            ("sweeps", "Sweeps done.", self.sweeps),
            ("gets", "Gaps that clients asked about.", self.gets),
            ("refetches", "Queries for contents that hints lacked (PAYLOAD=notify).", self.refetches),
            ("database_errors", "Queries that the database did not answer.", self.database_errors),
        ):
            yield CounterMetricFamily(name, text, value=value)
        for name, (text, gauge) in self.gauges.items():
            yield GaugeMetricFamily(name, text, value=gauge())
