"""Tasks, prompts and examples, reading answers, metrics, X-ICL, paired comparison."""

from ._compare import compare
from ._evaluate import evaluate, evaluate_grid
from ._metrics import accuracy, translation_scores
from ._reading import fold, read_answer, read_letter, read_number, read_option, read_text, read_word
from ._side_by_side import side_by_side
from ._tasks import SCORINGS, TASKS, Task, task_items
from ._xicl import ZERO_SHOT, answers, known_words

__all__ = [
    "SCORINGS",
    "TASKS",
    "ZERO_SHOT",
    "Task",
    "accuracy",
    "answers",
    "compare",
    "evaluate",
    "evaluate_grid",
    "fold",
    "known_words",
    "read_answer",
    "read_letter",
    "read_number",
    "read_option",
    "read_text",
    "read_word",
    "side_by_side",
    "task_items",
    "translation_scores",
]
