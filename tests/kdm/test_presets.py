"""Named experiments, and what the command line changes of them."""

from dataclasses import replace

import pytest
import torch
from tiny_experiments import CPU

from kdm.configuration import ModelConfig, built_model, from_json, to_json
from kdm.control import LabelControl
from kdm.distances import PerceptualDistance, PseudoHuberDistance, SumOfDistances
from kdm.model import KoopmanDistillationModel, Scaling
from kdm.networks.perceptual import WeightFiles
from kdm.operators import LowRankConfig, SpectralOperator
from kdm.presets import PRESETS, Choices, preset_named
from kdm.spectral_objectives import MatchedDistribution, OnTheCircle, Stability
from kdm.training.adversary import Adversary
from kdm.training.distillation import DistillationConfig, distil
from kdm.training.execution import BFloat16Autocast, Compiled, Eager
from kdm.trajectories import collect

ELSEWHERE = {"cifar10", "cifar10-conditional", "cifar10-spectral", "ffhq64", "afhqv2-64"}


def model_of(name: str, shape: tuple[int, ...]) -> KoopmanDistillationModel:
    """The preset's model of samples of this shape, without memory for its weights."""
    config = ModelConfig(
        architecture=preset_named(name).distillation.architecture,
        shape=shape,
        scaling=Scaling(noise=80.0, data_mean=0.0, data=0.5),
    )
    with torch.device("meta"):
        return built_model(config, generator=torch.Generator())


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_json_that_rebuilds_it(name):
    config = preset_named(name).distillation
    for part in (config.architecture, config.objective, config.training):
        assert from_json(type(part), to_json(part)) == part


def test_presets_without_a_teacher_say_where_pairs_come_from():
    assert {name for name, preset in PRESETS.items() if preset.teacher is None} == ELSEWHERE
    with pytest.raises(ValueError, match="expected --data DATA for the preset cifar10, whose pairs are not made here"):
        preset_named("cifar10").teacher_object()


@pytest.mark.parametrize(
    ("name", "side", "latent", "millions"),
    [("cifar10", 32, 1024, 45.1), ("cifar10-conditional", 32, 1024, 45.1), ("ffhq64", 64, 512, 17.6)],
)
def test_the_papers_models_have_the_papers_sizes_at_any_resolution(name, side, latent, millions):
    model = model_of(name, (3, side, side))
    assert model.operator.matrix.shape == (latent, latent)
    assert sum(parameter.numel() for parameter in model.parameters()) / 1e6 == pytest.approx(millions, rel=0.01)
    assert model_of(name, (3, 2 * side, side)).shape == (3, 2 * side, side)


def test_conditional_presets_are_told_classes_and_the_spectral_one_declares_eigenvalues():
    conditional, spectral = model_of("cifar10-conditional", (3, 32, 32)), model_of("cifar10-spectral", (3, 32, 32))
    assert conditional.classes == 10
    assert isinstance(conditional.control, LabelControl)
    four = Choices(classes=4).of(preset_named("cifar10-conditional").distillation).architecture
    assert four == replace(preset_named("cifar10-conditional").distillation.architecture, classes=4)
    assert isinstance(spectral.operator, SpectralOperator)
    assert preset_named("cifar10-spectral").distillation.objective.spectral_weight > 0


def test_what_the_command_line_changes_is_changed_and_nothing_else():
    config = preset_named("digits").distillation
    assert Choices().of(config) == config
    changed = Choices(
        operator="low-rank", rank=3, steps=7, batch=5, micro_batch=2, distance="pseudo-huber", adversary=0.1,
        precision="bf16", compiled=True, learning_rate=0.25, threads=2,
    ).of(config)  # fmt: skip
    assert changed.architecture.operator == LowRankConfig(rank=3)
    assert (changed.training.steps, changed.training.batch, changed.training.micro_batch) == (7, 5, 2)
    assert (changed.training.precision, changed.training.compilation) == (BFloat16Autocast(), Compiled())
    assert changed.training.threads == 2
    assert changed.training.optimiser == replace(config.training.optimiser, learning_rate=0.25)
    assert changed.objective.distance == PseudoHuberDistance()
    assert changed.adversary == Adversary(weight=0.1)
    assert Choices(adversary_start=3).of(changed) == replace(changed, adversary=Adversary(weight=0.1, start=3))
    back = Choices(adversary=0.0, compiled=False).of(changed)
    assert back.adversary is None
    assert back.training.compilation == Eager()


def test_the_weights_of_the_perceptual_network_are_files_where_some_are_named(tmp_path):
    files, config = (tmp_path / "vgg.pt", tmp_path / "heads.pt"), preset_named("cifar10").distillation
    wanted = WeightFiles(vgg=str(files[0]), heads=str(files[1]))
    distance = Choices(perceptual_weights=files).of(config).objective.distance
    assert isinstance(distance, PerceptualDistance)
    assert distance.weights == wanted
    both = Choices(distance="squared+perceptual", perceptual_weights=files).of(config).objective.distance
    assert isinstance(both, SumOfDistances)
    assert both.terms[1].distance == PerceptualDistance(weights=wanted)


@pytest.mark.parametrize(
    ("name", "spectral"),
    [("stability", Stability()), ("circle", OnTheCircle()), ("matched", MatchedDistribution(inner=0.0, outer=1.0))],
)
def test_eigenvalues_are_drawn_where_the_command_line_says_with_one_encoder_and_with_two(name, spectral):
    for preset in ("digits", "checkerboard-trajectory"):
        config = preset_named(preset).distillation
        changed = Choices(spectrum=name, spectrum_weight=0.25).of(config)
        expected = replace(config.objective, spectral=spectral, spectral_weight=0.25)
        assert changed == replace(config, objective=expected)


def test_an_objective_on_eigenvalues_that_is_chosen_is_trained(tmp_path):
    preset = preset_named("gaussian").fast()
    data = collect(preset.teacher_object(), 60, generator=torch.Generator().manual_seed(0), steps=4)
    chosen = Choices(steps=120, batch=16, spectrum="matched", spectrum_weight=100.0).of(preset.distillation)
    parts = [float(step.losses.parts["spectrum"]) for step in distil(chosen, data, tmp_path / "run", device=CPU)]
    assert parts[-1] < 0.5 * parts[0]
    (free, *_) = distil(Choices(steps=1).of(preset.distillation), data, tmp_path / "free", device=CPU)
    assert "spectrum" not in free.losses.parts


def test_a_spectrum_that_says_nothing_is_refused():
    digits = preset_named("digits").distillation
    for alone in (Choices(spectrum="circle"), Choices(spectrum_weight=1.0)):
        with pytest.raises(ValueError, match="expected --spectrum and --spectrum-weight together"):
            alone.of(digits)
    with pytest.raises(ValueError, match="expected one of the spectra stability, circle, matched, got 'real'"):
        Choices(spectrum="real", spectrum_weight=1.0).of(digits)
    for weight in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="expected a positive, finite weight of the spectrum, got"):
            Choices(spectrum="circle", spectrum_weight=weight).of(digits)


def test_choices_that_do_not_fit_are_refused(tmp_path):
    digits, trajectories = preset_named("digits").distillation, preset_named("checkerboard-trajectory").distillation
    with pytest.raises(ValueError, match="expected one of the distances squared, pseudo-huber, perceptual"):
        Choices(distance="ssim").of(digits)
    with pytest.raises(ValueError, match="expected --distance perceptual or squared"):
        Choices(perceptual_weights=(tmp_path, tmp_path)).of(digits)
    with pytest.raises(ValueError, match="expected a critic for --adversary-start, got none: give"):
        Choices(adversary_start=3).of(digits)
    with pytest.raises(ValueError, match="expected no other distance for a model of whole trajectories"):
        Choices(distance="squared").of(trajectories)


def test_a_conditional_preset_trains_on_conditional_pairs(tmp_path):
    preset = preset_named("digits-conditional").fast()
    data = collect(preset.teacher_object(), 60, generator=torch.Generator().manual_seed(0), steps=4)
    config: DistillationConfig = Choices(steps=2, batch=16).of(preset.distillation)
    steps = list(distil(config, data, tmp_path / "run", device=CPU))
    assert [step.index for step in steps] == [1, 2]
    assert steps[-1].heldout is not None
