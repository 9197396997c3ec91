# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The family of a training job: its name without what makes one run unique, so that the runs of one pipeline are one.

A part is cut out wherever it stands in the name. What might as well be a size or a version (`resnet-50`, `model-v12`,
`lr-0-01-64`, `23-11-26`) stays: for names that need more, there are the patterns and the tag of an instance.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

# Whole names as AWS's own tools write them; the group is what the user wrote.
_ENVELOPES = (
    # SageMaker Pipelines: pipelines-a1b2c3d4e5f6-TrainModel-Ab12Cd34Ef
    re.compile(r'pipelines-[a-z0-9]{12}-(.+)-[A-Za-z0-9]{10}'),
    # The tuning jobs of its tuning steps, cut to 32 characters: bqbpzw5k3d15-HPTuning-U0H0Wl6oKU-001-c42f316a
    re.compile(r'(?=[a-z]*\d)[a-z0-9]{12}-(.{1,8})-[A-Za-z0-9]{10}-\d{3,6}-[0-9a-f]{8}'),
    # Tuning: hpo-003-1f2e3d4c, also with an id that looks like a date: hpo-003-20261123; see below for 100 and more
    re.compile(r'(.*)-0\d\d-[0-9a-f]{8}'),
    # AWS Batch, without a dash before the last 32 digits: AWSBatchnightly-ranker0f1e2d3c4b5a69788796a5b4c3d2e1f0
    re.compile(r'AWSBatch-?(.+?)-?[0-9a-f]{32}'),
)

_SHORT_YEAR = r'(?:1[5-9]|[23]\d)'
_YEAR = f'20{_SHORT_YEAR}'
_MONTH, _DAY, _HOUR, _MINUTE = r'(?:0[1-9]|1[0-2])', r'(?:0[1-9]|[12]\d|3[01])', r'(?:[01]\d|2[0-3])', r'[0-5]\d'
_SHORT_MONTH, _SHORT_DAY = rf'(?:[1-9]|{_MONTH})', rf'(?:[1-9]|{_DAY})'
_SHORT_HOUR, _SHORT_MINUTE = rf'(?:\d|{_HOUR})', rf'(?:\d|{_MINUTE})'
_MONTH_NAME = '(?:[Jj]an|[Ff]eb|[Mm]ar|[Aa]pr|[Mm]ay|[Jj]u[nl]|[Aa]ug|[Ss]ep|[Oo]ct|[Nn]ov|[Dd]ec)[a-z]{0,6}'
_FRACTION = r'(?:-+\d{1,9})?'
_CLOCK = (  # behind a date; it may be missing
    '(?:(?:-*[Tt]-*|-*)(?:'
    rf'{_SHORT_HOUR}-+{_SHORT_MINUTE}(?:-+{_SHORT_MINUTE}{_FRACTION})?'  # 18-12-05-123
    rf'|{_HOUR}{_MINUTE}(?:{_MINUTE}(?:-*\d{{1,6}})?)?'  # 181205
    rf'|{_SHORT_HOUR}[Hh]-*{_MINUTE}[Mm]?(?:-*{_MINUTE}[Ss]?)?'  # 18h12m05s
    rf'|{_SHORT_HOUR}(?=-*[AaPp][Mm])|(?<=[Tt]){_HOUR}'  # 6pm, T18
    ')(?:-*[AaPp][Mm])?(?:-*(?:[Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt]))?)?'
)
_START, _END = '(?<![0-9A-Za-z])', '(?![0-9A-Za-z])'
_GLUED = rf'(?:{_START}|(?<=[A-Za-z]{{2}})|(?<=-[vV]))'  # at the start of a word, or right behind one

# What tells one moment or one run from all others. What stands behind it belongs to that run.
_MARKS = re.compile(
    '(?:'
    rf'{_GLUED}{_YEAR}-+{_SHORT_MONTH}-+{_SHORT_DAY}(?!\d){_CLOCK}'  # the SageMaker SDK: 2026-11-23-18-12-05-123
    rf'|{_GLUED}{_YEAR}{_MONTH}{_DAY}{_CLOCK}'  # its ModelTrainer: 20261123181205, Airflow's ts_nodash: 20261123T181205
    rf'|{_START}{_SHORT_YEAR}{_MONTH}{_DAY}{_CLOCK}'  # the SDK's short form: 261123-1812
    rf'|{_START}{_DAY}{_MONTH}{_SHORT_YEAR}{_CLOCK}'  # 231126-1812
    rf'|{_START}(?:{_DAY}{_MONTH}|{_MONTH}{_DAY}){_YEAR}{_CLOCK}'  # 23112026-18-12
    rf'|{_START}(?:{_SHORT_DAY}-+{_SHORT_MONTH}|{_SHORT_MONTH}-+{_SHORT_DAY})-+{_YEAR}(?!\d){_CLOCK}'  # 23-11-2026
    rf'|{_START}(?:{_SHORT_DAY}-*{_MONTH_NAME}|{_MONTH_NAME}-*{_SHORT_DAY})-*{_YEAR}(?!\d){_CLOCK}'  # 23-Nov-2026
    rf'|{_START}{_YEAR}-*{_MONTH_NAME}-*{_SHORT_DAY}(?!\d){_CLOCK}'  # 2026-Nov-23
    rf'|{_START}{_YEAR}-*(?:[Ww]\d\d|[Qq][1-4]|{_MONTH}(?!-*\d))'  # 2026-W48, 2026-Q4, 2026-11
    rf'|{_START}{_SHORT_YEAR}-+{_MONTH}-+{_DAY}-+{_HOUR}-+{_MINUTE}-+{_MINUTE}{_FRACTION}'  # 26-11-23-18-12-05
    rf'|{_START}(?:{_MONTH}-+{_DAY}|{_DAY}-+{_MONTH})-+{_HOUR}-+{_MINUTE}(?:-+{_MINUTE}{_FRACTION})?'  # no year
    rf'|{_START}{_DAY}-+{_HOUR}-+{_MINUTE}-+{_MINUTE}'  # AWS's notebooks, neither year nor month: 23-18-12-05
    rf'|{_START}(?:{_MONTH}{_DAY}|{_DAY}{_MONTH})-+{_HOUR}{_MINUTE}{_MINUTE}'  # 1123-181205
    rf'|{_GLUED}(?:1[4-9]|2[01])\d{{8}}(?:\d{{3}}|\d{{6}}|\d{{9}})?'  # epoch, in seconds down to nanoseconds
    rf'(?:-[0-9a-f]{{4}}(?=-|$))?'  # with what the SDK adds: 1795457520-1f2e
    r'|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}'  # UUID
    rf'|{_START}[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{1,3}}(?:-[0-9a-f]{{0,11}})?$'  # a UUID cut off by the name's end
    rf'|{_START}[0-9a-f]{{40}}|[0-9a-f]{{32}}'  # a commit; a UUID without its dashes, glued to a word or not
    rf'|{_START}0[0-9A-HJKMNP-TV-Z]{{25}}|{_START}0[0-9a-hjkmnp-tv-z]{{25}}'  # ULID
    rf'|{_START}(?=\w*[A-Z])(?=\w*[a-z])[0-3][0-9A-Za-z]{{26}}'  # KSUID
    rf'){_END}'
)
# What is cut out where it stands, and nothing else with it.
_TOKENS = re.compile(
    rf'{_START}(?:'
    r'\d{3,6}-[0-9a-f]{8}$'  # a tuning job's counter: 003-1f2e3d4c
    r'|[bcdfghjklmnpqrstvwxz2456789]{5}-\d{8,10}$'  # Argo's, and so Kubeflow's: x7k2q-3456789012
    r'|[0-9a-f]{8,}|[0-9A-F]{8,}'  # a number or hex digits; there is no word of these letters that is as long
    r'|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7}'  # a short commit id
    r'|(?:\d+-)?g(?=[a-f]*\d)[0-9a-f]{7,}'  # and as `git describe` writes it: 14-g2414721
    rf'){_END}'
)
# The number behind these words grows with each run; behind others (`resnet-50`, `daily-1`) it is a name.
_RUN_NUMBER = re.compile(
    rf'({_START}(?:pr|mr|run|build|trial|attempt|retry))-*\d+(?:-+(?:\d+|[0-9a-f]{{7}}))*{_END}', re.IGNORECASE
)
_FRONT_NUMBER = re.compile(r'^\d{1,4}-+')
# Words that, with a number or without, are no name behind a time.
_STEPS = {'trial', 'step', 'attempt', 'retry', 'try', 'run', 'task', 'worker', 'fold', 'iter', 'epoch', 'pr', 'build'}


@lru_cache(16_384)
def job_family(name: str) -> str:
    """The job's name without what makes one run unique; empty if nothing else is in it. A family is its own family.

    >>> job_family('churn-xgb-2026-11-23-18-12-00-123')
    'churn-xgb'
    """
    while (shorter := _shortened(name)) != name:
        name = shorter
    return name


def families(patterns: Iterable[str], tag: str | None) -> Callable[[str, Mapping[str, str]], str]:
    """What tells the family of a job, from its name and its AWS tags.

    The value of the AWS tag `tag` wins; then the first group of the first of the regular expressions `patterns` that
    is found in the name and has something in it; then `job_family`.
    """
    compiled = [re.compile(pattern) for pattern in patterns]

    @lru_cache(16_384)
    def by_pattern(name: str) -> str:
        found = (pattern.search(name) for pattern in compiled)
        return next((match[1] for match in found if match and match[1]), '') or job_family(name)

    by_name = by_pattern if compiled else job_family
    return lambda name, resource_tags: (resource_tags.get(tag) if tag else None) or by_name(name)


def _shortened(name: str) -> str:
    """The name with fewer of its unique parts, or as it is if it has none."""
    for envelope in _ENVELOPES:
        if inner := envelope.fullmatch(name):
            return inner[1].strip('-')
    if mark := _MARKS.search(name):
        head, tail = name[: mark.start()].rstrip('-'), name[mark.end() :].lstrip('-')
        if head and _is_of_one_run(tail):
            return _FRONT_NUMBER.sub('', head)
        return '-'.join(filter(None, (head, _FRONT_NUMBER.sub('', tail))))
    if token := _TOKENS.search(name):
        return '-'.join(filter(None, (name[: token.start()].rstrip('-'), name[token.end() :].lstrip('-'))))
    return _RUN_NUMBER.sub(r'\1', name)


def _is_of_one_run(tail: str) -> bool:
    """Whether what stands behind a time is a step, a trial, an attempt or random, and no name that runs share."""
    parts = [part for part in tail.split('-') if part]
    return len(parts) < 2 or all(part.lower() in _STEPS or not part.isalpha() for part in parts)
