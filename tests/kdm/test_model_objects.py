"""A model of anyone's, as MODULE:OBJECT."""

import sys

import models_of_others
import numpy as np
import pytest

from kdm.verification.model_objects import (
    ModelObjectError,
    digest_of_answers,
    fitting_model,
    is_model_object,
    model_object,
)
from koopman_analysis import LatentModel, SnapshotPairs

OTHERS = "models_of_others"


@pytest.fixture
def pairs() -> SnapshotPairs:
    """A twist of the plane."""
    noise = np.random.default_rng(0).standard_normal((20, 2))
    return SnapshotPairs(before=noise, after=np.column_stack([noise[:, 0], noise[:, 1] + noise[:, 0] ** 2]))


@pytest.mark.parametrize("name", ["twist", "Twist", "affine", "fitted", "autoencoder"])
def test_a_model_a_class_a_function_and_models_of_other_libraries_each_give_a_model(name, pairs):
    found = model_object(f"{OTHERS}:{name}")
    model = fitting_model(found, name=name, training=pairs, heldout=pairs)
    assert isinstance(model, LatentModel)
    assert not isinstance(model, type)
    assert model.decode(model.encode_noise(pairs.before) @ model.matrix + model.offset()).shape == (20, 2)


def test_a_module_is_looked_for_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "my_own_model.py").write_text(f"from {OTHERS} import affine\nmodel = affine()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert model_object("my_own_model:model").matrix.shape == (2, 2)
    del sys.modules["my_own_model"]


def test_a_function_may_import_its_neighbours_when_it_is_called(tmp_path, monkeypatch):
    (tmp_path / "my_late_model.py").write_text("def make():\n    from my_neighbour import model\n    return model\n")
    (tmp_path / "my_neighbour.py").write_text(f"from {OTHERS} import affine\nmodel = affine()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert model_object("my_late_model:make").matrix.shape == (2, 2)
    del sys.modules["my_late_model"], sys.modules["my_neighbour"]


@pytest.mark.parametrize("code", ["import sys; sys.exit(0)", "def model():\n    raise SystemExit(3)"])
def test_a_module_that_exits_does_not_end_the_command_in_silence(code, tmp_path, monkeypatch):
    (tmp_path / "my_exit.py").write_text(code + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(ModelObjectError, match="got SystemExit from it"):
        model_object("my_exit:model")
    sys.modules.pop("my_exit", None)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("nowhere:model", "expected a module nowhere in '.*' or among the installed ones, got none: run the"),
        (f"{OTHERS}.part:model", rf"expected a module {OTHERS}\.part in"),
        (f"{OTHERS}:thing", rf"expected thing in the module {OTHERS} \(.*others.py\), got a module without it"),
        (f"{OTHERS}:broken", r"broken\(\) to return a model, got KeyError from it: 'weights'"),
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused_by_name(word, message):
    with pytest.raises(ModelObjectError, match=message):
        model_object(word)


def test_a_module_that_fails_is_told_from_one_that_is_not_there(tmp_path, monkeypatch):
    (tmp_path / "fails_at_once.py").write_text("import no_such_library\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelObjectError, match="fails_at_once to be imported, got ModuleNotFoundError from it: No"):
        model_object("fails_at_once:model")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_matrix", r"it to be a model of these data, got UnfitModel: expected K as a matrix .* got shape \(3,\)"),
        ("infinite", r"expected finite values from matrix, got NaN or Inf"),
        ("one_latent", r"expected encode_noise to return shape \(20, 2\), .* got \(20, 1\)"),
        ("undecodable", r"it to be a model of these data, got ValueError: cannot reshape"),
        ("half", r"got an object of class Half without offset, decode: describe yours by ArrayLatentModel"),
        (
            "np",
            r"got NotAdaptable: .* got an object of class module without encode_noise",
        ),
    ],
)
def test_what_does_not_fit_is_named(name, message, pairs):
    with pytest.raises(ModelObjectError, match=message):
        fitting_model(getattr(models_of_others, name), name="it", training=pairs, heldout=pairs)


def test_a_model_is_known_by_its_answers(pairs):
    digest = digest_of_answers(models_of_others.affine(), pairs)
    assert digest == digest_of_answers(models_of_others.affine(), pairs)
    others = [
        models_of_others.affine(matrix=2 * np.eye(2)), models_of_others.affine(decode=lambda z: z + 1e-9),
        models_of_others.affine(encode=lambda x: -x, decode=lambda z: -z),
    ]  # fmt: skip
    assert len({digest, *(digest_of_answers(other, pairs) for other in others)}) == 4


@pytest.mark.parametrize(
    ("word", "expected"),
    [("a:b", True), ("a.b:c", True), ("a", False), ("a:", False), (":b", False), ("a/b:c", False), ("C:\\runs", False)],
)
def test_a_word_has_the_form_of_a_model_or_not(word, expected):
    assert is_model_object(word) is expected
