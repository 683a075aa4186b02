"""Items on their way into a database."""

from keras_similarity.index.remote.items import in_blocks


def test_blocks__end_at_so_many_rows_or_bytes_and_a_row_beyond_them_goes_alone():
    sizes = [1, 1, 1, 1, 9, 2, 7, 1, 20]
    assert list(in_blocks(sizes, lambda size: size, 3, 9)) == [[1, 1, 1], [1], [9], [2, 7], [1], [20]]
