"""A worker that kills itself at a recording whose name says so; a module, so that other processes find it."""

import os
import signal

from wavenetlite.pipeline import work as module

WORK = module.work


def work(task):
    if any(".dead." in entry.key for entry in task.entries):
        os.kill(os.getpid(), signal.SIGKILL)
    return WORK(task)
