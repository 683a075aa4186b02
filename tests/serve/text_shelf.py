"""A model of texts in a file, and an index of what it makes of some, their texts beside them."""

import keras_similarity as ks

TEXTS = ["a red car", "two cats", "the old house", "a boat on the sea", "the doctor is in", "a house boat", "cars"]


def make_text_shelf(folder):
    """Write `texts.keras` and `shelf.index` into a folder, and return the model."""
    import keras  # not everywhere where tests are collected

    keras.utils.set_random_seed(1)
    model = ks.architectures.TextSim(16, buckets=2000, length=8, width=32, pieces=(3, 4))
    model.save(folder / "texts.keras")
    with ks.Index(16, store=folder / "shelf.index") as index:
        index.add(model.embed(TEXTS), TEXTS, ids=[f"t{row}" for row in range(len(TEXTS))], data=TEXTS)
    return model
