# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""botocore's answers, with all that can be read of them and in well-formed text; what cannot be read is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.parsers import JSONParser, ResponseParser, ResponseParserFactory
from botocore.utils import parse_timestamp

from datadog_checks.sagemaker_training.text import well_formed

from .answers import readable

# How JSON escapes a NUL, or half a character, which is malformed unless the other half follows. It has neither as is.
_MALFORMED = re.compile(rb'\\u(?:0000|[dD][89a-fA-F])')

NOT_AWS = 'the answer is not what AWS sends'


def moment(value: Any) -> datetime:
    """As botocore reads a time; the seconds that AWS sends at once in UTC, as that takes a tenth of the time."""
    try:
        return datetime.fromtimestamp(value, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return parse_timestamp(value)


class _TolerantParser(JSONParser):
    """botocore's own gives up the whole answer, a hundred jobs, for one value that it cannot read."""

    def parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        try:
            parsed = super().parse(response, shape)
            if isinstance(parsed, dict):
                return parsed
            raise TypeError('the answer is null')
        except Exception:
            status = response['status_code']
            is_error = status >= 300
            answer = {} if is_error else readable(response['body'], shape, moment)
            if not answer:
                answer['Error'] = {'Code': str(status) if is_error else 'UnreadableAnswer', 'Message': NOT_AWS}
            headers = {name.lower(): value for name, value in response['headers'].items()}
            return answer | {'ResponseMetadata': {'HTTPStatusCode': status, 'HTTPHeaders': headers}}


class Parsers(ResponseParserFactory):
    def create_parser(self, protocol_name: str) -> ResponseParser:
        return (
            _TolerantParser(timestamp_parser=moment)
            if protocol_name == 'json'
            else super().create_parser(protocol_name)
        )


def mend(response_dict: Mapping[str, Any] | None, parsed_response: dict[str, Any] | None, **_: Any) -> None:
    """Make all text of an answer well-formed, errors too. Nearly all is, which its bytes show at little cost."""
    if response_dict and parsed_response and _MALFORMED.search(response_dict['body']):
        parsed_response.update(_well_formed(parsed_response))


def _well_formed(value: Any) -> Any:
    match value:
        case str():
            return well_formed(value)
        case dict():
            return {well_formed(key): _well_formed(item) for key, item in value.items()}
        case list():
            return [_well_formed(item) for item in value]
    return value
