from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kdm.ablations import (
    ABLATIONS,
    PLAIN,
    SHARED,
    HalfRank,
    OperatorAblation,
    RandomEncoders,
    SharedEncoder,
    latent_dimensions,
    load_direct,
    operator_kinds,
    regress_directly,
)
from kdm.ablations.base import Ablation
from kdm.ablations.direct import equal_network
from kdm.ablations.least_squares import BY_LEAST_SQUARES
from kdm.configuration import built_model
from kdm.distances import PerceptualDistance
from kdm.evaluation import paired_error, pairs_in_rows
from kdm.latent_model import KDMLatentModel
from kdm.model import NoNormalisationConfig
from kdm.networks import PlainMLPConfig, ResidualMLP
from kdm.networks.perceptual import InstalledWeights
from kdm.objectives import KoopmanObjective
from kdm.operators import (
    DenseConfig,
    IdentityConfig,
    IdentityOperator,
    IsometricConfig,
    LowRankConfig,
    SpectralOperator,
)
from kdm.presets import preset_named
from kdm.refitting import refitted
from kdm.semigroup_objective import SemigroupObjective
from kdm.shared_encoder import SharedEncoderModel
from kdm.teachers import named
from kdm.training.adversary import Adversary
from kdm.training.distillation import distil, load, model_config_of
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import DataError, Trajectories, collect
from koopman_analysis.closure import decoder_weighted_defect

CPU = torch.device("cpu")
TRAINED = {ablation.run: ablation for ablation in ABLATIONS.values()}
"""One ablation of each RUN."""
each_ablation = pytest.mark.parametrize("name", ABLATIONS)
each_training = pytest.mark.parametrize("ablation", TRAINED.values(), ids=TRAINED)

OF_PICTURES = PerceptualDistance(weights=InstalledWeights())


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Trajectories:
    """400 pairs of the Gaussian mixture with two times between their ends, on disk."""
    folder = tmp_path_factory.mktemp("collected") / "mixture"
    seed = torch.Generator().manual_seed(0)
    return collect(named("mixture"), 400, generator=seed, steps=12, keep=(4, 8), out=folder)


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def do(ablation, config, data, folder):
    """Trains to the end, and the last step."""
    *_, last = ablation.train(config, data, folder, device=CPU)
    return last


def fresh_model(config, data):
    return built_model(model_config_of(config, data), generator=torch.Generator().manual_seed(0)).eval()


def latent_error(model, pairs) -> float:
    with torch.no_grad():
        missed = model.encode_data(pairs.data) - model.advance(model.encode_noise(pairs.noise))
    return float(missed.double().square().sum())


@each_ablation
def test_an_ablation_trains_and_loads_what_was_measured_last(name, config, data, tmp_path):
    ablation = ABLATIONS[name]
    assert isinstance(ablation, Ablation)
    last = do(ablation, config, data, tmp_path)
    assert last.index == config.training.steps
    assert list(ablation.train(config, data, tmp_path, device=CPU)) == []
    error = paired_error(ablation.load(tmp_path, data), data.heldout())
    if name == "refitted operator":
        assert error != last.heldout, "the operator is another one"
        assert error.relative_rmse < 3 * last.heldout.relative_rmse
    else:
        assert error == last.heldout


@each_training
def test_an_interrupted_ablation_ends_with_the_same_bits(ablation, config, data, tmp_path):
    do(ablation, config, data, tmp_path / "whole")
    steps = ablation.train(config, data, tmp_path / "halves", device=CPU)
    for step in steps:
        if step.index == 5:
            steps.close()
    assert RunFolder(tmp_path / "halves" / ablation.run).trained_steps() == 5
    assert do(ablation, config, data, tmp_path / "halves").index == 10
    whole, halves = (load_file(tmp_path / part / ablation.run / "model.safetensors") for part in ("whole", "halves"))
    assert whole.keys() == halves.keys()
    assert all(torch.equal(whole[name], halves[name]) for name in whole)


def test_the_operator_is_what_an_ablation_says_and_the_rest_is_as_it_was(config, data, tmp_path):
    for kind in (IdentityConfig(), IsometricConfig()):
        ablation = OperatorAblation(run=type(kind).__name__, operator=kind)
        changed = ablation.changed(config)
        assert changed.architecture.operator == kind
        assert replace(changed.architecture, operator=config.architecture.operator) == config.architecture
        do(ablation, config, data, tmp_path)
        matrix = ablation.load(tmp_path, data).operator.matrix
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(config.architecture.latent), atol=1e-5, rtol=0)
        assert (matrix == torch.eye(len(matrix))).all() == (kind == IdentityConfig())


def test_every_kind_of_operator_trains_and_is_what_it_says(config, data, tmp_path):
    kinds = operator_kinds()
    assert next(iter(kinds)) == PLAIN
    changed = {name: ablation.changed(config).architecture for name, ablation in kinds.items()}
    assert changed["low rank"].operator == LowRankConfig(rank=2)
    for name, ablation in kinds.items():
        bare = config.architecture.normalisation if "bare" not in name else NoNormalisationConfig()
        assert replace(changed[name], operator=DenseConfig()) == replace(config.architecture, normalisation=bare)
        assert do(ablation, config, data, tmp_path).index == config.training.steps
        model = ablation.load(tmp_path, data)
        computed = np.linalg.eigvals(model.operator.matrix.detach().double().numpy())
        declared = model.operator.eigenvalues.detach().numpy()
        np.testing.assert_allclose(np.sort(np.abs(declared)), np.sort(np.abs(computed)), atol=1e-3)
        assert (name.startswith("spectral")) == isinstance(model.operator, SpectralOperator)
        if name.startswith("spectral"):
            assert np.abs(declared).max() <= 1.0
    assert len(list(tmp_path.iterdir())) == len(kinds)
    assert changed["bare latents"].operator == config.architecture.operator


def test_one_latent_has_an_operator_of_rank_one(config):
    single = replace(config, architecture=replace(config.architecture, latent=1))
    assert HalfRank().changed(single).architecture.operator == LowRankConfig(rank=1)


def test_ablations_start_from_the_noise_encoder_of_the_plain_model(config, data):
    plain, *others = (
        fresh_model(ABLATIONS[name].changed(config), data) for name in (PLAIN, "identity", "isometric")
    )  # fmt: skip
    assert isinstance(others[0].operator, IdentityOperator)
    for other in others:
        for one, two in zip(plain.noise_encoder.parameters(), other.noise_encoder.parameters(), strict=True):
            assert torch.equal(one, two)


def test_one_shared_encoder_is_the_plain_model_with_one_law_for_all_times(config, data, tmp_path):
    weighed = replace(config, objective=replace(config.objective, latent_weight=0.3, reconstruction_weight=0.2))
    ablation = ABLATIONS[SHARED]
    changed = ablation.changed(weighed)
    assert changed.architecture == replace(weighed.architecture, data_encoder=None)
    assert changed.training == weighed.training
    for name in ("latent_weight", "reconstruction_weight", "prediction_weight", "distance"):
        assert getattr(changed.objective, name) == getattr(weighed.objective, name)
    preset = preset_named("checkerboard-trajectory").distillation.objective
    assert changed.objective.between_weight == preset.between_weight, "the times between weigh as in the preset"
    do(ablation, weighed, data, tmp_path)
    model = ablation.load(tmp_path, data)
    assert isinstance(model, SharedEncoderModel)
    assert len(data.manifest.times) == len(model.semigroup.clock) + 1 == 4
    one, other = (fresh_model(each, data) for each in (weighed, changed))
    for left, right in zip(one.noise_encoder.parameters(), other.noise_encoder.parameters(), strict=True):
        assert torch.equal(left, right)


def test_one_shared_encoder_wants_two_to_compare_with_and_times_between_the_ends(config, data, tmp_path):
    ablation = SharedEncoder()
    with pytest.raises(ValueError, match="an encoder for each end, to compare with, got one encoder for all"):
        ablation.changed(ablation.changed(config))
    for changed in ({"adversary": Adversary()}, {"objective": KoopmanObjective(distance=OF_PICTURES)}):
        with pytest.raises(ValueError, match="expected a distance feature by feature and no adversary, to have the sa"):
            ablation.changed(replace(config, **changed))
    seed = torch.Generator().manual_seed(0)
    ends = collect(named("mixture"), 400, generator=seed, steps=12, out=tmp_path / "ends")
    with pytest.raises(DataError, match="expected whole trajectories, got the two ends only"):
        next(ablation.train(config, ends, tmp_path, device=CPU))


def test_of_random_encoders_only_the_decoder_is_trained(config, data, tmp_path):
    do(RandomEncoders(), config, data, tmp_path)
    trained = RandomEncoders().load(tmp_path, data)
    architecture = config.architecture
    quiet = replace(architecture.noise_encoder, dropout=0.0)
    drawn = fresh_model(replace(config, architecture=replace(architecture, noise_encoder=quiet)), data)
    for part in ("noise_encoder", "data_encoder"):
        for one, two in zip(getattr(drawn, part).parameters(), getattr(trained, part).parameters(), strict=True):
            assert torch.equal(one, two)
    fitted = refitted(drawn, data.training(), BY_LEAST_SQUARES).operator.matrix
    torch.testing.assert_close(trained.operator.matrix, fitted, rtol=0, atol=0)
    assert not torch.equal(drawn.decoder.outward.weight, trained.decoder.outward.weight)


def test_direct_regression_has_the_parameters_of_the_model_and_not_one_width_more(config, data):
    model_config = model_config_of(config, data)
    model = built_model(model_config, generator=torch.Generator())
    network = equal_network(model_config)
    assert network.blocks == config.architecture.noise_encoder.blocks
    narrower = type(network)(width=network.width - 1, blocks=network.blocks)
    assert count(ResidualMLP(2, 2, narrower)) < count(model) <= count(ResidualMLP(2, 2, network))


def test_direct_regression_beside_plain_networks_is_one_of_them_that_ends_linearly(config, data):
    encoder = PlainMLPConfig(widths=(16, 16), linear_end=False)
    architecture = replace(config.architecture, noise_encoder=encoder, data_encoder=encoder)
    model_config = model_config_of(replace(config, architecture=architecture), data)
    network = equal_network(model_config)
    assert network == PlainMLPConfig(widths=(network.widths[0],) * 2, linear_end=True)
    model = built_model(model_config, generator=torch.Generator())
    narrower = PlainMLPConfig(widths=(network.widths[0] - 1,) * 2)
    assert count(narrower.built((2,), (2,))) < count(model) <= count(network.built((2,), (2,)))
    assert encoder.without_dropout() == encoder


def test_direct_regression_is_the_ablation_without_a_bottleneck(config, data, tmp_path):
    list(regress_directly(config, data, tmp_path / "direct", device=CPU))
    assert list(ABLATIONS["no bottleneck"].train(config, data, tmp_path, device=CPU)) == []


def test_a_run_of_the_other_kind_is_refused(config, data, tmp_path):
    list(distil(config, data, tmp_path / "run", device=CPU))
    list(regress_directly(config, data, tmp_path / "direct", device=CPU))
    with pytest.raises(RunError, match="expected a direct-regression"):
        load_direct(tmp_path / "run")
    with pytest.raises(RunError, match="expected a random-encoders in .*, got 'koopman-distillation'"):
        RandomEncoders(run="run").load(tmp_path, data)
    with pytest.raises(RunError, match="expected a koopman-distillation"):
        load(tmp_path / "direct")
    with pytest.raises(RunError, match="another one"):
        next(regress_directly(config, data, tmp_path / "run", device=CPU))


def test_random_encoders_are_two(config, data, tmp_path):
    one = replace(config.architecture, data_encoder=None)
    shared = replace(config, architecture=one, objective=SemigroupObjective())
    with pytest.raises(ValueError, match="an encoder for each end, got one for all times"):
        next(RandomEncoders(run="run").train(shared, data, tmp_path / "run", device=CPU))


def test_a_model_is_trained_with_each_number_of_latents_in_a_run_of_its_own(config, data, tmp_path):
    listed = latent_dimensions((16, 2))
    assert list(listed) == ["16 latents", "2 latents"]
    for ablation in listed.values():
        do(ablation, config, data, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latent-0002", "latent-0016"]
    wide, narrow = (ablation.load(tmp_path, data) for ablation in listed.values())
    assert [len(model.operator.matrix) for model in (wide, narrow)] == [16, 2]
    assert count(wide) > count(narrow)
    same = replace(listed["2 latents"].changed(config).architecture, latent=config.architecture.latent)
    assert same == config.architecture


def test_the_state_error_of_a_models_closure_is_the_square_of_its_paired_error(config, data, tmp_path):
    (ablation,) = latent_dimensions((8,)).values()
    do(ablation, config, data, tmp_path)
    model = ablation.load(tmp_path, data)
    pairs = pairs_in_rows(data.heldout())
    closure = decoder_weighted_defect(KDMLatentModel(model), pairs, rng=np.random.default_rng(0))
    # By another route, in single precision.
    assert np.sqrt(closure.state_error.estimate) == pytest.approx(
        paired_error(model, data.heldout()).relative_rmse, rel=1e-5
    )


@pytest.mark.parametrize("latents", [(), (2, 4, 2)])
def test_no_number_of_latents_or_the_same_twice_is_refused(latents):
    with pytest.raises(
        ValueError, match=rf"different numbers of latents, at least one, got \[{', '.join(map(str, latents))}\]"
    ):
        latent_dimensions(latents)
