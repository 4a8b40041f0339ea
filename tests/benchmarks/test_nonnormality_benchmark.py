"""The page of the Kreiss constants tells of the matrices that it names; how long they take is never asserted."""

import json
import math

import numpy as np
import pytest

from benchmarks.__main__ import run
from benchmarks.nonnormality import matrices
from koopman_analysis.nonnormality import henrici_departure, spectral_radius


def test_the_matrices_are_what_their_names_say():
    some = matrices(16)
    for name, A in some.items():
        assert A.shape == (16, 16)
        if "ρ = " in name:
            assert math.isclose(spectral_radius(A), float(name.rpartition("= ")[2]), rel_tol=1e-12)
    assert henrici_departure(some["orthogonal"]) < 1e-12
    turned = some["orthogonal in coordinates of condition 10"]
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(turned)), 1.0, atol=1e-12)
    assert np.linalg.norm(turned, 2) > 2
    np.testing.assert_array_equal(matrices(16)["random, ρ = .999"], some["random, ρ = .999"])


@pytest.mark.slow
def test_the_page_has_a_row_for_each_matrix_and_its_bounds_are_in_order(tmp_path):
    run(("nonnormality",), fast=True, work=tmp_path)
    record = json.loads((tmp_path / "fast" / "nonnormality.json").read_text())
    assert [row["matrix"] for row in record["tables"][0]] == list(matrices(2))
    assert record["goals"][-1]["measured"] == 0
