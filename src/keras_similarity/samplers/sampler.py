"""What all samplers share: an epoch's plan, its shard, augmentation, workers, and where training stands."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array, check_whole
from keras_similarity.core.rows import map_rows
from keras_similarity.samplers.sources import ArrayRows, ParallelRows, RowSource, join_parts

__all__ = ["Sampler"]


class Sampler(keras.utils.PyDataset):
    """Batches of a plan, for `fit` on any backend; the parent of every sampler.

    A batch is a function of (seed, epoch, index), whatever the workers. Subclasses say what an epoch's batches are.

    Args:
        source: Where examples come from.
        steps_to_cover: The fewest batches that show every example.
        steps_per_epoch: Batches of an epoch, of one shard; None for the fewest that show every example.
        augmenter: A function or Keras layer, called with the x of a batch; returns what to train on. One that has an
            argument `seed` is given an int that is a function of (seed, epoch, index); a layer, `training=True`.
        num_augmentations_per_example: How often it is called for each batch; the results stand one after another along
            the first axis, and the labels are repeated. More than 1 needs an augmenter.
        warmup: The first so many epochs are not augmented: a layer is called with `training=False`, a function not at
            all.
        seed: Of everything random; None draws one, kept as the attribute `seed`.
        num_shards, shard_index: For training in several processes with one seed: each draws its own batches of the same
            epoch. Together they show every example, in the same number of steps each.
        workers: Threads that load the examples of a batch, where they are loaded one by one; 0 and 1 load in the thread
            that trains.
        use_multiprocessing: Make them processes.
        max_queue_size: Accepted as `keras.utils.PyDataset` does; there is no queue.
    """

    def __init__(
        self,
        source: RowSource,
        *,
        steps_to_cover: int,
        steps_per_epoch: int | None = None,
        augmenter: Callable[..., Any] | None = None,
        num_augmentations_per_example: int = 1,
        warmup: int = 0,
        seed: int | None = None,
        num_shards: int = 1,
        shard_index: int = 0,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        # Keras's own queue hands batches of one epoch out in the next, and some twice: it gets no workers.
        super().__init__(max_queue_size=max_queue_size)
        self.augmenter = augmenter
        self.num_augmentations_per_example = check_whole(
            num_augmentations_per_example, name="num_augmentations_per_example", minimum=1
        )
        if augmenter is None and num_augmentations_per_example > 1:
            raise ValueError(
                f"`num_augmentations_per_example` above 1 needs an augmenter: got {num_augmentations_per_example}, and "
                "none.\n  Pass `augmenter`, or leave the number at 1."
            )
        self.warmup = check_whole(warmup, name="warmup", minimum=0)
        self.seed = draw_seed(seed)
        self.num_shards = check_whole(num_shards, name="num_shards", minimum=1)
        self.shard_index = check_whole(shard_index, name="shard_index", minimum=0)
        if self.shard_index >= self.num_shards:
            raise ValueError(
                f"`shard_index` must be below `num_shards`: got {shard_index} of {num_shards}.\n"
                "  Pass this process's number, counted from 0."
            )
        self.steps_per_epoch = (
            -(-steps_to_cover // self.num_shards)
            if steps_per_epoch is None
            else check_whole(steps_per_epoch, name="steps_per_epoch", minimum=1)
        )
        self.epoch = 0
        self._first_step = 0
        self._takes_seed = augmenter is not None and _takes_seed(augmenter)
        # Layers such as GaussianNoise do nothing unless they are told that this is training.
        self._told = {"training": True} if isinstance(augmenter, keras.layers.Layer) else {}
        self._plan: tuple[int, NDArray[np.int64]] | None = None
        parallel = check_whole(workers, name="workers", minimum=0) > 1 or (workers > 0 and use_multiprocessing)
        single = isinstance(source, ArrayRows)  # gathered faster than handed over
        self._source = ParallelRows(source, workers, use_multiprocessing) if parallel and not single else source

    def __len__(self) -> int:
        return self.steps_per_epoch - self._first_step

    def __getitem__(self, index: int) -> tuple[Any, NDArray[np.int32]]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"the epoch has {len(self)} batches: got index {index}")
        step = index % len(self) + self._first_step
        rows = self._batches()[step]
        x, codes = self._read(rows)
        if self.augmenter is None:
            return x, codes
        return self._augmented(x, step), np.tile(codes, self.num_augmentations_per_example)

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's batches."""
        # `fit` starts by winding its data back, which Keras announces as the end of an epoch; none was trained.
        if [caller.function for caller in inspect.stack(0)[1:3]] == ["on_epoch_end", "reset"]:
            return
        self.epoch += 1
        self._first_step = 0

    def resume(self, epoch: int, step: int = 0) -> None:
        """Stand where training broke off: the next batches are those that would have followed.

        Make the sampler with the same data and arguments, `seed` among them. After a step in the middle, the rest of
        that epoch is one `fit(sampler, epochs=1)`; the epochs after it have their full length again.

        Args:
            epoch: Counted from 0, ≥ 0.
            step: The batch of that epoch to begin with, below `steps_per_epoch`.

        Raises:
            ValueError: `epoch` or `step` is out of range.
        """
        epoch = check_whole(epoch, name="epoch", minimum=0)
        step = check_whole(step, name="step", minimum=0)
        if step >= self.steps_per_epoch:
            raise ValueError(
                f"`step` must be below the epoch's {self.steps_per_epoch} steps: got {step}.\n"
                "  After a whole epoch, pass the next epoch and step 0."
            )
        self.epoch, self._first_step = epoch, step

    def _epoch_batches(self, epoch: int, steps: int) -> NDArray[np.int64]:
        """Return the rows of the whole epoch's batches `(steps, b)`, those of all shards."""
        raise NotImplementedError

    def _read(self, rows: NDArray[np.int64]) -> tuple[Any, NDArray[np.int32]]:
        """Return the examples of a batch and their codes."""
        raise NotImplementedError

    def _batches(self) -> NDArray[np.int64]:
        """Return this epoch's plan, made once: its batches are asked for one by one."""
        plan = self._plan
        if plan is None or plan[0] != self.epoch:
            batches = self._epoch_batches(self.epoch, self.steps_per_epoch * self.num_shards)
            plan = self._plan = (self.epoch, batches[self.shard_index :: self.num_shards])
        return plan[1]

    def _augmented(self, x: Any, step: int) -> Any:
        count = self.num_augmentations_per_example
        if self.epoch < self.warmup or self.augmenter is None:
            # A layer says itself what examples are outside training: of the views and the size that training will see.
            if isinstance(self.augmenter, keras.layers.Layer):
                x = map_rows(as_array, self.augmenter(x, training=False))
            return x if count == 1 else join_parts([x] * count)
        views = []
        for view in range(count):
            key = (self.seed, self.epoch, step * self.num_shards + self.shard_index, view)
            seed = {"seed": int(np.random.SeedSequence(key).generate_state(1)[0])} if self._takes_seed else {}
            views.append(map_rows(as_array, self.augmenter(x, **self._told, **seed)))
        return views[0] if count == 1 else join_parts(views)


def draw_seed(seed: int | None) -> int:
    """Return the seed, or draw one."""
    return (
        int(np.random.SeedSequence().generate_state(1)[0])
        if seed is None
        else check_whole(seed, name="seed", minimum=0)
    )


def _takes_seed(augmenter: Callable[..., Any]) -> bool:
    try:
        return "seed" in inspect.signature(augmenter).parameters
    except (TypeError, ValueError):  # what is not written in Python may have no signature
        return False
