"""A HubSpot that runs on this machine: the public API as HubSpot's official client knows it, and an admin API.

Start it as a process (SIGTERM or Ctrl-C stops it; `--data` keeps the state, and a SIGKILL loses nothing that was
acknowledged)::

    python -m deploy.local.hubspot --port 8100 --data .run/hubspot --admin-token secret --account 4001:pat-main

or inside a test::

    with HubSpotServer(data=None, seed=1) as server:
        admin = server.admin()
        admin.add_account(4001, token="pat-main", settings={"index_lag_ms": 0})
        admin.add_property(4001, "contacts", name="ext_id", unique=True)
        admin.set_webhooks(4001, "http://127.0.0.1:9000/hook", ["contact.creation", "contact.propertyChange:email"])
        client = hubspot.HubSpot(access_token="pat-main", host=server.url)

`server.run(lambda world: ...)` reaches into the state between two calls; `AdminClient(url, token)` speaks to a
server in another process. A `Clock` given to the server can be pushed forward (`POST /_admin/clock`).

Admin API (JSON; header `X-Admin-Token`), below `/_admin/`:

====================================================  =============================================================
`GET ping`, `GET accounts`, `GET apps`                what there is
`POST accounts` `{portalId, token?, scopes?,          a new account, with a private app when a token is given;
clientSecret?, appId?, settings?, owners?}`           settings are the fields of `account.Settings`
`PATCH accounts/N` `{setting: value}`                 change settings (limits, index lag, webhook timing and faults)
`POST accounts/N/tokens` `{token, scopes?}`           another private app
`POST apps` `{name, redirect_uris, scopes}`           a public app for OAuth; answers client_id and client_secret
`POST expire` `{token, revoke?}`                      let a token expire now, or revoke it
`POST accounts/N/revoke`                              remove the public apps: none of their tokens works any longer
`POST accounts/N/scopes` `{remove: [...]}`            take scopes away from every token of the account
`GET token-calls`                                     what the OAuth token endpoint was asked, and how it answered
`POST clock` `{advanceMs}`                            push the clock
`POST accounts/N/owners` `{owners: [{email, ...}]}`   owners; `archived: true` for one that left
`POST accounts/N/properties/TYPE` `{name, label,      a custom property, in the words of the properties API
type, fieldType, hasUniqueValue?, options?}`
`PUT accounts/N/pipelines/TYPE` `{pipelines: [...]}`  other pipelines in place of these: see `stages.Pipelines`
`PUT`, `GET accounts/N/webhooks` `{url, signature,    one app's hook; `subscriptions` are `{eventType, propertyName?,
subscriptions, appId?, publicUrl?, redact?}`          objectTypeId?}`; GET also tells pending, counts, last requests
`PUT`, `GET accounts/N/faults` `{seed, rules}`        rules are the fields of `faults.Fault`; an empty list ends them
`POST accounts/N/edits` `{edits: [...]}`              what a person does: see `edits.apply`
`POST accounts/N/load`                                many records without webhooks or audit: see `edits.load`
`GET accounts/N/audit?after=SEQ&limit=M`              every write: who, what, before, after, when, in which call
`GET accounts/N/calls?after=SEQ`                      calls by class and status, 429s by policy, per ten-second window
`GET accounts/N/records/TYPE`                         every record with all its properties, archived ones included
`GET accounts/N/associations/TYPE/TYPE`               id -> id -> association type ids
====================================================  =============================================================

Record ids of every type and account count from 1001: they repeat, as they may in HubSpot. Where HubSpot's own
answer is not documented the stricter reading was taken, so that what works here works there.
"""

from deploy.local.hubspot.client import AdminClient
from deploy.local.hubspot.server import Clock, HubSpotServer

__all__ = ["AdminClient", "Clock", "HubSpotServer"]
