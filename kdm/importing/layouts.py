"""The layouts in which trajectories were published, and packing them into a data set.

No published file says which of its ends is noise, and the conventions differ. A layout states it, and the files are
held to that statement (`ends`): a sample of them before anything is written, and all of them at the end.

    checkerboard          one array (time, sample, 2), flow matching from N(0, I)
    cifar10-edm           3 × 32 × 32, EDM from σ = 80; noise first, data last
    cifar10-edm-test      its test set, stored the other way round
    cifar10-flow          3 × 32 × 32, flow matching from N(0, I); data first
    cifar10-conditional   3 × 32 × 32, EDM, with the class as a one-hot vector; data first
    image64               3 × 64 × 64 (FFHQ, AFHQv2), EDM; data first

All but the first are folders with one .npz file a sample.
"""

from collections.abc import Mapping
from pathlib import Path

from kdm.importing.ends import Ends
from kdm.importing.layout import Layout
from kdm.importing.sample_folder import OneHot, SampleFolder
from kdm.importing.time_first import TimeFirstArray
from kdm.teachers import CheckerboardSupport
from kdm.trajectories import DataError, Trajectories

_FIRST, _LAST = 0, -1
_CIFAR10, _IMAGE64 = (3, 32, 32), (3, 64, 64)
_EDM, _FLOW = Ends(noise_scale=80.0, data_at_most=1.0), Ends(noise_scale=1.0, data_at_most=1.0)
_EDM_TIMES, _FLOW_TIMES = (80.0, 0.0), (0.0, 1.0)

CHECKERBOARD = TimeFirstArray(
    name="checkerboard", noise_index=_FIRST, support=CheckerboardSupport(cell=20 / 9, half_width=40 / 9)
)
"""The checkerboard published with the KDM paper (Berman et al. 2025): ten times, cells of 20/9 on ±40/9."""
CIFAR10_EDM = SampleFolder(
    name="cifar10-edm", key="arr_0", noise_index=_FIRST, shape=_CIFAR10, ends=_EDM, times=_EDM_TIMES, time_name="sigma"
)
CIFAR10_EDM_TEST = SampleFolder(
    name="cifar10-edm-test", key="arr_0", noise_index=_LAST, shape=_CIFAR10, ends=_EDM, times=_EDM_TIMES,
    time_name="sigma",
)  # fmt: skip
CIFAR10_FLOW = SampleFolder(
    name="cifar10-flow", key="arr1", noise_index=_LAST, shape=_CIFAR10, ends=_FLOW, times=_FLOW_TIMES, time_name="t"
)
CIFAR10_CONDITIONAL = SampleFolder(
    name="cifar10-conditional", key="endpoints", noise_index=_LAST, shape=_CIFAR10, ends=_EDM, times=_EDM_TIMES,
    time_name="sigma", label=OneHot(key="label", classes=10),
)  # fmt: skip
IMAGE64 = SampleFolder(
    name="image64", key="arr_0", noise_index=_LAST, shape=_IMAGE64, ends=_EDM, times=_EDM_TIMES, time_name="sigma"
)

LAYOUTS: Mapping[str, Layout] = {
    layout.name: layout
    for layout in (CHECKERBOARD, CIFAR10_EDM, CIFAR10_EDM_TEST, CIFAR10_FLOW, CIFAR10_CONDITIONAL, IMAGE64)
}
"""Every layout, by the name that the command line uses."""


def pack(source: str | Path, *, layout: Layout, out: str | Path, seed: int = 0, progress: bool = False) -> Trajectories:
    """The published trajectories in `source` as a data set in the folder `out`.

    Args:
        source: the published file or folder.
        layout: that it has.
        out: the folder of the data set; the same call goes on where an interrupted one stopped.
        seed: of the permutation, where the layout is shuffled; the manifest records it.
        progress: draw a bar on the standard error stream.

    Raises:
        DataError: if there is no source, it does not have the layout, or `out` holds something.
        FolderInUse: if another process is writing it.
    """
    source = Path(source)
    if not source.exists():
        raise DataError(f"nothing to pack at '{source}': expected the published file or folder.")
    try:
        layout.require_fit(source, seed=seed)
    except DataError as error:
        raise DataError(f"{error}{_advice(source, layout, seed=seed)}") from None
    return layout.packed(source, out=Path(out), seed=seed, progress=progress)


def _advice(source: Path, layout: Layout, *, seed: int) -> str:
    """Which layout the source has instead, as a sentence; empty where none is known."""
    fitting = [name for name, other in LAYOUTS.items() if other != layout and _fits(source, other, seed=seed)]
    if fitting:
        return f" It has the layout {' or '.join(fitting)}."
    if _fits(source, layout.reversed, seed=seed):
        return f" It has the layout {layout.name} backwards: in Python, LAYOUTS['{layout.name}'].reversed."
    return ""


def _fits(source: Path, layout: Layout, *, seed: int) -> bool:
    try:
        layout.require_fit(source, seed=seed)
    except DataError:
        return False
    return True
