"""Calls and processor time a call of the package beside its peers, import time, and memory over 100,000 calls.

All clients take turns in one process: a round is a slice of each, in an order that turns, and what is told are medians over the rounds and the
median of the rounds' own ratios, so that a machine that is busy for a while is busy for all of them. Processor time is this process's; the server is
another one. Every answer is decoded into typed models.

A request on loopback is a few wake-ups. Where nothing else runs, waking a processor that has gone to sleep can take longer than the call, for every
client alike, and hides what is measured; so processes of the lowest class keep the processors awake (Linux; `--asleep` leaves them out).

Usage: measure.py SERVER [--quick] [--asleep]
"""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import msgspec
import pydantic
import requests
import waypost
from generated import AuthenticatedClient
from generated.api.wallets import wallets_get, wallets_list

QUICK = "--quick" in sys.argv
ROUNDS = 5 if QUICK else 15
SLICE = 0.15 if QUICK else 0.3
AT_ONCE = 50

WALLET: dict[str, Any] = {
    "id": "wal_0199a1b2c3d47e5f8a9b0c1d2e3f4a5b",
    "currency": "EUR",
    "name": "Household",
    "status": "active",
    "balance": 123456,
    "available": 120000,
    "held": 3456,
    "created_at": "2026-11-22T10:00:00.000000Z",
    "updated_at": "2026-11-22T10:00:00.000000Z",
}
ONE = {**WALLET, "metadata": {f"key_{place}": f"the value of key {place}" for place in range(20)}}
LIST = {"data": [WALLET] * 100, "next_cursor": None, "has_more": False}


class PydanticWallet(pydantic.BaseModel):
    """What an SDK on pydantic has for a wallet."""

    id: str
    currency: str
    name: str | None = None
    status: str
    balance: int
    available: int
    held: int
    metadata: dict[str, str] | None = None
    created_at: str
    updated_at: str


class PydanticPage(pydantic.BaseModel):
    """And for a page of them."""

    data: list[PydanticWallet]
    next_cursor: str | None
    has_more: bool


Call = Callable[[], object]
AsyncCall = Callable[[], Awaitable[object]]


def sync_clients(url: str, stack: ExitStack) -> dict[str, tuple[Call, Call]]:
    """By name: a call that answers with one wallet, and one that answers with a hundred."""
    one, many = f"{url}/v1/wallets/{WALLET['id']}", f"{url}/v1/wallets?limit=100"
    headers = {"X-API-Key": "wp_bench", "Accept": "application/json"}
    wallet, page = msgspec.json.Decoder(waypost.models.Wallet), msgspec.json.Decoder(waypost.models.WalletPage)

    ours = stack.enter_context(waypost.Client(url, api_key="wp_bench", environment={}))

    by_httpx = stack.enter_context(httpx.Client(headers=headers))
    by_requests = stack.enter_context(requests.Session())
    by_requests.headers.update(headers)
    line = http.client.HTTPConnection(url.removeprefix("http://"))
    generated = AuthenticatedClient(base_url=url, token="wp_bench")

    def by_hand(path: str, decoder: Any) -> object:
        line.request("GET", path, headers=headers)
        return decoder.decode(line.getresponse().read())

    return {
        "waypost": (lambda: ours.wallets.get(WALLET["id"]), lambda: ours.wallets.list(limit=100).data),
        "http.client + msgspec": (
            lambda: by_hand(f"/v1/wallets/{WALLET['id']}", wallet),
            lambda: by_hand("/v1/wallets?limit=100", page),
        ),
        "requests + msgspec": (
            lambda: wallet.decode(by_requests.get(one).content),
            lambda: page.decode(by_requests.get(many).content),
        ),
        "httpx + pydantic": (
            lambda: PydanticWallet.model_validate_json(by_httpx.get(one).content),
            lambda: PydanticPage.model_validate_json(by_httpx.get(many).content),
        ),
        "openapi-python-client": (
            lambda: wallets_get.sync(WALLET["id"], client=generated),
            lambda: wallets_list.sync(client=generated, limit=100),
        ),
    }


def async_clients(url: str) -> dict[str, Callable[[], Any]]:
    """By name: a context that gives the two calls."""
    from contextlib import asynccontextmanager

    one, many = f"{url}/v1/wallets/{WALLET['id']}", f"{url}/v1/wallets?limit=100"
    headers = {"X-API-Key": "wp_bench", "Accept": "application/json"}
    wallet, page = msgspec.json.Decoder(waypost.models.Wallet), msgspec.json.Decoder(waypost.models.WalletPage)

    @asynccontextmanager
    async def ours() -> Any:
        async with waypost.AsyncClient(url, api_key="wp_bench", environment={}) as client:

            async def get() -> object:
                return await client.wallets.get(WALLET["id"])

            async def several() -> object:
                return (await client.wallets.list(limit=100)).data

            yield get, several

    @asynccontextmanager
    async def by_aiohttp() -> Any:
        async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:

            async def get() -> object:
                async with session.get(one) as response:
                    return wallet.decode(await response.read())

            async def several() -> object:
                async with session.get(many) as response:
                    return page.decode(await response.read())

            yield get, several

    @asynccontextmanager
    async def by_httpx() -> Any:
        async with httpx.AsyncClient(headers=headers) as client:

            async def get() -> object:
                return PydanticWallet.model_validate_json((await client.get(one)).content)

            async def several() -> object:
                return PydanticPage.model_validate_json((await client.get(many)).content)

            yield get, several

    @asynccontextmanager
    async def by_generated() -> Any:
        client = AuthenticatedClient(base_url=url, token="wp_bench")

        async def get() -> object:
            return await wallets_get.asyncio(WALLET["id"], client=client)

        async def several() -> object:
            return await wallets_list.asyncio(client=client, limit=100)

        yield get, several

    return {
        "waypost": ours,
        "aiohttp + msgspec": by_aiohttp,
        "httpx + pydantic": by_httpx,
        "openapi-python-client": by_generated,
    }


def timed(call: Call) -> tuple[float, float]:
    """Calls for a slice of time: seconds and processor seconds a call."""
    count, began, spent = 0, time.perf_counter(), time.process_time()
    until = began + SLICE
    while (now := time.perf_counter()) < until or count < 3:
        call()
        count += 1
    return (now - began) / count, (time.process_time() - spent) / count


async def timed_async(call: AsyncCall, at_once: int) -> tuple[float, float]:
    """The same with so many tasks that each make one call after another."""
    count, began, spent = 0, time.perf_counter(), time.process_time()
    until = began + SLICE

    async def worker() -> None:
        nonlocal count
        while time.perf_counter() < until:
            await call()
            count += 1

    if at_once == 1:
        await worker()
    else:
        await asyncio.gather(*(worker() for _ in range(at_once)))
    return (time.perf_counter() - began) / count, (time.process_time() - spent) / count


Samples = dict[str, list[tuple[float, float]]]


def turns(names: list[str], round_: int) -> list[str]:
    """Whoever comes first in one round comes last in another."""
    place = round_ % len(names)
    return names[place:] + names[:place]


def measure_sync(url: str, place: int) -> Samples:
    samples: Samples = {}
    with ExitStack() as stack:
        clients = sync_clients(url, stack)
        for calls in clients.values():
            for _ in range(20):
                calls[place]()
        for round_ in range(ROUNDS):
            for name in turns(list(clients), round_):
                samples.setdefault(name, []).append(timed(clients[name][place]))
    return samples


def measure_async(url: str, place: int, at_once: int) -> Samples:
    samples: Samples = {}

    async def whole() -> None:
        contexts = {name: make() for name, make in async_clients(url).items()}
        calls = {name: (await context.__aenter__())[place] for name, context in contexts.items()}
        for call in calls.values():
            await asyncio.gather(*(call() for _ in range(max(20, at_once))))
        for round_ in range(ROUNDS):
            for name in turns(list(calls), round_):
                samples.setdefault(name, []).append(await timed_async(calls[name], at_once))
        for context in contexts.values():
            await context.__aexit__(None, None, None)

    asyncio.run(whole())
    return samples


def table(title: str, samples: Samples) -> None:
    ours = samples["waypost"]
    print(f"\n{title}\n| | calls a second | CPU µs a call | waypost is faster | and takes less CPU |\n| --- | ---: | ---: | ---: | ---: |")
    for name, rounds in samples.items():
        wall, cpu = (statistics.median(one[kind] for one in rounds) for kind in (0, 1))
        ratios = [statistics.median(them[kind] / us[kind] for us, them in zip(ours, rounds, strict=True)) for kind in (0, 1)]
        print(f"| {name} | {1 / wall:,.0f} | {cpu * 1e6:,.0f} | {ratios[0]:.2f} times | {ratios[1]:.2f} times |")
    sys.stdout.flush()


def importing() -> None:
    cases = {
        "nothing": "pass",
        "import waypost": "import waypost",
        "from waypost import Client": "from waypost import Client",
        "and a client, and its first resource": "from waypost import Client; Client('http://a', environment={}).wallets",
        "import httpx": "import httpx",
        "import requests": "import requests",
        "import aiohttp": "import aiohttp",
        "import msgspec": "import msgspec",
        "import pydantic; class M(pydantic.BaseModel): a: int": "import pydantic\nclass M(pydantic.BaseModel): a: int",
    }
    took: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(5 if QUICK else 15):
        for name, code in cases.items():
            program = f"import time\nbegan = time.process_time()\n{code}\nprint(time.process_time() - began)"
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
            took[name].append(float(done.stdout))
    print("\nimporting, processor time, median of processes of their own\n| | ms |\n| --- | ---: |")
    for name, times in took.items():
        print(f"| `{name}` | {statistics.median(times) * 1000:.1f} |")


def memory(url: str) -> None:
    """Resident memory after a warm-up, and after 100,000 calls of either client."""
    calls = 10_000 if QUICK else 100_000

    def resident() -> float:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20

    print(f"\nresident memory over {calls:,} calls\n| | after 10 % | at the end |\n| --- | ---: | ---: |")
    with waypost.Client(url, api_key="wp_bench", environment={}) as client:
        for _ in range(calls // 10):
            client.wallets.get(WALLET["id"])
        before = resident()
        for _ in range(calls - calls // 10):
            client.wallets.get(WALLET["id"])
        print(f"| sync | {before:.1f} MiB | {resident():.1f} MiB |")

    async def story() -> None:
        async with waypost.AsyncClient(url, api_key="wp_bench", environment={}) as client:

            async def several(count: int) -> None:
                for _ in range(count):
                    await client.wallets.get(WALLET["id"])

            await asyncio.gather(*(several(calls // 10 // AT_ONCE) for _ in range(AT_ONCE)))
            before = resident()
            await asyncio.gather(*(several((calls - calls // 10) // AT_ONCE) for _ in range(AT_ONCE)))
            print(f"| async, {AT_ONCE} at once | {before:.1f} MiB | {resident():.1f} MiB |")

    asyncio.run(story())


def keep_awake(stack: ExitStack) -> None:
    """One process for each processor that runs when nobody else wants to, and ends with this one."""
    if "--asleep" in sys.argv or not hasattr(os, "SCHED_IDLE"):
        return
    program = "import os\nos.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"
    for _ in range(os.cpu_count() or 1):
        stack.callback(subprocess.Popen([sys.executable, "-c", program]).kill)


def main() -> None:
    with ExitStack() as stack:
        keep_awake(stack)
        measure()


def measure() -> None:
    print(f"CPython {platform.python_version()}, {os.cpu_count()} processors, {ROUNDS} rounds of {SLICE} s each")
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, "wallet.json"), Path(folder, "page.json")]
        for file, content in zip(files, (ONE, LIST), strict=True):
            file.write_text(json.dumps(content, separators=(",", ":")))
        print(f"answers of {files[0].stat().st_size:,} and {files[1].stat().st_size:,} bytes")
        server = subprocess.Popen([sys.argv[1], *map(str, files)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert server.stdin is not None and server.stdout is not None
        try:
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            for place, what in enumerate(("an answer of 1 KB", "an answer of 100 items")):
                table(f"sync, one after another, {what}", measure_sync(url, place))
                table(f"async, one after another, {what}", measure_async(url, place, 1))
                table(f"async, {AT_ONCE} at once, {what}", measure_async(url, place, AT_ONCE))
            importing()
            memory(url)
        finally:
            server.stdin.close()
            server.wait()


if __name__ == "__main__":
    main()
