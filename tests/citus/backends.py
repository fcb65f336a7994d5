"""A real backend on a cluster, in the test's own process."""

from typing import Any

from backend.settings import Settings
from tests.backend.running import SECRET
from tests.citus.conftest import Cluster


def settings(cluster: Cluster, **given: Any) -> Settings:
    """Settings that reach the coordinator of a cluster."""
    there = cluster.coordinator
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        postgres_host=there.host,
        postgres_port=there.port,
        postgres_user=there.user,
        postgres_password=there.password,
        postgres_db=there.database,
        secret=SECRET,
        **{"broker": "memory", "drain_seconds": 0, **given},
    )
