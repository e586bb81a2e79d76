"""The Python code in README.md, CONTRIBUTING.md and docs/ runs, one process per page, from top to bottom."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: A code block, and the comment that says why it is not run, if there is one.
BLOCK = re.compile(r"(?P<why><!-- not run: .+? -->\n)?```python\n(?P<code>.*?)```", re.DOTALL)


def code(path: Path) -> str:
    return "\n".join(block["code"] for block in BLOCK.finditer(path.read_text(encoding="utf-8")) if not block["why"])


PAGES = [path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))) if code(path)]


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_code_of_a_page_runs(path, tmp_path):
    (tmp_path / "page.py").write_text(code(path), encoding="utf-8")
    done = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
