"""Makes the peers' environments."""

import sys
from pathlib import Path

import tyro

from .environments import PEERS, install


def make(*, work: Path = Path("runs/benchmarks/environments"), interpreter: str = sys.executable) -> None:
    """Makes an environment for each peer that has none of these versions yet, and says how it went.

    Args:
        work: Where, a folder for each.
        interpreter: Their Python; pykoopman's versions need 3.11.
    """
    for peer in PEERS:
        reason = install(peer, work, interpreter=interpreter)
        sys.stdout.write(f"{peer.name}: {reason or 'installed'}\n")


if __name__ == "__main__":
    tyro.cli(make, prog="python -m tests.benchmarks.peers")
