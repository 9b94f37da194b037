"""The training loop, paired seeds, and progress that leaves nothing behind."""

import copy
import io
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from torch import nn

from repro import progress, training
from repro.training import accuracy, fit, paired, predict


def blobs(n=90, seed=0):
    """Three classes of points in the plane, well apart: inputs (n, 2) and labels (n,)."""
    draw = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 3
    centres = torch.tensor([[0.0, 3.0], [3.0, -2.0], [-3.0, -2.0]])
    return centres[y] + torch.randn(n, 2, generator=draw), y


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))


def train(seed=0, **options):
    model = network(seed)
    arguments = {"epochs": 10, "lr": 3e-2, "seed": seed, "batch_size": 16} | options
    return model, fit(model, *blobs(), **arguments)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_fit_learns():
    model, history = train()
    assert len(history.loss) == 10
    assert history.loss[-1] < 0.5 * history.loss[0]
    assert accuracy(model, *blobs(300, seed=1)) > 0.95
    assert not model.training


def test_fit_is_deterministic_and_the_seed_matters():
    (a, first), (b, second), (c, third) = train(0), train(0), train(1)
    assert torch.equal(weights(a), weights(b))
    assert first.loss == second.loss != third.loss
    assert not torch.equal(weights(a), weights(c))


def test_the_order_is_the_seeds_not_the_models():
    """A model that draws random numbers sees the images in the same order."""
    seen = []

    class Dropping(nn.Module):
        def __init__(self, rate):
            super().__init__()
            self.drop, self.linear = nn.Dropout(rate), nn.Linear(2, 3)

        def forward(self, x):
            seen.append(x)
            return self.linear(self.drop(x))

    for rate in (0.0, 0.5):
        fit(Dropping(rate), *blobs(), epochs=2, lr=0.1, seed=3)
    half = len(seen) // 2
    assert all(torch.equal(a, b) for a, b in zip(seen[:half], seen[half:], strict=True))


def test_fit_equals_a_loop_written_out():
    x, y = blobs()
    model, _ = train(epochs=2, lr=1e-2, schedule=None, optimizer=torch.optim.SGD)
    by_hand = network().train()
    order = torch.Generator().manual_seed(0)
    for _ in range(2):
        shuffled = torch.randperm(90, generator=order)
        for start in range(0, 90, 16):
            rows = shuffled[start : start + 16]
            loss = nn.functional.cross_entropy(by_hand(x[rows]), y[rows])
            gradients = torch.autograd.grad(loss, by_hand.parameters())
            with torch.no_grad():
                for p, g in zip(by_hand.parameters(), gradients, strict=True):
                    p -= 1e-2 * g
    assert torch.allclose(weights(model), weights(by_hand), atol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "first", "last"),
    [(None, 0.1, 0.1), ("cosine", 0.1, 0.0), ("onecycle", 0.004, 0.0)],
)
def test_schedules_run_from_first_to_last_step(schedule, first, last):
    rates = []

    class Recording(torch.optim.SGD):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    train(epochs=20, lr=0.1, schedule=schedule, optimizer=Recording)
    assert len(rates) == 20 * 6
    assert rates[0] == pytest.approx(first)
    assert rates[-1] == pytest.approx(last, abs=2e-4)
    assert max(rates) == pytest.approx(0.1)


def test_after_step_may_clamp_the_parameters():
    def clamp(model):
        for p in model.parameters():
            p.clamp_(-0.2, 0.2)

    model, _ = train(after_step=clamp)
    assert weights(model).abs().max() <= 0.2
    assert weights(train()[0]).abs().max() > 0.2


def test_on_epoch_sees_the_model_in_eval_mode():
    calls = []

    def look(epoch, model, loss):
        assert not model.training
        assert not torch.is_grad_enabled()
        calls.append((epoch, loss))

    _, history = train(on_epoch=look)
    assert calls == list(enumerate(history.loss))


def test_other_losses_take_other_targets():
    x, _ = blobs()
    model = nn.Linear(2, 1)
    target = x.sum(dim=1, keepdim=True)
    history = fit(model, x, target, epochs=100, lr=0.1, seed=0, loss=nn.functional.mse_loss)
    assert history.loss[-1] < 1e-2


def test_no_epochs_change_nothing():
    model, history = train(epochs=0)
    assert history.loss == []
    assert torch.equal(weights(model), weights(network()))


def test_a_sampler_decides_which_rows_are_drawn():
    seen = []

    def loss(z, rows):
        seen.append(rows.tolist())
        return z.square().mean()

    order = torch.tensor([[3, 3, 0, 7, 1], [8, 0, 5, 5, 5]])
    fit(nn.Linear(2, 1), blobs(9)[0], torch.arange(9), epochs=2, lr=0.1, seed=0, batch_size=3,
        loss=loss, order=order)  # fmt: skip
    assert seen == [[3, 3, 0], [7, 1], [8, 0, 5], [5, 5]]


def test_the_schedule_knows_the_length_of_a_given_order():
    order = torch.arange(40).repeat(2, 1)
    steps, at = [], torch.optim.SGD

    def optimizer(parameters, lr):
        steps.append(at(parameters, lr=lr))
        return steps[0]

    fit(network(), *blobs(), epochs=2, lr=0.1, seed=0, batch_size=8, order=order,
        optimizer=optimizer)  # fmt: skip
    assert steps[0].param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


def test_a_last_batch_of_one_is_left_out():
    _, history = train(batch_size=89)
    assert np.isfinite(history.loss).all()
    lone = nn.Linear(2, 3)
    assert fit(lone, *blobs(1), epochs=1, lr=0.1, seed=0).loss[0] > 0
    sizes = [len(b) for b in training._batches(torch.arange(5), 1)]
    assert sizes == [1] * 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(0, 2), "y": torch.zeros(0, dtype=torch.int64)}, "x holds no input"),
        ({"y": torch.zeros(89, dtype=torch.int64)}, "equally many rows, got 90 and 89"),
        ({"y": torch.zeros(90)}, r"y: int64 \(N,\) class numbers .* got torch.float32"),
        ({"y": torch.zeros(90, 1, dtype=torch.int64)}, r"got torch.int64 \(90, 1\)"),
        ({"y": torch.zeros(90, dtype=torch.uint8)}, "got torch.uint8"),
        ({"x": torch.zeros(90, 2, dtype=torch.int64)}, "x must be floating point"),
        ({"x": torch.zeros(90)}, "x must be floating point"),
        ({"epochs": -1}, "epochs must be 0 or more, got -1"),
        ({"batch_size": 0}, "batch_size must be 1 or more, got 0"),
        (
            {"order": torch.zeros(2, 5, dtype=torch.int64)},
            r"order: expected whole numbers \(1, M\)",
        ),
        ({"order": torch.zeros(1, 5)}, "order: expected whole numbers .* got torch.float32"),
        ({"order": torch.zeros(5, dtype=torch.int64)}, "order: expected whole numbers"),
        ({"order": torch.tensor([[0, 90]])}, "order: expected rows of x, numbers from 0 to 89"),
        ({"order": torch.tensor([[-1, 0]])}, "order: expected rows of x"),
        ({"order": torch.zeros(1, 0, dtype=torch.int64)}, "order: expected rows of x"),
        ({"clip": 0.0}, "clip must be a norm above 0, or None, got 0.0"),
        ({"lr": 0.0}, "lr must be a finite rate above 0, got 0.0"),
        ({"lr": float("nan")}, "lr must be a finite rate above 0, got nan"),
        ({"schedule": "linear"}, 'schedule: expected "cosine", "onecycle" or None, got \'linear\''),
        ({"optimizer": "sgd"}, "optimizer: expected \"adam\" or a callable .* got 'sgd'"),
    ],
)
def test_fit_says_what_does_not_fit(change, message):
    x, y = blobs()
    arguments = {"x": x, "y": y, "epochs": 1, "lr": 0.1, "seed": 0} | change
    with pytest.raises(ValueError, match=message):
        fit(network(), **arguments)


def test_fit_refuses_arrays_and_models_without_parameters():
    x, y = blobs()
    with pytest.raises(TypeError, match=r"x must be a torch tensor, got ndarray.*Split\.torch"):
        fit(network(), x.numpy(), y, epochs=1, lr=0.1, seed=0)
    with pytest.raises(TypeError, match="y must be a torch tensor, got ndarray"):
        fit(network(), x, y.numpy(), epochs=1, lr=0.1, seed=0)
    with pytest.raises(ValueError, match="no parameter that requires a gradient"):
        fit(nn.ReLU(), x, y, epochs=1, lr=0.1, seed=0)


def test_a_diverging_loss_is_named():
    with pytest.raises(FloatingPointError, match=r"loss became nan in epoch 0 .*rate 0\.1"):
        train(lr=0.1, loss=lambda scores, y: scores.sum() * float("nan"))
    with pytest.raises(FloatingPointError, match=r"gradient became nan in epoch 0 .*rate 0\.1"):
        train(lr=0.1, loss=lambda scores, y: (0 * scores).sqrt().sum(), batch_size=90)


def test_predict_works_in_eval_mode_and_restores_the_mode():
    model, _ = train()
    x, y = blobs()
    whole = predict(model, x)
    assert torch.allclose(predict(model, x, batch_size=7), whole, atol=1e-6)
    assert not whole.requires_grad
    model.train()
    assert torch.equal(predict(model, x), whole)
    assert model.training
    assert accuracy(model, x, y) == (whole.argmax(1) == y).double().mean().item()


def test_a_model_without_parameters_predicts_in_the_type_of_its_input():
    x = blobs()[0].double()
    assert torch.equal(predict(nn.ReLU(), x), x.relu())


def test_accuracy_refuses_what_it_cannot_compare():
    model, _ = train()
    x, y = blobs()
    with pytest.raises(ValueError, match=r"scores \(N, K\) and labels \(N,\)"):
        accuracy(model, x, y[:-1])
    with pytest.raises(ValueError, match="predict: x holds no input"):
        predict(model, x[:0])


def test_the_loss_is_weighted_by_batch_size():
    """All batches at the same weights (nothing is trained), the last one smaller."""
    (x, y), means = blobs(90), []
    model = nn.Linear(2, 3)

    def loss(scores, y):
        means.append(nn.functional.cross_entropy(scores, y))
        return means[-1]

    history = fit(model, x, y, epochs=1, lr=1e-30, seed=0, batch_size=64, loss=loss)
    first, last = (mean.item() for mean in means)
    assert history.loss == [pytest.approx(nn.functional.cross_entropy(model(x), y).item())]
    assert history.loss == [pytest.approx((64 * first + 26 * last) / 90)]
    assert history.loss != [pytest.approx((first + last) / 2, rel=1e-3)]


def test_the_history_holds_the_gradient_norm_of_every_step():
    x, y = blobs()
    norms, model = [], network()
    for p in model.parameters():
        p.register_post_accumulate_grad_hook(lambda p: norms.append(p.grad.double().norm().item()))
    history = fit(model, x, y, epochs=2, lr=1e-2, seed=0, batch_size=16)
    n = len(list(model.parameters()))
    steps = [np.linalg.norm(norms[i : i + n]) for i in range(0, len(norms), n)]
    assert history.gradient_norm == pytest.approx(steps, rel=1e-5)
    assert len(steps) == 12
    assert history.clipped == [0.0, 0.0]


def test_clipping_is_counted_and_keeps_the_direction():
    rows, (x, y) = [], blobs()

    class Keeping(torch.optim.SGD):
        def step(self, closure=None):
            rows.append(torch.cat([p.grad.flatten() for p in self.param_groups[0]["params"]]))
            return super().step(closure)

    options = {"epochs": 3, "lr": 1e-30, "seed": 0, "batch_size": 16, "optimizer": Keeping}
    free = fit(network(), x, y, **options).gradient_norm
    middle = float(np.median(free))
    history = fit(network(), x, y, clip=middle, **options)
    assert history.gradient_norm == pytest.approx(free, rel=1e-5)
    assert np.mean(history.clipped) == np.mean(np.array(free) > middle)
    for before, after in zip(rows[:18], rows[18:], strict=True):
        scale = min(1, middle / before.norm())
        assert torch.allclose(after, before * scale, rtol=1e-4, atol=1e-7)
        assert after.norm() <= middle * (1 + 1e-5)


def test_groups_have_rates_and_decays_of_their_own():
    class Recording(torch.optim.SGD):
        def step(self, closure=None):
            rates.append([group["lr"] for group in self.param_groups])
            return super().step(closure)

    for schedule in ("cosine", "onecycle", None):
        rates = []
        train(
            groups=lambda model: [{"params": model[0].parameters(), "lr": 1e-3}],
            schedule=schedule,
            optimizer=Recording,
            lr=0.1,
        )
        first, rest = np.array(rates).T
        assert max(first) == pytest.approx(1e-3) and max(rest) == pytest.approx(0.1)
        assert np.allclose(first * 100, rest)


def test_a_recipe_with_groups_equals_torchs_loop():
    # Without the bias before a normalization, whose gradient is rounding that Adam blows up.
    (x, y), model = blobs(), nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3))
    by_hand = copy.deepcopy(model)
    fit(
        model, x, y, epochs=2, lr=1e-2, seed=0, batch_size=16, schedule=None, clip=0.5,
        optimizer=torch.optim.AdamW,
        groups=[{"params": model[0].weight, "lr": 3e-2, "weight_decay": 0.3}],
    )  # fmt: skip
    rest = [p for name, p in by_hand.named_parameters() if name != "0.weight"]
    groups = [{"params": [by_hand[0].weight], "lr": 3e-2, "weight_decay": 0.3}, {"params": rest}]
    stepper = torch.optim.AdamW(groups, lr=1e-2)
    order = torch.Generator().manual_seed(0)
    for _ in range(2):
        for rows in torch.randperm(90, generator=order).split(16):
            stepper.zero_grad()
            nn.functional.cross_entropy(by_hand(x[rows]), y[rows]).backward()
            nn.utils.clip_grad_norm_(by_hand.parameters(), 0.5)
            stepper.step()
    assert torch.allclose(weights(model), weights(by_hand), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_models_of_any_type_train_and_predict(dtype):
    model = network().to(dtype)
    x, y = blobs()  # float32
    history = fit(model, x, y, epochs=10, lr=3e-2, seed=0, batch_size=16, clip=10)
    assert accuracy(model, x, y) > 0.95
    assert predict(model, x).dtype == dtype
    assert np.isfinite(history.gradient_norm).all()


def test_floating_targets_take_the_models_type():
    x, _ = blobs()
    model = nn.Linear(2, 1).double()
    fit(model, x, x.sum(1, True), epochs=1, lr=0.1, seed=0, loss=nn.functional.mse_loss)
    assert model.weight.dtype == torch.float64


def test_batches_are_moved_to_the_models_device():
    """The meta device holds no numbers, so a batch that stayed behind would raise."""
    model = network().to("meta").eval()
    assert predict(model, blobs()[0]).device.type == "meta"


def square(seed):
    return seed * seed


def fail_at_two(seed):
    if seed == 2:
        raise ZeroDivisionError("division by zero")
    return seed


@pytest.mark.parametrize("pool", [None, ThreadPoolExecutor, ProcessPoolExecutor])
def test_paired_keeps_the_order_of_the_seeds(pool):
    if pool is None:
        assert paired(square, [3, 1, 2]) == [9, 1, 4]
        return
    with pool(2) as executor:
        assert paired(square, [3, 1, 2], executor) == [9, 1, 4]


def test_executors_give_the_results_of_the_serial_run():
    # One thread: torch's global generator, which initializes the models, is one for all.
    def run(seed):
        return weights(train(seed)[0]).tolist()

    with ThreadPoolExecutor(1) as executor:
        assert paired(run, [0, 1], executor) == paired(run, [0, 1])


@pytest.mark.parametrize("threads", [0, 2])
def test_a_failing_seed_is_named(threads):
    executor = ThreadPoolExecutor(threads) if threads else None
    with pytest.raises(ZeroDivisionError) as caught:
        paired(fail_at_two, range(5), executor)
    assert caught.value.__notes__ == ["in run(seed=2)"]


def test_seeds_not_started_are_cancelled():
    started, gate = [], threading.Event()

    def run(seed):
        started.append(seed)
        if seed == 0:
            raise ZeroDivisionError
        gate.wait(10)

    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(ZeroDivisionError):
            paired(run, range(20), executor)
        gate.set()
    assert len(started) < 20


@pytest.mark.parametrize("seeds", [[], [1, 1]])
def test_paired_wants_different_seeds(seeds):
    with pytest.raises(ValueError, match=r"expected different seeds, at least one, got \["):
        paired(square, seeds)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_in_a_terminal_is_one_line_that_is_erased(monkeypatch):
    monkeypatch.delenv("REPRO_QUIET", raising=False)
    monkeypatch.setattr(sys, "stderr", Terminal())
    paired(square, range(3))
    shown = sys.stderr.getvalue()
    assert "\n" not in shown
    assert "0 of 3 seeds" in shown
    assert "3 of 3 seeds, 0 s, about 0 s left" in shown
    assert shown.endswith("\r\x1b[K")


@pytest.mark.parametrize("quiet", [True, False])
def test_progress_is_silent_when_asked_or_unwatched(quiet, monkeypatch, capsys):
    if quiet:
        monkeypatch.setenv("REPRO_QUIET", "1")
        monkeypatch.setattr(sys, "stderr", Terminal())
    else:
        monkeypatch.delenv("REPRO_QUIET", raising=False)
        monkeypatch.setattr(sys, "stderr", io.StringIO())
    paired(square, range(3))
    assert sys.stderr.getvalue() == ""
    assert capsys.readouterr().out == ""


def test_progress_is_erased_after_a_failure(monkeypatch):
    monkeypatch.delenv("REPRO_QUIET", raising=False)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(ZeroDivisionError):
        paired(fail_at_two, range(3))
    assert sys.stderr.getvalue().endswith("\r\x1b[K")


def test_progress_in_a_notebook_uses_one_display(monkeypatch):
    shown = []

    class Handle:
        def update(self, bundle, raw):
            assert raw
            shown.append(bundle["text/plain"])

    def display(bundle, raw, display_id):
        shown.append(bundle["text/plain"])
        return Handle()

    monkeypatch.delenv("REPRO_QUIET", raising=False)
    monkeypatch.setattr(progress, "in_kernel", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)
    paired(square, range(2))
    assert shown[0] == shown[-1] == ""
    assert [text.split(" seeds")[0] for text in shown[1:-1]] == ["0 of 2", "1 of 2", "2 of 2"]


def outputs_of(cell, monkeypatch, quiet):
    """Outputs that a kernel stores for one cell."""
    if quiet:
        monkeypatch.setenv("REPRO_QUIET", "1")
    else:
        monkeypatch.delenv("REPRO_QUIET", raising=False)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    NotebookClient(notebook, kernel_name="python3").execute()
    return notebook.cells[0].outputs


CELL = "from repro.training import paired\nfound = paired(abs, range(-3, 0))\nprint(found)"


def test_a_quiet_notebook_stores_no_progress(monkeypatch):
    (only,) = outputs_of(CELL, monkeypatch, quiet=True)
    assert (only.output_type, only.text) == ("stream", "[3, 2, 1]\n")


def test_a_live_notebook_keeps_an_empty_display_at_most(monkeypatch):
    display, printed = outputs_of(CELL, monkeypatch, quiet=False)
    assert display.data == {"text/plain": ""}
    assert printed.text == "[3, 2, 1]\n"
