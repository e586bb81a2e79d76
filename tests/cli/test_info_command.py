"""`bridgex info`, as a user meets it."""


def test_info_says_where_the_neurons_are(run):
    code, out, _ = run("info")
    assert code == 0
    assert "LlamaForCausalLM" in out
    assert "768 per layer, 4,608 in all" in out
    assert "output of model.layers[i].mlp.act_fn" in out
