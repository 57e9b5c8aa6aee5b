"""Models by name, without importing torch: a part of the catalogue, a file a kind of learning. · 模型的目录。"""

from ..entry import Entry
from .agents import AGENTS
from .codes import CODERS
from .graphs import GRAPHS
from .images import IMAGES
from .language import LANGUAGE
from .series import SERIES_MODELS
from .tables import TABLES
from .texts import TEXTS
from .translation import TRANSLATORS
from .words import WORDS

MODELS: dict[str, Entry] = {
    **IMAGES,
    **GRAPHS,
    **TABLES,
    **CODERS,
    **WORDS,
    **SERIES_MODELS,
    **TEXTS,
    **AGENTS,
    **TRANSLATORS,
    **LANGUAGE,
}
