"""Folders for what tests write. They lie under build/ and not among the system's own temporary ones: a run that was
killed cannot clean up, and the next one does it in its place."""

import atexit
import fcntl
import functools
import os
import shutil
import tempfile
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent / "build" / "scratch"


def scratch_folder(name):
    """A new one, which goes at the latest when this process ends."""
    return Path(tempfile.mkdtemp(prefix=name + "-", dir=folder_of_this_run()))


@functools.cache
def folder_of_this_run():
    HOME.mkdir(parents=True, exist_ok=True)
    one_at_a_time = lock(HOME, fcntl.LOCK_EX)
    for left in HOME.iterdir():
        if not is_in_use(left):
            shutil.rmtree(left, ignore_errors=True)
    run = Path(tempfile.mkdtemp(prefix="run-", dir=HOME))
    lock(run, fcntl.LOCK_EX)  # until this process ends
    os.close(one_at_a_time)
    atexit.register(shutil.rmtree, run, ignore_errors=True)
    return run


def lock(folder, how):
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, how)
    return descriptor


def is_in_use(folder):
    try:
        os.close(lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB))
        return False
    except BlockingIOError:
        return True
