"""Tests of the chapter signed_flows: its method against exhaustive and independent ways."""

from itertools import permutations, product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import repro

c = repro.chapter("signed_flows")

LOOP = c.incidence(1, [(0, 0, -1)])
STAR = c.incidence(4, [(0, k, 1) for k in (1, 2, 3)] + [(k, k, -1) for k in (1, 2, 3)])
STAR[:, 3:] *= -1  # all residues 1
EIGHT = c.incidence(2, [(0, 1, 1), (0, 1, -1), (0, 0, -1), (1, 1, -1)])
SIZES = [(1, 3), (2, 2), (2, 4), (3, 3), (3, 4), (4, 4)]
GRAPHS = [B for size in SIZES for B in c.census(*size)]


@st.composite
def signed_graphs(draw, most=6):
    """Random signed graphs of 1 to 4 vertices, connected or not, ends turned at random."""
    n = draw(st.integers(1, 4))
    vertex = st.integers(0, n - 1)
    pairs = draw(st.lists(st.tuples(vertex, vertex, st.sampled_from([1, -1])), min_size=1,
                          max_size=most))  # fmt: skip
    B = c.incidence(n, [(u, v, s if u != v else -1) for u, v, s in pairs])
    turn = draw(st.lists(st.sampled_from([1, -1]), min_size=n, max_size=n))
    back = draw(st.lists(st.sampled_from([1, -1]), min_size=len(pairs), max_size=len(pairs)))
    return np.array(turn)[:, None] * B * back


def every(values, m):
    return np.array(list(product(values, repeat=m)))


def lifts(B, g, q, sets):
    """All integer flows with f[e] from sets[e], by brute force; sets are congruent to g."""
    f = np.array(list(product(*sets)))
    assert not ((f - g) % q).any()
    return f[(f @ B.T == 0).all(1)]


# Graphs


def test_incidence_has_the_entries_of_the_text():
    B = c.incidence(2, [(0, 1, 1), (0, 1, -1), (1, 1, -1)])
    assert B.tolist() == [[1, 1, 0], [-1, 1, 2]]
    assert c.signs(B).tolist() == [1, -1, -1]
    assert c.ends(B) == [(0, 1), (0, 1), (1, 1)]


@settings(deadline=None, max_examples=60)
@given(B=signed_graphs())
def test_bridges_are_the_edges_whose_removal_disconnects(B):
    def parts(B):
        G = nx.Graph(c.ends(B))
        G.add_nodes_from(range(len(B)))
        return nx.number_connected_components(G)

    slow = [parts(np.delete(B, e, 1)) > parts(B) for e in range(B.shape[1])]
    assert c.bridges(B).tolist() == slow


@settings(deadline=None, max_examples=40)
@given(B=signed_graphs(most=5), p=st.integers(1, 3))
def test_modulo_flows_and_even_subgraphs_are_those_of_a_loop_over_all_values(B, p):
    m = B.shape[1]
    slow = {tuple(g) for g in every((p, p + 1), m) if not (B @ g % (2 * p + 1)).any()}
    listed = [tuple(g) for g in c.modulo_flows(B, p)]
    other = [tuple(2 * p + 1 - v for v in g) for g in listed]
    assert set(listed + other) == slow and len(listed) * 2 == len(slow)
    slow = [H.tolist() for H in every((0, 1), m) if not (abs(B) @ H % 2).any()]
    assert c.even_subgraphs(B).tolist() == slow


# Conversion


@settings(deadline=None, max_examples=60)
@given(B=signed_graphs(most=5), q=st.integers(2, 5), seed=st.integers(0, 99))
def test_convert_finds_a_flow_exactly_if_a_loop_does(B, q, seed):
    g = every(range(q), B.shape[1])
    g = g[(g @ B.T % q == 0).all(1)]
    g = g[seed % len(g)]
    slow = lifts(B, g, q, [(0,) if v == 0 else (v, v - q) for v in g])
    f = c.convert(B, g - q * (seed % 3), q)  # residues may come unreduced
    assert (f is None) == (len(slow) == 0)
    assert f is None or f.tolist() in slow.tolist()
    if g.all():
        f = c.convert_by_matching(B, g + q, q)
        assert (f is None) == (len(slow) == 0)
        assert f is None or f.tolist() in slow.tolist()


@pytest.mark.parametrize("B", GRAPHS, ids=str)
def test_matchings_and_conversions_are_equally_many(B):
    """Perfect matchings up to the names of spare points, counted one by one."""
    for g in c.modulo_flows(B, 1):
        G = c.matching_graph(B, g, 3)

        def count(left, G=G):
            if not left:
                return {frozenset()}
            a = min(left, key=str)
            found = set()
            for b in set(G[a]) & left:
                used = frozenset(h for h in (a, b) if h[0] != "spare" and len({a[0], b[0]}
                                 & {"spare"}))  # fmt: skip
                found |= {used | rest for rest in count(left - {a, b})}
            return found

        slow = lifts(B, g, 3, [(v, v - 3) for v in g])
        assert len(count(frozenset(G))) == len(slow)


def test_the_star_of_loops_needs_a_four():
    g = np.ones(6, int)
    assert c.convert(STAR, g, 3) is None and c.convert_by_matching(STAR, g, 3) is None
    f = c.convert(STAR, g, 3, widen=True)
    assert not (STAR @ f).any() and not ((f - g) % 3).any()
    assert sorted(f[:3]) == [-2, -2, 4]
    assert sorted(abs(f)) == [1, 1, 2, 2, 2, 4]


def test_other_residues_need_not_convert_without_bridges():
    """Five digons of residues 1 and 2 meet at a vertex, a negative loop at each far end."""
    pairs = [(0, k, 1) for k in range(1, 6) for _ in range(2)]
    B = c.incidence(6, pairs + [(k, k, -1) for k in range(1, 6)])
    g = np.array([1, 2] * 5 + [4] * 5)
    assert not c.bridges(B).any() and not (B @ g % 5).any()
    assert c.convert(B, g, 5) is None and c.convert_by_matching(B, g, 5) is None
    assert len(lifts(B, g, 5, [(v, v - 5) for v in g])) == 0
    four = np.r_[g[:8], g[10:14]], np.delete(B[:5], [8, 9, 14], 1)
    assert (four[1] @ four[0] % 5).tolist() == [2, 0, 0, 0, 0]  # five are needed


@pytest.mark.parametrize("B", GRAPHS, ids=str)
def test_cubic_graphs_have_modulo_flows_exactly_where_switching_makes_all_edges_negative(B):
    if (abs(B).sum(1) == 3).all():
        alike = canonical(B) == canonical(abs(B))
        assert (len(c.modulo_flows(B, 1)) > 0) == alike


@pytest.mark.parametrize(
    ("g", "low", "high"), [(1, -1, 1), (2, 0, 2), (3, -1, 1), (4, 0, 2), (0, 0, 0)]
)
def test_bounds_on_a_bridge_make_the_flow_even(g, low, high):
    """A bridge between two pairs of loops; only the bridge is widened."""
    B = c.incidence(2, [(0, 1, 1), (0, 0, -1), (1, 1, -1)])
    values = np.array([g, 1, 1])
    lo, hi = c.box(B, values, widen=True)
    assert (lo.tolist(), hi.tolist()) == ([low, 0, 0], [high, 1, 1])
    assert c.box(B, values)[0].tolist() == [0, 0, 0]
    assert c.box(B, values)[1].tolist() == [int(g > 0), 1, 1]


def test_bridges_of_the_support_are_widened():
    """Two parallel edges, one of them without flow: the other is a bridge of the support."""
    B = c.incidence(2, [(0, 1, 1), (0, 1, 1), (0, 0, -1), (1, 1, -1)])
    lo, hi = c.box(B, np.array([0, 1, 1, 1]), widen=True)
    assert lo.tolist() == [0, -1, 0, 0] and hi.tolist() == [0, 1, 1, 1]


@settings(deadline=None, max_examples=60)
@given(B=signed_graphs(most=5), p=st.integers(1, 3), seed=st.integers(0, 99))
def test_theorems_a_and_c(B, p, seed):
    """Zeros allowed, bridges allowed, connected or not."""
    q = 2 * p + 1
    g = every((0, p, p + 1), B.shape[1])
    g = g[(g @ B.T % q == 0).all(1)]
    g = g[seed % len(g)]
    f = c.convert(B, g, q, widen=True)
    assert not (B @ f).any() and not ((f - g) % q).any() and ((f == 0) == (g == 0)).all()
    wide = np.zeros(len(g), bool)
    wide[g > 0] = c.bridges(B[:, g > 0])
    assert set(abs(f[~wide])) <= {0, p, p + 1}
    even = {v for v in (p, p + 1, 3 * p + 1, 3 * p + 2) if v % 2 == 0}
    assert set(abs(f[wide])) <= even


def test_solve_takes_the_least_cost():
    B = c.incidence(2, [(0, 1, 1)] * 2 + [(1, 0, 1)] * 2)
    g = np.ones(4, int)
    costs = every((-1, 2), 4)
    for cost in costs:
        x = c.solve(B, g, 3, *c.box(B, g), cost=cost)
        slow = [x for x in every((0, 1), 4) if not (B @ (g - 3 * x)).any()]
        assert cost @ x == min(cost @ x for x in slow)


def test_a_linear_programme_may_stop_at_halves_where_whole_numbers_fail():
    pairs = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (0, 3), (1, 4), (2, 5)]
    prism = c.incidence(6, [(u, v, -1) for u, v in pairs])
    g, cost = np.ones(9, int), np.array([-1] * 6 + [1] * 3)
    x = c.solve(prism, g, 3, *c.box(prism, g), cost=cost, integral=False)
    assert x == pytest.approx([0.5] * 6 + [0] * 3)
    whole = c.solve(prism, g, 3, *c.box(prism, g), cost=cost)
    assert sorted(whole.round()) == [0] * 6 + [1] * 3


# Modulo 2


@settings(deadline=None, max_examples=60)
@given(B=signed_graphs(most=5), seed=st.integers(0, 99))
def test_walks_convert_exactly_the_even_subgraphs_with_even_components(B, seed):
    H = c.even_subgraphs(B)
    H = H[seed % len(H)]
    slow = lifts(B, H, 2, [(-1, 1) if v else (0,) for v in H])
    f = c.tour(B, H)
    assert (f is None) == (len(slow) == 0)
    assert f is None or f.tolist() in slow.tolist()


@pytest.mark.parametrize("B", GRAPHS, ids=str)
def test_connected_graphs_extend_exactly_the_even_supports(B):
    for H in c.even_subgraphs(B):
        slow = lifts(B, H, 2, [(-1, 1) if v else (-2, 0, 2) for v in H])
        f = c.extend(B, H)
        assert (f is None) == (len(slow) == 0)
        assert f is None or f.tolist() in slow.tolist()
        turned = c.extend(-B[::-1], H + 2)
        assert (turned is None) == (f is None)


def test_a_bridge_between_two_odd_loops_carries_two():
    B = c.incidence(2, [(0, 0, -1), (1, 1, -1), (0, 1, 1)])
    assert c.tour(B, np.array([1, 1, 0])) is None
    assert abs(c.extend(B, np.array([1, 1, 0]))).tolist() == [1, 1, 2]
    more = c.incidence(3, [(0, 0, -1), (1, 1, -1), (0, 1, 1), (1, 2, -1)])
    assert abs(c.extend(more, np.array([1, 1, 0, 0]))).tolist() == [1, 1, 2, 0]


def test_edges_that_join_nothing_new_are_not_walked(monkeypatch):
    """Outside the even subgraph a forest is enough, each of its edges there and back."""
    monkeypatch.setattr(c, "tour", lambda B, times: times.tolist())
    assert c.extend(c.incidence(2, [(0, 1, 1)] * 3), np.array([1, 1, 0])) == [1, 1, 0]
    path = c.incidence(3, [(0, 1, 1), (0, 1, 1), (1, 2, 1), (1, 2, -1)])
    assert c.extend(path, np.array([1, 1, 0, 0])) == [1, 1, 2, 0]


# The census


def slots(n):
    pairs = [(u, v) for v in range(n) for u in range(v)]
    return [(u, v, s) for u, v in pairs for s in (1, -1)] + [(v, v, -1) for v in range(n)]


def canonical(B):
    """The least list of edges over all names of the vertices and all switchings."""
    n, signs = len(B), c.signs(B)
    forms = []
    for name in permutations(range(n)):
        for turn in product((1, -1), repeat=n):
            forms.append(tuple(sorted(
                (*sorted((name[u], name[v])), int(s * turn[u] * turn[v]))
                for (u, v), s in zip(c.ends(B), signs, strict=True))))  # fmt: skip
    return min(forms)


@pytest.mark.parametrize(("n", "m", "count"), [(1, 2, 1), (2, 1, 1), (2, 3, 6), (2, 4, 11),
                                               (3, 2, 1), (3, 3, 6), (4, 3, 2)])  # fmt: skip
def test_the_census_lists_every_graph_once(n, m, count):
    forms = set()
    for edges in product(slots(n), repeat=m):
        if list(edges) == sorted(edges):
            G = nx.Graph([(u, v) for u, v, _ in edges])
            G.add_nodes_from(range(n))
            if nx.is_connected(G):
                forms.add(canonical(c.incidence(n, edges)))
    listed = [canonical(B) for B in c.census(n, m)]
    assert len(listed) == count == len(set(listed)) and set(listed) == forms


def test_larger_censuses_have_no_graph_twice():
    for (n, m), count in {(2, 7): 36, (3, 5): 56, (4, 4): 14, (4, 5): 68}.items():
        assert len(c.census(n, m)) == count == len({canonical(B) for B in c.census(n, m)})
    assert c.census(3, 1) == c.census(0, 0) == ()


@settings(deadline=None, max_examples=40)
@given(B=signed_graphs(), D=signed_graphs(), seed=st.integers(0, 99))
def test_equal_are_those_that_names_and_switchings_make_equal(B, D, seed):
    rng = np.random.default_rng(seed)
    moved = B[rng.permutation(len(B))][:, rng.permutation(B.shape[1])]
    moved = moved * rng.choice([1, -1], (len(B), 1)) * rng.choice([1, -1], B.shape[1])
    assert len(c.distinct([B, moved])) == 1
    if B.shape == D.shape:
        assert len(c.distinct([B, D])) == len({canonical(B), canonical(D)})


# Nowhere-zero flows


@settings(deadline=None, max_examples=40)
@given(B=signed_graphs(most=4), k=st.integers(2, 4))
def test_nowhere_zero_flows_are_those_of_a_loop(B, k):
    f = every([v for v in range(1 - k, k) if v], B.shape[1])
    slow = f[(f @ B.T == 0).all(1)]
    assert sorted(c.nowhere_zero(B, k).tolist()) == sorted(slow.tolist())
    g = every(range(1, k), B.shape[1])
    assert c.nowhere_zero_modulo(B, k).tolist() == g[(g @ B.T % k == 0).all(1)].tolist()


def test_halves_are_no_flows():
    """Through the loops as a basis some values are halves; rounded they would not balance."""
    B = c.incidence(2, [(0, 0, -1), (1, 1, -1), (0, 1, 1), (0, 1, -1)])
    f = every([v for v in range(-4, 5) if v], 4)
    slow = f[(f @ B.T == 0).all(1)]
    assert sorted(c.nowhere_zero(B, 5).tolist()) == sorted(slow.tolist())


def test_flow_numbers_of_the_text():
    assert c.flow_number(EIGHT) == 4
    assert c.flow_number(STAR) == 5 and c.flow_number(STAR, most=4) is None
    assert c.flow_number(LOOP) is None
    assert c.flow_number(c.incidence(2, [(0, 1, 1)] * 2)) == 2
    assert c.nowhere_zero_modulo(LOOP, 4).tolist() == [[2]]


# The parity inequalities


def slow_slacks(B, lo, hi, c_, x):
    """Every set U: the size of its cut, and the smallest left-hand side minus 1 over all F."""
    for U in every((0, 1), len(B))[1:]:
        cut = [e for e in range(B.shape[1]) if (U @ B)[e] % 2]
        best = np.inf
        for F in product((0, 1), repeat=len(cut)):
            ends = [hi[e] if inside else -lo[e] for e, inside in zip(cut, F, strict=True)]
            if (sum(ends) - U @ c_) % 2:
                left = [hi[e] - x[e] if i else x[e] - lo[e] for e, i in zip(cut, F, strict=True)]
                best = min(best, sum(left) - 1)
        yield len(cut), best


@settings(deadline=None, max_examples=40)
@given(B=signed_graphs(most=4), seed=st.integers(0, 999))
def test_the_tightest_parity_inequality_is_that_of_a_loop(B, seed):
    rng = np.random.default_rng(seed)
    m = B.shape[1]
    lo, right = rng.integers(-1, 1, m), rng.integers(-3, 4, len(B))
    hi = lo + rng.integers(0, 3, m)
    scale = int(rng.integers(1, 6))
    x = rng.integers(scale * lo, scale * hi + 1)
    cuts, slack = c.parity_slack(B, right, lo, hi, x, scale)
    slow = list(slow_slacks(B, lo, hi, right, x / scale))
    assert cuts.tolist() == [k for k, _ in slow]
    assert slack / scale == pytest.approx([value for _, value in slow])
    assert (c.parity_slack(B, right, lo, hi, lo)[1]
            == [value for _, value in slow_slacks(B, lo, hi, right, lo)]).all()  # fmt: skip


# What is refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: c.incidence(2, [(0, 0, 1)]), r"got \[0, 0\] in column 0; leave positive loops"),
        (lambda: c.incidence(2, [(0, 1, 0)]), r"incidence: .* got \[1, 0\] in column 0"),
        (lambda: c.incidence(2, []), r"a vertex and an edge at least, got int64 of shape \(2, 0\)"),
        (lambda: c.convert([[1.0]], [1], 3), r"convert: expected integers .* got float64"),
        (lambda: c.convert([1, 1], [1], 3), r"shape \(2,\)"),
        (lambda: c.convert(LOOP, [1], 3), "no flow modulo 3: vertex 0 does not balance"),
        (lambda: c.convert(LOOP, [1, 2], 3), r"expected 1 whole numbers .* got \[1, 2\] modulo 3"),
        (lambda: c.convert(LOOP, [1.0], 3), r"expected 1 whole numbers .* got \[1.0\]"),
        (lambda: c.convert(LOOP, [0], 1), "a modulus of 2 or more, got .* modulo 1"),
        (lambda: c.extend(EIGHT, [1, 0, 0, 0]), "extend: no flow modulo 2: vertex 0"),
        (lambda: c.modulo_flows(LOOP, 0), "expected p = 1, 2, ..., got 0"),
        (lambda: c.modulo_flows([[3]], 1), "modulo_flows: expected two ends"),
        (lambda: c.even_subgraphs([[3]]), "even_subgraphs: expected two ends"),
        (lambda: c.nowhere_zero([[3]], 3), "nowhere_zero: expected two ends"),
        (lambda: c.nowhere_zero_modulo([[3]], 3), "nowhere_zero_modulo: expected two ends"),
        (lambda: c.convert_by_matching(LOOP, [0], 3), "expected no residue 0"),
        (lambda: c.convert_by_matching(LOOP, [1], 3), "matching_graph: no flow modulo 3"),
    ],
)
def test_degenerate_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_solver_that_gives_up_is_not_taken_for_infeasible(monkeypatch):
    class Found:
        status, message, x = 1, "time limit", None

    monkeypatch.setitem(c.solve.__globals__, "milp", lambda *args, **kwargs: Found)
    with pytest.raises(RuntimeError, match="HiGHS gave up: time limit"):
        c.convert(LOOP, [0], 3)
