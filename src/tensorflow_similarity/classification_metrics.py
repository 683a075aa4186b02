"""Classification metrics under their upstream names: here, a metric is its name."""

__all__ = ["BinaryAccuracy", "F1Score", "FalsePositiveRate", "NegativePredictiveValue", "Precision", "Recall"]


def BinaryAccuracy() -> str:
    """Name the share of queries that got their label."""
    return "binary_accuracy"


def F1Score() -> str:
    """Name the harmonic mean of precision and recall."""
    return "f1"


def FalsePositiveRate() -> str:
    """Name the share of unknown queries that got a label."""
    return "fpr"


def NegativePredictiveValue() -> str:
    """Name the share of refused queries that are unknown."""
    return "npv"


def Precision() -> str:
    """Name the share of labels given that are right."""
    return "precision"


def Recall() -> str:
    """Name the share of known queries that got their label."""
    return "recall"
