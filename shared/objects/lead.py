"""Leads: people as contacts are, who are not matched by name and company unless that is asked for."""

from dataclasses import replace
from typing import Final

from pydantic import Field

from shared.objects.contact import CONTACT, ContactRules


class LeadRules(ContactRules):
    """What people decide about leads."""

    contact_company: bool = Field(default=False, examples=[True])
    """Match people without an e-mail address by name and company."""


LEAD: Final = replace(CONTACT, name="lead", title="Leads", rules=LeadRules)
