"""What a task is, and its prompts.

A task is asked in two languages: its *text* (a word, a passage, a premise …) is in the source language, the question about it
and the choices are in the target language. A bridge enters in two steps: the model first translates the text into it, and then
the text becomes a chain, ``{Src}:"{text}"→{Bridge}:"{its translation}"``, or, in the released protocol of reading
comprehension, its translation takes its place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ..datasets._languages import language
from ..datasets._lexicon import word_prompt
from ..exceptions import InputError
from ._reading import read_letter, read_text

#: Names of the choices in a prompt.
LETTERS = "ABCDEFG"

#: How an answer is found: the likeliest of the listed choices' letters, the likeliest of the choices themselves, or what the
#: model writes.
SCORINGS = ("letters", "texts", "generation")

#: How what the model wrote may be read, besides in the task's own way.
READINGS = ("released",)


def chain(src: str, text: str, bridge: str | None = None, translated: str | None = None) -> str:
    """A text in its language, followed by its translation if there is a bridge.

    Examples
    --------
    >>> chain("sw", "moto", "en", "fire")
    'kiswahili:"moto"→English:"fire"'
    """
    link = f'→{language(bridge).autonym}:"{translated}"' if bridge else ""
    return f'{language(src).autonym}:"{text}"{link}'


def lettered(choices: Sequence[str]) -> str:
    """Choices as they are listed after a question.

    Examples
    --------
    >>> lettered(["hot", "cold"])
    '\\nA. hot\\nB. cold'
    """
    return "".join(f"\n{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=False))


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
        ``prompt(text, item, tgt)`` -> the question; `text` is what `with_bridge` makes of the item's text. Choices, if there
        are any, are listed after it.
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
    text_prompt : callable
        ``text_prompt(src, bridge, text)`` -> what asks for that translation.
    text_shown : str
        How a translation is written after that prompt.
    with_bridge : callable
        ``with_bridge(src, text, bridge, translated)`` -> the text as the question holds it; without a bridge the last two are
        None. By default the `chain` of both.
    list_choices : callable
        ``list_choices(choices)`` -> how choices are listed.
    scorings : tuple of str
        The ways of finding an answer that fit, the default first; by default all of `SCORINGS` where there are choices, and
        "generation" where there are none.
    released : mapping of str to callable, optional
        What takes the place of `read`, `read_text` or `same` where answers are read as in the released code of BridgeX-ICL
        (``reading="released"``); without it, that reading is refused.
    new_tokens, text_tokens : int
        How many tokens the model may write for the answer, and for the translation of the text.
    languages : tuple of str, optional
        The languages of its data; None: any, as far as its data have them.
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
    text_prompt: Callable[[str, str, str], str] = word_prompt
    text_shown: str = '"{}"'
    with_bridge: Callable[[str, str, str | None, str | None], str] = chain
    list_choices: Callable[[Sequence[str]], str] = lettered
    scorings: tuple[str, ...] = ()
    released: Mapping[str, Callable[..., str]] | None = None
    new_tokens: int = 30
    text_tokens: int = 256
    languages: tuple[str, ...] | None = None


def fitting_scoring(task: Task, scoring: str | None) -> str:
    """How answers to a task are found: as asked for, or the task's own way.

    Raises
    ------
    InputError
        If that way does not fit the task.
    """
    fitting = task.scorings or (SCORINGS if task.choices else ("generation",))
    if scoring is None or scoring in fitting:
        return scoring or fitting[0]
    if not task.choices:
        raise InputError(
            f"{task.name} has no choices to score; leave out scoring=, its answers are read from the generated text"
        )
    raise InputError(
        f"{task.name} cannot be scored by {scoring!r}, its prompt asks for a letter; choose {' or '.join(fitting)}"
    )


def fitting_reading(task: Task, reading: str | None) -> Task:
    """The task with its answers read in that way: None for its own, "released" for that of the released code.

    Raises
    ------
    InputError
        If the released code has no reading of such answers.
    """
    if reading is None:
        return task
    if task.released is None:
        raise InputError(f"the released code of BridgeX-ICL reads no answers to {task.name}; leave out reading=")
    return replace(task, **task.released)


def full_prompt(task: Task, scoring: str, text: str, item: dict, tgt: str) -> str:
    """Everything before the answer: the question, and the lettered choices if a letter is the answer."""
    question = task.prompt(text, item, tgt)
    if task.choices is None:
        return question
    return question + (task.list_choices(task.choices(item, tgt)) if scoring != "texts" else "") + "\nAnswer:"


def full_answer(task: Task, scoring: str, answer: str, item: dict, tgt: str) -> str:
    """An answer as it is written after that prompt."""
    if task.choices is not None and scoring != "texts":
        answer = LETTERS[list(task.choices(item, tgt)).index(answer)]
    return task.shown.format(answer)
