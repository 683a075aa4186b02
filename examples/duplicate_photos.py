"""Near-copies in a folder of photos: smaller ones, re-compressed ones, brighter ones.

    python examples/duplicate_photos.py FOLDER

Without a folder it makes one: pictures of random shapes, some of them copied with changes. No network is trained: small
grey thumbnails are compared, which finds copies of a photo and not photos of the same thing.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

import keras_similarity as ks

SIDE = 12  # pixels of a thumbnail
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def make_photos(folder, count, rng):
    """Draw pictures, and copy every tenth twice with changes."""
    for number in range(count):
        photo = Image.new("RGB", (96, 72), tuple(rng.integers(0, 256, 3).tolist()))
        for _ in range(8):
            x, y, width, height = rng.integers(0, 60, 4).tolist()
            draw = ImageDraw.Draw(photo)
            draw.ellipse((x, y, x + width, y + height), fill=tuple(rng.integers(0, 256, 3).tolist()))
        photo.save(folder / f"{number:04}.png")
        if number % 10 == 0:
            photo.resize((48, 36)).save(folder / f"{number:04}_small.jpg", quality=60)
            ImageEnhance.Brightness(photo).enhance(1.15).save(folder / f"{number:04}_brighter.jpg")


def thumbnail(path):
    """Return a photo as `(SIDE²,)` numbers of mean 0: what is left of it when brightness and size are gone."""
    with Image.open(path) as photo:
        grey = np.asarray(photo.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)
    return (grey - grey.mean()).ravel() + 1e-3  # a photo of one colour has a direction too


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=Path, nargs="?")
parser.add_argument("--tiny", action="store_true", help="fewer pictures, to see that it runs")
options = parser.parse_args()

with tempfile.TemporaryDirectory() as made:
    folder = options.folder or Path(made)
    if options.folder is None:
        make_photos(folder, 60 if options.tiny else 500, np.random.default_rng(0))
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    index = ks.Index(SIDE * SIDE, "cosine")
    if not paths:
        parser.error(f"no photo is in {folder}")
    index.add(np.stack([thumbnail(path) for path in paths]), ids=[str(path.relative_to(folder)) for path in paths])

copies = ks.inspection.find_duplicates(ks.inspection.index_graph(index, list(index)))
print(f"{len(paths)} photos, {copies['group'].nunique()} groups of near-copies")
for _, group in list(copies.groupby("group"))[:10]:
    print("  " + ", ".join(group["id"]))
