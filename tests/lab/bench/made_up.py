"""A machine that is none."""

from typing import Any

MACHINE: dict[str, Any] = {
    **{"cpu": "a cpu", "cores": 2, "memory_bytes": 1, "kernel": "", "system": "a system", "python": "3.11"},
    **{"container": False, "disk_sync_seconds": 27e-6, "packages": {}, "commit": "abc", "changed": True},
}
