"""Memory of the whole stack and of each service, as proportional set size (shared pages counted once)."""

import psutil

from deploy.local.stack import Stack
from tests.benchmarks.figures import Figure, at_most

MEGABYTE = 1e6


def measure(stack: Stack) -> list[Figure]:
    """Measure after work was done, when everything is loaded."""
    processes = {name: process.pid for name, process in stack.processes.items()}
    for name, engine in (("postgres", stack.postgres), ("broker", stack.broker)):
        if engine is not None:
            processes[name] = engine.process.pid
    sizes = {name: _proportional(pid) for name, pid in processes.items() if pid}
    figures = [at_most("whole stack", sum(sizes.values()) / MEGABYTE, "MB", 2500)]
    for name in stack.services:
        size = sizes[name] / MEGABYTE
        figures.append(Figure(name, size, "MB") if name == "matching" else at_most(name, size, "MB", 150))
    others = {name: size for name, size in sizes.items() if name not in stack.services}
    return [*figures, *(Figure(name, size / MEGABYTE, "MB") for name, size in others.items())]


def _proportional(pid: int) -> int:
    total = 0
    parent = psutil.Process(pid)
    for process in (parent, *parent.children(recursive=True)):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total
