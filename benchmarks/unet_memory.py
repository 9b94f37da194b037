"""What one map instead of all skips does to the peak of a process, and to its time.

    python benchmarks/unet_memory.py

NAFNet of width 32 with one block a stage, one grey picture, float32. Every network runs in its own
process, whose largest resident size the operating system reports, above that after a first small
call. Recomputation runs the encoder again for each skip.
"""

import repro  # first: caps threads before torch loads

# isort: split
import resource
import subprocess
import sys
from functools import partial

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


@torch.no_grad()
def child(way, side):
    """Print bytes above the start at the peak, and seconds, of one way; runs in its own process."""
    torch.manual_seed(0)
    _, call = network(way, repro.chapter("unet_memory"))
    x = torch.rand(1, 1, side, side)
    call(x[..., :16, :16])  # code and buffers that every first call loads
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    call(x)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start
    print(1024 * peak, seconds(lambda: call(x), 2))


def measured(way, side):
    """Bytes and seconds of one way."""
    run = [sys.executable, "-E", __file__, way, str(side)]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
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
        "peak of the process above its start, as the operating system counts it, and the time. "
        "The machine was busy with other work; ratios of times are rough.",
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
