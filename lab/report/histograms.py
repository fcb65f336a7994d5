"""Encoded histograms of microseconds to the points of a percentile spectrum."""

from hdrh.histogram import HdrHistogram

from lab.load.record import Latency

# Dense enough for a smooth line, and the quantiles that tables print.
QUANTILES = [n / 100 for n in range(100)] + [0.995, 0.999, 0.9995, 0.9999, 0.99995, 0.99999]
LEAST_BEHIND = 10  # samples behind the last point; with fewer it is luck


def spectrum(latency: Latency | None) -> list[tuple[float, float]]:
    """(quantile, seconds), as deep as the samples carry; empty without samples."""
    if latency is None or not latency.samples or not latency.hdr:
        return []
    histogram = HdrHistogram.decode(latency.hdr)
    count = histogram.get_total_count()
    return [
        (quantile, histogram.get_value_at_percentile(quantile * 100) / 1e6)
        for quantile in QUANTILES
        if (1 - quantile) * count >= LEAST_BEHIND
    ]
