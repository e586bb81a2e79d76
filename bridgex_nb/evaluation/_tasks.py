"""The tasks, and their items."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ..datasets import _corpora as corpora
from ..datasets._languages import LANGUAGES, language
from ..datasets._lexicon import Lexicon, core_lexicon
from ..exceptions import InputError
from ._reading import fold, read_answer, read_number, read_text, read_word
from ._released_reading import fold_released, read_line, read_released_bridge, read_released_letter, read_released_word
from ._task import LETTERS, Task


def find_task(task: str | Task) -> Task:
    """The task of that name; your own `Task` is returned as it is.

    Raises
    ------
    InputError
        If there is no such task.
    """
    if isinstance(task, Task):
        return task
    if task not in TASKS:
        raise InputError(f"unknown task {task!r}; choose from {', '.join(TASKS)}")
    return TASKS[task]


def task_items(
    task: str | Task, src: str, tgt: str, *, folder: str | Path | None = None, limit: int | None = None
) -> pd.DataFrame:
    """Items of a task for one language pair.

    Parameters
    ----------
    task : str or Task
        ``bli`` (word translation, core lexicon), ``mrc`` (Belebele; the passage is replaced by its translation and the model
        writes a letter, as in the released code of BridgeX-ICL), ``mrc_chained`` (Belebele; the passage stays before its
        translation and the likeliest letter counts), ``topic`` (SIB-200), ``translation`` (FLORES), ``nli`` (XNLI), ``math``
        (MGSM) or ``causal`` (XCOPA).
    src, tgt : str
        Language codes.
    folder : str or Path, optional
        Of the task's data set, as for `flores`; by default it comes from the Hugging Face hub. Not for bli.
    limit : int, optional
        Take that many items, drawn at random (data sets are sorted by topic or source), the same ones every time.

    Returns
    -------
    pandas.DataFrame
        src, tgt, item, text (in the source language), and the task's own columns (in the target language).

    Raises
    ------
    InputError
        If there is no such task, its data lack a language or are not found, bli is given a folder, or `limit` is below 1.

    Examples
    --------
    >>> task_items("bli", "sw", "tl", limit=2).columns.tolist()
    ['src', 'tgt', 'item', 'text', 'gold']
    """
    src, tgt = language(src).code, language(tgt).code
    frame = find_task(task).items(src, tgt, folder)
    return limit_items(frame.assign(src=src, tgt=tgt)[["src", "tgt", *frame.columns]], limit)


def limit_items(items: pd.DataFrame, limit: int | None) -> pd.DataFrame:
    """That many items, drawn at random, the same ones every time; all where there are no more, or `limit` is None."""
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}; it must be 1 or more")
    if limit is None or limit >= len(items):
        return items
    return items.sample(limit, random_state=0).sort_index().reset_index(drop=True)


def _word_items(src, tgt, folder):
    refuse_folder(folder)
    return lexicon_items(core_lexicon(src, tgt)).drop(columns=["src", "tgt"])


def refuse_folder(folder: str | Path | None) -> None:
    """The words of bli come from a lexicon, not from the folder of a data set."""
    if folder is not None:
        raise InputError("bli takes no folder: pass a lexicon")


def lexicon_items(lexicon: Lexicon) -> pd.DataFrame:
    """Items of the task bli: src, tgt, item and text (both are the word), gold (its accepted translations)."""
    rows = [(lexicon.src, lexicon.tgt, word, word, gold) for word, gold in lexicon.entries.items()]
    return pd.DataFrame(rows, columns=["src", "tgt", "item", "text", "gold"])


def _joined(read: Callable, text: str) -> Callable:
    """`Task.items` of a parallel data set: column `text` in the source language, all others in the target language."""

    def items(src, tgt, folder):
        frame = read([src, tgt], folder=folder)
        asked = frame[frame.lang == src][["item", text]].rename(columns={text: "text"})
        rest = frame[frame.lang == tgt].drop(columns="lang").rename(columns={text: "translated"})
        return asked.merge(rest, on="item", validate="one_to_one")

    return items


def _sentence_items(src, tgt, folder):
    if src == tgt:
        raise InputError(f"source and target are both {src!r}; a translation needs two languages")
    return _joined(corpora.flores, "text")(src, tgt, folder)


#: SIB-200's categories in every language, in the order of the first line.
TOPICS = {
    "en": "science/technology travel politics sports health entertainment geography",
    "de": "Wissenschaft/Technik Reisen Politik Sport Gesundheit Unterhaltung Geografie",
    "fr": "science/technologie voyages politique sport santé divertissement géographie",
    "it": "scienza/tecnologia viaggi politica sport salute intrattenimento geografia",
    "pt": "ciência/tecnologia viagens política esportes saúde entretenimento geografia",
    "es": "ciencia/tecnología viajes política deportes salud entretenimiento geografía",
    "zh": "科学/技术 旅行 政治 体育 健康 娱乐 地理",
    "ja": "科学/技術 旅行 政治 スポーツ 健康 娯楽 地理",
    "ar": "العلوم/التكنولوجيا السفر السياسة الرياضة الصحة الترفيه الجغرافيا",
    "he": "מדע/טכנולוגיה תיירות פוליטיקה ספורט בריאות בידור גאוגרפיה",
    "id": "sains/teknologi perjalanan politik olahraga kesehatan hiburan geografi",
    "tl": "agham/teknolohiya paglalakbay pulitika palakasan kalusugan libangan heograpiya",
    "fi": "tiede/teknologia matkailu politiikka urheilu terveys viihde maantiede",
    "hu": "tudomány/technológia utazás politika sport egészség szórakozás földrajz",
    "sw": "sayansi/teknolojia usafiri siasa michezo afya burudani jiografia",
}


def flores_name(code: str) -> str:
    """The FLORES-200 code of a language, by which the released prompts of mrc call it; its English name if it has none."""
    return language(code).flores or language(code).name


def _topic_items(src, tgt, folder):
    if tgt not in TOPICS:
        raise InputError(
            f"topic: the topics' names are not translated into {language(tgt).name}; the target is one of {' '.join(TOPICS)}"
        )
    return _joined(corpora.sib200, "text")(src, tgt, folder)


LABELS = ("entailment", "neutral", "contradiction")

TASKS = {
    task.name: task
    for task in (
        Task(
            "bli",
            items=_word_items,
            languages=tuple(LANGUAGES),
            prompt=lambda chain, item, tgt: f"{chain}→{language(tgt).autonym}:",
            gold=lambda item, tgt: item["gold"],
            read=read_answer,
            same=fold,
            shown='"{}"',
            read_text=read_word,
            text_tokens=30,
            released={"read": read_released_word, "read_text": read_released_bridge, "same": fold_released},
        ),
        Task(
            "mrc",
            items=_joined(corpora.belebele, "passage"),
            prompt=lambda text, item, tgt: (
                "Answer the following question based on the passage. Respond with A, B, C, or D.\n"
                f"Passage: {text}\nQuestion: {item['question']}"
            ),
            choices=lambda item, tgt: item["choices"],
            gold=lambda item, tgt: [item["choices"][item["answer"]]],
            read=read_released_letter,
            read_text=read_line,
            text_prompt=lambda src, bridge, text: (
                f"Translate the following text from {flores_name(src)} to {flores_name(bridge)}:\n{text}\nTranslation: "
            ),
            text_shown="{}",
            with_bridge=lambda src, text, bridge, translated: text if translated is None else translated,
            list_choices=lambda choices: (
                "\nChoices:" + "".join(f"\n{letter}: {choice}" for letter, choice in zip(LETTERS, choices, strict=False))
            ),
            scorings=("generation", "letters"),
            released={},
            new_tokens=10,
            text_tokens=512,
        ),
        Task(
            "mrc_chained",
            items=_joined(corpora.belebele, "passage"),
            prompt=lambda chain, item, tgt: f"Passage: {chain}\nQuestion: {item['question']}",
            choices=lambda item, tgt: item["choices"],
            gold=lambda item, tgt: [item["choices"][item["answer"]]],
            text_tokens=512,
        ),
        Task(
            "topic",
            items=_topic_items,
            prompt=lambda chain, item, tgt: f"Text: {chain}\nQuestion: What is the text about?",
            choices=lambda item, tgt: TOPICS[tgt].split(),
            gold=lambda item, tgt: [TOPICS[tgt].split()[TOPICS["en"].split().index(item["category"])]],
        ),
        Task(
            "translation",
            items=_sentence_items,
            prompt=lambda chain, item, tgt: f"{chain}→{language(tgt).autonym}:",
            gold=lambda item, tgt: [item["translated"]],
            read=read_text,
            metric="chrf",
            shown='"{}"',
            new_tokens=256,
        ),
        Task(
            "nli",
            items=_joined(corpora.xnli, "premise"),
            prompt=lambda chain, item, tgt: (
                f"Premise: {chain}\nHypothesis: {item['hypothesis']}\nQuestion: How does the hypothesis relate to the premise?"
            ),
            choices=lambda item, tgt: LABELS,
            gold=lambda item, tgt: [item["label"]],
            languages=corpora.XNLI.languages,
        ),
        Task(
            "math",
            items=_joined(corpora.mgsm, "question"),
            prompt=lambda chain, item, tgt: f"Question: {chain}\nAnswer:",
            gold=lambda item, tgt: [item["answer"]],
            read=read_number,
            same=read_number,
            new_tokens=64,
            languages=corpora.MGSM.languages,
        ),
        Task(
            "causal",
            items=_joined(corpora.xcopa, "premise"),
            prompt=lambda chain, item, tgt: f"Premise: {chain}\nQuestion: What was its {item['question']}?",
            choices=lambda item, tgt: item["choices"],
            gold=lambda item, tgt: [item["choices"][item["answer"]]],
            languages=corpora.XCOPA.languages,
        ),
    )
}
