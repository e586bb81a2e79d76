"""The core lexicon, dictionary files, and joining two lexicons through a third language."""

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import bridgex_nb as bx
from bridgex_nb.datasets._lexicon import core_table

CODES = list(bx.LANGUAGES)


def pairs(lexicon):
    return {(word, translation) for word, translations in lexicon.entries.items() for translation in translations}


def small_lexicons(src, tgt, words="abcd"):
    """Lexicons of so few words that most of them have words in common."""
    translations = st.lists(st.sampled_from(words), min_size=1, max_size=3, unique=True)
    return st.builds(bx.Lexicon, st.just(src), st.just(tgt), st.dictionaries(st.sampled_from(words), translations))


# The core lexicon


def test_core_lexicon_has_three_hundred_different_concepts():
    concepts = [row["concept"] for row in core_table()]
    assert len(concepts) >= 300
    assert len(set(concepts)) == len(concepts)


@pytest.mark.parametrize("code", CODES)
class TestColumn:
    def forms(self, code):
        return [form for row in core_table() for form in row[code].split("|")]

    def test_no_form_is_empty(self, code):
        assert all(self.forms(code))

    def test_no_form_has_stray_spaces(self, code):
        assert [form for form in self.forms(code) if form != " ".join(form.split())] == []

    def test_forms_are_in_composed_form(self, code):
        # To exact match and to tokenizers alike, a decomposed é is a different character.
        assert [form for form in self.forms(code) if not unicodedata.is_normalized("NFC", form)] == []

    def test_synonyms_differ(self, code):
        cells = [row[code].split("|") for row in core_table()]
        assert [cell for cell in cells if len(set(cell)) < len(cell)] == []

    def test_forms_are_in_the_script_of_the_language(self, code, in_script):
        assert [form for form in self.forms(code) if not in_script(form, code)] == []


@pytest.mark.parametrize("src", CODES)
def test_core_lexicon_joins_first_forms_to_all_synonyms(src):
    for tgt in set(CODES) - {src}:
        expected = {(row[src].split("|")[0], form) for row in core_table() for form in row[tgt].split("|")}
        assert pairs(bx.core_lexicon(src, tgt)) == expected


def test_a_word_of_two_concepts_is_one_entry():
    assert bx.core_lexicon("es", "en").entries["mañana"] == ["morning", "tomorrow"]


def test_a_translation_that_two_concepts_share_is_listed_once():
    # Hour and clock are the same word in Swahili, and also in Hungarian.
    assert bx.core_lexicon("sw", "hu").entries["saa"] == ["óra"]


def test_the_preferred_translation_comes_first():
    assert bx.core_lexicon("en", "id").entries["rabbit"] == ["kelinci"]
    assert bx.core_lexicon("en", "fi").entries["big"] == ["iso", "suuri"]


def test_core_lexicon_needs_two_different_languages():
    with pytest.raises(bx.InputError, match="two languages"):
        bx.core_lexicon("sw", "sw")


def test_core_lexicon_of_an_unknown_language():
    with pytest.raises(bx.InputError, match="'xx'"):
        bx.core_lexicon("sw", "xx")


def test_keep_keeps_the_given_words_in_their_order():
    kept = bx.core_lexicon("en", "sw").keep(["water", "fire"])
    assert (kept.src, kept.tgt) == ("en", "sw")
    assert list(kept.entries.items()) == [("water", ["maji"]), ("fire", ["moto"])]


def test_samples_are_words_of_the_lexicon_and_follow_from_the_seed():
    lexicon = bx.core_lexicon("en", "sw")
    sample = lexicon.sample(50)
    assert len(sample) == 50
    assert sample.entries.items() <= lexicon.entries.items()
    assert sample == lexicon.sample(50)
    assert sample != lexicon.sample(50, seed=1)
    assert lexicon.sample(None) is lexicon
    assert lexicon.sample(10_000) is lexicon
    with pytest.raises(bx.InputError, match="size=0"):
        lexicon.sample(0)


def test_reverse_makes_every_synonym_a_source_word():
    reversed_lexicon = bx.Lexicon("en", "sw", {"shirt": ["shati"], "fear": ["hofu", "woga"]}).reverse()
    assert (reversed_lexicon.src, reversed_lexicon.tgt) == ("sw", "en")
    assert reversed_lexicon.entries == {"shati": ["shirt"], "hofu": ["fear"], "woga": ["fear"]}


@given(small_lexicons("sw", "tl"))
def test_reverse_twice_gives_the_same_pairs(lexicon):
    assert pairs(lexicon.reverse().reverse()) == pairs(lexicon)


# MUSE files


@pytest.fixture
def write(tmp_path):
    def to_file(content: bytes | str):
        path = tmp_path / "dictionary.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to_file


@pytest.mark.parametrize(
    "content",
    [
        "fire moto\nwater maji\n",
        "fire\tmoto\nwater\tmaji\n",
        "fire moto\nwater\tmaji",
        "fire moto\r\nwater maji\r\n",
        "\nfire moto\n\n   \nwater maji\n\n",
        "\ufefffire moto\nwater maji\n",
        "  fire   moto  \nwater maji\nfire moto\n",
    ],
    ids=["spaces", "tabs", "mixed, no last newline", "CRLF", "blank lines", "byte order mark", "padded, repeated"],
)
def test_read_muse_reads(write, content, recwarn):
    assert bx.read_muse(write(content), "en", "sw").entries == {"fire": ["moto"], "water": ["maji"]}
    assert not recwarn.list


def test_read_muse_collects_the_translations_of_a_word(write):
    assert bx.read_muse(write("fear hofu\nsea bahari\nfear woga\n"), "en", "sw").entries["fear"] == ["hofu", "woga"]


def test_read_muse_keeps_identical_strings_and_says_so(write):
    path = write("radio radio\nfire apoy\n")
    with pytest.warns(UserWarning, match="1 of 2 words are translations of themselves.*drop_identical=True"):
        assert bx.read_muse(path, "en", "tl").entries == {"radio": ["radio"], "fire": ["apoy"]}


def test_read_muse_keeps_identical_strings_without_a_word_if_asked_to(write, recwarn):
    assert bx.read_muse(write("radio radio\n"), "en", "tl", drop_identical=False).entries == {"radio": ["radio"]}
    many = "".join(f"word{i} salita{i}\n" for i in range(19))
    assert len(bx.read_muse(write("radio radio\n" + many), "en", "tl")) == 20  # one in twenty
    assert not recwarn.list


def test_read_muse_drops_identical_words_whole(write):
    """With "wireless" alone left, a model that says "radio" would be wrong."""
    path = write("Radio radio\nradio wireless\nradio radio\nfire apoy\n")
    assert bx.read_muse(path, "en", "tl", drop_identical=True).entries == {"fire": ["apoy"]}
    with pytest.raises(bx.InputError, match="every word is a translation of itself; leave out drop_identical=True"):
        bx.read_muse(write("radio radio\n"), "en", "tl", drop_identical=True)


@pytest.mark.parametrize("tgt", ["de", "tl", "he"])
def test_without_identical_words_copying_scores_nothing(tgt, shared_data, mini):
    """On real dictionaries, by the baseline that evaluations show."""
    path = shared_data / "muse" / f"en-{tgt}.5000-6500.txt"
    kept, dropped = (bx.read_muse(path, "en", tgt, drop_identical=drop) for drop in (False, True))
    identical = {line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if len(set(line.split())) == 1}
    assert set(kept.entries) - set(dropped.entries) == identical
    words = list(kept.entries)[:120]
    share = len(identical & set(words)) / 120
    measured = bx.evaluate(mini, "bli", "en", tgt, lexicon=kept.keep(words))
    assert measured["copy"][0] == pytest.approx(share)
    few = dropped.keep([word for word in words if word in dropped.entries][:20])
    assert bx.evaluate(mini, "bli", "en", tgt, lexicon=few)["copy"].tolist() == [0]


def test_read_muse_names_every_bad_line_in_one_warning(write):
    # The blank second line counts: line numbers are those of a text editor.
    path = write(b"fire moto\n\nwater\nsea bahari\n\xff\xfe \xe9t\xe9\n")
    with pytest.warns(UserWarning, match="left out") as caught:
        lexicon = bx.read_muse(path, "en", "sw")
    assert lexicon.entries == {"fire": ["moto"], "sea": ["bahari"]}
    assert [str(warning.message) for warning in caught] == [f"{path}: 2 unreadable line(s) left out: line 3, 5"]
    assert caught[0].filename == __file__


def test_read_muse_with_many_bad_lines_warns_briefly(write):
    with pytest.warns(UserWarning, match="1000 unreadable") as caught:
        bx.read_muse(write("bad\n" * 1000 + "fire moto\n"), "en", "sw")
    assert len(str(caught[0].message)) < 300


@pytest.mark.parametrize(
    "content", [b"", b"\n \n", b"fire\nwater\n", "fire moto\n".encode("utf-16")], ids=["empty", "blank", "one column", "UTF-16"]
)
def test_read_muse_of_a_file_without_a_readable_line(write, content):
    path = write(content)
    with pytest.raises(bx.InputError) as error:
        bx.read_muse(path, "en", "sw")
    assert str(path) in str(error.value)


def test_read_muse_of_a_missing_file(tmp_path):
    with pytest.raises(bx.InputError, match=r"missing\.txt"):
        bx.read_muse(tmp_path / "missing.txt", "en", "sw")


def test_read_muse_of_an_unknown_language(write):
    with pytest.raises(bx.InputError, match="'xx'"):
        bx.read_muse(write("fire moto\n"), "en", "xx")


@pytest.mark.parametrize("tgt", ["de", "tl"])
def test_read_muse_reads_every_line_of_the_real_files(shared_data, tgt, recwarn):
    # en-de is separated by spaces, en-tl by tabs.
    path = shared_data / "muse" / f"en-{tgt}.0-5000.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert pairs(bx.read_muse(path, "en", tgt, drop_identical=False)) == {
        tuple(line.replace("\t", " ").split(" ")) for line in lines
    }
    assert not recwarn.list


# Pivoting


def joined(first, second):
    """Pivoting by its definition: every pair against every pair."""
    entries = {}
    for word, middles in first.entries.items():
        for middle in middles:
            for source, translations in second.entries.items():
                for translation in translations:
                    if source == middle and translation not in entries.setdefault(word, []):
                        entries[word].append(translation)
    return {word: translations for word, translations in entries.items() if translations}


@given(small_lexicons("sw", "en"), small_lexicons("en", "tl"))
def test_pivot_is_the_join_of_all_pairs(first, second):
    expected = joined(first, second)
    assume(expected)
    assert bx.pivot(first, second).entries == expected


def test_pivot_of_real_dictionaries(shared_data):
    with pytest.warns(UserWarning, match=r"8 unreadable line\(s\)"):  # eight pronouns have no translation there
        sw_en = bx.read_muse(shared_data / "wiktionary_bli" / "sw-en.all", "sw", "en")
    en_tl = bx.read_muse(shared_data / "muse" / "en-tl.5000-6500.txt", "en", "tl", drop_identical=False)
    result = bx.pivot(sw_en, en_tl)
    assert (result.src, result.tgt) == ("sw", "tl")
    assert len(result) > 300
    assert result.entries == joined(sw_en, en_tl)


def test_pivot_of_lexicons_without_a_common_language_suggests_reverse():
    with pytest.raises(bx.InputError, match="reverse") as error:
        bx.pivot(bx.core_lexicon("en", "sw"), bx.core_lexicon("en", "tl"))
    assert "en-sw" in str(error.value)


def test_pivot_without_a_common_word():
    with pytest.raises(bx.InputError, match="no en word links"):
        bx.pivot(bx.Lexicon("sw", "en", {"moto": ["fire"]}), bx.Lexicon("en", "tl", {"water": ["tubig"]}))
