"""Tasks, prompts and examples, reading answers, metrics, X-ICL, paired comparison."""

from ._bridge_controls import CONTROLS, bridge_controls
from ._combine import combine
from ._compare import compare
from ._control_gains import control_gains
from ._ensemble import max_ensemble
from ._evaluate import evaluate, evaluate_grid
from ._known_words import known_words
from ._metrics import accuracy, by_gold_logprob, translation_scores
from ._reading import fold, read_answer, read_letter, read_number, read_option, read_text, read_word
from ._side_by_side import side_by_side
from ._task import SCORINGS, Task
from ._tasks import TASKS, task_items
from ._xicl import ZERO_SHOT, answers

__all__ = [
    "CONTROLS",
    "SCORINGS",
    "TASKS",
    "ZERO_SHOT",
    "Task",
    "accuracy",
    "answers",
    "bridge_controls",
    "by_gold_logprob",
    "combine",
    "compare",
    "control_gains",
    "evaluate",
    "evaluate_grid",
    "fold",
    "known_words",
    "max_ensemble",
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
