"""Whatever is sent, the server does not fail, and no release is harmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lakebt.lake import Lake
from lakebt.lake.serving.app import make_routes
from lakebt.lake.serving.service import Service
from lakebt.lake.storage.catalog import open_path
from tests.lake.frames import AS_OF, bars, clock, q1
from tests.lake.serving.test_protocol import SCHEMA
from tests.nightly import times
from tests.servers import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.lake, pytest.mark.slow]

TABLES = (
    *("quant/tables/prices", "quant/tables/releases", "quant/tables/etf_holdings"),
    *("mine/tables/t", "mine/tables/none", "quant/tables/prices%40R1"),
    *("quant/tables/releases%40main", "mine/tables/t%40%00", "mine/tables/%40"),
)

BOUNDED = settings(
    max_examples=times(10, 200),
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


class Target:
    """A served lake that everybody in this file pelts, and its address."""

    def __init__(self, path: Path, address: str, log: list[str]) -> None:
        self.path, self.address, self.log = path, address, log
        table = open_path(path, create=False).catalog.load_table("quant.prices")
        self.snapshots = [each.snapshot_id for each in table.metadata.snapshots]
        self.uuid = str(table.metadata.table_uuid)

    def check_whole(self) -> None:
        """Check that no answer was a failure, and both releases are as they were."""
        failed = [line for line in self.log if line.split()[-3].startswith("5")]
        assert not failed
        lake = Lake.open(self.path, create=False, clock=clock)
        assert list(lake.releases()["name"]) == ["R1", "R2"]
        assert len(lake.at("R1").read("prices")) == 6
        assert len(lake.at("R2").read("etf_holdings")) == 2


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    path = tmp_path_factory.mktemp("fuzz") / "lake"
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars(), "etf_holdings": q1()}, release="R1", as_of=AS_OF)
    lake.publish({"prices": bars(("2022-09-07",))}, release="R2", as_of=AS_OF)
    with serving(open_path(path, create=False)) as (address, log):
        made = Target(path, address, log)
        space: Any = {"namespace": ["mine"]}
        requests.post(f"{address}/v1/namespaces", json=space, timeout=60)
        table: Any = {"name": "t", "schema": SCHEMA}
        requests.post(f"{address}/v1/namespaces/mine/tables", json=table, timeout=60)
        yield made


def test_requests_made_of_the_schema_never_fail(target: Target) -> None:
    storage = open_path(target.path, create=False)
    routes = make_routes(Service(storage), gate=None, read_only=False)
    told = schemathesis.openapi.from_dict(routes.openapi())

    for result in told.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]

        @settings(BOUNDED)
        @given(case=operation.as_strategy())
        def send(case: Any) -> None:
            answer = case.call(base_url=target.address, timeout=60)
            assert answer.status_code < 500, answer.text

        send()
    target.check_whole()


def updates_of(target: Target) -> st.SearchStrategy[dict[str, Any]]:
    """Updates that are nearly right: every kind, with ids that may be there."""
    snapshots = st.sampled_from([*target.snapshots, 0, -1, 1, 2**63 - 1])
    small = st.integers(-2, 3)
    names = st.sampled_from(
        ["main", "R1", "R2", "mine", "lakebt-unfinished", "", "\x00"]
    )
    texts = st.sampled_from(
        ["true", "false", "1", "-1", "x", "file:///etc", "", "10" * 40]
    )
    keys = st.sampled_from(
        [
            *("gc.enabled", "write.metadata.previous-versions-max", "lakebt.key", "a"),
            *("write.metadata.compression-codec", "write.data.path", "py-io-impl"),
            *("history.expire.max-snapshot-age-ms", "format-version"),
            *("write.metadata.delete-after-commit.enabled", "commit.retry.num-retries"),
        ]
    )
    fields = st.lists(
        st.fixed_dictionaries(
            {
                "id": small,
                "name": st.sampled_from(["symbol", "close", "a", ""]),
                "type": st.sampled_from(
                    ["string", "double", "decimal(99,99)", "fixed[0]", "none", "", 1]
                ),
                "required": st.booleans(),
            }
        ),
        max_size=3,
    )
    location = f"file://{target.path}/warehouse/mine/t"
    known: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "assign-uuid": {"uuid": st.sampled_from([target.uuid, "x", None])},
        "upgrade-format-version": {"format-version": small},
        "add-schema": {
            "schema": st.fixed_dictionaries(
                {"type": st.just("struct"), "schema-id": small, "fields": fields}
            )
        },
        "set-current-schema": {"schema-id": small},
        "add-spec": {
            "spec": st.fixed_dictionaries(
                {
                    "spec-id": small,
                    "fields": st.lists(
                        st.fixed_dictionaries(
                            {
                                "source-id": small,
                                "field-id": st.integers(998, 1002),
                                "name": names,
                                "transform": st.sampled_from(
                                    ["identity", "bucket[0]", "bucket[4]", "x", "void"]
                                ),
                            }
                        ),
                        max_size=2,
                    ),
                }
            )
        },
        "set-default-spec": {"spec-id": small},
        "set-default-sort-order": {"sort-order-id": small},
        "add-snapshot": {
            "snapshot": st.fixed_dictionaries(
                {
                    "snapshot-id": snapshots,
                    "sequence-number": st.sampled_from([0, 1, 2, 50, 2**63 - 1]),
                    "timestamp-ms": st.sampled_from([0, -1, 1_700_000_000_000, 2**62]),
                    "manifest-list": st.sampled_from(
                        [f"{location}/metadata/x.avro", "file:///etc/passwd", "", "x"]
                    ),
                    "summary": st.sampled_from(
                        [{"operation": "append"}, {}, {"operation": "x"}]
                    ),
                    "schema-id": small,
                }
            )
        },
        "set-snapshot-ref": {
            "ref-name": names,
            "type": st.sampled_from(["tag", "branch", "x"]),
            "snapshot-id": snapshots,
            "max-ref-age-ms": st.sampled_from([None, 1, -1]),
        },
        "remove-snapshot-ref": {"ref-name": names},
        "remove-snapshots": {"snapshot-ids": st.lists(snapshots, max_size=3)},
        "set-location": {"location": st.sampled_from([location, "file:///x", ""])},
        "set-properties": {"updates": st.dictionaries(keys, texts, max_size=2)},
        "remove-properties": {"removals": st.lists(keys, max_size=2)},
        "remove-statistics": {"snapshot-id": snapshots},
        "remove-partition-specs": {"spec-ids": st.lists(small, max_size=2)},
        "remove-schemas": {"schema-ids": st.lists(small, max_size=2)},
        "no-such-update": {},
    }
    made: list[st.SearchStrategy[dict[str, Any]]] = [
        st.fixed_dictionaries({"action": st.just(action)} | said)
        for action, said in known.items()
    ]
    return st.one_of(made)


def test_commits_that_are_nearly_right_never_fail_and_harm_no_release(
    target: Target,
) -> None:
    required = st.lists(
        st.sampled_from(
            [
                {"type": "assert-create"},
                {"type": "assert-table-uuid", "uuid": target.uuid},
                {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": None},
                {"type": "assert-default-spec-id", "default-spec-id": 0},
                {"type": "x"},
            ]
        ),
        max_size=1,
    )

    @settings(BOUNDED, max_examples=times(120, 2_000))
    @given(
        table=st.sampled_from(TABLES),
        updates=st.lists(updates_of(target), max_size=4),
        requirements=required,
    )
    def send(
        table: str, updates: list[dict[str, Any]], requirements: list[dict[str, Any]]
    ) -> None:
        body = {"requirements": requirements, "updates": updates}
        url = f"{target.address}/v1/namespaces/{table}"
        answer = requests.post(url, json=body, timeout=60)
        assert answer.status_code < 500, answer.text
        loaded = requests.get(url, timeout=60)
        assert loaded.status_code in {200, 400, 404}, loaded.text

    send()
    target.check_whole()
