# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The Markdown of notes, monitors and events, as the HTML that a page may show.

What users have written may be anywhere in it: none of their HTML stays, and no image, which would be fetched.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from .assets import VARIABLE, Json, Verdict

SECTION = re.compile(r'\{\{([#^])(\w+)\}\}(.*?)\{\{/\2\}\}', re.DOTALL)
PLACEHOLDER = re.compile(r'\{\{([\w.]+)\}\}')


def note(text: str) -> str:
    """Of a widget. Its template variables become elements to fill in; links keep them as they are."""
    return NOTES.render(text)


def event(text: str) -> str:
    """Markdown only if it says so: https://docs.datadoghq.com/events/guides/dogstatsd/."""
    if text.startswith('%%%'):
        return MARKDOWN.render(text.removeprefix('%%%').removesuffix('%%%'))
    return f'<p>{escape(text)}</p>'


def message(definition: Json, group: Mapping[str, str], verdict: Verdict) -> str:
    """What a monitor would send: https://docs.datadoghq.com/monitors/notify/variables/."""
    thresholds = definition['options']['thresholds']
    values = {
        **{f'{key}.name': value for key, value in group.items()},
        'value': _decimal(verdict.value),
        'threshold': _decimal(thresholds.get('critical')),
        'warn_threshold': _decimal(thresholds.get('warning')),
        'check_message': verdict.message,
    }

    def section(match: re.Match[str]) -> str:
        sign, name, text = match.groups()
        return text if (name == f'is_{verdict.state}') == (sign == '#') else ''

    text = SECTION.sub(section, definition['message'])
    return MARKDOWN.render(PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text))


def _decimal(value: float | None) -> str:
    return '' if value is None else f'{value:.2f}'.rstrip('0').rstrip('.')


def _markdown(**rules: Callable[..., str]) -> MarkdownIt:
    markdown = MarkdownIt('js-default').disable('image')
    for name, rule in ({'link_open': _link_open} | rules).items():
        markdown.add_render_rule(name, rule)
    return markdown


def _link_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    tokens[index].attrs |= {'target': '_blank', 'rel': 'noopener'}
    return self.renderToken(tokens, index, options, env)


def _text(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return VARIABLE.sub(r'<span data-var="\1"></span>', escape(tokens[index].content))


MARKDOWN = _markdown()
NOTES = _markdown(text=_text)
