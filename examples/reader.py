#!/usr/bin/env python3
"""Reads a series with NumPy alone, also while the daemon writes. usage: reader.py STORE/series/NAME"""
import sys
import numpy as np

COUNT, FRONTIER, CAPACITY, CLOCK, RUNS, REGULAR = 16, 17, 5, 13, 19, 1

def load(folder):
    """Values and times (int64 ns) of the samples that are there, oldest first."""
    def column(name):
        return np.load(f"{folder}/{name}.npy", mmap_mode="r")
    head = column("head")  # mapped: each look shows what is there now
    count, capacity, run_count = int(head[COUNT]), int(head[CAPACITY]), int(head[RUNS])
    values = column("values")  # after count: a growing file is at least that long by now
    first = max(0, int(max(count, head[FRONTIER])) - capacity) if capacity else 0
    index = np.arange(first, count)
    if head[CLOCK] == REGULAR:
        runs = column("runs")  # a ring too: first index, t0, period of each run
        start, t0_ns, period_ps = runs[np.arange(max(0, run_count - len(runs)), run_count) % len(runs)].T
        index = index[index >= start[0]] if run_count else index[:0]
        run = np.searchsorted(start, index, side="right") - 1
        times = t0_ns[run] + (index - start[run]) * period_ps[run] // 1000
    else:
        times = column("times")[index % len(values)]
    rows = values[index % len(values)]  # slot = index mod capacity; copies
    # What the daemon wrote over while it was being copied is dropped.
    kept = index >= (int(head[FRONTIER]) - capacity if capacity else 0)
    return rows[kept], times[kept]

if __name__ == "__main__":
    values, times = load(sys.argv[1])
    print(f"{len(values)} samples of shape {values.shape[1:]}, dtype {values.dtype}")
    if len(values):
        print(f"from {np.datetime64(int(times[0]), 'ns')} to {np.datetime64(int(times[-1]), 'ns')}")
        print(f"mean {values.mean()}, variance {values.var()}")
