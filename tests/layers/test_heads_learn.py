"""Each head teaches a small network to find the class of images it has not seen."""

import inspect

import pytest

from keras_similarity import layers
from small_training import recalls_before_and_after

HEADS = [
    value
    for value in vars(layers).values()
    if inspect.isclass(value) and issubclass(value, layers.ClassHead) and value is not layers.ClassHead
]
MARGIN = 0.15  # measured on PyTorch: from 0.479 untrained to 0.77 at least


@pytest.mark.slow
@pytest.mark.parametrize("head_class", HEADS, ids=lambda value: value.__name__)
def test_beats_its_own_untrained_network_on_images_it_has_not_seen(head_class, data_folder):
    head = head_class(num_classes=10)

    def end(hidden):
        return head(layers.MetricEmbedding(8, normalize=False)(hidden))

    before, after = recalls_before_and_after(data_folder, end, head.loss(), layers.drop_heads)
    assert after > before + MARGIN, (before, after)
