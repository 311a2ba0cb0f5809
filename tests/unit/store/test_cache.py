"""What is kept in memory is bounded."""

from promptside.store.cache import BoundedCache


def test_what_was_used_last_stays() -> None:
    cache: BoundedCache[str, int] = BoundedCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.find("a")

    cache.put("c", 3)

    assert [cache.find(name) for name in "abc"] == [1, None, 3]


def test_a_weight_bounds_what_is_kept_also_when_values_are_replaced() -> None:
    cache: BoundedCache[str, str] = BoundedCache(10, weigh=len)
    for name in "abc":
        cache.put(name, "xxxx")
    cache.put("c", "xx")
    cache.put("d", "xxxx")

    assert ([cache.find(name) for name in "abcd"], len(cache)) == ([None, "xxxx", "xx", "xxxx"], 3)


def test_a_value_over_the_whole_capacity_is_not_kept() -> None:
    cache: BoundedCache[str, str] = BoundedCache(10, weigh=len)

    cache.put("a", "x" * 11)

    assert (cache.find("a"), len(cache)) == (None, 0)
