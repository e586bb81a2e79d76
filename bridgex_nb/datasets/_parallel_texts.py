"""`parallel_texts`: aligned texts of many languages, from files of FLORES, NTREX or the UDHR, or from the hub."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ..exceptions import InputError
from ._languages import Language, iso_names, language
from ._releases import FLORES, FLORES_PLUS, SIB200, from_hub

#: Layout -> what the path of a language's file looks like, seen from the folder. The first that has all languages is read.
LAYOUTS = {
    "FLORES devtest": re.compile(r"(?:.*/)?(?P<name>[^/]+)\.devtest|(?:.*/)?devtest/(?P<other>[^/]+)\.jsonl"),
    "FLORES dev": re.compile(r"(?:.*/)?(?P<name>[^/]+)\.dev|(?:.*/)?dev/(?P<other>[^/]+)\.jsonl"),
    "NTREX": re.compile(r"(?:.*/)?newstest2019-(?:src|ref)\.(?P<name>[^/]+)\.txt"),
    "text files": re.compile(r"(?:.*/)?(?:udhr_)?(?P<name>[^/]+)\.txt"),
}

#: FLORES-200 code -> names that NTREX and the UDHR have for the language.
RENAMED = {
    "als_Latn": ("sqi",),
    "azj_Latn": ("aze", "aze_Latn"),
    "est_Latn": ("ekk",),
    "gaz_Latn": ("orm",),
    "khk_Cyrl": ("mon",),
    "lvs_Latn": ("lav",),
    "npi_Deva": ("nep",),
    "pbt_Arab": ("pus",),
    "pes_Arab": ("fas",),
    "plt_Latn": ("mlg",),
    "swh_Latn": ("swa",),
    "tgl_Latn": ("fil",),
    "uzn_Latn": ("uzb",),
    "ydd_Hebr": ("yid",),
    "zho_Hans": ("zho_CN", "cmn"),
    "zho_Hant": ("zho_TW",),
    "zsm_Latn": ("msa",),
}

#: Paragraphs of each of the 30 articles of the Universal Declaration of Human Rights.
ARTICLES = (1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 2, 2, 2, 3, 2, 1, 1, 2, 3, 1, 4, 1, 2, 3, 2, 1, 3, 1)


def parallel_texts(source: str | Path, languages: Sequence[str], limit: int | None = None) -> dict[str, list[str]]:
    """Texts that say the same in every language, for `count_active`, `probe` and the measures of alignment.

    Parameters
    ----------
    source : str or Path
        A folder, or the id of a data set on the Hugging Face hub (``pip install datasets``). In the folder, or up to two levels
        below it, are the files of

        - FLORES-200 or FLORES+: ``devtest/swh_Latn.devtest`` or ``devtest/swh_Latn.jsonl``, 1,012 sentences; if there is no
          devtest, dev, 997 sentences;
        - NTREX-128: ``newstest2019-ref.swa.txt`` and ``newstest2019-src.eng.txt``, 1,997 sentences;
        - the Universal Declaration of Human Rights in Unicode or in NLTK: ``udhr_swh.txt`` or ``swh.txt``, the 50
          paragraphs of its articles (the preamble is not divided alike in all languages);
        - any other ``swh.txt`` or ``sw.txt`` in which line i says the same in every language.

        Of a language in two scripts, a file whose name says no script is that of the code that names none: ``kas.txt`` is in
        ``ks``, and ``kas_Deva.txt`` in ``ks_Deva``.

        On the hub: openlanguagedata/flores_plus, facebook/flores, Davlan/sib200, or another data set that has one configuration
        for each language, named by its FLORES code, with a column ``text`` or ``sentence``.
    languages : sequence of str
        Language codes.
    limit : int, optional
        Keep the first `limit` texts. By default, all.

    Returns
    -------
    dict of str to list of str
        Language code -> texts; text i means the same in every language. Texts that are empty in one of the languages are left
        out in all.

    Raises
    ------
    InputError
        If a language is unknown or not in the source, the texts of two languages differ in number, a file beside those of the
        UDHR is divided in another way, the source is neither a folder nor the id of a data set that can be read, or `limit` is
        less than 1.

    Notes
    -----
    FLORES-200: NLLB Team 2022, arXiv 2207.04672. NTREX-128: Federmann, Kocmi and Xin 2022, SUMEval. UDHR: the plain text of the
    project "UDHR in Unicode". How many texts language neurons need depends on the model: `top_neurons` warns of too few.

    Examples
    --------
    >>> folder = Path("texts")
    >>> folder.mkdir()
    >>> _ = (folder / "eng_Latn.devtest").write_text("The sun is hot.\\nThe water is cold.\\n")
    >>> _ = (folder / "swh_Latn.devtest").write_text("Jua ni kali.\\nMaji ni baridi.\\n")
    >>> parallel_texts(folder, ["sw", "en"], limit=1)
    {'sw': ['Jua ni kali.'], 'en': ['The sun is hot.']}
    """
    if isinstance(languages, str) or not languages:
        raise InputError(f"languages={languages!r}: give a list of language codes, such as ['sw', 'tl']")
    if limit is not None and limit < 1:
        raise InputError(f"limit={limit}: take at least one text of each language, or None for all")
    entries = list({entry.code: entry for entry in map(language, languages)}.values())
    if Path(source).is_dir():
        texts = _from_folder(Path(source), entries)
    elif re.fullmatch(r"[\w.-]+/[\w.-]+", str(source)):
        texts = _from_hub(str(source), entries)
    else:
        raise InputError(f"{source}: neither a folder nor the id of a data set on the Hugging Face hub (owner/name)")
    counts = {code: len(of_language) for code, of_language in texts.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{code} {count:,}" for code, count in counts.items())
        raise InputError(f"{source}: parallel texts are equally many in every language; these are not: {listed}")
    kept = [row for row in zip(*texts.values(), strict=True) if all(row)][:limit]
    if not kept:
        raise InputError(f"{source}: no text that all of {', '.join(texts)} have")
    return dict(zip(texts, map(list, zip(*kept, strict=True)), strict=True))


def _names(entry: Language) -> list[str]:
    """What the file of a language may be called, best first, in lower case and with hyphens."""
    flores = entry.flores or entry.code
    names = [entry.code, flores, FLORES_PLUS.get(flores, flores), *RENAMED.get(flores, ())]
    iso = flores.split("_")[0]
    if iso_names().get(iso, flores) == flores:
        names.append(iso)
    return [name.lower().replace("_", "-") for name in names]


def _pick(entry: Language, files: dict[str, Path]) -> Path | None:
    """The file of a language among those of one folder, name -> path; one with a region or year if there is no other."""
    names = _names(entry)
    for name in names:
        if name in files:
            return files[name]
    regional = re.compile(f"(?:{'|'.join(map(re.escape, names))})-(?:[a-z]{{2}}|[0-9]{{4}})")
    return next((files[name] for name in sorted(files) if regional.fullmatch(name)), None)


def _from_folder(folder: Path, entries: list[Language]) -> dict[str, list[str]]:
    """Texts of the first group of files, of one layout in one folder, that has all languages; line by line."""
    paths = [path for depth in ("*", "*/*", "*/*/*") for path in sorted(folder.glob(depth)) if path.is_file()]
    groups: dict[tuple[str, Path], dict[str, Path]] = {}
    for layout, pattern in LAYOUTS.items():
        for path in paths:
            match = pattern.fullmatch(path.relative_to(folder.parent).as_posix())
            if match and not (layout == "text files" and LAYOUTS["NTREX"].fullmatch(path.name)):
                name = next(filter(None, match.groups())).lower().replace("_", "-")
                groups.setdefault((layout, path.parent), {}).setdefault(name, path)
    found = {group: [_pick(entry, files) for entry in entries] for group, files in groups.items()}
    if not any(any(picked) for picked in found.values()):
        names = ", ".join(f"{entry.flores or entry.code}.devtest" for entry in entries[:2])
        raise InputError(
            f"{folder} has no parallel texts of {', '.join(entry.code for entry in entries)}: put files of FLORES ({names}), "
            "NTREX (newstest2019-ref.swa.txt), the UDHR (udhr_swh.txt) or line-aligned texts (sw.txt) there"
        )
    group = max(found, key=lambda candidate: sum(path is not None for path in found[candidate]))
    missing = [entry for entry, path in zip(entries, found[group], strict=True) if path is None]
    if missing:
        listed = ", ".join(f"{entry.code} ({entry.name})" for entry in missing)
        raise InputError(f"{group[1]} has no {group[0]} of {listed}; put it there, or leave the language out")
    chosen = {entry.code: path for entry, path in zip(entries, found[group], strict=True) if path}
    if group[0] == "text files":
        articles = {code: _articles(path) for code, path in chosen.items()}
        if odd := [code for code, paragraphs in articles.items() if not paragraphs]:
            if len(odd) < len(articles):
                raise InputError(
                    f"{chosen[odd[0]]}: not divided into the paragraphs of the UDHR, as others there are; leave {odd[0]} out"
                )
        else:
            return {code: paragraphs for code, paragraphs in articles.items() if paragraphs}
    return {code: _lines(path) for code, path in chosen.items()}


def _lines(path: Path) -> list[str]:
    """Text i of a file, one a line; an empty line is a text, too, because the others keep their numbers."""
    lines = path.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
    if path.suffix != ".jsonl":
        return [line.strip() for line in lines]
    try:
        return [json.loads(line)["text"].strip() for line in lines if line.strip()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a JSON object with a field text on each line ({error!r})") from error


def _articles(path: Path) -> list[str] | None:
    """The paragraphs of the 30 articles of a UDHR file; None if it is not one.

    An article with one or two unnumbered paragraphs is one block of lines under its heading; with numbered paragraphs, each
    is a block of its own. Before Article 1, translations differ in their lines.
    """
    text = path.read_text(encoding="utf-8-sig")
    blocks = [[line.strip() for line in block.split("\n")] for block in re.split(r"\n(?:\s*\n)+", text.strip())]
    paragraphs, at = [], len(blocks)
    for number, count in reversed(list(enumerate(ARTICLES, start=1))):
        sizes = [count + 1] if count == 1 or number == 2 else [1] * (count + 1)
        at -= len(sizes)
        if at < 1 or [len(block) for block in blocks[at : at + len(sizes)]] != sizes:
            return None
        lines = [line for block in blocks[at : at + len(sizes)] for line in block]
        paragraphs[:0] = lines[1:]
    return paragraphs


def _from_hub(hub: str, entries: Iterable[Language]) -> dict[str, list[str]]:
    """Texts of a data set on the hub, by number where its records have one, so that no shift goes unseen."""
    known = next((data for data in (FLORES, SIB200) if data.hub == hub), None)
    data = known or replace(
        FLORES,
        title=hub,
        hub=hub,
        url=f"https://huggingface.co/datasets/{hub}",
        codes=lambda code: [language(code).flores or code],
    )
    texts = {}
    for entry in entries:
        records = _first_split(data, entry.code, ("test",) if data is SIB200 else ("devtest", "test"))
        field = next((field for field in ("text", "sentence") if records and field in records[0]), None)
        if field is None:
            columns = ", ".join(records[0]) if records else "none"
            raise InputError(f"{hub}: no column text or sentence in {entry.name}; its columns are: {columns}")
        number = next((key for key in ("index_id", "id") if key in records[0]), None)
        numbers = [i if number is None else record[number] for i, record in enumerate(records)]
        texts[entry.code] = dict(zip(numbers, (str(record[field]).strip() for record in records), strict=True))
    shared = set.intersection(*(set(of_language) for of_language in texts.values()))
    # By their numbers, also where those are text; other names of records have an order, too.
    order = sorted(shared, key=lambda number: (len(str(number)), str(number)))
    return {code: [of_language[number] for number in order] for code, of_language in texts.items()}


def _first_split(data, code: str, splits: Sequence[str]) -> list[dict]:
    """Records of the first split that a data set has; if it has none, what was wrong with the first."""
    failed = None
    for split in splits:
        try:
            return from_hub(data, code, split)
        except InputError as error:
            failed = failed or error
    raise failed or InputError(f"{data.title} has no split")
