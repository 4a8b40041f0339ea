"""Two processes that train one model: killed together they go on to the same bits, and one alone does not hang."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from processes import running_together
from safetensors.torch import load_file
from tiny_experiments import same, trained

import kdm
from kdm.configuration import to_json
from kdm.networks import ResidualMLPConfig
from kdm.networks.discriminator import CriticConfig
from kdm.teachers import Empirical
from kdm.training.adversary import Adversary
from kdm.training.batches import ImportanceConfig
from kdm.training.distillation import load
from kdm.training.optimisation import AdamConfig
from kdm.training.runs import RunFolder
from kdm.trajectories import collect

PROGRAM = """
import os, pathlib, signal, sys, torch
from kdm.configuration import from_json
from kdm.training.distillation import DistillationConfig, distil
from kdm.training.distributed import joined_processes
from kdm.trajectories import open_trajectories
torch.set_num_threads(1)
config, data, folder = from_json(DistillationConfig, {config!r}), open_trajectories({data!r}), pathlib.Path({folder!r})
device = torch.device("cpu")

def trained(name):
    for step in distil(config, data, folder / name, device=device):
        yield step.index, step.losses.total.item(), None if step.heldout is None else step.heldout.relative_rmse

with joined_processes(device) as processes:
    {block}
"""

TRAINED_THEN_KILLED = """
    print(list(trained("whole")), flush=True)
    for index, *_ in trained("killed"):
        if index == 8:
            os.kill(os.getpid(), signal.SIGKILL)
"""

RESUMED = """
    print([index for index, *_ in trained("killed")], flush=True)
"""

RESUMED_THEN_FAILING = """
    print([index for index, *_ in trained("killed")], flush=True)
    print(list(trained("killed")), flush=True)
    for index, *_ in trained("failing"):
        if index == 3 and processes.rank == 1:
            raise ZeroDivisionError
"""


@pytest.fixture
def plain(config):
    """The tiny experiment without dropout, on batches that an error decides; one that two processes share unequally."""
    tiny = ResidualMLPConfig(width=16, blocks=1)
    architecture = replace(config.architecture, noise_encoder=tiny, data_encoder=tiny, decoder=tiny)
    training = replace(
        config.training, batch=61, optimiser=AdamConfig(), batches=ImportanceConfig(redraw_every=4), micro_batch=16,
        clipping=1.0,
    )  # fmt: skip
    objective = replace(config.objective, latent_noise=0.4, spectral_weight=0.1)
    return replace(config, architecture=architecture, training=training, objective=objective)


def test_two_processes_train_one_model_resume_from_a_kill_and_end_with_each_other(plain, data, tmp_path):
    def weights(name: str) -> dict[str, torch.Tensor]:
        return load_file(tmp_path / name / "model.safetensors")

    with running_together(tmp_path, imports="kdm.training.distillation") as run:
        fill = {"config": to_json(plain), "data": str(data.folder), "folder": str(tmp_path)}
        first, second = run(PROGRAM.format(**fill, block=TRAINED_THEN_KILLED))
        assert RunFolder(tmp_path / "killed").trained_steps() == 5
        survivor, failed = run(PROGRAM.format(**fill, block=RESUMED_THEN_FAILING))

    assert first.status == second.status == -signal.SIGKILL, first.err + second.err
    assert first.out == second.out != "", "losses and held-out errors are the same numbers in both"
    load(tmp_path / "whole")
    # As one process does it, to rounding: ten steps of Adam let differences of 1e-7 in its gradients grow.
    alone = trained(plain, data, tmp_path / "alone")
    error = max(float((alone[name] - value).abs().max()) for name, value in weights("whole").items())
    halved = trained(replace(plain, training=replace(plain.training, batch=30)), data, tmp_path / "halved")
    other = max(float((alone[name] - value).abs().max()) for name, value in halved.items())
    assert error < 2e-5 < 5e-4 < other
    assert all(entry["gradient_norm"] > 0 for entry in RunFolder(tmp_path / "whole").metrics())

    assert survivor.out == failed.out == "[6, 7, 8, 9, 10]\n[]\n"
    assert same(weights("killed"), weights("whole"))
    assert RunFolder(tmp_path / "killed").metrics() == RunFolder(tmp_path / "whole").metrics()
    assert "ZeroDivisionError" in failed.err
    assert survivor.status == 1
    assert "ProcessLost: expected 2 processes to go on together, one is gone or has not answered" in survivor.err
    assert not list(tmp_path.rglob(".lock"))


def test_two_processes_agree_before_and_after_an_adversary_begins_and_resume_across_it(plain, tmp_path):
    points = torch.randn(6, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pictures = collect(
        Empirical(points=points, bandwidth=0.1), 80, generator=torch.Generator().manual_seed(0), steps=4,
        out=tmp_path / "pictures",
    )  # fmt: skip
    adversary = Adversary(critic=CriticConfig(channels=(4, 8)), weight=0.3, smoothness=0.5, start=7)
    config = replace(plain, adversary=adversary)
    with running_together(tmp_path, imports="kdm.training.distillation") as run:
        fill = {"config": to_json(config), "data": str(pictures.folder), "folder": str(tmp_path)}
        first, second = run(PROGRAM.format(**fill, block=TRAINED_THEN_KILLED))
        assert RunFolder(tmp_path / "killed").trained_steps() == 5
        ended = run(PROGRAM.format(**fill, block=RESUMED))
    assert first.out == second.out != "", first.err + second.err
    assert [each.out for each in ended] == 2 * ["[6, 7, 8, 9, 10]\n"]
    states = [torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("whole", "killed")]
    assert states[0]["rival"]["optimiser"]["state"], "the critic has learned"
    for part in ("module", "average"):
        assert same(states[0][part], states[1][part])
    assert same(states[0]["rival"]["module"], states[1]["rival"]["module"])


@pytest.mark.slow
def test_torchrun_trains_in_two_processes_that_print_once_and_refuses_a_folder_for_both(data, tmp_path):
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "kdm", "train", "mixture",
        "--data", str(data.folder), "--steps", "3", "--out",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(Path(kdm.__file__).parents[1])}

    def run(out: Path) -> subprocess.CompletedProcess:
        return subprocess.run([*command, str(out)], env=environment, capture_output=True, text=True, check=False)

    done = run(tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("held-out error") == 1
    load(tmp_path / "run")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    refused = run(tmp_path / "thesis")
    assert refused.returncode != 0
    assert "error: expected '" in refused.stderr
    assert "the process of rank 0 stopped, and so does that of rank 1: RunError: expected '" in refused.stderr
