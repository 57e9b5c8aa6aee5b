"""What the page of translation takes from its measured table. · 翻译页的实测表格。"""

import json
from collections.abc import Callable

from .markdown import table
from .pages import DOCS

NAMES = {"loss": "loss · 损失", "perplexity": "perplexity · 困惑度", "accuracy": "right words · 词准确率"}


def translation(page: str, *_: str) -> str:
    """The translators at equal budget, and what one has without them. · 同等预算下的翻译模型与基线。"""
    told = json.loads((DOCS / "pictures" / "translation.json").read_text(encoding="utf-8"))
    head = [
        "network · 网络",
        "parameters · 参数",
        *NAMES.values(),
        "BLEU of text · 文本 BLEU",
        "BLEU of words · 词 BLEU",
    ]
    rows = [[f"`{row['network']}`", f"{row['parameters']:,}", *_figures(row["metrics"])] for row in told["rows"]]
    rows += [[name, "0", *_figures(figures)] for name, figures in told["baselines"].items()]
    budget = ", ".join(f"`{key}={value}`" for key, value in told["budget"].items())
    lines = [f"- {line}" for line in told["remarks"]]
    return "\n".join([table(head, rows), "", f"Multi30k de→en, test 2016; {budget}.", "", *lines])


def _figures(metrics: dict[str, float]) -> list[str]:
    out = []
    for key in (*NAMES, "bleu", "bleu_words"):
        value = metrics.get(f"test_{key}")
        out.append("" if value is None else f"{100 * value:.1f} %" if key == "accuracy" else f"{value:.4g}")
    return out


PARTS: dict[str, Callable[..., str]] = {"translation": translation}
