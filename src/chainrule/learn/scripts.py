"""The script beside an export: its use without chainrule, in at most twenty lines. · 导出旁的使用脚本。"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Script:
    """What differs between the forms of an export. · 各导出形式的不同之处。

    needs packages; opens lines that make `model` and `facts`; answers from `pixels`, uint8 [1, C, H, W], one row
    """

    needs: str
    opens: str
    answers: str


SCRIPTS = {
    "onnx": Script(
        "onnxruntime",
        'model = onnxruntime.InferenceSession(here.with_name("model.onnx"), providers=["CPUExecutionProvider"])\n'
        "facts = {key: json.loads(text) for key, text in model.get_modelmeta().custom_metadata_map.items()}",
        'model.run(None, {"pixels": pixels})[0][0]',
    ),
    "torch": Script(
        "torch",
        'facts = {"facts.json": ""}\n'
        'model = torch.export.load(here.with_name("model.pt2"), extra_files=facts).module()\n'
        'facts = json.loads(facts["facts.json"])',
        "model(torch.from_numpy(pixels.copy()))[0].detach().numpy()",
    ),
    "safetensors": Script(
        "torch, torchvision, safetensors.torch",
        'facts = json.loads(here.with_name("model.json").read_text(encoding="utf-8"))\n'
        'model = torchvision.models.get_model(facts["model"], num_classes=len(facts["classes"])).eval()\n'
        'model.load_state_dict(safetensors.torch.load_file(here.with_name("model.safetensors")))\n'
        'mean, std = (torch.tensor(facts[key])[:, None, None] for key in ("mean", "std"))',
        "model((torch.from_numpy(pixels.copy()) / 255 - mean) / std)[0].detach().numpy()",
    ),
}
PADDED = """    if all(a <= b <= 1.25 * a for a, b in zip(image.size, (w, h))):  # it stands in a black field
        image, small = Image.new(image.mode, (w, h)), image
        image.paste(small, ((w - small.width) // 2, (h - small.height) // 2))
"""
LOADS = """c, h, w = facts["shape"]
for path in sys.argv[1:]:
    image = ImageOps.exif_transpose(Image.open(path)).convert("L" if c == 1 else "RGB")
{padded}    pixels = np.asarray(image.resize((w, h), Image.BILINEAR)).reshape(1, h, w, c).transpose(0, 3, 1, 2)
"""
TEXT = '''"""Classify images with {file}: python {name} IMAGE...   needs numpy, pillow, {needs}"""
import json, pathlib, sys
import numpy as np, {needs}
from PIL import Image, ImageOps

here = pathlib.Path(__file__)
{opens}
{loads}    logits = {answers}
    likely = np.exp(logits - logits.max())
    print(path, facts["classes"][logits.argmax()], f"{{likely.max() / likely.sum():.4f}}", sep="\\t")
'''


def script(to: str, file: str, name: str, fit: str) -> str:
    """The text of the script for one form; fit is how images come to their size. · 脚本文本。

    >>> len(script("onnx", "model.onnx", "use_onnx.py", "resize").splitlines())
    15
    """
    one = SCRIPTS[to]
    return TEXT.format(file=file, name=name, needs=one.needs, opens=one.opens, loads=loads(fit), answers=one.answers)


def loads(fit: str) -> str:
    """The lines that bring each image of the command line to `pixels`, open for more. · 读取图像的各行。

    >>> loads("resize").splitlines()[1]
    'for path in sys.argv[1:]:'
    """
    return LOADS.format(padded=PADDED if fit == "pad" else "")


ANSWERS = {
    "onnx": "answer = lambda **given: model.run(None, given)",
    "torch": "answer = lambda **given: [x.detach().numpy() for x in model(*map(torch.tensor, given.values()))]",
}
ANY = '''"""{what}: python {name} {takes}   needs numpy, {needs}"""
import {imports}
import numpy as np, {needs}{more}

here = pathlib.Path(__file__)
{opens}
{answer}
{body}'''


def scripts(what: str, takes: str, body: str, imports: str = "", needs: str = "", more: str = "") -> dict[str, str]:
    """Form of export → script: `answer(name=array, …)` is a list of arrays, `facts` what is known. · 各形式的脚本。

    what it does, what it takes on the command line, its body; imports beside json, pathlib, sys; needs beside numpy;
    more lines of imports

    >>> sorted(scripts("Say", "WORD", "print(answer(x=np.zeros(1)))"))
    ['onnx', 'torch']
    """
    told, own = {}, ", ".join(sorted({"json", "pathlib", "sys", *filter(None, imports.split(", "))}))
    for to, answer in ANSWERS.items():
        one = SCRIPTS[to]
        known = {"what": what, "name": f"use_{to}.py", "takes": takes, "imports": own, "more": more, "body": body}
        known["needs"] = ", ".join(filter(None, (needs, one.needs)))
        told[to] = ANY.format(opens=one.opens, answer=answer, **known)
    return told
