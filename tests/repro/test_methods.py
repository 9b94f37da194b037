"""Methods as modules that every process can import."""

import importlib
import inspect
import io
import pickle
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
import small_notebooks
from small_notebooks import METHOD, cell

import repro

WORK = """
import multiprocessing, pickle, sys
from concurrent.futures import ProcessPoolExecutor

import repro

if __name__ == "__main__":
    pairs = repro.chapter("pairs")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert pool.submit(pairs.quadruple, 3).result() == 12
        assert list(pool.map(pairs.Pair, [1, 2])) == [pairs.Pair(1), pairs.Pair(2)]
    pickle.dump([pairs.Pair(3), pairs.double], open("stored.pickle", "wb"))
"""


def run(folder, *arguments):
    """Run Python in a folder; its standard output."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def copy_of_repro(tmp_path):
    """A folder with the package and one chapter."""
    package = Path(repro.__file__).parent
    shutil.copytree(package, tmp_path / "repro", ignore=shutil.ignore_patterns("__pycache__"))
    small_notebooks.write(tmp_path, "vision/pairs")
    return tmp_path


def test_objects_survive_spawned_workers_and_pickle(copy_of_repro):
    (copy_of_repro / "work.py").write_text(WORK)
    run(copy_of_repro, "work.py")
    code = "import pickle; pair, f = pickle.load(open('stored.pickle', 'rb')); print(pair.a, f(4))"
    assert run(copy_of_repro, "-c", code).split() == ["3", "8"]


def test_unpickling_without_the_notebooks_says_what_is_missing(copy_of_repro):
    (copy_of_repro / "work.py").write_text(WORK)
    run(copy_of_repro, "work.py")
    shutil.rmtree(copy_of_repro / "chapters")
    code = "import pickle; pickle.load(open('stored.pickle', 'rb'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=copy_of_repro, capture_output=True, text=True
    )
    assert "ModuleNotFoundError" in done.stderr
    assert "not part of the installed package" in done.stderr


def test_networks_survive_torch_save(shelf):
    import torch

    network = "from torch import nn\n\n\nclass Double(nn.Linear):\n    pass"
    shelf("vision/nets", [cell(network, "method")])
    kept, file = repro.chapter("nets").Double(2, 2), io.BytesIO()
    torch.save(kept, file)
    del sys.modules["repro.methods.nets"]
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert type(loaded) is repro.chapter("nets").Double
    assert torch.equal(loaded.weight, kept.weight)


def test_a_class_and_its_module_are_found_by_name(shelf):
    shelf("vision/pairs")
    pair = repro.chapter("pairs").Pair(5)
    assert type(pair).__module__ == "repro.methods.pairs"
    assert pickle.loads(pickle.dumps(pair)) == pair
    pairs = importlib.import_module("repro.methods.pairs")
    assert pairs is repro.chapter("pairs")
    assert "vision/pairs.ipynb" in repr(pairs)
    with pytest.raises(ModuleNotFoundError, match="Known chapters: pairs"):
        importlib.import_module("repro.methods.stn")
    with pytest.raises(ModuleNotFoundError, match="No module named 'repro_of_others'"):
        importlib.import_module("repro_of_others")


def test_the_lines_of_a_method_are_known(shelf):
    shelf("vision/pairs", [*METHOD, cell("def crash():\n    return 1 / 0  # here", "method")])
    method = repro.chapter("pairs")
    assert inspect.getsource(method.double).startswith("def double")
    assert inspect.getsource(method.quadruple).startswith("def quadruple")
    assert inspect.getsource(method.Pair).startswith(("@dataclass\nclass Pair", "class Pair"))
    assert inspect.getsource(method).count("def ") == 3
    with pytest.raises(ZeroDivisionError) as caught:
        method.crash()
    shown = "".join(traceback.format_exception(caught.value))
    assert "<chapter pairs, cell 7>" in shown
    assert "# here" in shown


def test_cells_do_not_share_their_future_imports(shelf):
    shelf("vision/pairs", [*METHOD, cell("def late(x: int): ...", "method")])
    method = repro.chapter("pairs")
    assert method.Pair.__annotations__ == {"a": "int"}
    assert method.late.__annotations__ == {"x": int}
