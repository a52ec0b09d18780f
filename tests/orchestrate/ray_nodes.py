"""A real Ray cluster of two nodes in namespaces of its own, which end with the process that made them.

The second node does not see one folder of the first: what lies there has to be sent to it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_UNSHARE = ("unshare", "-r", "-n", "--pid", "--fork", "--kill-child", "--mount-proc")
_START_S = 150.0
ADDRESS = "127.0.0.1:6399"
# Ports outside of those that workers take; the loopback address is all that there is.
_NODE = "--num-cpus=2 --num-gpus=1 --object-store-memory=100000000 --node-ip-address=127.0.0.1"
_SCRIPT = f"""\
ip link set lo up || exit 1
timeout 70 {{ray}} start --head --port=6399 --include-dashboard=false --disable-usage-stats \\
    --temp-dir={{folder}}/ray {_NODE} || exit 1
unshare -m sh -c 'mount -t tmpfs none "$HIDDEN" &&
    exec timeout 70 {{ray}} start --address={ADDRESS} {_NODE}' || exit 1
echo all-nodes-are-up
exec sleep 1200
"""


@dataclass(frozen=True)
class RayNodes:
    """The cluster.

    Attributes:
        hidden: a folder that the second node does not see.
        temporary: where its nodes make temporary files.
        within: words that have a command run in its namespaces.
    """

    hidden: Path
    temporary: Path
    within: tuple[str, ...]

    def within_folder(self, folder: Path) -> tuple[str, ...]:
        """The same, and there in a folder."""
        return (*self.within, "sh", "-c", f'cd "{folder}" && exec "$@"', "sh")

    def run(self, *words: str) -> str:
        """What a command prints there."""
        command = [*self.within, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def kill(self, pid: int) -> None:
        """Kill a process by its number there."""
        self.run("kill", "-9", str(pid))

    def processes(self, pattern: str) -> list[int]:
        """Numbers of the processes with such a command."""
        return [int(line) for line in self.run("pgrep", "-f", pattern).split()]


def can_be_made() -> bool:
    """Whether namespaces can be had here."""
    words = [*_UNSHARE, "ip", "link", "set", "lo", "up"]
    try:
        return subprocess.run(words, capture_output=True, timeout=30, check=False).returncode == 0
    except OSError:
        return False


@contextmanager
def ray_nodes(folder: Path) -> Iterator[RayNodes]:
    """Start a cluster, and end all of it.

    Args:
        folder: for its files; a short path, as sockets lie there.
    """
    hidden, temporary = folder / "hidden", folder / "tmp"
    for made in (hidden, temporary):
        made.mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environ |= {"RAY_USAGE_STATS_ENABLED": "0", "HIDDEN": str(hidden), "TMPDIR": str(temporary)}
    ray = Path(sys.executable).with_name("ray")
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*_UNSHARE, "sh", "-c", _SCRIPT.format(ray=ray, folder=folder)],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + _START_S
        while "all-nodes-are-up" not in log.read_text():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text())
            time.sleep(0.2)
        init = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
        enter = ("nsenter", "-t", init, "-U", "-n", "-p", "-m", "--preserve-credentials")
        yield RayNodes(hidden, temporary, enter)
    finally:
        process.kill()
        process.wait()
