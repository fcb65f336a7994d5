"""A server of the tests' cluster that is away for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from lab.stack import postgres
from lab.stack.description import Database
from lab.stack.program import Program
from lab.stack.supervision import Supervision
from tests.citus.conftest import Cluster


@contextmanager
def away(cluster: Cluster, name: str, node: Database) -> Iterator[None]:
    """A server stopped within the block, and answering again after it."""
    supervision = Supervision(cluster.home)
    supervision.stop_program(name)
    try:
        yield
    finally:
        again = Program(name, "postgres", [], check=lambda: postgres.ready(node))
        supervision.start_programs([again], print)
