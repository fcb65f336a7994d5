"""The scripts of citus/compose, on a host: what they run in containers, they run here on a local cluster."""

import re
from collections import Counter
from pathlib import Path

from backend import schema

ROOT = Path(__file__).parents[2]
LOCK = re.compile(r"pg_(?:try_)?advisory_lock\((\d+)\)")


def test_each_advisory_lock_of_the_database_has_a_key_of_its_own():
    """The outbox relay holds its own for as long as it lives: who shared it would wait as long."""
    files = [ROOT / "backend" / "queries.sql", *(ROOT / "citus" / "compose").glob("*.sh")]
    keys = Counter(int(key) for file in files for key in LOCK.findall(file.read_text()))
    assert len(keys) == 2, keys
    assert set(keys.values()) == {1}, keys
    assert schema.LOCK not in keys
