# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The demo answers queries as Datadog's documentation says Datadog does."""

import pytest

from tools.datadog.filters import tag_filter
from tools.datadog.frames import Frame, Group, QueryError, Window
from tools.datadog.query import evaluate, evaluate_formula, metrics
from tools.datadog.recording import Recording, Series

HOUR = 3600.0
DAY = 24 * HOUR
START = 20_000 * DAY  # a midnight
FOUR_HOURS = Window(START, START + 4 * HOUR, HOUR)

type Points = dict[float, float]


def recording(*series: tuple[str, str, Points]) -> Recording:
    """Of series such as ('jobs.created', 'team:a region:b', {hours: value}); those of `jobs.created` are counts."""
    made = Recording(counts={'jobs.created'})
    for metric, text, points in series:
        tags = text.split()
        at = [(START + hours * HOUR, value) for hours, value in sorted(points.items())]
        made.series[metric][frozenset(tags)] = Series(dict(tag.split(':', 1) for tag in tags), at)
    return made


def answer(text: str, *series: tuple[str, str, Points], window: Window = FOUR_HOURS) -> dict[Group, Points]:
    return in_hours(evaluate(text, recording(*series), window))


def in_hours(frame: Frame) -> dict[Group, Points]:
    return {
        group: {(bucket - START) / HOUR: value for bucket, value in line.items()} for group, line in frame.lines.items()
    }


@pytest.mark.parametrize(
    ('hours', 'interval'), [(1, 60), (4, 60), (24, 300), (48, 600), (7 * 24, HOUR), (9_000, 4 * HOUR)]
)
def test_a_time_is_drawn_in_the_intervals_of_datadog(hours: float, interval: float) -> None:
    assert Window.drawn(START, START + hours * HOUR) == (START, START + hours * HOUR, interval)


def test_of_a_series_the_points_from_a_time_until_before_another() -> None:
    series = Series({}, [(1, 5), (2, 6), (3, 7)])
    assert series.within(2).points == [(2, 6), (3, 7)]
    assert series.within(1, 3).points == [(1, 5), (2, 6)]
    assert series.within(4).points == []


def test_a_count_is_summed_in_each_bucket() -> None:
    created = ('jobs.created', 'team:a', {0: 1, 0.5: 2, 1: 4, 3.9: 8, 4: 16, -0.1: 32})
    assert answer('sum:sagemaker_training.jobs.created{*}.as_count()', created) == {(): {0: 3, 1: 4, 3: 8}}


def test_nothing_outside_the_window_counts_however_long_the_buckets_are() -> None:
    created = ('jobs.created', 'team:a', {-0.1: 1, 0.5: 2, 1.5: 4, 1.9: 8})
    from_one_to_two = Window(START + 0.4 * HOUR, START + 1.6 * HOUR, HOUR)
    query = 'sum:sagemaker_training.jobs.created{*}.as_count()'
    assert answer(query, created, window=from_one_to_two) == {(): {0: 2, 1: 4}}


def test_a_gauge_is_averaged_over_time_before_it_is_aggregated_over_series() -> None:
    open_ = [('jobs.open', 'team:a', {0: 1, 0.5: 5}), ('jobs.open', 'team:b', {0: 10})]
    assert answer('sum:sagemaker_training.jobs.open{*}', *open_) == {(): {0: 13}}
    assert answer('max:sagemaker_training.jobs.open{*}', *open_) == {(): {0: 10}}
    assert answer('avg:sagemaker_training.jobs.open{*}', *open_) == {(): {0: 6.5}}


def test_a_rollup_says_how_to_aggregate_over_time_and_how_long() -> None:
    open_ = [('jobs.open', 'team:a', {0: 1, 0.5: 5, 1: 7}), ('jobs.open', 'team:b', {0: 10})]
    assert answer('sum:sagemaker_training.jobs.open{*}.rollup(max)', *open_) == {(): {0: 15, 1: 7}}
    assert answer('sum:sagemaker_training.jobs.open{*}.rollup(min, 7200)', *open_) == {(): {0: 11}}
    created = ('jobs.created', 'team:a', {0: 1, 1: 2, 2: 4})
    assert answer('sum:sagemaker_training.jobs.created{*}.as_count().rollup(sum, 7200)', created) == {(): {0: 3, 2: 4}}


def test_an_interval_that_is_too_short_for_the_window_is_lengthened() -> None:
    created = ('jobs.created', 'team:a', {0: 1, 0.5: 2, 1: 4})
    assert answer('sum:sagemaker_training.jobs.created{*}.as_count().rollup(sum, 60)', created) == {(): {0: 3, 1: 4}}


def test_a_rate_is_by_the_second_in_intervals_of_any_length() -> None:
    created = ('jobs.created', 'team:a', {0: 3600, 0.5: 3600, 1: 7200})
    text = 'sum:sagemaker_training.jobs.created{*}.as_rate()'
    assert answer(text, created) == {(): {0: 2, 1: 2}}
    assert answer(f'{text}.rollup(sum, 7200)', created) == {(): {0: 2}}


def test_groups_are_the_values_of_the_tags() -> None:
    open_ = [
        ('jobs.open', 'team:a region:x', {0: 1}),
        ('jobs.open', 'team:a region:y', {0: 2}),
        ('jobs.open', 'region:x', {0: 4}),
    ]
    assert answer('sum:sagemaker_training.jobs.open{*} by {team}', *open_) == {('a',): {0: 3}, ('n/a',): {0: 4}}


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('*', 'abc'),
        ('team:nlp', 'a'),
        ('team:nl', ''),
        ('region:us.east-1', ''),
        ('!team:nlp', 'bc'),
        ('NOT team:nlp', 'bc'),
        ('team:*', 'ab'),
        ('team:n*', 'a'),
        ('team:*i*on', 'b'),
        ('team:NLP', 'a'),
        ('team:nlp,region:eu-west-1', ''),
        ('region:eu-west-1,!team:vision', 'c'),
        ('team:nlp,*', 'a'),
        ('team:nlp OR region:eu-west-1', 'abc'),
        ('team:nlp AND region:us-east-1', 'a'),
        ('team IN (nlp, vision)', 'ab'),
        ('team NOT IN (nlp)', 'bc'),
        ('region:eu-west-1 AND (team:vision OR team:nlp)', 'b'),
        ('algorithm:xgboost:1.7-1', 'c'),
        ('in-place:yes OR team IN (in-progress, nlp)', 'a'),
    ],
)
def test_filters(text: str, expected: str) -> None:
    series = {
        'a': {'team': 'nlp', 'region': 'us-east-1'},
        'b': {'team': 'vision', 'region': 'eu-west-1'},
        'c': {'region': 'eu-west-1', 'algorithm': 'xgboost:1.7-1'},
    }
    assert ''.join(name for name, tags in series.items() if tag_filter(text).matches(tags)) == expected


def test_tags_are_those_that_datadog_keeps() -> None:
    created = ('jobs.created', 'job_family:TrainModel metric_name:val(loss)', {0: 1})
    text = 'sum:sagemaker_training.jobs.created{job_family:TrainModel} by {job_family,metric_name}.as_count()'
    assert list(answer(text, created)) == [('trainmodel', 'val_loss')]


def test_arithmetic_is_done_where_both_sides_have_a_value() -> None:
    series = [
        ('jobs.created', 'team:a status:failed', {0: 1}),
        ('jobs.created', 'team:a', {0: 3, 1: 2}),
        ('jobs.created', 'team:b', {0: 5}),
    ]
    failed = 'sum:sagemaker_training.jobs.created{status:failed} by {team}.as_count()'
    of_all = 'sum:sagemaker_training.jobs.created{*} by {team}.as_count()'
    assert answer(f'100 * {failed} / {of_all}', *series) == {('a',): {0: 25}}
    assert answer(f'{of_all} - ({of_all} - 1) * 2', *series) == {('a',): {0: -2, 1: 0}, ('b',): {0: -3}}
    assert answer(f'1 / ({of_all} - 2)', *series) == {('a',): {0: 0.5}, ('b',): {0: pytest.approx(1 / 3)}}


def test_what_has_no_groups_goes_with_each_group() -> None:
    series = [('jobs.created', 'team:a', {0: 1, 1: 2}), ('jobs.created', 'team:b', {0: 3})]
    by_team = 'sum:sagemaker_training.jobs.created{*} by {team}.as_count()'
    of_all = 'sum:sagemaker_training.jobs.created{*}.as_count()'
    assert answer(f'{by_team} / {of_all}', *series) == {('a',): {0: 0.25, 1: 1}, ('b',): {0: 0.75}}
    assert answer(f'{of_all} / {by_team}', *series) == {('a',): {0: 4, 1: 1}, ('b',): {0: pytest.approx(4 / 3)}}


def test_default_zero_fills_the_gaps_of_what_there_is() -> None:
    created = ('jobs.created', 'team:a', {1: 1})
    text = 'default_zero(sum:sagemaker_training.jobs.created{%s}%s.as_count())'
    assert answer(text % ('*', ''), created) == {(): {0: 0, 1: 1, 2: 0, 3: 0}}
    assert answer(text % ('team:b', ''), created) == {(): {0: 0, 1: 0, 2: 0, 3: 0}}
    assert answer(text % ('team:b', ' by {team}'), created) == {}


def test_the_past_can_be_put_beside_the_present() -> None:
    created = ('jobs.created', 'team:a', {0: 1, -24: 2, -7 * 24: 4, 1: 8})
    query = 'sum:sagemaker_training.jobs.created{*}.as_count()'
    assert answer(f'day_before({query})', created) == {(): {0: 2}}
    assert answer(f'week_before({query})', created) == {(): {0: 4}}
    assert answer(f'timeshift({query}, -3600)', created) == {(): {1: 1, 2: 8}}
    assert answer(f'{query} - week_before({query})', created) == {(): {0: -3}}
    assert answer(f'default_zero(day_before({query}))', created) == {(): {0: 2, 1: 0, 2: 0, 3: 0}}
    assert answer(f'hour_before({query})', created) == {(): {1: 1, 2: 8}}


def test_top_keeps_the_groups_that_rank_first() -> None:
    series = [('jobs.open', f'team:{team}', {0: value, 1: 0}) for team, value in (('a', 1), ('b', 3), ('c', 2))]
    query = 'sum:sagemaker_training.jobs.open{*} by {team}'
    assert list(answer(f"top({query}, 2, 'max', 'desc')", *series)) == [('b',), ('c',)]
    assert list(answer(f"top({query}, 1, 'max', 'asc')", *series)) == [('a',)]


def test_the_last_of_several_series_is_the_latest() -> None:
    series = [('jobs.open', 'team:a', {1: 5, 2: 7}), ('jobs.open', 'team:b', {0: 2})]
    queries = {'query1': ('sum:sagemaker_training.jobs.open{*}', 'last')}
    assert in_hours(evaluate_formula('query1', recording(*series), FOUR_HOURS, queries)) == {(): {0: 7}}
    for text in ('query1 + query1', 'default_zero(query1)'):
        line = evaluate_formula(text, recording(*series), FOUR_HOURS, {'query1': (queries['query1'][0], None)}).lines[
            ()
        ]
        assert list(line) == sorted(line)


def test_a_rate_is_a_count_by_the_second() -> None:
    created = ('jobs.created', 'team:a', {0: 36, 2: 72})
    query = 'sum:sagemaker_training.jobs.created{*}.as_rate()'
    assert answer(query, created) == {(): {0: 0.01, 2: 0.02}}
    assert answer(f'3600 * default_zero({query})', created) == {(): {0: 36, 1: 0, 2: 72, 3: 0}}


def test_a_formula_of_values_over_all_time_is_of_the_reduced_queries() -> None:
    made = recording(
        ('jobs.created', 'team:a status:failed', {0: 1}),
        ('jobs.created', 'team:a', {0: 3, 1: 4, -7 * 24: 2}),
    )
    failed = 'sum:sagemaker_training.jobs.created{status:failed}.as_count()'
    of_all = 'sum:sagemaker_training.jobs.created{*}.as_count()'
    queries = {'failed': (failed, 'sum'), 'all': (of_all, 'sum'), 'none': (of_all.replace('*', 'team:b'), 'sum')}

    def value(formula: str) -> list[Points]:
        return list(in_hours(evaluate_formula(formula, made, FOUR_HOURS, queries)).values())

    assert value('100 * failed / all') == [{0: 12.5}]
    assert value('100 * failed / none') == []
    assert value('all + default_zero(none)') == [{0: 8}]
    assert value('all - week_before(all)') == [{0: 6}]


@pytest.mark.parametrize(
    ('method', 'expected'), [('avg', 2), ('sum', 6), ('last', 1), ('min', 1), ('max', 3), ('count', 3)]
)
def test_queries_are_reduced_by(method: str, expected: float) -> None:
    made = recording(('jobs.open', 'team:a', {0: 2, 1: 3, 3: 1}))
    queries = {'q': ('sum:sagemaker_training.jobs.open{*} by {team}', method)}
    assert in_hours(evaluate_formula('q', made, FOUR_HOURS, queries)) == {('a',): {0: expected}}


@pytest.mark.parametrize(
    ('text', 'says'),
    [
        ('sum:sagemaker_training.jobs.created{*}', 'jobs.created is a count'),
        ('sum:sagemaker_training.jobs.open{*}.as_count()', 'jobs.open is no count'),
        ('sum:sagemaker_training.jobs.open{}', 'not understood'),
        ('sum:sagemaker_training.jobs.open{*} by team', 'not understood'),
        ('sum:sagemaker_training.jobs.open{team:a,region IN (b,c)}', 'not understood'),
        ('sum:sagemaker_training.jobs.open{team:a AND !region:b}', 'not understood'),
        ('max:sagemaker_training.jobs.open{*}.rollup(last)', 'no rollup by last'),
        ('max:sagemaker_training.jobs.open{*}.fill(linear)', 'not filled by linear'),
        ('sum:sagemaker_training.jobs.open{*} by {a} by {b}', 'not understood'),
        ('top(sum:sagemaker_training.jobs.open{*})', 'top cannot take'),
        ("top(sum:sagemaker_training.jobs.open{*}, 1, 'median')", 'median'),
        ('p99:sagemaker_training.jobs.open{*}', 'not understood'),
        ('sum:sagemaker_training.jobs.open{*}.rollup(median)', 'no rollup by median'),
        ('forecast(sum:sagemaker_training.jobs.open{*})', 'forecast is not supported'),
        ('query1', 'no query is named query1'),
        ('sum:sagemaker_training.jobs.open{$region}', 'template variable'),
        (
            'sum:sagemaker_training.jobs.open{*} by {team} + sum:sagemaker_training.jobs.open{*} by {x}',
            'different tags',
        ),
        ('sum:sagemaker_training.jobs.open{*} + sum:sagemaker_training.jobs.open{*}.rollup(sum, 7200)', 'intervals'),
    ],
)
def test_what_cannot_be_answered_is_an_error(text: str, says: str) -> None:
    series = [('jobs.open', 'team:a', {0: 1.0}), ('jobs.created', 'team:a', {0: 1.0})]
    with pytest.raises(QueryError, match=says):
        answer(text, *series)


def test_an_unknown_metric_has_no_data() -> None:
    assert answer('sum:sagemaker_training.jobs.closed{*}') == {}


def test_the_metrics_of_a_query_are_known_without_its_data() -> None:
    failed = 'sum:a.b{$scope AND NOT team:x AND region IN (u,v)} by {team}.as_count()'
    text = f'100 * {failed} / week_before(max:c{{*}}.rollup(max, 60))'
    first, second = metrics(text)
    assert (first.name, first.by, first.as_count, first.filter.names) == (
        'a.b',
        ('team',),
        True,
        {'$scope', 'team', 'region'},
    )
    assert (second.aggregator, second.name, second.rollup, second.interval) == ('max', 'c', 'max', 60)
