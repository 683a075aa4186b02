"""What it costs that a loss sees the rows of all devices: JAX, four devices made of one CPU."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

from measure import run_child, versions, write  # noqa: E402

FOUR_DEVICES = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}


def main():
    rows = []
    for batch in (128, 512, 2048):
        what = "training step with the whole batch compared, ms over each device's rows alone"
        rows.append(
            {"what": what, "batch": batch, "floor": None}
            | run_child(sys.executable, HERE / "steps.py", batch, **FOUR_DEVICES)
        )
    print(json.dumps(rows, indent=1))
    write("distributed", rows, versions=versions("keras", "jax"))


if __name__ == "__main__":
    main()
