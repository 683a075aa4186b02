"""A column of values that arrive one by one."""

import time

from keras_similarity.index.columns import Column


def filled_one_by_one(rows):
    column = Column()
    for row in range(rows):
        column.append([row], 1)
    return column


def seconds_to_save(rows):
    column = filled_one_by_one(rows)
    times = []
    for _ in range(3):
        started = time.process_time()
        column.to_arrays()
        times.append(time.process_time() - started)
    return min(times)


def test_save__ten_times_the_rows__takes_no_hundred_times_as_long():
    assert seconds_to_save(60_000) < 30 * seconds_to_save(6_000)


def test_save__of_rows_that_came_singly__is_one_run_of_them():
    arrays = filled_one_by_one(100).to_arrays()
    assert sorted(arrays) == ["0-bytes", "0-stops", "ends"]
    again = Column.from_arrays(arrays)
    assert [again[row] for row in range(100)] == list(range(100))
