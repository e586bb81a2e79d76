"""The command line, as a user meets it."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import bridgex_nb as bx
from bridgex_nb.cli._main import main


def run(capsys, *arguments):
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_bridge_prints_the_ranking(capsys):
    code, out, _ = run(capsys, "bridge", "sw", "tl")
    assert code == 0
    assert out.startswith("Swahili → Tagalog on bridgex-mini")
    table = [line.split()[0] for line in out.splitlines()[2:-1] if line.split()[0] in {"en", "de", "fr", "it", "pt", "es"}]
    assert sorted(table) == ["de", "en", "es", "fr", "it", "pt"]
    assert out.splitlines()[-1].startswith(f"Best bridge: {bx.language(table[0]).name}, first in")


def test_bridge_with_a_real_dictionary(capsys, shared_data):
    code, out, _ = run(capsys, "bridge", "en", "tl", "--lexicon", str(shared_data / "muse" / "en-tl.0-5000.txt"))
    assert code == 0
    assert "Best bridge" in out


def test_bridge_with_two_dictionaries_pivots_through_english(capsys, shared_data):
    files = [shared_data / "wiktionary_bli" / "sw-en.all", shared_data / "muse" / "en-tl.0-5000.txt"]
    code, out, err = run(capsys, "bridge", "sw", "tl", "--lexicon", *map(str, files))
    assert code == 0
    assert "Best bridge" in out
    assert err.count("unreadable line") == 1


def test_info_says_where_the_neurons_are(capsys):
    code, out, _ = run(capsys, "info")
    assert code == 0
    assert "LlamaForCausalLM" in out
    assert "768 a layer, 4,608 in all" in out
    assert "output of model.layers[i].mlp.act_fn" in out


@pytest.fixture
def places(tmp_path):
    """Bad things to give, by name."""
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "unreadable.txt").write_bytes(b"\xff\xfe\xfa\nword\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "unknown").mkdir()
    (tmp_path / "unknown" / "config.json").write_text('{"model_type": "ctrl", "architectures": ["CTRLLMHeadModel"]}')
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "config.json").write_text('{"model_type": "no_such_thing"}')
    (tmp_path / "swapped.txt").write_text("apoy moto\ntubig maji\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("bridge sw xx", "unknown language 'xx'"),
        ("bridge sw sw", "source and target are both 'sw'"),
        ("bridge sw tl --lexicon {0}/missing.txt", "missing.txt: no such dictionary file"),
        ("bridge sw tl --lexicon {0}/empty.txt", "empty.txt: no line can be read"),
        ("bridge sw tl --lexicon {0}/unreadable.txt", "unreadable.txt: no line can be read"),
        ("bridge sw tl --lexicon {0}/swapped.txt", "the model translates 0 of 2 words right"),
        ("bridge sw tl --model {0}/folder", "not a model folder, it has no config.json"),
        ("bridge sw tl --model {0}/unknown", "no neuron site is known for architecture 'ctrl'"),
        ("bridge sw tl --model {0}/strange", "no_such_thing"),
        ("figures --model {0}/folder --out {0}/out", "not a model folder"),
        ("figures --only 03 99 --out {0}/out", "no notebook 99; there are 00 01"),
        ("figures --pair sw-xx --out {0}/out", "unknown language 'xx'"),
        ("figures --pair sw/tl --out {0}/out", "with a dash between, such as sw-tl"),
        ("figures --compare {0}/folder --out {0}/out", "no figures there to compare with"),
        ("bridge Swahili tl", "did you mean 'sw' (Swahili)?"),
        ("bridge sw tl --lexicon {0}", "a folder, not a dictionary file"),
        ("figures --pair sw-sw --out {0}/out", "source and target are both 'sw'"),
        ("info {0}/folder", "not a model folder"),
        ("bridge sw tl --rate 0.0001", "no neurons are shared in layers 2-4"),
        ("bridge sw tl --rate 7", "rate is the share of all neurons"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, places, arguments, message):
    code, out, err = run(capsys, *arguments.format(places).split())
    assert code == 2
    assert out == ""
    lines = [line for line in err.splitlines() if line.startswith("bridgex:")]
    assert len(lines) == 1
    assert message in lines[0]


def test_a_refused_model_leaves_nothing_behind(capsys, places):
    run(capsys, "figures", "--model", str(places / "folder"), "--out", str(places / "out"))
    assert not (places / "out").exists()


def test_the_console_has_no_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "bridgex_nb.cli", "bridge", "sw", "xx"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("bridgex: unknown language 'xx'; the languages are en English, de German, fr French,")
    assert done.stderr.count("\n") == 1


def test_lab_takes_the_options_of_jupyterlab(capfd):
    assert main(["lab", "--version"]) == 0
    assert capfd.readouterr().out.strip() == version("jupyterlab")


def test_no_command_and_the_version(capsys):
    assert "run the notebooks" in run(capsys)[1]
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"bridgex {version('bridgex-nb')}\n"
    with pytest.raises(SystemExit):
        main(["info", "--no-such-option"])
    assert "unrecognized arguments: --no-such-option" in capsys.readouterr().err
