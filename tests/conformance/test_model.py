"""The model of the silence procedure (tests/model/silence.pml), every state of it, by spin; and the same with
each guard taken away, which must be found out."""
import pathlib
import re
import shutil
import subprocess

import pytest

MODEL = (pathlib.Path(__file__).parent.parent / "model" / "silence.pml").read_text()

pytestmark = [pytest.mark.once,
              pytest.mark.skipif(not shutil.which("spin"), reason="spin is not installed")]


def errors(model, scratch):
    """How many errors spin finds (it stops at the first)."""
    (scratch / "model.pml").write_text(model)
    for command in (["spin", "-a", "model.pml"],
                    ["cc", "-O2", "-w", "-DSAFETY", "-o", "pan", "pan.c"]):
        subprocess.run(command, cwd=scratch, check=True, capture_output=True, timeout=120)
    said = subprocess.run(["./pan", "-m100000"], cwd=scratch, capture_output=True, text=True, timeout=120).stdout
    assert "max search depth too small" not in said
    return int(re.search(r"errors: (\d+)", said)[1])


def test_one_outcome_in_every_state(scratch):
    assert errors(MODEL, scratch) == 0


@pytest.mark.parametrize("guard, without", [
    ("revision == read_revision && clock < DEADLINE", "clock < DEADLINE"),
    ("revision == read_revision && clock < DEADLINE", "revision == read_revision"),
    ("revision == read_revision && clock >= DEADLINE", "clock >= DEADLINE"),
    ("revision == read_revision && clock >= DEADLINE", "revision == read_revision"),
    # the document before the clock
    ("read_clock = clock;\n        d_step { read = status; read_standing = standing };",
     "d_step { read = status; read_standing = standing };\n        read_clock = clock;"),
])
def test_every_guard_is_needed(guard, without, scratch):
    assert MODEL.count(guard) == 1
    assert errors(MODEL.replace(guard, without), scratch) == 1
