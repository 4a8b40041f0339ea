"""What a report ran on: versions, and the machine."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

DISTRIBUTIONS = ("kdm", "numpy", "scipy", "scikit-learn", "matplotlib")


def current_environment(distributions: Sequence[str] = DISTRIBUTIONS) -> dict[str, Any]:
    """Python, the versions of these distributions where installed, the machine, its name and the time now."""
    return {
        "python": platform.python_version(),
        "packages": {name: found for name in distributions if (found := _version(name)) is not None},
        "machine": platform.machine(),
        "host": platform.node(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
