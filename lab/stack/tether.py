"""Becomes another program that dies with its parent: `python tether.py SPEC.json`.

The kernel sends the program a signal when its parent is gone (PR_SET_PDEATHSIG), so that a killed
supervisor leaves no orphans. The signal survives exec but not a change of user, hence the order here.
Only the standard library: this file runs as a script, by any Python, before every program.
"""

import ctypes
import json
import os
import pwd
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


def tether(signal_number: int) -> None:
    """Ask the kernel to send this process the signal when its parent dies. Linux only; elsewhere nothing."""
    with suppress(AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def become(spec: dict[str, Any]) -> None:
    """Take on the user, folder and environment of the spec, and turn into its command."""
    parent = os.getppid()
    if spec.get("death_signal") and spec.get("parent", parent) != parent:
        sys.exit("tether: the parent died first")
    user = spec.get("user")
    if user:
        entry = pwd.getpwnam(user)
        os.setgid(entry.pw_gid)
        os.initgroups(user, entry.pw_gid)
        os.setuid(entry.pw_uid)
    if spec.get("death_signal"):
        tether(signal.Signals[spec["death_signal"]])
        if os.getppid() != parent:  # it died before the kernel knew our wish
            sys.exit("tether: the parent died first")
    os.chdir(spec["folder"])
    os.execvpe(spec["command"][0], spec["command"], spec["environment"])


if __name__ == "__main__":
    become(json.loads(Path(sys.argv[1]).read_text()))
