"""Controls, positive controls and varied causes: each must have been able to come out otherwise."""

import numpy as np
import pytest
from small_entries import OPPOSITE, PAIRS, SCALE

from repro.claims import Varied, absolute, at_least, at_most, equals, improves, slope, within

LONG = np.linspace(1, 2, 100)
NOISY = [-40.0, 55.0, -20.0, 60.0, -50.0]


# Controls.


def test_a_control_identical_to_the_measurement_is_refused(refused):
    for control in (OPPOSITE["measured"], OPPOSITE["measured"][::-1]):
        refused("identical to the measurement", **(OPPOSITE | {"control": control}))
    away = {"accept": at_least(5), "measured": LONG, "control": LONG[::-1]}
    refused("identical to the measurement", **(SCALE | away))


def test_a_control_of_another_length_is_refused(refused):
    refused("measure both in the same way", control=[-1, -2, -3, -2, -1, -2])
    refused("measure both in the same way", control=-1.0, accept=at_least(0), measured=PAIRS)
    one_bad_case = {"accept": at_least(0), "measured": LONG, "control": [-1.0]}
    refused("measure both in the same way", **one_bad_case)


def test_a_control_that_the_rule_accepts_is_refused(refused):
    refused("cannot fail", control=[1, 2, 3, 4, 5])
    refused("cannot fail", "check", control=3e-15)
    refused("cannot fail", **(SCALE | {"control": [1, 2, 3, 4, 5]}))


def test_a_control_kept_out_by_its_noise_alone_is_refused(refused, made):
    refused("only its noise keeps the control", control=np.add(NOISY, 1))
    # As noisy, but wrong on average as well; and a little noise that would let the measurement by.
    assert made(control=np.subtract(NOISY, 9))["verdict"] == "reproduced"
    assert made(control=[-0.2, 0.3, 0.1, -0.1, 0.05])["verdict"] == "reproduced"


def test_a_contradiction_whose_control_is_saved_by_its_noise_alone_is_refused(refused):
    refused("only its noise", **(OPPOSITE | {"control": np.subtract(NOISY, 9)}))
    x = [1, 2, 4, 8]
    scattered = (x, [9, 1, 90, 30])
    refused("only its noise", accept=slope(2, 0.1), measured=(x, x), control=scattered,
            contradicted="it is linear")  # fmt: skip


def test_a_control_turned_round_is_refused(refused, made):
    refused("always on the other side", control=np.negative(PAIRS))
    refused("always on the other side", control=1 - 2 * np.array(PAIRS))
    # A fixed method and its near miss, both compared with the same random ones, differ by a shift.
    assert made(control=np.subtract(PAIRS, 9))["verdict"] == "reproduced"


def test_a_closed_form_off_by_one_is_a_control(made):
    cycles = np.array([101, 205, 409, 817])
    assert made(measured=cycles, accept=equals(cycles), control=cycles + 1)["verdict"]


def test_a_control_in_another_unit_is_refused(refused):
    refused("no near miss", accept=at_least(1), measured=3.0, control=-3001.0)
    refused("no near miss", accept=within(-2e6, 2e6), measured=3.0, control=2.9e6)


def test_a_margin_that_nothing_misses_is_refused(refused, made):
    losses = {"measured": [-6.1, -5.0, -5.5, -5.8, -5.2], "control": [-16, -15, -15.5, -15.8, -15]}
    refused("more than half of what the control loses", **losses, accept=improves(by=-10))
    assert made(**losses, accept=improves(by=-7))["verdict"] == "reproduced"


def test_a_rounding_error_and_a_fault_may_lie_far_apart(made):
    assert made(accept=at_most(1e-12), measured=1e-16, control=0.5)["verdict"] == "reproduced"
    assert made(accept=equals(0), measured=0, control=10**9)["verdict"] == "reproduced"


# Positive controls.


def without(name):
    return {key: value for key, value in SCALE.items() if key != name}


def test_not_at_this_scale_needs_all_its_evidence(refused):
    refused("needs positive=: an effect known to be there", **without("positive"))
    refused("positive_is must be text", **without("positive_is"))
    refused(r"needs cause=Varied\(what", **without("cause"))


@pytest.mark.parametrize(
    ("positive", "why"),
    [
        ([-1, 1, 0.5, -0.5, 0.1], "could not have seen the effect"),
        (SCALE["measured"][::-1], "identical to the measurement"),
        (SCALE["control"], "identical to the control"),
        (np.add(SCALE["measured"], 5), "shifted, scaled or turned round"),
        (np.multiply(SCALE["measured"], 7) + 9, "shifted, scaled or turned round"),
        (np.negative(SCALE["control"]), "shifted, scaled or turned round"),
        ([3, 4, 5, 4, 3, 4, 5], "measure both in the same way"),
        ([3e7, 4e7, 5e7, 4.5e7, 3.5e7], "same quantity in the same unit"),
        ("five", "positive control cannot be judged"),
    ],
)
def test_a_positive_control_that_proves_nothing_is_refused(refused, positive, why):
    refused(why, **(SCALE | {"positive": positive}))


def test_a_positive_control_made_from_many_numbers_is_found_as_well(refused):
    rng = np.random.default_rng(0)
    many = {"measured": rng.normal(0, 1, 100), "control": rng.normal(-2, 1, 100)}
    levels = {6: rng.normal(0, 1, 100), 18: rng.normal(3, 1, 100)}
    many |= {"cause": Varied("epochs", levels, "trial")}
    refused(
        "shifted, scaled or turned round", **(SCALE | many | {"positive": many["measured"] + 3})
    )
    refused(
        "shifted, scaled or turned round", **(SCALE | many | {"positive": 3 - many["measured"]})
    )


def test_a_few_counts_may_lie_on_one_line(made):
    counts = {"accept": at_least(4, of=9), "measured": [1, 2, 1], "control": [0, 0, 1]}
    cause = Varied("epochs", {6: [1, 1, 1], 18: [3, 4, 3]}, "trial")
    record = made(**(SCALE | counts | {"positive": [5, 6, 5], "cause": cause}))
    assert record["verdict"] == "not at this scale"


def test_a_measurement_too_noisy_for_its_positive_control_is_refused(refused):
    refused("so noisy that even the positive control", **(SCALE | {"measured": NOISY}))


# Causes.


def test_a_varied_cause_is_recorded(made):
    record = made(**SCALE)["cause"]
    assert (record["what"], record["source"]) == ("epochs", "trial")
    assert [step["level"] for step in record["levels"]] == [6, 18]
    assert record["levels"][1]["text"] == "1.52 [1.013, 2.027] points, n = 5 pairs"


BETTER, WORSE = [1.1, 2.0, 1.4, 1.9, 1.2], [-4.0, -5.0, -4.5, -5.5, -4.2]


@pytest.mark.parametrize(
    ("levels", "why"),
    [
        ({6: PAIRS}, "fewer than two levels"),
        ([PAIRS, BETTER], "fewer than two levels"),
        ({18: SCALE["measured"], 6: BETTER}, "must be numbers that ascend"),
        ({"six": WORSE, "nine": BETTER}, "must be numbers that ascend"),
        ({6: WORSE, float("nan"): BETTER}, "must be numbers that ascend"),
        ({6: WORSE, 10**400: BETTER}, "must be numbers that ascend"),
        ({False: WORSE, True: BETTER}, "must be numbers that ascend"),
        ({6: [1.0], 18: BETTER}, "at 6: its shape"),
        ({6: "worse", 18: BETTER}, "at 6: it is of type str"),
        ({6: np.multiply(BETTER, 1e9), 18: BETTER}, "at 6 is more than 1e.06 times"),
        # More of the cause makes it worse, or makes it better and then worse again.
        ({6: BETTER, 18: WORSE}, "no nearer .*declare the claim contradicted"),
        ({6: WORSE, 18: BETTER, 54: [-3.9, -4.9, -4.4, -5.4, -4.1]}, "no nearer"),
        ({6: WORSE, 18: WORSE}, "no nearer"),
        # Nearer by no more than chance, by hardly any of what is lacking, or up to here only.
        ({6: NOISY, 18: np.add(NOISY, 3)}, "hardly nearer"),
        ({6: WORSE, 18: np.add(WORSE, 0.2)}, "hardly nearer"),
        ({1: WORSE, 6: SCALE["measured"]}, "beyond the chapter's own setting"),
    ],
)
def test_a_cause_that_shows_nothing_is_refused(refused, levels, why):
    refused(why, **(SCALE | {"cause": Varied("epochs", levels, "trial")}))


def test_levels_may_be_numpy_numbers(made):
    levels = dict(zip(np.array([6, 18]), [WORSE, BETTER], strict=True))
    record = made(**(SCALE | {"cause": Varied("epochs", levels, "trial")}))
    assert [type(step["level"]) for step in record["cause"]["levels"]] == [int, int]


def test_a_cause_says_what_it_is_and_where_it_was_varied(refused):
    for what, source in (("", "trial"), ("epochs", "-")):
        refused("must be text", **(SCALE | {"cause": Varied(what, {1: WORSE, 2: BETTER}, source)}))
    refused("Varied", **(SCALE | {"cause": "more epochs"}))


NETWORK = {"accept": at_least(0.9), "measured": 0.5, "control": 0.1, "positive": 0.95}


def test_a_single_network_moves_by_more_than_its_drift_band(refused, made):
    near = SCALE | NETWORK | {"cause": Varied("epochs", {6: 0.5, 18: 0.58}, "trial")}
    assert made(**near)["verdict"] == "not at this scale"
    refused("hardly nearer .*chance 0.1", **near, drift=absolute(0.1))


def test_a_level_is_measured_like_the_claim(refused):
    levels = {6: [0.5, 0.6], 18: [0.7, 0.8]}
    cause = Varied("epochs", levels, "trial")
    refused("at 6 has shape", **(SCALE | NETWORK | {"cause": cause}))


def test_what_only_approaches_by_a_little_never_arrives(refused):
    crawl = Varied("epochs", {6: 0.5, 18: 0.501}, "trial")
    refused("10 % of what is lacking", **(SCALE | NETWORK | {"cause": crawl}))


def test_a_trial_may_have_run_more_seeds_than_the_chapter(made):
    levels = {6: [*WORSE, -4.1, -4.6], 18: [*BETTER, 1.5]}
    assert made(**(SCALE | {"cause": Varied("epochs", levels, "trial")}))["cause"]


def test_the_rule_may_accept_what_the_trial_reached(made):
    levels = {6: WORSE, 18: BETTER, 54: [3.0, 4.1, 3.3, 3.9, 3.2]}
    cause = Varied("epochs", levels, "trial")
    assert improves().name == made(**(SCALE | {"cause": cause}))["rule"]["name"]
