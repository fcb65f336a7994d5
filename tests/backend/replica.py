"""A streaming replica of the tests' PostgreSQL server."""

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

from lab.stack import postgres, tether
from lab.stack.description import Database
from lab.stack.ports import free_ports
from lab.stack.supervision import write_spec


@contextmanager
def replica_of(dsn: str) -> Iterator[Database]:
    """Runs within the block; it may not answer yet."""
    # Not pytest's folder: a second pytest on the machine closes that to other users, PostgreSQL's among them.
    with TemporaryDirectory(prefix="lab-test-replica-", ignore_cleanup_errors=True) as name:
        with _running(dsn, Path(name)) as database:
            yield database


@contextmanager
def _running(dsn: str, folder: Path) -> Iterator[Database]:
    user = postgres.unprivileged_user()
    primary = parse_qs(urlsplit(dsn).query)["host"][0]
    folder.chmod(0o711)
    for path in (folder / "data", Path(primary) / "socket"):
        postgres.let_through(path)
    sockets = folder / "socket"
    (folder / "data").mkdir(mode=0o700)
    sockets.mkdir(mode=0o711)
    if user:
        for path in (folder / "data", sockets):
            os.chown(path, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    subprocess.run(
        [
            *(postgres.BINARIES / "pg_basebackup", "--host", primary, "--username", "postgres"),
            *("--pgdata", folder / "data", "--write-recovery-conf", "--checkpoint", "fast", "--no-sync"),
        ],
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        check=True,
        cwd=sockets,
    )
    (port,) = free_ports(1)
    database = Database("127.0.0.1", port, "postgres", "", "postgres", str(sockets))
    write_spec(postgres.program(database, folder, {}), folder, folder / "spec.json")
    command = [sys.executable, "-S", "-E", tether.__file__, str(folder / "spec.json")]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        yield database
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
