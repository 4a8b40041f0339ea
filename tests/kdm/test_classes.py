"""Rows of one class as a data set of their own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kdm.flows import integrate
from kdm.teachers import named
from kdm.teachers.conditional import ClassConditional
from kdm.trajectories import DataError, Trajectories, collect, largest_class, of_class


@pytest.fixture(scope="module")
def data() -> Trajectories:
    teacher = ClassConditional(of=named("mixture"))
    return collect(teacher, 400, generator=torch.Generator().manual_seed(0), steps=8, keep=(4,))


def test_the_rows_of_a_class_are_those_of_its_own_teachers_flow(data):
    part = of_class(data, 3)
    assert 0 < len(part) == int((data.labels == 3).sum()) < len(data)
    noise = torch.from_numpy(np.array(part.noise)).double()
    np.testing.assert_allclose(integrate(part.teacher, noise, steps=8).data.numpy(), part.data, atol=1e-5)
    np.testing.assert_array_equal(part.trajectory[:, 0], part.noise)
    assert not part.conditional


def test_no_row_changes_sides(data):
    part, first = of_class(data, 3), len(data) - data.manifest.heldout
    mine = data.labels[first:] == 3
    np.testing.assert_array_equal(part.heldout().data.numpy(), data.data[first:][mine])
    np.testing.assert_array_equal(part.training().noise.numpy(), data.noise[:first][data.labels[:first] == 3])


def test_two_classes_are_different_data(data):
    digests = {of_class(data, label).manifest.digest for label in (0, 1)} | {data.manifest.digest}
    assert len(digests) == 3


def test_the_largest_class_is_that_of_most_held_out_rows(data):
    counts = np.bincount(data.labels[len(data) - data.manifest.heldout :])
    assert counts[largest_class(data)] == counts.max()


def test_data_without_classes_and_classes_without_rows_are_refused(data):
    plain = replace(data, labels=None)
    for taken in (lambda: of_class(plain, 0), lambda: largest_class(plain)):
        with pytest.raises(DataError, match="expected data of classes"):
            taken()
    with pytest.raises(DataError, match=r"rows of class 8, some of them held out, got 0, 0 of them held out"):
        of_class(data, 8)
