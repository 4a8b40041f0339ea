"""Inception-v3 with tensors of a file: narrow ones, laid out as the published file is."""

import numpy as np
import pytest
import torch

from kdm.evaluation import FeatureExtractor, Inception, features_of
from kdm.evaluation.inception import SIZE, as_stored

THRICE = tuple(f"branch3x3dbl_{k}" for k in (1, 2, 3))
A = ("branch1x1", "branch5x5_1", "branch5x5_2", *THRICE, "branch_pool")
B = ("branch3x3", *THRICE)
C = ("branch1x1", *(f"branch7x7_{k}" for k in (1, 2, 3)), *(f"branch7x7dbl_{k}" for k in range(1, 6)), "branch_pool")
D = ("branch3x3_1", "branch3x3_2", *(f"branch7x7x3_{k}" for k in range(1, 5)))
E = (
    "branch1x1", "branch3x3_1", "branch3x3_2a", "branch3x3_2b", "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3a",
    "branch3x3dbl_3b", "branch_pool",
)  # fmt: skip
BLOCKS = {"5b": A, "5c": A, "5d": A, "6a": B, "6b": C, "6c": C, "6d": C, "6e": C, "7a": D, "7b": E, "7c": E}
# Of each block: branches that read its input, and how many channels leave it where every convolution has two.
INPUTS = ("branch1x1", "branch5x5_1", "branch3x3dbl_1", "branch_pool", "branch3x3", "branch7x7_1", "branch7x7dbl_1",
          "branch3x3_1", "branch7x7x3_1")  # fmt: skip
LEAVING = {id(A): lambda _: 8, id(B): lambda n: 4 + n, id(C): lambda _: 8, id(D): lambda n: 4 + n, id(E): lambda _: 12}
SIDES = {"branch5x5_2": (5, 5), "branch7x7_2": (1, 7), "branch7x7_3": (7, 1), "branch7x7x3_2": (1, 7),
         "branch7x7x3_3": (7, 1), "branch7x7x3_4": (3, 3), "branch3x3": (3, 3), "branch3x3dbl_2": (3, 3),
         "branch3x3dbl_3": (3, 3), "branch3x3_2": (3, 3), "branch3x3_2a": (1, 3), "branch3x3_2b": (3, 1),
         "branch3x3dbl_3a": (1, 3), "branch3x3dbl_3b": (3, 1), "branch7x7dbl_2": (7, 1), "branch7x7dbl_3": (1, 7),
         "branch7x7dbl_4": (7, 1), "branch7x7dbl_5": (1, 7)}  # fmt: skip


def shapes() -> dict[str, tuple[int, int, int, int]]:
    stem = {"Conv2d_1a_3x3": (2, 3, 3, 3), "Conv2d_2a_3x3": (2, 2, 3, 3), "Conv2d_2b_3x3": (2, 2, 3, 3),
            "Conv2d_3b_1x1": (2, 2, 1, 1), "Conv2d_4a_3x3": (2, 2, 3, 3)}  # fmt: skip
    found, width = dict(stem), 2
    for block, names in BLOCKS.items():
        for name in names:
            found[f"Mixed_{block}.{name}"] = (2, width if name in INPUTS else 2, *SIDES.get(name, (1, 1)))
        width = LEAVING[id(names)](width)
    return found


def tensors(draw) -> dict[str, torch.Tensor]:
    """A state dict whose kernels are drawn by their shape; normalisation leaves what it is given as it is."""
    found = {}
    for name, shape in shapes().items():
        found[f"{name}.conv.weight"] = draw(shape)
        variance = torch.full((shape[0],), 1.0 - 1e-3)
        parts = {"weight": 1.0 + 0 * variance, "bias": 0 * variance, "running_mean": 0 * variance}
        found |= {f"{name}.bn.{part}": value for part, value in {**parts, "running_var": variance}.items()}
    return found | {"fc.weight": torch.zeros(1008, 12), "fc.bias": torch.zeros(1008)}


def centred(shape: tuple[int, ...]) -> torch.Tensor:
    """The kernel whose outputs all are the first channel."""
    kernel = torch.zeros(shape)
    kernel[:, 0, shape[2] // 2, shape[3] // 2] = 1.0
    return kernel


@pytest.fixture
def random_file(tmp_path):
    generator = torch.Generator().manual_seed(0)
    found = tensors(lambda shape: torch.randn(shape, generator=generator) * (2.0 / np.prod(shape[1:])) ** 0.5)
    torch.save(found, tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def test_a_network_that_passes_its_first_channel_on_gives_the_value_of_a_constant_image(tmp_path):
    torch.save(tensors(centred), tmp_path / "weights.pth")
    inception = Inception.of_file(tmp_path / "weights.pth")
    images = torch.full((2, 3, 8, 8), 0.5)
    images[:, 1:] = -1.0  # other channels must not matter
    images[1, 0] = -0.5
    found = features_of(inception, images)
    assert found.shape == (2, 12)
    np.testing.assert_allclose(found[0], (191 - 128) / 128, rtol=1e-5)  # round(127.5 · 1.5) = 191, no border darkens it
    np.testing.assert_array_equal(found[1], 0.0)  # below 128, where max(0, ·) leaves nothing


def test_features_do_not_depend_on_the_batch_and_the_result_names_the_file(random_file):
    inception = Inception.of_file(random_file)
    assert isinstance(inception, FeatureExtractor)
    assert inception.name.startswith("Inception-v3, weights.pth (sha256 ")
    images = 2.0 * torch.rand(4, 3, 20, 24, generator=torch.Generator().manual_seed(1)) - 1.0
    whole, parts = features_of(inception, images), features_of(inception, images, batch=1)
    assert np.abs(np.diff(whole, axis=0)).max() > 1e-4 * np.abs(whole).max()
    np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-5 * np.abs(whole).max())


def test_images_are_enlarged_between_their_pixels_as_files_hold_them():
    images = 2.2 * torch.rand(1, 1, 5, 7, generator=torch.Generator().manual_seed(2)) - 1.1  # some beyond the range
    pixels = np.clip(np.round(127.5 * (images[0, 0].numpy() + 1.0)), 0, 255)
    found = as_stored(images)
    assert found.shape == (1, 3, SIZE, SIZE)
    for i, j in ((0, 0), (17, 250), (298, 298), (120, 3)):
        y, x = i * 5 / SIZE, j * 7 / SIZE
        above, left = int(y), int(x)
        below, right = min(above + 1, 4), min(left + 1, 6)
        top = (1 - x + left) * pixels[above, left] + (x - left) * pixels[above, right]
        bottom = (1 - x + left) * pixels[below, left] + (x - left) * pixels[below, right]
        assert float(found[0, 2, i, j]) == pytest.approx((1 - y + above) * top + (y - above) * bottom, rel=1e-4)
    assert torch.equal(as_stored(images[:, 0]), found)


def test_what_is_no_image_or_no_inception_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"grey or coloured images, .* got shape \(1, 2, 4, 4\)"):
        as_stored(torch.zeros(1, 2, 4, 4))
    torch.save({"fc.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"a file without Conv2d_1a_3x3\.conv\.weight and 469 others"):
        Inception.of_file(tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("weights")
    with pytest.raises(ValueError, match="expected a file of tensors"):
        Inception.of_file(tmp_path / "text.pth")
    with pytest.raises(FileNotFoundError):
        Inception.of_file(tmp_path / "none.pth")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fc.weight": torch.zeros(1000, 12)}, r"a last layer fc\.weight of shape \(1000, 12\), not of 1008 rows"),
        ({"AuxLogits.fc.weight": torch.zeros(1000, 2)}, r"AuxLogits\.fc\.weight, of a second last layer"),
        ({"fc.weight": None}, r"a file without fc\.weight and 0 others: take .*pt_inception-2015-12-05"),
        ({"Mixed_7c.branch_pool.bn.bias": None}, r"a file without Mixed_7c\.branch_pool\.bn\.bias and 0 others"),
        (
            {"Mixed_5b.branch1x1.conv.weight": torch.zeros(2, 3, 1, 1)},
            "convolutions of Inception-v3 in .*, got others: ",
        ),
        ({"fc.weight": torch.zeros(1008, 2048)}, "as the last layer in '.*' takes, 2048, got 12 of the convolutions"),
    ],
)
def test_weights_of_another_training_or_another_network_are_refused(tmp_path, changed, message):
    found = tensors(centred) | changed
    torch.save({name: value for name, value in found.items() if value is not None}, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=message):
        Inception.of_file(tmp_path / "weights.pth")


def test_tensors_are_copied_to_a_device_once(random_file):
    inception, elsewhere = Inception.of_file(random_file), torch.device("meta")
    first = inception.on(elsewhere)
    inception(torch.empty(2, 3, 8, 8, device="meta"))
    assert inception.on(elsewhere) is first
    assert all(tensor.device == elsewhere for layer in first.values() for tensor in layer)
