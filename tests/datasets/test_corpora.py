"""The core sentences, and the readers of public data sets."""

import dataclasses
import json
import re
import unicodedata

import pytest

import bridgex_nb as bx
from bridgex_nb.datasets import _corpora as corpora
from bridgex_nb.datasets._lexicon import core_table

CODES = list(bx.LANGUAGES)

# Function words, which a lexicon of concepts does not contain.
FUNCTION_WORDS = """
    a all an and are as at be because before but by can cannot did do does every for from had has have he her his how i in is
    it its me my near never next no nobody not of on or our out over please she so than that the their there these they this
    to too under very was we were what when where which who why will with without you your
"""


def stems(token):
    """The token, and the token without each English ending that it has."""
    yield token
    for ending in ("'s", "s", "es", "d", "ed", "ing", "er", "est"):
        if token.endswith(ending):
            yield token.removesuffix(ending)


def test_every_language_has_the_same_number_of_sentences():
    texts = bx.core_sentences()
    assert list(texts) == CODES
    assert len({len(sentences) for sentences in texts.values()}) == 1
    assert len(texts["en"]) >= 100


@pytest.mark.parametrize("code", CODES)
class TestLanguage:
    def test_no_sentence_is_empty_or_padded(self, code):
        assert [text for text in bx.core_sentences()[code] if not text or text != " ".join(text.split())] == []

    def test_no_sentence_is_repeated(self, code):
        assert len(set(bx.core_sentences()[code])) == len(bx.core_sentences()[code])

    def test_sentences_are_in_composed_form(self, code):
        assert [text for text in bx.core_sentences()[code] if not unicodedata.is_normalized("NFC", text)] == []

    def test_sentences_are_in_the_script_of_the_language(self, code, in_script):
        assert [text for text in bx.core_sentences()[code] if not in_script(text, code)] == []

    def test_the_same_sentences_are_questions_as_in_english(self, code):
        # If rows were misaligned, a statement would be paired with a question sooner or later.
        texts = bx.core_sentences()
        endings = ("?", "？", "؟", "か。")  # a Japanese question may end in か and a full stop
        english, translated = ([text.endswith(endings) for text in texts[name]] for name in ("en", code))
        assert english == translated


def test_sentences_use_mostly_words_of_the_lexicon():
    # Measured: 75 %. The rest includes irregular forms (bought, feet, children), so the bound leaves room for a few more.
    known = {form for row in core_table() for form in row["en"].split("|")}
    tokens = [token for text in bx.core_sentences()["en"] for token in re.findall("[a-z']+", text.lower())]
    content = [token for token in tokens if token not in FUNCTION_WORDS.split()]
    covered = sum(any(stem in known for stem in stems(token)) for token in content) / len(content)
    assert len(content) > 400
    assert covered >= 0.70
    print(f"{covered:.1%} of {len(content)} content words are in the lexicon")


READERS = {
    bx.flores: (CODES, 1012),
    bx.belebele: (["en", "de"], 900),
    bx.sib200: (CODES, 204),
    bx.xnli: (["en", "fr", "es", "zh", "ar", "sw"], 1000),
    bx.mgsm: (["en", "de", "fr", "es", "zh", "ja", "sw"], 250),
    bx.xcopa: (["it", "zh", "id", "sw"], 500),
}


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
class TestPublicData:
    def test_the_same_items_in_every_language(self, read, shared_data):
        codes, count = READERS[read]
        frame = read(codes, shared_data)
        assert frame.columns[:2].tolist() == ["lang", "item"]
        items = [language_items.tolist() for _, language_items in frame.groupby("lang").item]
        assert len(items) == len(codes)
        assert all(language_items == items[0] and len(set(language_items)) == count for language_items in items)
        texts = frame.select_dtypes("str").drop(columns="item", errors="ignore")
        assert (texts.apply(lambda column: column.str.strip().str.len()) > 0).all(axis=None)

    def test_the_answer_is_the_same_in_every_language(self, read, shared_data):
        frame = read(READERS[read][0], shared_data)
        for column in {"answer", "label", "category"} & set(frame.columns):
            assert (frame.groupby("item")[column].nunique() == 1).all()

    def test_the_folder_may_be_that_of_the_data_set(self, read, shared_data):
        folder = next(shared_data.glob(f"{read.__name__[:4]}*"))
        code = "de" if read is bx.belebele else "sw"
        assert read([code], folder).equals(read([code], shared_data))


def test_flores_is_in_the_script_of_the_language(shared_data, in_script):
    frame = bx.flores(CODES, shared_data)
    for code, texts in frame.groupby("lang").text:
        letters = [char for text in texts for char in text if char.isalpha()]
        assert sum(in_script(char, code) for char in letters) / len(letters) > 0.9


def test_sib200_agrees_with_flores(shared_data):
    """SIB-200 labels sentences of FLORES-200; about a fifth of them are in devtest."""
    sentences = set(bx.flores(["fi"], shared_data).text)
    topics = bx.sib200(["fi"], shared_data)
    assert 20 < topics.text.isin(sentences).sum() < 204
    assert topics.category.nunique() == 7


def test_german_xnli_is_cut_where_it_stops_being_parallel(shared_data):
    with pytest.warns(UserWarning, match="the label of item 210 differs"):
        frame = bx.xnli(["en", "de"], shared_data)
    assert len(frame) == 2 * 210
    assert frame[frame.lang == "de"].iloc[209].hypothesis == "Amerikanische Händler sind gerade erfolgreich."


def test_formats_of_released_files(tmp_path):
    """Formats that the reference data do not include, with the first fields of their documentation."""
    belebele = {"link": "https://x", "question_number": 2, "flores_passage": "Jua ni kali.", "question": "Nini?"}
    choices = {f"mc_answer{i}": text for i, text in enumerate("abcd", start=1)}
    write(
        tmp_path / "Belebele" / "swh_Latn.jsonl",
        json.dumps(belebele | choices | {"correct_answer_num": "3", "dialect": "swh_Latn"}),
    )
    assert bx.belebele("sw", tmp_path).to_dict("records") == [
        {
            "lang": "sw",
            "item": "https://x 2",
            "passage": "Jua ni kali.",
            "question": "Nini?",
            "choices": ["a", "b", "c", "d"],
            "answer": 2,
        }
    ]
    write(tmp_path / "flores_plus" / "devtest" / "fil_Latn.jsonl", json.dumps({"id": 0, "text": "Mainit ang araw."}))
    assert bx.flores(["tl"], tmp_path).text.tolist() == ["Mainit ang araw."]
    names = ["language", "gold_label", "sentence1", "sentence2", "pairID"]
    rows = [["en", "neutral", "The sun is hot.", "It is day.", "7"], ["sw", "neutral", "Jua ni kali.", "Ni mchana.", "7"]]
    write(tmp_path / "XNLI-1.0" / "xnli.test.tsv", "\n".join("\t".join(row) for row in [names, *rows]))
    frame = bx.xnli(["en", "sw"], tmp_path)
    assert frame.item.tolist() == ["7", "7"]
    assert frame.hypothesis.tolist() == ["It is day.", "Ni mchana."]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def test_reading_from_the_hub(tmp_path, monkeypatch):
    """A local repository in the format of the hub, which `datasets` reads in the same way."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    repository = tmp_path / "sib200"
    write(
        repository / "README.md",
        "---\nconfigs:\n- config_name: swh_Latn\n  data_files:\n  - split: validation\n    path: data/swh_Latn/dev.tsv\n---",
    )
    write(repository / "data" / "swh_Latn" / "dev.tsv", "index_id\tcategory\ttext\n7\thealth\tDawa ni chungu.")
    monkeypatch.setattr(corpora, "SIB200", dataclasses.replace(corpora.SIB200, hub=str(repository)))
    assert bx.sib200(["sw"], split="dev").to_dict("records") == [
        {"lang": "sw", "item": 7, "text": "Dawa ni chungu.", "category": "health"}
    ]
    with pytest.raises(bx.InputError, match=r"SIB-200 \(test\) in Swahili cannot be read from the Hugging Face hub"):
        bx.sib200(["sw"])


@pytest.mark.parametrize(
    ("read", "codes", "message"),
    [
        (bx.mgsm, ["xx"], "unknown language 'xx'"),
        (bx.mgsm, ["tl"], "MGSM has no tl; available: en de fr es zh ja sw"),
        (bx.mgsm, ["sw"], r"no MGSM \(test\) in Swahili: put mgsm_sw.tsv of https://.* hub \(pip install datasets\)"),
    ],
)
def test_missing_data_are_named_with_the_ways_to_get_them(read, codes, message, tmp_path):
    with pytest.raises(bx.InputError, match=message):
        read(codes, tmp_path)


def test_a_file_in_another_format_is_named(tmp_path):
    write(tmp_path / "eng_Latn.jsonl", '{"passage": "The sun is hot."}')
    with pytest.raises(
        bx.InputError, match=r"eng_Latn.jsonl: not in the format in which Belebele is released \(KeyError\('link'\)\)"
    ):
        bx.belebele(["en"], tmp_path)
