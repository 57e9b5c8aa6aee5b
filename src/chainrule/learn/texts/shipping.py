"""A network that reads texts, as a function of ids. · 把读文本的网络交付出去：编号进、得分出。

Any number of texts of any one length: without padding there is nothing to mask. Vocabulary, classes and how a text is
cut are in the file, and a script beside it uses them without chainrule.
"""

from os import PathLike
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ... import __version__
from ..cutting import cuts, cutting
from ..parcel import Exported, Parcel, Sizes, ship
from ..scripts import scripts

if TYPE_CHECKING:
    from .data import Reader
    from .run import TextRun

LENGTHS = {1: 1, 2: 7, 3: 11, 4: 40}  # texts → their length, as it is made (2) and tried
SIZES = Sizes(({1: "T"},), rows=(1, 3, 4), told="any number of texts, any length")
READS = """place = {token: i for i, token in enumerate(facts["vocabulary"]) if i > 3}
for text in sys.argv[1:]:
    tokens = list(cut(text, facts))[: facts["max_length"]]
    scores = answer(tokens=np.array([[place.get(token, 3) for token in tokens] or [3]]))[0][0]
"""
TELLS = {
    "classification": """    likely = np.exp(scores - scores.max())
    print(text, facts["classes"][scores.argmax()], f"{likely.max() / likely.sum():.4f}", sep="\\t")
""",
    "regression": """    print(text, scores[0] * facts["std"] + facts["mean"], sep="\\t")
""",
    "tags": """    print(*(f"{token}/{facts['classes'][c]}" for token, c in zip(tokens, scores.argmax(-1))))
""",
}


class Unpadded(torch.nn.Module):
    """Texts of one length: tokens [N, T] → scores. · 等长文本，无掩码。"""

    def __init__(self, network: torch.nn.Module):
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor) -> tuple[Tensor]:
        return (self.network(tokens),)


def export(run: "TextRun", to: str, fold_bn: bool, out: str | PathLike[str] | None) -> Exported:
    """Write the network with its words, tried against what it answers here. · 导出并核对；参见 `parcel.ship`。"""
    facts, words = run.facts, len(run.facts.vocabulary)
    reader: Reader = facts.reader()
    known = {k: v for k, v in facts.to_json().items() if k not in ("fingerprint", "width", "name")}
    known |= {
        "model": run.model,
        "input": "tokens: int64 [N, T], ids of texts of one length, no padding; unknown words are 3",
        "made_by": f"chainrule {__version__}",
        **cutting(reader.cut),
    }

    def example(texts: int) -> tuple[Tensor, ...]:
        draw = torch.Generator().manual_seed(texts)
        return (torch.randint(3, words, (texts, LENGTHS[texts]), generator=draw),)

    lacks = f"data.tokens={facts.tokens} needs chainrule"
    beside = {} if known["pattern"] is None else script(reader, facts.task)
    made = Unpadded(run.network).eval()
    parcel = Parcel(made, ("tokens",), ("scores",), example, known, beside, sizes=SIZES, lacks=lacks)
    return ship(run, [parcel], to, fold_bn, out)


def script(reader: "Reader", task: str) -> dict[str, str]:
    """The scripts that read texts as the run does. · 使用脚本。"""
    body = f"\n\n{cuts(reader.cut, reader.normal)}\n\n{READS}{TELLS[task]}"
    return scripts("Read texts", '"A TEXT"...', body, imports="re, unicodedata")
