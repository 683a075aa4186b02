"""Batches that are always the same, as a sampler would give them."""

import keras


class SameBatch(keras.utils.PyDataset):
    """One batch, so many times."""

    def __init__(self, batch, times=1):
        super().__init__()
        self._batch, self._times = batch, times

    def __len__(self):
        return self._times

    def __getitem__(self, index):
        return self._batch
