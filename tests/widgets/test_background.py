"""Steps in a thread: what they report and how they end."""

import threading

import pytest
from traitlets import Int

from bridgex_nb.exceptions import InputError
from bridgex_nb.utils._progress import outer_bar, progress_bar
from bridgex_nb.widgets._background import Background


class Counter(Background):
    """A state with one number."""

    number = Int()


def test_a_step_sets_the_traits_that_it_yields():
    counter = Counter()
    seen = []
    counter.observe(lambda change: seen.append(change.new), "number")
    counter.start({"number": i} for i in (1, 2, 3))
    counter.wait()
    assert seen == [1, 2, 3]
    assert (counter.task, counter.progress, counter.error, counter.cancelled) == ("", 0.0, "", False)


@pytest.mark.parametrize(
    ("error", "words"), [(InputError("no such thing"), "no such thing"), (ZeroDivisionError("by 0"), "ZeroDivisionError: by 0")]
)
def test_an_error_is_reported_in_words_and_gone_with_the_next_step(error, words):
    def fails():
        yield {"number": 1}
        raise error

    counter = Counter()
    counter.start(fails())
    counter.wait()
    assert (counter.number, counter.error, counter.task) == (1, words, "")
    counter.start(iter([{"number": 2}]))
    counter.wait()
    assert (counter.number, counter.error) == (2, "")


def bars(reached, proceed):
    """A step with a progress bar inside another one, which is shown for both; halfway it waits for `proceed`."""
    with outer_bar(total=4, desc="outside") as outer:
        for i in range(4):
            with progress_bar(total=10, desc="inside") as bar:
                bar.update(10)
            outer.update(1)
            if i == 1:
                reached.set()
                proceed.wait(10)
    yield {"number": 4}


@pytest.fixture
def reports(monkeypatch):
    """Every report reaches the state."""
    monkeypatch.setattr("bridgex_nb.widgets._background.REPORT_EVERY", 0)


def test_progress_is_that_of_the_outer_bar_even_if_bars_are_off(reports, monkeypatch, capfd):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    counter, reached, proceed = Counter(), threading.Event(), threading.Event()
    counter.start(bars(reached, proceed))
    assert reached.wait(10)
    assert (counter.task, counter.progress) == ("outside", 0.5)
    proceed.set()
    counter.wait()
    assert (counter.number, counter.task, counter.progress) == (4, "", 0.0)
    assert capfd.readouterr() == ("", "")


def test_a_cancelled_step_stops_at_its_next_report(reports):
    counter, reached, proceed = Counter(), threading.Event(), threading.Event()
    counter.start(bars(reached, proceed))
    assert reached.wait(10)
    counter.cancel()
    assert (counter.task, counter.cancelled) == ("", True)
    proceed.set()
    counter.wait()
    assert (counter.number, counter.error, counter.cancelled) == (0, "", True)
    counter.cancel()
    counter.start(iter([{"number": 5}]))
    counter.wait()
    assert (counter.number, counter.cancelled) == (5, False)


def test_nothing_is_cancelled_if_nothing_runs():
    counter = Counter()
    counter.cancel()
    assert not counter.cancelled


def test_a_later_step_replaces_the_one_that_runs(reports):
    counter, reached, proceed = Counter(), threading.Event(), threading.Event()
    counter.start(bars(reached, proceed))
    assert reached.wait(10)
    for number in (5, 6, 7):
        counter.start(iter([{"number": number}]))
    proceed.set()
    counter.wait()
    assert counter.number == 7
    assert (counter.error, counter.cancelled) == ("", False)
