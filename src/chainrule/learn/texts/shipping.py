"""A network that reads texts as a file that others run: ONNX, checked. · 把读文本的网络导出为 ONNX。

Ids in, scores out, for any number of texts of any one length: without padding there is nothing to mask. Vocabulary,
classes and how a text is cut are in the file, and a script beside it uses them without chainrule.
"""

import json
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ... import __version__
from ...errors import UserError
from ..parcel import TOLERANCE, Exported, exporting, folder_of, made_in, missing, refused

if TYPE_CHECKING:
    from .run import TextRun

SIZES = ((1, 1), (3, 11), (2, 40))  # texts and their length that an export is tried with; it is made with (2, 7)
# How each scheme cuts a text, in the words of the script.
CUTS = {
    "words": r"""re.findall(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]|_", text)""",
    "spaces": "text.split()",
    "characters": "list(text)",
}
SCRIPT = '''"""Read texts with model.onnx: python use_onnx.py "A TEXT"...   needs numpy, onnxruntime"""
import json, pathlib, re, sys
import numpy as np, onnxruntime

model = onnxruntime.InferenceSession(pathlib.Path(__file__).with_name("model.onnx"), providers=["CPUExecutionProvider"])
facts = {{key: json.loads(text) for key, text in model.get_modelmeta().custom_metadata_map.items()}}
place = {{token: i for i, token in enumerate(facts["vocabulary"]) if i > 3}}
for text in sys.argv[1:]:
    text = {normal}
    tokens = {cut}[: facts["max_length"]]
    ids = np.array([[place.get(token, 3) for token in tokens] or [3]])
    scores = model.run(None, {{"tokens": ids}})[0][0]
{tells}
'''
TELLS = {
    "classification": """    likely = np.exp(scores - scores.max())
    print(text, facts["classes"][scores.argmax()], f"{likely.max() / likely.sum():.4f}", sep="\\t")""",
    "regression": """    print(text, scores[0] * facts["std"] + facts["mean"], sep="\\t")""",
    "tags": """    print(*(f"{token}/{facts['classes'][c]}" for token, c in zip(tokens, scores.argmax(-1))))""",
}


class Unpadded(torch.nn.Module):
    """Texts of one length: tokens [N, T] → scores. · 等长文本，无掩码。"""

    def __init__(self, network: torch.nn.Module):
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor) -> Tensor:
        return self.network(tokens)


def export(run: "TextRun", to: str, fold_bn: bool, out: str | PathLike[str] | None) -> Exported:
    """Write the network as ONNX, tried with onnxruntime against what it answers here. · 导出并核对。

    out the folder (default: `export` in the run). Raises `UserError` for another form, a missing package, a network
    that cannot be exported, answers that differ by more than 1e-5; nothing is left then.
    """
    if to != "onnx" or fold_bn:
        what = "--fold-bn" if fold_bn else f"--to {to}"
        raise UserError(f"{what}: a run that learned from texts is written as ONNX; expected --to onnx alone")
    missing()
    folder = folder_of(run, out)
    with made_in(folder) as new:
        lines = [_onnx(run, new / "model.onnx")]
        if script := script_of(run.facts):
            (new / "use_onnx.py").write_text(script, encoding="utf-8")
        else:
            lines.append(
                f"no script: data.tokens={run.facts.tokens} and normalise={run.facts.normalise} need chainrule"
            )
        files = sorted(new.iterdir(), key=lambda path: path.suffix == ".py")
    return Exported([folder / path.name for path in files], lines)


def script_of(facts: Any) -> str | None:
    """The script for this way to cut texts, None where it takes more than a line. · 使用脚本。"""
    if facts.tokens not in CUTS or facts.normalise not in ("none", "lower"):
        return None
    normal = "text.lower()" if facts.normalise == "lower" else "text"
    return SCRIPT.format(normal=normal, cut=CUTS[facts.tokens], tells=TELLS[facts.task])


def known(run: "TextRun") -> dict[str, Any]:
    """What a user of the file has to know. · 使用者需要知道的信息。"""
    facts = run.facts.to_json()
    told = {k: v for k, v in facts.items() if k not in ("fingerprint", "width", "name")}
    about = "tokens: int64 [N, T], ids of texts of one length, no padding; unknown words are 3"
    return {"model": run.model, "input": about, "made_by": f"chainrule {__version__}", **told}


def _onnx(run: "TextRun", path: Path) -> str:
    import onnx
    import onnxruntime

    shipped, words = Unpadded(run.network).eval(), len(run.facts.vocabulary)
    shapes = {"tokens": {0: torch.export.Dim("N"), 1: torch.export.Dim("T")}}
    try:
        with exporting():
            program = torch.onnx.export(
                shipped,
                (_ids(2, 7, words),),
                dynamic_shapes=shapes,
                input_names=["tokens"],
                output_names=["scores"],
                verbose=False,
            )
        assert program is not None
        made = program.model_proto
    except Exception as error:  # whatever an exporter makes of it
        raise refused(error) from error
    onnx.helper.set_model_props(made, {k: json.dumps(v, ensure_ascii=False) for k, v in known(run).items()})
    onnx.checker.check_model(made)
    onnx.save(made, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    for size, length in SIZES:
        ids = _ids(size, length, words)
        with torch.no_grad():
            want = shipped(ids).numpy()
        found = np.asarray(session.run(None, {"tokens": ids.numpy()})[0])
        worst = max(worst, float(np.abs(found - want).max() / max(1.0, np.abs(want).max())))
    if not worst <= TOLERANCE:
        raise UserError(f"the export answers otherwise than the run, by {worst:.1e}; expected at most {TOLERANCE:.0e}")
    return f"checked onnxruntime's answers differ by {worst:.1e} at most (any number of texts, any length)"


def _ids(texts: int, length: int, words: int) -> Tensor:
    return torch.randint(3, words, (texts, length), generator=torch.Generator().manual_seed(length))
