"""What a latent space is compared with: linear methods, direct regression, the teacher on its way."""

import math

import numpy as np
import pytest
import torch

from kdm.ablations import DirectRegression
from kdm.flows import integrate
from kdm.model import Scaling
from kdm.networks import PlainMLPConfig, ResidualMLPConfig
from kdm.teachers import ClassConditional, GaussianMixture, named
from kdm.trajectories import collect, open_trajectories, save_trajectories
from kdm.verification.baselines import fitted_baselines
from kdm.verification.controls import last_hidden_layer, linear_coordinates, linear_predictions, states_on_the_way
from koopman_analysis import SnapshotPairs


@pytest.fixture(scope="module")
def data():
    return collect(named("mixture"), 300, generator=torch.Generator().manual_seed(0), steps=16)


def test_the_middle_of_the_way_has_as_much_noise_as_data(data):
    way = states_on_the_way(data)
    assert list(way.positions) == sorted(way.positions, reverse=True)
    spread = math.sqrt(data.heldout().data.double().var(dim=0, correction=0).mean())
    assert abs(math.log(way.positions[way.middle] / spread)) < 0.7, "as near as a step of the solver"
    others = [position for place, position in enumerate(way.positions) if place != way.middle]
    assert max(others) > 3 * spread
    assert min(others) < spread / 3


def test_states_on_the_way_are_those_of_the_teachers_flow_and_end_in_its_data(data):
    way = states_on_the_way(data)
    noise = data.heldout().noise[:20].double()
    states = way.states(noise.numpy())
    flow = integrate(data.teacher, noise, steps=16, keep=range(17))
    place = int(np.abs(flow.sigmas.numpy() - way.positions[way.middle]).argmin())
    np.testing.assert_allclose(states[:, way.middle], flow.states[:, place].numpy(), rtol=1e-12)
    end = np.linalg.norm(states[:, -1] - data.heldout().data[:20].double().numpy(), axis=1)
    assert np.median(end) < 3 * way.positions[-1], "what is left is the noise of the last state"


def test_states_on_the_way_that_noise_alone_does_not_determine_are_not_there():
    data = collect(
        ClassConditional(of=GaussianMixture.ring(3)), 30, generator=torch.Generator().manual_seed(0), steps=4
    )
    assert states_on_the_way(data) is None


@pytest.mark.parametrize(("name", "times"), [("t", (0.0, 0.25, 0.5, 0.75, 1.0)), ("sigma", (80.0, 9.0, 3.0, 1.0, 0.1))])
def test_stored_states_serve_where_no_teacher_is_known(tmp_path, name, times):
    rng = np.random.default_rng(0)
    trajectory = rng.standard_normal((200, 5, 2)).astype(np.float32)
    trajectory[:, -1] *= 3.0
    stored = save_trajectories(
        tmp_path / "d", noise=trajectory[:, 0], data=trajectory[:, -1], trajectory=trajectory, times=times,
        time_name=name, source={},
    )  # fmt: skip
    way = states_on_the_way(stored)
    assert way.positions == times[1:-1]
    assert way.middle == 1
    assert way.symbol == {"t": "t", "sigma": "σ"}[name]
    np.testing.assert_array_equal(way.states, trajectory[-20:, 1:-1])


def test_two_ends_alone_have_no_way_between_them(tmp_path):
    ends = np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)
    save_trajectories(tmp_path / "d", noise=ends, data=2 * ends, times=(0.0, 1.0), time_name="t", source={})
    assert states_on_the_way(open_trajectories(tmp_path / "d")) is None


def test_linear_methods_have_at_most_the_models_dimension():
    rng = np.random.default_rng(0)
    noise = 80.0 * rng.standard_normal((1000, 2))
    pairs = SnapshotPairs(before=noise, after=np.tanh(noise / 80.0 @ np.array([[2.0, 0.5], [-1.0, 1.0]])))
    baselines = fitted_baselines(pairs, dimension=8, noise=80.0, rng=rng)
    found = linear_coordinates(pairs, baselines.edmd, dimension=8)
    assert list(found) == ["DMD", "EDMD-Hermite, degree 2", "EDMD-Fourier, m = 8", "EDMD-Fourier, m = 512"]
    widths = [encode(noise[:5]).shape[1] for encode in found.values()]
    assert widths == [2, 5, 7, 8], "of 2, 5, 7 and 511 functions that vary"
    predicted = linear_predictions(baselines)
    assert list(predicted) == [f"{name}, prediction" for name in found]
    errors = [np.square(predict(noise) - pairs.after).mean() for predict in predicted.values()]
    assert errors[0] > 10 * errors[-1], "each is that of its own method"


@pytest.mark.parametrize("config", [ResidualMLPConfig(width=12, blocks=1), PlainMLPConfig(widths=(9, 12))])
def test_the_last_layer_of_direct_regression_is_linear_in_its_features(config):
    network = config.built((3,), (3,))
    direct = DirectRegression(network, shape=(3,), scaling=Scaling(noise=80.0, data_mean=0.5, data=2.0))
    noise = 80.0 * np.random.default_rng(0).standard_normal((50, 3))
    features = last_hidden_layer(direct, (3,))(noise)
    assert features.shape == (50, 12)
    outputs = direct.generate(torch.from_numpy(noise).float()).detach().double().numpy()
    design = np.column_stack([features, np.ones(50)])
    residual = outputs - design @ np.linalg.lstsq(design, outputs, rcond=None)[0]
    assert np.abs(residual).max() < 1e-4 * np.abs(outputs).max()


def test_there_is_a_mixture_of_ten_modes():
    teacher = named("mixture-10")
    assert isinstance(teacher, GaussianMixture)
    assert teacher.number_of_labels == 10
