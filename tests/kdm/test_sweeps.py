import numpy as np
import pytest
import torch

from kdm.evaluation import paired_error
from kdm.sweeps import latent_quality, latent_trainings
from kdm.training.distillation import load
from kdm.training.runs import RunError

CPU = torch.device("cpu")


def test_a_sweep_trains_each_dimension_and_seed_in_a_run_of_its_own(config, data, tmp_path):
    trainings = latent_trainings(config, tmp_path, latents=(2, 16), seeds=(0, 3))
    for training in trainings:
        *_, last = training.steps(data, device=CPU)
        assert last.index == config.training.steps
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "latent-0002-seed-0", "latent-0002-seed-3", "latent-0016-seed-0", "latent-0016-seed-3"
    ]  # fmt: skip
    models = [load(training.run) for training in trainings]
    assert [model.operator.matrix.shape[0] for model in models] == [2, 2, 16, 16]
    assert not torch.equal(models[0].operator.matrix, models[1].operator.matrix)
    quality = latent_quality(trainings[2], data)
    assert (quality.latent, quality.seed) == (16, 0)
    assert quality.error == paired_error(models[2], data.heldout())
    # The state error of the closure is the square of the paired error, by another route.
    assert np.sqrt(quality.closure.state_error.estimate) == pytest.approx(quality.error.relative_rmse, rel=1e-5)
    assert quality.parameters > latent_quality(trainings[0], data).parameters


def test_a_sweep_that_was_interrupted_goes_on_and_a_finished_one_is_only_read(config, data, tmp_path):
    straight, stopped = (
        latent_trainings(config, tmp_path / name, latents=(4,), seeds=(1,))[0] for name in ("straight", "stopped")
    )
    list(straight.steps(data, device=CPU))
    steps = stopped.steps(data, device=CPU)
    for step in steps:
        if step.heldout is not None:
            break
    steps.close()
    assert step.index < config.training.steps
    with pytest.raises(RunError, match="expected a finished training"):
        latent_quality(stopped, data)
    resumed = list(stopped.steps(data, device=CPU))
    assert [step.index for step in resumed] == list(range(step.index + 1, config.training.steps + 1))
    assert latent_quality(stopped, data) == latent_quality(straight, data)
    assert list(stopped.steps(data, device=CPU)) == []


@pytest.mark.parametrize(
    ("latents", "seeds", "message"),
    [
        ((), (0,), r"different latent dimensions, at least one, got \[\]"),
        ((2,), (1, 1), r"different seeds, .* \[1, 1\]"),
    ],
)
def test_a_sweep_over_nothing_or_the_same_twice_is_refused(config, tmp_path, latents, seeds, message):
    with pytest.raises(ValueError, match=message):
        latent_trainings(config, tmp_path, latents=latents, seeds=seeds)
