"""Figures of neurons show what their sets hold."""

import numpy as np
import pytest
import torch

import bridgex_nb as bx


def test_sharing_types_are_stacked_to_the_whole_layer(sharing):
    figure = bx.plots.sharing_types(sharing)
    assert [axes.get_title() for axes in figure.axes] == [f"active above {t}" for t in ("0", "0.2", "0.4", "0.5")]
    for axes, threshold in zip(figure.axes, sharing.threshold.unique(), strict=True):
        layers = sharing[sharing.threshold == threshold]
        bottom = np.zeros(5)
        for bars, kind in zip(axes.containers[:4], ["all_shared", "partial_shared", "specific", "non_activated"], strict=True):
            assert [bar.get_y() for bar in bars] == pytest.approx(bottom)
            assert [bar.get_height() for bar in bars] == pytest.approx(layers[kind] * 100)
            bottom += [bar.get_height() for bar in bars]
        assert bottom == pytest.approx([100] * 5)
        control = axes.containers[4]
        assert [bar.get_height() for bar in control] == pytest.approx(layers.all_shared_mismatched * 100)
        assert all(bar.get_hatch() and bar.get_y() == 0 for bar in control)


def test_sharing_types_without_a_control_hatch_nothing(sharing):
    plain = sharing.drop(columns=[name for name in sharing if "mismatched" in name or "_shared_" in name])
    figure = bx.plots.sharing_types(plain)
    assert [len(axes.containers) for axes in figure.axes] == [4] * 4
    assert len(figure.legends[0].get_texts()) == 4
    assert len(bx.plots.sharing_types(sharing).legends[0].get_texts()) == 5


def test_sets_by_layer_have_the_title_that_they_are_given():
    sets = {"specific": torch.ones(2, 3, dtype=torch.bool)}
    assert bx.plots.neurons_by_layer(sets).axes[0].get_title() == "Language neurons by layer"
    assert bx.plots.neurons_by_layer(sets, "In how many languages").axes[0].get_title() == "In how many languages"


@pytest.mark.parametrize(("name", "neurons", "layers"), [("LLaMA-2-7B", 11008, 32), ("LLaMA-2-70B", 28672, 80)])
def test_released_lape_masks_are_drawn(shared_data, name, neurons, layers):
    sets = bx.read_lape_masks(shared_data / "lape_masks" / f"{name}.neuron.pth", neurons)
    figure = bx.plots.neurons_by_layer(sets)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    # A language that is not among the fifteen has its name, too.
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[:5] == ["English", "Chinese", "French", "Spanish", "Vietnamese"]
    cells = axes.collections[0].get_array().reshape(len(sets), layers)
    assert cells.sum(axis=1).tolist() == [int(neuron_set.sum()) for neuron_set in sets.values()]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == (cells.size if layers == 32 else 0)
    for row in range(0, len(boxes), layers):
        assert all(one.x1 < other.x0 for one, other in zip(boxes[row:], boxes[row + 1 : row + layers], strict=False))
    assert bx.plots.overlap_heatmap(bx.overlap_matrix(sets)).axes[0].get_title()
