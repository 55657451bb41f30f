"""Runs every numbered scenario: a shell file that a person can run too (tests/scenarios/NN-*.sh)."""
import os
import pathlib
import subprocess

import pytest

from conftest import BUILD, SLOW

HERE = pathlib.Path(__file__).parent


@pytest.mark.parametrize("path", sorted(HERE.glob("[0-9][0-9]-*.sh")), ids=lambda path: path.stem)
def test_scenario(path):
    done = subprocess.run(["bash", str(path)], capture_output=True, text=True, timeout=240 * SLOW,
                          stdin=subprocess.DEVNULL, env={**os.environ, "CBM_BUILD": str(BUILD)})
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
