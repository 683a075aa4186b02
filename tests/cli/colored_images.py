"""A folder of images that anybody can tell apart: noise around one colour a class."""

import numpy as np
from PIL import Image as image

COUNT = 10  # of a class


def write_colored_images(folder, colors):
    """Write a subfolder of PNG files, 0.png and so on, for each name and its colour."""
    rng = np.random.default_rng(1)
    for name, color in colors.items():
        (folder / name).mkdir(parents=True)
        for number in range(COUNT):
            pixels = np.clip(rng.normal(color, 25, (20, 24, 3)), 0, 255).astype(np.uint8)
            image.fromarray(pixels).save(folder / name / f"{number}.png")
