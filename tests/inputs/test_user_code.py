from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.inputs.user_code import blaming
from lakebt.strategy.factory import load_strategy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _path_as_it_was() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(text, encoding="utf-8")
    return path


GOOD = """
from dataclasses import dataclass

@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    share: float = 0.1

    def target_weights(self, view): ...

class Needy:
    def __init__(self, share, *, index): ...
    def target_weights(self, view): ...

made = Good(share=0.2)
"""


def test_a_class_is_made_with_its_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)

    file, strategy = load_strategy(f"{path}:Good")

    assert file == path
    assert strategy.share == 0.1


def test_an_object_is_taken_as_it_is(tmp_path: Path) -> None:
    _, strategy = load_strategy(f"{written(tmp_path, GOOD)}:made")

    assert strategy.share == 0.2


def test_a_file_may_import_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "beside_mine.py").write_text("SHARE = 0.3", encoding="utf-8")
    path = written(tmp_path, f"from beside_mine import SHARE\n{GOOD}")

    assert load_strategy(f"{path}:Good")[1].share == 0.1


def test_a_path_with_a_colon_is_read_to_the_last_one(tmp_path: Path) -> None:
    (tmp_path / "a:b").mkdir()

    _, strategy = load_strategy(f"{written(tmp_path / 'a:b', GOOD)}:Good")

    assert strategy.share == 0.1


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("mine.py", r"strategy 'mine.py' is not FILE.py:Name"),
        (":Good", r"strategy ':Good' is not FILE.py:Name"),
        ("nowhere.py:Good", r"strategy file nowhere.py does not exist"),
    ],
)
def test_a_target_that_names_nothing_is_refused(target: str, told: str) -> None:
    with pytest.raises(InvalidArgumentError, match=told):
        load_strategy(target)


def test_a_file_that_is_not_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()

    with pytest.raises(InvalidArgumentError, match=r"mine.txt is not a .py file"):
        load_strategy(f"{tmp_path / 'mine.txt'}:Good")


def test_a_name_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)

    with pytest.raises(InvalidArgumentError, match=r"no 'Goad': .* Good, Needy, made$"):
        load_strategy(f"{path}:Goad")


def test_a_class_that_needs_arguments_says_which(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)

    with pytest.raises(InvalidArgumentError, match=r"Needy needs .* share, index: "):
        load_strategy(f"{path}:Needy")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\ny = x +", r"mine.py, line 2: SyntaxError: "),
        ("import nowhere_to_be_found", r"line 1, in <module>: ModuleNotFoundError: "),
        ("\n\n1 / 0", r"mine.py, line 3, in <module>: ZeroDivisionError: division"),
        ("raise ValueError('a\\nb')", r"line 1, in <module>: ValueError: a b"),
        ("raise KeyError", r"line 1, in <module>: KeyError$"),
    ],
)
def test_an_import_that_fails_says_where(tmp_path: Path, text: str, told: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(InvalidArgumentError, match=told) as caught:
        load_strategy(f"{path}:Good")
    assert "\n" not in str(caught.value)


def test_a_class_that_cannot_be_made_says_where(tmp_path: Path) -> None:
    path = written(
        tmp_path, "class Bad:\n    def __init__(self):\n        raise OSError('no')\n"
    )

    with pytest.raises(InvalidArgumentError, match=r"line 3, in __init__: OSError: no"):
        load_strategy(f"{path}:Bad")


def test_errors_of_ours_pass_as_they_are(tmp_path: Path) -> None:
    told = LakeError("it says what is wrong already")

    with pytest.raises(LakeError, match="it says"), blaming(tmp_path / "mine.py"):
        raise told


def test_errors_from_elsewhere_are_not_blamed_on_the_file(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), blaming(tmp_path / "mine.py"):
        raise ZeroDivisionError


@pytest.mark.parametrize("text", ["sys.exit(0)", "sys.exit('bye')", "raise SystemExit"])
def test_a_file_that_ends_the_program_says_so_and_does_not(
    tmp_path: Path, text: str
) -> None:
    path = written(tmp_path, f"import sys\n{text}\n")

    with pytest.raises(
        InvalidArgumentError, match=r"line 2.*SystemExit: .*take it out"
    ):
        load_strategy(f"{path}:Good")


def test_an_end_of_the_program_from_elsewhere_is_one(tmp_path: Path) -> None:
    with pytest.raises(SystemExit), blaming(tmp_path / "mine.py"):
        raise SystemExit(0)
