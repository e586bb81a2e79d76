"""Leaderboards in a file that several models share: each with its run card, so that others can add theirs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..exceptions import InputError
from ..utils._replace_file import replace_file
from ..utils._run_card import MODEL_FACTS

#: Columns of a leaderboard that hold text; all others hold numbers.
_TEXT = ("selector", "verdict")
#: What is kept of ``.attrs``.
_ATTRS = ("headroom", "by_pair", "card")


def add_leaderboard(board: pd.DataFrame, file: str | Path) -> None:
    """Add a leaderboard to a file of leaderboards; the file is made if there is none.

    A board of the same model, answers and way of scoring them takes the place of the one that is there. The file is JSON: a
    list of boards, each with its rows, headroom, scores by pair and run card.

    Parameters
    ----------
    board : pandas.DataFrame
        Of `leaderboard`.
    file : str or Path

    Raises
    ------
    InputError
        If the table is not of `leaderboard`, or the file is something else.

    Examples
    --------
    >>> add_leaderboard(leaderboard(model, items), "leaderboards.json")  # doctest: +SKIP
    """
    file = Path(file)
    if board.attrs.get("card", {}).get("function") != "leaderboard" or "selector" not in board:
        raise InputError("only a table of `leaderboard` with its run card can be added; tables read from CSV have none")
    boards = _read(file) if file.exists() else []
    columns = {name: [None if value != value else value for value in board[name].tolist()] for name in board}
    room = {name: None if value != value else value for name, value in board.attrs["headroom"].items()}
    new = {"columns": columns, "headroom": room, "by_pair": board.attrs["by_pair"], "card": board.attrs["card"]}
    boards = [old for old in boards if _study(old["card"]) != _study(new["card"])]
    replace_file(file, (json.dumps([*boards, new], indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_leaderboards(file: str | Path) -> list[pd.DataFrame]:
    """The leaderboards in a file of `add_leaderboard`, as `leaderboard` returned them.

    Parameters
    ----------
    file : str or Path

    Returns
    -------
    list of pandas.DataFrame
        In the order in which they were added.

    Raises
    ------
    InputError
        If there is no such file, or it is something else.

    Examples
    --------
    >>> boards = read_leaderboards("leaderboards.json")  # doctest: +SKIP
    >>> beats_baseline(boards[0])  # doctest: +SKIP
    """
    boards = []
    for stored in _read(Path(file)):
        table = pd.DataFrame(stored["columns"])
        numbers = [name for name in table if name not in _TEXT]
        table[numbers] = table[numbers].apply(pd.to_numeric)
        table.attrs |= {name: stored[name] for name in _ATTRS}
        table.attrs["headroom"] = {name: float("nan") if value is None else value for name, value in stored["headroom"].items()}
        boards.append(table)
    return boards


def merge_leaderboards(boards: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Leaderboards of several models or tasks in one table.

    Parameters
    ----------
    boards : sequence of pandas.DataFrame
        Of `leaderboard`.

    Returns
    -------
    pandas.DataFrame
        The rows of all boards, in their order, behind columns that say what they are of: model, task, scored_by ("score", or
        "gold_logprob", in nats), pairs (their number). Studies differ in headroom, which is the regret of `random`, and may
        differ in pairs and words: compare regrets within a study.

    Raises
    ------
    InputError
        If there is no board, or one has no run card.

    Examples
    --------
    >>> merge_leaderboards(read_leaderboards("leaderboards.json")).pivot(  # doctest: +SKIP
    ...     index="selector", columns="model", values="regret"
    ... )
    """
    if not boards:
        raise InputError("there is no leaderboard to merge")
    tables = []
    for board in boards:
        if "card" not in board.attrs:
            raise InputError("a leaderboard has no run card, so its model is not known; read it with read_leaderboards")
        table = board.copy()
        asked = board.attrs["card"].get("inputs", {}).get("items", {}).get("options", {})
        facts = {
            "model": board.attrs["card"].get("model"),
            "task": asked.get("task"),
            "scored_by": asked.get("score", "score"),
            "pairs": len(board.attrs["by_pair"]),
        }
        for place, (name, value) in enumerate(facts.items()):
            table.insert(place, name, value)
        table.attrs = {}
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _study(card: dict[str, Any]) -> str:
    """What a board is of: one file has one board of it."""
    facts = {name: card.get(name) for name in MODEL_FACTS}
    return json.dumps([facts, card.get("inputs", {}).get("items")], sort_keys=True)


def _read(file: Path) -> list[dict[str, Any]]:
    if not file.is_file():
        raise InputError(f"{file}: no such file of leaderboards; `bridgex leaderboard --add` or add_leaderboard makes one")
    try:
        boards = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{file}: damaged, or not a file of leaderboards ({error})") from error
    needed = {"columns", *_ATTRS}
    if not isinstance(boards, list) or not all(isinstance(board, dict) and needed <= set(board) for board in boards):
        raise InputError(f"{file}: not a file of leaderboards")
    return boards
