"""How many calls are under way at once, against a server of so many places: property and story."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.flow.places import Places


class Busy(Exception):
    pass


class Server:
    """It takes `room` at once and turns the others away."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.at_work = self.most = self.turned_away = 0

    async def answer(self, places: Places) -> None:
        if self.at_work >= self.room:
            self.turned_away += 1
            await asyncio.sleep(0)
            raise Busy
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.at_work -= 1


async def call(places: Places, server: Server) -> None:
    """One call, until it is answered."""
    while True:
        try:
            async with places as begun:
                await server.answer(places)
        except Busy:
            places.turned_away(begun)
        else:
            places.answered()
            return


def work(places: Places, server: Server, calls: int) -> None:
    async def all_of_them() -> None:
        await asyncio.gather(*(call(places, server) for _ in range(calls)))

    asyncio.run(all_of_them())


def test_who_is_never_turned_away_has_all_places() -> None:
    places, server = Places(8), Server(100)
    work(places, server, 40)
    assert (server.most, places.limit, places.waiting) == (8, 8, 0)


def test_a_server_of_few_places_is_sent_few() -> None:
    places, server = Places(64), Server(8)
    work(places, server, 2000)
    assert server.most == 8
    assert 4 <= places.limit <= 12
    assert server.turned_away < 400  # each call, where nothing is learned


def test_one_that_was_away_is_soon_sent_all_again() -> None:
    places, server = Places(64), Server(0)

    async def story() -> None:
        calls = [asyncio.create_task(call(places, server)) for _ in range(640)]
        async with asyncio.timeout(5):
            while places.limit > 1:
                await asyncio.sleep(0)
        server.room = 64
        await asyncio.gather(*calls)

    asyncio.run(story())
    assert places.limit >= 32


def test_others_under_way_mean_that_the_server_does_its_work() -> None:
    async def story() -> None:
        places = Places(2)
        async with places as first:
            async with places as second:
                pass
            assert places.turned_away(second)
        assert not places.turned_away(first)

    asyncio.run(story())


@given(st.integers(1, 8), st.lists(st.sampled_from(["answer", "turn", "cancel", "enter"]), max_size=60))
def test_no_place_is_lost(most: int, moves: list[str]) -> None:
    """Whatever happens to who holds or waits for one: at last as many may be under way as before."""

    async def story() -> None:
        places, ends, held = Places(most), [], []

        async def hold(end: asyncio.Event) -> None:
            async with places as begun:
                held.append(begun)
                await end.wait()

        async def move(name: str) -> None:
            if name == "enter":
                end = asyncio.Event()
                ends.append((end, asyncio.create_task(hold(end))))
            elif name == "answer" and ends:
                ends.pop(0)[0].set()
                places.answered()
            elif name == "turn":
                places.turned_away(held[-1] if held else 0.0)
            elif ends:
                ends.pop()[1].cancel()
            await asyncio.sleep(0)

        for name in moves:
            await move(name)
        for _, task in ends:
            task.cancel()
        await asyncio.gather(*(task for _, task in ends), return_exceptions=True)
        for _ in range(most * most + most):
            places.answered()
        assert (places.limit, places.waiting) == (most, 0)
        async with asyncio.timeout(5):
            await asyncio.gather(*(hold(_set()) for _ in range(most)))

    asyncio.run(story())


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


def test_who_is_cancelled_with_a_place_just_given_gives_it_back() -> None:
    async def story() -> None:
        places = Places(1)
        waits = None
        async with places:
            waits = asyncio.create_task(_once(places))
            await asyncio.sleep(0)
        waits.cancel()  # it was given the place, and does not know it yet
        with pytest.raises(asyncio.CancelledError):
            await waits
        async with asyncio.timeout(5), places:
            pass

    asyncio.run(story())


async def _once(places: Places) -> None:
    async with places:
        pass
