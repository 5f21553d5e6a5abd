"""The apps that Syncline can connect, each declared in one file or folder beside this one."""

from collections.abc import Mapping
from typing import Final

from shared.apps.carddav import CARDDAV
from shared.apps.hubspot import HUBSPOT
from shared.contract.app import App

APPS: Final[Mapping[str, App]] = {app.key: app for app in (HUBSPOT, CARDDAV)}
"""Every app by its key. A new app is one import and one name in this row."""
