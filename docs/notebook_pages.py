"""mkdocs' hook that runs the notebooks and adds each as a page, with what its cells print and draw."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbclient import NotebookClient

IMAGE = "image/png"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    root = Path(config.config_file_path).parent
    for path in sorted(Path(config.docs_dir).glob("notebooks/*.ipynb")):
        book = nbformat.read(path, as_version=4)
        NotebookClient(book, timeout=120, resources={"metadata": {"path": str(root)}}).execute()
        page = f"notebooks/{path.stem}.md"
        text = [f"[This page as a notebook]({path.name}), to run and to change."]
        for number, cell in enumerate(book.cells):
            text.append(cell.source if cell.cell_type == "markdown" else f"```python\n{cell.source}\n```")
            for output in cell.get("outputs", []):
                text += shown(output, f"notebooks/{path.stem}-{number}.png", files, config)
        title, *rest = text[1:]
        files.append(File.generated(config, page, content="\n\n".join([title, text[0], *rest])))
    return files


def shown(output: Any, image: str, files: Files, config: MkDocsConfig) -> list[str]:
    """The Markdown of what a cell has printed, returned or drawn."""
    if output.output_type == "stream":
        return [f"```text\n{output.text.rstrip()}\n```"] if output.name == "stdout" else []
    if IMAGE in output.get("data", {}):
        files.append(File.generated(config, image, content=base64.b64decode(output.data[IMAGE])))
        return [f"![]({Path(image).name})"]
    return [f"```text\n{output.data['text/plain']}\n```"]
