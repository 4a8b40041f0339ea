"""Shapes and types are executed throughout the tests; randomness and threads are fixed."""

import os
from pathlib import Path

import hypothesis
import pytest
from jaxtyping import install_import_hook

# Not a `with` block: modules that a test imports later are checked, too.
install_import_hook(["kdm", "koopman_analysis"], "shape_checking.checked")

import matplotlib as mpl  # noqa: E402
import torch  # noqa: E402

mpl.use("agg")
torch.set_num_threads(1)

hypothesis.settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=25, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.register_profile("deep", deadline=None, max_examples=500)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of published data; tests that need it are marked `reference` and skip without it."""
    folder = os.environ.get("KDM_REFERENCE_DATA")
    if not folder:
        pytest.skip("KDM_REFERENCE_DATA is not set")
    return Path(folder)
