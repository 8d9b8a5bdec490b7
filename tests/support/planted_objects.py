"""Objects for workers that answer, refuse, fail, die and hang."""

import ctypes
import os
import time
from pathlib import Path

from marlcore.errors import InputError


class Counter:
    def __init__(self, start=0, on_close=None):
        self.count, self.on_close, self.block = start, on_close, None

    def add(self, amount):
        self.count += amount
        return self.count

    def threads(self):
        return os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]

    def see(self, block):
        self.arrays = block.arrays()
        return float(self.arrays["x"].sum())

    def write(self, value):
        self.arrays["x"][1] = value

    def refuse(self):
        raise InputError("x is 3, and must be 2")

    def divide(self):
        return 1 / 0

    def leave(self):
        os._exit(7)

    def crash(self):
        ctypes.string_at(0)

    def sleep_long(self):
        time.sleep(1000)

    def pid(self):
        return os.getpid()

    def close(self):
        if self.on_close:
            Path(self.on_close).write_text("closed")


def broken():
    raise ValueError("cannot be made")
