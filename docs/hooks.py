"""What the site shows of files that stay where they are: notebooks, figures, and pages at the root of the repository."""

from pathlib import Path

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]


@event_priority(100)  # before mkdocs-jupyter looks for notebooks
def on_files(files, config):
    """Add them to the site."""
    shown = [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("figures/*.png"), ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
    for path in sorted(shown):
        name = path.relative_to(ROOT).as_posix()
        files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links that are right in the repository, made right for the site, whose root holds docs/ and the repository's root."""
    if page.file.src_uri in ("CHANGELOG.md", "CONTRIBUTING.md"):
        return markdown.replace("](docs/", "](")
    up = "../" * page.file.src_uri.count("/")
    for name in ("notebooks/", "figures/", "CONTRIBUTING.md", "CHANGELOG.md"):
        markdown = markdown.replace(f"](../{up}{name}", f"]({up}{name}")
    return markdown
