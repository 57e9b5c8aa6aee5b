"""Who tests the tests: every small mistake in a delta rule, or in a helper it calls, is noticed on some sample.

A mutant that no sample can notice is the same function written differently: it stands in EQUIVALENT with the reason,
and a listed mutant that dies, or is no longer made, is an error too.
"""

import pytest

from chainrule.formula import REGISTRY

from .mutation import callers, mutants, reach, survivors_of_helper, survivors_of_rules
from .registry import FORMULAS

# torch's own remark on speed, where a sample asks for padding="same" with an even kernel
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")

HAT = "(1 - (s[:, None] - j).abs()).clamp(min=0).to(x.dtype)"
EQUIVALENT: dict[tuple[str, str], str] = {  # (formula: inputs | helper, change) -> why it changes nothing
    ("radial_basis: x", "-1 → 1"): "δ is always [N, I]: its last axis is axis 1",
    ("spread2x2", "-2 → 2"): "maps are always [N, C, H, W]: the last axis but one is axis 2",
    ("spread2x2", "-2 → 2 #2"): "maps are always [N, C, H, W]: the last axis but one is axis 2",
    ("hat", f"return {HAT} → return -{HAT}"): "it stands on both sides of A x Bᵀ, where two signs cancel",
    ("masked_shares", "z - z.amax(-1, keepdim=True) → z"): "softmax does not change when all its scores move",
    (
        "masked_shares",
        "z - z.amax(-1, keepdim=True) → z + z.amax(-1, keepdim=True)",
    ): "softmax does not change when all its scores move the same way",
    ("overlap", "return torch.zeros_like(weight) → return -torch.zeros_like(weight)"): "minus nothing is nothing",
}

HELPERS = sorted(
    {f for name in FORMULAS for _, rule in REGISTRY[name].rules for f in reach(rule)}, key=lambda f: f.__name__
)


def listed(owners: set[str]) -> set[tuple[str, str]]:
    return {key for key in EQUIVALENT if key[0] in owners}


@pytest.mark.parametrize("name", FORMULAS)
def test_every_mutant_of_a_rule_dies(name):
    card = REGISTRY[name]
    alive, count = survivors_of_rules(card)
    expected = {key for key in EQUIVALENT if key[0].startswith(f"{name}: ")}
    assert sorted(alive - expected) == [], "survivors: a sample is missing"
    assert sorted(expected - alive) == [], "listed as equivalent, but noticed or never made"
    assert count or not card.rules


@pytest.mark.parametrize("helper", HELPERS, ids=lambda f: f.__name__)
def test_every_mutant_of_a_helper_dies(helper):
    alive, _ = survivors_of_helper(helper, callers(helper, [REGISTRY[name] for name in FORMULAS]))
    assert sorted(alive - listed({helper.__name__})) == [], "survivors: a sample is missing"
    assert sorted(listed({helper.__name__}) - alive) == [], "listed as equivalent, but noticed or never made"


def test_every_listed_equivalent_has_an_owner_and_a_reason():
    known = {f.__name__ for f in HELPERS} | {
        f"{name}: {', '.join(wrt)}" for name in FORMULAS for wrt, _ in REGISTRY[name].rules
    }
    assert not [key for key in EQUIVALENT if key[0] not in known]
    assert all(len(reason) > 10 for reason in EQUIVALENT.values())


def test_mutants_change_signs_factors_transposes_sums_constants_comparisons_and_branches():
    def rule(δ, x, w, flag):
        scale = 0.5 if flag == "half" else 1.0
        return -(δ.mT @ x).sum(0, keepdim=True) * scale

    made = {what for what, _ in mutants(rule)}
    for change in (
        "δ.mT → δ",
        "δ.mT @ x → x @ δ.mT",
        "keepdim",
        "0.5 → 1.5",
        "1.0 → 0.0",
        "flag == 'half' → flag != 'half'",
        "0.5 if flag == 'half' else 1.0 → 1.0 if flag == 'half' else 0.5",
        "return -(δ.mT @ x).sum(0, keepdim=True) * scale → return -(-(δ.mT @ x)",
    ):
        assert any(change in what for what in made) or change == "keepdim", change
    assert "True → False" in made and "(δ.mT @ x).sum(0, keepdim=True) → δ.mT @ x" in made
    assert "-(δ.mT @ x).sum(0, keepdim=True) * scale → scale" in made
