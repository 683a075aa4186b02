"""Every error of ours has the one parent, stands in the tree, and is the same wherever it is imported from."""

import inspect

import pytest

from keras_similarity import embed, errors, export


def test_list_of_errors__is_whole():
    defined = [name for name, value in vars(errors).items() if inspect.isclass(value)]
    assert sorted(errors.__all__) == sorted(defined)


@pytest.mark.parametrize("name", errors.__all__)
def test_error__has_the_parent_and_a_place_in_the_tree(name):
    assert issubclass(getattr(errors, name), errors.KerasSimilarityError)
    assert f" {name} " in errors.__doc__ or f" {name}\n" in errors.__doc__


@pytest.mark.parametrize(
    ("package", "name", "base"),
    [
        (embed, "UnsupportedImageError", ValueError),
        (embed, "ImageTooLargeError", ValueError),
        (export, "ExportError", errors.KerasSimilarityError),
    ],
)
def test_error_of_a_package__is_the_one_of_errors(package, name, base):
    assert getattr(package, name) is getattr(errors, name)
    assert issubclass(getattr(errors, name), base)
