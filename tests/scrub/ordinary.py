# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What training jobs say without a secret in it: settings of the common frameworks, and what they and AWS write."""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path

from botocore import exceptions

from datadog_checks.sagemaker_training.scrub import Scrubber

HERE = Path(__file__).parent


def settings() -> list[tuple[str, str]]:
    lines = (HERE / 'ordinary_settings.txt').read_text(encoding='utf-8').splitlines()
    words = [word for line in lines if not line.startswith('#') for word in line.split(' ')]
    return [(name, value) for name, _, value in (word.partition('=') for word in words)]


def texts() -> list[str]:
    """Logs, errors and tracebacks; the errors of the AWS SDK are those that botocore has."""
    own = (HERE / 'ordinary_texts.txt').read_text(encoding='utf-8').splitlines()
    forms = {each.fmt for each in vars(exceptions).values() if isinstance(each, type) and hasattr(each, 'fmt')}
    return [*own, *(text.replace('\\n', '\n') for text in own if '\\n' in text), *map(_filled, sorted(forms))]


def _filled(form: str) -> str:
    return form.format(**{name: 'value' for _, name, _, _ in string.Formatter().parse(form) if name})


def touched(scrubber: Scrubber) -> Iterator[str]:
    """The settings and texts of which something is redacted, in a mapping, a command line or a text."""
    for name, value in settings():
        pairs = [name, value]
        shown = [
            scrubber.mapping({name: value}) == {name: value},
            scrubber.arguments([f'--{name}', value]) == [f'--{name}', value],
            scrubber.text(f'{name}={value}') == f'{name}={value}',
            scrubber.text(f'train.py --{name} {value} -v') == f'train.py --{name} {value} -v',
            scrubber.text(f'"{name}": "{value}",') == f'"{name}": "{value}",',
        ]
        if not all(shown):
            yield f'{"=".join(pairs)} {shown}'
    yield from (text for text in texts() if scrubber.text(text) != text)
