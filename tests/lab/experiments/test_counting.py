"""The counters of a /metrics page are found by name, labels summed, and differences taken."""

import pytest

from backend.metrics import Metrics as BackendMetrics
from lab.errors import StackError
from lab.experiments.counting import Counters, counted, parsed, plus, since
from websocket_service.metrics import Metrics


def test_the_page_of_a_real_service_is_understood():
    metrics = Metrics()
    metrics.frames, metrics.bytes_written, metrics.deliveries = 3, 900, 7
    metrics.gauges["hints_unwanted"] = ("as Users adds it", lambda: 2.0)
    metrics.hints.update(new=4, duplicate=1)
    assert parsed(metrics.page().decode()) == Counters(3, 900, 7, 5, 2)


def test_waits_and_hits_of_a_backend_are_read_from_its_page():
    metrics = BackendMetrics()
    metrics.acquire_seconds.observe(0.25)
    metrics.cache_hits, metrics.cache_misses = 3, 1
    found = parsed(metrics.page().decode())
    assert (found.acquire_wait_seconds, found.cache_hits, found.cache_misses) == (0.25, 3, 1)


def test_what_came_together_is_read_from_the_pages():
    backend, websocket = BackendMetrics(), Metrics()
    for size in (1, 2, 6):
        backend.batch_sizes.observe(size)
    backend.hint_batch_sizes.observe(4)
    websocket.refetches = 5
    found = plus(parsed(backend.page().decode()), parsed(websocket.page().decode()))
    assert found.besides(1_000) == {"messages_per_commit": 3, "hints_at_once": 4, "refetches_per_1k": 5}


def test_counters_add_up_and_differ():
    assert plus(Counters(1, 2, 3, 4), Counters(1, 1, 1, 1)) == Counters(2, 3, 4, 5)
    assert since(Counters(1, 1, 1, 1), Counters(2, 3, 4, 5)) == Counters(1, 2, 3, 4)


def test_a_service_that_does_not_answer_is_said():
    with pytest.raises(StackError, match="its counters are needed"):
        counted(["http://127.0.0.1:1/metrics"])
