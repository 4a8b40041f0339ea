import json

import pytest

from kdm.verification import verify
from koopman_analysis.claims import Verdict
from koopman_analysis.report import VOLATILE

IDS = {
    "fidelity", "comparison_dmd", "comparison_larger", "comparison_direct", "closed", "isometric", "semantic",
    "outliers", "outliers_latent", "eigenvalues",
}  # fmt: skip


def stable(path) -> dict:
    """claims.json without the fields that may differ between two runs of one command."""
    record = json.loads(path.read_text())
    record["environment"] = {name: value for name, value in record["environment"].items() if name not in VOLATILE}
    return record


def test_one_call_goes_from_a_teacher_to_a_page_and_twice_to_the_same_claims(tiny, tmp_path):
    report = verify("mixture", out=tmp_path / "first", work=tmp_path / "runs", seed=3)
    assert set(report.claims) == IDS
    assert {path.name for path in (tmp_path / "first").iterdir()} == {"index.html", "claims.json", "figures"}
    record = json.loads((tmp_path / "first" / "claims.json").read_text())
    assert [claim["id"] for claim in record["claims"]] == list(report.claims)
    assert record["seed"] == 3
    verify("mixture", out=tmp_path / "second", work=tmp_path / "other-runs", seed=3)
    assert stable(tmp_path / "first" / "claims.json") == stable(tmp_path / "second" / "claims.json")


def test_the_claims_tell_a_barely_trained_model_from_its_controls(tiny, tmp_path):
    claims = verify("mixture", out=tmp_path / "report", work=tmp_path / "runs").claims
    assert claims["comparison_dmd"].controls[0].verdict is Verdict.REFUTED
    assert claims["closed"].controls[0].verdict is Verdict.REFUTED
    assert claims["isometric"].controls[0].verdict is Verdict.REFUTED
    assert not claims["eigenvalues"].applicable


def test_a_run_is_verified_by_its_folder_on_the_data_it_was_trained_on(tiny, tmp_path):
    first = verify("mixture", out=tmp_path / "first", work=tmp_path / "runs")
    run = tmp_path / "runs" / "verify-mixture-seed0" / "run"
    again = verify(str(run), out=tmp_path / "again", work=tmp_path / "runs")
    assert set(again.claims) == IDS
    assert again.claims["closed"].interval.estimate == pytest.approx(first.claims["closed"].interval.estimate)


def test_a_report_never_replaces_something_else(tiny, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="an older report"):
        verify("mixture", out=tmp_path / "thesis", work=tmp_path / "runs")
    assert not (tmp_path / "runs").exists(), "refused before any work"


def test_an_unknown_target_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="expected one of the presets"):
        verify("chequerboard", out=tmp_path / "report", work=tmp_path / "runs")
