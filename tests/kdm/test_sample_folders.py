"""Packing folders of one file a sample: in each published layout, whatever the permutation, never in a wrong one."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published_files import FOLDERS, written

from kdm.__main__ import main
from kdm.importing import sample_folder
from kdm.importing.ends import Ends
from kdm.importing.layouts import CIFAR10_CONDITIONAL, CIFAR10_EDM, CIFAR10_FLOW, IMAGE64, LAYOUTS, pack
from kdm.importing.sample_folder import sample_names
from kdm.trajectories import DataError, open_trajectories

N = 24
SMALL = replace(CIFAR10_CONDITIONAL, shape=(3, 4, 4))
"""The conditional layout with small images."""
SAVES = st.sampled_from([np.savez, np.savez_compressed])


def rows_of(noise, among):
    """Which row of `among` each row of noise is."""
    flat = {row.tobytes(): index for index, row in enumerate(among)}
    return [flat[row.tobytes()] for row in noise]


def test_the_table_has_the_five_folders():
    assert set(FOLDERS) == {"cifar10-edm", "cifar10-edm-test", "cifar10-flow", "cifar10-conditional", "image64"}


@pytest.mark.parametrize("layout", FOLDERS.values(), ids=FOLDERS)
def test_every_layout_is_packed_with_its_noise_its_data_and_its_labels(tmp_path, layout):
    expected = written(tmp_path / "set", layout, N)
    data = pack(tmp_path / "set", layout=layout, out=tmp_path / "data")
    order = rows_of(data.noise, expected["noise"])
    assert sorted(order) == list(range(N))
    assert order != sorted(order), "they are shuffled"
    np.testing.assert_array_equal(data.data, expected["data"][order])
    assert data.noise.std() == pytest.approx(layout.ends.noise_scale, rel=0.02)
    assert (data.labels is None) == (layout.label is None)
    if data.labels is not None:
        np.testing.assert_array_equal(data.labels, expected["labels"][order])
    assert (data.manifest.times[0] == 80) == (data.manifest.time_name == "sigma") == (layout is not CIFAR10_FLOW)
    assert data.trajectory is None
    assert data.manifest.source["layout"] == layout.name
    assert data.manifest.source["stored_times"] == 3


def test_a_packed_conditional_set_opens_with_its_labels(tmp_path):
    written(tmp_path / "set", SMALL, N)
    data = pack(tmp_path / "set", layout=SMALL, out=tmp_path / "data")
    opened = open_trajectories(tmp_path / "data")
    np.testing.assert_array_equal(opened.training().labels, data.labels[: N - N // 10])
    assert opened.heldout().labels.shape == (N // 10,)


@given(
    st.integers(0, 2**63 - 1), st.integers(10, 40), st.integers(2, 4), st.sampled_from([np.savez, np.savez_compressed])
)
def test_pairs_stay_pairs_whatever_the_permutation(tmp_path_factory, seed, count, times, save):
    place = tmp_path_factory.mktemp("set")
    expected = written(place / "set", SMALL, count, times=times, save=save)
    data = pack(place / "set", layout=SMALL, out=place / "data", seed=seed)
    order = np.random.default_rng(data.manifest.permutation_seed).permutation(count)
    assert data.manifest.permutation_seed == seed
    np.testing.assert_array_equal(data.noise, expected["noise"][order])
    np.testing.assert_array_equal(data.data, expected["data"][order])
    np.testing.assert_array_equal(data.labels, expected["labels"][order])


def test_files_are_taken_in_the_natural_order_of_their_names(tmp_path):
    ordered = ["0.npz", "09.npz", "9.npz", "10.npz", "1" + 30 * "0" + ".npz", "a.npz", "b2.npz", "b10.npz"]
    for name in ordered[::-1]:
        (tmp_path / name).touch()
    assert sample_names(tmp_path) == ordered


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8"])
def test_numbers_of_any_precision_byte_order_and_memory_order_are_read(tmp_path, dtype):
    layout = replace(SMALL, label=None)

    def save(path, **arrays):
        np.savez(path, **{name: np.asfortranarray(array.astype(dtype)) for name, array in arrays.items()})

    expected = written(tmp_path / "set", layout, N, save=save)
    assert not np.load(tmp_path / "set" / "0.npz")["endpoints"].flags.c_contiguous
    data = pack(tmp_path / "set", layout=layout, out=tmp_path / "data")
    order = np.random.default_rng(0).permutation(N)
    stored = expected["noise"].astype(dtype).astype(np.float32)
    np.testing.assert_array_equal(data.noise, stored[order])


def test_a_finished_set_is_opened_and_another_seed_is_refused(tmp_path):
    written(tmp_path / "set", SMALL, N)
    first = pack(tmp_path / "set", layout=SMALL, out=tmp_path / "data")
    assert pack(tmp_path / "set", layout=SMALL, out=tmp_path / "data").manifest == first.manifest
    with pytest.raises(DataError, match="already holds another data set .*differs in permutation_seed"):
        pack(tmp_path / "set", layout=SMALL, out=tmp_path / "data", seed=1)


MISTAKEN = [
    ("cifar10-edm", "cifar10-edm-test", "the other way"),
    ("cifar10-edm-test", "cifar10-edm", "the other way"),
    ("cifar10-flow", "cifar10-edm", "expected one array arr_0 in .*, got arr1"),
    ("cifar10-conditional", "cifar10-edm", "expected one array arr_0 in .*, got endpoints, label"),
    ("image64", "cifar10-edm-test", r"expected \(time, 3, 32, 32\), .* got \(3, 3, 64, 64\)"),
    ("image64", "checkerboard", "is not a file: expected a single .npy file"),
]


@pytest.mark.parametrize(("true", "said", "reason"), MISTAKEN)
def test_a_set_of_another_layout_is_refused_by_a_sample_with_the_reason_and_its_true_name(tmp_path, true, said, reason):
    written(tmp_path / "set", FOLDERS[true], N)
    with pytest.raises(DataError, match=f"{reason}.* It has the layout {true}\\.$"):
        pack(tmp_path / "set", layout=LAYOUTS[said], out=tmp_path / "data")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_set_that_no_layout_names_but_one_backwards_does_is_told_so(tmp_path):
    written(tmp_path / "set", IMAGE64.reversed, N)
    with pytest.raises(
        DataError, match=r"It has the layout image64 backwards: in Python, LAYOUTS\['image64'\].reversed"
    ):
        pack(tmp_path / "set", layout=IMAGE64, out=tmp_path / "data")
    data = pack(tmp_path / "set", layout=IMAGE64.reversed, out=tmp_path / "data")
    assert data.noise.std() == pytest.approx(80, rel=0.02)


def test_ends_that_fit_no_layout_are_refused_without_a_name(tmp_path):
    written(tmp_path / "set", replace(CIFAR10_EDM, ends=Ends(noise_scale=40.0, data_at_most=1.0)), N)
    with pytest.raises(DataError, match=r"moments of N\(0, 80² I\)") as caught:
        pack(tmp_path / "set", layout=CIFAR10_EDM, out=tmp_path / "data")
    assert "It has the layout" not in str(caught.value)


def test_what_a_sample_does_not_show_is_refused_at_the_end_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(sample_folder, "SAMPLE", 12)
    rows = np.random.default_rng(0).permutation(40)
    written(tmp_path / "set", SMALL, 40)
    late = np.full((3, 3, 4, 4), 0.5)
    late[2] = 8000.0
    np.savez(tmp_path / "set" / f"{rows[-1]}.npz", endpoints=late, label=np.eye(10)[3])
    SMALL.require_fit(tmp_path / "set", seed=0)
    with pytest.raises(DataError, match="does not have the layout cifar10-conditional: the end that should be noise"):
        pack(tmp_path / "set", layout=SMALL, out=tmp_path / "data")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_pair_that_occurs_twice_is_refused_with_both_names(tmp_path):
    written(tmp_path / "set", SMALL, N)
    (tmp_path / "set" / "7.npz").write_bytes((tmp_path / "set" / "19.npz").read_bytes())
    with pytest.raises(DataError, match="'(7|19).npz' and '(7|19).npz' in .*set' hold the same noise, one of 1 such"):
        pack(tmp_path / "set", layout=SMALL, out=tmp_path / "data")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_file_with_fewer_times_than_the_others_is_refused(tmp_path):
    written(tmp_path / "set", SMALL, N, times=3)
    written(tmp_path / "one", SMALL, 1, times=2, seed=5)
    (tmp_path / "one" / "0.npz").replace(tmp_path / "set" / "11.npz")
    with pytest.raises(DataError, match="expected 3 times in .*11.npz', as in .*, got 2"):
        pack(tmp_path / "set", layout=SMALL, out=tmp_path / "data")


def test_too_few_files_are_refused(tmp_path):
    written(tmp_path / "set", SMALL, 9)
    with pytest.raises(DataError, match="there are 9 trajectories: expected at least 10"):
        pack(tmp_path / "set", layout=SMALL, out=tmp_path / "data")


def test_the_manifest_says_from_what_it_was_packed_and_in_which_order(tmp_path):
    written(tmp_path / "set", SMALL, N)
    pack(tmp_path / "set", layout=SMALL, out=tmp_path / "data", seed=5)
    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text())
    assert manifest["permutation_seed"] == 5
    assert manifest["heldout"] == N // 10
    assert manifest["source"]["folder"] == "set"
    assert str(tmp_path) not in json.dumps(manifest), "no path of this machine"


def test_the_command_packs_a_folder_with_a_seed(tmp_path, capsys):
    written(tmp_path / "set", CIFAR10_FLOW, N)
    main(["pack", str(tmp_path / "set"), "--layout", "cifar10-flow", "--out", str(tmp_path / "data"), "--seed", "3"])
    assert f"{N} pairs" in capsys.readouterr().out
    assert open_trajectories(tmp_path / "data").manifest.permutation_seed == 3


def test_the_help_of_the_command_names_every_layout(capsys):
    with pytest.raises(SystemExit):
        main(["pack", "--help"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in LAYOUTS)
