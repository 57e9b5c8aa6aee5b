"""One step: every form makes the same update, and none when the loss or the gradient is not finite."""

import pytest
import torch

from chainrule import nn
from chainrule.errors import UserError
from chainrule.learn.device import Device
from chainrule.learn.masks import Masks
from chainrule.learn.step import Form, Step, blame
from chainrule.learn.supervised import Supervised
from chainrule.optim import LBFGS, SAM, SGD, Adam, Lookahead, by_name

TASK = Supervised("classification", tuple("abc"))
OPTIMIZERS = {"sgd": {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3}, "adam": {"lr": 1e-2}}


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),  # in front of a norm a bias has no gradient but noise, which Adam would magnify
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(36, 3),
    )


def batch(seed: int, n: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, 1, 8, 8, generator=g), torch.randint(0, 3, (n,), generator=g)


def trained(form: Form, optimizer: str = "sgd", clip: float | None = None, steps: int = 4):
    model = network()
    step = Step(model, TASK, by_name(optimizer)(model.parameters(), **OPTIMIZERS[optimizer]), Device("cpu"), clip, form)
    masks, losses = Masks(model, seed=0), []
    for t in range(steps):
        x, y = batch(t)
        masks.lay(t, x, model)
        losses.append(step([(x, y)]).loss)
    return losses, model.state_dict()


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("clip", [None, 0.1])
@pytest.mark.parametrize("form", [Form("one"), Form("two"), Form("no", True), Form("one", True)], ids=str)
def test_every_form_makes_the_same_updates(form, clip, optimizer):
    losses, weights = trained(Form(), optimizer, clip)
    others, other = trained(form, optimizer, clip)
    assert losses == pytest.approx(others, rel=1e-4)
    for key, value in weights.items():
        torch.testing.assert_close(other[key], value, rtol=1e-3, atol=2e-5, msg=key)


@pytest.mark.slow
def test_a_compiled_whole_step_is_one_graph_and_stays_it_while_the_rate_changes():
    from torch._dynamo.utils import counters

    torch._dynamo.reset()
    counters.clear()
    model = network()
    optimizer = by_name("adam")(model.parameters(), lr=1e-2)
    step, masks = Step(model, TASK, optimizer, Device("cpu"), 1.0, Form("one")), Masks(model, 0)
    for t in range(20):
        optimizer.param_groups[0]["lr"] = 1e-2 / (t + 1)
        masks.lay(t, batch(t)[0], model)
        step([batch(t)])
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]


def forms():
    return [
        Form(),
        pytest.param(Form("one"), marks=pytest.mark.slow),
        pytest.param(Form("two"), marks=pytest.mark.slow),
    ]


@pytest.mark.parametrize("form", forms(), ids=str)
def test_a_step_that_is_not_finite_changes_nothing(form):
    model = network()
    optimizer = by_name("adam")(model.parameters())
    step = Step(model, TASK, optimizer, Device("cpu"), None, form)
    step([batch(0)])
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = [{k: v.clone() for k, v in s.items()} for s in optimizer.state.values()]
    x, y = batch(1)
    x[2, 0, 3, 3] = float("inf")
    assert not step([(x, y)]).finite
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    for now, then in zip(optimizer.state.values(), state, strict=True):
        assert all(torch.equal(now[k], v) for k, v in then.items())
    assert all(p.grad is None for p in model.parameters())
    assert step([batch(2)]).finite


def test_blame_names_the_first_module_the_input_and_the_gradient():
    model = network()
    step = Step(model, TASK, by_name("sgd")(model.parameters()), Device("cpu"))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    assert blame(step, [(batch(0)[0] * float("nan"), batch(0)[1])]) == "the input"
    with torch.no_grad():
        model[0].weight[1] = float("nan")
    assert blame(step, [batch(0)]) == "0 (Conv2d)"
    model.load_state_dict(before)
    with torch.no_grad():
        model[6].weight[1] = float("inf")
    assert blame(step, [batch(0)]) == "6 (Linear)"
    model.load_state_dict(before)
    hook = model[6].bias.register_hook(lambda g: g * float("nan"))
    assert blame(step, [batch(0)]) == "the gradient of 6.bias"
    hook.remove()
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize("parts", [2, 3])
def test_accumulated_batches_equal_the_big_batch(parts):
    def run(split: int):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 3)).double()
        step = Step(model, TASK, by_name("sgd")(model.parameters(), lr=0.1, momentum=0.9), Device("cpu"), 0.5)
        for t in range(5):
            x, y = batch(t, 10)
            outcome = step(list(zip(x.double().chunk(split), y.chunk(split), strict=True)))
        return outcome, model.state_dict()

    (one, whole), (several, pieces) = run(1), run(parts)
    assert several.loss == pytest.approx(one.loss, rel=1e-12)
    assert several.norm == pytest.approx(one.norm, rel=1e-12)
    for key, value in whole.items():
        torch.testing.assert_close(pieces[key], value, rtol=1e-12, atol=1e-14)


def test_clipping_and_updates_equal_torchs_own_loop():
    losses, weights = trained(Form(), "sgd", clip=0.1)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), **OPTIMIZERS["sgd"])
    masks = Masks(model, 0)
    for t, loss in enumerate(losses):
        x, y = batch(t)
        masks.lay(t, x, model)
        optimizer.zero_grad()
        own = torch.nn.functional.cross_entropy(model(x), y)
        own.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        assert float(own.detach()) == pytest.approx(loss, rel=1e-6)
    for key, value in model.state_dict().items():
        torch.testing.assert_close(weights[key], value, rtol=1e-5, atol=1e-6)


def test_masks_are_a_function_of_seed_and_step_and_leave_buffers_alone():
    model = network().train()
    x = batch(0)[0]
    drawn = []
    for seed, step in [(0, 0), (0, 1), (0, 0), (1, 0)]:
        masks = Masks(model, seed)
        before = {k: v.clone() for k, v in model.state_dict().items()}
        masks.lay(step, x, model)
        drawn.append(model[5].mask.clone())
        assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
        masks.clear()
        assert model[5].mask is None
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[3])
    assert set(drawn[0].unique().tolist()) == {0.0, 1.0}


def test_a_module_called_twice_draws_for_itself():
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.drop, self.fc = nn.Dropout(0.5), nn.Linear(4, 4)

        def forward(self, x):
            return self.drop(self.fc(self.drop(x)))

    model = Twice().train()
    masks = Masks(model, 0)
    masks.lay(0, torch.ones(2, 4), model)
    assert model.drop.mask is None
    first = model(torch.ones(2, 4))
    masks.lay(0, torch.ones(2, 4), model)
    assert torch.equal(model(torch.ones(2, 4)), first)


SEVERAL = {
    "lbfgs": lambda ps: LBFGS(ps, line_search_fn="strong_wolfe", max_iter=4),
    "lbfgs without search": lambda ps: LBFGS(ps, lr=0.1, max_iter=4),
    "sam": lambda ps: SAM(SGD(ps, lr=0.1, momentum=0.9), rho=0.1),
    "sam around lbfgs": lambda ps: SAM(LBFGS(ps, line_search_fn="strong_wolfe", max_iter=3), rho=0.02),
    "lookahead around sam": lambda ps: Lookahead(SAM(Adam(ps), rho=0.1), k=2),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_evaluations_see_the_same_masks_and_count_statistics_once(name):
    model = network()
    step, masks = Step(model, TASK, SEVERAL[name](model.parameters()), Device("cpu")), Masks(model, seed=0)
    drawn, statistics = [], []
    masks.lay(3, batch(0)[0], model)  # finds the shapes by a forward of its own
    step.before = lambda part, x: masks.lay(3, x, model, part)
    hooks = [
        model[5].register_forward_pre_hook(lambda m, _: drawn.append(m.mask.clone())),
        model[1].register_forward_hook(lambda m, *_: statistics.append(m.running_mean.clone())),
    ]
    before = {k: v.clone() for k, v in model.state_dict().items()}
    assert step([batch(0)]).updated
    for hook in hooks:
        hook.remove()
    assert len(drawn) >= 2 and all(torch.equal(mask, drawn[0]) for mask in drawn)
    assert int(model[1].num_batches_tracked) == 1
    assert torch.equal(model[1].running_mean, statistics[0])  # those of the first evaluation, where the parameters were
    assert not torch.equal(model[0].weight, before["0.weight"])


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize("fails_at", [1, 2])
def test_an_evaluation_that_is_not_finite_changes_nothing_unless_a_search_comes_back(name, fails_at):
    model = network().double()
    step = Step(model, TASK, SEVERAL[name](model.parameters()), Device("cpu"))
    x, y = batch(0)
    for _ in range(2):
        step([(x.double(), y)])
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = torch.utils._pytree.tree_map(
        lambda v: v.clone() if isinstance(v, torch.Tensor) else v,
        {k: v for k, v in step.optimizer.state_dict().items() if k != "param_groups"},
    )
    calls = []
    hook = model[6].register_forward_hook(
        lambda m, _, out: calls.append(1) or (out * float("inf") if len(calls) == fails_at else out)
    )
    outcome = step([(x.double(), y)])
    hook.remove()
    if fails_at == 2 and "lbfgs" in name and "without" not in name:
        assert outcome.finite and torch.isfinite(model[0].weight).all()
        return
    assert not outcome.finite
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    now = {k: v for k, v in step.optimizer.state_dict().items() if k != "param_groups"}
    flat, shape = torch.utils._pytree.tree_flatten(now)
    then, shape_then = torch.utils._pytree.tree_flatten(state)
    assert shape == shape_then
    for a, b in zip(flat, then, strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("name", SEVERAL)
def test_several_evaluations_over_accumulated_batches_equal_the_big_batch(name):
    def run(split: int):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 3)).double()
        step = Step(model, TASK, SEVERAL[name](model.parameters()), Device("cpu"), 0.5)
        for t in range(3):
            x, y = batch(t, 10)
            outcome = step(list(zip(x.double().chunk(split), y.chunk(split), strict=True)))
        return outcome, model.state_dict()

    (one, whole), (several, pieces) = run(1), run(2)
    assert several.loss == pytest.approx(one.loss, rel=1e-9)
    for key, value in whole.items():
        torch.testing.assert_close(pieces[key], value, rtol=1e-8, atol=1e-10)


def test_a_loss_scale_and_several_evaluations_are_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(torch.amp, "GradScaler", lambda kind: object())
    model = network()
    with pytest.raises(UserError, match=r"^precision=fp16: an optimizer that evaluates the loss several times a step"):
        Step(model, TASK, SAM(SGD(model.parameters())), Device("cpu", torch.float16))


class Bag(torch.nn.Module):
    """The mean of some words, and what follows from it; its vectors have sparse gradients where asked for."""

    def __init__(self, sparse: bool):
        super().__init__()
        self.vectors = torch.nn.Embedding(9, 4, sparse=sparse, dtype=torch.float64)
        self.out = nn.Linear(4, 3, dtype=torch.float64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.vectors(x.long()).mean(1))


def of_words(sparse: bool, optimizer: str, clip: float | None):
    torch.manual_seed(0)
    model = Bag(sparse)
    step = Step(model, TASK, by_name(optimizer)(model.parameters(), lr=0.1), Device("cpu"), clip)
    g = torch.Generator().manual_seed(1)
    drawn = [(torch.randint(0, 9, (6, 5), generator=g), torch.randint(0, 3, (6,), generator=g)) for _ in range(5)]
    return step, [(x.double(), y) for x, y in drawn]


@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad"])
def test_sparse_gradients_in_a_run_equal_dense_ones(optimizer, clip):
    """The norm, which counts a word once however often it stands in a batch, and the clipping by it too."""
    found = []
    for sparse in (False, True):
        step, batches = of_words(sparse, optimizer, clip)
        with torch.sparse.check_sparse_tensor_invariants():  # else torch warns of what its Adagrad builds itself
            outcomes = [step([batch]) for batch in batches]
        found.append([outcomes[-1].loss, outcomes[-1].norm, *step.model.vectors.weight.flatten().tolist()])
    assert found[0] == pytest.approx(found[1], rel=1e-9)


def test_a_sparse_gradient_that_is_no_number_is_named():
    step, batches = of_words(True, "sgd", None)
    step.model.vectors.weight.register_hook(lambda g: g * float("nan"))
    before = step.model.vectors.weight.detach().clone()
    assert not step([batches[0]]).finite
    assert torch.equal(step.model.vectors.weight, before)
    assert blame(step, [batches[0]]) == "the gradient of vectors.weight"
