import base64
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.figures import figure_of
from koopman_analysis.report import (
    VOLATILE,
    Entry,
    Explanation,
    Report,
    Table,
    current_environment,
    explanation_of,
    measured,
    require_report_or_nothing,
    summary_table,
)
from koopman_analysis.report.numbers import bound_of, significant
from koopman_analysis.resampling import Interval


def interval(estimate, low, high):
    return Interval(estimate=estimate, low=low, high=high, n=400, method="object bootstrap, 199 resamples")


def claim(
    id="comparison", ends=(0.5, 0.4, 0.6), *, control=(2.0, 1.5, 2.5), hypothesis="Better than <b>all</b> & sundry."
):
    def decided(values):
        return Claim.decided(
            id=id, hypothesis=hypothesis, quantity="ratio", interval=interval(*values), side=Side.AT_MOST, bound=1.0
        )  # fmt: skip

    return decided(ends).with_controls(
        [decided(control).as_control(name="shuffled pairs", expected=Verdict.REFUTED)]
    )  # fmt: skip


def absent():
    return Claim.not_applicable(
        id="eigenvalues", hypothesis="The eigenvalues are those of the flow.", quantity="residual", side=Side.AT_MOST,
        bound=math.nan, reason="two encoders",
    )  # fmt: skip


def errors_figure():
    return figure_of(lambda ax: ax, size=(1.0, 1.0))


@pytest.fixture
def report():
    return Report(
        title="A <model>",
        introduction="What was verified.",
        entries=(Entry(claim=claim(), figure="errors"), Entry(claim=absent())),
        figures={"errors": errors_figure, "further_errors": errors_figure},
        tables=(Table(title="Steps", columns=("steps", "H"), rows=[("1", "<0.1>")], note="Smaller is better."),),
        command="kdm verify --seed 0",
        seed=0,
        inputs={"data": {"sha256": "abc", "pairs": 400}},
        environment=current_environment(),
    )


@pytest.fixture
def bare():
    """A report that takes no time to write: nothing was measured, so nothing is drawn."""
    return Report(title="Older", entries=(Entry(claim=absent()),))


class Page(HTMLParser):
    """Which elements a page has, and whether they are closed in order."""

    VOID = {"meta", "img", "br", "link"}  # noqa: RUF012

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.attributes = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_claims_and_figures_are_found_by_name(report):
    assert report.claims["comparison"].verdict is Verdict.SUPPORTED
    assert list(report.claims) == ["comparison", "eigenvalues"]
    assert report.figure("errors").axes
    assert report.figure("claims").axes
    with pytest.raises(KeyError, match=r"one of the figures .*'errors'.*, got 'absent'"):
        report.figure("absent")


def test_a_report_grows_without_changing_the_one_it_grew_from(report):
    grown = report.including(
        Entry(claim=claim("last"), figure="more"), first=[Entry(claim=claim("first"))],
        figures={"more": errors_figure}, tables=[Table(title="T", columns=("a",), rows=[])],
    )  # fmt: skip
    assert list(grown.claims) == ["first", "comparison", "eigenvalues", "last"]
    assert len(grown.tables) == 2
    assert list(report.claims) == ["comparison", "eigenvalues"]


def test_a_report_that_contradicts_itself_is_refused(report):
    with pytest.raises(ValueError, match=r"own id, got \['comparison'\] more than once: rename one"):
        report.including(Entry(claim=claim()))
    with pytest.raises(ValueError, match=r"a figure for each name that an entry shows, got none for \['absent'\]"):
        report.including(Entry(claim=claim("other"), figure="absent"))
    with pytest.raises(ValueError, match=r"expected 2 cells in each row of 'Steps', got \['1'\]"):
        Table(title="Steps", columns=("steps", "H"), rows=[("1",)])


def test_the_folder_holds_the_page_the_claims_and_every_figure(report, tmp_path):
    page = report.save(tmp_path / "reports" / "mine")
    folder = page.parent
    assert sorted(path.name for path in folder.iterdir()) == ["claims.json", "figures", "index.html"]
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {f"{name}.{kind}" for name in ("claims", "errors", "further_errors") for kind in ("pdf", "png")}
    assert [path.name for path in folder.parent.iterdir()] == ["mine"]


def test_claims_json_has_the_published_form(report, tmp_path):
    written = json.loads((report.save(tmp_path / "r").parent / "claims.json").read_text())
    assert set(written) == {"claims", "environment", "seed", "inputs"}
    first, second = written["claims"]
    assert list(first) == [
        "id", "hypothesis", "quantity", "estimate", "low", "high", "level", "n", "method", "side", "bound", "verdict",
        "because", "controls",
    ]  # fmt: skip
    assert list(first["controls"][0]) == ["name", "expected", "verdict", "estimate", "low", "high"]
    assert second["estimate"] is None
    assert second["because"] == "not applicable: two encoders"
    assert set(VOLATILE) & set(written["environment"]) == {"date", "host"}


def test_two_runs_write_the_same_claims_but_for_the_volatile_fields(report, tmp_path):
    later = {**report.environment, "date": "2001-01-01", "host": "elsewhere"}
    texts = []
    for name, environment in (("a", report.environment), ("b", later)):
        page = replace(report, environment=environment).save(tmp_path / name)
        texts.append((page.parent / "claims.json").read_text())
    assert texts[0] != texts[1]
    first, second = (json.loads(text) for text in texts)
    for field in VOLATILE:
        for written in (first, second):
            written["environment"].pop(field, None)
    assert first == second
    pictures = [(tmp_path / name / "figures" / "errors.pdf").read_bytes() for name in ("a", "b")]
    assert pictures[0] == pictures[1]


def test_the_page_is_self_contained_well_formed_and_escaped(report, tmp_path):
    text = report.save(tmp_path / "r").read_text()
    page = Page(text)
    assert page.open == []
    assert page.seen.count("details") == 2
    assert not {"script", "link", "b"} & set(page.seen)
    assert "http://" not in text
    assert "https://" not in text
    sources = [attributes["src"] for tag, attributes in page.attributes if tag == "img"]
    assert len(sources) == 3
    for source in sources:
        assert base64.b64decode(source.removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")
    for escaped in ("A &lt;model&gt;", "Better than &lt;b&gt;all&lt;/b&gt; &amp; sundry.", "&lt;0.1&gt;"):
        assert escaped in text


def test_the_page_says_each_claim_in_numbers_words_equation_control_and_command(report, tmp_path):
    text = report.save(tmp_path / "r").read_text()
    for part in (
        "0.50 [0.40, 0.60]", "≤ 1", "supported", "shuffled pairs: refuted ✓", "must be refuted, is refuted ✓",
        "strongest baseline", "ratio = √( Σ", "kdm verify --seed 0", "not applicable", "two encoders", "sha256 abc",
        "2 claims: 1 supported, 1 not applicable. 1 of 1 controls came out as they must.", "Smaller is better.",
    ):  # fmt: skip
        assert part in text, part


def test_a_control_that_misbehaves_is_seen(report, tmp_path):
    broken = replace(report, entries=(Entry(claim=claim(control=(0.5, 0.4, 0.6))),))
    text = broken.save(tmp_path / "r").read_text()
    assert "0 of 1 controls" in text
    assert re.search(r'class="controls fails">shuffled pairs: supported ✗', text)
    assert "shuffled pairs: supported ✗" in summary_table(broken.claims.values())


def test_a_report_without_anything_measured_is_still_a_page(bare, tmp_path):
    text = bare.save(tmp_path / "r").read_text()
    assert Page(text).open == []
    assert "Further pictures" not in text


def test_an_older_report_is_replaced_and_anything_else_is_kept(bare, tmp_path):
    folder = tmp_path / "r"
    bare.save(folder)
    (folder / "figures" / "stale.png").write_bytes(b"")
    replace(bare, title="Newer").save(folder)
    assert "Newer" in (folder / "index.html").read_text()
    assert not (folder / "figures" / "stale.png").exists()
    other = tmp_path / "thesis"
    other.mkdir()
    bare.save(other)  # an empty folder is no one's
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "chapter.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="absent, empty or an older report, got something else"):
        bare.save(mine)
    with pytest.raises(FileExistsError, match="choose another folder"):
        require_report_or_nothing(mine / "chapter.tex")
    assert (mine / "chapter.tex").read_text() == "years of work"


def test_a_report_that_fails_leaves_the_older_one_and_nothing_else(bare, tmp_path):
    folder = tmp_path / "r"
    bare.save(folder)

    def breaks():
        raise RuntimeError("no such picture")

    with pytest.raises(RuntimeError, match="no such picture"):
        replace(bare, title="Newer", figures={"breaks": breaks}).save(folder)
    assert "Older" in (folder / "index.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_report_that_cannot_move_into_place_puts_the_older_one_back(bare, tmp_path, monkeypatch):
    folder = tmp_path / "r"
    page = bare.save(folder)
    rename = type(page).rename

    def refuses(path, target):
        if path.name == "complete":
            raise OSError("no space left")
        return rename(path, target)

    monkeypatch.setattr(type(page), "rename", refuses)
    with pytest.raises(OSError, match="no space left"):
        replace(bare, title="Newer").save(folder)
    assert "Older" in page.read_text()


def test_the_terminal_table_is_aligned_and_folds_long_claims():
    long = claim("long", hypothesis="A claim " + "that goes on and on " * 6)
    lines = summary_table([claim(), long, absent()]).splitlines()
    assert lines[0].split("  ")[0] == "claim"
    column = lines[0].index("measured")
    assert lines[2][column:].startswith("0.50 [0.40, 0.60]")
    assert [line[column:].startswith("0.50") for line in lines if "0.50" in line] == [True, True]
    assert max(map(len, lines)) <= 130
    assert lines[-1] == "The eigenvalues are those of the flow (not applicable: two encoders)"


def test_a_control_that_the_samples_cannot_decide_is_not_called_a_failure(report, tmp_path):
    undecided = replace(report, entries=(Entry(claim=claim(control=(1.0, 0.5, 1.5))),))
    text = undecided.save(tmp_path / "report").read_text()
    assert "0 of 1 controls came out as they must; 1 stayed undecided, for want of samples." in text
    assert "must be refuted, undecided" in text
    assert 'class="controls fails"' not in text
    assert text.count("✗") == 1  # the legend


def test_the_terminal_table_says_where_there_are_no_controls_and_how_many_more():
    bare = replace(claim(), controls=())
    several = claim().with_controls(claim().controls)
    text = summary_table([bare, several])
    assert "none" in text
    assert "(and 1 more ✓)" in text


@pytest.mark.parametrize(
    ("value", "resolution", "text"),
    [
        (0.0, 0.0, "0"), (math.nan, 0.0, "–"), (0.12345, 0.0, "0.123"), (12.345, 0.0, "12.3"), (1234.5, 0.0, "1234"),
        (-0.5, 0.1, "−0.50"), (0.12345, 0.2, "0.12"), (0.12345, 20.0, "0"), (1.2e-5, 0.0, "1.2e−5"),
        (3.4e7, 0.0, "3.4e7"),
    ],
)  # fmt: skip
def test_numbers_have_the_digits_that_mean_something(value, resolution, text):
    assert significant(value, resolution=resolution) == text


def test_what_was_not_measured_is_a_dash():
    assert measured(Interval.unmeasured()) == "–"
    assert bound_of(absent()) == "–"
    assert measured(interval(1.0, -math.inf, math.inf)) == "1.00 [–, –]"


def test_variants_of_a_claim_share_its_explanation():
    assert explanation_of(claim("comparison_dmd")) == explanation_of(claim("comparison"))
    assert explanation_of(claim("outliers_latent")) == explanation_of(claim("outliers"))
    unknown = claim("unheard_of", hypothesis="Something new.")
    assert explanation_of(unknown).words == "Something new."
    own = Explanation(words="Mine.", equation="a = b")
    assert Entry(claim=unknown, explanation=own).explained == own


def test_the_environment_names_versions_and_leaves_out_what_is_not_installed():
    environment = current_environment(("numpy", "no-such-distribution"))
    assert list(environment["packages"]) == ["numpy"]
    assert re.match(r"\d{4}-\d\d-\d\dT", environment["date"])
