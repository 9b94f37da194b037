"""How the event simulator of `gpu_scheduling` grows, and what it saves over ticking each second.

    python benchmarks/gpu_scheduling.py

Up to 100,000 jobs on 2,048 GPUs at load 0.9; shortest of several runs. The
released simulator of Lucid ticks through every second, and so does the second simulator of the
chapter: the ratio compares both on the same jobs. Written to benchmarks/results/ as well.
"""

import repro  # before NumPy: one thread

# isort: split
from functools import partial

from press.bench import Table, growth, report, seconds

chapter = repro.chapter("gpu_scheduling")
POLICIES = {
    "FIFO": chapter.blocking(chapter.FIFO),
    "FIFO, backfill": chapter.FIFO,
    "SSF, backfill": chapter.SSF,
    "SRSF": chapter.SRSF,
    "2D-LAS": chapter.las((19200, 76800, 307200, 1228800)),
}


def run(jobs, gpus, policy, preempted):
    """Simulate with 60 s for a preemption, and note how many there were."""
    _, pieces = chapter.simulate(jobs, chapter.Pool(gpus), policy, 60)
    preempted.append(len(pieces) - len(jobs))


def large(sizes=(1_000, 10_000, 100_000), gpus=2048):
    """Rows (policy, jobs, preemptions, seconds, microseconds for each job), and exponents."""
    rows, exponents = [], []
    for name, policy in POLICIES.items():
        times = []
        for n in sizes:
            jobs, preempted = chapter.trace(0, n=n, gpus=gpus, load=0.9), []
            repeats = 1 if n > 10_000 else 3
            times.append(seconds(partial(run, jobs, gpus, policy, preempted), repeats))
            rows.append((name, n, preempted[0], times[-1], 1e6 * times[-1] / n))
        exponents.append((name, growth(sizes, times)))
    return rows, exponents


def ticks(sizes=(10, 20, 40, 80), gpus=64):
    """Rows (policy, jobs, seconds by events, ticking / events)."""
    rows = []
    for name, policy in POLICIES.items():
        for n in sizes:
            jobs = chapter.trace(0, n=n, gpus=gpus, sigma=1.2, mean=600)
            fast = seconds(partial(run, jobs, gpus, policy, []))
            slow = seconds(
                partial(chapter.by_seconds, jobs, chapter.Pool(gpus), policy, 60), repeats=1
            )
            rows.append((name, n, fast, slow / fast))
    return rows


def main():
    """Measure, print, store."""
    rows, exponents = large()
    report(
        "gpu_scheduling",
        "The chapter's event simulator up to 100,000 jobs on 2,048 GPUs, and against a simulator "
        "that ticks through every second, as the released one of Lucid does.",
        [
            Table(
                "Jobs at load 0.9 on 2,048 GPUs, running times of tail 1.8",
                ("policy", "jobs", "preemptions", "time (s)", "µs for a job"),
                rows,
            ),
            Table("Time as a power of the number of jobs", ("policy", "exponent"), exponents),
            Table(
                "Small traces on 64 GPUs, mean running time ten minutes",
                ("policy", "jobs", "events (s)", "ticking / events"),
                ticks(),
            ),
        ],
    )


if __name__ == "__main__":
    main()
