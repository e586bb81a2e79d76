"""Real models are loaded whole and right: the losses of a sentence, the weights in their file, what the run card says."""

import hashlib
import time

import pytest
import torch

import bridgex_nb as bx
from bridgex_nb.models import packaged_models
from bridgex_nb.models._packaged import part_paths

pytestmark = pytest.mark.real

SENTENCE = "The cat is sleeping on the table and the dog is in the garden."
#: Of gemma-3-270m-q4_k_m.gguf.
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"


def loss(model, ids):
    """Mean loss of token ids as transformers itself computes it."""
    ids = torch.tensor([ids])
    with torch.inference_mode():
        return float(model.hf_model(input_ids=ids, labels=ids).loss)


@pytest.mark.parametrize(("name", "expected"), [("gemma", 3.10), ("smollm2", 3.94)])
def test_loss_of_a_plain_sentence(name, expected, request):
    model = request.getfixturevalue(name)
    row = bx.loglikelihood(model, [SENTENCE]).iloc[0]
    ours, theirs = -row.logprob / row.tokens, loss(model, model.tokenizer(SENTENCE)["input_ids"])
    print(f"\n{name}: {ours:.4f}")
    assert ours == pytest.approx(theirs, abs=1e-3)
    assert ours == pytest.approx(expected, abs=0.01)


def test_gemma_gets_the_beginning_of_text_that_it_needs(gemma):
    ids = gemma.tokenizer(SENTENCE)["input_ids"]
    assert ids[0] == gemma.tokenizer.bos_token_id
    assert gemma.tokenizer.bos_token_id not in ids[1:]
    print(f"\nloss with BOS {loss(gemma, ids):.2f}, without {loss(gemma, ids[1:]):.2f}")
    assert loss(gemma, ids[1:]) > 2 * loss(gemma, ids)


def test_every_language_survives_the_tokenizer(gemma):
    for code, sentences in bx.core_sentences().items():
        for text, ids in zip(sentences, gemma.tokenizer(sentences)["input_ids"], strict=True):
            assert gemma.tokenizer.decode(ids, skip_special_tokens=True) == text, code
            assert gemma.tokenizer.unk_token_id not in ids, code


def test_the_card_names_the_file_and_its_quantisation(gemma):
    digest = hashlib.sha256()
    for path in part_paths("gemma-3-270m"):
        digest.update(path.read_bytes())
    table = packaged_models().set_index("name")
    assert digest.hexdigest() == SHA256 == gemma.card["weights_sha256"] == table.sha256["gemma-3-270m"]
    assert (gemma.card["model"], gemma.card["quantisation"], gemma.card["dtype"]) == ("gemma-3-270m", "Q4_K_M", "float32")
    assert (gemma.num_layers, gemma.num_neurons) == (18, 2048)


#: Weights of each kind in the file -> where they are in the model, and what transformers adds to norms that it stores less 1.
PLACES = {
    "token_embd.weight": ("model.embed_tokens.weight", 0),
    "blk.0.ffn_gate.weight": ("model.layers.0.mlp.gate_proj.weight", 0),
    "blk.9.ffn_up.weight": ("model.layers.9.mlp.up_proj.weight", 0),
    "blk.17.ffn_down.weight": ("model.layers.17.mlp.down_proj.weight", 0),
    "blk.3.attn_q.weight": ("model.layers.3.self_attn.q_proj.weight", 0),
    "blk.5.attn_k.weight": ("model.layers.5.self_attn.k_proj.weight", 0),
    "blk.3.ffn_norm.weight": ("model.layers.3.pre_feedforward_layernorm.weight", 1),
    "output_norm.weight": ("model.norm.weight", 1),
}


def test_weights_are_those_of_the_file_dequantised_by_its_own_library(gemma, tmp_path):
    gguf = pytest.importorskip("gguf")
    path = tmp_path / "model.gguf"
    with path.open("wb") as whole:
        for part in part_paths("gemma-3-270m"):
            whole.write(part.read_bytes())
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    for name, (place, added) in PLACES.items():
        tensor = tensors[name]
        expected = torch.from_numpy(gguf.dequantize(tensor.data, tensor.tensor_type).copy())
        torch.testing.assert_close(gemma.hf_model.get_parameter(place).data + added, expected, rtol=1e-6, atol=1e-6)


def test_the_second_load_takes_seconds(gemma):
    """Of the processor, whatever else the machine does; unpacking the file takes half a minute."""
    assert packaged_models().set_index("name").unpacked["gemma-3-270m"]
    start = time.process_time()
    bx.load_model("gemma-3-270m", dtype="float32")
    taken = time.process_time() - start
    print(f"\nloaded again in {taken:.1f} s of the processor")
    assert taken < 15
