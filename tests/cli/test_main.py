"""The command line: help, version, bad input."""

import os
import subprocess
import sys
import warnings
from importlib.metadata import version

import pytest

from bridgex_nb.cli import _main
from bridgex_nb.cli._main import main
from bridgex_nb.neurons._sets import RATE, RULES
from bridgex_nb.stats._hsic import ESTIMATORS


@pytest.fixture
def bad(tmp_path):
    """A folder of files and models that are refused."""
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
        ("bridge sw tl --model {0}/folder", "not a model folder, there is no config.json in it"),
        ("bridge sw tl --model {0}/unknown", "no neuron site is known for architecture 'ctrl'"),
        ("bridge sw tl --model {0}/strange", "no_such_thing"),
        ("figures --model {0}/folder --out {0}/out", "not a model folder"),
        ("figures --only 03 99 --out {0}/out", "no notebook 99; choose from 00 01"),
        ("figures --pair sw-xx --out {0}/out", "unknown language 'xx'"),
        ("figures --pair sw/tl --out {0}/out", "with a dash between them, such as sw-tl"),
        ("figures --compare {0}/folder --out {0}/out", "no figures to compare with"),
        ("bridge Swahili tl", "did you mean 'sw' (Swahili)?"),
        ("bridge sw tl --lexicon {0}", "a folder, not a dictionary file"),
        ("figures --pair sw-sw --out {0}/out", "source and target are both 'sw'"),
        ("info {0}/folder", "not a model folder"),
        ("bridge sw tl --rate 0.0001", "no neurons are shared and active on the probe in layers 2-4"),
        ("bridge sw tl --rate 7", "rate is a share, between 0 and 1; not 7.0"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(run, bad, arguments, message):
    code, out, err = run(*arguments.format(bad).split())
    assert code == 2
    assert out == ""
    lines = [line for line in err.splitlines() if line.startswith("bridgex:")]
    assert len(lines) == 1
    assert message in lines[0]


def test_a_refused_model_leaves_nothing_behind(run, bad):
    run("figures", "--model", str(bad / "folder"), "--out", str(bad / "out"))
    assert not (bad / "out").exists()


def test_the_console_has_no_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "bridgex_nb.cli", "bridge", "sw", "xx"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("bridgex: unknown language 'xx'; choose from en English, de German, fr French,")
    assert done.stderr.count("\n") == 1


def test_no_command_and_the_version(run, capsys):
    assert "run the notebooks" in run()[1]
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"bridgex {version('bridgex-nb')}\n"
    with pytest.raises(SystemExit):
        main(["info", "--no-such-option"])
    assert "unrecognized arguments: --no-such-option" in capsys.readouterr().err


LIGHT = """
import sys
from bridgex_nb.cli import main
try:
    main({arguments})
except SystemExit:
    pass
heavy = {{"torch", "transformers", "nnsight", "pandas", "matplotlib", "IPython"}} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], [], ["bridge", "--help"], ["leaderboard", "--help"], ["bridge", "sw", "tl", "--rule", "x"]],
)
def test_help_version_and_wrong_options_import_nothing_heavy(arguments):
    script = LIGHT.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr


def test_the_choices_are_those_of_the_package():
    assert (_main.RULES, _main.ESTIMATORS, _main.RATE) == (RULES, ESTIMATORS, RATE)


def test_a_command_leaves_warnings_as_they_were(run):
    before = warnings.showwarning
    run("bridge", "sw", "sw")
    assert warnings.showwarning is before
