"""Packing published arrays, on small synthetic files and on the published one."""

import numpy as np
import pytest
import torch

from kdm.importing.layouts import CHECKERBOARD, LAYOUTS, pack
from kdm.importing.time_first import TimeFirstArray
from kdm.teachers import Checkerboard
from kdm.trajectories import DataError, open_trajectories

N, TIMES = 500, 4


@pytest.fixture
def array(generator):
    """Straight lines from normal noise to the published board, as (time, sample, 2)."""
    noise = torch.randn(N, 2, dtype=torch.float64, generator=generator)
    data = Checkerboard(cell=20 / 9, half_width=40 / 9).sample_data(N, generator=generator)
    t = torch.linspace(0, 1, TIMES, dtype=torch.float64)[:, None, None]
    return ((1 - t) * noise + t * data).float().numpy()


def packed(tmp_path, array, layout=CHECKERBOARD):
    np.save(tmp_path / "source.npy", array)
    return pack(tmp_path / "source.npy", layout=layout, out=tmp_path / "data")


def test_packing_keeps_every_state_and_the_order(tmp_path, array):
    data = packed(tmp_path, array)
    np.testing.assert_array_equal(data.noise, array[0])
    np.testing.assert_array_equal(data.data, array[-1])
    np.testing.assert_array_equal(data.trajectory, np.moveaxis(array, 0, 1))
    assert data.manifest.permutation_seed is None
    assert data.manifest.time_name == "t"
    assert data.manifest.times == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert data.manifest.source["layout"] == "checkerboard"
    assert open_trajectories(tmp_path / "data").manifest == data.manifest


def test_the_labels_are_the_cells_of_the_published_board(tmp_path, array):
    data = packed(tmp_path, array)
    assert data.support == CHECKERBOARD.support
    assert data.support.cell == pytest.approx(2.2222, abs=1e-4)
    np.testing.assert_array_equal(data.labels, data.support.cells(torch.tensor(array[-1])).numpy())
    assert set(data.labels) == set(range(8))


def test_a_layout_with_its_noise_last_is_turned_round(tmp_path, array):
    backwards = TimeFirstArray(name="backwards", noise_index=-1, support=CHECKERBOARD.support)
    data = packed(tmp_path, array[::-1], layout=backwards)
    np.testing.assert_array_equal(data.trajectory, np.moveaxis(array, 0, 1))


def test_a_file_whose_time_runs_the_other_way_is_refused_with_the_reason(tmp_path, array):
    with pytest.raises(DataError, match=r"time runs the other way. It .* backwards.*'checkerboard'\].reversed"):
        packed(tmp_path, array[::-1])
    assert not (tmp_path / "data").exists()


def test_a_file_without_noise_is_refused(tmp_path, array):
    with pytest.raises(DataError, match=r"does not have the moments of N\(0, I\) \([\d.e+]+ standard errors") as caught:
        packed(tmp_path, 80 * array)
    assert "other way" not in str(caught.value)


def test_a_file_of_noise_alone_is_refused(tmp_path, array):
    with pytest.raises(DataError, match="both of its ends have the moments"):
        packed(tmp_path, array[[0, 0]])


@pytest.mark.parametrize(
    "wrong", [np.zeros((3, 5)), np.zeros((3, 50, 3)), np.zeros((1, 50, 2)), np.zeros((3, 50, 2), dtype=int)]
)
def test_an_array_of_another_shape_is_refused(tmp_path, wrong):
    with pytest.raises(DataError, match=r"the layout checkerboard is \(time, sample, 2\), floating"):
        packed(tmp_path, wrong)


def test_a_value_that_is_not_finite_is_refused(tmp_path, array):
    array[2, 7, 1] = np.nan
    with pytest.raises(DataError, match=r"source.npy' is not finite in row 2"):
        packed(tmp_path, array)


def test_what_is_not_there_or_not_an_array_is_refused(tmp_path):
    with pytest.raises(DataError, match="nothing to pack at .*: expected the published file or folder"):
        pack(tmp_path / "absent.npy", layout=CHECKERBOARD, out=tmp_path / "data")
    (tmp_path / "text.npy").write_text("not an array")
    with pytest.raises(DataError, match="is not an array that NumPy can map"):
        pack(tmp_path / "text.npy", layout=CHECKERBOARD, out=tmp_path / "data")
    np.savez(tmp_path / "several.npz", a=np.zeros(3))
    with pytest.raises(DataError, match=r"holds several arrays: expected a single \.npy file"):
        pack(tmp_path / "several.npz", layout=CHECKERBOARD, out=tmp_path / "data")


def test_a_pickled_array_is_never_executed(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="is not an array that NumPy can map"):
        pack(tmp_path / "objects.npy", layout=CHECKERBOARD, out=tmp_path / "data")


def test_the_table_names_each_layout_as_it_names_itself():
    assert LAYOUTS
    assert all(layout.name == name for name, layout in LAYOUTS.items())


@pytest.mark.reference
def test_the_published_file_is_what_its_layout_says(tmp_path, reference_data):
    data = pack(reference_data / "checkerboard_flow_matching.npy", layout=CHECKERBOARD, out=tmp_path / "data")
    assert data.trajectory.shape == (50_000, 10, 2)
    assert data.manifest.heldout == 5000
    states = torch.tensor(data.data)
    # Measured when the file was first read: the published teacher leaks this much.
    assert float((~data.support.contains(states)).double().mean()) == pytest.approx(0.0343, abs=0.002)
    assert float(data.support.distance(states).mean()) == pytest.approx(0.0018, abs=0.0003)
