"""From a slider to its picture, in the kernel and in the browser: pytest -n 0 -s tests/benchmarks/bench_widgets.py"""

import statistics
import time

import pytest

import bridgex_nb as bx
from bridgex_nb.similarity._core_evidence import core_evidence
from tests.browser.conftest import browser, folder, lab, visit  # noqa: F401  (fixtures)
from tests.browser.test_explorer import explorer, page  # noqa: F401  (fixtures)

STOPS = (0.01, 0.03, 0.05, 0.1)


def test_a_ranking_is_computed_in_100_ms(mini):
    evidence = core_evidence(mini, max(STOPS))
    probe = evidence.probe("sw", "tl")
    taken = {}
    for rate in STOPS:
        times = []
        for _ in range(9):
            start = time.perf_counter()
            bx.rank_bridges(probe, bx.top_neurons(evidence.counts, rate), resamples=0)
            times.append(1e3 * (time.perf_counter() - start))
        taken[rate] = statistics.median(times)
    print(
        "\nranking sw-tl, six bridges, by share of neurons:", ", ".join(f"{rate:g}: {ms:.0f} ms" for rate, ms in taken.items())
    )
    assert max(taken.values()) < 100


@pytest.mark.parametrize("slider", [0, 2], ids=["neurons", "layers"])
def test_a_slider_is_followed_by_its_picture_in_300_ms(explorer, slider):  # noqa: F811
    explorer.locator(".bridgex-picture").evaluate(
        """picture => {
            window.taken = [];
            let start = null;
            document.addEventListener('keydown', () => { start = performance.now(); }, true);
            new MutationObserver(() => {  // the first picture after a key, once it is painted
                if (start === null) return;
                const began = start;
                start = null;
                requestAnimationFrame(() => setTimeout(() => window.taken.push(performance.now() - began)));
            }).observe(picture, {childList: true, subtree: true});
        }"""
    )
    handle = explorer.get_by_role("slider").nth(slider)
    for number, key in enumerate(["ArrowLeft", "ArrowRight"] * 5, start=1):
        handle.press(key)
        explorer.page.wait_for_function("number => window.taken.length >= number", arg=number)
        explorer.get_by_text("resamples").wait_for()
    taken = sorted(explorer.page.evaluate("window.taken"))
    print(f"\nfrom a key on the slider to the painted picture: median {taken[5]:.0f} ms, slowest {taken[-1]:.0f} ms")
    assert statistics.median(taken) < 300
