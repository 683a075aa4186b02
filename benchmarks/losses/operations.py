"""Where the time of one loss goes on torch: CPU milliseconds of each operation, forward and backward, as JSON.

KERAS_BACKEND=torch python benchmarks/losses/operations.py LOSS ROWS
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from losses.ours import made
from torch.profiler import ProfilerActivity, profile

STEPS = 5
SHOWN = 0.01  # of the whole


def main(name, rows):
    call = made(name, rows, None)
    call(), call()
    with profile(activities=[ProfilerActivity.CPU]) as taken:
        for _ in range(STEPS):
            call()
    times = {event.key: event.self_cpu_time_total / 1000 / STEPS for event in taken.key_averages()}
    whole = sum(times.values())
    largest = sorted(times.items(), key=lambda item: -item[1])
    print(json.dumps({"whole": whole} | {key: spent for key, spent in largest if spent > SHOWN * whole}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
