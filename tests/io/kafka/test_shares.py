"""Fair shares of partitions: nothing is lost, doubled or out of order, and no partition waits for the others."""

from hypothesis import given
from hypothesis import strategies as st

from shared.io.kafka.shares import Shares

SIZES = st.dictionaries(st.integers(0, 8), st.integers(0, 30), max_size=6)


def _filled(sizes: dict[int, int]) -> Shares[int, tuple[int, int]]:
    shares: Shares[int, tuple[int, int]] = Shares()
    shares.add({part: [(part, number) for number in range(size)] for part, size in sizes.items()})
    return shares


def test_each_partition_has_as_much_and_what_one_lacks_goes_to_the_others() -> None:
    """Two of three partitions have a backlog: a batch takes all of the third, and the rest in halves."""
    taken = _filled({0: 100, 1: 2, 2: 100}).take(20)
    assert {part: len(records) for part, records in taken.items()} == {0: 9, 1: 2, 2: 9}


def test_with_fewer_places_than_partitions_they_take_turns() -> None:
    """No partition is handed out a second time before each had its turn."""
    shares = _filled({0: 5, 1: 5, 2: 5})
    assert [sorted(shares.take(2)) for _ in range(3)] == [[0, 1], [0, 2], [1, 2]]


def test_what_is_put_back_comes_again_first_and_in_order() -> None:
    """A batch that could not be handled comes again, whole, before what was fetched later."""
    shares = _filled({0: 4, 1: 1})
    batch = shares.take(2)
    shares.add({1: [(1, 1)]})
    shares.put_back(batch)
    assert shares.take(100) == {0: [(0, 0), (0, 1), (0, 2), (0, 3)], 1: [(1, 0), (1, 1)]}
    assert (len(shares), shares.parts) == (0, frozenset())


def test_forgetting_returns_where_to_read_on() -> None:
    """The first record that waited is the next one to be fetched."""
    shares = _filled({0: 3, 1: 2})
    shares.take(2)
    assert shares.clear() == {0: (0, 1), 1: (1, 1)}
    assert len(shares) == 0


@given(SIZES, st.lists(st.tuples(st.integers(1, 25), st.booleans()), max_size=30))
def test_everything_comes_once_and_in_order_whatever_is_put_back(
    sizes: dict[int, int], steps: list[tuple[int, bool]]
) -> None:
    """Law: what was taken and what waits are all there was, and each partition's records are in their order."""
    shares = _filled(sizes)
    done: dict[int, list[tuple[int, int]]] = {}
    for most, handled in steps:
        batch = shares.take(most)
        assert sum(map(len, batch.values())) == min(most, sum(sizes.values()) - sum(map(len, done.values())))
        if handled:
            for part, records in batch.items():
                done.setdefault(part, []).extend(records)
        else:
            shares.put_back(batch)
    for part, records in shares.take(10_000).items():
        done.setdefault(part, []).extend(records)
    assert done == {part: [(part, number) for number in range(size)] for part, size in sizes.items() if size}


@given(SIZES, st.integers(1, 25))
def test_no_partition_waits_for_more_than_a_round(sizes: dict[int, int], most: int) -> None:
    """Law: each partition that waits is in one of the next batches, as many as one record of each would fill."""
    shares = _filled(sizes)
    waiting = shares.parts
    batches = -(-len(waiting) // most)
    assert {part for _ in range(batches) for part in shares.take(most)} == waiting
