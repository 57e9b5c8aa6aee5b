"""The script beside an exported translator: its use without chainrule. · 导出翻译模型旁的使用脚本。"""

from typing import Any

from ...data.text.bpe import BPE
from ...data.text.side import JOINT, Pieces, Side
from ...data.text.tokens import CJK, CLOSE, OPEN, Words

TEXT = '''"""Translate, always by the likeliest word: python use_{to}.py "A TEXT"...   needs numpy, {needs}"""
import json, pathlib, re, sys, unicodedata
import numpy as np, {needs}

def opened(name):
    path = pathlib.Path(__file__).with_name(name)
{opens}

run = lambda model, *given: {runs}
(encoder, source), (decoder, target) = opened("encoder.{suffix}"), opened("decoder.{suffix}")
place = {{token: i for i, token in enumerate(source["vocabulary"]) if i > 3}}
for text in sys.argv[1:]:
    text = " ".join(unicodedata.normalize("NFC", text){lower}.split())
{cut}
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
PATTERNS = {"characters": "(?s).", "spaces": r"\S+"}
CUT = """    tokens = re.findall(source["pattern"], text)"""
JOINED = f"""    text = f" {{' '.join(text.replace('{JOINT}', ' ').split())}} "  # marks stand alone,
    near = lambda i: "{JOINT}" * (text[i] != " ")  # with a joint where there was no blank
    text = re.sub(r"[^\\w\\s]|_", lambda m: f" {{near(m.start() - 1)}}{{m[0]}}{{near(m.end())}} ", text)
"""
MERGED = """    rank, tokens = {tuple(pair): i for i, pair in enumerate(source["merges"])}, []
    for word in text.split():
        parts = [*word[:-1], word[-1] + "</w>"]
        while fit := [(rank[pair], i) for i, pair in enumerate(zip(parts, parts[1:])) if pair in rank]:
            i = min(fit)[1]
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        tokens += parts"""
LEANING = """    out = ""
    for word in said:
        both = out and re.match(target["cjk"], word) and re.match(target["cjk"], out[-1])
        leans = not out or word in target["close"] or out[-1] in target["open"] or both
        out += word if leans else " " + word"""
WHOLE = """    out = "".join(said).replace("</w>", " ").strip(" ")"""
PARTED = rf"""
    out = re.sub(r"{JOINT}\s*", "", re.sub(r"\s*{JOINT}([^\w\s{JOINT}]|_)", r"\1", out)).strip()"""


def cutting(side: Side) -> dict[str, Any]:
    """How a side is cut and put together, in what a file can hold. · 切词与还原的方式。

    >>> cutting(Side.of("en", "characters", ["ab"]))["pattern"]
    '(?s).'
    """
    if not isinstance(side.cutter, Words):
        return {"pattern": PATTERNS.get(side.tokens), "merges": side.merges}
    marks = {"open": "".join(sorted(OPEN)), "close": "".join(sorted(CLOSE)), "cjk": CJK.pattern}
    return {"pattern": side.cutter.pattern.pattern, "merges": (), **marks}


def script(to: str, source: Side, target: Side) -> str | None:
    """The text of the script; None where a side is cut by what only chainrule finds. · 脚本文本。"""
    cut, join = _cut(source), _join(target)
    if cut is None or join is None:
        return None
    return TEXT.format(to=to, lower=".lower()" * source.lower, cut=cut, join=join, **FORMS[to])


def _cut(side: Side) -> str | None:
    if isinstance(side.cutter, Pieces | BPE):
        return JOINED * isinstance(side.cutter, Pieces) + MERGED
    return CUT if cutting(side)["pattern"] else None


def _join(side: Side) -> str | None:
    if isinstance(side.cutter, Words):
        return LEANING
    if isinstance(side.cutter, Pieces | BPE):
        return WHOLE + PARTED * isinstance(side.cutter, Pieces)
    return {"characters": '    out = "".join(said)', "spaces": '    out = " ".join(said)'}.get(side.tokens)
