"""A table of tomorrow's winners is found where nobody keeps a table."""

from __future__ import annotations

import builtins
import datetime as dt
import enum
import functools
import json
import logging
import math
import pathlib
import random
import sys
import threading
import types
import typing
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

import lakebt
from tests.strategy.audit.test_captures import FRAME, Holder, found

DAYS = pd.date_range("2021-02-01", periods=120, freq="D")
TABLE = {f"{day:%Y-%m-%d}": f"S{day.day % 2}" for day in DAYS}
PAIRS = tuple(TABLE.items())
TEXT = json.dumps(TABLE)
NAMES = [f"d{day:%Y_%m_%d}" for day in DAYS]

WEIGHTS = "def target_weights(self, view): return "


def made(text: str, **space: Any) -> Any:
    """A strategy of the user's own, S, from the text of its file."""
    space = {"__name__": "__main__", **space}
    exec(text, space)  # noqa: S102 - code of our own
    return space["S"]


# -------------------------------------------------------- values that are of no data

T = typing.TypeVar("T", bound=Literal[PAIRS])  # type: ignore[misc, valid-type]


def attributed(value: Any) -> Any:
    """A value that somebody gave an attribute."""
    value.table = TABLE
    return value


def annotated(space: dict[str, Any]) -> None:
    """Annotate a field a day in the body of a class."""
    space["__annotations__"] = dict.fromkeys(TABLE, Literal["S1"])


class Speed(enum.Enum):
    """Its table is written into it later."""

    SLOW = 1


Speed.TABLE = TABLE  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "value",
    [
        Literal[PAIRS],
        Literal[tuple(TABLE)],
        typing.Annotated[int, TABLE],
        types.GenericAlias(list, (TABLE,)),
        int | Literal[PAIRS],
        T,
        typing.ForwardRef(repr(TEXT)),
        typing.NewType("Winner", Literal[PAIRS]),
        types.new_class("Row", (dict,), exec_body=annotated),
        Speed,
        enum.Enum("Day", {name: n for n, name in enumerate(NAMES)}),
        attributed(logging.getLogger("lakebt_test_additions")),
        logging.getLogger(TEXT),
        attributed(random.Random(1)),  # noqa: S311 - of no secret
        attributed(threading.Event()),
        bytes(n % 2 for n in range(250)),
        "AB" * 125,
        (1 << 249) + 1,
        dt.timezone(dt.timedelta(0), TEXT),
        pathlib.Path(TEXT),
        pd.RangeIndex(3, name=TEXT),
        pd.Index(["S1"], name=TEXT),
        pd.Series([1.0], name=TEXT),
        pd.DataFrame({"S1": [1.0]}).rename_axis(columns=TEXT),
        np.dtype([(day, "f8") for day in TABLE]),
        functools.partial(functools.partial(max, TABLE), 1),
        functools.partial(max, key=functools.partial(min, TABLE)),
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_a_type_a_name_or_a_code_may_be_a_table(value: object) -> None:
    assert found(Holder(value))
    assert found(Holder({"deep": [Holder(value)]}))


@pytest.mark.parametrize(
    "value",
    [
        Literal["long", "short"],
        typing.Annotated[int, "bps"],
        dict[str, float],
        int | None,
        typing.TypeVar("U", bound=float),
        enum.Flag("Way", "LONG SHORT"),
        logging.getLogger("a.b.c"),
        random.Random(2),  # noqa: S311 - of no secret
        threading.Event(),
        bytes(32),
        "a3f5" * 16,
        (1 << 127) + 1,
        dt.UTC,
        pathlib.Path("data/2021-03-01"),
        pd.Series([1.0], index=pd.Index(["S1"], name="symbol"), name="weight"),
        np.dtype([("symbol", "U8"), ("weight", "f8")]),
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_types_names_and_codes_are_not_accused(value: object) -> None:
    assert found(Holder(value)) == []


# ------------------------------------------------- names of Python's, and of libraries


@pytest.mark.parametrize(
    "text",
    [
        f"class S:\n {WEIGHTS}S.__annotations__\nS.__annotations__ = {{'x': T}}",
        f"class S:\n {WEIGHTS}get_type_hints(S)\nS.__annotations__ = {{'x': T}}",
        "def S(view): return S.__annotations__\nS.__annotations__ = {'x': T}",
        "def S(view, t=None): return t\nS.__defaults__ = (T,)",
        f"class S:\n __match_args__ = P\n {WEIGHTS}S.__match_args__",
        f"class S:\n __slots__ = dict.fromkeys(N, 'S1')\n {WEIGHTS}S.__slots__",
        f"class S:\n {WEIGHTS}S.__qualname__\nS.__qualname__ = J",
        f"class S:\n {WEIGHTS}S.__module__\nS.__module__ = J",
        "def S(view): return S.__name__\nS.__name__ = J",
        (
            "exec('def f():\\n ' + '; '.join(f'{n}=1' for n in N))\n"
            f"class S:\n {WEIGHTS}f.__code__.co_varnames"
        ),
        f"class S:\n __attrs_table__ = T\n {WEIGHTS}S.__attrs_table__",
        (
            "class Base: pass\nclass Sub(Base): TABLE = T\n"
            f"class S(Base):\n {WEIGHTS}Base.__subclasses__()[0].TABLE"
        ),
        f"class S:\n {WEIGHTS}eval('T[0] + 1')",
        f"class S:\n {WEIGHTS}view.panel('close').query('x > @T')",
        f"class S:\n {WEIGHTS}globals()['t'.upper()]",
        f"globals().update(dict.fromkeys(N, 1))\nclass S:\n {WEIGHTS}globals()[view.x]",
        "class S:\n " + "\n ".join(f"{name} = 'S1'" for name in NAMES) + "\n "
        f"{WEIGHTS}getattr(self, f'd{{view.instant:%Y_%m_%d}}')",
        f"class S:\n {WEIGHTS}[o for o in gc.get_objects() if type(o) is dict]",
        f"class S:\n {WEIGHTS}sys._getframe(3).f_locals['x']",
        f"class S:\n {WEIGHTS}inspect.stack()[3].frame",
        (
            "class G(typing.Generic[V]): pass\n"
            f"class S(G[typing.Literal[P]]):\n {WEIGHTS}1"
        ),
    ],
)
def test_a_table_in_a_name_of_python_s_is_found(text: str) -> None:
    imports = "import gc, inspect, sys, typing\nfrom typing import get_type_hints\n"
    variable = typing.TypeVar("variable")
    held = {"T": TABLE, "P": PAIRS, "N": NAMES, "J": TEXT, "V": variable}

    assert found(made(imports + text, **held))


@pytest.mark.parametrize(
    ("holder", "name", "text"),
    [
        (builtins, "LAKEBT_TABLE", f"class S:\n {WEIGHTS}LAKEBT_TABLE"),
        (math, "TABLE", f"import math\nclass S:\n {WEIGHTS}math.TABLE"),
        (pd, "TABLE", f"import pandas as pd\nclass S:\n {WEIGHTS}pd.TABLE"),
        (
            pd,
            "TABLE",
            (
                "class S:\n def target_weights(self, view):\n  import pandas as p\n"
                "  return p.TABLE"
            ),
        ),
        (
            pd.DataFrame,
            "table",
            f"import pandas as pd\nclass S:\n {WEIGHTS}pd.DataFrame.table",
        ),
        (pd.Series, "table", f"class S:\n {WEIGHTS}view.panel('close')['S1'].table"),
        (lakebt.View, "table", f"class S:\n {WEIGHTS}view.table"),
        (lakebt, "TABLE", f"import lakebt\nclass S:\n {WEIGHTS}lakebt.TABLE"),
        (np.mean, "table", f"import numpy as np\nclass S:\n {WEIGHTS}np.mean.table"),
    ],
)
def test_a_table_that_was_put_into_a_library_is_found(
    monkeypatch: pytest.MonkeyPatch, holder: Any, name: str, text: str
) -> None:
    assert found(made(text)) == []

    monkeypatch.setattr(holder, name, TABLE, raising=False)

    assert found(made(text))


def test_a_table_that_an_accessor_of_pandas_holds_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Accessor:
        held = TABLE

        def __init__(self, of: object) -> None: ...

    monkeypatch.setattr(pd.DataFrame, "winners", None, raising=False)
    known = set(vars(pd.DataFrame)["_accessors"])
    monkeypatch.setattr(pd.DataFrame, "_accessors", known)
    with pytest.warns(UserWarning, match="overriding"):
        pd.api.extensions.register_dataframe_accessor("winners")(Accessor)

    assert found(made(f"class S:\n {WEIGHTS}view.panel('close').winners.held"))


def test_a_table_of_the_environment_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEBT_TABLE", TEXT)
    own = "import os\nclass S:\n def target_weights(self, view): return "

    assert found(made(f"{own}os.environ['LAKEBT_TABLE']"))
    assert found(made(f"{own}os.getenv('lakebt_' + self.x)"))
    assert found(made(f"{own}float(os.environ.get('WINDOW', '20'))")) == []


def test_names_by_day_of_a_module_are_found() -> None:
    own = types.ModuleType("lakebt_test_days")
    own.__file__ = "own.py"
    vars(own).update(dict.fromkeys(NAMES, "S1"))
    sys.modules[own.__name__] = own

    assert found(
        made(
            f"import lakebt_test_days as own\nclass S:\n {WEIGHTS}getattr(own, view.x)"
        )
    )
    del sys.modules[own.__name__]


@pytest.mark.parametrize(
    "text",
    [
        (
            "import calendar, math, os, string, sys\nimport numpy as np\nclass S:\n"
            f" size: float = 1.0\n {WEIGHTS}math.pi + np.pi + len(string.ascii_letters)"
            " + len(sys.argv) + len(calendar.day_name) + len(sys.version)"
        ),
        (
            "import pandas as pd\nclass S:\n"
            f" {WEIGHTS}view.panel('close').rolling(20).mean().query('A > 1')"
            ".eval('A + 1').groupby(level=0).apply(pd.DataFrame.mean)"
        ),
        f"class S:\n window = 20\n {WEIGHTS}getattr(self, 'win' + 'dow')",
        (
            "import dataclasses, typing\n@dataclasses.dataclass\nclass S:\n"
            f" window: int = 20\n mode: typing.Literal['a'] = 'a'\n"
            f" {WEIGHTS}type(self).__name__,"
            " dataclasses.fields(self), self.__annotations__, self.__match_args__"
        ),
        (
            "import abc\nclass P(abc.ABC): pass\n"
            f"class S(P):\n {WEIGHTS}P.__subclasses__()"
        ),
        f"import typing\nclass P(typing.Protocol): pass\nclass S(P):\n {WEIGHTS}1",
        (
            "import functools\n@functools.singledispatch\ndef f(x): return 0\n"
            f"@f.register\ndef _(x: int): return 1\nclass S:\n {WEIGHTS}f(1)"
        ),
    ],
)
def test_usual_code_is_not_accused(text: str) -> None:
    """Though a frame lies beside it, which it does not name."""
    assert found(made(text, FRAME=FRAME)) == []
