"""Lookahead and SAM around other optimizers."""

import copy
import io

import pytest
import torch
from cases import apart, descend, params

from chainrule.errors import UserError
from chainrule.optim import LBFGS, SAM, SGD, Adam, AdamW, Guard, Lookahead, Rprop, Schedule, pure
from chainrule.optim.wrapping import innermost


def values(made):
    return [θ.detach().clone() for group in made.param_groups for θ in group["params"]]


@pytest.mark.parametrize("inner", [SGD, AdamW, Rprop])
def test_lookahead_is_its_algorithm(inner):
    made, plain = Lookahead(inner(params(), lr=0.05), k=3, alpha=0.4), inner(params(), lr=0.05)
    slow = values(plain)
    for t in range(9):
        descend(made, 1, start=t)
        descend(plain, 1, start=t)
        if t % 3 == 2:
            slow = [s + 0.4 * (θ - s) for s, θ in zip(slow, values(plain), strict=True)]
            with torch.no_grad():
                for θ, s in zip(plain.param_groups[0]["params"], slow, strict=True):
                    θ.copy_(s)
        assert apart(made, plain) <= 1e-12


def test_lookahead_of_all_the_way_is_the_one_inside():
    made, plain = Lookahead(AdamW(params(), lr=0.05), k=4, alpha=1.0), AdamW(params(), lr=0.05)
    descend(made, 20)
    descend(plain, 20)
    assert apart(made, plain) <= 1e-12


@pytest.mark.parametrize("stop", [2, 3, 7])
def test_lookahead_resumed_equals_uninterrupted_bit_for_bit(stop):
    whole, half = (Lookahead(AdamW(params(), lr=0.05), k=3) for _ in range(2))
    descend(whole, 12)
    descend(half, stop)
    file = io.BytesIO()
    torch.save(half.state_dict(), file)
    file.seek(0)
    resumed = Lookahead(AdamW([torch.nn.Parameter(θ) for θ in values(half)], lr=0.05), k=3)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    descend(resumed, 12 - stop, start=stop)
    assert apart(resumed, whole) == 0.0
    with pytest.raises(UserError, match="this state has no slow weights"):
        resumed.load_state_dict(AdamW(params()).state_dict())


def test_a_schedule_and_a_new_group_reach_the_one_inside():
    made = Lookahead(SGD(params(), lr=1.0), k=2)
    extra = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    made.add_param_group({"params": [extra], "lr": 0.5})
    Schedule(made, "step", 10, every=1, gamma=0.5).step()
    assert [group["lr"] for group in made.inner.param_groups] == [0.5, 0.25]
    extra.grad = torch.ones_like(extra)
    made.step()
    made.step()
    assert extra.tolist() == [0.75, 0.75]  # half of the way of 0.5


def bowl(made, scale):
    parts = made.param_groups[0]["params"]

    def closure():
        made.zero_grad()
        loss = sum((scale * θ**2).sum() for θ in parts)
        loss.backward()
        return loss.detach()

    return closure


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_is_algorithm_1_of_its_paper(adaptive):
    made = SAM(SGD(params(), lr=0.01), rho=0.3, adaptive=adaptive)
    start = values(made)
    closure = bowl(made, 2.0)
    assert float(made.step(closure)) == pytest.approx(sum(float((2 * θ**2).sum()) for θ in start))
    g = [4 * θ for θ in start]
    T = [θ.abs() if adaptive else torch.ones_like(θ) for θ in start]
    norm = torch.cat([(t * x).reshape(-1) for t, x in zip(T, g, strict=True)]).norm()
    for θ, old, x, t in zip(values(made), start, g, T, strict=True):
        worst = old + 0.3 * t**2 * x / norm
        assert torch.allclose(θ, old - 0.01 * 4 * worst, rtol=0, atol=1e-12)


def test_sam_climbs_towards_the_worse_side():
    """Under `maximize` what is worse is below."""
    up, down = torch.nn.Parameter(torch.tensor([1.0])), torch.nn.Parameter(torch.tensor([1.0]))
    for θ, maximize in ((up, True), (down, False)):
        made, seen = SAM(SGD([θ], lr=0.25, maximize=maximize), rho=0.5), []

        def closure(θ=θ, made=made, seen=seen):
            made.zero_grad()
            seen.append(θ.item())
            (θ**2).sum().backward()
            return 0.0

        made.step(closure)
        assert seen == [1.0, 0.5 if maximize else 1.5]
    assert up.item() == 1.25 and down.item() == 0.25


def test_sam_without_a_radius_is_the_one_inside():
    made, plain = SAM(AdamW(params(), lr=0.05), rho=0.0), AdamW(params(), lr=0.05)
    for _ in range(5):
        made.step(bowl(made, 1.0))
        plain.step(bowl(plain, 1.0))
    assert apart(made, plain) == 0.0


def test_sam_comes_back_when_the_second_evaluation_fails():
    made, calls = SAM(SGD(params(), lr=0.1), rho=0.5), []
    closure, before = bowl(made, 1.0), values(made)

    def failing():
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("out of memory")
        return closure()

    with pytest.raises(RuntimeError, match="out of memory"):
        made.step(failing)
    assert all(torch.equal(a, b) for a, b in zip(values(made), before, strict=True))


def test_state_of_sam_is_that_of_the_one_inside():
    made, plain = SAM(AdamW(params(), lr=0.05)), AdamW(params(), lr=0.05)
    for _ in range(3):
        made.step(bowl(made, 1.0))
    plain.load_state_dict(copy.deepcopy(made.state_dict()))
    again = SAM(AdamW([torch.nn.Parameter(θ) for θ in values(made)], lr=0.05))
    again.load_state_dict(plain.state_dict())
    for one in (made, again):
        one.step(bowl(one, 1.0))
    assert apart(made, again) == 0.0


@pytest.mark.parametrize("k", [0, 2])
def test_sam_around_lbfgs_goes_down_and_its_pairs_belong_together(k):
    """The loss that the search is told is the one whose gradient it is told."""
    seen = []
    made = SAM(LBFGS(params(), line_search_fn="strong_wolfe", max_iter=5), rho=0.01)
    made = Lookahead(made, k=k) if k else made
    closure = bowl(made, 1.0)
    assert made.needs_closure and innermost(made).searches

    def told():
        loss = closure()
        seen.append(float(loss))
        return loss

    losses = [float(made.step(told)) for _ in range(3)]
    assert losses[1] < 0.01 * losses[0] and (k or losses[2] < losses[1])  # with Lookahead half of the way is back
    assert losses[0] == seen[1] > seen[0]  # the worst point nearby is above


def test_lookahead_around_lbfgs_passes_the_closure_on():
    made = Lookahead(LBFGS(params(), line_search_fn="strong_wolfe"), k=1, alpha=1.0)
    plain = LBFGS(params(), line_search_fn="strong_wolfe")
    for one in (made, plain):
        one.step(bowl(one, 3.0))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(values(made), values(plain), strict=True))


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_guard_stops_before_anything_changes_or_skips(poison):
    def poisoned(made):
        descend(made, 4)
        made.param_groups[0]["params"][1].grad[2] = poison
        return copy.deepcopy((values(made), made.state_dict()["state"]))

    made = Guard(AdamW(params()))
    before = poisoned(made)
    with pytest.raises(UserError, match=r"^AdamW: the gradient of parameter 1 \(3,\) is not finite: nothing was chan"):
        made.step()
    kept = values(made), made.state_dict()["state"]
    assert all(torch.equal(a, b) for a, b in zip(kept[0], before[0], strict=True))
    assert all(torch.equal(v, before[1][i][k]) for i, s in kept[1].items() for k, v in s.items())
    made = Guard(AdamW(params()), nonfinite="skip", limit=3)
    before = poisoned(made)
    for _ in range(2):
        made.step()
    assert made.skipped == 2 and all(torch.equal(a, b) for a, b in zip(values(made), before[0], strict=True))
    with pytest.raises(UserError, match=r"is not finite, as in 2 steps before it: nothing was changed"):
        made.step()
    plain = AdamW(params())
    descend(plain, 4)
    for one in (made, plain):  # and on as if nothing had been
        descend(one, 3, start=4)
    assert apart(made, plain) == 0.0 and made.in_a_row == 0


def test_sam_around_a_guard_looks_at_the_second_gradient():
    made = SAM(Guard(Adam(params()), nonfinite="skip"), rho=1e200)
    before = values(made)
    made.step(bowl(made, 1e200))
    assert made.inner.skipped == 1 and all(torch.equal(a, b) for a, b in zip(values(made), before, strict=True))


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: Lookahead(SGD(params()), k=0), "Lookahead: k=0: expected a whole number of at least 1"),
        (lambda: Lookahead(SGD(params()), alpha=1.5), "Lookahead: alpha=1.5: expected a number from 0 to 1"),
        (lambda: Lookahead(SGD(params()), k=2.5), "Lookahead: k=2.5: expected a whole number of at least 1"),
        (lambda: Lookahead(SGD(params()), k=float("inf")), "Lookahead: k=inf: expected a whole number of at least 1"),
        (lambda: Lookahead(SGD(params()), alpha=float("nan")), "Lookahead: alpha=nan: expected a number from 0 to 1"),
        (lambda: SAM(SGD(params()), rho=float("nan")), "SAM: rho=nan: expected a number of at least 0"),
        (lambda: SAM(SGD(params()), rho=float("inf")), "SAM: rho=inf: expected a number of at least 0"),
        (lambda: Lookahead(LBFGS(params())).step(), r"LBFGS: step\(\) without a closure: expected a function .*"),
        (lambda: SAM(SGD(params())).step(lambda: 1.0), "SAM: the closure left no gradient: expected one that calls .*"),
        (lambda: Guard(SGD(params())).step(3), r"Guard: step\(3\): expected a function that computes the loss and .*"),
        (lambda: Guard(SGD(params()), "ignore"), "unknown choice of nonfinite 'ignore': expected one of stop, skip"),
        (lambda: Guard(SGD(params()), limit=0), "Guard: limit=0: expected a whole number of at least 1"),
        (lambda: Guard(SAM(SGD(params()))), "Guard: SAM evaluates the loss itself: expected one that takes .*"),
        (lambda: SAM(SGD(params()), rho=-1), "SAM: rho=-1: expected a number of at least 0"),
        (lambda: SAM(SGD(params())).step(), r"SAM: step\(\) without a closure: expected a function .*"),
        (lambda: SAM(params()), r"SAM: \[.*\]: expected an optimizer to wrap"),
        (lambda: pure(SAM(SGD(params()))), "SAM has no rule to compile: expected an optimizer of chainrule.optim"),
    ],
)
def test_bad_use_is_one_line(build, says):
    with pytest.raises(UserError, match=f"^{says}$"):
        build()
