"""The registry as the tests walk it, and what the proof is not asked to measure, with the reason."""

import pkgutil
from importlib import import_module

import chainrule.nn
from chainrule.formula import REGISTRY

for _room in pkgutil.walk_packages(chainrule.nn.__path__, "chainrule.nn."):
    import_module(_room.name)

FORMULAS = sorted(name for name, card in REGISTRY.items() if card.room.startswith("chainrule."))

TWINLESS = {  # formulas without an operator of torch's, and why
    "swish": "torch has only its case β = 1, which is silu",
}
UNMEASURED: dict[str, set[str]] = {name: {"twin"} for name in TWINLESS}  # checks that apply to none of its samples
