"""Language models by name, without importing torch: a part of the catalogue. · 语言模型的目录。"""

from ..entry import Entry

# How a text to be continued is read; see data/language.py.
TEXT = {
    "tokens": "characters",
    "steps": 128,
    "normalise": "none",
    "min_count": 1,
    "max_words": 0,
    "merges": 4000,
    "encoding": "",
    "test": 0.1,
}
RECURRENT_LM = {"width": 128, "num_layers": 1, "kind": "lstm", "dropout": 0.0, "tied": True}
TRANSFORMER_LM = {"width": 128, "num_layers": 4, "heads": 4, "dropout": 0.1, "norm_first": True}

LANGUAGE = {
    "recurrent_lm": Entry(
        "chainrule.zoo.language_model:RecurrentLanguageModel",
        "continues a text: RNN, LSTM or GRU whose state is carried on",
        "续写文本：RNN、LSTM 或 GRU，状态持续传递",
        RECURRENT_LM,
        kind="language",
        reading=TEXT,
    ),
    "transformer_lm": Entry(
        "chainrule.zoo.language_model:TransformerLanguageModel",
        "continues a text: causal Transformer layers over the last data.steps tokens",
        "续写文本：因果 Transformer 层，看最近 data.steps 个词",
        TRANSFORMER_LM,
        kind="language",
        reading=TEXT,
    ),
}
