"""README's path, walked in a clone of the last commit with an empty home: results in benchmarks/results/newcomer.json.

Each command of README's shell blocks is run as it is written, in their order, in one shell; `keras-similarity serve`
goes on beside those that come after it. What README asks its reader to have, a folder of images, is made of
scikit-learn's digits.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import run_child, write

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FIRST = "keras-similarity demo"  # the command that shows the first neighbours
ENVIRONMENT = ".venv"  # the folder that README's commands make
READY_SECONDS = 60


def commands(readme):
    """The commands of the shell blocks, continued lines joined."""
    blocks = re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [command.strip() for line in lines if (command := line.split(" #")[0]).strip()]


def programs(readme):
    """The files that README tells its reader to write: name -> text."""
    return dict(re.findall(r"^Saved as `([\w.]+)`:\n\n```python\n(.*?)```", readme, re.DOTALL | re.MULTILINE))


class Shell:
    """One shell, in which a command sees what those before it have set."""

    def __init__(self, folder, home):
        # Caches of downloads may be used: they are the network's share, and not README's.
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name == "PATH"}
        cache = os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
        self.process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=kept | {"HOME": str(home), "PIP_CACHE_DIR": cache, "LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command):
        """Run a command, and return its seconds; end all if it fails."""
        started = time.monotonic()
        self.process.stdin.write(f"{{ {command}\n}} </dev/null; echo; echo ended with $?\n")
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            said.append(line)
            if line.startswith("ended with "):
                break
        if said[-1:] != ["ended with 0\n"]:
            sys.exit(f"{command}\nfailed:\n{''.join(said)[-3000:]}")
        return time.monotonic() - started

    def serve(self, command):
        """Start what goes on, and wait until it answers."""
        self.run(f"{command} >served 2>&1 & echo $! >serving")
        self.run(f"curl -s --retry {READY_SECONDS} --retry-delay 1 --retry-all-errors -f localhost:8000/readyz")

    def close(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(30)


def walk(folder, home):
    """Run every command; return what each took."""
    readme = (folder / "README.md").read_text()
    for name, text in programs(readme).items():
        (folder / name).write_text(text)
    shell = Shell(folder, home)
    rows = []
    try:
        for command in commands(readme):
            if command.startswith("keras-similarity train"):
                shell.run(f"python {HERE / 'images.py'} images")
            if command.startswith("keras-similarity serve"):
                shell.serve(command)
                continue
            rows.append({"what": command, "seconds": shell.run(command)})
    finally:
        shell.close()
    return rows


def megabytes(folder):
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def main():
    with tempfile.TemporaryDirectory() as place:
        folder, home = Path(place, "keras-similarity"), Path(place, "home")
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
        rows = walk(folder, home)
        first = next(number for number, row in enumerate(rows) if row["what"].startswith(FIRST))
        summary = {
            "first_neighbor_s": sum(row["seconds"] for row in rows[: first + 1]),
            "first_neighbor_commands": first + 1,
            "installed_mb": megabytes(folder / ENVIRONMENT),
        }
        shutil.rmtree(folder)
    sizes = run_child(sys.executable, HERE / "sizes.py")
    write("newcomer", rows, **summary, sizes_mb=sizes)
