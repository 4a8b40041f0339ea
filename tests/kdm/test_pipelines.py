"""Pipelines of diffusers as teachers: the denoiser in their predictions, their flow, and what is refused.

The networks are tiny and not trained; one is linear and exact, for data that are normal.
"""

import json
import math
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_pipelines import BETAS, TIMES, written

from kdm import teachers
from kdm.__main__ import main
from kdm.flows import integrate
from kdm.presets import PRESETS
from kdm.teachers import Gaussian, Pipeline, PipelineError, pipeline
from kdm.teachers.preconditioning import EDM, PREDICTIONS, SIGNS, Preconditioning, VariancePreserving
from kdm.training.distillation import model_config_of, noise_scale
from kdm.trajectories import DataError, collect, open_trajectories

diffusers = pytest.importorskip("diffusers")


def seeded(seed=3):
    return torch.Generator().manual_seed(seed)


def gaussian(ends=(50.0, 0.05)):
    root = torch.randn(4, 4, dtype=torch.float64, generator=seeded())
    return Gaussian(
        mean=torch.tensor([0.5, -1.0, 0.0, 2.0], dtype=torch.float64), covariance=root @ root.T / 4,
        sigma_noise=ends[0], sigma_data=ends[1],
    )  # fmt: skip


class LinearNetwork(torch.nn.Module):
    """What a network of this schedule and prediction says once it is perfect, for normal data.

    From the joint law of the noised state and what is predicted, without reference to a denoiser of x₀ + σ ε.
    """

    def __init__(self, schedule: Preconditioning, prediction: str) -> None:
        super().__init__()
        self.schedule, self.prediction, self.law = schedule, prediction, gaussian()
        self.bias = torch.nn.Parameter(torch.zeros(()))  # which only says where the network is

    def forward(self, sample, timesteps, class_labels=None):
        time = float(timesteps[0].double())
        mean, covariance = self.law.mean, self.law.covariance
        if isinstance(self.schedule, EDM):
            sigma, data = math.exp(4 * time), self.schedule.deviation
            alpha, s = 1 / math.hypot(sigma, data), sigma / math.hypot(sigma, data)
            # F is trained towards (x₀ − c_skip x) / c_out, with x the state before it was scaled.
            keep, out = data**2 / (sigma**2 + data**2), sigma * data / math.hypot(sigma, data)
            sign = SIGNS[self.prediction]
            blend = (sign * (1 - keep) / out, -sign * keep * sigma / out)  # of x₀ and of ε
        else:
            sigma = math.exp(np.interp(time, np.arange(TIMES), np.log(self.schedule.levels)))
            alpha, s = 1 / math.hypot(1, sigma), sigma / math.hypot(1, sigma)
            blend = {"epsilon": (0, 1), "sample": (1, 0), "v_prediction": (-s, alpha)}[self.prediction]
        # z = α x₀ + s ε, and the best guess of a x₀ + b ε is linear in it.
        flat = sample.flatten(1).double()
        cross = blend[0] * alpha * covariance + blend[1] * s * torch.eye(4, dtype=torch.float64)
        spread = alpha**2 * covariance + s**2 * torch.eye(4, dtype=torch.float64)
        guess = blend[0] * mean + (flat - alpha * mean) @ torch.linalg.solve(spread, cross)
        return SimpleNamespace(sample=guess.reshape(sample.shape).to(sample.dtype))


def variance_preserving(prediction):
    kept = np.cumprod(1 - np.linspace(0.002, 0.4, TIMES))
    return VariancePreserving(levels=np.sqrt((1 - kept) / kept), prediction=PREDICTIONS[prediction])


SCHEDULES = {
    **{f"DDPM {name}": (variance_preserving(name), name) for name in PREDICTIONS},
    **{f"EDM {name}": (EDM(ends=(50.0, 0.05), deviation=0.5, sign=sign), name) for name, sign in SIGNS.items()},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_of_a_perfect_network_the_denoiser_is_that_of_the_data(name):
    schedule, prediction = SCHEDULES[name]
    network, law = LinearNetwork(schedule, prediction), gaussian(schedule.ends)
    for sigma in np.geomspace(*schedule.ends, 7).tolist():
        x = law.sample(20, sigma=sigma, generator=seeded())
        said = network(schedule.scale(sigma) * x, torch.full((20,), schedule.time(sigma), dtype=torch.float64)).sample
        # What a network says is multiplied by σ at most, with the rounding of its time.
        torch.testing.assert_close(schedule.denoised(x, said, sigma), law.denoise(x, sigma), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("ends", "deviation"), [((50.0, 0.0), 0.5), ((0.1, 0.5), 0.5), ((math.inf, 0.1), 0.5), ((50.0, 0.1), 0.0)]
)
def test_levels_of_edm_fall_from_a_finite_to_a_positive_one(ends, deviation):
    with pytest.raises(ValueError, match="expected noise levels that fall from a finite to a positive one and a posit"):
        EDM(ends=ends, deviation=deviation, sign=1)


def test_trained_times_are_whole_numbers_and_between_them_there_are_others():
    schedule = variance_preserving("epsilon")
    assert [schedule.time(level) for level in schedule.levels[[0, 7, -1]]] == pytest.approx([0, 7, TIMES - 1])
    assert schedule.time(math.sqrt(schedule.levels[7] * schedule.levels[8])) == pytest.approx(7.5)


@pytest.fixture
def perfect(ddim, monkeypatch):
    """The pipeline with the perfect network in place of its own."""
    opened = Pipeline.opened(ddim)
    schedule = variance_preserving("epsilon")
    assert opened.sigma_noise == pytest.approx(schedule.ends[0], rel=1e-5)
    network = LinearNetwork(schedule, "epsilon")
    monkeypatch.setattr(pipeline, "network_in", lambda folder, dtype: network)
    return replace(opened, image=(1, 2, 2), batch=16)


def test_the_flow_of_a_perfect_network_is_the_exact_one_of_normal_data(perfect):
    law = gaussian((perfect.sigma_noise, perfect.sigma_data))
    noise = perfect.sample_noise(40, generator=seeded())
    exact = law.flow(noise.flatten(1))
    assert exact.std() > 0.3
    few, more, many = (
        float((integrate(perfect, noise, steps=steps).data.flatten(1) - exact).norm() / exact.norm())
        for steps in (40, 80, 160)
    )
    assert many < 1e-3
    assert few / more == pytest.approx(4, abs=1)
    assert more / many == pytest.approx(4, abs=1)


def test_variance_preserving_noise_is_what_its_samplers_start_from_however_small_the_last_level_is(
    tmp_path, monkeypatch
):
    short = {**BETAS, "beta_start": 0.001, "beta_end": 0.023}
    opened = Pipeline.opened(written(tmp_path / "pipeline", diffusers.DDPMScheduler(**short)))
    assert opened.sigma_noise == pytest.approx(0.91, abs=0.01)
    (_, schedule), law = opened.loaded_on(torch.device("cpu")), Gaussian(mean=torch.zeros(4), covariance=torch.eye(4))
    network = LinearNetwork(schedule, "epsilon")
    network.law = law
    monkeypatch.setattr(pipeline, "network_in", lambda folder, dtype: network)
    data = collect(replace(opened, image=(1, 2, 2)), 4000, generator=seeded(), steps=16)
    # Of data of unit variance z_T is N(0, I), and x = z/α; the flow then ends in such data.
    assert data.noise.std() == pytest.approx(math.hypot(1, opened.sigma_noise), rel=0.02)
    assert data.data.std() == pytest.approx(1, rel=0.02)
    assert data.noise.std() > 1.4 * opened.sigma_noise, "a noise of σ alone would be another"
    assert noise_scale(data) == model_config_of(PRESETS["digits"].distillation, data).scaling.noise == opened.start
    assert opened.start == math.hypot(1, opened.sigma_noise)


def test_noise_of_edm_is_that_of_its_level_and_so_is_what_an_earlier_version_collected(ddim, conditional):
    edm = Pipeline.opened(conditional)
    assert edm.start == edm.noise_deviation == edm.sigma_noise == 20
    assert "noise_deviation" not in collect(edm, 10, generator=seeded(), steps=1).manifest.source
    earlier = {name: value for name, value in Pipeline.opened(ddim).config().items() if name != "start"}
    assert teachers.teacher_from_config(earlier).start == earlier["sigma_noise"]


def test_ddim_without_noise_ends_where_the_flow_does_when_its_steps_are_many(ddim):
    teacher = Pipeline.opened(ddim)
    noise = teacher.sample_noise(3, generator=seeded()).float()
    data = integrate(teacher, noise, steps=32).data
    unet = diffusers.UNet2DModel.from_pretrained(ddim / "unet")
    scheduler = diffusers.DDIMScheduler(**BETAS, set_alpha_to_one=False, timestep_spacing="trailing")
    keeps = scheduler.alphas_cumprod.sqrt()
    distances = []
    for steps in (10, TIMES):
        scheduler.set_timesteps(steps)
        state = keeps[-1] * noise
        for time in scheduler.timesteps:
            with torch.no_grad():
                state = scheduler.step(unet(state, time).sample, time, state, eta=0.0).prev_sample
        distances.append(float((state / keeps[0] - data).norm() / data.norm()))
    assert distances[1] < 0.05
    assert distances[1] < distances[0] / 3


def test_edm_steps_of_the_scheduler_end_where_the_flow_does_when_they_are_many(conditional):
    teacher = Pipeline.opened(conditional)
    labels = torch.tensor([2, 0, 1])
    noise = teacher.given(labels).sample_noise(3, generator=seeded()).float()
    data = integrate(teacher, noise, steps=32, labels=labels).data
    unet = diffusers.UNet2DModel.from_pretrained(conditional / "unet")
    scheduler = diffusers.EDMEulerScheduler.from_pretrained(conditional / "scheduler", final_sigmas_type="sigma_min")
    scheduler.set_timesteps(120)
    state = noise
    for time in scheduler.timesteps:
        with torch.no_grad():
            said = unet(scheduler.scale_model_input(state, time), time, class_labels=labels).sample
        state = scheduler.step(said, time, state).prev_sample
    assert (state - data).norm() / data.norm() < 0.03


@pytest.mark.parametrize("name", ["DDPMScheduler", "DDIMScheduler"])
def test_a_pipeline_is_opened_between_the_levels_of_its_schedule(tmp_path, name):
    scheduler = getattr(diffusers, name)(**BETAS)
    teacher = teachers.named(str(written(tmp_path / "pipeline", scheduler)))
    kept = scheduler.alphas_cumprod.double()
    assert teacher.sigma_noise == pytest.approx(float(((1 - kept) / kept).sqrt()[-1]))
    assert teacher.sigma_data == pytest.approx(float(((1 - kept) / kept).sqrt()[0]))
    assert (teacher.shape, teacher.number_of_labels, teacher.conditional) == ((1, 8, 8), 0, False)
    assert teacher.sample_conditions(5, generator=seeded()) is None


@pytest.mark.parametrize("name", ["EDMEulerScheduler", "EDMDPMSolverMultistepScheduler"])
def test_a_pipeline_of_edm_is_opened_between_its_levels(tmp_path, name):
    scheduler = getattr(diffusers, name)(sigma_min=0.01, sigma_max=20.0, sigma_data=0.4)
    teacher = Pipeline.opened(written(tmp_path / "pipeline", scheduler))
    assert (teacher.sigma_noise, teacher.sigma_data) == (20, 0.01)


def test_pairs_of_a_pipeline_are_collected_in_its_groups_and_say_where_they_are_from(conditional, tmp_path):
    teacher = Pipeline.opened(conditional, batch=8)
    data = collect(teacher, 20, generator=seeded(), steps=2, out=tmp_path / "data")
    again = collect(Pipeline.opened(conditional, batch=8), 20, generator=seeded(), steps=2)
    for name in ("noise", "data", "labels"):
        np.testing.assert_array_equal(getattr(data, name), getattr(again, name))
    assert data.conditional
    assert set(data.labels.tolist()) == {0, 1, 2}
    source = data.manifest.source
    assert source["labels"] == "conditions"
    assert source["group"] == 8
    assert source["teacher"]["folder"] == str(conditional)
    assert source["teacher"]["scheduler"] == "EDMEulerScheduler"
    assert "unet/diffusion_pytorch_model.safetensors" in source["teacher"]["files"]
    assert len(open_trajectories(tmp_path / "data")) == 20
    flow = integrate(teacher, torch.from_numpy(data.noise), steps=2, labels=torch.from_numpy(data.labels)).data
    torch.testing.assert_close(torch.from_numpy(np.array(data.data)), flow, rtol=1e-5, atol=1e-5)
    other = integrate(teacher, torch.from_numpy(data.noise), steps=2, labels=torch.from_numpy(2 - data.labels)).data
    assert (flow - other).abs().max() > 1e-3


def test_the_command_takes_the_folder_of_a_pipeline_and_goes_on_with_it(ddim, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ddim.parent)
    for _ in range(2):
        main(["collect", "ddim", "--out", str(tmp_path / "data"), "--pairs", "10", "--device", "cpu", "--steps", "1"])
        assert "10 pairs in" in capsys.readouterr().out
    assert open_trajectories(tmp_path / "data").teacher.folder == str(ddim.resolve())


def test_the_command_says_what_a_folder_lacks(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["collect", str(tmp_path), "--out", str(tmp_path / "data"), "--device", "cpu"])
    assert stopped.value.code == 2
    assert "error: no pipeline at" in capsys.readouterr().err


def test_a_network_is_asked_for_its_first_classes_where_the_last_one_is_none(conditional, tmp_path, capsys):
    collect_two = ["collect", str(conditional), "--out", str(tmp_path / "data"), "--pairs", "10", "--steps", "1"]
    main([*collect_two, "--classes", "2", "--device", "cpu"])
    data = open_trajectories(tmp_path / "data")
    assert set(data.labels.tolist()) == {0, 1}
    assert data.teacher.number_of_labels == 2
    with pytest.raises(ValueError, match="expected labels below 2, got 1 to 2"):
        Pipeline.opened(conditional, classes=2).given(torch.tensor([1, 2]))
    for classes in (0, 4):
        with pytest.raises(PipelineError, match=f"expected 1 to 3 classes, which the network in .* got {classes}"):
            Pipeline.opened(conditional, classes=classes)
    with pytest.raises(ValueError, match="a number of classes for a pipeline only, got 2 for 'digits': leave it out"):
        teachers.named("digits", classes=2)


def test_a_data_set_of_a_pipeline_opens_without_it(copied, tmp_path):
    data = collect(Pipeline.opened(copied), 10, generator=seeded(), steps=1, out=tmp_path / "data")
    shutil.rmtree(copied)
    found = open_trajectories(tmp_path / "data").teacher
    assert found.config() == data.teacher.config()
    assert found.sample_noise(4, generator=seeded()).shape == (4, 1, 8, 8)
    with pytest.raises(PipelineError, match=r"no pipeline at '.*': expected a folder with model_index\.json"):
        found.denoise(torch.zeros(1, 1, 8, 8), 1.0)


def test_other_weights_in_the_folder_are_noticed(copied):
    teacher = teachers.teacher_from_config(json.loads(json.dumps(Pipeline.opened(copied).config())))
    weights = copied / "unet" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(PipelineError, match=r"it differs in unet/diffusion_pytorch_model\.safetensors\): bring that"):
        teacher.denoise(torch.zeros(1, 1, 8, 8), 1.0)


def test_a_network_in_half_precision_is_close_and_states_stay_single(ddim):
    single, half = Pipeline.opened(ddim), Pipeline.opened(ddim, dtype=torch.bfloat16)
    assert teachers.teacher_from_config(half.config()).dtype == torch.bfloat16
    x = single.sample(4, sigma=single.sigma_noise, generator=seeded()).float()
    found, rounded = single.denoise(x, 5.0), half.denoise(x, 5.0)
    assert rounded.dtype == torch.float32
    assert 0 < (found - rounded).norm() / (found - x).norm() < 0.1


def test_the_second_half_of_twice_as_many_channels_is_a_variance_and_not_used(tmp_path):
    folder = written(tmp_path / "pipeline", diffusers.DDPMScheduler(**BETAS), out_channels=2)
    assert Pipeline.opened(folder).denoise(torch.zeros(2, 1, 8, 8), 1.0).shape == (2, 1, 8, 8)


def test_a_pipeline_has_no_density_and_samples_of_its_noise_end_only(ddim, conditional):
    for law in (Pipeline.opened(ddim), Pipeline.opened(conditional).given(torch.tensor([1, 2]))):
        with pytest.raises(NotImplementedError, match="a pipeline, which learned its score only"):
            law.log_density(torch.zeros(2, 1, 8, 8), 1.0)
        with pytest.raises(NotImplementedError, match="come from its flow"):
            law.sample_data(2, generator=seeded())
        assert law.sample_noise(2, generator=seeded()).shape == (2, *law.shape)


def test_labels_that_a_network_does_not_know_or_has_not_got_are_refused(conditional):
    teacher = Pipeline.opened(conditional)
    x = torch.zeros(2, 1, 8, 8)
    with pytest.raises(ValueError, match="expected a label below 3 for each row, which the network takes, got none"):
        teacher.denoise(x, 1.0)
    with pytest.raises(ValueError, match="expected labels below 3, got 1 to 3"):
        teacher.given(torch.tensor([1, 3]))
    with pytest.raises(ValueError, match="expected the 3 rows whose labels are given, got 2"):
        teacher.given(torch.tensor([1, 2, 0])).denoise(x, 1.0)


def test_another_pipeline_does_not_go_on_with_a_data_set(ddim, copied, tmp_path):
    collect(Pipeline.opened(ddim), 10, generator=seeded(), steps=1, out=tmp_path / "data")
    with pytest.raises(DataError, match=r"differs in source\.teacher\.folder"):
        collect(Pipeline.opened(copied), 10, generator=seeded(), steps=1, out=tmp_path / "data")


@pytest.mark.parametrize("which", ["ddim", "conditional"])
def test_the_flow_of_a_pipeline_can_be_differentiated(which, request):
    pipeline = Pipeline.opened(request.getfixturevalue(which))
    teacher = pipeline.given(torch.tensor([0, 2]) if pipeline.conditional else None)
    x, direction = (torch.randn(2, 1, 8, 8, generator=seeded(seed)) for seed in (1, 2))
    velocity, (derivative,) = teacher.velocity_jvp(x, 1.5, direction[None])
    step = 0.02
    ahead, behind = (teacher.velocity(x + side * step * direction, 1.5) for side in (1, -1))
    torch.testing.assert_close(velocity, teacher.velocity(x, 1.5))
    # Single precision over the step, and the square of the step.
    assert (derivative - (ahead - behind) / (2 * step)).norm() < 0.01 * derivative.norm()
    assert derivative.abs().max() > 0.1
