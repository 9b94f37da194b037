"""Tests of the chapter gpu_scheduling: its method against independent ways of computing."""

import heapq
import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad

import repro


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("gpu_scheduling")


def random_jobs(chapter, seed, n=16, sizes=(1, 2, 3, 4, 8)):
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, 40, n), rng.choice(sizes, n), rng.integers(1, 20, n)
    return [chapter.Job(*map(int, row)) for row in zip(*columns, strict=True)]


def policies(chapter):
    return {
        "fifo": chapter.blocking(chapter.FIFO),
        "backfill": chapter.FIFO,
        "sjf": chapter.blocking(chapter.SJF),
        "ssf": chapter.SSF,
        "srtf": chapter.SRTF,
        "srsf": chapter.SRSF,
        "las": chapter.las((3, 9), dimensions=1),
        "2d-las": chapter.las((6, 20, 50)),
    }


NAMES = ("fifo", "backfill", "sjf", "ssf", "srtf", "srsf", "las", "2d-las")
PREEMPTING = ("srtf", "srsf", "las", "2d-las")


@pytest.mark.parametrize("cost", [0, 1, 5])
@pytest.mark.parametrize("name", NAMES)
def test_events_and_seconds_agree(chapter, name, cost):
    policy = policies(chapter)[name]
    for seed in range(12):
        jobs = random_jobs(chapter, seed)
        by_events, _ = chapter.simulate(jobs, chapter.Pool(8), policy, cost)
        assert np.array_equal(by_events, chapter.by_seconds(jobs, chapter.Pool(8), policy, cost))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PREEMPTING])
def test_events_and_seconds_agree_on_nodes(chapter, name):
    policy = policies(chapter)[name]
    for seed in range(12):
        jobs = random_jobs(chapter, seed)
        by_events, _ = chapter.simulate(jobs, chapter.Nodes(2, 4), policy)
        assert np.array_equal(by_events, chapter.by_seconds(jobs, chapter.Nodes(2, 4), policy))


@pytest.mark.parametrize("servers", [1, 3])
def test_first_come_is_the_recursion_of_lindley(chapter, servers):
    jobs = sorted(random_jobs(chapter, 7, n=200, sizes=(1,)), key=lambda job: job.submit)
    finish, _ = chapter.simulate(jobs, chapter.Pool(servers), chapter.blocking(chapter.FIFO))
    free = [0] * servers
    for job, end in zip(jobs, finish, strict=True):
        begin = max(heapq.heappop(free), job.submit)
        heapq.heappush(free, begin + job.seconds)
        assert end == begin + job.seconds


@pytest.mark.parametrize("name", NAMES)
def test_gpus_are_never_held_twice_and_work_is_conserved(chapter, name):
    jobs = chapter.trace(3, n=300, gpus=32)
    finish, pieces = chapter.simulate(jobs, chapter.Pool(32), policies(chapter)[name], 7)
    held = {j: 0 for j in range(len(jobs))}
    parts = {j: [] for j in range(len(jobs))}
    changes = []
    for j, since, until in pieces:
        assert jobs[j].submit <= since < until <= finish[j]
        held[j] += until - since
        parts[j].append((since, until))
        changes += [(until, -jobs[j].gpus), (since, jobs[j].gpus)]
    levels = list(itertools.accumulate(change for _, change in sorted(changes)))
    assert max(levels) <= 32 and levels[-1] == 0
    for j, job in enumerate(jobs):
        assert held[j] == job.seconds + 7 * (len(parts[j]) - 1)
        assert max(until for _, until in parts[j]) == finish[j]
        ordered = sorted(parts[j])
        assert all(a[1] < b[0] for a, b in itertools.pairwise(ordered))


def test_a_worked_example(chapter):
    rows = [(0, 1, 4), (1, 1, 2), (2, 3, 7), (3, 3, 1), (4, 1, 3)]
    jobs = [chapter.Job(*row) for row in rows]
    ends = {
        "first come": (chapter.blocking(chapter.FIFO), [4, 3, 10, 11, 13]),
        "backfill": (chapter.FIFO, [4, 3, 10, 11, 7]),
        "service": (chapter.SSF, [4, 3, 11, 4, 7]),
        "2D-LAS": (chapter.las((6,)), [4, 3, 11, 6, 7]),
    }
    for policy, expected in ends.values():
        finish, pieces = chapter.simulate(jobs, chapter.Pool(4), policy)
        assert finish.tolist() == expected
    assert sorted(pieces)[2:4] == [(2, 3, 5), (2, 6, 11)]


def test_priorities_of_all_policies(chapter):
    job = chapter.Job(5, 4, 100)
    rank = {
        "FIFO": (chapter.FIFO, 0),
        "SJF": (chapter.SJF, 100),
        "SSF": (chapter.SSF, 400),
        "SRTF": (chapter.SRTF, 70),
        "SRSF": (chapter.SRSF, 280),
        "LAS": (chapter.las((29, 30, 31), dimensions=1), 2),
        "2D-LAS": (chapter.las((119, 120, 121)), 2),
    }
    for policy, expected in rank.values():
        assert policy.priority(job, 30, 70) == expected
        assert policy.skip and not chapter.blocking(policy).skip
    assert [policy.preempt for policy, _ in rank.values()] == [False] * 3 + [True] * 4
    two = chapter.las((10, 50))
    assert [two.until(job, used) for used in (0, 2, 3, 12, 13)] == [3, 3, 13, 13, None]
    assert chapter.las((10, 50), dimensions=1).until(job, 10) == 50


def test_equal_ranks_go_by_arrival_and_running_jobs_stay(chapter):
    jobs = [chapter.Job(0, 1, 5), chapter.Job(1, 1, 5), chapter.Job(1, 1, 5), chapter.Job(3, 1, 2)]
    for policy in (chapter.FIFO, chapter.SJF, chapter.SRTF):
        finish, _ = chapter.simulate(jobs, chapter.Pool(1), policy)
        first = [5, 10, 15, 17] if policy is chapter.FIFO else [5, 12, 17, 7]
        assert finish.tolist() == first
    same = [chapter.Job(0, 1, 4), chapter.Job(2, 1, 2)]  # both have two seconds left at 2
    assert chapter.simulate(same, chapter.Pool(1), chapter.SRTF)[0].tolist() == [4, 6]


def test_a_demoted_job_goes_behind_those_that_wait(chapter):
    jobs = [chapter.Job(0, 1, 6), chapter.Job(1, 1, 6)]
    finish, pieces = chapter.simulate(jobs, chapter.Pool(1), chapter.las((2,)))
    assert sorted(pieces) == [(0, 0, 2), (0, 4, 8), (1, 2, 4), (1, 8, 12)]
    assert finish.tolist() == [8, 12]
    late, _ = chapter.simulate(jobs, chapter.Pool(1), chapter.las((2,)), cost=3)
    assert late.tolist() == [11, 18]


def test_las_without_limits_is_backfill(chapter):
    for seed in range(5):
        jobs = random_jobs(chapter, seed, n=60)
        one, other = (
            chapter.simulate(jobs, chapter.Pool(8), policy)[0]
            for policy in (chapter.las(()), chapter.FIFO)
        )
        assert np.array_equal(one, other)


def test_predictions_that_are_right_give_the_shortest_service(chapter):
    jobs = random_jobs(chapter, 4, n=60)
    exact = chapter.predicted(jobs, [job.seconds for job in jobs])
    for change in (lambda policy: policy, chapter.blocking):
        one, other = (
            chapter.simulate(jobs, chapter.Pool(8), change(policy))[0]
            for policy in (exact, chapter.SSF)
        )
        assert np.array_equal(one, other)


def test_nodes_are_filled_as_told(chapter):
    nodes = chapter.Nodes(3)
    assert nodes.gpus == nodes.free == 24
    assert nodes.take(6) == {0: 6}
    assert nodes.take(3) == {1: 3}
    assert nodes.take(2) == {0: 2}
    assert nodes.take(16) is None and nodes.free == 13
    assert nodes.take(12) == {2: 8, 1: 4}
    nodes.give({2: 8, 1: 4})
    assert nodes.take(8) == {2: 8} and nodes.free == 5
    assert nodes.take(6) is None
    assert nodes.take(5) == {1: 5} and nodes.free == 0
    assert chapter.Nodes(1).take(12) is None


def test_a_pool_counts(chapter):
    pool = chapter.Pool(4)
    assert pool.take(4) == 4 and pool.free == 0 and pool.take(1) is None
    pool.give(3)
    assert pool.free == 3 and pool.gpus == 4


def test_nothing_to_do(chapter):
    finish, pieces = chapter.simulate([], chapter.Pool(4), chapter.FIFO)
    assert finish.shape == (0,) and pieces == []
    assert chapter.by_seconds([], chapter.Pool(4), chapter.FIFO).shape == (0,)


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ((0, 5, 1), "never start"),
        ((0, 0, 1), "gpus"),
        ((-1, 1, 1), "submit"),
        ((0, 1, 0), "second"),
    ],
)
def test_impossible_jobs_are_refused(chapter, job, message):
    with pytest.raises(ValueError, match=message):
        chapter.simulate([chapter.Job(*job)], chapter.Pool(4), chapter.FIFO)


def test_what_events_do_not_cover_is_refused(chapter):
    jobs = [chapter.Job(0, 1, 1)]
    with pytest.raises(ValueError, match="preempts"):
        chapter.simulate(jobs, chapter.Pool(4), chapter.blocking(chapter.SRTF))
    with pytest.raises(ValueError, match="preempts"):
        chapter.simulate(jobs, chapter.Nodes(1), chapter.SRTF)
    with pytest.raises(ValueError, match="cost"):
        chapter.simulate(jobs, chapter.Pool(4), chapter.FIFO, -1)
    pool = chapter.Pool(4)
    pool.take(1)
    with pytest.raises(ValueError, match="idle"):
        chapter.simulate(jobs, pool, chapter.FIFO)
    with pytest.raises(TypeError):
        chapter.simulate([chapter.Job(0, 1, 1.5)], chapter.Pool(4), chapter.FIFO)


@pytest.mark.parametrize(
    ("limits", "dimensions"), [((0,), 2), ((3, 3), 2), ((5, 4), 1), ((3,), 3), ((-1, 2), 1)]
)
def test_limits_must_ascend(chapter, limits, dimensions):
    with pytest.raises(ValueError, match="limits"):
        chapter.las(limits, dimensions)


def test_traces_have_their_load_and_shape(chapter):
    jobs = chapter.trace(1, n=4000, gpus=64, load=0.8, sigma=1.0, mean=1000)
    a, g, p = np.array(jobs).T
    assert (np.diff(a) >= 0).all() and a[0] >= 0
    horizon = (g * p).sum() / (0.8 * 64)
    assert 0.99 * horizon < a[-1] <= horizon
    assert p.min() >= 30 and p.max() <= 2 * 86400
    assert abs(np.log(p).mean() - (math.log(1000) - 0.5)) < 0.06
    assert abs(np.log(p).std() - 1) < 0.05 and set(g) == {1, 2, 4, 8, 16, 32}
    shares = [(g == size).mean() for size in (1, 2, 4, 8, 16, 32)]
    assert np.abs(np.array(shares) - [0.60, 0.13, 0.12, 0.10, 0.04, 0.01]).max() < 0.025
    assert jobs == chapter.trace(1, n=4000, gpus=64, load=0.8, sigma=1.0, mean=1000)
    assert len(chapter.trace(0)) == 2000
    usual = np.array(chapter.trace(0, n=500, sigma=0.5))
    horizon = (usual[:, 1] * usual[:, 2]).sum() / (0.9 * 64)
    assert 0.98 * horizon < usual[-1, 0] <= horizon
    finish = [job.submit + 5 for job in jobs]
    assert (chapter.completion(jobs, finish) == 5).all()


def brute_force(T, N, g):
    """Max-min gain by bisection on feasibility, as a linear programme of another form."""
    from scipy.optimize import linprog

    J, K = T.shape
    equal = np.minimum(1, N.sum() / (J * g))[:, None] * N / N.sum()
    base = (T * equal).sum(1)
    low, high = 0.0, 20.0
    for _ in range(45):
        t = (low + high) / 2
        A, b = [], []
        for j in range(J):
            row = np.zeros((J, K))
            row[j] = -T[j]
            A.append(row.ravel())
            b.append(-t * base[j])
            row = np.zeros((J, K))
            row[j] = 1
            A.append(row.ravel())
            b.append(1)
        for k in range(K):
            row = np.zeros((J, K))
            row[:, k] = g
            A.append(row.ravel())
            b.append(N[k])
        feasible = linprog(np.zeros(J * K), np.array(A), b).status == 0
        low, high = (t, high) if feasible else (low, t)
    return low


@pytest.mark.parametrize("seed", range(4))
def test_the_programme_is_the_largest_feasible_gain(chapter, seed):
    rng = np.random.default_rng(seed)
    T, N = rng.uniform(1, 10, (4, 3)), rng.integers(1, 4, 3).astype(float)
    g = rng.integers(1, 3, 4).astype(float)
    X, gain = chapter.max_min(T, N, g)
    assert gain == pytest.approx(brute_force(T, N, g), abs=1e-6) and gain >= 1 - 1e-9
    assert X.min() >= -1e-12 and X.sum(1).max() <= 1 + 1e-9
    assert ((g[:, None] * X).sum(0) <= N + 1e-9).all()
    reached = (T * X).sum(1) / (T * chapter.equal_shares(4, N, g)).sum(1)
    assert reached.min() == pytest.approx(gain)


def test_the_programme_by_hand(chapter):
    assert chapter.max_min([[4, 1], [2, 1], [1.2, 1]], [1, 1])[1] == pytest.approx(90 / 77)
    assert chapter.max_min([[10, 1], [1.5, 1], [3, 1]], [1, 1])[1] == pytest.approx(
        1.213873, abs=1e-6
    )
    assert chapter.equal_shares(1, [3, 1], np.array([1])).tolist() == [[0.75, 0.25]]
    assert chapter.equal_shares(4, [3, 1], np.array([2] * 4))[0].tolist() == [0.375, 0.125]


@pytest.mark.parametrize(
    ("T", "N", "g", "message"),
    [
        ([1, 2], [1, 1], None, "throughputs"),
        (np.empty((0, 2)), [1, 1], None, "throughputs"),
        ([[1, 2]], [1], None, "throughputs"),
        ([[1, 0]], [1, 1], None, "above 0"),
        ([[1, 2]], [1, 0], None, "above 0"),
        ([[1, 2]], [1, 1], [0], "above 0"),
        ([[1, 2]], [1, 1], [1, 1], "each job"),
    ],
)
def test_programmes_without_meaning_are_refused(chapter, T, N, g, message):
    with pytest.raises(ValueError, match=message):
        chapter.max_min(T, N, g)


def test_gpus_are_handed_out_by_gain(chapter):
    sigma = [0.02, 0.1, 0.3, 0.5]

    def gain(j, n):
        return chapter.speed(n + 1, sigma[j]) - chapter.speed(n, sigma[j])

    assert chapter.hand_out(gain, 12, 4).tolist() == [8, 2, 1, 1]
    total = chapter.speed(chapter.hand_out(gain, 12, 4), np.array(sigma)).sum()
    assert total == pytest.approx(10.835726, abs=1e-6)
    assert chapter.hand_out(lambda j, n: 2 - n - j, 10, 3).tolist() == [2, 1, 0]
    assert chapter.hand_out(gain, 0, 4).tolist() == [0] * 4
    assert chapter.hand_out(gain, 5, 0).tolist() == []
    assert chapter.hand_out(lambda j, n: 1.0 if n < 2 else 0.0, 3, 2).tolist() == [2, 1]


def test_speeds(chapter):
    assert chapter.speed(np.array([0, 1, 2, 3]), 0.5).tolist() == [0, 1, 4 / 3, 1.5]
    assert chapter.speed(4, 0.0) == 4


def test_work_drains_at_its_rates(chapter):
    finish = chapter.drain([2, 6], lambda active, left: np.ones(len(active)) * 2 / len(active))
    assert finish.tolist() == [2, 4]
    alone = chapter.drain([3, 1], lambda active, left: (np.arange(len(active)) == 0) * 1.0)
    assert alone.tolist() == [3, 4]
    assert chapter.drain([], None).shape == (0,)
    both = chapter.drain([1, 1, 4], lambda active, left: np.ones(len(active)))
    assert both.tolist() == [1, 1, 4]
    seen = []
    chapter.drain([1, 3], lambda active, left: seen.append(left.tolist()) or np.ones(len(active)))
    assert seen == [[1, 3], [2]]
    with pytest.raises(ValueError, match="never finish"):
        chapter.drain([1], lambda active, left: np.zeros(1))


def test_batches_by_a_slow_loop(chapter):
    rng = np.random.default_rng(0)
    arrivals = np.cumsum(rng.exponential(3, 400)).round()
    for most in (1, 3, 50):
        waiting, clock, latency = list(range(400)), 0.0, {}
        while waiting:
            clock = max(clock, arrivals[waiting[0]])
            batch = [i for i in waiting if arrivals[i] <= clock][:most]
            clock += 1.5 * len(batch) + 2
            for i in batch:
                latency[i] = clock - arrivals[i]
            waiting = waiting[len(batch) :]
        expected = [latency[i] for i in range(400)]
        assert chapter.serve(arrivals, 1.5, 2, most) == pytest.approx(expected)
    for wrong, most in (([0, 1], 0), ([1, 0], 2)):
        with pytest.raises(ValueError, match="batches of at least 1, and arrivals in order"):
            chapter.serve(wrong, 1.5, 2, most)
    assert chapter.serve([1, 1], 1, 2, 1).tolist() == [3, 6]


def test_the_largest_batch_within_the_objective(chapter):
    assert chapter.batch_limit(1.2, 8, 50) == 14
    assert chapter.batch_limit(1, 5, 30) == 10
    assert chapter.batch_limit(1, 20, 30) == 0


def sizes_of(chapter):
    return chapter.Mixture((0.9, 0.1), (0.4, 6.4)), chapter.Mixture((1.0,), (1.0,))


def test_moments_of_cut_sizes(chapter):
    for sizes in sizes_of(chapter):
        for x in (0.3, 2.0, 9.0):
            assert sizes.first(x) == pytest.approx(quad(sizes.tail, 0, x)[0])
            second = quad(lambda t, tail=sizes.tail: 2 * t * tail(t), 0, x)[0]
            assert sizes.second(x) == pytest.approx(second)
        assert sizes.tail(0) == 1 and sizes.end == 60 * max(sizes.means)
        assert sizes.first(sizes.end) == pytest.approx(1)


def test_known_queues(chapter):
    mixed, alone = sizes_of(chapter)
    assert chapter.mean_las(0.8, mixed) == pytest.approx(17.96)
    assert chapter.mean_by_size(0.8, mixed, remaining=False) == pytest.approx(5.90149, abs=1e-5)
    assert chapter.mean_by_size(0.8, mixed, remaining=True) == pytest.approx(2.199747, abs=1e-6)
    assert chapter.mean_las(0.8, mixed, np.geomspace(1e-3, 200, 4000)) == pytest.approx(
        3.8576, abs=1e-3
    )
    assert chapter.mean_las(0.8, alone, (0.3, 1.0)) == pytest.approx(5)
    assert chapter.work_found(0.8, alone, 60) == pytest.approx(4)
    for rate in (1, 1.5):
        with pytest.raises(ValueError, match=f"more work comes than a GPU can do: load {rate}"):
            chapter.work_found(rate, alone, alone.end)
    assert chapter.mean_servers(0.8, 1) == pytest.approx(5)
    weights = [2.8**k / math.factorial(k) for k in range(4)]
    last = 2.8**4 / math.factorial(4) / (1 - 0.7)
    wait = last / (sum(weights) + last)
    assert chapter.mean_servers(2.8, 4) == pytest.approx(1 + wait / (4 - 2.8))


def test_the_simulator_agrees_with_the_formula_of_the_levels(chapter):
    mixed, _ = sizes_of(chapter)
    means = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        p = np.maximum(1, 1000 * rng.exponential(rng.choice(mixed.means, 4000, p=mixed.shares)))
        a = np.cumsum(rng.exponential(2000, 4000)).astype(int).tolist()
        jobs = [chapter.Job(s, 1, int(q)) for s, q in zip(a, p, strict=True)]
        finish, _ = chapter.simulate(jobs, chapter.Pool(1), chapter.las((1500,)))
        means.append(chapter.completion(jobs, finish)[500:3800].mean() / 1000)
    error = np.std(means, ddof=1) / math.sqrt(len(means))
    assert abs(np.mean(means) - chapter.mean_las(0.5, mixed, (1.5,))) < 3.5 * error


# ---- deadlines, fair finishes, shared GPUs ----


@pytest.mark.parametrize("preempt", [False, True])
def test_the_earliest_deadline_goes_first(chapter, preempt):
    for seed in range(8):
        jobs = random_jobs(chapter, seed)
        due = [2 * job.submit + job.seconds for job in jobs]
        policy = chapter.earliest(jobs, due, preempt)
        assert policy.preempt == preempt and policy.skip and policy.until is None
        assert [policy.priority(job, 3, 4) for job in jobs] == due
        by_events, _ = chapter.simulate(jobs, chapter.Pool(8), policy, 3)
        assert np.array_equal(by_events, chapter.by_seconds(jobs, chapter.Pool(8), policy, 3))
    assert not chapter.earliest(jobs, due).preempt


def test_deadlines_belong_to_jobs(chapter):
    jobs = [chapter.Job(0, 1, 5), chapter.Job(0, 1, 5)]
    assert chapter.earliest(jobs, [7, 7]).priority(jobs[0], 0, 5) == 7
    with pytest.raises(ValueError, match="cannot be told apart"):
        chapter.earliest(jobs, [7, 8])
    with pytest.raises(ValueError):
        chapter.earliest(jobs, [7])


def test_time_alone_on_a_share(chapter):
    jobs = [chapter.Job(3, gpus, 10) for gpus in (1, 2, 4, 8)]
    assert chapter.time_alone(jobs, 8, 4).tolist() == [10, 10, 20, 40]
    assert chapter.time_alone(jobs, 8, 0.5).tolist() == [10, 10, 10, 10]
    for gpus, N in ((8, 0), (8, -1), (8, math.nan), (0, 2)):
        with pytest.raises(ValueError, match="N > 0"):
            chapter.time_alone(jobs, gpus, N)


@pytest.mark.parametrize("r", [0.3, 0.5, 0.6, 1.0])
def test_pairs_by_a_slow_loop(chapter, r):
    for gpus, n in itertools.product(range(1, 5), range(12)):
        on = [[j] for j in range(min(n, gpus))]  # jobs of each GPU
        for j in range(gpus, min(n, 2 * gpus) if r > 0.5 else 0):
            on[2 * gpus - 1 - j].append(j)
        speeds = [0.0] * n
        for together in on:
            for j in together:
                speeds[j] = 1.0 if len(together) == 1 else r
        assert chapter.side_by_side(n, gpus, r).tolist() == speeds


@pytest.mark.parametrize(("gpus", "r"), [(0, 0.6), (2, 0.0), (2, 1.1), (2, -0.5)])
def test_impossible_pairs_are_refused(chapter, gpus, r):
    with pytest.raises(ValueError, match="expected a speed"):
        chapter.side_by_side(3, gpus, r)
