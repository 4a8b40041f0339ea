"""Operators in closed form: by least squares, and so that second moments of latents are those of the data."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
import torch
from tiny_experiments import half_trained

from kdm.configuration import built_model
from kdm.control import ConstantControl, LabelControlConfig
from kdm.evaluation import paired_error
from kdm.operators import IdentityConfig
from kdm.presets.choices import REFITS, Choices
from kdm.refitting import LeastSquares, MeasurePreserving, Refit, refitted
from kdm.teachers import named
from kdm.training.distillation import distil, load, model_config_of
from kdm.training.runs import RunFolder
from kdm.trajectories import collect

CPU = torch.device("cpu")
BY_LEAST_SQUARES, PRESERVING = Refit(solution=LeastSquares()), Refit(solution=MeasurePreserving())


def fresh_model(config, data):
    return built_model(model_config_of(config, data), generator=torch.Generator().manual_seed(0)).eval()


@torch.no_grad()
def latents(model, pairs) -> tuple[np.ndarray, np.ndarray]:
    """One step of the noise's latents, and the data's, without the offset."""
    advanced = model.advance(model.encode_noise(pairs.noise, pairs.labels), pairs.labels)
    offset = model.advance(torch.zeros_like(advanced), pairs.labels)
    after = model.encode_data(pairs.data, pairs.labels)
    return (advanced - offset).double().numpy(), (after - offset).double().numpy()


def latent_error(model, pairs) -> float:
    advanced, after = latents(model, pairs)
    return float(np.square(advanced - after).sum())


def test_no_other_operator_predicts_the_latents_better_than_the_refitted_one(config, data):
    pairs, model = data.training(), fresh_model(config, data)
    best = refitted(model, pairs, BY_LEAST_SQUARES)
    assert latent_error(best, pairs) < 0.9 * latent_error(model, pairs), "the premise: there was something to gain"
    generator = torch.Generator().manual_seed(1)
    for _ in range(5):
        nudged = refitted(model, pairs, BY_LEAST_SQUARES)
        with torch.no_grad():
            nudged.operator.weight.add_(1e-2 * torch.randn(nudged.operator.weight.shape, generator=generator))
        assert latent_error(nudged, pairs) > latent_error(best, pairs)


def test_the_refitted_operator_solves_the_normal_equations_and_counts_the_offset(config, data):
    pairs, model = data.training(), fresh_model(config, data)
    model.control = ConstantControl(4)
    with torch.no_grad():
        model.control.offset.copy_(torch.tensor([1.0, -2.0, 0.5, 0.0]))
        before = model.encode_noise(pairs.noise).double().numpy()
        after = model.encode_data(pairs.data).double().numpy() - model.control().double().numpy()
    assert np.linalg.cond(before) < 1e4, "the premise: one solution"
    expected = np.linalg.lstsq(before, after, rcond=None)[0]
    found = refitted(model, pairs, BY_LEAST_SQUARES).operator.matrix.detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_refitting_leaves_the_model_and_the_global_random_state_alone(config, data):
    model = fresh_model(config, data)
    kept, state = {name: value.clone() for name, value in model.state_dict().items()}, torch.random.get_rng_state()
    changed = refitted(model, data.training(), BY_LEAST_SQUARES)
    assert all(torch.equal(kept[name], value) for name, value in model.state_dict().items())
    differing = {name for name, value in changed.state_dict().items() if not torch.equal(kept[name], value)}
    assert differing == {"operator.weight"}
    assert torch.equal(torch.random.get_rng_state(), state)


def test_latents_that_do_not_vary_in_a_direction_get_no_huge_operator(config, data):
    model = fresh_model(config, data)
    with torch.no_grad():  # the last two latents are equal, but for the rounding of single precision
        model.noise_encoder.outward.weight[3] = model.noise_encoder.outward.weight[2] * (1 + 1e-7)
        model.noise_encoder.outward.bias[3] = model.noise_encoder.outward.bias[2]
    assert refitted(model, data.training(), BY_LEAST_SQUARES).operator.matrix.abs().max() < 10


def test_a_measure_preserving_operator_has_the_second_moments_of_the_data(config, data):
    pairs, model = data.training(), fresh_model(config, data)
    model.control = ConstantControl(4)
    with torch.no_grad():
        model.control.offset.copy_(torch.tensor([0.3, -0.2, 0.0, 0.1]))
    ratios = {}
    for name, refit in (("regression", BY_LEAST_SQUARES), ("isometry", PRESERVING)):
        advanced, after = latents(refitted(model, pairs, refit), pairs)
        wanted = after.T @ after
        np.testing.assert_array_less(np.linalg.cond(wanted), 1e4, "the premise: all directions vary")
        ratios[name] = np.linalg.eigvals(np.linalg.solve(wanted, advanced.T @ advanced)).real
    np.testing.assert_allclose(ratios["isometry"], 1.0, atol=1e-3)
    assert ratios["regression"].max() < 1 + 1e-3
    assert ratios["regression"].min() < 0.5, "what regression cannot predict varies too little"


def test_of_those_that_preserve_the_measure_none_predicts_the_latents_better(config, data):
    pairs, model = data.training(), fresh_model(config, data)
    best = refitted(model, pairs, PRESERVING)
    _, after = latents(model, pairs)
    values, axes = np.linalg.eigh(after.T @ after)
    root, back = (axes * values**0.5) @ axes.T, (axes * values**-0.5) @ axes.T

    def error(model) -> float:
        return float(np.square((latents(model, pairs)[0] - after) @ back).sum())

    rng = np.random.default_rng(0)
    for _ in range(5):
        skew = 0.1 * rng.standard_normal((4, 4))
        turn = scipy.linalg.expm(skew - skew.T)
        turned = refitted(model, pairs, PRESERVING)
        with torch.no_grad():
            matrix = turned.operator.matrix.double().numpy() @ back @ turn @ root
            turned.operator.weight.copy_(torch.from_numpy(matrix.T.copy()))
        advanced, _ = latents(turned, pairs)
        np.testing.assert_allclose(back @ advanced.T @ advanced @ back, np.eye(4), atol=1e-3)
        assert error(turned) > error(best)


def test_a_model_of_classes_is_refitted_on_what_its_classes_offsets_leave(config, tmp_path):
    data = collect(named("digits-conditional"), 100, generator=torch.Generator().manual_seed(0), steps=4)
    told = replace(config, architecture=replace(config.architecture, classes=10, control=LabelControlConfig()))
    model, pairs = fresh_model(told, data), data.training()
    with torch.no_grad():
        for parameter in model.control.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(1))
    best = refitted(model, pairs, BY_LEAST_SQUARES)
    before = refitted(model, pairs, BY_LEAST_SQUARES)
    with torch.no_grad():
        before.operator.weight.copy_(torch.eye(4))
    states, after = latents(before, pairs)
    expected = np.linalg.lstsq(states, after, rcond=None)[0]
    np.testing.assert_allclose(best.operator.matrix.detach().numpy(), expected, atol=1e-3 * np.abs(expected).max())


def test_pairs_are_taken_some_at_a_time_and_no_more_than_asked_for(config, data, monkeypatch):
    model, pairs = fresh_model(config, data), data.training()
    whole = refitted(model, pairs[:100], PRESERVING).operator.matrix
    monkeypatch.setattr("kdm.refitting.BATCH", 7)
    some = Refit(solution=MeasurePreserving(), pairs=100)
    torch.testing.assert_close(refitted(model, pairs, some).operator.matrix, whole, rtol=0, atol=1e-4)


def test_dropout_and_mode_of_the_model_do_not_matter(config, data):
    quiet = fresh_model(config, data)
    noisy = fresh_model(
        replace(
            config,
            architecture=replace(
                config.architecture, noise_encoder=replace(config.architecture.noise_encoder, dropout=0.5)
            ),
        ),
        data,
    ).train()
    noisy.load_state_dict(quiet.state_dict())
    found = refitted(noisy, data.training(), PRESERVING)
    assert found.training
    assert noisy.training
    torch.testing.assert_close(
        found.operator.matrix, refitted(quiet, data.training(), PRESERVING).operator.matrix, rtol=0, atol=0
    )


def test_training_ends_with_the_refitted_operator_and_resumes_to_the_same_bits(config, data, tmp_path):
    preserving = replace(config, refit=PRESERVING)
    list(distil(config, data, tmp_path / "plain", device=CPU))
    list(distil(preserving, data, tmp_path / "whole", device=CPU))
    steps = distil(preserving, data, tmp_path / "halves", device=CPU)
    for step in steps:
        if step.index == 5:
            steps.close()
            break
    list(distil(preserving, data, tmp_path / "halves", device=CPU))
    plain, whole, halves = (load(tmp_path / name) for name in ("plain", "whole", "halves"))
    expected = refitted(plain, data.training(), PRESERVING)
    for name, value in expected.state_dict().items():
        assert torch.equal(whole.state_dict()[name], value), name
        assert torch.equal(halves.state_dict()[name], value), name
    assert not torch.equal(plain.operator.matrix, whole.operator.matrix)


def test_the_last_held_out_error_is_that_of_the_refitted_weights_in_the_folder(config, data, tmp_path, monkeypatch):
    preserving = replace(config, refit=PRESERVING)
    made = []

    def counted(*arguments, **named_ones):
        made.append(refitted(*arguments, **named_ones))
        return made[-1]

    monkeypatch.setattr("kdm.training.distillation.refitted", counted)
    list(distil(config, data, tmp_path / "plain", device=CPU))
    *_, last = distil(preserving, data, tmp_path / "whole", device=CPU)
    assert len(made) == 1, "it is measured and saved, and made once"
    half_trained(preserving, data, tmp_path / "halves")
    list(distil(preserving, data, tmp_path / "halves", device=CPU))
    plain, whole, halves = (RunFolder(tmp_path / name).metrics() for name in ("plain", "whole", "halves"))
    found = paired_error(load(tmp_path / "whole"), data.heldout())
    assert last.heldout == found
    assert whole[-1]["heldout_paired_error"] == found.relative_rmse != plain[-1]["heldout_paired_error"]
    assert halves == whole
    assert whole[:-1] == plain[:-1]


def test_a_run_whose_weights_are_lost_is_refitted_again(config, data, tmp_path):
    preserving = replace(config, refit=PRESERVING)
    list(distil(preserving, data, tmp_path, device=CPU))
    kept = RunFolder(tmp_path).weights.read_bytes()
    RunFolder(tmp_path).weights.unlink()
    list(distil(preserving, data, tmp_path, device=CPU))
    assert RunFolder(tmp_path).weights.read_bytes() == kept


def test_a_run_records_its_refit_and_says_nothing_where_there_is_none(config, data, tmp_path):
    list(distil(config, data, tmp_path / "plain", device=CPU))
    list(distil(replace(config, refit=PRESERVING), data, tmp_path / "refitted", device=CPU))
    assert "refit" not in RunFolder(tmp_path / "plain").experiment()
    recorded = RunFolder(tmp_path / "refitted").experiment()["refit"]
    assert recorded == {"solution": {"kind": "MeasurePreserving"}, "pairs": 50_000}


def test_only_dense_operators_between_two_encoders_are_refitted(config):
    architecture = config.architecture
    with pytest.raises(ValueError, match="a dense operator, to be replaced by Refit.*, got IdentityConfig"):
        replace(config, refit=PRESERVING, architecture=replace(architecture, operator=IdentityConfig()))
    with pytest.raises(ValueError, match="moments of two pairs or more, got 1"):
        Refit(solution=LeastSquares(), pairs=1)


def test_the_command_line_knows_every_refit(config):
    assert Choices(refit="measure-preserving").of(config).refit == PRESERVING
    assert Choices(refit="none").of(replace(config, refit=PRESERVING)).refit is None
    with pytest.raises(ValueError, match=f"one of the refits {', '.join(REFITS)}, got 'magic'"):
        Choices(refit="magic").of(config)
