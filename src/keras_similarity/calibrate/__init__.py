"""Distances and true labels → thresholds; a query → its label, or none."""

from keras_similarity.calibrate.calibration import calibrate
from keras_similarity.calibrate.conformal import ConformalSets
from keras_similarity.calibrate.kept import read_calibration
from keras_similarity.calibrate.matches import Matches, match
from keras_similarity.calibrate.probability import ProbabilityCurve, Reliability
from keras_similarity.calibrate.results import CalibrationResults

__all__ = [
    "CalibrationResults",
    "ConformalSets",
    "Matches",
    "ProbabilityCurve",
    "Reliability",
    "calibrate",
    "match",
    "read_calibration",
]
