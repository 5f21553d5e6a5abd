"""What HubSpot's JSON can spell, and no message can carry."""

from shared.apps.hubspot import HUBSPOT
from shared.core.connector import HttpResponse, Session
from shared.core.records import Report
from tests.apps.driver import replay


def test_half_a_surrogate_pair_is_read_as_the_replacement_character() -> None:
    body = rb'{"results":[{"id":"1","properties":{"message":"a\ud83db \ud83d\ude00","lastmodifieddate":"1"}}]}'
    exchange = HUBSPOT.objects["contact"].read(Session(connection="c", account="1"), ["1"], ["message"])
    (report,), _ = replay(exchange, HttpResponse(status=200, body=body))
    assert isinstance(report, Report)
    assert report.fields == {"message": "a\ufffdb \U0001f600"}
    assert Report.model_validate_json(report.model_dump_json()) == report
