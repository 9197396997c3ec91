# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What a run creates, updates and leaves alone, and what it says of it."""

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from tools.push.__main__ import ASSETS

from .datadog import TAG, Datadog, Fault, Json, Push, monitor, write


def test_the_first_run_creates_everything_and_says_where_it_is(push: Push, datadog: Datadog) -> None:
    pushed = push()

    assert pushed.code == 0
    assert sorted(pushed.told('created')) == ['job_detail', 'job_failed', 'overview', 'too_slow']
    assert sorted(each['title'] for each in datadog.dashboards.values()) == ['Fleet - Job Detail', 'Fleet - Overview']
    assert sorted(each['name'] for each in datadog.monitors.values()) == ['job failed', 'job is slow']
    assert f'https://app.datadoghq.com/dashboard/{datadog.titled("Fleet - Overview")["id"]}\n' in pushed.out
    assert f'https://app.datadoghq.com/monitors/{datadog.named("job failed")["id"]}\n' in pushed.out
    assert pushed.out.endswith('4 created\n')


def test_links_lead_to_what_was_pushed(push: Push, datadog: Datadog) -> None:
    push()

    detail, overview = (datadog.titled(f'Fleet - {title}') for title in ('Job Detail', 'Overview'))
    for one, other in ((overview, detail), (detail, overview)):
        address = f'https://app.datadoghq.com/dashboard/{other["id"]}'
        note = one['widgets'][0]['definition']['widgets'][0]['definition']['content']
        assert note.startswith(f'[Next]({address}?tpl_var_region=eu), [that]({address}), [events](https://app.')
    assert f'/dashboard/{detail["id"]}?tpl_var_training_job_name={{{{' in datadog.named('job failed')['message']


def test_links_lead_to_the_site_in_use(push: Push, datadog: Datadog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('DD_SITE', 'us5.datadoghq.com')

    pushed = push()

    stored = json.dumps([datadog.dashboards, datadog.monitors])
    assert set(re.findall(r'https://([^/]+)/', stored + pushed.out)) == {'us5.datadoghq.com'}
    assert 'https://us5.datadoghq.com/event/explorer?query=a%20b' in stored


def test_a_second_run_writes_nothing(push: Push, datadog: Datadog) -> None:
    push()

    pushed = push()

    assert (pushed.code, datadog.writes) == (0, [])
    assert pushed.out.endswith('\n4 unchanged\n')


def test_a_hand_edit_is_put_right_by_one_update(push: Push, datadog: Datadog) -> None:
    push()
    edited = datadog.titled('Fleet - Overview')
    group = edited['widgets'][0]['definition']
    group['widgets'].append({'id': 3, 'definition': {'type': 'note', 'content': 'Mine.'}})

    pushed = push()

    assert datadog.writes == [f'PUT /api/v1/dashboard/{edited["id"]}']
    assert pushed.told('updated') == ['overview']
    assert len(datadog.titled('Fleet - Overview')['widgets'][0]['definition']['widgets']) == 1
    assert push().told('updated') == []


@pytest.mark.parametrize(
    'edit',
    [
        {'query': 'max(last_1h):max:sagemaker_training.job.elapsed_time{*} > 1'},
        {'message': 'Never mind.'},
        {'priority': 3},
        {'tags': [TAG]},
        {'options': {'thresholds': {'critical': 2}}},
    ],
)
def test_an_edited_monitor_is_put_right(push: Push, datadog: Datadog, edit: Json) -> None:
    push()
    before = json.loads(json.dumps(datadog.named('job failed')))
    datadog.named('job failed').update(edit)

    assert push().told('updated') == ['job_failed']
    assert {name: datadog.named('job failed')[name] for name in edit if name != 'options'} == {
        name: before[name] for name in edit if name != 'options'
    }
    assert datadog.named('job failed')['options']['thresholds'] == {'critical': 1}
    assert push().told('updated') == []


def test_what_the_asset_says_nothing_about_is_no_difference(push: Push, datadog: Datadog) -> None:
    push()
    datadog.named('job failed')['options']['silenced'] = {'*': None}
    datadog.titled('Fleet - Overview')['is_read_only'] = True

    assert push().told('unchanged') == ['job_detail', 'overview', 'job_failed', 'too_slow']


def test_what_is_on_later_pages_of_the_lists_is_found(push: Push, datadog: Datadog) -> None:
    for number in range(250):
        others = {'title': f'{number}', 'description': None, 'layout_type': 'free', 'url': '/', 'author_handle': ''}
        datadog.dashboards[f'other-{number}'] = others | {'id': f'other-{number}'}
        datadog.monitors[number] = {'id': number, 'name': f'{number}', 'tags': [TAG]}
    push()

    pushed = push()

    assert datadog.writes == []
    assert len(pushed.told('unchanged')) == 4
    assert len(datadog.dashboards) == 252


@pytest.mark.parametrize('prefix', ['Staging ', ' [Staging] - '])
def test_a_prefix_makes_a_set_of_its_own(push: Push, datadog: Datadog, prefix: str) -> None:
    push()
    plain = datadog.dashboards | datadog.monitors

    assert len(push('--prefix', prefix).told('created')) == 4
    assert len(push('--prefix', prefix).told('unchanged')) == 4
    assert len(push().told('unchanged')) == 4
    assert plain.items() <= (datadog.dashboards | datadog.monitors).items()
    overview, detail = (datadog.titled(f'{prefix.strip()} Fleet - {title}') for title in ('Overview', 'Job Detail'))
    assert f'/dashboard/{detail["id"]}?' in json.dumps(overview)
    assert f'/dashboard/{detail["id"]}?' in datadog.named(f'{prefix.strip()} job failed')['message']


def test_monitors_notify_whom_this_run_names(push: Push, datadog: Datadog) -> None:
    push('--notify', '@slack-ml-oncall', '--notify', '@pagerduty-ml')
    whom = '\n\n{{#is_alert}} @slack-ml-oncall @pagerduty-ml {{/is_alert}}'
    assert datadog.named('job failed')['message'].endswith(whom)
    assert push('--notify', '@slack-ml-oncall', '@pagerduty-ml').told('updated') == []

    pushed = push('--notify', '@pagerduty-ml')

    assert pushed.told('updated') == ['job_failed', 'too_slow']
    assert len(re.findall('no longer notifies @slack-ml-oncall$', pushed.out, re.MULTILINE)) == 2
    assert datadog.named('job failed')['message'].endswith('\n\n{{#is_alert}} @pagerduty-ml {{/is_alert}}')
    assert push().told('updated') == [], 'whom they notify now, they go on to notify'
    assert push("--notify").told("updated") == ["job_failed", "too_slow"]
    assert '@' not in datadog.named('job failed')['message']


@pytest.mark.parametrize(
    ('last', 'is_kept'),
    [
        ('@slack-ml-oncall @pagerduty-ml', True),
        ('{{#is_alert}} @pagerduty-ml {{/is_alert}} {{#is_warning}} @slack-ml {{/is_warning}}', True),
        ('Ask @somebody first.', False),
        ('{{#is_alert}} nobody {{/is_alert}}', False),
    ],
)
def test_handles_stay_with_a_new_version_of_the_message(last: str, is_kept: bool, push: Push, datadog: Datadog) -> None:
    push()
    datadog.named('job failed')['message'] = f'What it said before.\n\n{last}'
    push()
    message = datadog.named('job failed')['message']
    assert message.startswith('It job failed.')
    assert message.endswith(f'\n\n{last}') == is_kept
    assert push().told('updated') == []


def test_another_threshold_is_pushed_and_gone_without_it(push: Push, datadog: Datadog) -> None:
    push('--threshold', 'too_slow=90')
    pushed = datadog.named('job is slow')
    assert pushed['query'].endswith(' > 90')
    assert pushed['options']['thresholds'] == {'critical': 90}
    assert push('--threshold', 'too_slow=90').told('updated') == []
    assert push().told('updated') == ['too_slow']
    assert datadog.named('job is slow')['query'].endswith(' > 1')


def test_a_threshold_of_nothing_is_a_mistake(push: Push, datadog: Datadog, capsys: pytest.CaptureFixture[str]) -> None:
    pushed = push('--threshold', 'slow=90')
    assert pushed.code == 2
    assert 'no monitor is named slow; there are job_failed, too_slow' in pushed.err
    with pytest.raises(SystemExit, match='2'):
        push('--threshold', 'too_slow')
    assert 'too_slow' in capsys.readouterr().err
    assert datadog.requests == []


def test_monitors_notify_in_the_states_that_this_run_names(push: Push, datadog: Datadog, assets: Path) -> None:
    check = monitor('is silent')
    check['definition'] |= {'type': 'service check'}
    write(assets / 'monitors' / 'silent.json', check)
    push('--notify', '@oncall', '--notify-warning', '@chat', '@mail', '--notify-recovery', '@oncall')
    on_alert, on_recovery = '{{#is_alert}} @oncall {{/is_alert}}', '{{#is_recovery}} @oncall {{/is_recovery}}'
    on_warning = '{{#is_warning}} @chat @mail {{/is_warning}}'
    silent, failed = (datadog.named(name)['message'].partition('\n\n{{#')[2] for name in ('is silent', 'job failed'))
    assert f'{{{{#{failed}' == f'{on_alert} {on_recovery} {on_warning}'
    assert f'{{{{#{silent}' == f'{on_alert} {{{{#is_no_data}}}} @oncall {{{{/is_no_data}}}} {on_recovery} {on_warning}'
    pushed = push('--notify-warning', '@chat')
    assert len(re.findall('no longer notifies @mail @oncall$', pushed.out, re.MULTILINE)) == 3


def test_a_handle_without_an_at_is_a_mistake(push: Push, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='2'):
        push('--notify', 'slack-ml-oncall')
    assert "'slack-ml-oncall' does not look like @somebody" in capsys.readouterr().err


def test_only_what_is_named_is_pushed_with_links_to_what_is_there(push: Push, datadog: Datadog) -> None:
    push('--only', 'job_detail')
    assert (len(datadog.dashboards), len(datadog.monitors)) == (1, 0)

    assert push('--only', 'overview', '--only', 'job_failed').told('created') == ['overview', 'job_failed']
    detail = datadog.titled('Fleet - Job Detail')
    assert f'/dashboard/{detail["id"]}?' in datadog.named('job failed')['message']
    assert f'/dashboard/{detail["id"]}?' in json.dumps(datadog.titled('Fleet - Overview'))
    assert quote('Fleet - Overview') in json.dumps(detail), 'it is not this run that updates it'

    push()
    assert quote('Fleet - Overview') not in json.dumps(datadog.titled('Fleet - Job Detail'))


def test_a_runbook_is_a_path_or_a_link_to_where_the_docs_are_read(push: Push, datadog: Datadog) -> None:
    push(folder=ASSETS)
    message = datadog.named('SageMaker training job failed')['message']
    assert message.endswith('\n\nRunbook: `docs/runbooks.md#job-failed`')

    url = 'https://git.example.com/ml/it/blob/main/docs'
    assert len(push('--docs-url', f'{url}/', folder=ASSETS).told('unchanged')) < 4, 'all that name a page are updated'
    message = datadog.named('SageMaker training job failed')['message']
    assert message.endswith(f'\n\nRunbook: [docs/runbooks.md#job-failed]({url}/runbooks.md#job-failed)')
    assert '`docs/' not in json.dumps([datadog.dashboards, datadog.monitors])
    assert push('--docs-url', url, folder=ASSETS).told('updated') == [], 'with and without the slash'


@pytest.mark.parametrize(
    'url', ['docs/', 'http://git.example.com/docs/', 'https://a b/', 'https://a/#b', 'https://a/"b']
)
def test_what_is_no_url_of_docs_is_refused(
    push: Push, datadog: Datadog, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match='2'):
        push('--docs-url', url)
    assert 'does not look like https://' in capsys.readouterr().err
    assert datadog.requests == []


def test_a_monitor_that_is_pushed_alone_links_to_a_dashboard_that_is_there(push: Push, datadog: Datadog) -> None:
    push('--only', 'job_detail')
    push('--only', 'job_failed')
    assert f'/dashboard/{datadog.titled("Fleet - Job Detail")["id"]}?' in datadog.named('job failed')['message']


def test_an_unknown_name_is_an_error_that_lists_the_known_ones(
    push: Push, datadog: Datadog, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match='2'):
        push('--only', 'overview', 'nothing')
    assert 'no asset is named nothing; there are job_detail, job_failed, overview, too_slow' in capsys.readouterr().err
    assert datadog.requests == []


def test_a_dry_run_shows_what_would_change_and_changes_nothing(push: Push, datadog: Datadog) -> None:
    push('--only', 'overview', 'job_failed')
    datadog.named('job failed')['message'] = 'All is well.\n\n@my-own-handle'

    pushed = push('--dry-run', '--notify')

    assert (pushed.code, datadog.writes) == (0, [])
    assert pushed.told('create') == ['job_detail', 'too_slow']
    assert pushed.told('update') == ['overview', 'job_failed'], 'the one will link to what is not there yet'
    assert re.search('^    -    "All is well."', pushed.out, re.MULTILINE)
    assert re.search(r'^    \+    "It job failed."', pushed.out, re.MULTILINE)
    assert '@@' in pushed.out
    assert 'no longer notifies @my-own-handle' in pushed.out
    assert pushed.out.endswith('Nothing was changed. Without --dry-run: 2 created, 2 updated\n')
    assert 'someone@example.com' not in pushed.out, 'what only Datadog has is not shown'
    assert push('--notify').told('updated') == ['overview', 'job_failed'], 'as was foretold'


def test_a_dry_run_that_breaks_off_has_done_nothing(push: Push, datadog: Datadog) -> None:
    datadog.faults['GET .*monitor'] = Fault(502, 'bad gateway')
    pushed = push('--dry-run')
    assert pushed.code == 2
    assert 'Before that' not in pushed.err
    assert 'Before that: 2 created' in push().err


def test_of_several_that_could_be_meant_none_is_touched(push: Push, datadog: Datadog) -> None:
    push()
    clone = datadog.titled('Fleet - Overview') | {'id': 'clone', 'title': 'Overview (cloned)'}
    datadog.dashboards['clone'] = clone
    original = datadog.titled('Fleet - Overview')
    original['layout_type'] = 'free'
    datadog.copy_of(datadog.named('job failed'))

    pushed = push()

    assert pushed.code == 1
    assert pushed.told('failed') == ['overview', 'job_failed']
    assert [request for request in datadog.writes if 'clone' in request or original['id'] in request] == []
    assert f'Fleet - Overview ({original["id"]}), Overview (cloned) (clone)' in pushed.out
    assert 'take [sagemaker-training:overview] out of the descriptions of all but one' in pushed.out
    assert 'delete or rename the copies' in pushed.out


def test_a_monitor_of_that_name_without_the_tag_is_somebody_elses(push: Push, datadog: Datadog) -> None:
    datadog.copy_of({'name': 'job failed', 'tags': [], 'message': 'Mine.'})

    assert 'job_failed' in push().told('created')
    assert [each['message'] for each in datadog.monitors.values()][0] == 'Mine.'


def test_the_shipped_assets_are_pushed_once_with_no_link_left_to_a_search(push: Push, datadog: Datadog) -> None:
    shipped = len([*ASSETS.glob('dashboards/*.json'), *ASSETS.glob('monitors/*.json')])

    first, second = push(folder=ASSETS), push(folder=ASSETS)

    assert (first.code, second.code) == (0, 0)
    assert (len(first.told('created')), len(second.told('unchanged'))) == (shipped, shipped)
    assert datadog.writes == []
    assert '/dashboard/lists' not in json.dumps([datadog.dashboards, datadog.monitors])
