"""Training that goes on from its last epoch: weights, optimizer and place are kept as one file, or not at all."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

__all__ = ["Resumable"]

ABOUT = "training.json"
ENDING = ".weights.h5"  # Keras wants it; the name before it is the number of epochs


class Resumable(keras.callbacks.Callback):
    """Keeps the state after each epoch in a folder, and none there when training is done.

    Args:
        model: Compiled, and built.
        folder: Where to.
        about: What training is done with; what another training left is not gone on from.

    Raises:
        ValueError: the folder was left by another training.
    """

    def __init__(self, model: Any, folder: Path, about: Mapping[str, Any]) -> None:
        super().__init__()
        self._trained = model
        self._folder = folder
        self._about = json.dumps(dict(about), sort_keys=True)
        kept = folder / ABOUT
        then = kept.read_text(encoding="utf-8") if kept.is_file() else self._about
        if then != self._about:
            raise ValueError(
                f"{folder} was left by a training of {then}, and this is one of {self._about}.\n"
                "  Train as then to go on, or delete the folder to begin anew."
            )

    def restore(self) -> int:
        """Give the model the state of the last epoch; return how many epochs are done."""
        done = [int(path.name.removesuffix(ENDING)) for path in self._folder.glob(f"[0-9]*{ENDING}")]
        if not done:
            return 0
        self._trained.optimizer.build(self._trained.trainable_variables)
        self._trained.load_weights(self._path(max(done)))
        return max(done)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Keep the state; whatever interrupts this leaves the one before."""
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._folder / f"new-{ABOUT}"
        fresh.write_text(self._about, encoding="utf-8")
        fresh.replace(self._folder / ABOUT)
        fresh = self._folder / f"new{ENDING}"
        self._trained.save_weights(fresh, overwrite=True)
        fresh.replace(self._path(epoch + 1))
        self._path(epoch).unlink(missing_ok=True)

    def forget(self) -> None:
        """Delete the folder: training is done, and its model written."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, epochs: int) -> Path:
        return self._folder / f"{epochs:08}{ENDING}"
