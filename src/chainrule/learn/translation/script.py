"""The script beside an exported translator: its use without chainrule. · 导出翻译模型旁的使用脚本。"""

from typing import Any

from ...data.text.bpe import BPE
from ...data.text.normal import Normal
from ...data.text.side import JOINT, Pieces, Side
from ...data.text.tokens import CJK, CLOSE, OPEN, Words
from ..cutting import cuts, cutting

TEXT = '''"""Translate, always by the likeliest word: python use_{to}.py "A TEXT"...   needs numpy, {needs}"""
import json, pathlib, re, sys, unicodedata
import numpy as np, {needs}

def opened(name):
    path = pathlib.Path(__file__).with_name(name)
{opens}

{cuts}
run = lambda model, *given: {runs}
(encoder, source), (decoder, target) = opened("encoder.{suffix}"), opened("decoder.{suffix}")
place = {{token: i for i, token in enumerate(source["vocabulary"]) if i > 3}}
for text in sys.argv[1:]:
    tokens = list(cut(text, source))
    state = run(encoder, np.array([[place.get(token, 3) for token in tokens] or [3]]))
    token, said = np.array([1]), []
    while token[0] != 2 and len(said) < target["longest"]:
        log_p, *after = run(decoder, token, *state)
        log_p[:, [0, 1, 3]] = -np.inf  # padding, the beginning, what is unknown: never said
        token, state = log_p.argmax(-1), after + state[len(after) :]
        said += [target["vocabulary"][i] for i in token if i != 2]
{join}
    print(out)
'''
FORMS: dict[str, dict[str, str]] = {
    "onnx": {
        "suffix": "onnx",
        "needs": "onnxruntime",
        "opens": """    model = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return model, {key: json.loads(text) for key, text in model.get_modelmeta().custom_metadata_map.items()}""",
        "runs": "model.run(None, {x.name: value for x, value in zip(model.get_inputs(), given)})",
    },
    "torch": {
        "suffix": "pt2",
        "needs": "torch",
        "opens": """    facts = {"facts.json": ""}
    model = torch.export.load(path, extra_files=facts).module()
    return model, json.loads(facts["facts.json"])""",
        "runs": "[x.detach().numpy() for x in model(*map(torch.from_numpy, given))]",
    },
}
JOINED = f"""    text = f" {{' '.join(text.replace('{JOINT}', ' ').split())}} "  # marks stand alone,
    near = lambda i: "{JOINT}" * (text[i] != " ")  # with a joint where there was no blank
    text = re.sub(r"[^\\w\\s]|_", lambda m: f" {{near(m.start() - 1)}}{{m[0]}}{{near(m.end())}} ", text)
"""
LEANING = """    out = ""
    for word in said:
        both = out and re.match(target["cjk"], word) and re.match(target["cjk"], out[-1])
        leans = not out or word in target["close"] or out[-1] in target["open"] or both
        out += word if leans else " " + word"""
WHOLE = """    out = "".join(said).replace("</w>", " ").strip(" ")"""
PARTED = rf"""
    out = re.sub(r"{JOINT}\s*", "", re.sub(r"\s*{JOINT}([^\w\s{JOINT}]|_)", r"\1", out)).strip()"""


def told(side: Side) -> dict[str, Any]:
    """How a side is cut and put together, in what a file can hold. · 切词与还原的方式。

    >>> told(Side.of("en", "characters", ["ab"]))["pattern"]
    '(?s).'
    """
    if not isinstance(side.cutter, Words):
        return cutting(side.cutter)
    marks = {"open": "".join(sorted(OPEN)), "close": "".join(sorted(CLOSE)), "cjk": CJK.pattern}
    return {**cutting(side.cutter), **marks}


def script(to: str, source: Side, target: Side) -> str | None:
    """The text of the script; None where a side is cut by what only chainrule finds. · 脚本文本。"""
    join = _join(target)
    if join is None or cutting(source.cutter)["pattern"] is None:
        return None
    return TEXT.format(to=to, cuts=cut_of(source), join=join, **FORMS[to])


def cut_of(side: Side) -> str:
    """The function that cuts a side's text. · 切词函数。"""
    more = JOINED * isinstance(side.cutter, Pieces)
    return cuts(side.cutter, Normal("nfc", side.lower, space=True), more)


def _join(side: Side) -> str | None:
    if isinstance(side.cutter, Words):
        return LEANING
    if isinstance(side.cutter, Pieces | BPE):
        return WHOLE + PARTED * isinstance(side.cutter, Pieces)
    return {"characters": '    out = "".join(said)', "spaces": '    out = " ".join(said)'}.get(side.tokens)
