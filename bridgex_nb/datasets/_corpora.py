"""Parallel sentences and data of tasks: the bundled core sentences, and public data sets from files or the Hugging Face hub.

Every reader of a data set gives one frame with a row a language and item: `lang` (code), `item` (the same for the same item in
every language) and what the item holds. Nothing is downloaded where a folder is given.
"""

import csv
import warnings
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import pandas as pd

from ..exceptions import InputError
from ._languages import language
from ._releases import BELEBELE, FLORES, MGSM, SIB200, XCOPA, XNLI, DataSet, find_file, from_file, from_hub


def core_sentences() -> dict[str, list[str]]:
    """The bundled everyday sentences of the 15 languages.

    Returns
    -------
    dict of str to list of str
        Language code -> sentences; sentence i means the same in every language.

    Examples
    --------
    >>> sentences = core_sentences()
    >>> len({len(texts) for texts in sentences.values()})
    1
    """
    with (files(__package__) / "data" / "core_sentences.tsv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {code: [row[code] for row in rows] for code in rows[0]}


def flores(languages: Sequence[str], folder: str | Path | None = None, split: str = "devtest") -> pd.DataFrame:
    """Sentences of FLORES-200 or FLORES+ (1,012 in devtest), the same in every language.

    Parameters
    ----------
    languages : sequence of str
        Language codes; all 15 are there.
    folder : str or Path, optional
        Where the released files are: the data set's own folder, or one with a folder of it. By default they come from the
        Hugging Face hub, by the package datasets (``pip install datasets``).
    split : {"devtest", "dev"}

    Returns
    -------
    pandas.DataFrame
        lang, item (int), text.

    Raises
    ------
    InputError
        If a language is unknown or not in the data set, or the data are neither in the folder nor to be had from the hub.

    Notes
    -----
    NLLB Team 2022, arXiv 2207.04672; FLORES+ calls zho_Hans cmn_Hans and tgl_Latn fil_Latn.
    """

    def tidy(records):
        return [{"item": i, "text": record["text"]} for i, record in enumerate(records)]

    return _frame(FLORES, languages, folder, split, tidy)


def belebele(languages: Sequence[str], folder: str | Path | None = None) -> pd.DataFrame:
    """Questions of Belebele about passages of FLORES, 900 with four choices each.

    Parameters
    ----------
    languages, folder
        As in `flores`. Files are the released ones, or those with a passage and its ``items`` a line.

    Returns
    -------
    pandas.DataFrame
        lang, item (link and question number), passage, question, choices (list), answer (position of the right one, from 0).

    Raises
    ------
    InputError
        As `flores`.

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
            for number, one in enumerate(record.get("items", []), start=1):
                yield {
                    "item": f"{record['metadata']['extra']['url']} {number}",
                    "passage": record["text"],
                    "question": one["question"],
                    "choices": [choice["text"] for choice in one["answers"]],
                    "answer": [choice["correct"] for choice in one["answers"]].index(True),
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
        As `flores`.

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
        Language codes, of en de fr es zh ar sw.
    folder : str or Path, optional
        As in `flores`. Files are the released ``xnli.test.tsv``, or the 1,000 items that XTransplant (arXiv 2412.12686)
        released inside its prompts.
    split : {"test", "dev"}
        The hub calls dev "validation".

    Returns
    -------
    pandas.DataFrame
        lang, item, premise, hypothesis, label ("entailment", "neutral" or "contradiction"). Items behind the first one that has
        another label in another of these languages are not parallel and left out, with a warning.

    Raises
    ------
    InputError
        As `flores`.

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
        last = int(differ.to_numpy().argmax())
        warnings.warn(
            f"XNLI: item {last} has another label in another language; the {last} items before it are kept", stacklevel=2
        )
        frame = frame[frame.item.isin(differ.index[:last])].reset_index(drop=True)
    return frame


def mgsm(languages: Sequence[str], folder: str | Path | None = None) -> pd.DataFrame:
    """Word problems of MGSM, 250 with a whole number as the answer.

    Parameters
    ----------
    languages : sequence of str
        Language codes, of en de fr es zh ja sw.
    folder
        As in `flores`.

    Returns
    -------
    pandas.DataFrame
        lang, item (int), question, answer (str, as it stands in the data: it may hold a comma).

    Raises
    ------
    InputError
        As `flores`.

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
    """Premises of XCOPA with two choices, one of which is its cause or effect (500 in test).

    Parameters
    ----------
    languages : sequence of str
        Language codes, of it zh id sw.
    folder
        As in `flores`.
    split : {"test", "val"}
        The hub calls val "validation".

    Returns
    -------
    pandas.DataFrame
        lang, item (int), premise, question ("cause" or "effect"), choices (list), answer (position of the right one, from 0).

    Raises
    ------
    InputError
        As `flores`.

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
    """The rows that `tidy` makes of the records of each language, with the language in front."""
    codes = list(dict.fromkeys([languages] if isinstance(languages, str) else languages))
    for code in codes:
        if language(code).code not in data.languages:
            raise InputError(f"{data.title} has no {code}; of the 15 languages it has {' '.join(data.languages)}")
    frames = []
    for code in codes:
        place = data.hub if folder is None else find_file(data, code, Path(folder), split)
        try:
            records = from_hub(data, code, split) if folder is None else from_file(place, code)
            frame = pd.DataFrame(list(tidy(records)))
        except InputError:
            raise
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise InputError(f"{place}: not the form in which {data.title} is released ({error!r})") from error
        frames.append(frame.assign(lang=code))
    frame = pd.concat(frames, ignore_index=True)
    return frame[["lang", *frame.columns.drop("lang")]]
