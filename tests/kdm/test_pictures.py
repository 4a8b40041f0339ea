import io
from dataclasses import replace

import matplotlib.image as mpimg
import numpy as np
import pytest
import torch
from tiny_experiments import CPU

from kdm.shapes import as_pictures, can_be_shown, is_picture
from kdm.teachers import Empirical
from kdm.training.distillation import distil, load
from kdm.training.pictures import SIDE, grid, picture_of, png
from kdm.trajectories import Pairs, collect


def read(content: bytes) -> np.ndarray:
    """What another program sees, as bytes."""
    return (255 * mpimg.imread(io.BytesIO(content), format="png")).round().astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_read_by_others_as_it_was_written(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    np.testing.assert_array_equal(read(png(pixels)), pixels[:, :, 0] if channels == 1 else pixels)


def test_what_is_no_picture_is_refused():
    for pixels in (np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2, 1))):
        with pytest.raises(ValueError, match="expected bytes in 1 or 3 channels, got"):
            png(pixels)


def test_images_stand_side_by_side_in_order_and_numbers_are_cut_to_bytes():
    images = torch.arange(10.0).view(10, 1, 1, 1).expand(10, 1, 2, 3)
    pixels = grid(images, low=1.0, high=6.0)
    assert pixels.shape == (2 * 3 - 1, SIDE * 4 - 1, 1)
    assert [int(pixels[0, 4 * column, 0]) for column in range(SIDE)] == [0, 0, 51, 102, 153, 204, 255, 255]
    assert pixels[3, 0, 0] == pixels[3, 4, 0] == 255
    assert pixels[2].max() == pixels[:, 3].max() == 0, "a pixel apart"
    assert grid(images[:3], low=0.0, high=0.0).shape == (2, 11, 1)


def test_shapes_of_pictures_are_told_from_others_and_those_that_can_be_shown_are_grey_or_have_three_colours():
    shown, not_shown = ((1, 8, 8), (3, 32, 32), (8, 8)), ((2, 8, 8), (4, 8, 8))
    assert all(is_picture(shape) and can_be_shown(shape) for shape in shown)
    assert all(is_picture(shape) and not can_be_shown(shape) for shape in not_shown)
    assert not any(is_picture(shape) or can_be_shown(shape) for shape in ((2,), (64,), (1, 1, 8, 8)))


def test_pictures_have_an_axis_of_channels_of_whatever_length():
    grey, latents = torch.rand(5, 8, 7), torch.rand(5, 4, 8, 7)
    assert torch.equal(as_pictures(grey), grey[:, None])
    assert as_pictures(latents) is latents
    for shape in ((5, 2), (5, 1, 1, 8, 8)):
        with pytest.raises(ValueError, match="expected pictures .channels, height, width. or .height, width., got sa"):
            as_pictures(torch.zeros(shape))


def test_a_training_on_images_leaves_a_picture_of_every_measurement(config, tmp_path):
    points = torch.rand(30, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    data = collect(
        Empirical(points=points, bandwidth=0.1), 100, generator=torch.Generator().manual_seed(0), steps=4
    )  # fmt: skip
    config = replace(config, training=replace(config.training, batch=20))
    list(distil(config, data, tmp_path / "run", device=CPU))
    pictures = sorted((tmp_path / "run" / "samples").iterdir())
    assert [picture.name for picture in pictures] == ["step-000005.png", "step-000010.png"]
    first, last = (picture.read_bytes() for picture in pictures)
    assert read(last).shape == (2 * 5 - 1, SIDE * 5 - 1)
    assert first != last == picture_of(load(tmp_path / "run"), data.heldout())


def test_of_other_samples_there_are_no_pictures(config, data, tmp_path):
    list(distil(config, data, tmp_path / "run", device=CPU))
    assert not (tmp_path / "run" / "samples").exists()


def test_the_noises_are_the_first_of_the_held_out_pairs():
    class Identity:
        def generate(self, noise, labels=None):
            return noise

    noise = torch.rand(100, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    pairs = Pairs(noise=noise, data=noise)
    shown = noise[: SIDE**2]
    assert picture_of(Identity(), pairs) == png(grid(shown, low=shown.min().item(), high=shown.max().item()))
