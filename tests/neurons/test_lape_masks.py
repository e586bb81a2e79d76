"""The neuron sets that LAPE's authors released: published counts, overlaps, and files that are refused."""

import pytest
import torch

import bridgex_nb as bx

CODES = ("en", "zh", "fr", "es", "vi", "id", "ja")

#: LAPE's published numbers of neurons of LLaMA-2-7B.
LLAMA_2_7B = {"en": 95, "zh": 583, "fr": 1022, "es": 838, "vi": 836, "id": 1068, "ja": 582}


def members(neuron_set):
    return {tuple(index) for index in neuron_set.nonzero().tolist()}


@pytest.fixture(scope="session")
def released(shared_data):
    return bx.read_lape_masks(shared_data / "lape_masks" / "LLaMA-2-7B.neuron.pth", num_neurons=11008)


def test_released_sets_have_the_published_sizes(released):
    assert {code: int(neuron_set.sum()) for code, neuron_set in released.items()} == LLAMA_2_7B
    number = torch.stack(list(released.values())).sum(dim=0)
    assert number.shape == (32, 11008)
    assert number.flatten().bincount()[1:].tolist() == [2396, 856, 193, 58, 15, 5]
    # One percent of all neurons, as `lape` rounds it.
    assert int((number > 0).sum()) == 3523 == round(0.01 * number.numel())


def test_every_released_file_loads(shared_data):
    widths = {"13B": 13824, "70B": 28672, "BLOOM-7B": 16384, "Mistral-7B": 14336, "OPT-6.7B": 16384, "Phi-2-2.7B": 10240}
    for name, neurons in widths.items():
        (path,) = (shared_data / "lape_masks").glob(f"*{name}.neuron.pth")
        sets = bx.read_lape_masks(path, neurons)
        assert tuple(sets) == CODES[: len(sets)]
        stored = torch.load(path, weights_only=True)
        for neuron_set, layers in zip(sets.values(), stored, strict=True):
            expected = [sorted(numbers.tolist()) for numbers in layers]
            assert [layer.nonzero()[:, 0].tolist() for layer in neuron_set] == expected


def test_overlap_of_released_sets(released):
    count, lift = bx.overlap_matrix(released), bx.overlap_matrix(released, "lift")
    assert {code: count.loc[code, code] for code in count} == LLAMA_2_7B
    for a, b in [("fr", "es"), ("zh", "ja"), ("en", "ja")]:
        assert count.loc[a, b] == len(members(released[a]) & members(released[b]))
    # Related languages share more than expected by chance, and more than unrelated ones.
    assert lift.loc["fr", "es"] > lift.loc["fr", "ja"] > 1


def test_overlap_of_the_sets_of_two_models(shared_data, released):
    # Neurons of LLaMA-2-7B and OPT have nothing to do with each other: the two models only have the same shape.
    opt, llama = (
        bx.read_lape_masks(shared_data / "lape_masks" / f"{name}.neuron.pth", 16384) for name in ("OPT-6.7B", "LLaMA-2-7B")
    )
    matrix = bx.overlap_matrix(
        {f"OPT {code}": neuron_set for code, neuron_set in opt.items()}
        | {f"LLaMA {code}": neuron_set for code, neuron_set in llama.items()}
    )
    assert matrix.loc["LLaMA fr", "LLaMA es"] == bx.overlap_matrix(released).loc["fr", "es"]
    assert matrix.loc["OPT fr", "LLaMA fr"] == int((opt["fr"] & llama["fr"]).sum())


def test_sets_of_other_languages(tmp_path):
    path = tmp_path / "masks.pth"
    torch.save([[torch.tensor([3, 1]), torch.tensor([], dtype=torch.int64)], [torch.tensor([0]), torch.tensor([3])]], path)
    sets = bx.read_lape_masks(path, 4, languages=["sw", "th"])
    assert {code: members(neuron_set) for code, neuron_set in sets.items()} == {"sw": {(0, 1), (0, 3)}, "th": {(0, 0), (1, 3)}}
    with pytest.raises(bx.InputError, match=r"2 languages.*languages="):
        bx.read_lape_masks(path, 4, languages=["sw"])
    with pytest.raises(bx.InputError, match="languages is empty"):
        bx.read_lape_masks(path, 4, languages=[])
    with pytest.raises(bx.InputError, match=r"layer 0.*num_neurons"):
        bx.read_lape_masks(path, 3, languages=["sw", "th"])


@pytest.mark.parametrize(
    "content",
    [
        {"en": [torch.tensor([1])]},
        [],
        [torch.tensor([1])],
        [[torch.tensor([1])], [torch.tensor([1]), torch.tensor([1])]],
        [[torch.tensor([0.5])]],
        [[torch.tensor([[1, 2]])]],
    ],
    ids=["dict", "empty", "no layers", "ragged", "fractions", "two-dimensional"],
)
def test_files_that_hold_something_else_are_refused(content, tmp_path):
    torch.save(content, tmp_path / "masks.pth")
    with pytest.raises(bx.InputError, match=r"masks\.pth.*by language and layer"):
        bx.read_lape_masks(tmp_path / "masks.pth", 4)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "text.pth").write_text("not masks")
    for name, match in [("text.pth", r"text\.pth.*torch\.save"), ("none.pth", r"none\.pth: no such file")]:
        with pytest.raises(bx.InputError, match=match):
            bx.read_lape_masks(tmp_path / name, 4)
