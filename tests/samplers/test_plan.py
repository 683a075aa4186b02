import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_similarity.samplers.plan import ClassRows, epoch_batches, family_batches, steps_to_cover


@st.composite
def classes(draw):
    sizes = draw(st.lists(st.integers(1, 30), min_size=2, max_size=12))
    per_batch = draw(st.integers(2, len(sizes)))
    per_class = draw(st.integers(1, 5))
    ends = np.cumsum(sizes)
    return [np.arange(end - size, end) for size, end in zip(sizes, ends, strict=True)], per_batch, per_class


def planned(class_rows, per_batch, per_class, steps=None, seed=(0, 0)):
    sizes = np.array([len(rows) for rows in class_rows])
    steps = steps or steps_to_cover(sizes, per_batch, per_class)
    label_of = np.repeat(np.arange(len(sizes)), sizes)
    batches = epoch_batches(
        ClassRows(label_of), classes_per_batch=per_batch, examples_per_class=per_class, steps=steps, seed=seed
    )
    return batches, label_of


@given(classes())
def test_every_batch_has_p_distinct_classes_with_k_examples_each(plan):
    _, per_batch, per_class = plan
    batches, label_of = planned(*plan)
    for batch in batches:
        labels, counts = np.unique(label_of[batch], return_counts=True)
        assert (len(labels), set(counts.tolist())) == (per_batch, {per_class})


@given(classes())
def test_an_epoch_shows_every_example_and_none_twice_before_the_others_of_its_class(plan):
    class_rows, _, _ = plan
    batches, label_of = planned(*plan)
    assert set(batches.ravel().tolist()) == set(range(len(label_of)))
    for rows in class_rows:
        shown = [row for row in batches.ravel().tolist() if row in set(rows.tolist())]
        assert len(set(shown[: len(rows)])) == len(rows)


@given(classes())
def test_steps_to_cover_is_the_least_that_can(plan):
    class_rows, per_batch, per_class = plan
    sizes = np.array([len(rows) for rows in class_rows])
    slots = [math.ceil(size / per_class) for size in sizes.tolist()]
    steps = steps_to_cover(sizes, per_batch, per_class)
    assert (steps - 1) * per_batch < sum(slots) or steps - 1 < max(slots)


@given(classes(), st.integers(1, 8))
def test_a_short_epoch_still_has_whole_batches(plan, steps):
    batches, label_of = planned(*plan, steps=steps)
    _, per_batch, _ = plan
    assert len(batches) == steps
    assert all(len(set(label_of[batch].tolist())) == per_batch for batch in batches)


def test_a_plan_is_a_function_of_its_seed():
    rows = [np.arange(20), np.arange(20, 50), np.arange(50, 60)]
    assert np.array_equal(planned(rows, 2, 3, seed=(1, 4))[0], planned(rows, 2, 3, seed=(1, 4))[0])
    assert not np.array_equal(planned(rows, 2, 3, seed=(1, 4))[0], planned(rows, 2, 3, seed=(1, 5))[0])


@pytest.mark.parametrize("class_count", [40])
def test_classes_meet_in_different_company(class_count):
    """Over an epoch a class meets many others: batches are no fixed groups."""
    rows = [np.arange(label * 20, label * 20 + 20) for label in range(class_count)]
    batches, label_of = planned(rows, 4, 2)
    company = {label: set() for label in range(class_count)}
    for batch in batches:
        labels = set(label_of[batch].tolist())
        for label in labels:
            company[label] |= labels - {label}
    assert min(len(others) for others in company.values()) >= 15


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_short_epoch_of_families__leaves_some_out_and_fills_every_batch(steps):
    label_of = np.repeat(np.arange(60), 3)  # 20 families of 3 classes of 3 examples
    families = np.arange(60) // 3
    batches = family_batches(
        ClassRows(label_of),
        families,
        families_per_batch=4,
        classes_each=2,
        examples_per_class=2,
        steps=steps,
        seed=(0, 0),
    )
    assert batches.shape == (steps, 16)
    for batch in batches:
        of_families = families[label_of[batch]].reshape(4, 4)
        assert (of_families == of_families[:, :1]).all()
        assert len(set(of_families[:, 0].tolist())) == 4
