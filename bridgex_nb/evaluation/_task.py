"""What a task is, and its prompts.

A task is asked in two languages: its *text* (a word, a passage, a premise …) is in the source language, the question about it
and the choices are in the target language. A bridge enters in the same way everywhere: the model first translates the text into
it, and the text becomes a chain, ``{Src}:"{text}"→{Bridge}:"{its translation}"``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..datasets._languages import LANGUAGES, language
from ._reading import read_letter, read_text

#: Names of the choices in a prompt.
LETTERS = "ABCDEFG"

#: How an answer is found: the likeliest of the listed choices' letters, the likeliest of the choices themselves, or what the
#: model writes.
SCORINGS = ("letters", "texts", "generation")


@dataclass(frozen=True)
class Task:
    """A task. An item is a dict: `text` in the source language, the other fields in the target language.

    Attributes
    ----------
    name : str
    items : callable
        ``items(src, tgt, folder)`` -> the items of a language pair: a DataFrame with `item` (a unique name), `text`, and what
        the following functions look at.
    prompt : callable
        ``prompt(chain, item, tgt)`` -> the question. Choices, if there are any, are listed after it.
    gold : callable
        ``gold(item, tgt)`` -> the accepted answers; if there are choices, the right one.
    read : callable
        ``read(output, tgt)`` -> the answer in what the model wrote.
    choices : callable, optional
        ``choices(item, tgt)`` -> the texts to choose from.
    metric : {"accuracy", "chrf"}
        Whether an answer is right or wrong, or scored by its chrF against the accepted one, of which there is only one then.
    same : callable
        Applied to answer and gold before they are compared.
    shown : str
        How an answer is written after its prompt.
    read_text : callable
        ``read_text(output, bridge)`` -> the translation of the text in what the model wrote.
    new_tokens, text_tokens : int
        How many tokens the model may write for the answer, and for the translation of the text.
    languages : tuple of str
        The languages of its data.
    """

    name: str
    items: Callable[[str, str, str | Path | None], pd.DataFrame]
    prompt: Callable[[str, dict, str], str]
    gold: Callable[[dict, str], Sequence[str]]
    read: Callable[[str, str], str] = read_letter
    choices: Callable[[dict, str], Sequence[str]] | None = None
    metric: str = "accuracy"
    same: Callable[[str], str] = str
    shown: str = " {}"
    read_text: Callable[[str, str], str] = read_text
    new_tokens: int = 30
    text_tokens: int = 256
    languages: tuple[str, ...] = tuple(LANGUAGES)


def chain(src: str, text: str, bridge: str | None = None, translated: str | None = None) -> str:
    """A text in its language, followed by its translation if there is a bridge.

    Examples
    --------
    >>> chain("sw", "moto", "en", "fire")
    'kiswahili:"moto"→English:"fire"'
    """
    link = f'→{language(bridge).autonym}:"{translated}"' if bridge else ""
    return f'{language(src).autonym}:"{text}"{link}'


def full_prompt(task: Task, scoring: str, text: str, item: dict, tgt: str) -> str:
    """Everything before the answer: the question about a `chain`, and the lettered choices if a letter is the answer."""
    question = task.prompt(text, item, tgt)
    if task.choices is None:
        return question
    listed = zip(LETTERS, task.choices(item, tgt), strict=False) if scoring != "texts" else ()
    return question + "".join(f"\n{letter}. {choice}" for letter, choice in listed) + "\nAnswer:"


def full_answer(task: Task, scoring: str, answer: str, item: dict, tgt: str) -> str:
    """An answer as it is written after that prompt."""
    if task.choices is not None and scoring != "texts":
        answer = LETTERS[list(task.choices(item, tgt)).index(answer)]
    return task.shown.format(answer)
