import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from guides import shell_lines, text_of

pytestmark = pytest.mark.training
COMMAND = Path(sys.executable).with_name("keras-similarity")
ROW = re.compile(r"│ (seen|unseen) +│ [\d,]+ +│ [\d,]+ +│ (raw pixels|model) +│ +([\d.]+) │ +([\d.]+) │ +([\d.]+) │")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The demo as the reference shows it, run for a program: what it tells people goes to stderr then."""
    folder = tmp_path_factory.mktemp("demo")
    lines = shell_lines(text_of("reference/commands.md"))
    (shown,) = [line.split()[1:] for line in lines if line.startswith("keras-similarity demo")]
    command = [COMMAND, *shown, "--json"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return folder, ended.stderr, [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.slow
def test_demo__training_pays_on_unseen_classes_too(done):
    scores = {(group, kind): [float(number) for number in numbers] for group, kind, *numbers in ROW.findall(done[1])}
    assert len(scores) == 4
    for group, gain in (("seen", 0.3), ("unseen", 0.15)):
        model, pixels = scores[group, "model"], scores[group, "raw pixels"]
        assert model[0] > pixels[0] + gain  # recall@1
        assert model[2] > 1.5 * pixels[2]  # MAP@R
    for row in done[2]:
        named = [row["recall@1"], row["recall@5"], row["map@r"]]
        assert named == pytest.approx(scores.pop((row["classes"], row["embedding"])), abs=0.00051)
    assert not scores


@pytest.mark.slow
def test_demo__says_what_it_did_and_writes_the_picture_and_the_model(done):
    folder, told, _ = done
    for words in ("Held back from training:", "queries are turned", "a fresh process", "recall@1", "MAP@R"):
        assert words in told.replace("\n", " "), told
    assert sorted(path.name for path in (folder / "demo-output").iterdir()) == ["model.keras", "neighbors.png"]
