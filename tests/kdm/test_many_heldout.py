"""Held-out pairs of a large data set are measured on the first of them, and the numbers say so."""

from math import prod

import numpy as np
import pytest
import torch
from tiny_experiments import CPU

from kdm.evaluation import evaluate, fresh_samples, generated, paired_error
from kdm.presets import PRESETS
from kdm.training.distillation import distil, load
from kdm.training.runs import RunFolder
from kdm.trajectories import Trajectories, mapped, save_trajectories, storage

FEW = 7
"""Held-out pairs that fit into the memory of these tests."""


@pytest.fixture
def little_memory(data, monkeypatch) -> Trajectories:
    """The 400 pairs of the plane, 40 of them held out, where memory holds seven and a half."""
    monkeypatch.setattr(storage, "HELDOUT_IN_MEMORY", FEW * 16 + 8)
    return data


def test_the_held_out_pairs_are_the_first_of_them_where_they_are_many(data, monkeypatch):
    everything = data.heldout()
    assert len(everything) == data.manifest.heldout == 40
    monkeypatch.setattr(storage, "HELDOUT_IN_MEMORY", FEW * 16 + 8)
    for pairs, count in ((data.heldout(), FEW), (data.heldout(count=11), 11), (data.heldout(count=400), 40)):
        assert len(pairs) == count
        assert torch.equal(pairs.noise, everything.noise[:count])
        assert torch.equal(pairs.data, everything.data[:count])
        assert torch.equal(pairs.labels, everything.labels[:count])
    monkeypatch.setattr(storage, "HELDOUT_IN_MEMORY", 1)
    assert len(data.heldout()) == 1


def test_states_on_the_way_are_those_of_the_same_pairs(monkeypatch, tmp_path):
    states = np.random.default_rng(0).standard_normal((400, 3, 2)).astype(np.float32)
    whole = save_trajectories(
        tmp_path / "whole", noise=states[:, 0], data=states[:, -1], trajectory=states, times=(80.0, 1.0, 0.002),
        time_name="sigma", source={"kind": "test"},
    )  # fmt: skip
    monkeypatch.setattr(storage, "HELDOUT_IN_MEMORY", FEW * 16 + 8)
    pairs = whole.heldout(whole=True)
    assert torch.equal(pairs.states, torch.from_numpy(states[360 : 360 + FEW]))
    assert torch.equal(pairs.noise, whole.heldout().noise)


def test_a_gibibyte_of_pairs_is_held_and_all_that_the_presets_collect_are():
    assert mapped.HELDOUT_IN_MEMORY == 2**30
    assert mapped.HELDOUT_IN_MEMORY // (8 * 3 * 64 * 64) == 10_922, "of FFHQ and AFHQv2"
    collected = [preset for preset in PRESETS.values() if preset.teacher is not None]
    assert len(collected) > 5
    for preset in collected:
        assert 8 * prod(preset.teacher_object().shape) * preset.pairs // 10 < mapped.HELDOUT_IN_MEMORY


def test_a_training_measures_on_them_and_says_how_many_they_are(config, little_memory, tmp_path):
    *_, last = distil(config, little_memory, tmp_path / "run", device=CPU)
    expected = paired_error(load(tmp_path / "run"), little_memory.heldout(count=FEW))
    assert (last.heldout, last.heldout.pairs) == (expected, FEW)
    assert RunFolder(tmp_path / "run").metrics()[-1]["heldout_pairs"] == FEW


def test_an_evaluation_says_that_it_is_of_the_first_pairs_and_takes_as_many_samples_as_asked_for(
    config, little_memory, tmp_path
):
    for _ in distil(config, little_memory, tmp_path / "run", device=CPU):
        pass
    found = evaluate(load(tmp_path / "run"), little_memory, count=30)
    assert (found.inputs["heldout"], found.inputs["samples"]) == (FEW, 30)
    assert found.notes == ("paired numbers are of the first 7 of 40 held-out pairs",)
    stored = type("Stored", (Trajectories,), {"teacher": None})(**vars(little_memory))
    fresh = fresh_samples(stored, count=30, generator=torch.Generator().manual_seed(0))
    assert torch.equal(fresh.noise, little_memory.heldout(count=30).noise)


@pytest.mark.parametrize(("shape", "expected"), [((5, 2**20), [2, 2, 1]), ((9000, 2), [8192, 808])])
def test_samples_are_drawn_in_batches_of_so_many_numbers_at_most(shape, expected):
    drawn = []

    class Noted:
        def generate(self, noise, labels=None):
            drawn.append(len(noise))
            return noise

    noise = torch.arange(shape[0]).float()[:, None].expand(shape)
    assert torch.equal(generated(Noted(), noise), noise)
    assert drawn == expected
