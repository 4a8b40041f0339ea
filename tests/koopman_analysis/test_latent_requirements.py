from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from koopman_analysis import ArrayLatentModel, SnapshotPairs, require_latent_model
from koopman_analysis.adapters.requirements import TRIED, UnfitModel

FUNCTIONS = ("encode_noise", "encode_data", "decode")
each_function = pytest.mark.parametrize("name", FUNCTIONS)


def pairs(n=100, *, seed=0, width=3):
    rng = np.random.default_rng(seed)
    return SnapshotPairs(before=rng.standard_normal((n, width)), after=rng.standard_normal((n, width)))


def fit_model(**replaced):
    model = ArrayLatentModel(
        encode_noise=lambda x: np.tanh(x) + 0.5, encode_data=lambda y: 2 * y, matrix=np.diag([1.0, 0.5, 0.25]),
        decode=lambda z: z / 2, offset=np.ones(3),
    )  # fmt: skip
    return replace(model, **replaced)


def refused(error, match, **replaced):
    """Refused as it should be, where the model without the fault is accepted."""
    require_latent_model(fit_model(), pairs())
    with pytest.raises(error, match=match):
        require_latent_model(fit_model(**replaced), pairs())


def faulty(name, fault):
    """The model with a fault in what this part returns."""
    sound = getattr(fit_model(), name)
    return {name: lambda rows: fault(sound(rows))}


@given(n=st.integers(2, 2 * TRIED), d=st.integers(1, 5), m=st.integers(1, 6), seed=st.integers(0, 1000))
def test_functions_of_a_row_are_accepted_whatever_their_shapes(n, d, m, seed):
    rng = np.random.default_rng(seed)
    up, down = rng.standard_normal((d, m)), rng.standard_normal((m + 1, d))
    model = ArrayLatentModel(
        encode_noise=lambda x: np.tanh(x @ up), encode_data=lambda y: np.hstack([y @ up, np.ones((len(y), 1))]),
        matrix=rng.standard_normal((m, m + 1)), decode=lambda z: z @ down,
    )  # fmt: skip
    require_latent_model(model, pairs(n, seed=seed, width=d))


@given(scale=st.sampled_from([1e-12, 1.0, 1e12]), single=st.booleans())
def test_units_and_single_precision_are_no_fault(scale, single):
    def rounded(x):
        return (scale * x).astype(np.float32) if single else scale * x

    require_latent_model(fit_model(encode_noise=rounded, decode=lambda z: rounded(z / scale)), pairs())


def test_labels_go_with_their_rows():
    data, labels = pairs(), np.arange(100) % 3
    model = fit_model(
        encode_noise=lambda x, labels: x + labels[:, None], encode_data=lambda y, labels: y - labels[:, None],
        decode=lambda z, labels: z * (1 + labels[:, None]), offset=lambda labels: np.eye(3)[labels],
    )  # fmt: skip
    require_latent_model(model, data, labels=labels)
    with pytest.raises(UnfitModel, match=r"expected an offset of shape \(3,\), or .*\(64, 3\), got \(63, 3\)"):
        require_latent_model(replace(model, offset=lambda labels: np.eye(3)[labels[1:]]), data, labels=labels)


def test_missing_parts_are_named():
    with pytest.raises(TypeError, match="got dict without encode_noise, .*shared_encoder: as_latent_model"):
        require_latent_model({}, pairs())


def test_one_pair_shows_nothing():
    with pytest.raises(ValueError, match="at least two pairs to try the model on, got 1"):
        require_latent_model(fit_model(), pairs(1))


def test_complex_states_are_refused():
    data = pairs()
    turned = SnapshotPairs(before=data.before * 1j, after=data.after * 1j)
    with pytest.raises(TypeError, match="expected real states, got complex ones: pass real and imaginary parts"):
        require_latent_model(fit_model(), turned)


@each_function
def test_torch_tensors_and_lists_are_refused(name):
    refused(TypeError, f"NumPy array from {name}, got Tensor: .*detach", **faulty(name, torch.from_numpy))
    refused(
        TypeError, f"NumPy array from {name}, got list: convert it by np.asarray", **faulty(name, np.ndarray.tolist)
    )


@each_function
def test_whole_and_complex_numbers_are_refused(name):
    refused(TypeError, f"numbers from {name}, got dtype int64: convert", **faulty(name, lambda z: z.astype(np.int64)))
    refused(TypeError, f"from {name}, got dtype complex128: pass real", **faulty(name, lambda z: z + 0j))


@each_function
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(name, value):
    refused(
        UnfitModel, f"expected finite values from {name}", **faulty(name, lambda z: np.where(z > z.min(), z, value))
    )


@each_function
@pytest.mark.parametrize("shaped", [lambda z: z[:, 0], lambda z: z[:-1], lambda z: z[:, :2], lambda z: z[None]])
def test_other_shapes_are_refused(name, shaped):
    refused(UnfitModel, rf"expected {name} to return shape \(64, 3\)", **faulty(name, shaped))


@each_function
def test_a_function_that_changes_its_input_is_refused(name):
    sound = getattr(fit_model(), name)

    def in_place(rows):
        values = sound(rows)
        rows *= 0.5
        return values

    refused(UnfitModel, f"expected {name} to leave its input as it is.*copy", **{name: in_place})


@each_function
def test_a_function_of_chance_is_refused(name):
    rng = np.random.default_rng(0)
    refused(
        UnfitModel, f"expected {name} to return the same twice.*dropout",
        **faulty(name, lambda z: z * (rng.uniform(size=z.shape) > 0.1)),
    )  # fmt: skip


@each_function
def test_a_function_of_the_batch_is_refused(name):
    refused(UnfitModel, f"expected {name} to be a function of the row.*batch", **faulty(name, lambda z: z - z.mean(0)))


def test_networks_in_training_mode_are_recognised():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = {"same twice": torch.nn.Dropout(0.1), "function of the row": torch.nn.BatchNorm1d(3)}

        def encoder(layer):
            return lambda x: layer(torch.from_numpy(x).float()).detach().double().numpy()

        for said, layer in layers.items():
            refused(UnfitModel, said, encode_noise=encoder(layer.train()))
            require_latent_model(fit_model(encode_noise=encoder(layer.eval())), pairs())


def test_a_buffer_that_is_returned_again_does_not_hide_chance():
    rng, buffer = np.random.default_rng(0), np.empty((TRIED, 3))

    def encode(x):
        buffer[: len(x)] = x + rng.standard_normal(x.shape)
        return buffer[: len(x)]

    refused(UnfitModel, "same twice", encode_noise=encode)


@pytest.mark.parametrize("part", ["matrix", "offset"])
def test_the_operator_must_be_of_finite_floating_numbers(part):
    shape = (3, 3) if part == "matrix" else (3,)
    refused(TypeError, f"floating numbers from {part}, got dtype int", **{part: np.ones(shape, dtype=np.int64)})
    refused(TypeError, f"from {part}, got dtype complex", **{part: np.ones(shape, dtype=np.complex128)})
    refused(UnfitModel, f"finite values from {part}", **{part: np.full(shape, np.nan)})


def test_the_operator_must_fit_the_latents():
    refused(UnfitModel, r"encode_noise to return shape \(64, 4\)", matrix=np.ones((4, 3)))
    refused(UnfitModel, r"encode_data to return shape \(64, 2\)", matrix=np.ones((3, 2)))
    refused(UnfitModel, r"expected an offset of shape \(3,\)", offset=np.ones(2))


def test_a_matrix_must_be_one():
    class Flat:
        encode_noise = encode_data = decode = offset = None
        matrix, shared_encoder = np.ones(3), False

    with pytest.raises(UnfitModel, match=r"expected K as a matrix of shape \(m_in, m_out\), got shape \(3,\)"):
        require_latent_model(Flat(), pairs())


def test_one_encoder_for_both_ends_has_a_square_matrix():
    refused(
        UnfitModel, r"expected a square K where one encoder serves both ends, got shape \(3, 2\)",
        matrix=np.ones((3, 2)), offset=np.zeros(2), shared_encoder=True,
    )  # fmt: skip


@each_function
def test_a_value_that_is_not_finite_is_found_wherever_it_is(name):
    def rare(values):
        values[90:92, 0] = np.nan  # beyond those that are tried
        return values

    assert TRIED < 90
    refused(UnfitModel, f"expected finite values from {name}, got NaN or Inf for 2 of 100 pairs", **faulty(name, rare))


@each_function
def test_half_precision_is_too_little(name):
    refused(TypeError, "got dtype float16: convert by .* double", **faulty(name, lambda v: v.astype(np.float16)))
