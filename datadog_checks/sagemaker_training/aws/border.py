# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Whatever botocore or AWS yields, as a value that can be used or as one of the named errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import responses
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    PaginationError,
    ParamValidationError,
)
from botocore.parsers import ResponseParserError

from .answers import tags_misfit
from .codes import authentication_error_class, error_class
from .errors import AwsError, BadCredentials, Malformed, NoAnswer, Unavailable
from .parsing import NOT_AWS

AUTHENTICATION = 'Authentication'


def call[T](operation: str, ask: Callable[[], T]) -> T:
    """The call's result, or what went wrong as one of the named errors; never with the answer's body."""
    try:
        return ask()
    except AwsError:
        raise
    except ClientError as e:
        code, message = code_and_message(e.response)
        is_own = e.operation_name == operation
        kind = error_class(code, message) if is_own else authentication_error_class(e.operation_name, code, message)
        raise kind(e.operation_name, code, message) from None
    except (ConnectionError, HTTPClientError) as e:
        raise NoAnswer(operation, type(e).__name__, str(e)) from None
    except (ParamValidationError, PaginationError, ResponseParserError) as e:  # the first two quote a token of AWS
        raise Unavailable(operation, type(e).__name__, NOT_AWS) from None
    except BotoCoreError as e:
        raise Unavailable(operation, type(e).__name__, str(e)) from None
    except Exception as e:  # what botocore did not foresee, whose text may be of the answer
        raise Unavailable(operation, type(e).__name__, NOT_AWS) from None


def authenticate[T](ask: Callable[[], T]) -> T:
    """The result of a call that gets credentials, or what went wrong: as for other calls, or BadCredentials."""

    def get() -> T:
        try:
            return ask()
        except (ClientError, ResponseParserError, ConnectionError, HTTPClientError):
            raise
        except Exception as e:  # files, commands and services bring them, of whatever content
            raise BadCredentials(AUTHENTICATION, type(e).__name__, _words(e)) from None

    return call(AUTHENTICATION, get)


def _words(error: Exception) -> str:
    """What it says. Where botocore puts a colon behind `token`, the scrubber would take the next word for its value."""
    if isinstance(error, BotoCoreError) and 'oken: {error_msg}' in error.fmt:
        return str(error.kwargs.get('error_msg', error))
    return str(error)


def pages_of(operation: str, pages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    pages = iter(pages)
    while (page := call(operation, lambda: next(pages, None))) is not None:
        yield page


def code_and_message(response: Mapping[str, Any]) -> tuple[str, str]:
    """Of an error answer. One that is not of AWS has only its HTTP status, and its body for a message."""
    code, message = (response.get('Error', {}).get(name) for name in ('Code', 'Message'))
    if not isinstance(code, str) or not code:
        code = 'Unknown'
    if code.isdigit():
        return code, responses.get(int(code), NOT_AWS)
    return code, message if isinstance(message, str) else ''


def member(answer: Any, name: str, operation: str) -> Any:
    """A member that every answer has; botocore reads a body that is no JSON as an answer without members."""
    if not isinstance(answer, Mapping) or name not in answer:
        raise Unavailable(operation, 'IncompleteAnswer', f'the answer has no {name}')
    return answer[name]


def list_of(answer: Any, name: str, operation: str) -> list[Any]:
    """A list that every answer has."""
    found = member(answer, name, operation)
    if not isinstance(found, list):
        raise Unavailable(operation, 'IncompleteAnswer', f'{name} of the answer is no list')
    return found


def answered_at(answer: Mapping[str, Any]) -> datetime | None:
    date = answer.get('ResponseMetadata', {}).get('HTTPHeaders', {}).get('date', '')
    try:
        time = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def tags_of(tags: Any, arn: str, operation: str) -> dict[str, str] | Malformed:
    if misfit := tags_misfit(tags):
        return Malformed(operation, 'MalformedAnswer', f'{arn}: {misfit}')
    return {tag['Key']: tag['Value'] for tag in tags}
