"""What one map instead of all skips does to the peak of a process, and to its time.

    python benchmarks/unet_memory.py

NAFNet of width 32 with one block a stage, one grey picture, float32. Every network runs in its own
process, whose largest resident size Linux reports, above that after a first small call. Memory is
asked of the system anew for each map and given back at once. Recomputation runs the encoder again
for each skip.
"""

import repro  # first: caps threads before torch loads

# isort: split
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import torch

from press.bench import Table, report, seconds

WIDTH = 32
WAYS = ("all skips", "UNet--, t = 1", "no skips", "all skips, recomputed")
SIDES = (128, 256)


def network(way, chapter):
    """The network of a way, and a call that runs it on a picture."""
    bridges = {"UNet--, t = 1": chapter.Aggregated(WIDTH, 4, 1), "no skips": chapter.NoSkips()}
    net = chapter.UNet(bridges.get(way, chapter.Skips()), WIDTH)
    return net, partial(chapter.recompute, net) if way == WAYS[3] else net


def resident(line):
    """Bytes in a line of the process's status: VmRSS now, VmHWM at the peak."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").split()
    return 1024 * int(status[status.index(f"{line}:") + 1])


@torch.no_grad()
def child(way, side):
    """Print bytes above the start at the peak, and seconds, of one way; runs in its own process."""
    torch.manual_seed(0)
    _, call = network(way, repro.chapter("unet_memory"))
    x = torch.rand(1, 1, side, side)
    call(x[..., :16, :16])  # code and buffers that every first call loads
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak so far is forgotten
    start = resident("VmRSS")
    call(x)
    print(resident("VmHWM") - start, seconds(lambda: call(x), 2))


def measured(way, side):
    """Bytes and seconds of one way."""
    run = [sys.executable, "-E", __file__, way, str(side)]
    freed = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}  # maps are given back at once
    done = subprocess.run(run, capture_output=True, text=True, check=True, env=freed)
    return tuple(map(float, done.stdout.split()))


def main():
    """Measure, print, write."""
    rows = []
    for side in SIDES:
        found = {way: measured(way, side) for way in WAYS}
        peak, time = found["all skips"]
        rows += [[side, way, p / 2**20, p / peak, t, t / time] for way, (p, t) in found.items()]
    report(
        "unet_memory",
        f"NAFNet of width {WIDTH}, one block a stage, one grey picture, float32, one thread: the "
        "peak of the process above its start, as the operating system counts it, and the time.",
        [
            Table(
                "Peak and time, and both relative to all skips (ratios)",
                ["side", "way", "peak (MiB)", "peak / all", "time (s)", "time / all"],
                rows,
            )
        ],
    )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        child(sys.argv[1], int(sys.argv[2]))
    else:
        main()
