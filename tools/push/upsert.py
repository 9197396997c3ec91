# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Creates the assets that an organisation does not have, and updates those that differ there."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .organisation import Calls, Refused, listed
from .wanted import Asset, Json, PushError, difference, handles, linked, said, with_handles_of


class Outcome(NamedTuple):
    what: str  # created, updated, unchanged or failed
    asset: Asset
    id: Any = None
    note: str = ''
    diff: Sequence[str] = ()


def upsert(
    assets: Sequence[Asset],
    names: Collection[str],
    organisation: Mapping[str, Calls],
    app_host: str,
    *,
    keep_handles: bool = False,
) -> Iterator[Outcome]:
    """Create or update the named assets, dashboards before the monitors that link to them; tell of each when done.

    With `keep_handles`, monitors go on to notify whom they notify.
    """
    ids: dict[str, Any] = {}
    for kind, calls in organisation.items():
        of_kind = [asset for asset in assets if asset.kind == kind]
        chosen = [asset for asset in of_kind if asset.name in names]
        # Links lead to dashboards that are not pushed this time, too.
        items = listed(calls.page) if chosen or kind == 'dashboard' else []
        found = {asset.name: [item for item in items if calls.is_it(item, asset.key)] for asset in of_kind}
        ids |= {asset.title: each[0]['id'] for asset in of_kind if len(each := found[asset.name]) == 1}
        sent: dict[str, Json] = {}
        for asset in chosen:
            if not found[asset.name]:
                sent[asset.name] = linked(asset.body, ids, app_host)
                outcome = _tried(_created, asset, sent[asset.name], calls)
                if outcome.what == 'created':
                    ids[asset.title] = outcome.id or f'(id of {asset.name})'  # a dry run has none
                yield outcome
        for asset in chosen:
            wanted = linked(asset.body, ids, app_host)
            if found[asset.name]:
                yield _tried(_updated, asset, wanted, calls, found[asset.name], keep_handles and kind == 'monitor')
            elif asset.title in ids and wanted != sent[asset.name]:
                # It was created before a dashboard that it links to, and told of then.
                again = _tried(_updated_again, asset, wanted, calls, ids[asset.title])
                if again.what == 'failed':
                    yield again


def _tried(step: Callable[..., Outcome], asset: Asset, *arguments: Any) -> Outcome:
    try:
        return step(asset, *arguments)
    except Refused as error:
        return Outcome('failed', asset, note=str(error))
    except PushError as error:
        raise PushError(f'{asset.kind} {asset.name}: {error}') from None


def _created(asset: Asset, wanted: Json, calls: Calls) -> Outcome:
    return Outcome('created', asset, calls.create(wanted).get('id'))


def _updated(asset: Asset, wanted: Json, calls: Calls, found: Sequence[Json], keep_handles: bool) -> Outcome:
    """Make the one that was found what is wanted; Refused if more than one was found."""
    if len(found) > 1:
        several = ', '.join(f'{item.get("title") or item.get("name")} ({item["id"]})' for item in found)
        how = (
            f'take {asset.key} out of the descriptions' if asset.kind == 'dashboard' else 'delete or rename the copies'
        )
        raise Refused(f'there are {len(found)} of it, so none was touched: {several}; {how} of all but one')
    id_ = found[0]['id']
    whole = calls.whole(found[0])
    if keep_handles:
        wanted = with_handles_of(whole, wanted)
    there = said(wanted, whole)
    if there == wanted:
        return Outcome('unchanged', asset, id_)
    calls.update(id_, wanted)
    lost = sorted(handles(there) - handles(wanted))
    note = f'no longer notifies {" ".join(lost)}' if lost else ''
    return Outcome('updated', asset, id_, note, difference(there, wanted))


def _updated_again(asset: Asset, wanted: Json, calls: Calls, id_: Any) -> Outcome:
    calls.update(id_, wanted)
    return Outcome('updated', asset, id_)
