"""The script beside an exported language model: its use without chainrule. · 导出语言模型旁的使用脚本。"""

from ...data.language import Reader
from ...data.text.bpe import BPE
from ...data.text.normal import Normal
from ...data.text.tokens import Words

TEXT = '''"""Go on with a text by {file}: python {name} TEXT [TOKENS] [SEED]   needs numpy, onnxruntime"""
import json, pathlib, re, sys, unicodedata
import numpy as np, onnxruntime

here = pathlib.Path(__file__)
model = onnxruntime.InferenceSession(here.with_name("{file}"), providers=["CPUExecutionProvider"])
facts = {{key: json.loads(text) for key, text in model.get_modelmeta().custom_metadata_map.items()}}
words, rank = facts["vocabulary"], {{tuple(pair): i for i, pair in enumerate(facts["merges"])}}
ids, whole = {{word: i for i, word in enumerate(words)}}, facts["tokens"] == "characters"


def cut(line):
    for word in re.findall(facts["pattern"], line):
        parts = [*word[:-1], word[-1] + "</w>"] if rank else [word]
        while fit := [(rank[pair], i) for i, pair in enumerate(zip(parts, parts[1:])) if pair in rank]:
            i = min(fit)[1]
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        yield from (ids.get(part, 3) for part in parts)


text, tokens, seed = (sys.argv[1:] + ["", "200", "0"][len(sys.argv) - 1 :])[:3]
text = unicodedata.normalize(facts["form"], text) if facts["form"] else text
text = text.lower() if facts["lower"] else text
read = [i for line in ([text or "\\n"] if whole else text.split("\\n")) for i in (*cut(line), *[2] * (not whole))]
read = read if whole or len(read) == 1 else read[:-1]  # the last line goes on
state = {{key: np.zeros((1, *shape), np.float32) for key, shape in zip(("h", "c"), facts["state"])}}
draw, said = np.random.default_rng(int(seed)), read[:1] if state else list(read)
for t in range((len(read) - 1) * bool(state) + int(tokens)):
    if state:
        log_p, *after = model.run(None, {{"token": np.array(said[-1:]), **state}})
        state = dict(zip(state, after))
    else:
        log_p = model.run(None, {{"tokens": np.array([said[-facts["steps"] :]])}})[0][:, -1]
    p = np.exp(log_p[0].astype(float))
    p[[0, 1, 3] + [2] * whole] = 0
    said.append(read[len(said)] if len(said) < len(read) else int(draw.choice(len(p), p=p / p.sum())))
out = ("" if whole or rank else " ").join("\\n" if i == 2 else words[i] for i in said)
print(out.replace("</w>", " ") if rank else out)
'''


def pattern(reader: Reader) -> str | None:
    """How a line falls into tokens, or into words that merges then cut; None where none says it. · 切词的正则。

    >>> from chainrule.data.text.vocabulary import Vocabulary
    >>> pattern(Reader("characters", Vocabulary.build(["ab"])))
    '(?s).'
    """
    if reader.whole:
        return "(?s)."
    if isinstance(reader.cut, Words):
        return reader.cut.pattern.pattern
    return r"\S+" if isinstance(reader.cut, BPE) or reader.cut.name == "spaces" else None


def script(reader: Reader, normal: Normal, file: str, name: str) -> str | None:
    """The text of the script; None where it would read otherwise than the run does. · 脚本文本。"""
    if pattern(reader) is None or not normal.accents or normal.space:
        return None
    return TEXT.format(file=file, name=name)
