"""The closure curve of a learned dictionary: what the decoder reads comes first, whatever the latents' coordinates."""

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure

from koopman_analysis.closure import DecoderWeightedSpectrum, decoder_weighted_spectrum
from koopman_analysis.estimators.latent import ArrayLatentModel
from koopman_analysis.figures import draw_weighted_spectrum
from koopman_analysis.regression import ConstantData
from koopman_analysis.snapshots import SnapshotPairs

NOISE = (0.0, 0.2, 0.6)
READ = np.diag([3.0, 2.0, 0.0])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def data(n: int = 4000) -> SnapshotPairs:
    """Three independent coordinates, of which these shares are noise."""
    share = np.array(NOISE)
    x, noise = rng(1).standard_normal((2, n, 3))
    return SnapshotPairs(before=x, after=np.sqrt(1 - share) * x + np.sqrt(share) * noise)


def plain(read: np.ndarray = READ) -> ArrayLatentModel:
    return ArrayLatentModel(
        encode_noise=lambda x: x, encode_data=lambda y: y, matrix=np.eye(3), decode=lambda z: z @ read
    )


def estimates(curve: DecoderWeightedSpectrum) -> np.ndarray:
    return np.array([defect.estimate for defect in curve.defect])


def test_directions_come_in_the_order_in_which_the_decoder_reads_them():
    curve = decoder_weighted_spectrum(plain(), data(), rng=rng())
    exact = np.cumsum(NOISE) / np.arange(1, 4)
    # Of what D reads, the first direction leans towards the second latent by their correlation in the sample.
    assert curve.defect[0].high < 10 / 4000
    for defect, truth in zip(curve.defect[1:], exact[1:], strict=True):
        assert truth in defect
        assert defect.high - defect.low < 0.05
    # White coordinates are those of the sample, whose variances are 1 to within √(2/4000): five of them.
    np.testing.assert_allclose(curve.readout_share, [9 / 13, 1, 1], atol=5 * np.sqrt(2 / 4000))
    assert curve.dropped_share < 1e-20
    assert [curve.rank_read(share) for share in (0.5, 0.99)] == [1, 2]
    assert curve.rank_read(1.0) <= curve.dimension
    other = decoder_weighted_spectrum(plain(READ[::-1]), data(), rng=rng())
    assert estimates(other)[0] == pytest.approx(0.6, abs=0.05)


def test_a_change_of_latent_coordinates_changes_no_curve():
    A, B = rng(3).standard_normal((2, 3, 3))
    changed = ArrayLatentModel(
        encode_noise=lambda x: x @ B,
        encode_data=lambda y: y @ A + 5.0,
        matrix=np.eye(3),
        decode=lambda z: np.sinh(((z - 5.0) @ np.linalg.inv(A)) @ READ / 4),
    )
    curved = dataclasses.replace(plain(), decode=lambda z: np.sinh(z @ READ / 4))
    one, other = (decoder_weighted_spectrum(model, data(), rng=rng()) for model in (curved, changed))
    assert estimates(one)[-1] > 0.1
    # Central differences along other axes differ by the square of their step, 1e-4, of the directions' lean.
    np.testing.assert_allclose(estimates(other), estimates(one), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(other.readout_share, one.readout_share, rtol=1e-3)


def test_what_a_decoder_reads_in_no_straight_line_is_read():
    squares = dataclasses.replace(plain(), decode=lambda z: np.square(z[:, 2:]))
    curve = decoder_weighted_spectrum(squares, data(), rng=rng())
    # The read-out is uncorrelated with every latent, so that a linear readout would see nothing.
    assert curve.readout_share[0] > 1 - 1e-9
    assert estimates(curve)[0] == pytest.approx(0.6, abs=0.05)


def test_what_is_left_out_as_rounding_is_told_by_its_share_of_the_read_out():
    pairs = data()
    tiny = ArrayLatentModel(
        encode_noise=lambda x: x,
        # The third latent follows the first but for rounding, which the decoder blows up.
        encode_data=lambda y: np.column_stack([y[:, :2], y[:, 0] + 1e-13 * y[:, 2]]),
        matrix=np.eye(3),
        decode=lambda z: np.column_stack([z[:, :2], 1e13 * (z[:, 2] - z[:, 0])]),
    )
    curve = decoder_weighted_spectrum(tiny, pairs, rng=rng())
    assert curve.dimension == 2
    assert curve.dropped_share == pytest.approx(1 / 3, abs=0.05)


def test_a_collapsed_encoder_has_no_curve_and_a_figure_of_nothing():
    constant = dataclasses.replace(plain(), encode_data=lambda y: 2.0 + 0 * y)
    curve = decoder_weighted_spectrum(constant, data(), rng=rng())
    assert curve.dimension == 0
    assert curve.rank_read() == 0
    ax = draw_weighted_spectrum(Figure().subplots(), curve)
    assert all(len(line.get_xdata()) == 0 for line in ax.lines if line.get_label()[0] != "_")


def test_noise_latents_that_do_not_vary_predict_nothing():
    constant = dataclasses.replace(plain(), encode_noise=lambda x: 0 * x)
    with pytest.raises(ConstantData, match="states before that vary"):
        decoder_weighted_spectrum(constant, data(), rng=rng())


def test_a_decoder_that_reads_nothing_weighs_nothing():
    blind = dataclasses.replace(plain(), decode=lambda z: np.ones((len(z), 2)))
    curve = decoder_weighted_spectrum(blind, data(), rng=rng())
    assert curve.readout_share == (1.0, 1.0, 1.0)
    assert curve.dropped_share == 0.0


def test_labels_reach_the_decoder_with_their_rows():
    labels = np.arange(4000) % 2
    conditional = dataclasses.replace(
        plain(), decode=lambda z, labels: np.where(labels[:, None] == 0, z[:, :1], z[:, 1:2])
    )
    curve = decoder_weighted_spectrum(conditional, data(), labels=labels, rng=rng())
    # Half of the pairs read each, so both count alike up to the draw of 256 of them: six standard errors.
    assert curve.readout_share[0] == pytest.approx(0.5, abs=6 * 0.5 / 16)
    assert curve.readout_share[1] == pytest.approx(1.0)


def test_weights_decide_which_pairs_are_read_and_predicted():
    bent = dataclasses.replace(plain(), decode=lambda z: np.sinh(z @ READ / 4))
    weights = (np.arange(4000) < 1000).astype(float)
    weighted = decoder_weighted_spectrum(bent, dataclasses.replace(data(), weights=weights), rng=rng())
    first = decoder_weighted_spectrum(bent, data().subset(np.arange(1000)), rng=rng())
    everything = decoder_weighted_spectrum(bent, data(), rng=rng())
    # Other halves and other points of differentiation: a few standard errors of a defect from 1000 pairs.
    np.testing.assert_allclose(estimates(weighted), estimates(first), atol=0.03)
    assert not np.allclose(estimates(weighted), estimates(everything), rtol=1e-6)
    assert weighted.dropped_share < 1e-20


def test_units_are_resampled_whole():
    pairs = dataclasses.replace(data(), trajectory=np.arange(4000) // 100)
    curve = decoder_weighted_spectrum(plain(), pairs, rng=rng())
    assert curve.defect[0].n == 40


def test_the_figure_shows_the_curve_and_what_is_read_beyond():
    curve = decoder_weighted_spectrum(plain(), data(), rng=rng())
    ax = draw_weighted_spectrum(Figure().subplots(), curve)
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_array_equal(drawn["not predicted, of the first directions"], estimates(curve))
    np.testing.assert_allclose(drawn["read beyond them"], 1 - np.array(curve.readout_share))
