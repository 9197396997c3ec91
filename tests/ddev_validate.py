# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Runs `ddev validate` on a repository whose root is the integration. For ddev's own environment, not the tests'.

`ddev_validate.py TREE VALIDATOR ...` prints one JSON object, validator -> {exit_code, output}.
`ddev_validate.py --sync TREE` writes TREE's conf.yaml.example and config_models from its spec.yaml.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECK = 'sagemaker_training'
# What the Agent embeds: `dep` compares the pins of pyproject.toml with these.
AGENT_REQUIREMENTS = 'boto3==1.43.98\nbotocore==1.43.98\n'
# ddev writes and demands Datadog's name and the year of the day.
LICENSE_HEADER = ''.join(Path(__file__).read_text(encoding='utf-8').splitlines(keepends=True)[:3]).rstrip()


def lay_out(home: Path) -> Path:
    """Make `home` look to ddev like a home with a clone of integrations-core; return where the check is in it."""
    core = home / 'integrations-core'
    (core / '.ddev').mkdir(parents=True)
    (core / '.ddev' / 'config.toml').touch()
    (core / 'agent_requirements.in').write_text(AGENT_REQUIREMENTS)
    config = home / 'ddev.toml'
    config.write_text(f'repo = "core"\nupgrade_check = false\n[repos]\ncore = {json.dumps(str(core))}\n')

    for name in [name for name in os.environ if name.startswith('GIT_')]:
        del os.environ[name]  # inside a git hook these lead git back to the hook's own repository
    os.environ |= {'HOME': str(home), 'DDEV_CONFIG': str(config), 'COLUMNS': '200', 'NO_COLOR': '1'}
    # Headers are compared with those on origin/master, where they may differ from ddev's. Here every file is new.
    commit = 'git -c user.name=ddev -c user.email=ddev@localhost commit --quiet --allow-empty --message empty'
    for command in ('git init --quiet', commit, 'git update-ref refs/remotes/origin/master HEAD'):
        subprocess.run(command.split(), cwd=core, check=True)
    return core / CHECK


def validate(*arguments: str) -> dict[str, int | str]:
    # Imported late: ddev reads its environment, and binds its header, when it is imported.
    from datadog_checks.dev.tooling import utils

    utils.get_license_header = lambda: LICENSE_HEADER

    from click.testing import CliRunner
    from ddev.cli import ddev

    from datadog_checks.dev.tooling.constants import set_root

    set_root('')  # a validator leaves its root behind for the next one in the same process
    result = CliRunner().invoke(ddev, ['validate', *arguments, CHECK])
    crash = result.exception if result.exception and not isinstance(result.exception, SystemExit) else ''
    return {'exit_code': result.exit_code, 'output': f'{result.output}{crash!r}' if crash else result.output}


def main(*arguments: str) -> int:
    with tempfile.TemporaryDirectory() as home:
        check = lay_out(Path(home))
        if arguments[0] == '--sync':
            check.symlink_to(Path(arguments[1]).resolve(), target_is_directory=True)
            results = [validate(validator, '--sync') for validator in ('config', 'models')]
            print(*(result['output'] for result in results), sep='\n')
            return max(int(result['exit_code']) for result in results)
        shutil.copytree(arguments[0], check)
        print(json.dumps({validator: validate(validator) for validator in arguments[1:]}))
        return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
