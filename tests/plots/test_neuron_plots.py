"""Figures of neurons show what their sets hold."""

import numpy as np
import pytest

import bridgex_nb as bx


def test_sharing_types_are_stacked_to_the_whole_layer(sharing):
    figure = bx.plots.sharing_types(sharing)
    assert [axes.get_title() for axes in figure.axes] == [f"active above {t}" for t in ("0", "0.2", "0.4", "0.5")]
    for axes, threshold in zip(figure.axes, sharing.threshold.unique(), strict=True):
        layers = sharing[sharing.threshold == threshold]
        bottom = np.zeros(5)
        for bars, kind in zip(axes.containers, ["all_shared", "partial_shared", "specific", "non_activated"], strict=True):
            assert [bar.get_y() for bar in bars] == pytest.approx(bottom)
            assert [bar.get_height() for bar in bars] == pytest.approx(layers[kind] * 100)
            bottom += [bar.get_height() for bar in bars]
        assert bottom == pytest.approx([100] * 5)


@pytest.mark.parametrize(("name", "neurons", "layers"), [("LLaMA-2-7B", 11008, 32), ("LLaMA-2-70B", 28672, 80)])
def test_released_lape_masks_are_drawn(shared_data, name, neurons, layers):
    sets = bx.read_lape_masks(shared_data / "lape_masks" / f"{name}.neuron.pth", neurons)
    figure = bx.plots.neurons_by_layer(sets)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    # A language that is not among the fifteen is shown by its code.
    assert [label.get_text() for label in axes.get_yticklabels()][:5] == ["English", "Chinese", "French", "Spanish", "vi"]
    cells = axes.collections[0].get_array().reshape(len(sets), layers)
    assert cells.sum(axis=1).tolist() == [int(neuron_set.sum()) for neuron_set in sets.values()]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == (cells.size if layers == 32 else 0)
    for row in range(0, len(boxes), layers):
        assert all(one.x1 < other.x0 for one, other in zip(boxes[row:], boxes[row + 1 : row + layers], strict=False))
    assert bx.plots.overlap_heatmap(bx.overlap_matrix(sets)).axes[0].get_title()
