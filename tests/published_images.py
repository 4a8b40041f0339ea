"""Small state dicts in the layout of the published image models, with weights that a formula gives."""

from collections.abc import Iterator
from itertools import count

import torch

SIDE, CHANNELS, MULTIPLIERS, BLOCKS, ATTENTION_AT, CLASSES = 8, 16, (1, 2, 2), 2, (4,), 3
ENCODERS = ("x0_observables_encoder", "xT_observables_encoder")

Shapes = dict[str, tuple[int, ...]]


def shapes(*, labels: bool = False, control: bool = False, latent: int = 64, factorised: bool = False) -> Shapes:
    """Names and shapes of all parameters of a model of 3 x 8 x 8 pictures."""
    found: Shapes = {}
    projected = latent != SIDE**2
    for name in (*ENCODERS, "x0_observables_decoder"):
        planes = (1, 3) if name.endswith("decoder") else (3, 1)
        prefix = f"{name}.main_module" if projected else name
        found |= {f"{prefix}.{key}": shape for key, shape in _network(*planes, labels=labels)}
        if projected:
            ends = (latent, SIDE**2) if name in ENCODERS else (SIDE**2, latent)
            found |= {f"{name}.linear.weight": ends, f"{name}.linear.bias": ends[:1]}
    if factorised:
        found |= {f"koopman_operator.{name}": (latent, latent) for name in ("P_re", "P_im", "P_inv_re", "P_inv_im")}
        found |= {f"koopman_operator.{name}": (latent,) for name in ("nu_log", "theta_log")}
    else:
        found |= {"koopman_operator.weight": (latent, latent), "koopman_operator.bias": (latent,)}
    if control:
        found |= {"koopman_control.weight": (latent, CLASSES), "koopman_control.bias": (latent,)}
    return found


def state(of: Shapes) -> dict[str, torch.Tensor]:
    """Weights of order one through every layer, each from a generator seeded by its place among the sorted names."""
    found = {}
    for seed, name in zip(count(), sorted(of)):
        drawn = torch.randn(of[name], generator=torch.Generator().manual_seed(seed))
        if len(of[name]) > 1:
            found[name] = drawn / drawn[0].numel() ** 0.5
        else:
            found[name] = 0.3 * drawn + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
    return found


def _network(inward: int, outward: int, *, labels: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    embedded, width = 4 * CHANNELS, [CHANNELS * factor for factor in MULTIPLIERS]
    if labels:
        yield from _layer("map_label", CHANNELS, CLASSES)
    yield from _layer("map_layer0", embedded, CHANNELS)
    yield from _layer("map_layer1", embedded, embedded)
    yield from _layer(f"enc.{SIDE}x{SIDE}_conv", CHANNELS, inward, 3, 3)
    kept, current = [CHANNELS], CHANNELS
    for level, channels in enumerate(width):
        side = SIDE >> level
        if level:
            yield from _block(f"enc.{side}x{side}_down", current, current, projected=True)
            kept.append(current)
        for index in range(BLOCKS):
            yield from _block(f"enc.{side}x{side}_block{index}", current, channels, attention=side in ATTENTION_AT)
            kept.append(current := channels)
    for level, channels in reversed(list(enumerate(width))):
        side = SIDE >> level
        if level == len(width) - 1:
            yield from _block(f"dec.{side}x{side}_in0", current, current, attention=True)
            yield from _block(f"dec.{side}x{side}_in1", current, current)
        else:
            yield from _block(f"dec.{side}x{side}_up", current, current, projected=True)
        for index in range(BLOCKS + 1):
            attention = index == BLOCKS and side in ATTENTION_AT
            inputs = current + kept.pop()
            yield from _block(f"dec.{side}x{side}_block{index}", inputs, channels, attention=attention)
            current = channels
    yield from _norm(f"dec.{SIDE}x{SIDE}_aux_norm", current)
    yield from _layer(f"dec.{SIDE}x{SIDE}_aux_conv", outward, current, 3, 3)


def _block(
    name: str, inputs: int, outputs: int, *, attention: bool = False, projected: bool = False
) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _norm(f"{name}.norm0", inputs)
    yield from _layer(f"{name}.conv0", outputs, inputs, 3, 3)
    yield from _layer(f"{name}.affine", outputs, 4 * CHANNELS)
    yield from _norm(f"{name}.norm1", outputs)
    yield from _layer(f"{name}.conv1", outputs, outputs, 3, 3)
    if projected or inputs != outputs:
        yield from _layer(f"{name}.skip", outputs, inputs, 1, 1)
    if attention:
        yield from _norm(f"{name}.norm2", outputs)
        yield from _layer(f"{name}.qkv", 3 * outputs, outputs, 1, 1)
        yield from _layer(f"{name}.proj", outputs, outputs, 1, 1)


def _layer(name: str, *shape: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _norm(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (channels,)
    yield f"{name}.bias", (channels,)
