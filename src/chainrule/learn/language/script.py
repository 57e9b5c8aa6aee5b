"""The scripts beside an exported language model: its use without chainrule. · 导出语言模型旁的使用脚本。"""

from ...data.text.normal import Normal
from ...data.text.tokens import Tokenizer
from ..cutting import cuts
from ..scripts import scripts

GOES_ON = r"""words, whole = facts["vocabulary"], facts["tokens"] == "characters"
ids = {word: i for i, word in enumerate(words)}
text, tokens, seed = (sys.argv[1:] + ["", "200", "0"][len(sys.argv) - 1 :])[:3]
end = ids.get("\n", 3) if whole else 2
read = [i for line in text.split("\n") for i in (*(ids.get(token, 3) for token in cut(line, facts)), end)]
read = read[:-1] or [end]  # the last line goes on
state = {key: np.zeros((1, *shape), np.float32) for key, shape in zip(("h", "c"), facts["state"])}
draw, said = np.random.default_rng(int(seed)), read[:1] if state else list(read)
for t in range((len(read) - 1) * bool(state) + int(tokens)):
    if state:
        log_p, *after = answer(token=np.array(said[-1:]), **state)
        state = dict(zip(state, after))
    else:
        log_p = answer(tokens=np.array([said[-facts["steps"] :]]))[0][:, -1]
    p = np.exp(log_p[0].astype(float))
    p[[0, 1, 3] + [2] * whole] = 0
    said.append(read[len(said)] if len(said) < len(read) else int(draw.choice(len(p), p=p / p.sum())))
out = ("" if whole or facts["merges"] is not None else " ").join("\n" if i == 2 else words[i] for i in said)
print(out if facts["merges"] is None else out.replace("</w>", " "))
"""


def script(cut: Tokenizer, normal: Normal) -> dict[str, str]:
    """The scripts that go on with a text as the run does. · 续写文本的脚本。

    >>> from chainrule.data.text.tokens import tokenizer
    >>> sorted(script(tokenizer("words"), Normal()))
    ['onnx', 'torch']
    """
    body = f"\n\n{cuts(cut, normal)}\n\n{GOES_ON}"
    return scripts("Go on with a text", "TEXT [TOKENS] [SEED]", body, imports="re, unicodedata")
