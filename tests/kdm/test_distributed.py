from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing

from kdm.training.distributed import all_gathered
from koopman_analysis.dictionaries import Monomials
from koopman_analysis.moments import FactorMoments, GramMoments
from koopman_analysis.snapshots import SnapshotPairs

PARTS = (70, 30)
"""Pairs of each process: not the same number."""


def pairs_of(rank: int, *, imaginary: float = 0.0) -> SnapshotPairs:
    draw = np.random.default_rng(rank)
    x = draw.standard_normal((PARTS[rank], 2)) + imaginary * 1j * draw.standard_normal((PARTS[rank], 2))
    x = x if imaginary else x.real
    return SnapshotPairs(before=x, after=x**2, weights=draw.uniform(0.5, 2, PARTS[rank]))


def gathered_in_a_process(rank: int, folder: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=len(PARTS))
    torch.set_num_threads(1)
    try:
        found = {}
        for imaginary in (0.0, 1.0):
            pairs = pairs_of(rank, imaginary=imaginary)
            for kind in (GramMoments, FactorMoments):
                merged = kind.of(pairs, Monomials(2)).merged(all_gathered)
                array = merged.gram if isinstance(merged, GramMoments) else merged.factor
                found[f"{kind.__name__} {imaginary:g}"] = np.append(array, merged.count)
        try:
            GramMoments.of(pairs, Monomials(1 + rank)).merged(all_gathered)
        except ValueError as error:
            found["refusal"] = np.array(str(error))
        np.savez(Path(folder) / f"{rank}.npz", **found)
    finally:
        distributed.destroy_process_group()


def test_two_processes_end_with_the_same_bits_and_the_moments_of_all_pairs(tmp_path):
    multiprocessing.spawn(gathered_in_a_process, args=(str(tmp_path),), nprocs=len(PARTS))
    one, other = (dict(np.load(tmp_path / f"{rank}.npz")) for rank in range(2))
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])
    for imaginary in (0.0, 1.0):
        first, second = (pairs_of(rank, imaginary=imaginary) for rank in range(2))
        for kind in (GramMoments, FactorMoments):
            expected = kind.of(first, Monomials(2)) + kind.of(second, Monomials(2))
            array = expected.gram if isinstance(expected, GramMoments) else expected.factor
            np.testing.assert_array_equal(one[f"{kind.__name__} {imaginary:g}"], np.append(array, sum(PARTS)))
    assert str(one["refusal"]).startswith(
        "expected moments of the same dictionaries, got sizes (m_in, m_out, d) [(3, 3"
    )


def test_without_a_process_group_there_is_one_process():
    moments = GramMoments.of(pairs_of(0), Monomials(2))
    assert all_gathered(moments) == [moments]
    assert moments.merged(all_gathered).count == PARTS[0]
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        distributed.get_world_size()  # the premise
