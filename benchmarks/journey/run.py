"""Import, fit, index, look up, save and load: ours on three backends beside TensorFlow Similarity on its own."""

import resource
import subprocess
import sys
import venv
from pathlib import Path

from measure import RESULTS, run_child, write

HERE = Path(__file__).parent
PEER = Path(__file__).parents[2] / ".venv-peer-tfsim"
BACKENDS = ("jax", "tensorflow", "torch")
IMPORT_RUNS = 7


def peer_python():
    """The interpreter of the peer's own environment, made once."""
    python = PEER / "bin" / "python"
    ready = PEER / ".ready"
    if not ready.exists():
        venv.create(PEER, with_pip=True)
        requirements = str(HERE / "requirements-peer.txt")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
        ready.touch()
    return python


def import_cost(python, module):
    """CPU seconds and peak megabytes of a process that imports a module, the median of several runs."""
    runs = []
    for _ in range(IMPORT_RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = "import resource" + (f", {module}" if module else "")
        code += "; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        runs.append((cpu, float(done.stdout.split()[-1])))
    return dict(zip(("cpu_s", "mb"), sorted(runs)[IMPORT_RUNS // 2], strict=True))


def table(ours, peer, imports):
    """The rows of the report: what, the peer's number, ours, and the floor."""
    rows = [
        {"what": "import, CPU s over Python itself", "peer": imports["peer"]["cpu_s"] - imports["python"]["cpu_s"],
         "ours": imports["ours"]["cpu_s"] - imports["python"]["cpu_s"], "floor": 0.2},
    ]  # fmt: skip
    for backend, result in ours.items():
        lookup, fit, saved = result["lookup_cpu_ms"], result["fit_cpu_ms_per_step"], result["save_load_cpu_s"]
        over = lookup["single_lookup"] - lookup["compiled_call"]
        absolute = backend == "tensorflow"
        rows += [
            {"what": "single_lookup at 60,000, CPU ms" + ("" if absolute else " over the compiled call"),
             "backend": backend, "peer": peer["lookup_cpu_ms"], "ours": lookup["single_lookup"] if absolute else over,
             "floor": 3.0 if absolute else 1.5, "cpu_ms": lookup["single_lookup"],
             "compiled_call": lookup["compiled_call"]},
            {"what": "index() of 60,000 with data, CPU over embedding alone", "backend": backend,
             "peer": peer["index_cpu_s"], "ours": result["index_cpu_s"] / result["embedding_cpu_s"], "floor": 1.3,
             "cpu_s": result["index_cpu_s"]},
            {"what": "fit, CPU over a bare keras.Model", "backend": backend, "peer": peer["fit_cpu_ms_per_step"],
             "ours": fit["ours"] / fit["bare"], "floor": 1.05, "cpu_ms_per_step": fit["ours"]},
        ]  # fmt: skip
        for verb, floor in (("save", 0.6), ("load", 0.2)):
            theirs = peer["save_load_cpu_s"]
            rows.append(
                {"what": f"{verb} with 60,000 indexed, CPU s over bare Keras", "backend": backend,
                 "peer": theirs["ours"][verb] - theirs["bare"][verb],
                 "ours": saved["ours"][verb] - saved["bare"][verb], "floor": floor}
            )  # fmt: skip
    return rows


def main():
    peer_at = peer_python()
    imports = {
        "python": import_cost(sys.executable, ""),
        "ours": import_cost(sys.executable, "keras_similarity"),
        "peer": import_cost(peer_at, "tensorflow_similarity"),
    }
    ours = {backend: run_child(sys.executable, HERE / "ours.py", KERAS_BACKEND=backend) for backend in BACKENDS}
    peer = run_child(peer_at, HERE / "peer.py")
    rows = table(ours, peer, imports)
    RESULTS.mkdir(exist_ok=True)
    write("journey", rows, versions=ours["jax"]["versions"], import_cost=imports, ours=ours, peer=peer)
    for row in rows:
        mark = "ok  " if row["ours"] <= row["floor"] else "MISS"
        print(f"{mark} {row.get('backend', ''):11}{row['what']}: {row['ours']:.3f} (floor {row['floor']})")
