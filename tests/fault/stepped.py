"""A program with a wall clock of its own, which a file steps (libfaketime). It must not know what it does."""
import os
import signal
import subprocess
import sysconfig

import pytest

from conftest import BUILD, SLOW

LIBFAKETIME = "/usr/lib/{}/faketime/libfaketime.so.1"
STEPS = ["-31536000", "-86400", "-3600", "-2", "-0.05", "+0", "+0.05", "+2", "+3600", "+86400", "+31536000"]


def faketime():
    path = LIBFAKETIME.format(sysconfig.get_config_var("MULTIARCH"))
    if not os.path.exists(path):
        pytest.fail("libfaketime is needed: deploy/install-deps.sh --test installs it (faketime)")
    return path


class Stepped:
    """It runs beside the stack, `number` tells it from others, `settings` are those it cannot take from here."""

    def __init__(self, stack, program, number, settings):
        self.program, self.clock = program, stack.dir / f"clock.{number}"
        self.log = open(stack.dir / "log" / f"stepped.{number}.log", "ab")
        self.env = {**os.environ, **settings, "LD_PRELOAD": faketime(), "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                    "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        self.step("+0")
        self.start()

    def step(self, by):
        other = self.clock.with_suffix(".new")
        other.write_text(by + "\n")
        other.rename(self.clock)

    def start(self):
        self.process = subprocess.Popen([str(BUILD / self.program)], env=self.env, stderr=self.log,
                                        stdin=subprocess.DEVNULL)

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait(20 * SLOW)

    def close(self):
        if self.process.poll() is None:
            self.kill()
        self.log.close()
