"""Files of other countries and tools are recognised and told, or named by an option."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.sources import archives
from lakebt.sources.files import read_file

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "symbol,session,open,close,basis\nÜBER,2010-03-01,10.5,11,raw\n"
GERMAN = TEXT.replace(",", ";").replace("10.5", "1.010,5")


def archive(*names: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        for name in names:
            file.writestr(name, TEXT)
    return held.getvalue()


def zst(content: bytes) -> bytes:
    held = pa.BufferOutputStream()
    with pa.CompressedOutputStream(held, "zstd") as stream:
        stream.write(content)
    return bytes(held.getvalue())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (TEXT.encode(), ()),
        (TEXT.encode("utf-8-sig"), ()),
        (TEXT.encode("utf-16"), ("utf-16",)),
        (TEXT.encode("utf-16-le"), ("utf-16-le",)),
        (TEXT.encode("utf-16-be"), ("utf-16-be",)),
        (TEXT.encode("latin-1"), ("latin-1",)),
        (TEXT.replace(",", ";").encode(), ("semicolons",)),
        (TEXT.replace(",", "\t").encode("utf-16"), ("utf-16", "tabs")),
        (b"sep=;\r\n" + TEXT.replace(",", ";").encode(), ("semicolons",)),
        (gzip.compress(TEXT.encode()), ("gzip",)),
        (bz2.compress(TEXT.encode()), ("bzip2",)),
        (lzma.compress(TEXT.encode()), ("xz",)),
        (zst(TEXT.encode()), ("zstd",)),
        (archive("bars.csv"), ("zip",)),
        (gzip.compress(TEXT.encode("latin-1")), ("gzip", "latin-1")),
    ],
    ids=lambda value: "file" if isinstance(value, bytes) else ", ".join(value),
)
@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz"])
def test_a_file_says_how_it_is_written_and_that_is_told(
    tmp_path: Path, content: bytes, told: tuple[str, ...], name: str
) -> None:
    (tmp_path / name).write_bytes(content)

    read = read_file(tmp_path / name, table="prices")

    expected = pd.read_csv(io.StringIO(TEXT), dtype={"open": float, "close": float})
    pd.testing.assert_frame_equal(read.frame, expected, check_dtype=False)
    assert read.read_as == told
    assert not told or f"read as {', '.join(told)}" in read.summary()


def test_decimal_commas_are_recognised_in_all_columns_or_none(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(GERMAN)

    read = read_file(path, table="prices")

    assert read.frame["open"].tolist() == [1010.5]
    assert read.frame["close"].tolist() == [11.0]
    assert read.read_as == ("semicolons", "decimal commas")


def test_a_comma_that_may_part_thousands_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(GERMAN.replace("1.010,5", "10,500"))

    assert read_file(path, table="prices").frame["open"].tolist() == ["10,500"]
    assert read_file(path, table="prices", decimal=",").frame["open"].tolist() == [10.5]


def test_points_are_decimal_where_a_column_has_no_commas(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(TEXT.replace(",", ";").replace("10.5", "10.500"))

    assert read_file(path, table="prices").frame["open"].tolist() == [10.5]


def test_an_option_names_what_the_file_does_not_say(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(TEXT.replace(",", "|").encode("cp437"))

    read = read_file(path, table="prices", encoding="cp437", delimiter="|")

    assert read.frame["symbol"].tolist() == ["ÜBER"]
    for option in ({"delimiter": "x"}, {"decimal": ";"}, {"encoding": "klingon"}):
        with pytest.raises(InvalidArgumentError, match="must be one of"):
            read_file(path, table="prices", **option)  # type: ignore[arg-type]


def test_an_archive_of_several_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv.zip"
    path.write_bytes(archive("a.csv", "b.csv"))

    with pytest.raises(InvalidDataError, match="an archive of 2 files"):
        read_file(path, table="prices")


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress, zst])
def test_what_is_damaged_or_has_no_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: object
) -> None:
    assert callable(pack)
    path = tmp_path / "bars.csv.gz"
    path.write_bytes(pack(TEXT.encode() * 50)[:-12])
    with pytest.raises(InvalidDataError, match=r"cannot be unpacked as|cannot be read"):
        read_file(path, table="prices")

    monkeypatch.setattr(archives, "MOST_BYTES", 1_000)
    path.write_bytes(pack(b"a,b\n" * 1_000))
    with pytest.raises(InvalidDataError, match="holds more than 1,000 bytes"):
        read_file(path, table="prices")


def test_the_index_of_pandas_is_told_and_left_out(tmp_path: Path) -> None:
    frame = pd.DataFrame({"symbol": ["A", "B"], "close": [1.0, 2.0]}, index=[5, 7])
    frame.to_parquet(tmp_path / "bars.parquet")
    frame.reset_index(drop=True).to_csv(tmp_path / "bars.csv")

    for name, index in (
        ("bars.parquet", "__index_level_0__"),
        ("bars.csv", "the index of pandas"),
    ):
        read = read_file(tmp_path / name, table="prices")
        assert list(read.frame.columns) == ["symbol", "close"]
        assert read.left_out == (index,)


def test_a_folder_or_a_pattern_is_its_files(tmp_path: Path) -> None:
    for name in ("2.csv", "1.csv.gz"):
        content = TEXT.replace("ÜBER", name[0]).encode()
        packed_up = gzip.compress(content) if name.endswith(".gz") else content
        (tmp_path / name).write_bytes(packed_up)
    (tmp_path / "_SUCCESS").touch()

    for place in (tmp_path, tmp_path / "*.csv*"):
        read = read_file(place, table="prices")
        assert read.frame["symbol"].tolist() == ["1", "2"]
        assert (read.n_read, read.read_as) == (2, ("gzip",))

    with pytest.raises(InvalidDataError, match="no file is like"):
        read_file(tmp_path / "*.tsv", table="prices")
    (tmp_path / "notes.docx").touch()
    with pytest.raises(InvalidDataError, match=r"holds 'notes.docx', which is neither"):
        read_file(tmp_path, table="prices")


def test_a_url_is_not_a_file() -> None:
    with pytest.raises(InvalidArgumentError, match=r"s3://... is a URL, not a path"):
        read_file("s3://bucket/bars.csv", table="prices")


def test_a_file_of_many_columns_is_read_in_one_pass(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(5_000)]
    path = tmp_path / "wide.csv"
    path.write_text(f"{','.join(names)}\n{','.join('1' for _ in names)}\n")

    read = read_file(path, table="prices", columns={names[-1]: "close"})

    assert read.frame.shape == (1, 5_000)
