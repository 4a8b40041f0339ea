"""One virtual environment a peer, with pinned versions, and why where there is none.

NumPy, SciPy and scikit-learn are those of `constraints.txt` wherever a peer's own pins allow, so that all call the same
BLAS.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
RECORD = "installed.json"
CONSTRAINED = ("-c", str(ROOT / "constraints.txt"))


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A library, and how to install it.

    Attributes:
        name: As it calls itself.
        steps: What `pip install` is called with, one call after another.
    """

    name: str
    steps: Sequence[Sequence[str]]

    @property
    def script(self) -> Path:
        """What it is asked to do."""
        return Path(__file__).parent / f"{self.name.lower()}_jobs.py"


PEERS = (
    Peer(name="PyDMD", steps=[[*CONSTRAINED, "PyDMD==2025.8.1", "scikit-learn", "threadpoolctl"]]),
    Peer(name="deeptime", steps=[[*CONSTRAINED, "deeptime==0.4.5", "threadpoolctl"]]),
    Peer(name="kooplearn", steps=[[*CONSTRAINED, "kooplearn==2.0.3", "scikit-learn", "threadpoolctl"]]),
    # It pins a PyTorch, for networks that are not measured, of several gigabytes of CUDA on Linux; it imports with
    # another one. Its numerical pins are kept. It needs pkg_resources, which setuptools had until 81.
    Peer(
        name="pykoopman",
        steps=[
            ["--no-deps", "pykoopman==1.2.1"],
            [
                "numpy==1.26.0", "scipy==1.11.2", "scikit-learn==1.1.3", "PyDMD==0.4.1", "derivative==0.6.3",
                "optht==0.2.0", "prettytable==3.9.0", "matplotlib<3.9", "lightning==2.0.9", "torch==2.13.0",
                "threadpoolctl", "setuptools<81",
            ],
        ],
    ),
)  # fmt: skip


def peer_named(name: str) -> Peer:
    """The peer of this name."""
    (peer,) = (peer for peer in PEERS if peer.name == name)
    return peer


def interpreter_of(peer: Peer, work: Path) -> tuple[Path | None, str]:
    """The peer's Python, or None and the reason why there is none."""
    folder = work / peer.name
    record = json.loads((folder / RECORD).read_text()) if (folder / RECORD).exists() else {}
    if record.get("steps") != _steps(peer):
        return None, "not installed: python -m tests.benchmarks.peers"
    if record["reason"]:
        return None, record["reason"]
    return (folder / "bin" / "python").absolute(), ""


def install(peer: Peer, work: Path, *, interpreter: str) -> str:
    """Makes the peer's environment, unless it is there; the reason why it could not, or nothing."""
    python, _ = interpreter_of(peer, work)
    if python:
        return ""
    folder = work / peer.name
    shutil.rmtree(folder, ignore_errors=True)
    commands = [[interpreter, "-m", "venv", str(folder)]]
    commands += [[str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *step] for step in peer.steps]
    reason = next(filter(None, map(_failure, commands)), "")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD).write_text(json.dumps({"steps": _steps(peer), "reason": reason}))
    return reason


def _failure(command: Sequence[str]) -> str:
    """Nothing, or the first error that the command told."""
    done = subprocess.run(command, capture_output=True, text=True)
    if not done.returncode:
        return ""
    told = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    errors = [line for line in told if line.startswith("ERROR")]
    return (errors or told or [f"exit status {done.returncode}"])[0]


def _steps(peer: Peer) -> list[list[str]]:
    # The folder of the checkout is no part of what is installed.
    return [[word.replace(str(ROOT), ".") for word in step] for step in peer.steps]
