"""What the site adds to docs/*.md: its navigation, the README and changelog, the reference.

Called by MkDocs; see mkdocs.yml beside this file. ``MERMAID`` names the folder into which tox has
put the npm package that draws diagrams: the theme would load it from another host.
"""

from __future__ import annotations

import os
import re
import tarfile
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
#: Pages of the site that do not lie in docs/, by their name there.
REFERENCE = {
    "reference-ultracart.md": ("ultracart", ["ultracart.Configuration", "ultracart.ApiClient",
        "ultracart.OauthApi", "ultracart.official", "ultracart.exceptions"]),
    "reference-oauth.md": ("ultracart.oauth", ["ultracart.oauth"]),
    "reference-sandbox.md": ("ultracart.sandbox", ["ultracart.sandbox"]),
}  # fmt: skip
_PART = re.compile(r"^## (.+)$|^\d+\. \[([^\]]+)\]\((\w+\.md)\)", re.MULTILINE)
#: What a browser would load, unasked, from elsewhere.
_FOREIGN = re.compile(
    r"""<(?:script|img|iframe|link(?=[^>]*stylesheet))[^>]*(?:src|href)=["']?(?:https?:)?//[^>]*>"""
)
_CODE_LINK = re.compile(r"\[([^\]]+)\]\(\.\./(?!README\.md|CHANGELOG\.md)[^)]*\)")


def on_config(config: Any) -> Any:
    """The navigation is the index of docs/README.md, followed by the reference."""
    nav: list[Any] = [{"Documentation": "README.md"}, {"Overview": "project.md"}]
    for part, title, page in _PART.findall((ROOT / "docs/README.md").read_text(encoding="utf-8")):
        if part:
            nav.append({part: []})
        else:
            next(iter(nav[-1].values())).append({title: page})
    reference = next(item["Reference"] for item in nav if "Reference" in item)
    reference.extend({title: page} for page, (title, _) in REFERENCE.items())
    nav.append({"Changelog": "changelog.md"})
    config.nav = nav
    return config


def on_files(files: Files, config: Any) -> Files:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    added = {"project.md": _of_the_root(readme), "changelog.md": _of_the_root(changelog)}
    for page, (title, names) in REFERENCE.items():
        added[page] = "# %s\n\n%s\n" % (title, "\n\n".join("::: " + name for name in names))
    for name, text in added.items():
        files.append(File.generated(config, name, content=text))
    (package,) = Path(os.environ["MERMAID"]).glob("mermaid-*.tgz")
    with tarfile.open(package) as archive:
        script = archive.extractfile("package/dist/mermaid.min.js")
        content = script.read() if script is not None else b""
    files.append(File.generated(config, "assets/mermaid.min.js", content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to files that the site has under another name, or not at all."""
    markdown = markdown.replace("](../README.md", "](project.md")
    markdown = markdown.replace("](../CHANGELOG.md", "](changelog.md")
    # Two pairs of brackets in a row are a reference to mkdocstrings; here they are notes.
    markdown = markdown.replace("[optional] [", "[optional] \\[")
    return _CODE_LINK.sub(r"\1", markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    foreign = _FOREIGN.search(output)
    if foreign is not None:
        raise PluginError("%s loads from another host: %s" % (page.file.src_uri, foreign[0]))
    return output


def _of_the_root(text: str) -> str:
    return text.replace("](docs/", "](").replace("](CHANGELOG.md", "](changelog.md")
