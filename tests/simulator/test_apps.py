"""The accounts of the simulator, as far as the protocol leans on what they do."""

from tests.simulator.apps import MemoryApp


def test_who_is_associated_by_the_id_of_a_merged_record_is_shown_by_its_survivor() -> None:
    """As HubSpot does: a write may name an id that was merged since, and both ends show the association."""
    app = MemoryApp("a", "ordered", unique_email=True)
    ann, old, bob = (app.insert({"email": f"{name}@x.example"}) for name in ("ann", "old", "bob"))
    made = app.merge(bob, old)
    app.associate(ann, "friends", (old.id,))
    assert app.links_of(ann)["friends"] == (made.id,)
    assert app.links_of(made)["friends"] == (ann.id,)
    app.associate(ann, "friends", ())
    assert app.links_of(made)["friends"] == ()
