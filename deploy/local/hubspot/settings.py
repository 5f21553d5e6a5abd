"""What can be set for one simulated account."""

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Settings:
    """What can be set for one account; every field may be changed while it runs."""

    name: str = ""
    time_zone: str = "UTC"
    """Its midnight resets the daily limit."""
    currency: str = "EUR"
    index_lag_ms: int = 500
    """How long search lags behind writes."""
    token_ttl_s: int = 1800
    """Life of an OAuth access token."""
    token_rotates: bool = False
    """Return a new refresh token with each access token, and forget the one before at once."""
    withheld_scopes: list[str] = field(default_factory=list)
    """What this account's products do not include: consent leaves it out."""
    ten_secondly: int = 190
    oauth_ten_secondly: int = 110
    daily: int = 1_000_000
    search_per_second: int = 5
    auto_associate: bool = False
    """Associate a new contact with the company of its e-mail domain, as HubSpot may."""
    capitals: list[str] = field(default_factory=list)
    """Properties that the account stores in capitals, whatever is written, as a rule of its own may do."""
    first_company_primary: bool = False
    """Make the first company associated with a contact its primary one."""
    webhook_batch_ms: int = 20
    """How long events wait for company before they are sent together."""
    webhook_timeout_s: float = 5.0
    webhook_concurrency: int = 10
    webhook_retry_scale: float = 0.01
    """Multiplies HubSpot's retry delays: 1 spreads ten retries over 24 hours, 0.01 over a quarter of an hour."""
    webhook_generic: bool = False
    """Send `object.creation` with `objectTypeId` where subscriptions ask for the classic names."""
    webhook_event_type_key: str = "subscriptionType"
    """Some senders write `eventType`."""
    webhook_duplicate_share: float = 0.0
    webhook_lose_share: float = 0.0
    webhook_delay_ms: int = 0
    """Each batch waits a random time up to this."""
    webhook_reorder: bool = False
    webhook_paused: bool = False
    audit_keep: int = 500_000
    """How many audit entries and calls are remembered."""
