"""The catalogue that the tests of this folder read."""

import importlib.util
import shutil

import pytest


@pytest.fixture(scope="session")
def catalogue(data_folder, tmp_path_factory):
    """A TensorFlow Datasets folder in which MNIST can be prepared without a network."""
    if importlib.util.find_spec("tensorflow_datasets") is None:
        pytest.skip("tensorflow-datasets is not installed; `make setup BACKENDS=all` brings it")
    folder = tmp_path_factory.mktemp("tfds")
    manual = folder / "downloads" / "manual"
    manual.mkdir(parents=True)
    for file in (data_folder / "mnist").glob("*.gz"):
        shutil.copy(file, manual)
    return folder
