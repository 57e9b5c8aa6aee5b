"""The proof is proven: every registered formula passes it, every deliberately wrong one is caught and named."""

import pytest
import torch

from chainrule.formula import REGISTRY, R, formula
from chainrule.proof.findings import Finding, Skip, Wrong, gap, judged
from chainrule.proof.formulas import Case, equal, has_compiler, prove

from .registry import BEYOND_TORCH, EDGES, FORMULAS, UNMEASURED

# torch's own remark on speed, where a sample asks for padding="same" with an even kernel
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_is_proven(name):
    found = prove(REGISTRY[name])
    assert not [f"{f.check}, sample {f.sample}: {f.note}" for f in found if not f.ok]
    measured = {f.check for f in found if f.worst is not None}
    unmeasured = {f.check for f in found} - measured - {"kernels"}
    assert unmeasured == UNMEASURED.get(name, set()), (
        "checks that never ran: add a sample, or list them with the reason"
    )


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="no C++ compiler")
@pytest.mark.parametrize("name", FORMULAS)
def test_formula_is_proven_by_the_real_compiler(name):
    assert not [f"{f.sample}: {f.note}" for f in prove(REGISTRY[name], "inductor") if not f.ok]


@pytest.mark.parametrize("name", sorted(EDGES))
def test_kinks_and_limits_are_as_torch_has_them(name):
    card = REGISTRY[name]
    for args in EDGES[name]:
        case = Case(card, args)
        got, expected = case.run(card.apply), case.run(card.twin)
        # torch keeps some limits (1e-12 in a binary cross-entropy) as single-precision numbers: 4e-9 of them is lost
        apart = [str(g) for g in equal(case, got, expected) if not g.worst <= 1e-8]
        beyond = tuple(f"delta of {wrt}" for formula, wrt in BEYOND_TORCH if formula == name)
        assert [g for g in apart if not g.startswith(beyond or "-")] == []


@pytest.fixture
def draft():
    """Formulas written inside a test leave the registry with it."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def complaints(call, compiler=None) -> dict[str, str]:
    """The first complaint of each check."""
    return {f.check: f.note for f in reversed(prove(call.card, compiler)) if not f.ok}


def affine(**options):
    """A right formula to be broken: out = x·w + b."""

    @formula(twin=lambda x, w, b: torch.addmm(b, x, w), **options)
    def draft_affine(x, w, b):
        return x @ w + b

    @draft_affine.samples
    def _():
        yield R(4, 3), R(3, 2), R(2)

    return draft_affine


RIGHT = {"x": lambda δ, w: δ @ w.mT, "w": lambda δ, x: x.mT @ δ, "b": lambda δ: δ.sum(0)}


def with_rules(call, **rules):
    for name, rule in rules.items():
        call.backward(name)(rule)
    return call


def test_the_right_draft_passes(draft):
    assert complaints(with_rules(affine(autocast="low"), **RIGHT), "aot_eager") == {}


def test_wrong_sign_is_named(draft):
    wrong = with_rules(affine(autocast="low"), **RIGHT | {"w": lambda δ, x: -(x.mT @ δ)})
    found = complaints(wrong)
    assert found["finite differences"].startswith("delta of w: worst error") and " at [" in found["finite differences"]
    assert "delta of x" not in found["finite differences"] and found["twin"].startswith("delta of w")


def test_one_wrong_entry_is_found_where_it_is(draft):
    def slip(δ, x):
        dw = x.mT @ δ
        return dw + torch.nn.functional.pad(torch.ones_like(dw[:1, :1]), (1, 0, 2, 0)) * 1e-3

    found = complaints(with_rules(affine(autocast="low"), **RIGHT | {"w": slip}))
    assert found["finite differences"].endswith("at [2, 1]")


def test_missing_transpose_is_named(draft):
    @formula()
    def draft_square_product(x, w):
        return x @ w

    with_rules(draft_square_product, x=lambda δ, w: δ @ w, w=lambda δ, x: x.mT @ δ)

    @draft_square_product.samples
    def _():
        yield R(4, 3), R(3, 3)

    assert complaints(draft_square_product)["finite differences"].startswith("delta of x: worst error")


def test_missing_transpose_of_a_wrong_shape_is_one_line(draft):
    found = complaints(with_rules(affine(autocast="low"), **RIGHT | {"x": lambda δ, w: δ @ w}))
    assert "\n" not in found["finite differences"] and found["finite differences"].startswith("RuntimeError")


def test_saved_intermediate_breaks_the_second_order_alone(draft):
    kept = {}

    @formula(twin=lambda x: x.exp() ** 2)
    def draft_stash(x):
        kept["e"] = e = x.exp()
        return e * e

    with_rules(draft_stash, x=lambda δ: 2 * δ * kept["e"].detach() ** 2)

    @draft_stash.samples
    def _():
        yield (R(3),)

    found = complaints(draft_stash)
    assert found["second order"].startswith("delta of x: worst error") and "finite differences" not in found


def test_wrong_dtype_of_a_delta_is_named_though_autograd_casts_it(draft):
    found = complaints(with_rules(affine(autocast="low"), **RIGHT | {"b": lambda δ: δ.double().sum(0)}))
    assert found == {"rules": "delta of b is float64 [2], expected float32 [2]"}


def test_wrong_dtype_of_an_output_is_named(draft):
    @formula()
    def draft_upcast(x):
        return x * torch.tensor([2.0], dtype=torch.float64, device=x.device)

    with_rules(draft_upcast, x=lambda δ: 2 * δ)

    @draft_upcast.samples
    def _():
        yield (R(3, 2),)

    assert complaints(draft_upcast)["dtype"] == "output out is float64 [3, 2], expected float32 [3, 2]"


def test_missing_unbroadcast_is_named_though_autograd_sums_it(draft):
    found = complaints(with_rules(affine(autocast="low"), **RIGHT | {"b": lambda δ: δ}))
    assert found == {"rules": "delta of b is float64 [4, 2], expected float64 [2]"}


def test_delta_computed_for_an_unneeded_input_is_named(draft):
    call = with_rules(affine(autocast="low"), b=RIGHT["b"])
    call.backward("x", "w")(lambda δ, x, w: (δ @ w.mT, x.mT @ δ))
    assert complaints(call) == {"rules": "delta of x shares no work with its rule's others: it is computed unneeded"}


def test_a_missing_rule_and_a_doubled_one_are_named(draft):
    found = complaints(with_rules(affine(autocast="low"), x=RIGHT["x"], b=RIGHT["b"]))
    assert found["coverage"] == "delta of w has no rule" and found["finite differences"].startswith("delta of w")
    twice = with_rules(affine(autocast="low"), **RIGHT)
    twice.backward("x")(RIGHT["x"])
    assert complaints(twice)["coverage"] == "delta of x has more than one rule"


def test_an_unasked_rule_and_missing_samples_are_named(draft):
    call = with_rules(affine(autocast="low"), **RIGHT)
    call.card.samples = lambda: iter([(R(4, 3), R(3, 2), R(2).detach())])
    assert complaints(call) == {"coverage": "delta of b is asked for by no sample"}
    call.card.samples = None
    assert complaints(call)["coverage"].startswith("no samples")


def test_a_tensor_made_on_another_device_is_named(draft):
    @formula()
    def draft_elsewhere(x):
        return x * torch.arange(3)

    with_rules(draft_elsewhere, x=lambda δ: δ * torch.arange(3))

    @draft_elsewhere.samples
    def _():
        yield (R(2, 3),)

    assert "device" in complaints(draft_elsewhere)["device"]


def test_a_graph_break_is_named(draft):
    @formula()
    def draft_branching(x):
        return x * 2 if float(x.detach().sum()) > 1e9 else x * 3

    with_rules(draft_branching, x=lambda δ: 3 * δ)

    @draft_branching.samples
    def _():
        yield (R(2, 3),)

    assert set(complaints(draft_branching, "aot_eager")) == {"compile", "device", "vmap"}


def test_an_empty_batch_unlike_torch_is_named(draft):
    @formula(twin=lambda x: x - x.max() if x.numel() else x)
    def draft_peak(x):
        return x - x.max()

    with_rules(draft_peak, x=lambda δ, x: δ - (x == x.max()) * δ.sum())

    @draft_peak.samples
    def _():
        yield (R(4, 3),)

    found = complaints(draft_peak)
    assert set(found) == {"empty batch"} and found["empty batch"].startswith(
        "empty batch: the formula gives RuntimeError"
    )


def test_autocast_unlike_torch_is_named(draft):
    stubborn = with_rules(affine(autocast="fp32"), **RIGHT)
    assert complaints(stubborn) == {"autocast": "output out is float32 [4, 2], expected bfloat16 [4, 2]"}


def test_a_wrong_kernel_is_named(draft):
    call = with_rules(affine(autocast="low"), **RIGHT)
    call.kernel("cpu", torch.float32)(lambda x, w, b: x @ w + 2 * b)
    note = complaints(call)["kernels"]
    assert note.startswith("output out: worst error") and "(kernel on cpu, float32)" in note and "delta of b" in note


def test_a_right_kernel_passes_and_a_far_one_is_left_out(draft):
    call = with_rules(affine(autocast="low"), **RIGHT)
    call.kernel("cpu", torch.float32, torch.bfloat16)(lambda x, w, b: torch.addmm(b, x, w))
    call.kernel("mps", torch.float32)(lambda x, w, b: None)
    assert complaints(call) == {}


def test_integer_outputs_take_no_part_in_the_deltas(draft):
    @formula(outputs=("top", "place"), twin=lambda x: tuple(x.max(-1)))
    def draft_top(x):
        place = x.argmax(-1)
        return x.gather(-1, place.unsqueeze(-1)).squeeze(-1), place

    @draft_top.backward("x")
    def _(δtop, x, place):
        return δtop.unsqueeze(-1) * (torch.arange(x.shape[-1], device=x.device) == place.unsqueeze(-1))

    @draft_top.samples
    def _():
        yield (R(4, 5),)

    assert complaints(draft_top, "aot_eager") == {}


def test_verdicts_of_findings():
    def wrong():
        raise Wrong("one line")

    def skip():
        raise Skip("not here")

    assert judged("a", 0, 1e-6, wrong) == Finding("a", 0, None, 1e-6, False, "one line")
    assert judged("a", 0, 1e-6, skip) == Finding("a", 0, None, 1e-6, True, "not here")
    nan = judged("a", 0, 1e-6, lambda: [gap("out", torch.tensor([float("nan")]), torch.tensor([1.0]))])
    assert not nan.ok and nan.worst == float("inf")
    assert gap("out", torch.tensor([float("nan")]), torch.tensor([float("nan")])).worst == 0


def test_samples_are_the_same_every_time():
    first, again = (prove(REGISTRY["linear"], None) for _ in range(2))
    assert first == again


def test_rows_refuse_a_sample_whose_first_axis_is_no_batch(draft):
    call = with_rules(affine(autocast="low"), **RIGHT)
    call.card.batch = ("w",)
    with pytest.raises(Skip, match="no batch"):
        Case(call.card, next(iter(call.card.samples()))).rows()
