"""What several processes do together.

Moments of disjoint parts of the data merge by addition (`koopman_analysis.moments`). `all_gathered` is the `gather`
that they take: every process receives the moments of all, in the order of their ranks, and adds them up itself, so that
all end with the same bits, which a reduction does not promise.

    moments = GramMoments.of(my_pairs, psi).merged(all_gathered)
"""

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import distributed

from koopman_analysis.moments import FactorMoments, GramMoments

Moments = TypeVar("Moments", FactorMoments, GramMoments)


def all_gathered(moments: Moments) -> list[Moments]:
    """The moments of every process, by rank; the process's own alone where no process group is initialised.

    Raises:
        ValueError: If the processes' moments are not of the same dictionaries.
    """
    if not distributed.is_initialized():
        return [moments]
    name = "gram" if isinstance(moments, GramMoments) else "factor"
    own = torch.as_tensor(getattr(moments, name))
    place = torch.device("cuda") if distributed.get_backend() == "nccl" else torch.device("cpu")
    heads = _gathered(torch.tensor([moments.count, *moments.sizes, int(own.is_complex())], device=place))
    if any(head[1:].tolist() != heads[0][1:].tolist() for head in heads):
        told = [tuple(head[1:4].tolist()) for head in heads]
        raise ValueError(f"expected moments of the same dictionaries, got sizes (m_in, m_out, d) {told} by rank")
    arrays = _gathered(own.to(place))
    parts: list[Moments] = []
    for head, array in zip(heads, arrays, strict=True):
        values: Any = array.cpu().numpy() if isinstance(getattr(moments, name), np.ndarray) else array.to(own.device)
        parts.append(replace(moments, count=int(head[0]), **{name: values}))
    return parts


def _gathered(own: torch.Tensor) -> list[torch.Tensor]:
    """The tensors of all processes, all of one shape and type."""
    flat = torch.view_as_real(own) if own.is_complex() else own
    found = [torch.empty_like(flat, memory_format=torch.contiguous_format) for _ in range(distributed.get_world_size())]
    distributed.all_gather(found, flat.contiguous())
    return [torch.view_as_complex(tensor) if own.is_complex() else tensor for tensor in found]
