"""Autonomy: does one semigroup carry a dictionary through all times of a flow?"""

from koopman_analysis.autonomy.paths import FittedPath, Path, Semigroup, StraightLine, fitted_path
from koopman_analysis.autonomy.report import AutonomyReport, autonomy_report

__all__ = [
    "AutonomyReport",
    "FittedPath",
    "Path",
    "Semigroup",
    "StraightLine",
    "autonomy_report",
    "fitted_path",
]
