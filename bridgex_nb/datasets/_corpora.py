"""Parallel sentences and task data: the bundled core sentences, and public data sets from files or the Hugging Face hub.

Every reader of a data set returns one DataFrame with one row per language and item: `lang` (code), `item` (identifies the same
item in every language) and the fields of the item. If a folder is given, nothing is downloaded.
"""

import csv
import warnings
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import pandas as pd

from ..exceptions import InputError
from ._lexicon import core_codes
from ._releases import BELEBELE, FLORES, MGSM, SIB200, XCOPA, XNLI, DataSet, find_file, from_file, from_hub, require_language


def core_sentences(languages: Sequence[str] | None = None) -> dict[str, list[str]]:
    """The bundled everyday sentences of the 15 languages of the study.

    Parameters
    ----------
    languages : sequence of str, optional
        Language codes; all 15 by default.

    Returns
    -------
    dict of str to list of str
        Language code -> sentences; sentence i means the same in every language.

    Raises
    ------
    InputError
        If a language is unknown or not one of the 15.

    Examples
    --------
    >>> sentences = core_sentences()
    >>> len({len(texts) for texts in sentences.values()})
    1
    """
    with (files(__package__) / "data" / "core_sentences.tsv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {code: [row[code] for row in rows] for code in core_codes(languages, "the core sentences have")}


def flores(languages: Sequence[str], folder: str | Path | None = None, split: str = "devtest") -> pd.DataFrame:
    """Sentences of FLORES-200 or FLORES+ (1,012 in devtest), the same in every language.

    Parameters
    ----------
    languages : sequence of str
        Language codes; those of FLORES-200 are available.
    folder : str or Path, optional
        Folder of the released files: the data set's own, or one that contains it. By default they are read from the Hugging
        Face hub by the package datasets (``pip install datasets``).
    split : {"devtest", "dev"}

    Returns
    -------
    pandas.DataFrame
        lang, item (int), text.

    Raises
    ------
    InputError
        If a language is unknown or not in the data set, or the data are not in the folder or not available from the hub.

    Notes
    -----
    NLLB Team 2022, arXiv 2207.04672; FLORES+ renamed some languages (zho_Hans cmn_Hans, tgl_Latn fil_Latn);
    both names are found.
    """

    def tidy(records):
        return [{"item": i, "text": record["text"]} for i, record in enumerate(records)]

    return _frame(FLORES, languages, folder, split, tidy)


def belebele(languages: Sequence[str], folder: str | Path | None = None) -> pd.DataFrame:
    """Questions of Belebele about passages of FLORES: 900, with four choices each.

    Parameters
    ----------
    languages, folder
        As in `flores`. The files are the released ones, or have one passage with its ``items`` per line.

    Returns
    -------
    pandas.DataFrame
        lang, item (link and question number), passage, question, choices (list), answer (index of the correct choice, from 0).

    Raises
    ------
    InputError
        As in `flores`.

    Notes
    -----
    Bandarkar et al. 2024, arXiv 2308.16884.
    """

    def tidy(records):
        for record in records:
            if "items" not in record:
                yield {
                    "item": f"{record['link']} {record['question_number']}",
                    "passage": record["flores_passage"],
                    "question": record["question"],
                    "choices": [record[f"mc_answer{i}"] for i in (1, 2, 3, 4)],
                    "answer": int(record["correct_answer_num"]) - 1,
                }
            for number, question in enumerate(record.get("items", []), start=1):
                yield {
                    "item": f"{record['metadata']['extra']['url']} {number}",
                    "passage": record["text"],
                    "question": question["question"],
                    "choices": [choice["text"] for choice in question["answers"]],
                    "answer": [choice["correct"] for choice in question["answers"]].index(True),
                }

    return _frame(BELEBELE, languages, folder, "test", tidy)


def sib200(languages: Sequence[str], folder: str | Path | None = None, split: str = "test") -> pd.DataFrame:
    """Sentences of SIB-200, each about one of seven topics (204 in test).

    Parameters
    ----------
    languages, folder
        As in `flores`.
    split : {"test", "dev", "train"}
        The hub calls dev "validation".

    Returns
    -------
    pandas.DataFrame
        lang, item (its index_id), text, category (in English).

    Raises
    ------
    InputError
        As in `flores`.

    Notes
    -----
    Adelani et al. 2024, arXiv 2309.07445.
    """

    def tidy(records):
        return [{"item": int(record["index_id"]), "text": record["text"], "category": record["category"]} for record in records]

    return _frame(SIB200, languages, folder, split, tidy)


def xnli(languages: Sequence[str], folder: str | Path | None = None, split: str = "test") -> pd.DataFrame:
    """Premises and hypotheses of XNLI (5,010 in test).

    Parameters
    ----------
    languages : sequence of str
        Language codes: en, de, fr, es, zh, ar, sw, bg, el, hi, ru, th, tr, ur, vi.
    folder : str or Path, optional
        As in `flores`. The file is the released ``xnli.test.tsv``, or holds the 1,000 items that XTransplant (arXiv 2412.12686)
        released as part of its prompts.
    split : {"test", "dev"}
        The hub calls dev "validation".

    Returns
    -------
    pandas.DataFrame
        lang, item, premise, hypothesis, label ("entailment", "neutral" or "contradiction"). From the first item whose label
        differs between the languages on, items are not parallel and are left out with a warning.

    Raises
    ------
    InputError
        As in `flores`.

    Notes
    -----
    Conneau et al. 2018, arXiv 1809.05053.
    """
    labels = ("entailment", "neutral", "contradiction")

    def tidy(records):
        for i, record in enumerate(records):
            if "pairID" in record:
                item, premise, hypothesis, label = (record[key] for key in ("pairID", "sentence1", "sentence2", "gold_label"))
            else:
                item, premise, hypothesis, label = i, record["premise"], record["hypothesis"], labels[record["label"]]
            yield {"item": item, "premise": premise, "hypothesis": hypothesis, "label": label}

    frame = _frame(XNLI, languages, folder, split, tidy)
    differ = frame.groupby("item", sort=False).label.nunique() > 1
    if differ.any():
        kept = int(differ.to_numpy().argmax())
        warnings.warn(
            f"XNLI: the label of item {kept} differs between the languages; the {kept} items before it are kept", stacklevel=2
        )
        frame = frame[frame.item.isin(differ.index[:kept])].reset_index(drop=True)
    return frame


def mgsm(languages: Sequence[str], folder: str | Path | None = None) -> pd.DataFrame:
    """Math word problems of MGSM: 250, whose answers are whole numbers.

    Parameters
    ----------
    languages : sequence of str
        Language codes: en, de, fr, es, zh, ja, sw, bn, ru, te, th.
    folder
        As in `flores`.

    Returns
    -------
    pandas.DataFrame
        lang, item (int), question, answer (str, as in the data: it may contain a comma).

    Raises
    ------
    InputError
        As in `flores`.

    Notes
    -----
    Shi et al. 2022, arXiv 2210.03057.
    """

    def tidy(records):
        for i, record in enumerate(records):
            answer = record.get("answer_number", record["answer"])
            yield {"item": i, "question": record["question"], "answer": str(answer)}

    return _frame(MGSM, languages, folder, "test", tidy)


def xcopa(languages: Sequence[str], folder: str | Path | None = None, split: str = "test") -> pd.DataFrame:
    """Premises of XCOPA, each with two choices, one of which is its cause or effect (500 in test).

    Parameters
    ----------
    languages : sequence of str
        Language codes: it, zh, id, sw, et, ht, qu, ta, th, tr, vi.
    folder
        As in `flores`.
    split : {"test", "val"}
        The hub calls val "validation".

    Returns
    -------
    pandas.DataFrame
        lang, item (int), premise, question ("cause" or "effect"), choices (list), answer (index of the correct choice, from 0).

    Raises
    ------
    InputError
        As in `flores`.

    Notes
    -----
    Ponti et al. 2020, arXiv 2005.00333.
    """

    def tidy(records):
        for record in records:
            yield {
                "item": int(record["idx"]),
                "premise": record["premise"],
                "question": record["question"],
                "choices": [record["choice1"], record["choice2"]],
                "answer": int(record["label"]),
            }

    return _frame(XCOPA, languages, folder, split, tidy)


def _frame(data: DataSet, languages: Sequence[str], folder, split: str, tidy: Callable) -> pd.DataFrame:
    """One row per language and record, made by `tidy` from the records of a language, with the language as first column."""
    given = [languages] if isinstance(languages, str) else languages
    codes = list(dict.fromkeys(require_language(data, code) for code in given))
    frames = []
    for code in codes:
        source = data.hub if folder is None else find_file(data, code, Path(folder), split)
        try:
            records = from_hub(data, code, split) if folder is None else from_file(source, code)
            frame = pd.DataFrame(list(tidy(records)))
        except InputError:
            raise
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise InputError(f"{source}: not in the format in which {data.title} is released ({error!r})") from error
        frames.append(frame.assign(lang=code))
    frame = pd.concat(frames, ignore_index=True)
    return frame[["lang", *frame.columns.drop("lang")]]
