"""Which changes of code make a stored trial worthless, and which do not."""

import ast

import pytest
from small_notebooks import cell, write

from repro import chapters
from repro.fingerprint import fingerprint, mentioned

SCRIPT = '''"""What the trials ask."""

import repro
from repro.training import fit
from numpy import mean

# A comment.
sample = repro.chapter("sample")
RATES = [0.1, 0.2]
STEPS = {"one": 1}
STEPS["two"] = 2


def unused(x):
    return mean(x)


def trained(x):
    """A sentence."""
    return fit(x, STEPS["one"])


def run(seed):
    return trained(sample.method(seed))


TRIALS = [run, RATES]

if __name__ == "__main__":
    print(TRIALS)
'''
METHOD = """SCALE = 2


class Rule:
    def forward(self, x):
        return helper(x) * SCALE


def helper(x):
    return x


def other(x):
    return x


def method(x):
    '''What it does.'''
    return Rule().forward(x)
"""
TWO_GUARDS = """    if x < 0:
        raise ValueError("below 0")
    elif x > 1:
        raise ValueError("above 1")
"""
GUARD_THAT_CHANGES = "    if x < 0:\n        x = 0\n    return x\n\n\ndef other"
GUARD_WITH_A_WAY_OUT = (
    "    if x < 0:\n        raise E\n    else:\n        x = 1\n    return x\n\n\ndef other"
)
GUARD_THAT_NAMES = "    if y := x < 0:\n        raise E\n    return x\n\n\ndef other"


@pytest.fixture
def hashed(tmp_path, monkeypatch):
    """Fingerprint of `run`, given changes of script and method as pairs (old, new)."""
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    monkeypatch.setattr(chapters, "CHAPTERS", tmp_path / "chapters")

    def look(script=("", ""), method=("", "")):
        assert script[0] in SCRIPT
        assert method[0] in METHOD
        source = METHOD.replace(*method)
        write(tmp_path, "vision/sample", [cell(source, "method"), cell("x = 1", "plot")])
        path = tmp_path / "script.py"
        path.write_text(SCRIPT.replace(*script) if script[0] else SCRIPT)
        return fingerprint(path, "run")

    return look


@pytest.mark.parametrize(
    "changes",
    [
        {"script": ("# A comment.", "# Another.")},
        {"script": ("A sentence.", "Other words.")},
        {"script": ("What the trials ask.", "More.")},
        {"script": ("0.2]", "0.3]")},
        {"script": ("return mean(x)", "return 1 + mean(x)")},
        {"script": ("from numpy import mean", "from numpy import median as mean")},
        {"script": ("print(TRIALS)", "print(1)")},
        {"script": ("    return fit(x", "    return  fit( x")},
        {"method": ("What it does.", "How.")},
        {"method": ("def other(x):\n    return x", "def other(x):\n    return 2 * x")},
        {"method": ("def other", "import torch\n\ndef other")},
        {
            "method": (
                "    return helper",
                "    if x < 0:\n            raise E(x)\n        return helper",
            )
        },
        {"method": ("    return x\n\n\ndef other", TWO_GUARDS + "    return x\n\n\ndef other")},
        {
            "script": (
                "    return trained",
                "    if seed is None:\n        raise E\n    return trained",
            )
        },
    ],
    ids=str,
)
def test_what_the_function_does_not_reach_may_change(hashed, changes):
    assert hashed(**changes) == hashed()


@pytest.mark.parametrize(
    "changes",
    [
        {"script": ('{"one": 1}', '{"one": 3}')},
        {"script": ('STEPS["two"] = 2', 'STEPS["two"] = 4')},
        {"script": ("fit(x, STEPS", "fit(2 * x, STEPS")},
        {"script": ("import fit", "import other as fit")},
        {"script": ("sample.method(seed)", "sample.other(seed)")},
        {"script": ("import repro", "import repro\nprint()")},
        {"method": ("SCALE = 2", "SCALE = 3")},
        {"method": ("SCALE = 2", "SCALE = 2\nSCALE += 1")},
        {"method": ("def helper(x):\n    return x", "def helper(x):\n    return 2 * x")},
        {"method": ("class Rule", "class Rule(object)")},
        {"method": ("class Rule", "SCALE, REST = 2, 3\n\nclass Rule")},
        {"method": ("    return x\n\n\ndef other", GUARD_THAT_CHANGES)},
        {"method": ("    return x\n\n\ndef other", GUARD_WITH_A_WAY_OUT)},
        {"method": ("    return x\n\n\ndef other", GUARD_THAT_NAMES)},
    ],
    ids=str,
)
def test_what_the_function_reaches_may_not(hashed, changes):
    assert hashed(**changes) != hashed()


def test_the_digits_are_those_of_every_version_of_python(hashed):
    assert hashed() == "3901ffdf925f350463d182698f2e3362596795f81c14283ac64fec343cbbd2db"


def test_words_are_names_attributes_imports_and_texts():
    assert mentioned(ast.parse("import a.b\nc.d('e', f=1)")) == {"a", "b", "c", "d", "e"}


def test_a_broken_notebook_is_named(hashed, tmp_path):
    hashed()
    (tmp_path / "chapters" / "vision" / "sample.ipynb").write_text("{")
    with pytest.raises(chapters.ChapterError, match=r"sample\.ipynb is not a notebook"):
        fingerprint(tmp_path / "script.py", "run")
