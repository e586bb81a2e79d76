"""Parallel texts: the layouts of FLORES, NTREX and the UDHR, text files and the hub; what does not fit is refused."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import bridgex_nb as bx
from bridgex_nb.datasets._parallel_texts import ARTICLES, _from_hub
from bridgex_nb.datasets._releases import FLORES_PLUS

CODES = list(bx.LANGUAGES)


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_flores_as_its_own_reader_has_it(shared_data):
    texts = bx.parallel_texts(shared_data / "flores200", CODES)
    assert list(texts) == CODES
    frame = bx.flores(CODES, shared_data)
    for code in CODES:
        assert texts[code] == frame[frame.lang == code].text.tolist()
    assert bx.parallel_texts(shared_data, ["sw", "tl"], limit=7) == {code: texts[code][:7] for code in ("sw", "tl")}
    assert bx.parallel_texts(shared_data / "flores200" / "devtest", ["zh"]) == {"zh": texts["zh"]}


def test_flores_plus_and_dev(tmp_path):
    for name, text in {"cmn_Hans": "太阳很热。", "fil_Latn": "Mainit ang araw."}.items():
        write(tmp_path / "devtest" / f"{name}.jsonl", [json.dumps({"id": 0, "text": text})])
    assert bx.parallel_texts(tmp_path, ["tl", "zh"]) == {"tl": ["Mainit ang araw."], "zh": ["太阳很热。"]}
    write(tmp_path / "dev" / "eng_Latn.dev", ["It is day."])
    write(tmp_path / "dev" / "swh_Latn.dev", ["Ni mchana."])
    assert bx.parallel_texts(tmp_path, ["en", "sw"]) == {"en": ["It is day."], "sw": ["Ni mchana."]}
    write(tmp_path / "devtest" / "fil_Latn.jsonl", ["{}"])
    with pytest.raises(bx.InputError, match=r"fil_Latn\.jsonl: not a JSON object with a field text on each line"):
        bx.parallel_texts(tmp_path, ["tl"])


def test_ntrex(tmp_path):
    """File names as in the released folder NTREX-128, with those of other references and regions beside them."""
    names = (
        "src.eng",
        "ref.eng-GB",
        "ref.swa",
        "ref.fil",
        "ref.zho-CN",
        "ref.zho-TW",
        "ref.arb",
        "ref.por-BR",
        "ref.por",
        "ref.fra-CA",
    )
    for name in (*names, "ref-2.spa"):
        write(tmp_path / "NTREX" / "NTREX-128" / f"newstest2019-{name}.txt", [f"{name} {i}" for i in range(3)])
    write(tmp_path / "NTREX" / "README.txt", ["NTREX"])
    texts = bx.parallel_texts(tmp_path / "NTREX", ["en", "sw", "tl", "zh", "ar", "pt", "fr"], limit=2)
    assert [of_language[1].split()[0] for of_language in texts.values()] == [
        *("src.eng", "ref.swa", "ref.fil", "ref.zho-CN", "ref.arb", "ref.por", "ref.fra-CA")
    ]
    with pytest.raises(bx.InputError, match=r"NTREX-128 has no NTREX of es \(Spanish\), he \(Hebrew\); put it there"):
        bx.parallel_texts(tmp_path, ["en", "es", "he"])


class TestUDHR:
    def test_every_language_has_the_paragraphs_of_the_thirty_articles(self, shared_data):
        texts = bx.parallel_texts(shared_data / "udhr_txt", CODES)
        assert {len(of_language) for of_language in texts.values()} == {sum(ARTICLES)}
        lengths = {code: [len(text) for text in of_language] for code, of_language in texts.items()}
        for code in CODES:  # a shift by one paragraph gives less than 0.3
            assert np.corrcoef(lengths["en"], lengths[code])[0, 1] > 0.9

    def test_against_the_headings_of_the_articles(self, shared_data):
        """Read in another way: the lines between the numbered headings of three languages."""
        texts = bx.parallel_texts(shared_data / "udhr_txt", CODES)
        for code, name, heading in (("en", "eng", r"Article \d+"), ("de", "deu", r"Artikel \d+"), ("ar", "arb", r"المادة \d+")):
            lines = [
                line.strip() for line in (shared_data / "udhr_txt" / f"{name}.txt").read_text(encoding="utf-8").split("\n")
            ]
            headings = [i for i, line in enumerate(lines) if re.fullmatch(heading, line)]
            articles = [
                [line for line in lines[i + 1 : j] if line] for i, j in zip(headings, [*headings[1:], None], strict=True)
            ]
            assert [len(article) for article in articles] == list(ARTICLES)
            assert texts[code] == [line for article in articles for line in article]

    def test_with_the_header_of_unicode(self, shared_data, tmp_path):
        header = [
            "Universal Declaration of Human Rights - English",
            "© 1996 - 2009 The Office of the High Commissioner",
            "---",
            "",
        ]
        for name in ("eng", "spa"):
            body = (shared_data / "udhr_txt" / f"{name}.txt").read_text(encoding="utf-8")
            write(tmp_path / f"udhr_{name}.txt", [*header, body])
        texts = bx.parallel_texts(tmp_path, ["es", "en"])
        assert texts == bx.parallel_texts(shared_data / "udhr_txt", ["es", "en"])
        assert texts["es"][3].startswith("Todo individuo tiene derecho a la vida")

    def test_a_file_that_is_divided_in_another_way(self, shared_data, tmp_path):
        for name in ("eng", "spa"):
            (tmp_path / f"{name}.txt").write_text((shared_data / "udhr_txt" / f"{name}.txt").read_text(encoding="utf-8"))
        write(tmp_path / "deu.txt", ["Alle Menschen sind frei."])
        with pytest.raises(bx.InputError, match=r"deu\.txt: not divided into the paragraphs of the UDHR.*leave de out"):
            bx.parallel_texts(tmp_path, ["en", "de", "es"])


def test_text_files_line_by_line(tmp_path):
    write(tmp_path / "en.txt", ["The sun is hot.", "", "Good night.", "It is day."])
    write(tmp_path / "sw.txt", ["Jua ni kali.", "Maji ni baridi.", "Usiku mwema.", "Ni mchana."])
    assert bx.parallel_texts(tmp_path, ["sw", "en"], limit=2) == {
        "sw": ["Jua ni kali.", "Usiku mwema."],
        "en": ["The sun is hot.", "Good night."],
    }
    write(tmp_path / "tl.txt", ["Mainit ang araw."])
    with pytest.raises(bx.InputError, match="equally many in every language; these are not: en 4, tl 1"):
        bx.parallel_texts(tmp_path, ["en", "tl"])
    write(tmp_path / "he.txt", [""])
    write(tmp_path / "ar.txt", [""])
    with pytest.raises(bx.InputError, match="no text that all of he, ar have"):
        bx.parallel_texts(tmp_path, ["he", "ar"])


def test_a_trailing_empty_text_keeps_its_number(tmp_path):
    (tmp_path / "en.txt").write_text("The sun is hot.\n\n")
    (tmp_path / "sw.txt").write_text("Jua ni kali.\nMaji ni baridi.\n")
    assert bx.parallel_texts(tmp_path, ["sw", "en"]) == {"sw": ["Jua ni kali."], "en": ["The sun is hot."]}


@pytest.mark.parametrize("iso", ["ace", "arb", "bjn", "kas", "knc", "min", "taq"])
def test_two_scripts_of_a_language_are_not_read_from_one_file(iso, tmp_path):
    """A file that names no script is that of the entry whose code names none."""
    table = (Path(bx.__file__).parent / "datasets" / "data" / "languages.tsv").read_text(encoding="utf-8").split("\n")
    rows = [row.split("\t")[:2] for row in table if row.split("\t")[1:] and row.split("\t")[1].startswith(f"{iso}_")]
    (plain,), (scripted,) = ([flores for code, flores in rows if ("_" in code) == suffix] for suffix in (False, True))
    write(tmp_path / f"{iso}.txt", ["one"])
    write(tmp_path / "eng.txt", ["two"])
    assert bx.parallel_texts(tmp_path, [plain, "en"]) == {bx.language(plain).code: ["one"], "en": ["two"]}
    with pytest.raises(bx.InputError, match=f"has no text files of {bx.language(scripted).code} "):
        bx.parallel_texts(tmp_path, [plain, scripted])
    write(tmp_path / f"{scripted}.txt", ["three"])
    assert list(bx.parallel_texts(tmp_path, [plain, scripted]).values()) == [["one"], ["three"]]


def test_flores_plus_goes_by_the_same_names_as_its_reader(tmp_path):
    for i, (old, new) in enumerate(FLORES_PLUS.items()):
        write(tmp_path / old / "devtest" / f"{new}.jsonl", [json.dumps({"id": 0, "text": f"text {i}"})])
        code = bx.language(old).code
        assert bx.parallel_texts(tmp_path / old, [old]) == {code: [f"text {i}"]}
        assert bx.flores([code], tmp_path / old).text.tolist() == [f"text {i}"]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Writes a repository in the format of the hub, which `datasets` reads in the same way, and returns its path."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")

    def make(rows):
        configs = []
        for name, texts in rows.items():
            records = [json.dumps({"id": number, "sentence": text}) for number, text in texts.items()]
            write(tmp_path / "parallel" / "data" / f"{name}.jsonl", records)
            configs.append(f"- config_name: {name}\n  data_files:\n  - split: test\n    path: data/{name}.jsonl")
        write(tmp_path / "parallel" / "README.md", ["---", "configs:", *configs, "---"])
        return str(tmp_path / "parallel")

    return make


def test_from_the_hub(repository):
    """One record is missing."""
    source = repository({"swh_Latn": {2: "Ni mchana.", 1: "Jua ni kali."}, "eng_Latn": {1: "The sun is hot."}})
    assert _from_hub(source, [bx.language("sw"), bx.language("en")]) == {"sw": ["Jua ni kali."], "en": ["The sun is hot."]}
    with pytest.raises(bx.InputError, match="in Tagalog cannot be read from the Hugging Face hub"):
        _from_hub(source, [bx.language("tl")])


def test_records_of_the_hub_with_names(repository):
    source = repository(
        {"swh_Latn": {"t10": "kumi", "t2": "mbili", "t1": "moja"}, "eng_Latn": {"t1": "one", "t2": "two", "t10": "ten"}}
    )
    expected = {"sw": ["moja", "mbili", "kumi"], "en": ["one", "two", "ten"]}
    assert _from_hub(source, [bx.language("sw"), bx.language("en")]) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"languages": "sw"}, r"languages='sw': give a list of language codes"),
        ({"languages": []}, r"languages=\[\]"),
        ({"languages": ["qq"]}, "unknown language 'qq'"),
        ({"limit": 0}, "limit=0: take at least one text"),
        ({"source": "no such folder"}, "neither a folder nor the id of a data set"),
        ({}, r"has no parallel texts of sw, en: put files of FLORES \(swh_Latn.devtest, eng_Latn.devtest\), NTREX"),
    ],
)
def test_what_does_not_fit_is_refused(options, message, tmp_path):
    with pytest.raises(bx.InputError, match=message):
        bx.parallel_texts(**{"source": tmp_path, "languages": ["sw", "en"]} | options)
