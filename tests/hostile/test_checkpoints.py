"""Pickled checkpoints are read without being run, whatever they hold."""

import zipfile

import numpy as np
import published_checkpoint as published
import pytest
import torch
from archives import CLASSES, LINEAR, STORAGE, archive, module_program

from kdm.importing import checkpoints
from kdm.importing.archive import CheckpointError, ModuleRecord, module_in
from kdm.importing.checkpoints import published_checkerboard


def test_a_module_is_read_as_it_was_saved(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.SiLU(), torch.nn.Linear(4, 2))
    torch.save(module, tmp_path / "module.pt")
    record = module_in(tmp_path / "module.pt", classes=CLASSES)
    assert isinstance(record, ModuleRecord)
    found = dict(record.tensors())
    expected = {name: value.numpy() for name, value in module.state_dict().items()}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_our_own_archives_are_read_where_they_are_honest(tmp_path):
    data = np.arange(8, dtype="<f4").tobytes()
    record = module_in(archive(tmp_path / "m.pt", module_program(), storages={"0": data}), classes={LINEAR})
    np.testing.assert_array_equal(dict(record.tensors())["weight"], [[0, 1], [2, 3]])


@pytest.mark.parametrize(
    ("shape", "stride", "offset"),
    [((3, 3), (3, 1), 0), ((2, 2), (2, 1), 5), ((2, 2), (8, 1), 0), ((2, 2), (-2, 1), 4), ((-1, 2), (2, 1), 0),
     ((10**6, 10**6), (0, 0), 0), ((2,), (2, 1), 0), ((2, 2), (2, 1), -1)],
)  # fmt: skip
def test_a_tensor_that_reaches_out_of_its_storage_is_refused(tmp_path, shape, stride, offset):
    path = archive(tmp_path / "m.pt", module_program(shape, stride, offset), storages=STORAGE)
    with pytest.raises(CheckpointError, match="a tensor within its storage"):
        module_in(path, classes={LINEAR})


@pytest.mark.parametrize(("size", "message"), [(28, "has 28 bytes, its pickle says 32"), (40, "at most 32 bytes")])
def test_a_storage_of_another_size_than_its_pickle_says_is_refused(tmp_path, size, message):
    path = archive(tmp_path / "m.pt", module_program(), storages={"0": bytes(size)})
    with pytest.raises(CheckpointError, match=message):
        module_in(path, classes={LINEAR})


def test_a_storage_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="expected model/data/0, got an archive without it"):
        module_in(archive(tmp_path / "m.pt", module_program()), classes={LINEAR})


def test_modules_that_contain_each_other_are_refused(tmp_path):
    # The state's _modules holds the module itself, from the memo.
    program = (
        b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81q\x00}X\x08\x00\x00\x00_modules}X\x01\x00\x00\x00ah\x00ssb."
    )
    record = module_in(archive(tmp_path / "m.pt", program), classes={LINEAR})
    with pytest.raises(CheckpointError, match="a tree of modules, got a in two places"):
        list(record.tensors())


def test_what_is_no_module_is_refused(tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "state.pt")
    with pytest.raises(CheckpointError, match="a pickled module in .*, got a dict"):
        module_in(tmp_path / "state.pt", classes=CLASSES)
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        module_in(tmp_path / "absent.pt", classes=CLASSES)
    (tmp_path / "text.pt").write_text("not a zip archive")
    with pytest.raises(CheckpointError, match="got another kind of file"):
        module_in(tmp_path / "text.pt", classes=CLASSES)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as made:
        made.writestr("readme.txt", "nothing")
    with pytest.raises(CheckpointError, match="expected one data.pkl"):
        module_in(tmp_path / "other.zip", classes=CLASSES)
    broken = archive(tmp_path / "b.pt", b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81K\x01b.")
    with pytest.raises(CheckpointError, match="the attributes of a torch.nn.modules.linear.Linear, got int"):
        module_in(broken, classes=CLASSES)


def test_another_model_is_not_taken_for_the_published_one(tmp_path):
    data = np.arange(8, dtype="<f4").tobytes()
    path = archive(tmp_path / "m.pt", module_program(), storages={"0": data})
    with pytest.raises(CheckpointError, match="expected the published checkerboard model"):
        published_checkerboard(path)


WRONG = {
    "a hidden bias that asks for much": ("xT_observables_encoder.main.0.bias", (10**6,)),
    "a bias without an axis": ("xT_observables_encoder.main.0.bias", ()),
    "a first weight without an axis": ("x0_observables_encoder.main.0.weight", ()),
    "a later weight with one axis": ("x0_observables_decoder.main.2.weight", (6,)),
    "an operator that would be broadcast": ("koopman_operator.weight", (1, 5)),
    "an operator smaller than its bias": ("koopman_operator.bias", (10**6,)),
    "a bias of the operator without an axis": ("koopman_operator.bias", ()),
    "data of another dimension": ("x0_observables_decoder.main.4.bias", (3,)),
    "an encoder of other states": ("x0_observables_encoder.main.0.weight", (6, 4)),
}


@pytest.mark.parametrize(("name", "shape"), WRONG.values(), ids=WRONG)
def test_a_published_model_whose_shapes_do_not_follow_each_other_is_refused_before_it_is_built(
    tmp_path, monkeypatch, name, shape
):
    tensors = published.checkpoint(tmp_path / "m.pt")
    published_checkerboard(tmp_path / "m.pt")  # the premise: as it is, it is read
    assert name in tensors
    changed = {**tensors, name: np.zeros(shape)}
    monkeypatch.setattr(checkpoints, "tensors_in", lambda path, classes: changed)
    monkeypatch.setattr(checkpoints, "built_model", lambda *arguments, **options: pytest.fail("it was built"))
    with pytest.raises(CheckpointError, match="layers that follow each other|one without 'matrices and vectors"):
        published_checkerboard(tmp_path / "m.pt")


def test_names_that_are_no_numbers_are_not_taken_for_layers(tmp_path, monkeypatch):
    tensors = published.checkpoint(tmp_path / "m.pt")
    renamed = {name.replace("main.0.", "main.first."): values for name, values in tensors.items()}
    monkeypatch.setattr(checkpoints, "tensors_in", lambda path, classes: renamed)
    with pytest.raises(CheckpointError, match="layers that follow each other"):
        published_checkerboard(tmp_path / "m.pt")
