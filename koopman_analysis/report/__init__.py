"""Report: claims and figures as one HTML page and `claims.json`."""

from koopman_analysis.report.document import VOLATILE, Entry, FigureBuilder, Report, Table
from koopman_analysis.report.environment import current_environment
from koopman_analysis.report.explanations import Explanation, explanation_of
from koopman_analysis.report.folder import require_report_or_nothing, saved_inputs
from koopman_analysis.report.numbers import measured, significant
from koopman_analysis.report.terminal import summary_table

__all__ = [
    "VOLATILE",
    "Entry",
    "Explanation",
    "FigureBuilder",
    "Report",
    "Table",
    "current_environment",
    "explanation_of",
    "measured",
    "require_report_or_nothing",
    "saved_inputs",
    "significant",
    "summary_table",
]
