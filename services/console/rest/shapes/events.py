"""Events as the API tells them."""

from typing import Final

EXAMPLE: Final = """\
retry: 2000
id: j41.0-1207.1-1189
event: begin
data: {"at_ms":1700000000000}

id: j41.0-1208.1-1189
event: record
data: {"id":"contacts-1a2b","sync":"contacts","label":"Ann Lee","status":"in_sync","reason":"","left":"151",\
"right":"ann-lee.vcf","changed_ms":1700000000400,"synced_ms":1700000000400}

id: j42.0-1208.1-1189
event: job
data: {"id":"resync-contacts.1","kind":"resync","sync":"contacts","statuses":["failing"],"asked_at_ms":1700000000500,\
"state":"waiting","phase":"waiting"}

"""
