# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What monitors say to people."""

import ast
import operator
import re
from collections.abc import Mapping

from .assets import Json, Verdict
from .frames import QueryError

SECTION = re.compile(r'\{\{([#^])(\w+)\}\}(.*?)\{\{/\2\}\}', re.DOTALL)
PLACEHOLDER = re.compile(r'(?P<three>\{)?\{\{([\w.]+)\}\}(?(three)\})')
EVALUATED = re.compile(r'\{\{eval "([^"]+)"\}\}')
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def notification(definition: Json, group: Mapping[str, str], verdict: Verdict, at: float) -> str:
    """What a monitor would send that was triggered then, as Markdown: https://docs.datadoghq.com/monitors/notify/variables/."""
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
    return PLACEHOLDER.sub(lambda match: values.get(match[2], match[0]), text)


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
