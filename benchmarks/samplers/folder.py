"""20,000 JPEGs of 640×480 → 224: our sampler beside a bare Pillow loop on as many threads. Prints JSON."""

import json
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from keras_similarity.samplers import from_directory

FILES = 20_000
DISTINCT = 500  # pictures; each is there under several names, which are decoded one by one all the same
CLASSES = 50
SIDE = 224
BATCH = 80
ROUNDS = 4


def write_folder(root):
    photos = np.load(Path(os.environ["KERAS_SIMILARITY_DATA"], "vehicles32.npz"))["x"]
    rng = np.random.default_rng(0)
    paths = []
    for number in range(FILES):
        path = root / f"class {number % CLASSES}" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        if number < DISTINCT:
            image = Image.fromarray(photos[number]).resize((640, 480), Image.Resampling.BICUBIC)
            noise = rng.normal(0, 8, (480, 640, 3))
            Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)).save(path, quality=85)
        else:
            path.hardlink_to(paths[number % DISTINCT])
        paths.append(path)
    return paths


def bare(path):
    with Image.open(path) as image:
        image.draft("RGB", (SIDE, SIDE))
        return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def resident_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main():
    workers = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        paths = write_folder(Path(folder))
        sampler = from_directory(folder, 10, examples_per_class_per_batch=8, target_size=(SIDE, SIDE), workers=workers)
        quarter = len(sampler) // ROUNDS
        times, memory = {"ours": [], "bare": []}, []
        for part in range(ROUNDS):  # in turns, so that both meet the same neighbours
            started = time.process_time(), time.perf_counter()
            for index in range(part * quarter, (part + 1) * quarter):
                sampler[index]
            memory.append(resident_mb())
            middle = time.process_time(), time.perf_counter()
            for index in range(part * quarter, (part + 1) * quarter):
                np.stack(list(pool.map(bare, paths[index * BATCH : (index + 1) * BATCH])))
            ended = time.process_time(), time.perf_counter()
            images = quarter * BATCH
            times["ours"].append([images / (b - a) for a, b in zip(started, middle, strict=True)])
            times["bare"].append([images / (b - a) for a, b in zip(middle, ended, strict=True)])
    medians = {name: np.median(values, axis=0).tolist() for name, values in times.items()}
    print(
        json.dumps(
            {
                "images_per_cpu_s": {name: value[0] for name, value in medians.items()},
                "images_per_s": {name: value[1] for name, value in medians.items()},
                "resident_mb": memory,
                "workers": workers,
            }
        )
    )


if __name__ == "__main__":
    main()
