"""Keep the notebooks with what they show: ``python notebooks/keep_outputs.py``.

They are run without real data, which is no part of the repository. What changes from
run to run is left out, and a plot is kept as the picture of it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent

PICTURE, PLOT = "image/svg+xml", "application/vnd.plotly.v1+json"


def run(name: str, *, shared: Path, manager: Any = None) -> Any:
    """Return a notebook as it is after a run.

    Parameters
    ----------
    name
        Of its file.
    shared
        The folder that may hold real data.
    manager
        Of a kernel that has run a notebook; what that defined is forgotten, and what
        it imported is there. By default a new kernel is started, and ended.
    """
    notebook = nbformat.read(FOLDER / name, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
        **({} if manager is None else {"km": manager}),
    )
    begin = (
        f"%reset -f\nimport os\nos.environ['LAKEBT_SHARED'] = {str(shared)!r}\ndel os"
    )
    notebook["cells"].insert(0, nbformat.v4.new_code_cell(begin))  # type: ignore[no-untyped-call]
    try:
        client.execute(env=os.environ | {"PYTHONPATH": str(FOLDER.parent)})
    finally:
        if client.kc is not None:  # to a kernel that goes on
            client.kc.stop_channels()
    del notebook["cells"][0]
    return notebook


def kept(cell: Any) -> list[dict[str, Any]]:
    """Return the outputs of a cell that stay: no counts, times or ids, plots drawn."""
    outputs: list[dict[str, Any]] = []
    for output in cell["outputs"]:
        last = outputs[-1] if outputs else {}
        if output["output_type"] == "stream":
            # What is printed may arrive in one piece or in several.
            if last.get("name") == output["name"]:
                last["text"] += output["text"]
            else:
                names = ("output_type", "name", "text")
                outputs.append({name: output[name] for name in names})
            continue
        data = dict(output["data"])
        if PICTURE in data:
            del data[PLOT]
        same = {"output_type": "display_data", "data": data, "metadata": {}}
        outputs.append(same)
    return outputs


def keep(name: str) -> None:
    """Run a notebook, and write it with its outputs."""
    with tempfile.TemporaryDirectory() as nothing:
        notebook = run(name, shared=Path(nothing))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [nbformat.from_dict(o) for o in kept(cell)]  # type: ignore[no-untyped-call]
            cell["execution_count"] = None
            cell["metadata"].pop("execution", None)
    notebook["metadata"]["language_info"] = {"name": "python"}
    nbformat.write(notebook, FOLDER / name)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    for file in sorted(FOLDER.glob("*.ipynb")):
        keep(file.name)
