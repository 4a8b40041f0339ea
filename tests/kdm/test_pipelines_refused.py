"""Folders that are no pipeline of the kinds that are known, and what is said of each."""

import json
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from kdm import teachers
from kdm.teachers import Pipeline, PipelineError


def _changed(path, **entries):
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def without(name):
    return lambda folder: (folder / name).unlink()


def holding(name, text):
    return lambda folder: (folder / name).write_text(text)


def saying(name, **entries):
    return lambda folder: _changed(folder / name, **entries)


def as_variant(folder):
    plain = folder / "unet" / "diffusion_pytorch_model.safetensors"
    plain.rename(plain.with_suffix(".fp16.safetensors"))


INDEX, UNET, SCHEDULER = "model_index.json", "unet/config.json", "scheduler/scheduler_config.json"
SPOILED = {
    "no index": (without(INDEX), r"no pipeline at '.*': expected a folder with model_index\.json"),
    "no network": (without(UNET), r"expected config\.json in '.*unet', a part of the pipeline, found none"),
    "no weights": (
        without("unet/diffusion_pytorch_model.safetensors"), r"expected weights in '.*unet', a file \*\.safetensors"
    ),
    "no schedule": (without(SCHEDULER), r"expected scheduler_config\.json in '.*scheduler', a part of"),
    "an index that is a list": (holding(INDEX, "[]"), "expected a JSON object in .*, got list"),
    "an index that is no JSON": (holding(INDEX, "{"), "expected JSON in .*, got something else"),
    "text to image": (
        saying(INDEX, text_encoder=["transformers", "CLIPTextModel"]), "got scheduler: DDIMScheduler, text_enc"
    ),
    "another scheduler": (
        saying(INDEX, scheduler=["diffusers", "KarrasVeScheduler"]),
        "expected a scheduler among DDPMScheduler, .*, got KarrasVeScheduler in",
    ),
    "another prediction": (saying(SCHEDULER, prediction_type="flow"), "expected a prediction among epsilon, .*'flow'"),
    "other betas": (saying(SCHEDULER, beta_schedule="odd"), "the schedule in '.*' cannot be made: odd is not"),
    "nothing but noise": (
        saying(SCHEDULER, trained_betas=[0.1, 1.0]), r"the schedule in '.*' cannot be used: .* positive to a finite"
    ),
    "betas of text": (saying(SCHEDULER, beta_start="a"), r"the schedule in '.*' cannot be made: [^\n]*$"),
    "negative betas": (saying(SCHEDULER, beta_start=-0.1), "cannot be used: .* a beta that is not above 0 and below 1"),
    "one time": (saying(SCHEDULER, num_train_timesteps=1), "cannot be used: expected noise levels of at least two tim"),
    "no size": (saying(UNET, sample_size=None), "got sample_size None and 1 to 1 channels"),
    "one side": (saying(UNET, sample_size=[8]), r"got sample_size \[8\] and 1 to 1 channels"),
    "no channels": (saying(UNET, in_channels=None), "got sample_size 8 and None to 1 channels"),
    "numbered times": (saying(UNET, time_embedding_type="learned"), "expected .* 'positional', .*, got 'learned' in"),
    "logarithms of times": (saying(UNET, time_embedding_type="fourier"), "expected .* 'positional', .* 'fourier' in"),
    "a variant": (as_variant, r"expected weights .*, found only the variant diffusion_pytorch_model\.fp16\.safetens"),
    "other channels": (saying(UNET, out_channels=3), "got sample_size 8 and 1 to 3 channels"),
    "other classes": (saying(UNET, class_embed_type="timestep"), "numbered classes or of none, got the kind 'time"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), SPOILED.values(), ids=SPOILED.keys())
def test_a_folder_that_is_no_such_pipeline_is_refused(copied, spoil, message):
    assert Pipeline.opened(copied)
    spoil(copied)
    with pytest.raises(PipelineError, match=message):
        teachers.named(str(copied))


def test_weights_that_are_not_those_of_the_network_are_refused(copied):
    (copied / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"not weights")
    with pytest.raises(PipelineError, match="the network in '.*unet' cannot be loaded"):
        Pipeline.opened(copied)


def _lacking(tensors):
    del tensors["mid_block.resnets.0.conv1.weight"]


def _with_more(tensors):
    tensors["extra.weight"] = torch.zeros(1)


def _of_another_size(tensors):
    tensors["conv_out.bias"] = torch.zeros(7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_lacking, r"exactly the weights .* 1 missing, the first of them mid_block\.resnets\.0\.conv1\.weight: bring"),
        (_with_more, r"exactly the weights .* 1 unexpected, the first of them extra\.weight: bring the files of one"),
        (_of_another_size, "the network in '.*unet' cannot be loaded: .*conv_out"),
    ],
    ids=["one too few", "one too many", "of another size"],
)
def test_weights_that_are_not_all_those_of_the_network_are_refused_and_never_drawn(copied, change, message):
    path = copied / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(PipelineError, match=f"(?s){message}"):
        Pipeline.opened(copied)


def test_a_file_that_vanishes_is_named(copied):
    teacher = teachers.teacher_from_config(Pipeline.opened(copied).config())
    (copied / "scheduler" / "scheduler_config.json").unlink()
    with pytest.raises(PipelineError, match=r"cannot read scheduler/scheduler_config\.json in"):
        teacher.denoise(torch.zeros(1, 1, 8, 8), 1.0)


def test_without_diffusers_the_extra_is_named(ddim, monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(RuntimeError, match=r"expected diffusers, .* pip install 'kdm\[images\]'"):
        Pipeline.opened(ddim)
