"""A value is found wherever it hides, and what only looks like it is not."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import html
import json
import lzma
import sqlite3
import zipfile
import zlib
from typing import TYPE_CHECKING, Any
from unicodedata import normalize
from urllib.parse import quote

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from lakebt.lake.erasure import proof_content
from lakebt.lake.erasure.proof import Proof, prove
from lakebt.lake.erasure.proof_content import files_in
from lakebt.report.packing import base64_gzip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SUBJECT, OTHER = 'Société "Ω" & Söhne', "somebody else"

Plant = "Callable[[Path, str], None]"


def look(folder: Path, values: Sequence[str], kept: Sequence[str] = ()) -> Proof:
    return prove(files_in(pafs.LocalFileSystem(), str(folder)), values, kept=kept)


def column(text: str) -> pa.Table:
    """Rows in the midst of which stands a text."""
    names = [*(f"name {n}" for n in range(50)), text, "the last"]
    return pa.table({"name": names, "n": list(range(52))})


def parquet(**options: Any) -> Callable[[Path, str], None]:
    said = {"write_statistics": False} | options

    def plant(folder: Path, text: str) -> None:
        pq.write_table(column(text), folder / "a.parquet", **said)

    return plant


def in_footer(folder: Path, text: str) -> None:
    rows = pa.table({"n": [1]})
    with pq.ParquetWriter(folder / "a.parquet", rows.schema) as file:
        file.write_table(rows)
        file.add_key_value_metadata({"note": text})


def in_arrow_schema(folder: Path, text: str) -> None:
    field = pa.field("n", pa.int64(), metadata={"note": text})
    file = pa.schema([field])
    pq.write_table(pa.table({"n": [1]}, schema=file), folder / "a.parquet")


def in_statistics(folder: Path, text: str) -> None:
    rows = pa.table({"name": [text, text]})
    options: Any = {"use_dictionary": False, "compression": "zstd"}
    pq.write_table(rows, folder / "a.parquet", write_page_index=True, **options)


def number(value: int) -> bytes:
    rest, parts = value << 1, bytearray()
    while rest > 127:
        parts.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*parts, rest])


def avro(codec: str, pack: Callable[[bytes], bytes]) -> Callable[[Path, str], None]:
    def plant(folder: Path, text: str) -> None:
        counted = [each.encode() for each in ("avro.codec", codec, "avro.schema", "{}")]
        head = b"".join(number(len(each)) + each for each in counted)
        row = text.encode()
        rows = b"\x00" * 200 + number(len(row)) + row
        packed = pack(rows)
        mark = b"0123456789abcdef"
        block = number(1) + number(len(packed)) + packed + mark
        content = b"Obj\x01" + number(2) + head + b"\x00" + mark + block
        (folder / "m.avro").write_bytes(content)

    return plant


def snappy(content: bytes) -> bytes:
    return pa.compress(content, "snappy", asbytes=True) + b"1234"


def stream(how: Any) -> Callable[[bytes], bytes]:
    def pack(content: bytes) -> bytes:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, how) as out:
            out.write(content)
        return sink.getvalue().to_pybytes()

    return pack


def deflate(content: bytes) -> bytes:
    return zlib.compress(content, wbits=-15)


def puffin(how: str, pack: Callable[[bytes], bytes]) -> Callable[[Path, str], None]:
    def plant(folder: Path, text: str) -> None:
        blob = pack(b"\x00" * 99 + text.encode())
        told = {"offset": 4, "length": len(blob), "compression-codec": how}
        footer = stream("lz4")(json.dumps({"blobs": [told]}).encode())
        end = len(footer).to_bytes(4, "little") + b"\x01\0\0\0PFA1"
        content = b"PFA1" + blob + b"PFA1" + footer + end
        (folder / "s.puffin").write_bytes(content)

    return plant


def written(name: str, pack: Callable[[str], bytes]) -> Callable[[Path, str], None]:
    def plant(folder: Path, text: str) -> None:
        (folder / name).write_bytes(pack(text))

    return plant


def in_json(text: str) -> bytes:
    return json.dumps({"value": [text]}).encode()


def in_free_page(folder: Path, text: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "catalog.db")) as database:
        database.execute("PRAGMA secure_delete = off")
        database.execute("CREATE TABLE t (a TEXT)")
        rows = [(f"{text} {n}",) for n in range(500)]
        database.executemany("INSERT INTO t VALUES (?)", rows)
        database.commit()
        database.execute("DROP TABLE t")
        database.commit()


def in_wal(folder: Path, text: str) -> None:
    database = sqlite3.connect(folder / "catalog.db")
    database.execute("PRAGMA journal_mode = wal")
    database.execute("CREATE TABLE t (a TEXT)")
    database.execute("INSERT INTO t VALUES (?)", (text,))
    database.commit()
    wal = (folder / "catalog.db-wal").read_bytes()
    database.close()
    (folder / "catalog.db").unlink()
    (folder / "catalog.db-wal").write_bytes(wal)


def over_pages(folder: Path, text: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "catalog.db")) as database:
        database.execute("CREATE TABLE t (a TEXT)")
        # A text of many pages: one value of several stands across two of them.
        database.execute("INSERT INTO t VALUES (?)", (f"{text} " * 2000,))
        database.commit()


def in_zip(folder: Path, text: str) -> None:
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.txt", "nothing " * 99)
        archive.writestr("two.txt", text)


def in_name(folder: Path, text: str) -> None:
    (folder / f"name={text}").mkdir()
    (folder / f"name={text}" / "a").write_bytes(b"")


def in_quoted_name(folder: Path, text: str) -> None:
    (folder / f"name={quote(text, safe='')}").write_bytes(b"")


PLACES: dict[str, Any] = {
    **{
        f"dictionary, {codec}": parquet(compression=codec)
        for codec in ("snappy", "gzip", "brotli", "zstd", "lz4", "none")
    },
    **{
        f"page, {codec}": parquet(compression=codec, use_dictionary=False)
        for codec in ("snappy", "gzip", "brotli", "zstd", "lz4", "none")
    },
    "second kind of page": parquet(
        compression="zstd", use_dictionary=False, data_page_version="2.0"
    ),
    **{
        f"page of {how}": parquet(use_dictionary=False, column_encoding={"name": how})
        for how in ("DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY")
    },
    "metadata of the footer": in_footer,
    "schema of Arrow": in_arrow_schema,
    "statistics": in_statistics,
    "avro, null": avro("null", bytes),
    "avro, deflate": avro("deflate", deflate),
    "avro, snappy": avro("snappy", snappy),
    "avro, zstandard": avro("zstandard", stream("zstd")),
    "avro, bzip2": avro("bzip2", bz2.compress),
    "avro, xz": avro("xz", lzma.compress),
    "puffin, zstd": puffin("zstd", stream("zstd")),
    "puffin, lz4": puffin("lz4", stream("lz4")),
    "text": written("a.txt", str.encode),
    "UTF-16": written("a.txt", lambda text: text.encode("utf-16")),
    "UTF-16, the other way": written("a.txt", lambda text: text.encode("utf-16-be")),
    "decomposed": written("a.txt", lambda t: normalize("NFD", t).encode()),
    "JSON": written("a.json", in_json),
    "JSON in JSON": written("a.json", lambda t: in_json(in_json(t).decode())),
    "every letter escaped": written(
        "a.json", lambda t: "".join(f"\\u{ord(c):04X}" for c in t).encode()
    ),
    "HTML": written("a.html", lambda t: html.escape(t).encode()),
    "a page's figures": written("a.html", lambda t: base64_gzip(t.encode()).encode()),
    "gzip": written("v.gz.metadata.json", lambda t: gzip.compress(in_json(t))),
    "gzip, in two": written(
        "a.gz", lambda t: gzip.compress(b"first") + gzip.compress(t.encode())
    ),
    "zstd": written("a.zst", lambda t: stream("zstd")(t.encode())),
    "xz": written("a.xz", lambda t: lzma.compress(t.encode())),
    "bzip2": written("a.bz2", lambda t: bz2.compress(t.encode())),
    "ZIP": in_zip,
    "free page": in_free_page,
    "row over pages": over_pages,
    "write-ahead log": in_wal,
    "journal": written("catalog.db-journal", lambda t: b"\xd9\xd5" + t.encode()),
    "hidden file": written(".part", str.encode),
    "name": in_name,
    "name of a path": in_quoted_name,
}


@pytest.mark.parametrize("plant", PLACES.values(), ids=PLACES)
def test_a_value_is_found_and_another_is_not(
    plant: Callable[[Path, str], None], tmp_path: Path
) -> None:
    for name, text in (("one", SUBJECT), ("two", OTHER)):
        (tmp_path / name).mkdir()
        plant(tmp_path / name, text)

    found, clean = (look(tmp_path / name, [SUBJECT]) for name in ("one", "two"))

    assert clean.ok, clean
    assert clean.n_files >= 1
    assert found.traces
    assert not found.unread
    assert {trace.value for trace in found.traces} == {0}
    assert SUBJECT not in str(found)


def test_a_trace_says_where(tmp_path: Path) -> None:
    in_statistics(tmp_path, SUBJECT)

    (heads, page) = look(tmp_path, [OTHER, SUBJECT]).traces

    assert heads.where == "footer, heads and indexes"
    assert page.where == "page of column name"
    assert (page.path, page.value) == ("a.parquet", 1)


@pytest.mark.parametrize("subject", ["ACME", "GOOGLE", "IBM"])
@pytest.mark.parametrize("plant", ["dictionary, snappy", "JSON", "avro, deflate"])
def test_part_of_a_longer_text_that_stays_is_no_trace(
    subject: str, plant: str, tmp_path: Path
) -> None:
    longer = f"{subject}X, once {subject}"
    PLACES[plant](tmp_path, longer)

    clean = look(tmp_path, [subject], kept=[longer])
    found = look(tmp_path, [subject], kept=[f"{subject}X"])

    assert clean.ok
    assert (clean.n_covered, clean.n_covering) != (0, 0)
    assert found.traces


@pytest.mark.parametrize(
    "place", ["JSON", "JSON in JSON", "HTML", "gzip", "name of a path", "text"]
)
def test_a_longer_text_stays_however_it_is_written(place: str, tmp_path: Path) -> None:
    longer = 'of "GOOGLEX" & Söhne\n'
    PLACES[place](tmp_path, longer)

    assert look(tmp_path, ["GOOGLE"], kept=[longer]).ok
    assert look(tmp_path, ["GOOGLE"], kept=[f"not {longer}"]).traces


def test_what_stands_beside_a_longer_text_is_a_trace(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"GOOGLEX")
    assert look(tmp_path, ["GOOGLE"], kept=["GOOGLEX"]).ok

    (tmp_path / "b.txt").write_bytes(b"GOOGLEX GOOGLE")
    (trace,) = look(tmp_path, ["GOOGLE"], kept=["GOOGLEX"]).traces

    assert (trace.path, trace.where) == ("b.txt", "raw bytes")


def test_few_letters_count_where_they_stand_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"CATALOGUE BOBCAT CATS")
    assert look(tmp_path, ["CAT"]).ok

    for number_of, text in enumerate([b"CAT", b"a:CAT:b", b'"CAT"', b"\x06CATx"]):
        folder = tmp_path / str(number_of)
        folder.mkdir()
        (folder / "b.txt").write_bytes(text)
        assert look(folder, ["CAT"]).traces, text


SHORT = {
    "cell": parquet(),
    "bound": in_statistics,
    "text of JSON": written("a.json", in_json),
    "name": in_name,
}


@pytest.mark.parametrize("plant", SHORT.values(), ids=SHORT)
def test_very_few_letters_are_looked_for_as_whole_values(
    plant: Callable[[Path, str], None], tmp_path: Path
) -> None:
    for name, text in (("one", "F"), ("two", "FORD F.")):
        (tmp_path / name).mkdir()
        plant(tmp_path / name, text)

    found, clean = (look(tmp_path / name, ["F"]) for name in ("one", "two"))

    assert found.traces
    assert clean.ok
    assert found.short == clean.short == (0,)
    assert look(tmp_path / "one", ["F"], kept=["F"]).ok


LONG = "SP500:ACMELONGNAME:deletion:2022-09-02"


@pytest.mark.parametrize("bound", [LONG[:16], f"{LONG[:15]}B"], ids=["lower", "upper"])
def test_the_beginning_of_a_value_in_a_bound_is_a_trace(
    bound: str, tmp_path: Path
) -> None:
    PLACES["avro, deflate"](tmp_path, bound)
    assert look(tmp_path, [LONG]).traces

    # Another text of the lake begins so, too: the bound may be its own.
    parquet()(tmp_path, f"{LONG[:16]} of another name")
    assert look(tmp_path, [LONG]).ok
    parquet()(tmp_path, LONG)
    assert len({trace.path for trace in look(tmp_path, [LONG]).traces}) == 2


def test_files_of_a_store_are_listed_and_read(tmp_path: Path) -> None:
    (tmp_path / "lake/inner").mkdir(parents=True)
    parquet()(tmp_path / "lake/inner", SUBJECT)
    store = pafs.SubTreeFileSystem(str(tmp_path), pafs.LocalFileSystem())

    (content,) = files_in(store, "lake", called="s3://bucket/")
    (trace,) = prove([content], [SUBJECT]).traces

    assert trace.path == content.path == "s3://bucket/inner/a.parquet"
    assert content.local is None


def test_a_large_file_is_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof_content, "SMALL", 1000)
    monkeypatch.setattr(proof_content, "WINDOW", 1000)
    for place in range(700, 1400, 7):
        (tmp_path / "a.txt").write_bytes(b"." * place + b"GOOGLEX" + b"." * 3000)

        assert look(tmp_path, ["GOOGLE"], kept=["GOOGLEX"]).ok
        assert look(tmp_path, ["GOOGLE"]).traces


@pytest.mark.parametrize(
    "name", ["dictionary, zstd", "avro, deflate", "gzip", "puffin, zstd", "ZIP"]
)
def test_what_cannot_be_unpacked_is_told(name: str, tmp_path: Path) -> None:
    PLACES[name](tmp_path, OTHER)
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    del content[len(content) // 2 : len(content) // 2 + 9]
    file.write_bytes(content)

    proof = look(tmp_path, [SUBJECT])

    assert not proof.ok
    assert [path for path, _ in proof.unread] == [file.name]
    assert f"{file.name} could not be read (" in str(proof)
