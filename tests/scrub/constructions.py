# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""`python -m tests.scrub.constructions [COUNT]`: texts made of what the scrubber looks for, and whether any is slow.

A text is a beginning and a piece that is repeated; four times as many may take about four times as long.
"""

import random
import sys
import time
from collections.abc import Iterator

from datadog_checks.sagemaker_training.scrub import Scrubber

from .corpus import SEED

ATOMS = (
    *'"\'\\=:,;|&<>[](){}-_./@%$#!?* \n\t0aZ', '\\n', '\\\\n', '\\"', '\\\\"', '"""', '%22', '%3D', '%3A%2F%2F', '%40',
    '://', ':\\/\\/',
    'password', 'token', 'secret', 'key', 'api_key', 'auth', 'Authorization', 'Cookie', 'credentials', 'name', 'value',
    'default',
    'password=', 'token: ', 'key=', '--password ', '-p', '- ', '  ', ' | ', ' > ', ': |\n  ', '<password>',
    '</password>', '<!--',
    '<![CDATA[', ']]>', 'name=token', 'value=', '"name": "token", ', '"value": "a", ', 'eyJ', 'ewog', 'sk-', 'hf_',
    'dp.pt.',
    'AKC', 'AKIA', 'ops_', '.atlasv1.', '8Q~', '$6$', '$argon2id$', 'pbkdf2_', '-----BEGIN ', '-----END ', ' KEY-----',
    'Bearer ',
    'Basic ', 'curl ', 'curl -u ', 'docker login ', 'wandb login ', '--host ', 'mysql ', 'redis-cli -h h ', 'openssl ',
    'env ',
    'export ', 'set ', 'is ', 'invalid token ', 'password is ', 'identified by ', 'or "', ' || ', 'os.environ.get(',
    'x.y.',
    'str | None = ', 'Optional[str] = ', 'HTTPBasicAuth("a", ', 'hooks.slack.com/', '/api/webhooks/', 'a=b; ',
    'user a password ',
    'a' * 30, '0f' * 20, 'Ab3', 'image_', '<redacted>', '&amp;', '\u0120', '\ud800',
)  # fmt: skip


def constructions(count: int, seed: int = SEED) -> Iterator[tuple[str, str]]:
    rng = random.Random(seed)
    for _ in range(count):
        before = ''.join(rng.choices(ATOMS, k=rng.randint(0, 3)))
        yield before, ''.join(rng.choices(ATOMS, k=rng.randint(1, 4)))


def growth(before: str, repeated: str, length: int = 1500, repeats: int = 1) -> float:
    """How many times as long a text takes that is four times as long."""

    def seconds(of: int) -> float:
        text = before + repeated * (of // len(repeated))
        measured = []
        for _ in range(repeats):
            scrubber = Scrubber()
            start = time.process_time()
            scrubber.text(text)
            measured.append(time.process_time() - start)
        return min(measured)

    return seconds(4 * length) / max(seconds(length), 0.0002)


def slow(count: int, bound: float = 12) -> Iterator[tuple[float, str, str]]:
    """Those that grow faster, also if they are longer and measured again."""
    for before, repeated in constructions(count):
        if growth(before, repeated) > bound / 2:
            again = growth(before, repeated, 6000, repeats=3)
            if again > bound:
                yield again, before, repeated


if __name__ == '__main__':
    for found in slow(int((sys.argv[1:] or ['20000'])[0])):
        print(*map(repr, found), flush=True)
