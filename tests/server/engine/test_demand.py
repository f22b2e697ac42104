from dragoman_server.engine.demand import FEW_ROWS, LINGER_SECONDS, MUCH, Demand


def demand_of(**rows: int) -> Demand:
    demand = Demand()
    for caller, count in rows.items():
        demand.add(caller, count, 0.0)
    return demand


def test_who_sends_single_texts_has_little() -> None:
    demand = demand_of(a=1, b=2)
    assert set(demand.little) == {"a", "b"}
    assert demand.little_rows == 3
    assert not demand.callers_with_much


def test_who_sends_many_texts_has_much() -> None:
    demand = demand_of(a=1, heavy=FEW_ROWS + 1)
    assert demand.with_much == {"heavy"}
    assert demand.has_little("a")
    assert demand.has_little("unknown")
    assert demand.little_rows == 1


def test_a_caller_of_more_weight_may_have_more() -> None:
    demand = Demand()
    demand.add("a", 2 * FEW_ROWS, 0.0, weight=2.0)
    assert demand.has_little("a")


def test_where_all_have_more_nobody_has_much() -> None:
    demand = demand_of(a=FEW_ROWS, b=FEW_ROWS)
    demand.add("c", MUCH * FEW_ROWS, 0.0)
    assert demand.has_little("c")
    demand.add("c", 1, 0.0)
    assert demand.with_much == {"c"}


def test_who_had_much_has_it_until_a_while_after_it_was_much() -> None:
    demand = demand_of(heavy=100)
    demand.remove("heavy", 99, 0.5)
    demand.add("heavy", 1, 0.9)
    assert not demand.has_little("heavy")
    demand.add("heavy", 1, LINGER_SECONDS)
    assert demand.has_little("heavy")
    assert demand.little_rows == 3


def test_who_left_is_forgotten_after_a_while() -> None:
    demand = demand_of(heavy=100, light=1)
    demand.remove("heavy", 100, 0.1)
    assert demand.any_with_little(0.5)
    assert demand.callers_with_much == 1
    assert demand.any_with_little(3.0)
    assert demand.callers_with_much == 0


def test_who_has_little_counts_as_there_until_a_while_after_the_last_of_it_ended() -> None:
    demand = demand_of(light=1)
    assert demand.any_with_little(5.0)
    demand.remove("light", 1, 5.0)
    assert demand.any_with_little(5.0 + LINGER_SECONDS / 2)
    assert not demand.any_with_little(5.0 + LINGER_SECONDS)


def test_who_comes_to_have_much_was_not_somebody_else_with_little() -> None:
    demand = demand_of(alone=1)
    demand.add("alone", FEW_ROWS, 0.1)
    assert demand.with_much == {"alone"}
    assert not demand.any_with_little(0.1)
    demand.remove("alone", FEW_ROWS + 1, 0.2)
    assert demand.any_with_little(5.0) is False


def test_who_had_little_a_moment_ago_and_has_much_now_no_longer_counts_as_with_little() -> None:
    demand = demand_of(alone=1)
    demand.remove("alone", 1, 0.1)
    assert demand.any_with_little(0.2)
    demand.add("alone", FEW_ROWS + 1, 0.2)
    assert not demand.any_with_little(0.2)


def test_the_last_of_those_with_little_to_leave_counts_longest() -> None:
    demand = demand_of(first=1, last=1)
    demand.remove("first", 1, 0.0)
    demand.remove("last", 1, 0.9)
    assert demand.any_with_little(0.9 + LINGER_SECONDS / 2)
    demand.add("last", FEW_ROWS + 1, 0.9 + LINGER_SECONDS / 2)
    assert not demand.any_with_little(0.9 + LINGER_SECONDS / 2)


def test_the_fair_share_of_who_has_much_is_by_callers_and_weights() -> None:
    demand = demand_of(a=1, b=1, c=1, heavy=100)
    assert demand.share_of_much == 1 / 4
    demand.add("heavier", 1000, 0.0, weight=3.0)
    assert demand.share_of_much == 4 / 7


def test_callers_count_in_the_fair_share_though_they_have_nothing_this_moment() -> None:
    demand = demand_of(a=1, b=1, c=1, heavy=100)
    for caller in "abc":
        demand.remove(caller, 1, 0.5)
    assert demand.share_of_much == 1 / 4
