"""The pages on operators say what was measured; costs and qualities are never asserted."""

import json

import pytest

from benchmarks import operators
from benchmarks.__main__ import run
from benchmarks.ablation_tables import ABLATION, DATA
from benchmarks.operator_kinds import CONDITION, HENRICI, LEAST, RADIUS
from benchmarks.operators import BLOCKS, DENSE, FORMED, FREE, RATIO, STEP
from kdm.ablations import PLAIN, operator_kinds
from kdm.presets import OPERATORS


def tables(tmp_path, name: str) -> list:
    run((name,), fast=True, work=tmp_path)
    return json.loads((tmp_path / "fast" / f"{name}.json").read_text())["tables"]


@pytest.mark.slow
def test_every_operator_is_trained_and_its_matrix_is_that_of_its_kind(tmp_path):
    together, each, levels, of_matrix = tables(tmp_path, "operator_kinds")
    kinds = list(operator_kinds())
    assert [row[ABLATION] for row in together] == [name for name in kinds if name != PLAIN]
    assert {row[DATA] for row in each} == {row[DATA] for row in levels} == {"checkerboard"}
    found = {row[ABLATION]: row for row in of_matrix}
    assert list(found) == kinds
    for name, row in found.items():
        if name.startswith("spectral"):
            assert 0.9 < row[LEAST] <= row[RADIUS] < 1.0, "ten steps from a modulus of .99"
    for name in ("isometric", "spectral, identity basis", "spectral, orthogonal basis"):
        assert found[name][CONDITION] == pytest.approx(1.0, abs=1e-3), "normal"
        assert found[name][HENRICI] == pytest.approx(0.0, abs=1e-3)
    assert found["low rank"][LEAST] < 1e-6
    assert found["low rank"]["stable rank"] < 4.1
    assert found["spectral, free basis"][HENRICI] > 1e-4


def test_a_step_of_every_operator_is_timed_beside_the_dense_one(tmp_path):
    (rows,) = tables(tmp_path, "operators")
    by_name = {row["operator"]: row for row in rows}
    assert by_name.keys() == {*OPERATORS, "low-rank, 1", FORMED}
    assert by_name[DENSE][RATIO] == 1.0
    assert all(row[STEP] > 0 for row in rows)
    assert by_name[BLOCKS]["parameters"] < by_name[DENSE]["parameters"] < by_name[FREE]["parameters"]
    assert "parameters" not in by_name[FORMED]


def test_seconds_are_those_of_each_step_in_every_round_but_the_first():
    calls = []
    steps = {name: lambda name=name: calls.append(name) for name in (DENSE, FREE)}
    seconds = operators.in_turns(steps, rounds=3)
    assert calls == [DENSE, FREE] * 4
    assert [len(each) for each in seconds.values()] == [3, 3]
    assert operators.ratio({DENSE: [1.0, 10.0, 2.0], FREE: [2.0, 30.0, 10.0]}, FREE) == 3.0
