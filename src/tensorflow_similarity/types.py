"""What lookups and calibrations return, under upstream's names."""

from keras_similarity.calibrate import CalibrationResults
from keras_similarity.core import Lookup

__all__ = ["CalibrationResults", "Lookup"]
