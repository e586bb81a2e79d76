"""The numbers in README.md and docs/ are those of the committed tables in figures/."""

import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
README, RESULTS = ROOT / "README.md", ROOT / "docs" / "results.md"


def table(path: Path, first_column: str) -> list[dict[str, str]]:
    """Rows of the table of a Markdown file whose first column has that name."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
    end = next(number for number, line in enumerate(lines[start:], start) if not line.startswith("|"))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:end]]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def points(*shares: float, sign: bool = False) -> str:
    """A share with its interval in percentage points, as the text writes it: 18.4 [9.5, 28.2]."""
    middle, low, high = (
        f"{100 * share:{'+' if sign and round(100 * share, 1) else ''}.1f}".replace("-", "−") for share in shares
    )
    return f"{middle} [{low}, {high}]".replace("−0.0", "0.0")


def figure(name: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / "figures" / f"{name}.csv")


@pytest.mark.parametrize("path", [README, RESULTS], ids=lambda path: path.name)
def test_the_leaderboard(path):
    board = figure("04_leaderboard").set_index("selector")
    rows = table(path, "selector")
    assert len(rows) >= 5
    for row in rows:
        selector = re.match(r"`(\w+)`", row["selector"])[1]
        numbers = board.loc[selector]
        assert row["loses against the best bridge"] == points(numbers.regret, numbers.low, numbers.high), selector
        lead = points(numbers.lead, numbers.lead_low, numbers.lead_high, sign=True) if selector != "english" else ""
        assert row["lead over always English"] == lead, selector
        if path == RESULTS:
            assert row["right pairs of 15"] == f"{numbers.hits:.2g}", selector


def test_zero_shot_and_the_best_bridge():
    accuracy = figure("04_xicl_accuracy")
    zero_shot = accuracy[accuracy.bridge == "zero-shot"].accuracy.mean()
    board = figure("04_leaderboard").set_index("selector")
    oracle = board["score" if "score" in board else "accuracy"]["oracle"]  # version 0.1 called it accuracy
    sentence = f"accuracy is {zero_shot:.0%} zero-shot and {oracle:.0%} through the best bridge".replace("%", " %")
    assert sentence in RESULTS.read_text(encoding="utf-8")


def test_the_deactivation_matrix():
    change = figure("07_deactivation").set_index("changed")
    own = [change.loc[code, code] - change.loc[code].drop(code).mean() for code in change.index]
    sentence = f"raise its own log perplexity by {sum(own) / len(own):.3f} nats per token more"
    assert sentence in " ".join(RESULTS.read_text(encoding="utf-8").split())


def test_the_causes_of_one_translation():
    causes = figure("07_bridge_causality")
    rows = table(RESULTS, "neurons")
    assert len(rows) == len(causes)
    for row, numbers in zip(rows, causes.itertuples(), strict=True):
        assert row["neurons"] == f"{numbers.neurons} {numbers.set}"
        assert row["asked"] == {"zero-shot": "zero-shot", "en": "through English"}[numbers.asked]
        assert row["change"] == points(numbers.change, numbers.low, numbers.high, sign=True)
        assert row["beyond random"] == points(numbers.beyond, numbers.beyond_low, numbers.beyond_high, sign=True)


def test_the_commands_of_the_readme_stand_where_scripts_look_for_them():
    commands = re.findall(r"^ +(pip install .+)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert commands[:2] == [
        "pip install -c constraints.txt -e . && bridgex figures",
        'pip install -c constraints.txt -e ".[test]" && pytest',
    ]
