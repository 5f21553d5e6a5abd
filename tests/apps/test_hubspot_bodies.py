"""What HubSpot's JSON can spell, and no message can carry."""

import pytest

from shared.apps.hubspot import HUBSPOT
from shared.contract.calls import HttpResponse, Session
from shared.model.records import Report
from tests.apps.driver import replay


def test_half_a_surrogate_pair_is_read_as_the_replacement_character() -> None:
    body = rb'{"results":[{"id":"1","properties":{"message":"a\ud83db \ud83d\ude00","lastmodifieddate":"1"}}]}'
    exchange = HUBSPOT.objects["contact"].read(Session(connection="c"), ["1"], ["message"])
    (report,), _ = replay(exchange, HttpResponse(status=200, body=body))
    assert isinstance(report, Report)
    assert report.fields == {"message": "a\ufffdb \U0001f600"}
    assert Report.model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize(("feed", "cursor"), [(0, '{"at": 1, "low": 1}'), (1, '{"since": 0}')])
def test_a_row_without_an_id_names_no_record(feed: int, cursor: str) -> None:
    """The others of its page are told."""
    body = b'{"results":[{"properties":{"lastmodifieddate":"9"}},{"id":"7","properties":{"lastmodifieddate":"10000"}}]}'
    exchange = HUBSPOT.objects["contact"].feeds[feed].poll(Session(connection="c"), cursor)
    page, _ = replay(exchange, HttpResponse(status=200, body=body))
    assert [hint.id for hint in page.hints] == ["7"]
