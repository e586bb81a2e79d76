"""Options of answers are checked before anything else happens."""

import dataclasses
import inspect

import pytest

import bridgex_nb as bx
from bridgex_nb.evaluation._options import AnswerOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scoring": "best"}, "unknown scoring 'best'; choose from letters, texts, generation"),
        ({"shots": 2, "shots_in": "en"}, "unknown shots_in 'en'; choose from src, bridge, tgt"),
        ({"shots": -1}, "shots is -1; it must be 0 or more"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0; it must be 1 or more"),
        ({"token_budget": 0}, "token_budget is 0; it must be 1 or more"),
        ({"examples": bx.core_lexicon("sw", "tl")}, "examples is given, but shots is 0.*shots=4"),
        ({"shots_in": "bridge"}, "shots_in is given, but shots is 0.*shots=4"),
        ({"shots_for": "hops"}, "shots_for is given, but shots is 0.*shots=4"),
        ({"shots": 2, "shots_for": "both"}, "unknown shots_for 'both'; choose from answer, hops"),
        ({"shots": 2, "shots_for": "hops", "shots_in": "tgt"}, "examples of both hops begin in the source language"),
        ({"reading": "paper"}, "unknown reading 'paper'; choose from released"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_model_is_looked_at(options, message):
    with pytest.raises(bx.InputError, match=message):
        AnswerOptions(**options)
    with pytest.raises(bx.InputError, match=message):
        bx.answers(None, "bli", None, **options)
    with pytest.raises(bx.InputError, match=message):
        bx.evaluate(None, "bli", "sw", "tl", **options)
    with pytest.raises(bx.InputError, match=message):
        bx.evaluate_grid(None, ["bli"], **options)


@pytest.mark.parametrize("function", [bx.answers, bx.evaluate, bx.evaluate_grid, bx.known_words], ids=lambda f: f.__name__)
def test_every_function_spells_out_its_options_with_the_same_defaults(function):
    defaults = {field.name: field.default for field in dataclasses.fields(AnswerOptions)}
    parameters = inspect.signature(function).parameters
    assert all(parameter.kind != parameter.VAR_KEYWORD for parameter in parameters.values())
    shared = {name: parameters[name].default for name in defaults if name in parameters}
    assert shared == {name: defaults[name] for name in shared}
    assert len(shared) == (7 if function is bx.known_words else len(defaults))


def test_options_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        AnswerOptions().shots = 3
