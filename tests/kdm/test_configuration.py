import json
from dataclasses import replace

import pytest
import torch

from kdm.configuration import Architecture, ConfigurationError, ModelConfig, built_model, from_json, to_json
from kdm.control import ConstantControl, ConstantControlConfig
from kdm.distances import PseudoHuberDistance
from kdm.model import NoNormalisationConfig, RMSNormalisation, Scaling
from kdm.networks import PlainMLP, PlainMLPConfig, ResidualMLPConfig
from kdm.objectives import KoopmanObjective
from kdm.operators import (
    DenseConfig,
    FreeBasisConfig,
    IdentityConfig,
    IsometricConfig,
    LowRankConfig,
    SpectralConfig,
)
from kdm.presets import PRESETS, operator_named, preset_named
from kdm.spectral_objectives import MatchedDistribution, OnTheCircle, Stability
from kdm.training.distillation import DistillationConfig
from kdm.training.execution import BFloat16Autocast, ChannelsLast, Compiled
from kdm.training.optimisation import CosineDecay


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_configuration_survives_json(preset):
    config = replace(
        preset.distillation, objective=replace(preset.distillation.objective, distance=PseudoHuberDistance())
    )
    for original in (preset.distillation, config):
        assert from_json(DistillationConfig, json.loads(json.dumps(to_json(original)))) == original


def test_unknown_missing_and_meaningless_entries_are_refused():
    values = to_json(preset_named("checkerboard").distillation)
    with pytest.raises(ConfigurationError, match="expected the entries of a DistillationConfig"):
        from_json(DistillationConfig, values | {"colour": "red"})
    with pytest.raises(ConfigurationError, match="architecture"):
        from_json(DistillationConfig, {"training": values["training"]})
    with pytest.raises(ConfigurationError, match="expected a 'kind' among AdamConfig, SOAPConfig, got"):
        from_json(DistillationConfig, values | {"training": values["training"] | {"optimiser": {"kind": "Newton"}}})
    with pytest.raises(ConfigurationError, match="steps"):
        from_json(DistillationConfig, values | {"training": values["training"] | {"steps": 0}})


@pytest.mark.parametrize(
    "operator",
    [
        DenseConfig(),
        IdentityConfig(),
        IsometricConfig(),
        LowRankConfig(rank=3),
        SpectralConfig(),
        SpectralConfig(basis=FreeBasisConfig(), modulus=0.5),
    ],
)
def test_the_kind_of_operator_survives_json_and_is_written_only_where_it_is_not_dense(operator):
    original = preset_named("mixture").distillation.architecture
    values = json.loads(json.dumps(to_json(replace(original, operator=operator))))
    assert from_json(Architecture, values) == replace(original, operator=operator)
    # What was written before there was a choice has these entries and no other.
    older = {"latent", "noise_encoder", "data_encoder", "decoder"}
    assert values.keys() - older == (set() if operator == DenseConfig() else {"operator"})


def test_an_unknown_operator_is_refused():
    values = to_json(preset_named("mixture").distillation.architecture)
    with pytest.raises(ConfigurationError, match="expected a 'kind' among DenseConfig, IdentityConfig, Isometric"):
        from_json(Architecture, values | {"operator": {"kind": "Sparse"}})


def test_an_operator_of_more_directions_than_latents_is_refused():
    architecture = preset_named("mixture").distillation.architecture
    assert replace(architecture, operator=LowRankConfig(rank=8)).latent == 8
    with pytest.raises(ValueError, match="expected a rank of at most the latent dimension 8, got 9"):
        replace(architecture, operator=LowRankConfig(rank=9))


@pytest.mark.parametrize("name", ["mixture", "checkerboard-trajectory"])
def test_an_objective_on_the_spectrum_survives_json_and_is_written_only_where_there_is_one(name):
    config = preset_named(name).distillation
    plain = to_json(config)
    assert not {"spectral_weight", "spectral"} & plain["objective"].keys()
    for spectral in (Stability(), OnTheCircle(), MatchedDistribution(inner=0.5)):
        weighed = replace(config, objective=replace(config.objective, spectral_weight=0.1, spectral=spectral))
        values = json.loads(json.dumps(to_json(weighed)))
        assert from_json(DistillationConfig, values) == weighed
        assert values["objective"]["spectral_weight"] == 0.1
        assert values["objective"].items() >= plain["objective"].items()


EARLIER = ("checkerboard", "mixture", "mixture-10", "gaussian", "digits", "checkerboard-trajectory")
"""Presets that are older than what was added to trainings, and use none of it."""


@pytest.mark.parametrize("name", EARLIER)
def test_what_was_added_to_training_later_is_written_only_where_it_is_used(name):
    config = preset_named(name).distillation
    older = {"steps", "batch", "optimiser", "batches", "warmup", "average_power", "evaluate_every", "threads", "seed"}
    assert to_json(config)["training"].keys() == older
    assert "latent_noise" not in to_json(config)["objective"]
    added = {
        "schedule": CosineDecay(), "clipping": 1.0, "micro_batch": 8, "precision": BFloat16Autocast(),
        "compilation": Compiled(), "layout": ChannelsLast(),
    }  # fmt: skip
    for names in ([name] for name in added):
        changed = replace(config, training=replace(config.training, **{name: added[name] for name in names}))
        values = json.loads(json.dumps(to_json(changed)))
        assert values["training"].keys() == older | set(names)
        assert from_json(DistillationConfig, values) == changed


def test_latent_noise_survives_json():
    config = preset_named("mixture").distillation
    noisy = replace(config, objective=replace(config.objective, latent_noise=0.4))
    values = json.loads(json.dumps(to_json(noisy)))
    assert values["objective"]["latent_noise"] == 0.4
    assert from_json(DistillationConfig, values) == noisy


def test_ways_to_train_that_mean_nothing_are_refused():
    training = preset_named("mixture").distillation.training
    for norm in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="expected a largest norm of the gradient > 0, or none, got"):
            replace(training, clipping=norm)
    with pytest.raises(ValueError, match="expected at least one pair in a micro-batch, or no micro-batches, got 0"):
        replace(training, micro_batch=0)
    for scale in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="expected latent noise of a scale >= 0, got"):
            KoopmanObjective(latent_noise=scale)


def test_operators_have_names_and_ranks_where_they_have_one():
    assert operator_named("dense") == DenseConfig() == preset_named("digits").distillation.architecture.operator
    assert operator_named("low-rank", rank=3) == LowRankConfig(rank=3)
    assert operator_named("spectral-free") == SpectralConfig(basis=FreeBasisConfig())
    with pytest.raises(ValueError, match="expected one of the operators dense, .*, low-rank, got 'sparse'"):
        operator_named("sparse")
    for name, rank in (("low-rank", None), ("isometric", 3)):
        with pytest.raises(ValueError, match=f"a rank for low-rank and for no other operator, got rank {rank} for"):
            operator_named(name, rank=rank)


def test_no_preset_has_another_name():
    with pytest.raises(ValueError, match="expected one of the presets checkerboard"):
        preset_named("chequerboard")


def test_a_latent_dimension_and_a_scale_that_mean_nothing_are_refused():
    tiny = ResidualMLPConfig(width=4, blocks=0)
    with pytest.raises(ValueError, match="latent dimension"):
        Architecture(latent=0, noise_encoder=tiny, data_encoder=tiny, decoder=tiny)
    with pytest.raises(ValueError, match="positive scales"):
        Scaling(noise=0.0, data_mean=0.0, data=1.0)


def test_building_draws_from_the_generator_alone():
    tiny = ResidualMLPConfig(width=4, blocks=1)
    config = ModelConfig(
        architecture=Architecture(latent=3, noise_encoder=tiny, data_encoder=tiny, decoder=tiny),
        shape=(2,),
        scaling=Scaling(noise=80.0, data_mean=0.0, data=2.0),
    )
    before = torch.random.get_rng_state()
    first, second, third = (built_model(config, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first.operator.weight, second.operator.weight)
    assert not torch.equal(first.operator.weight, third.operator.weight)


def test_an_operator_of_its_own_beside_one_encoder_for_all_times_is_refused():
    network = ResidualMLPConfig(width=8, blocks=1)
    parts = {"latent": 4, "noise_encoder": network, "data_encoder": None, "decoder": network}
    assert Architecture(**parts).operator == DenseConfig()
    with pytest.raises(ValueError, match="no operator of its own beside one encoder for all times, got IsometricCon"):
        Architecture(**parts, operator=IsometricConfig())


def test_plain_networks_an_offset_and_bare_latents_survive_json_and_are_built():
    encoder, decoder = PlainMLPConfig(widths=(7, 6), linear_end=False), PlainMLPConfig(widths=(9,))
    architecture = Architecture(
        latent=4, noise_encoder=encoder, data_encoder=encoder, decoder=decoder, control=ConstantControlConfig(),
        normalisation=NoNormalisationConfig(),
    )  # fmt: skip
    config = ModelConfig(architecture=architecture, shape=(3,), scaling=Scaling(noise=1.0, data_mean=0.0, data=1.0))
    assert from_json(ModelConfig, json.loads(json.dumps(to_json(config)))) == config
    model = built_model(config, generator=torch.Generator().manual_seed(0))
    assert isinstance(model.noise_encoder, PlainMLP)
    assert [tuple(layer.weight.shape) for layer in model.noise_encoder.layers] == [(7, 3), (6, 7), (4, 6)]
    assert (model.noise_encoder.linear_end, model.decoder.linear_end) == (False, True)
    assert isinstance(model.control, ConstantControl)
    latents = model.encode_noise(100.0 * torch.ones(2, 3))
    assert not torch.allclose(RMSNormalisation()(latents), latents)  # nothing has normalised them


def test_a_network_without_a_kind_is_residual_as_all_were_once():
    values = to_json(preset_named("mixture").distillation.architecture)
    assert "kind" not in values["noise_encoder"]
    with pytest.raises(
        ConfigurationError,
        match="expected a 'kind' among ResidualMLPConfig, PlainMLPConfig, UNetConfig, PublishedUNetConfig",
    ):
        from_json(Architecture, values | {"decoder": {"kind": "Transformer"}})
    with pytest.raises(
        ConfigurationError,
        match="expected a 'kind' among ResidualMLPConfig, PlainMLPConfig, UNetConfig, PublishedUNetConfig, got 3",
    ):
        from_json(Architecture, values | {"decoder": 3})
