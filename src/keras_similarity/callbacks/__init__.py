"""What happens between epochs."""

from keras_similarity.callbacks.retrieval_eval import RetrievalEval

__all__ = ["RetrievalEval"]
