"""Every number in README.md and docs/ has a source: a table in figures/, docs/benchmarks.csv, or the package itself.

    python tests/test_numbers_in_text.py            # the lines that differ, with the right numbers
    python tests/test_numbers_in_text.py --write    # puts them into the pages

`SENTENCES` and `TABLES` say where numbers come from, `NOT_RESULTS` which ones are no results. A number that is in none of them
fails the test.
"""

import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from safetensors import safe_open

import bridgex_nb as bx
from bridgex_nb.cli._figures import REAL_MODEL
from bridgex_nb.inference._batches import OTHERWISE, READING_ON_A_CPU
from bridgex_nb.models._load_model import MINI

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *(f"docs/{name}.md" for name in ("index", "results", "gemma", "methods"))]
PAGES += sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/guides/*.md"))
#: Those of the pairs that BridgeX-ICL's released code names.
PAPER_PAIRS = ["zh-ja", "zh-he", "id-he", "en-sw", "ar-he", "id-tl", "id-sw"]


# What numbers look like


def signed(value: float, digits: int = 1, sign: bool = True) -> str:
    text = f"{value:{'+' if sign and round(value, digits) else ''}.{digits}f}".replace("-", "−")
    return text.replace("−0.0", "0.0") if not float(text.replace("−", "-")) else text


def points(middle: float, low: float, high: float, sign: bool = False) -> str:
    """A share with its interval in percentage points, as the text writes it: 18.4 [9.5, 28.2]."""
    middle, low, high = (signed(100 * share, sign=sign) for share in (middle, low, high))
    return f"{middle} [{low}, {high}]"


#: The figures of the bundled model, and those of the study of a real one.
MINI_FIGURES, GEMMA_FIGURES = "figures", "figures/gemma-3-270m"


def figure(name: str, folder: str = MINI_FIGURES) -> pd.DataFrame:
    return pd.read_csv(ROOT / folder / f"{name}.csv", keep_default_na=False, na_values=[""])


def board(folder: str = MINI_FIGURES, name: str = "05_leaderboard") -> pd.DataFrame:
    return figure(name, folder).set_index("selector")


def sharing(layer: int) -> pd.Series:
    table = figure("07_sharing_types")
    layers = table[table.threshold == 0].set_index("layer")
    return layers.loc[layers.index[layer]] * 100


def parameters() -> int:
    with safe_open(MINI / "model.safetensors", "pt") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118


# Where they come from


class Sentence(NamedTuple):
    """Text of a page with {names}, and a function that gives the numbers that stand there."""

    pages: list[str]
    text: str
    numbers: Callable[[], dict[str, str]]


class Table(NamedTuple):
    """A table of a page, by its first header, and a function: a row's cells as they are -> those that it should have."""

    pages: list[str]
    header: str
    cells: Callable[[dict[str, str]], dict[str, str]]


def leaderboard_row(row: dict[str, str], folder: str = MINI_FIGURES) -> dict[str, str]:
    name = re.match(r"`(\w+)`", row["selector"])[1]
    numbers = board(folder).loc[name]
    compared = name != "english"
    cells = {
        "loses against the best bridge": points(numbers.regret, numbers.low, numbers.high),
        "lead over always English": points(numbers.lead, numbers.lead_low, numbers.lead_high, sign=True) if compared else "",
        "would be found": signed(100 * numbers.detectable, sign=False) if compared and pd.notna(numbers.detectable) else "",
        "verdict": numbers.verdict if compared else "",
        "chooses": f"{numbers.decided:.0f}" if compared else "",
        "right pairs of 15": f"{numbers.hits:.2g}",
    }
    return {column: cell for column, cell in cells.items() if column in row}


def reach_row(row: dict[str, str]) -> dict[str, str]:
    table = figure("05_training_reach").set_index(["asked", "training"])
    numbers = table.loc[row["asked"], row["training holds"]]
    return {"words": f"{numbers.n:,.0f}", "accuracy": points(numbers.accuracy, numbers.low, numbers.high)}


def cause_row(row: dict[str, str], folder: str = MINI_FIGURES) -> dict[str, str]:
    causes = figure("08_bridge_causality", folder)
    asked = "zero-shot" if row["asked"] == "zero-shot" else "en"
    (numbers,) = causes[(causes.set == row["neurons"].split(" ", 1)[1]) & (causes.asked == asked)].itertuples()
    return {
        "neurons": f"{numbers.neurons} {numbers.set}",
        "change": points(numbers.change, numbers.low, numbers.high, sign=True),
        "beyond random": points(numbers.beyond, numbers.beyond_low, numbers.beyond_high, sign=True),
        "p": f"{numbers.p:.2f}",
    }


def dominance(folder: str = MINI_FIGURES) -> pd.Series:
    names = ["change", "low", "high", "random", "random_low", "random_high", "p"]
    return figure("08_dominance", folder).iloc[0][names]


def own_neurons_off() -> dict[str, str]:
    numbers, matrix = dominance(GEMMA_FIGURES), figure("08_dominance", GEMMA_FIGURES).iloc[0]
    return {
        "change": nats(numbers.change, numbers.low, numbers.high),
        "random": nats(numbers.random, numbers.random_low, numbers.random_high),
        "p": at_most(numbers.p),
        "most": f"{100 * matrix.hurt_most:.0f}",
        "random_most": f"{100 * matrix.random_hurt_most:.0f}",
        "sets": str(matrix.random_sets),
    }


def random_sets() -> dict[str, str]:
    causes = figure("08_bridge_causality")
    (number,) = set(causes.random_sets)
    return {
        "sets": str(number),
        "least": f"{1 / (number + 1):.2g}",
        "widest": str(math.ceil(100 * causes[["beyond_low", "beyond_high"]].abs().max(axis=None))),
    }


#: Result of a row of docs/guides/speed.md, by its first cell: measures of docs/benchmarks.csv and how they are written.
SPEED = {
    "`count_active`; `probe` on bridgex-mini": (
        ["`count_active` / bare forward, bridgex-mini", "`probe` / bare forward, bridgex-mini"],
        "{:.2f}; {:.2f} x the time",
    ),
    "the same on a Llama of 150 M parameters": (
        ["`count_active` / bare forward, 150M-shaped Llama", "`probe` / bare forward, 150M-shaped Llama"],
        "{:.2f}; {:.2f} x the time",
    ),
    "hooks that keep every activation; one prompt at a time on bridgex-mini": (
        ["hooks that keep everything / bare forward, bridgex-mini", "one prompt at a time / bare forward, bridgex-mini"],
        "{:.1f}; {:.1f} x the time",
    ),
    "`hsic`, 40 x 40 neurons, 400 samples": (["published loop / hsic"], "{:,.0f} x faster"),
    "`hsic`, 100,000 samples": (["hsic, time of 100,000 / 10,000 samples"], "{:.1f} x the time"),
    "`hsic`, 300,000 samples": (["hsic, memory of 300,000 / 30,000 samples"], "{:.1f} x the memory"),
    "`rank_bridges` without resamples, all layers and bridges of bridgex-mini": (
        ["rank_bridges without resamples on bridgex-mini, ms"],
        "{:.0f} ms",
    ),
    "`lape`, 32 x 14,336 neurons, 10 languages": (["loop over neurons / lape"], "{:.0f} x faster"),
    "word translation through bridges": (["one prompt at a time / answers"], "{:.0f} x faster"),
    "`evaluate_grid` of word translation: every pair, bridge and word": (
        ["evaluate_grid of word translation, answers", "evaluate_grid of word translation, s"],
        "{:,.0f} answers in {:.0f} s",
    ),
    "generation on bridgex-mini with neurons switched off; amplified": (
        ["`deactivate` / plain generation, bridgex-mini", "`amplify` / plain generation, bridgex-mini"],
        "{:.2f}; {:.2f} x the time",
    ),
}


def speed_row(row: dict[str, str]) -> dict[str, str]:
    measured = pd.read_csv(ROOT / "docs" / "benchmarks.csv").set_index("measure").value
    measures, written = SPEED[row["what"]]
    return {"result": written.format(*measured[measures])}


def task_row(row: dict[str, str]) -> dict[str, str]:
    (languages,) = {bx.TASKS[name].languages for name in re.findall(r"`(\w+)`", row["task"])}
    named = languages is not None and len(languages) != len(bx.LANGUAGES)
    return {"languages": " ".join(languages)} if named else {}


def mixture() -> dict[str, float]:
    return json.loads((MINI / "training.json").read_text())["mixture"]


def accuracies() -> dict[str, str]:
    accuracy = figure("05_xicl_accuracy")
    zero_shot = accuracy[accuracy.bridge == "zero-shot"].accuracy.mean()
    best = board().loc["oracle"]
    room = [signed(100 * best[name], sign=False) for name in ("headroom", "headroom_low", "headroom_high")]
    named = dict(zip(("headroom", "low", "high"), room, strict=True))
    return {"zero_shot": f"{100 * zero_shot:.0f}", "oracle": f"{100 * best.score:.0f}"} | named


def shared() -> dict[str, str]:
    first, last = sharing(1), sharing(-1)
    return {
        "all": f"{last.all_shared:.1f}",
        "mismatched": f"{last.all_shared_mismatched:.1f}",
        "excess": f"{last.all_shared_excess:.1f}",
        "first": f"{first.all_shared_excess:.1f}",
    }


def nats(middle: float, low: float, high: float, sign: bool = False) -> str:
    """A difference of log-probabilities with its interval: 0.98 [0.74, 1.22]."""
    middle, low, high = (signed(value, 2, sign=sign) for value in (middle, low, high))
    return f"{middle} [{low}, {high}]"


def percent(middle: float, low: float, high: float) -> str:
    """A share of few words or sentences with its interval: 40 % [25, 58]."""
    return f"{100 * middle:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


def gemma_leaderboard_row(row: dict[str, str]) -> dict[str, str]:
    name = re.match(r"`(\w+)`", row["selector, by log-probability"])[1]
    numbers = board(GEMMA_FIGURES, "05_leaderboard_logprob").loc[name]
    compared, lead = name != "english", nats(numbers.lead, numbers.lead_low, numbers.lead_high, sign=True)
    return {
        "loses against the best bridge, nats": nats(numbers.regret, numbers.low, numbers.high),
        "lead over always English, nats": lead if compared else "",
        "would be found": f"{numbers.detectable:.2f}" if compared else "",
        "verdict": numbers.verdict if compared else "",
        "chooses": f"{numbers.decided:.0f}" if compared else "",
        "rank correlation": f"{numbers.spearman:+.2f}".replace("-", "−") if pd.notna(numbers.spearman) else "",
    }


def routing_row(row: dict[str, str]) -> dict[str, str]:
    numbers = figure("05_routing").set_index("strategy").loc[re.match(r"`(\w+)`", row["strategy"])[1]]
    return {
        "loses against the best way of each word": points(numbers.regret, numbers.low, numbers.high),
        "lead over the pair's best bridge": ""
        if row["strategy"].startswith("`best`")
        else points(numbers.lead, numbers.lead_low, numbers.lead_high, sign=True),
        "verdict": numbers.verdict if pd.notna(numbers.verdict) else "",
    }


def pivots(folder: str = MINI_FIGURES) -> dict[str, str]:
    """The first language of each pair, with its score."""
    table = figure("04_pivots", folder)
    first = table.groupby("pair").first()
    return {pair.replace("-", "_"): nats(row.score, row.low, row.high) for pair, row in first.iterrows()}


def pivots_found(folder: str) -> dict[str, str]:
    first = figure("04_pivots", folder).groupby("pair").first()
    found = first[first.low > 0]
    return {"found": str(len(found)), "english": str((found.language == "en").sum())}


def side_by_side_row(row: dict[str, str]) -> dict[str, str]:
    name = re.match(r"`(\w+)`", row["chosen by"])[1]
    gemma, mini = board(GEMMA_FIGURES, "05_leaderboard_logprob").loc[name], board().loc[name]
    first, second = list(row)[1:]
    return {first: nats(gemma.regret, gemma.low, gemma.high), second: points(mini.regret, mini.low, mini.high)}


def at_most(p: float) -> str:
    """A p-value that is never shown smaller than it is."""
    return f"{math.ceil(1000 * p) / 1000:.3f}"


def agreement() -> dict[str, str]:
    """Mantel's r of similarity and family, over the measures, and of HSIC alone."""
    table = figure("02_agreement", GEMMA_FIGURES)
    family = table[table.reference == "family"].set_index("kind")
    named = {"p": at_most(family.p_holm.max()), "partial_p": at_most(family.partial_p_holm.max())}
    for name, values in (("", family.r), ("partial_", family.partial_r)):
        named |= {
            f"{name}least": f"{values.min():.2f}",
            f"{name}most": f"{values.max():.2f}",
            f"{name}hsic": f"{values['hsic']:.2f}",
        }
    return named | {"p_hsic": at_most(family.p_holm["hsic"]), "partial_p_hsic": at_most(family.partial_p_holm["hsic"])}


def aligned_with_english() -> dict[str, str]:
    table = figure("06_alignment", GEMMA_FIGURES)
    layer = table[table.layer == 7].set_index("language")
    above = (table.p_holm < 0.05).groupby(table.layer).sum()
    all_of_them = above[above == table.language.nunique()].index
    shares = {"mean": f"{100 * table.score.mean():.1f}", "chance": f"{100 * table.chance.mean():.1f}"}
    for code in ("fr", "zh", "sw"):
        shares[code] = percent(*layer.loc[code, ["score", "low", "high"]])
    places = {"first": str(all_of_them.min()), "last": str(all_of_them.max()), "languages": str(table.language.nunique())}
    return shares | places | {"at_the_end": str(above.iloc[-1])}


def overlaps() -> dict[str, str]:
    table = figure("02_overlap", GEMMA_FIGURES).set_index("Unnamed: 0")
    shares = [table.loc[a, b] / min(table.loc[a, a], table.loc[b, b]) for a in table.index for b in table.columns if a != b]
    return {"least": f"{100 * min(shares):.0f}", "most": f"{100 * max(shares):.0f}"}


def answered() -> dict[str, str]:
    accuracy = figure("05_xicl_accuracy", GEMMA_FIGURES)
    zero_shot = accuracy[accuracy.bridge == "zero-shot"].sort_values("accuracy")
    best, second = zero_shot.iloc[-1], zero_shot.iloc[-2]
    assert (best.src, best.tgt) == ("zh", "ja")
    assert second.accuracy < 0.05
    gains = figure("05_gains_logprob", GEMMA_FIGURES)
    sure = gains[gains.p_holm < 0.05]
    return {
        "accuracy": percent(best.accuracy, best.low, best.high),
        "copy": f"{100 * best['copy']:.0f}",
        "reliability": f"{board(GEMMA_FIGURES, '05_leaderboard_logprob').reliability.iloc[0]:.2f}",
        "likelier": str((sure.gain > 0).sum()),
        "cases": str(len(gains)),
        "less_likely": str((sure.gain < 0).sum()),
        "words": str(accuracy.n.max()),
    }


def lost(selector: str) -> str:
    numbers = board(GEMMA_FIGURES, "05_leaderboard_logprob").loc[selector]
    return nats(numbers.regret, numbers.low, numbers.high)


README, RESULTS, GEMMA = "README.md", "docs/results.md", "docs/gemma.md"
SENTENCES = [
    Sentence([README], "a test bed of {million} M parameters", lambda: {"million": f"{parameters() / 1e6:.0f}"}),
    Sentence([RESULTS], "has {million} M parameters", lambda: {"million": f"{parameters() / 1e6:.0f}"}),
    Sentence(
        [README, RESULTS],
        "{chains} % of its training texts are two-hop chains",
        lambda: {"chains": f"{100 * mixture()['chain']:.0f}"},
    ),
    Sentence(
        [RESULTS],
        "{sentences} sentences in each of {languages} languages",
        lambda: {"sentences": str(len(bx.core_sentences()["sw"])), "languages": str(len(bx.core_sentences()))},
    ),
    Sentence([RESULTS], "{words} random words per pair", lambda: {"words": str(figure("05_xicl_accuracy").n.max())}),
    Sentence(
        [RESULTS],
        "Accuracy is {zero_shot} % zero-shot and {oracle} % through the best bridge of each pair. "
        "That is {headroom} [{low}, {high}] points above the mean",
        accuracies,
    ),
    Sentence(
        [RESULTS],
        "{all} % of the last layer's neurons are active at the end of each of them",
        shared,
    ),
    Sentence(
        [RESULTS],
        "Given *another* word in each language, it is {mismatched} %. Only the rest, {excess} %, is shared because of the "
        "word; most of what grows with depth is shared whatever the word: in layer 1 this rest is {first} %",
        shared,
    ),
    Sentence(
        [RESULTS],
        "raise its own log perplexity by {change} [{low}, {high}] nats per token more than that of the other languages. For "
        "random sets, matched in layer and in how often their neurons are active, the difference is {random} [{random_low}, "
        "{random_high}] (p = {p})",
        lambda: {name: signed(number, 3, sign=False) for name, number in dominance().items()},
    ),
    Sentence(
        [RESULTS],
        "those of {sets} random sets, matched likewise, and its p-value, which so many sets cannot make smaller than {least}:",
        random_sets,
    ),
    Sentence(
        [RESULTS],
        "English from Swahili to Tagalog with {sw_tl} (probabilities, summed over layers), French from Arabic to Hebrew with "
        "{ar_he}",
        pivots,
    ),
    Sentence([RESULTS], "intervals of up to {widest} points either way", random_sets),
    Sentence(["docs/methods.md"], "| {selectors} selectors of bridges", lambda: {"selectors": str(len(bx.SELECTORS))}),
    Sentence(
        [GEMMA],
        "family is {least} to {most} with corrected p of {p} or less. Related languages often share a script. With the script "
        "held constant, r is {partial_least} to {partial_most} (p of {partial_p} or less)",
        agreement,
    ),
    Sentence(
        [README],
        "(Mantel r = {hsic} with family, corrected p = {p_hsic}; {partial_hsic}, p = {partial_p_hsic}, with the script held "
        "constant)",
        agreement,
    ),
    Sentence(
        [GEMMA],
        "of {layers} layers",
        lambda: {"layers": str(figure("01_neurons_by_layer", GEMMA_FIGURES).shape[1] - 1)},
    ),
    Sentence([GEMMA], "behind {shots} examples of both hops", lambda: {"shots": str(REAL_MODEL["shots"])}),
    Sentence([GEMMA], "have {least} % to {most} % in common", overlaps),
    Sentence(
        [GEMMA],
        "it is {mean} % of the sentences on average over languages and layers, where chance is {chance} %",
        aligned_with_english,
    ),
    Sentence(
        [GEMMA],
        "in layer 7, {fr} of the French sentences, {zh} of the Chinese and {sw} of the Swahili ones. From layer {first} to "
        "layer {last}, it is above chance in all {languages} languages; in the last layers, whose business is the next token, "
        "only in {at_the_end}",
        aligned_with_english,
    ),
    Sentence(
        [README],
        "is nearest to it for {fr} of the sentences in French, but for {sw} in Swahili (chance: {chance} %)",
        aligned_with_english,
    ),
    Sentence(
        [README],
        "raise its own log perplexity by {change} nats per token more than that of the other languages; for random sets it is "
        "{random}",
        own_neurons_off,
    ),
    Sentence(
        [GEMMA],
        "raise its own log perplexity by {change} nats per token more than that of the other languages on average; for {sets} "
        "random sets, matched in layer and in how often their neurons are active, it is {random} (p = {p}). Of the languages, "
        "{most} % are hurt more by their own neurons than any other language is, of the random sets {random_most} %",
        own_neurons_off,
    ),
    Sentence(
        [GEMMA],
        "a third language is above its null in {found}, the first of them being English in {english}, with small "
        "probabilities: from Japanese to Hebrew, {ja_he}, summed",
        lambda: pivots(GEMMA_FIGURES) | pivots_found(GEMMA_FIGURES),
    ),
    Sentence([GEMMA], "each measurement takes {words} words", answered),
    Sentence([GEMMA], "Chinese to Japanese ({accuracy}, where copying the Chinese word scores {copy} %)", answered),
    Sentence(
        [GEMMA],
        "its split-half reliability is {reliability}. Through a bridge, the accepted answer is likelier than zero-shot in "
        "{likelier} of {cases} cases (a pair and a bridge), less likely in {less_likely}, and",
        answered,
    ),
    Sentence(
        [README],
        "loses {hsic} nats of the accepted answer's log-probability against the best one. Always taking English loses "
        "{english};",
        lambda: {name: lost(name) for name in ("hsic", "english")},
    ),
    Sentence([RESULTS], "the {others} languages besides English", lambda: {"others": str(len(bx.LANGUAGES) - 1)}),
]
TABLES = [
    Table([RESULTS], "selector", leaderboard_row),
    Table([RESULTS], "strategy", routing_row),
    Table([GEMMA], "selector, by log-probability", gemma_leaderboard_row),
    Table([README], "chosen by", side_by_side_row),
    Table([RESULTS], "asked", reach_row),
    Table([RESULTS], "neurons", cause_row),
    Table([GEMMA], "neurons", partial(cause_row, folder=GEMMA_FIGURES)),
    Table(["docs/guides/speed.md"], "what", speed_row),
    Table(["docs/guides/task.md"], "task", task_row),
]

#: Numbers that are no results. Those with a fact beside them hold only as long as the package agrees.
NOT_RESULTS: dict[str, Callable[[], bool] | None] = {
    # Names, versions, references
    r"\b(?:FLORES|SIB)-200\b": None,
    r"\b(?:Phi-3|GLM-4|GPT-2|Llama-3-8B|Mistral-7B-Instruct|Qwen 2 and 3|Gemma 1 to 3|OLMo 2)\b": None,
    r"\b(?:float32|SHA-256|gemma-3-270m|Q4_K_M|Llama 3|Gemma 2 and 3|StarCoder2|Falcon-7B)\b|\bhalf precision\b": None,
    r"\b(?:ISO 639-[13]|Python 3\.11|x86)\b": None,
    r"\barXiv \d{4}\.\d{4,5}\b": None,
    r"\b(?:19|20)\d\d\b(?=[\])., ;:]|$)": None,
    r"\beq\. \d|\bsection \d": None,
    r"\b[Nn]otebooks? \d\d(?:, \d\d)*(?: and \d\d)?": None,
    r"^\| \[\d\d ": None,  # a notebook's title in the table of notebooks
    r"\[\d\d_\w+\]": None,
    r"^\d\. ": None,  # a numbered list
    # What intervals and tests are
    r"95 % intervals?": None,
    r"with 80 % power": None,
    r"as 1/k\b": None,
    r"\b(?:not|as|set to) 0\b": None,
    # What a benchmark is measured on
    r"take 512 tokens at a time": lambda: READING_ON_A_CPU == 512,
    r"take 8,192,": lambda: OTHERWISE == 8192,
    r"\b(?:40 x 40 neurons, 400|10,000|30,000|100,000|300,000) samples\b": None,
    r"32 x 14,336 neurons, 10 languages|a Llama of 150 M parameters": None,
    # The package
    r"\bexit code 2\b|\bexits with 130\b": None,
    r"\blayer 1\b": None,
    r"\bright pairs of 15\b": lambda: len(bx.PAIRS) == 15,
    r"\bfifteen (?:study |language |such )?pairs|\bof the fifteen, one was trained": lambda: len(bx.PAIRS) == 15,
    r"\bsearch on seven of (?:the|these) pairs\b|\bthe other eight\b": lambda: (
        (len(bx.PAIRS) // 2, len(bx.PAIRS) - 7) == (7, 8)
    ),
    r"\b[Hh]ow alike fifteen languages\b": lambda: len(bx.LANGUAGES) == 15,
    r"\b[Tt]he fifteen languages\b|\ball fifteen languages\b|\blanguages of the fifteen\b": lambda: len(bx.LANGUAGES) == 15,
    r"\bthe fifteen of the study\b": lambda: len(bx.LANGUAGES) == 15,
    r"\b117 of FLORES-200\b": None,  # Belebele
    r"\bone half of the texts\b|\bthe half of the target's maximum\b": None,
    r"\bsix measures\b": lambda: figure("02_agreement", GEMMA_FIGURES).kind.nunique() == 6,
    r"\bbehind layer 12\b": lambda: (
        figure("04_lens", GEMMA_FIGURES).query("language == 'zh'").set_index("layer").probability.idxmax() == 12
    ),
    r"\bin layer 7\b|\bsplit-half\b": None,
    r"\b5 % of all neurons\b": lambda: "rate = 0.05 " in text_of("notebooks/02_linguistic_spectrum.ipynb"),
    r"\babove one in twenty only from Chinese\b": lambda: bool(answered()),
    r"\bsix bridges\b": lambda: len(bx.BRIDGES) == 6,
    r"\bten notebooks\b": lambda: len(list((ROOT / "notebooks").glob("*.ipynb"))) == 10,
    r"\bat least nine in ten of the lexicon's entries\b": lambda: (
        "assert share >= 0.90" in text_of("tests/datasets/test_lexicon_references.py")
    ),
    r"\bA few hundred sentences\b": None,  # advice
    # Formulas, tolerances that a test holds, and protocols
    r"chance, 1/\(2n−1\)": None,
    r"\bto 1 in 1,000\b": None,
    r"\bone part in a million\b|one in 100,000 with 380 prompts|one in 10,000 with 80": lambda: (
        "1e-4" in text_of("tests/stats/test_wide_groups.py")
    ),
    r"\bstandard deviation is 1 % or more\b": None,
    # The paper and its released code
    r"rows of 2,048 tokens": None,
    r"only seven of the fifteen pairs and two of the four tasks|those seven": lambda: (
        {tuple(pair.split("-")) for pair in PAPER_PAIRS} <= set(bx.PAIRS)
    ),
    r"tr\(KHLH\)/\(S−1\)²": None,
}
#: Words that are numbers; smaller ones are grammar more often than not.
WORDS = (
    "five six seven eight nine ten eleven twelve thirteen fourteen fifteen twenty thirty hundred thousand million twice double"
)
NUMBER = re.compile(
    rf"[^\s|(\[]*\d[^\s|]*|\b(?:{'|'.join(WORDS.split())})\b|\bhalf\b|\b(?:a|one|two|three) (?:third|quarter|fifth)s? of\b"
)


# Reading pages


def spread(pattern: str) -> str:
    """A pattern whose spaces also match the end of a line."""
    return pattern.replace(" ", r"\s+")


def sentence_pattern(text: str) -> re.Pattern:
    """The text with a number in each of its places, or one with its interval: 97 % [93, 100]."""
    parts = re.split(r"\{(\w+)\}", text)
    pieces = [
        f"(?P<{part}>[−+]?[\\d.,]*\\d(?:(?: %)? \\[[−+\\d., ]+\\])?)"
        if number % 2
        else spread(re.escape(part).replace("\\ ", " "))
        for number, part in enumerate(parts)
    ]
    return re.compile("".join(pieces))


def rows(page: str, header: str) -> Iterator[tuple[int, int, dict[str, str], list[str]]]:
    """Begin and end of each row of a table, its cells by column, and the order of the columns."""
    place = re.search(rf"^\| {re.escape(header)} \|.*\n\|[-| ]+\|\n", page, re.MULTILINE)
    if place is None:
        raise AssertionError(f"there is no table that begins with {header!r}")
    columns = [cell.strip() for cell in place[0].splitlines()[0].strip("|").split("|")]
    begin = place.end()
    while page.startswith("|", begin):
        end = page.find("\n", begin) if "\n" in page[begin:] else len(page)
        cells = [cell.strip() for cell in page[begin:end].strip().removeprefix("|").removesuffix("|").split("|")]
        yield begin, end, dict(zip(columns, cells, strict=True)), columns
        begin = end + 1


def corrections(name: str, page: str) -> Iterator[tuple[int, int, str]]:
    """Every place of a page that has a number with a source -> begin, end, and what should stand there."""
    for sentence in SENTENCES:
        if name in sentence.pages:
            found = list(sentence_pattern(sentence.text).finditer(page))
            assert len(found) == 1, f"{name} has {len(found)} sentences like {sentence.text!r}"
            numbers = sentence.numbers()
            for key in found[0].groupdict():
                yield *found[0].span(key), numbers[key]
    for table in TABLES:
        if name in table.pages:
            for begin, end, cells, columns in rows(page, table.header):
                numbers = table.cells(cells)
                if not numbers:  # a row without any
                    continue
                right = cells | numbers
                yield begin, end, "|".join(["", *(f" {right[column]} " if right[column] else " " for column in columns), ""])


def corrected(name: str, page: str) -> str:
    for begin, end, right in sorted(corrections(name, page), reverse=True):
        page = page[:begin] + right + page[end:]
    return page


def blank(page: str, begin: int, end: int) -> str:
    return page[:begin] + re.sub(r"[^\n|]", " ", page[begin:end]) + page[end:]


def unbacked(name: str, page: str) -> list[str]:
    """Numbers of a page without a source, each with its line; code, link targets and comments aside."""
    for begin, end, _ in list(corrections(name, page)):
        page = blank(page, begin, end)
    code = r"^```.*?^```|<!--.*?-->|^    .*?$|`[^`\n]*`|(?<=\])\([^)\s]*\)"
    for found in list(re.finditer(code, page, re.MULTILINE | re.DOTALL)):
        page = blank(page, *found.span())
    for found in [found for pattern in NOT_RESULTS for found in re.finditer(spread(pattern), page, re.MULTILINE)]:
        page = blank(page, *found.span())
    lines = enumerate(page.splitlines(), start=1)
    return [f"{name}:{number}: {found[0]}" for number, line in lines for found in NUMBER.finditer(line)]


# Tests


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_numbers_are_those_of_the_tables(name):
    page = text_of(name)
    for begin, end, right in corrections(name, page):
        assert page[begin:end] == right, f"python {Path(__file__).relative_to(ROOT)} --write"


@pytest.mark.parametrize("name", PAGES)
def test_every_number_has_a_source(name):
    assert unbacked(name, text_of(name)) == []


def test_prose_that_numbers_decide():
    """Words of docs/results.md that would have to change if these did."""
    reach = figure("05_training_reach").set_index(["asked", "training"])
    both, apart = reach.loc[("zero-shot", "both hops of a bridge")], reach.loc[("zero-shot", "both words, not both hops")]
    assert both.low > apart.high  # "more often where some bridge holds both of its hops"
    assert apart.low > 0.05  # "some words are right all the same"
    first, last = sharing(1), sharing(-1)
    assert last.all_shared > first.all_shared
    base = sharing(0)  # "most of what grows with depth is shared whatever the word"
    growth = {name: last[name] - base[name] for name in ("all_shared_mismatched", "all_shared_excess")}
    assert growth["all_shared_mismatched"] > 5 * growth["all_shared_excess"] > 0
    assert dominance().p < 0.05
    assert 0 < dominance().change < 0.05  # "a small effect"
    assert (figure("08_bridge_causality").p > 0.05).all()  # "None of the four is unusual"


def test_prose_on_routes_and_pivots_that_numbers_decide():
    """Words of docs/results.md that would have to change if these did."""
    routing = figure("05_routing").set_index("strategy")
    assert routing.verdict["surest"] == "better than best"  # "more often than the best bridge of each pair"
    first = figure("04_pivots").groupby("pair").first()
    assert len(first) == len(bx.PAIRS)
    assert (first.low > 0).all()  # "in all fifteen pairs"
    assert (first.language["sw-tl"], first.language["ar-he"]) == ("en", "fr")


def test_prose_on_gemma_that_numbers_decide():
    """Words of README.md and docs/gemma.md that would have to change if these did."""
    boards = [board(), board(GEMMA_FIGURES, "05_leaderboard_logprob")]
    assert all(table.verdict["hsic"] == "worse than English" for table in boards)
    assert not any((table.verdict == "better than English").any() for table in boards)  # "On neither model is that decided"
    agreeing = figure("02_agreement", GEMMA_FIGURES)
    assert (agreeing[["p_holm", "partial_p_holm"]] < 0.05).all(axis=None)  # "script alone does not explain it"
    gains = figure("05_gains_logprob", GEMMA_FIGURES)
    assert (gains.gain < 0).mean() > 0.75  # "more often a loss than a gain"
    assert boards[1].spearman["hsic"] < 0
    assert dominance().change < 0.01 * dominance(GEMMA_FIGURES).change  # "less than a hundredth"
    matrix = figure("08_deactivation", GEMMA_FIGURES).set_index("changed")
    assert (matrix.loc["zh", ["ja", "ar", "he"]] > 2).all()  # "the neurons of Chinese hurt Arabic and Hebrew"
    assert (matrix.loc["zh"].drop(["zh", "ja", "ar", "he"]) < 1).all()
    settings = figure("03_sensitivity", GEMMA_FIGURES)
    by_rule = settings.groupby("rule").chosen.agg(lambda chosen: chosen.mode()[0])
    assert by_rule.pop("fully_activated") == "de"  # "with the default rule German"
    assert set(by_rule) == {"en"}
    assert (figure("08_bridge_causality", GEMMA_FIGURES).p > 0.05).all()  # "none of the four is unusual"
    lape = figure("07_lape", GEMMA_FIGURES).set_index("language")
    assert lape.iloc[:, -5:].to_numpy().sum() > 0.7 * lape.to_numpy().sum()  # "in the last layers"


@pytest.mark.parametrize("pattern", [pattern for pattern, fact in NOT_RESULTS.items() if fact])
def test_what_is_said_of_the_package_holds(pattern):
    assert NOT_RESULTS[pattern]()


@pytest.mark.parametrize(
    "claim",
    [
        "It is 75 times as large.",
        "Accuracy rises by 4.2 points.",
        "It takes under a second, 135 x faster.",
        "Twelve pairs agree.",
    ],
)
def test_a_number_without_a_source_fails(claim):
    for name in PAGES:
        page = text_of(name)
        mutated = page.rstrip("\n") + f"\n\n{claim.lower()}\n"
        assert len(unbacked(name, mutated)) == len(unbacked(name, page)) + 1, name


def test_a_changed_number_fails():
    """Any digit of any number with a source: what stands there is no longer what should."""
    for name in PAGES:
        page = text_of(name)
        for begin, end, right in corrections(name, page):
            digit = re.search(r"\d(?=\D*$)", page[begin:end])
            if digit is None:  # a row of words
                continue
            changed = page[: begin + digit.start()] + str((int(digit[0]) + 1) % 10) + page[begin + digit.end() :]
            assert corrected(name, changed) == corrected(name, page) != changed, right


def test_the_list_of_what_is_no_result_is_not_longer_than_needed():
    pages = "\n".join(text_of(name) for name in PAGES)
    unused = [pattern for pattern in NOT_RESULTS if not re.search(spread(pattern), pages, re.MULTILINE)]
    assert unused == []


def test_the_commands_of_the_readme_stand_where_scripts_look_for_them():
    commands = re.findall(r"^ +(pip install .+)$", text_of("README.md"), re.MULTILINE)
    assert commands[:2] == [
        "pip install -c constraints.txt -e . && bridgex figures",
        'pip install -c constraints.txt -e ".[test]" && pytest',
    ]


if __name__ == "__main__":
    for name in PAGES:
        before = text_of(name)
        after = corrected(name, before)
        for old, new in zip(before.splitlines(), after.splitlines(), strict=True):
            if old != new:
                print(f"{name}:\n{new}")
        if "--write" in sys.argv:
            (ROOT / name).write_text(after, encoding="utf-8")
        for number in unbacked(name, after):
            print("no source:", number)
