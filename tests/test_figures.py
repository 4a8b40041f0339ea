"""The figures of the paper are built from library calls, at the width that was asked for, and say what they claim."""

import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.image
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from kdm.evaluation import generated
from koopman_analysis.figures.style import STYLE
from paper_figures import ablations, images, neighbours, semantics, spectrum
from paper_figures.__main__ import FIGURES, main
from paper_figures.defect_against_dimension import TOLERANCE, curves, drawn
from paper_figures.printing import SCREEN, styled_for_print
from paper_figures.profile import WIDTHS, Profile

FOLDER = Path(__file__).parents[1] / "paper_figures"
POINTS_PER_INCH = 72

each_figure = pytest.mark.parametrize("name", FIGURES)


def page_width(pdf: Path) -> float:
    """Width of the page, in inches."""
    box = re.search(rb"/MediaBox \[([^]]*)\]", pdf.read_bytes())
    left, _, right, _ = (float(number) for number in box.group(1).split())
    return (right - left) / POINTS_PER_INCH


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """Where the experiments of this module's figures are kept."""
    return tmp_path_factory.mktemp("work")


@pytest.mark.gallery
@each_figure
@pytest.mark.parametrize("column", ["icml-column", None])
def test_a_figure_is_as_wide_as_its_column_and_carries_its_fonts(name, column, tmp_path, work):
    width = ["--width", column] if column else []
    main([name, "--fast", *width, "--out", str(tmp_path), "--work", str(work)])
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.pdf", f"{name}.png"}
    pdf = tmp_path / f"{name}.pdf"
    inches = page_width(pdf)
    if column:
        assert inches == pytest.approx(WIDTHS[column], abs=0.01)
    assert mpl.image.imread(tmp_path / f"{name}.png").shape[1] == pytest.approx(SCREEN * inches, abs=1)
    assert b"/FontFile2" in pdf.read_bytes(), "TrueType, embedded"
    assert b"/Type3" not in pdf.read_bytes()


@pytest.mark.gallery
def test_the_defect_is_rounding_where_the_flow_is_affine_and_one_where_there_is_none(work):
    profile = Profile(fast=True, width=None, work=work / "fast")
    found = curves(profile)
    gaussian, unrelated, hermite, fourier = found.values()
    assert gaussian.dimensions[:2] == (3, 6)
    assert gaussian.intervals[0].low > TOLERANCE, "polynomials of degree 1 do not hold those of degree 2"
    assert all(defect.high < 1e-11 for defect in gaussian.intervals[1:])
    assert all(defect.low > 0.8 for defect in unrelated.intervals)
    for curve in (hermite, fourier):
        assert curve.intervals[-1].high < curve.intervals[0].low, "more functions predict more"
        assert min(defect.high for defect in curve.intervals) > TOLERANCE
    above, below = drawn(profile).axes
    named = {text.get_text() for ax in (above, below) for text in ax.texts}
    assert {*found, f"closed below {TOLERANCE:g}"} == named


@pytest.mark.gallery
def test_neighbours_are_alike_more_often_in_the_latent_space_than_in_the_noise_and_less_than_among_pixels(work):
    found, images = neighbours.found(Profile(fast=True, width=None, work=work / "fast"))
    leads = found.leads("latent space")
    assert leads["noise"].low > 0.0 > leads["pixels"].high
    assert found.agreements()["noise"].low > found.chance, "the premise: the noise knows something, too"
    assert len(images) == len(found.labels)
    np.testing.assert_array_equal(found.labels[found.queries], np.arange(10))


@pytest.mark.gallery
def test_every_way_to_train_is_judged_beside_every_rival_and_the_teacher_is_the_ceiling(work):
    profile = Profile(fast=True, width=None, work=work / "fast")
    study = images.studied("digits-conditional", profile)
    assert [len(samples) for samples in study.trained.values()] == [len(images.FEW_SHARES)] * 3
    quality = images.judged(study, rng=np.random.default_rng(0))
    for quantity, better in ((images.AGREEMENT, 1.0), (images.DISTANCE, -1.0), (images.FRECHET, -1.0)):
        found = quality[quantity]
        reached = {name: [curve[at].estimate for at in sorted(curve)] for name, curve in found.curves.items()}
        assert list(reached) == [images.DENSE, images.SPECTRAL, images.DIRECT]
        assert all(better * (last - first) > 0.0 for first, last in reached.values()), "longer trainings are better"
        teacher, *others = (found.levels[name].estimate for name in reversed(found.levels))
        assert len(others) == 3
        if quantity != images.AGREEMENT:
            assert teacher < min([*others, *(min(each) for each in reached.values())])
    assert quality[images.AGREEMENT].levels[images.TEACHER].low > 0.95
    asked = images.under_every_class(study)
    assert list(asked) == [str(digit) for digit in range(10)]
    noise = study.heldout.noise[: images.NOISES]
    ones = generated(study.model, noise, torch.ones(len(noise), dtype=torch.int64))
    np.testing.assert_array_equal(asked["1"], ones.double().numpy())


@pytest.mark.gallery
def test_every_data_set_is_asked_every_question_beside_every_control(work):
    profile = Profile(fast=True, width=None, work=work / "fast")
    studies = semantics.studied(profile)
    panels = semantics.pictured(studies, profile).axes
    assert len(panels) == len(studies) * len(semantics.SHORT)
    for row, (name, study) in enumerate(studies.items()):
        first, *_ = line = panels[row * len(semantics.SHORT) : (row + 1) * len(semantics.SHORT)]
        assert [label.get_text() for label in first.get_yticklabels()] == list(study.names)
        assert {"noise", "DMD", "direct regression", "teacher, half of the way", "best of the random encoders"} <= set(
            study.controls
        )
        assert name in {first.get_title(loc=loc) for loc in ("left", "center", "right")}
        for ax, question in zip(line, study.questions, strict=True):
            dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
            assert dots == [interval.estimate for interval in study.values(question).values()]


@pytest.mark.gallery
def test_the_spectrum_shows_twelve_true_eigenvalues_and_one_model_in_four_gauges(work):
    axes = spectrum.drawn(Profile(fast=True, width=None, work=work / "fast")).axes
    ranked, plane, gauges, modes, ranks = (
        next(ax for ax in axes if title in (ax.get_title(loc="left"), ax.get_title())) for title in spectrum.TITLES
    )
    filled, hollow = (line for line in ranked.lines if line.get_label() in ("true", "spurious"))
    assert (len(filled.get_xdata()), len(hollow.get_xdata())) == (12, 9)
    assert filled.get_ydata().max() < 1e-6 < 1e-3 < hollow.get_ydata().min(), "the residuals know what theory names"
    assert len(plane.collections) == 1
    assert sum(line.get_marker() == "o" for line in gauges.lines) == 4
    assert modes.images
    assert ranks.lines


@pytest.mark.parametrize("column", [None, "icml-column"])
def test_every_ablation_is_shown_on_every_data_set_with_the_numbers_of_the_benchmark(column, tmp_path):
    width = None if column is None else WIDTHS[column]
    found = ablations.ratios()
    shown = [ax for ax in ablations.drawn(Profile(fast=True, width=width, work=tmp_path)).axes if ax.get_visible()]
    assert len(found) > 1
    assert [ax.get_title(loc="left") for ax in shown] == list(found)
    for ax in shown:
        expected = [interval.estimate for interval in found[ax.get_title(loc="left")].values()]
        dots, arrows = ({line.get_ydata()[0]: line.get_xdata()[0] for line in ax.lines if line.get_marker() == marker}
                        for marker in "o>")  # fmt: skip
        assert dots == {row: ratio for row, ratio in enumerate(expected) if ratio <= ablations.LARGEST}
        assert sorted([*dots, *arrows]) == list(range(len(expected)))
        low, high = ax.get_xlim()
        assert (low, high) == shown[0].get_xlim()
        assert high > ablations.LARGEST
        assert all(low < interval.low for of in found.values() for interval in of.values())


def test_print_changes_sizes_and_nothing_else_of_the_style():
    before = dict(mpl.rcParams)
    with styled_for_print():
        assert mpl.rcParams["font.size"] < STYLE["font.size"]
        assert mpl.rcParams["pdf.fonttype"] == STYLE["pdf.fonttype"]
        assert mpl.rcParams["text.color"] == before["text.color"]
        colours = [to_hex(colour) for colour in mpl.rcParams["axes.prop_cycle"].by_key()["color"]]
    assert colours == [to_hex(colour) for colour in STYLE["axes.prop_cycle"].by_key()["color"]]
    assert dict(mpl.rcParams) == before


@each_figure
def test_a_committed_figure_is_explained_and_light(name):
    assert f"`{name}`" in (FOLDER / "README.md").read_text()
    pdf, png = (FOLDER / "results" / f"{name}.{suffix}" for suffix in ("pdf", "png"))
    assert pdf.stat().st_size < 1_000_000
    assert png.stat().st_size < 400_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["chequerboard"], "'checkerboard','defect_against_dimension'"), (["--width", "a-foot"], "icml-column")],
)
def test_a_wrong_word_is_answered_with_the_right_ones(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in re.sub(r"[\s│]+", "", capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []
