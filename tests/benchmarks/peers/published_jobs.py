"""The published trainer's part: its model, its losses and its update, from the folder of its code.

Its perceptual loss wants weights from the network, and is not among the losses that are measured; its critic neither.
"""

import copy
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import image_task
import torch
from worker import Task, serve

CODE = "KDM_PUBLISHED_CODE"


def _model(size: image_task.Size) -> Any:
    sys.path.insert(0, os.environ[CODE])
    perceptual = ModuleType("piq")
    perceptual.LPIPS = lambda **options: torch.nn.Identity()  # type: ignore[attr-defined]
    sys.modules["piq"] = perceptual
    from models.koopman_model import AdversarialOneStepKoopmanCifar10
    from utils.names import CondType, RecLossType

    torch.manual_seed(0)
    return AdversarialOneStepKoopmanCifar10(
        img_resolution=size.side, in_channels=3, out_channels=1, model_channels=size.channels,
        channel_mult=list(size.multipliers), num_blocks=size.blocks, attn_resolutions=[size.side // 2],
        rec_loss_type=RecLossType.L2, noisy_latent=0.4, cond_type=CondType.Uncond,
    )  # fmt: skip


def _step(folder: Path) -> Task:
    size = image_task.size(folder)
    model = _model(size).train()
    average = copy.deepcopy(model).requires_grad_(False)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-4)
    noise, data = image_task.pairs(size)

    def work() -> None:
        optimiser.zero_grad()
        model.loss(model(x0=data, xT=noise))["loss"].backward()
        for parameter in model.parameters():
            torch.nan_to_num(parameter.grad, nan=0, posinf=1e5, neginf=-1e5, out=parameter.grad)
        optimiser.step()
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
                slow.copy_(fast.detach().lerp(slow, 0.9999))

    return Task(work, lambda _: {"parameters": sum(each.numel() for each in model.parameters())})


def _sample(folder: Path) -> Task:
    size = image_task.size(folder)
    model, shape = _model(size).eval(), (3, size.side, size.side)
    return Task(
        lambda: model.sample(size.samples, torch.device("cpu"), shape)[0], lambda found: {"shape": list(found.shape)}
    )  # fmt: skip


if __name__ == "__main__":
    serve({"step": _step, "sample": _sample}, distributions=("torch",))
