"""The HubSpot simulator behaves as HubSpot does."""
