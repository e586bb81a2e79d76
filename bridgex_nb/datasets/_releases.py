"""Where public data sets are found, as released files or on the Hugging Face hub, and how their records are read."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..exceptions import InputError
from ._languages import language


@dataclass(frozen=True)
class DataSet:
    """Where a public data set is found.

    Attributes
    ----------
    title, url : str
        Its name, and where its files are released.
    stem : str
        Beginning of its folder's name, in lower case.
    files : tuple of str
        Possible paths of a language's file in that folder, with ``{code}`` and ``{split}``.
    hub : str
        Its id on the Hugging Face hub.
    languages : tuple of str, optional
        Codes of the languages that it has; None: it goes by FLORES-200 codes, and which of them it has is seen from its files.
    codes : callable
        Language code -> the data set's names for it; the last one is the hub's.
    revision : str, optional
        Revision on the hub.
    """

    title: str
    stem: str
    url: str
    files: tuple[str, ...]
    hub: str
    languages: tuple[str, ...] | None = None
    codes: Callable[[str], Sequence[str]] = lambda code: [code]
    revision: str | None = None


#: FLORES-200 code -> that of FLORES+, where it is another one.
FLORES_PLUS = {
    "ajp_Arab": "apc_Arab_sout3123",
    "aka_Latn": "twi_Latn_akua1239",
    "apc_Arab": "apc_Arab_nort3139",
    "est_Latn": "ekk_Latn",
    "grn_Latn": "gug_Latn",
    "kon_Latn": "ktu_Latn",
    "tgl_Latn": "fil_Latn",
    "twi_Latn": "twi_Latn_asan1239",
    "tzm_Tfng": "zgh_Tfng",
    "zho_Hans": "cmn_Hans",
    "zho_Hant": "cmn_Hant",
}


def _flores_code(code: str) -> list[str]:
    return [str(language(code).flores)]


def _flores_codes(code: str) -> list[str]:
    name = str(language(code).flores)
    return [name, FLORES_PLUS.get(name, name)]


FLORES = DataSet(
    "FLORES",
    "flores",
    "https://github.com/openlanguagedata/flores",
    ("{split}/{code}.{split}", "{split}/{code}.jsonl"),
    "openlanguagedata/flores_plus",
    codes=_flores_codes,
)
BELEBELE = DataSet(
    "Belebele",
    "belebele",
    "https://github.com/facebookresearch/belebele",
    ("{code}.jsonl", "data/{code}.jsonl"),
    "facebook/belebele",
    codes=_flores_code,
)
SIB200 = DataSet(
    "SIB-200",
    "sib",
    "https://github.com/dadelani/sib-200",
    ("{code}/{split}.tsv", "data/annotated/{code}/{split}.tsv"),
    "Davlan/sib200",
    codes=_flores_code,
)
XNLI = DataSet(
    "XNLI",
    "xnli",
    "https://github.com/facebookresearch/XNLI",
    ("xnli.{split}.tsv", "XNLI_unseen/split/{code}.json"),
    "facebook/xnli",
    languages=("en", "de", "fr", "es", "zh", "ar", "sw", "bg", "el", "hi", "ru", "th", "tr", "ur", "vi"),
)
MGSM = DataSet(
    "MGSM",
    "mgsm",
    "https://github.com/google-research/url-nlp",
    ("mgsm_{code}.tsv",),
    "juletxara/mgsm",
    languages=("en", "de", "fr", "es", "zh", "ja", "sw", "bn", "ru", "te", "th"),
    revision="refs/convert/parquet",  # the main branch holds a script, which `datasets` no longer runs
)
XCOPA = DataSet(
    "XCOPA",
    "xcopa",
    "https://github.com/cambridgeltl/xcopa",
    ("data/{code}/{split}.{code}.jsonl", "{code}/{split}.{code}.jsonl"),
    "cambridgeltl/xcopa",
    languages=("it", "zh", "id", "sw", "et", "ht", "qu", "ta", "th", "tr", "vi"),
)


def require_language(data: DataSet, code: str) -> str:
    """The code of a language, which the data set must have.

    Raises
    ------
    InputError
        If it is unknown, or the data set does not have it.
    """
    known = language(code)
    if data.languages is None:
        if known.flores is None:
            raise InputError(f"{data.title} goes by FLORES-200 codes: add_language({known.code!r}, …, flores=) gives it one")
    elif known.code not in data.languages:
        raise InputError(f"{data.title} has no {code}; available: {' '.join(data.languages)}")
    return known.code


def find_file(data: DataSet, code: str, folder: Path, split: str) -> Path:
    """The released file of a language, in the data set's own folder or one that contains it.

    Raises
    ------
    InputError
        If there is none; the message names the file and the two ways to get the data.
    """
    roots = [folder, *sorted(child for child in folder.glob("*/") if child.name.lower().startswith(data.stem))]
    names = [file.format(code=name, split=split) for file in data.files for name in data.codes(code)]
    for path in (root / name for root in roots for name in names):
        if path.is_file():
            return path
    raise InputError(
        f"{folder} has no {data.title} ({split}) in {language(code).name}: put {names[0]} of {data.url} there, or give no "
        "folder to read it from the Hugging Face hub (pip install datasets)"
    )


@lru_cache(maxsize=64)  # a language is part of many pairs
def from_hub(data: DataSet, code: str, split: str) -> list[dict]:
    """Records of a language from the Hugging Face hub, read by the package datasets.

    Raises
    ------
    InputError
        If they cannot be read; the message says why and names the two ways to get the data.
    """
    if split == "val" or (split == "dev" and data.title != "FLORES"):  # only FLORES+ keeps the name dev on the hub
        split = "validation"
    try:
        from datasets import load_dataset  # optional, and slow to import

        return load_dataset(data.hub, data.codes(code)[-1], split=split, revision=data.revision).to_list()
    except Exception as error:  # no package, no network, no access to a gated data set: the ways out are the same
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{data.title} ({split}) in {language(code).name} cannot be read from the Hugging Face hub, {data.hub} ({reason}): "
            f"either make that work (pip install datasets), or get the files from {data.url} and give their folder"
        ) from error


def from_file(path: Path, code: str) -> list[dict]:
    """Records of a released file, with the field names of the hub."""
    text = path.read_text(encoding="utf-8-sig")
    lines = [line for line in text.split("\n") if line.strip()]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in lines]
    if path.suffix == ".json":  # XTransplant's prompts: instruction, premise and hypothesis, choices, start of the answer
        answers = _json_strings((path.parents[1] / "ans" / path.name).read_text(encoding="utf-8"))
        parts = [prompt.split("\n\n")[1].replace("：", ":").split("\n") for prompt in _json_strings(text)]
        bodies = [[line.split(":", 1)[1].strip() for line in part] for part in parts]
        return [
            {"premise": premise, "hypothesis": hypothesis, "label": int(answer) - 1}
            for (premise, hypothesis), answer in zip(bodies, answers, strict=True)
        ]
    if path.suffix != ".tsv":
        return [{"text": line.strip()} for line in lines]
    rows = [line.rstrip("\r").split("\t") for line in lines]
    if path.name.startswith("mgsm"):
        return [{"question": question, "answer": answer} for question, answer in rows]
    records = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    return [record for record in records if record.get("language", code) == code]


def _json_strings(text: str) -> Iterator[str]:
    """JSON values that follow each other in one file."""
    decoder, end, text = json.JSONDecoder(), 0, text.strip()
    while end < len(text):
        value, end = decoder.raw_decode(text, re.compile(r"\s*").match(text, end).end())
        yield value
