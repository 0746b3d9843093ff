"""A real PgBouncer on a free loopback port, which looks passwords up in the server."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import servers


@contextlib.contextmanager
def pgbouncer(postgres):
    """In front of a `servers.Postgres`, in transaction mode; gives its port. `watcher` may read its console."""
    binary = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    folder = Path(tempfile.mkdtemp(prefix="guarita-pgbouncer-"))
    port = servers.free_port()
    (folder / "users.txt").write_text('"guarita" ""\n"watcher" "watching"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\npostgres = host=127.0.0.1 port={postgres.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {folder / 'users.txt'}\nauth_user = guarita\n"
        "auth_query = SELECT rolname, CASE WHEN rolcanlogin THEN rolpassword END FROM pg_authid WHERE rolname = $1\n"
        "pool_mode = transaction\nserver_idle_timeout = 1\nserver_check_delay = 0\nstats_users = watcher\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    as_user = (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
        if os.geteuid() == 0
        else []
    )
    if as_user:
        subprocess.run(["chown", "-R", "postgres:", folder], check=True)
    with (folder / "log").open("w") as out:
        process = subprocess.Popen([*as_user, binary, folder / "pgbouncer.ini"], stdout=out, stderr=out)

    def ready():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True

    try:
        servers.wait_until(ready, process, log=folder / "log")
        yield port
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
