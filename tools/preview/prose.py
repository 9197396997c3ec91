# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The Markdown of notes, monitors and events, as the HTML that a page may show.

What users have written may be anywhere in it: none of their HTML stays, and no image, which would be fetched.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from tools.datadog.assets import VARIABLE, Json, Verdict
from tools.datadog.frames import QueryError

SECTION = re.compile(r'\{\{([#^])(\w+)\}\}(.*?)\{\{/\2\}\}', re.DOTALL)
PLACEHOLDER = re.compile(r'(?P<three>\{)?\{\{([\w.]+)\}\}(?(three)\})')
EVALUATED = re.compile(r'\{\{eval "([^"]+)"\}\}')
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def note(text: str) -> str:
    """Of a widget. Its template variables become elements to fill in; links keep them as they are."""
    return NOTES.render(text)


def event(text: str) -> str:
    """Markdown only if it says so: https://docs.datadoghq.com/events/guides/dogstatsd/."""
    if text.startswith('%%%'):
        return MARKDOWN.render(text.removeprefix('%%%').removesuffix('%%%'))
    return f'<p>{escape(text)}</p>'


def message(definition: Json, group: Mapping[str, str], verdict: Verdict, at: float) -> str:
    """What a monitor would send that was triggered then: https://docs.datadoghq.com/monitors/notify/variables/."""
    thresholds = definition['options']['thresholds']
    numbers = {
        'value': verdict.value,
        'threshold': thresholds.get('critical'),
        'warn_threshold': thresholds.get('warning'),
        'last_triggered_at_epoch': at * 1000,
    }
    values = {
        **{f'{key}.name': value for key, value in group.items()},
        **{name: _decimal(number) for name, number in numbers.items()},
        'check_message': verdict.message,
    }

    def section(match: re.Match[str]) -> str:
        sign, name, text = match.groups()
        return text if (name == f'is_{verdict.state}') == (sign == '#') else ''

    text = SECTION.sub(section, definition['message'])
    text = EVALUATED.sub(lambda match: _decimal(_evaluated(ast.parse(match[1], mode='eval').body, numbers)), text)
    return MARKDOWN.render(PLACEHOLDER.sub(lambda match: values.get(match[2], match[0]), text))


def _evaluated(expression: ast.expr, numbers: Mapping[str, float]) -> float:
    """https://docs.datadoghq.com/monitors/guide/template-variable-evaluation/, of its functions only `round`."""
    match expression:
        case ast.Constant(int(value)):
            return value
        case ast.Name(name) if name in numbers:
            return numbers[name]
        case ast.BinOp(left, sign, right) if type(sign) in OPERATORS:
            return OPERATORS[type(sign)](_evaluated(left, numbers), _evaluated(right, numbers))
        case ast.Call(ast.Name('round'), [argument]):
            return round(_evaluated(argument, numbers))
    raise QueryError(f'not evaluated: {ast.unparse(expression)}')


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
