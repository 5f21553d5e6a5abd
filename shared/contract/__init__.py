"""The words an app is declared in: data plus pure functions, nothing here opens a connection.

Terminology:

- *App*: the declaration of one product (HubSpot, CardDAV). *Binding*: how it holds one of its objects.
- *Exchange*: a generator that yields `HttpRequest` values and is sent `HttpResponse` values; it returns the
  result or raises `AppError`. Whoever drives it owns the socket, the clock, the budget and the retries, so an app
  is tested with recorded answers and never sleeps, signs or logs.
- *Feed*: a way to learn that records changed. What a webhook tells may be lost or repeated; the feeds together tell
  each create, update and delete, and each change of an association where the app has some (`Feed`, `LinkFeed`).

Whatever is declared here has a reader: the engine, a service, the conformance suite or the reference of the apps
(`tests/architecture/test_declarations.py`).
"""
