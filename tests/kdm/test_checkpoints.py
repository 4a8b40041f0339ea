import zipfile

import numpy as np
import pytest
import torch
from scipy.special import expit

from kdm.evaluation import paired_error
from kdm.importing.checkpoints import published_checkerboard
from kdm.importing.runs import import_model
from kdm.training.distillation import load
from kdm.trajectories import Pairs


def swish(x: np.ndarray) -> np.ndarray:
    return x * expit(x)


def raw_forward(path, noise: np.ndarray) -> np.ndarray:
    """The published model in double precision from the raw bytes of its file, whose order its README gives."""
    with zipfile.ZipFile(path) as archive:
        storages = [np.frombuffer(archive.read(f"model/data/{i}"), "<f4").astype(float) for i in range(32)]
    # Storages follow the modules: data encoder 0-9, noise encoder 10-19, decoder 20-29, operator 30-31.
    h = np.concatenate([noise, np.ones((len(noise), 1))], axis=1)
    for layer in range(5):
        bias = storages[10 + 2 * layer + 1]
        h = swish(h @ storages[10 + 2 * layer].reshape(len(bias), -1).T + bias)
    h = h @ storages[30].reshape(256, 256).T + storages[31]
    h = np.concatenate([h, np.zeros((len(h), 1))], axis=1)
    for layer in range(5):
        bias = storages[20 + 2 * layer + 1]
        h = h @ storages[20 + 2 * layer].reshape(len(bias), -1).T + bias
        h = swish(h) if layer < 4 else h
    return h


@pytest.mark.reference
def test_the_published_model_is_reproduced_to_single_precision(reference_data, tmp_path):
    path = reference_data / "published_checkerboard_model.pt"
    noise = np.random.default_rng(0).standard_normal((500, 2)).astype(np.float32)
    with torch.no_grad():
        ours = load(import_model(path, tmp_path / "run").path).generate(torch.from_numpy(noise)).numpy()
    expected = raw_forward(path, noise.astype(float))
    assert expected.std() > 1  # the premise: it spreads over the board
    np.testing.assert_allclose(ours, expected, atol=1e-4)


@pytest.mark.reference
def test_the_published_model_has_the_error_that_was_published_with_it(reference_data):
    states = np.load(reference_data / "checkerboard_flow_matching.npy", mmap_mode="r")
    pairs = Pairs(noise=torch.tensor(states[0, :20_000]), data=torch.tensor(states[-1, :20_000]), labels=None)
    error = paired_error(published_checkerboard(reference_data / "published_checkerboard_model.pt"), pairs)
    assert error.relative_rmse == pytest.approx(0.0079, abs=5e-4)
    assert error.median == pytest.approx(0.0096, abs=2e-4)
