"""Pipelines of diffusers as small as they get: fixtures, for the conftest of a folder of tests."""

import json
import shutil

import pytest
import torch

TIMES = 50
BETAS = {"num_train_timesteps": TIMES, "beta_start": 0.002, "beta_end": 0.4, "clip_sample": False}


def written(folder, scheduler, **changes):
    """A pipeline with a network that is not trained."""
    diffusers = pytest.importorskip("diffusers")
    network = {
        "sample_size": 8, "in_channels": 1, "out_channels": 1, "layers_per_block": 1, "block_out_channels": (8, 8),
        "norm_num_groups": 4, "down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2,
        "add_attention": False,
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = diffusers.UNet2DModel(**{**network, **changes})
    diffusers.DDIMPipeline(unet, diffusers.DDIMScheduler()).save_pretrained(folder)
    name = type(scheduler).__name__
    scheduler.save_pretrained(folder / "scheduler")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "scheduler": ["diffusers", name]}))
    return folder


@pytest.fixture(scope="module")
def ddim(tmp_path_factory):
    scheduler = pytest.importorskip("diffusers").DDIMScheduler(**BETAS)
    return written(tmp_path_factory.mktemp("pipelines") / "ddim", scheduler)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipelines") / "conditional"
    scheduler = pytest.importorskip("diffusers").EDMEulerScheduler(sigma_min=0.01, sigma_max=20)
    return written(folder, scheduler, num_class_embeds=3)


@pytest.fixture
def copied(ddim, tmp_path):
    return shutil.copytree(ddim, tmp_path / "pipeline")
