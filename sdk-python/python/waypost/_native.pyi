"""The native half of the package: the engine, behind a border of a few functions. Private; its surface changes with every version.

An operation is named by its id (``"wallets_create"``), its parameters are pairs of wire name and text, its body is bytes that are sent as they are.
Settings, options and reports cross as JSON (bytes), because they are rare or read once; what every call carries crosses as itself.

Every function that fails over a call raises :class:`Failed`, whose one argument is the report. Only a programming mistake at this border
(a wrong type) is a ``TypeError`` or ``ValueError``.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal, final

__version__: Final[str]
"""The version of the native part. The package refuses to start with another one than its own."""

VARIABLES: Final[tuple[str, ...]]
"""The environment variables that ``environment`` of the settings may hold; others in it are ignored."""

_Pairs = tuple[tuple[str, str], ...]

class Failed(Exception):
    """A call, or the making of a client, failed.

    ``args[0]`` is the report, a JSON object: ``kind`` (a word of ``openapi/vectors``, or ``internal`` for a mistake of this package), ``message``
    (what happened), ``hint`` (what to do), ``text`` (both, with target, request id and attempts, as Rust prints it), ``operation``, ``method``,
    ``url`` (without query), ``status``, ``code``, ``problem`` (the whole object), ``request_id``, ``retry_after_s``, ``headers`` (a list of
    pairs), ``excerpt`` and ``attempts`` (a list of ``number``, ``delay_ms``, ``duration_ms``, ``status``, ``cause``, ``request_id``). What is
    not known is null.
    """

    args: tuple[bytes]

def refusal(message: str, hint: str, /) -> Failed:
    """The error (kind ``config``) of a set-up that cannot work."""

@final
class Client:
    """The engine's client: connections, limits, cache, settings. One serves any number of threads and event loops, and survives a fork."""

    def __new__(
        cls,
        settings: bytes,
        /,
        before: Callable[[Exchange], object] | None = None,
        after: Callable[[Exchange], object] | None = None,
        scripted: Scripted | None = None,
        store: Callable[[str, str | None], object] | None = None,
    ) -> Client:
        """Makes a client.

        ``settings`` is a JSON object; every member may be missing or null, an unknown one is an error: ``base_url``, ``api_key``,
        ``access_token``, ``client_id``, ``client_secret``, ``scope``, ``token_url``, ``tokens`` (an object as token stores keep it), ``token_file``
        (the path of such a store), ``tenant``, ``api_version``, ``user_agent``, ``timeout_ms``, ``connect_timeout_ms``,
        ``deadline_ms``, ``max_retries``, ``backoff_base_ms``, ``backoff_cap_ms``, ``budget`` (``false``, or ``capacity``, ``refill_every_ms``,
        ``refill_after_successes``), ``breaker`` (``false``, or ``failure_percent``, ``window_ms``, ``minimum_attempts``, ``reset_ms``,
        ``reset_cap_ms``, ``probes``), ``cache`` (``false``, or ``entries``, ``bytes``), ``pacing``, ``trace``, ``max_answer_bytes``, ``headers``
        (a list of pairs), ``proxy`` (``"environment"``, ``"none"`` or a URL), ``ca_bundle`` (a path), ``ca_pem`` (its text), ``http2_only``,
        ``idle_timeout_ms``, ``max_idle_per_host``, and ``environment``, an object of variables: what it says holds where the settings say
        nothing. Any credential among the settings makes the environment's credentials void.

        ``before`` is called before each attempt and may return pairs of header name and value, which replace the request's; ``after`` when its
        answer's head is there, or it failed. In a synchronous call they run on the calling thread; in an asynchronous one on the thread of its
        event loop, where they may return an awaitable. What they raise ends the call and is raised by it.

        With ``scripted`` nothing is ever sent: its function answers each attempt.

        ``store`` keeps tokens: it is called with ``"load"``, ``"save"`` and the tokens as JSON, or ``"clear"``, where ``before`` would be called, and returns
        the tokens as JSON, ``None``, or the exception that it caught; in an asynchronous call it may return an awaitable of those.
        """

    def derive(self, settings: bytes, /) -> Client:
        """This client with other settings (the JSON of the constructor, but nothing about connections or the environment); connections are shared, and
        limits and cache too unless the address or the caller is another."""

    def call(self, operation: str, parameters: _Pairs, body: bytes | str | None, options: bytes | None, /) -> Answer:
        """Calls an operation on this thread, without the GIL, and waits for its answer. Ctrl-C ends it.

        ``options`` is a JSON object: ``timeout_ms``, ``deadline_ms``, ``max_retries``, ``idempotency_key``, ``headers`` (a list of pairs),
        ``accept``, ``trace_parent``. ``None`` costs nothing.
        """

    def open(self, operation: str, parameters: _Pairs, body: bytes | str | None, options: bytes | None, /) -> Stream:
        """Calls an operation whose answer is read piece by piece; returns when its head is there."""

    def submit(
        self, queue: Queue, operation: str, parameters: _Pairs, body: bytes | str | None, options: bytes | None, /
    ) -> int:
        """Begins a call; ``queue.drain()`` will hold its id with an :class:`Answer` or :class:`Failed`. Mistakes in the call arrive that way as well."""

    def submit_open(
        self, queue: Queue, operation: str, parameters: _Pairs, body: bytes | str | None, options: bytes | None, /
    ) -> int:
        """As :meth:`submit`, for :meth:`open`: the outcome is an :class:`AsyncStream` or :class:`Failed`."""

    def close(self) -> None:
        """Ends the calls under way and refuses later ones, also of every client that was derived from it."""

    @property
    def closed(self) -> bool:
        """Was it closed?"""

    @property
    def hooked(self) -> bool:
        """Does it have middleware, or a token store that is a function?"""

    @property
    def base_url(self) -> str:
        """Where the API is, without secrets."""

    def __repr__(self) -> str:
        """Base URL and which credentials there are, never their values."""

@final
class Answer:
    """A successful answer."""

    @property
    def status(self) -> int:
        """200 to 299."""
    @property
    def body(self) -> bytes:
        """As it came; empty for a stream."""
    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names in lower case, in the order they came."""
    def header(self, name: str, /) -> str | None:
        """The first value of a header, whatever the name's case."""
    @property
    def request_id(self) -> str | None:
        """From ``X-Request-Id``."""
    @property
    def from_cache(self) -> bool:
        """The server confirmed that the answer it gave before still holds."""
    @property
    def attempts(self) -> bytes:
        """Every attempt, as JSON: the same list as in a report."""
    @property
    def retried(self) -> bool:
        """Was there more than one? Costs nothing to ask."""
    @property
    def operation(self) -> str:
        """The operation's id."""
    @property
    def method(self) -> str:
        """``GET``."""
    @property
    def url(self) -> str:
        """Without query."""
    def undecodable(self, message: str, /) -> Failed:
        """The error (kind ``decode``) of this answer, whose body is not what the operation promises."""

@final
class Stream:
    """An answer that is read piece by piece, on any thread."""

    @property
    def answer(self) -> Answer:
        """Status, headers and attempts."""
    def chunk(self) -> bytes | None:
        """The next piece, waiting for it without the GIL; ``None`` at the end. Nothing is read ahead of the caller."""
    def close(self) -> None:
        """Ends the request, read or not."""

@final
class AsyncStream:
    """As :class:`Stream`, for an event loop."""

    @property
    def answer(self) -> Answer:
        """Status, headers and attempts."""
    def submit_chunk(self, queue: Queue, /) -> int:
        """Asks for the next piece; the outcome in ``queue.drain()`` is ``bytes``, ``None`` at the end, or :class:`Failed`."""
    def close(self) -> None:
        """Ends the request, read or not."""

@final
class Queue:
    """What is finished for one event loop. Whoever finishes it puts an outcome in, without ever touching the interpreter; the loop's thread takes it out,
    and where it watches :attr:`fd` it runs the calls themselves while it does so."""

    def __new__(cls, /) -> Queue: ...
    @property
    def fd(self) -> int:
        """Readable when there is something to drain; -1 where the platform has no such thing, and :meth:`wait` is the way."""
    def watched(self) -> None:
        """Says that :meth:`drain` will be called by the loop's thread whenever :attr:`fd` is readable: calls run there from now on."""
    def drain(self) -> list[tuple[int, Any]]:
        """Everything that is finished, with its id: :class:`Answer`, :class:`AsyncStream`, ``bytes``, ``None`` or :class:`Failed`; or a :class:`Hook`,
        whose id is 0."""
    def wait(self) -> bool:
        """Waits, without the GIL, until there is something to drain; ``False`` once the queue is closed. For a thread of its own."""
    def cancel(self, id: int, /) -> None:
        """Drops a call: its request ends on the wire, and nothing of it arrives any more."""
    def close(self) -> None:
        """Drops every call that is under way."""

@final
class Hook:
    """An asynchronous call waits for its ``before`` or ``after``, or for its token store."""

    def run(self) -> object:
        """Calls the function and returns what it returned; it has to be answered all the same."""
    def answer(self, value: object, /) -> None:
        """Lets the call go on; ``value`` is what the function returned or, if it is an exception, raised."""
    @property
    def id(self) -> int:
        """The call's id."""

@final
class Exchange:
    """One attempt, as middleware sees it. Its headers hold credentials, its ``repr`` does not."""

    @property
    def operation(self) -> str:
        """``"wallets_create"``."""
    @property
    def attempt(self) -> int:
        """From 1."""
    @property
    def method(self) -> str:
        """``"POST"``."""
    @property
    def url(self) -> str:
        """With its query."""
    @property
    def headers(self) -> list[tuple[str, str]]:
        """The request's, as far as they are made here."""
    @property
    def status(self) -> int | None:
        """The answer's; ``None`` before it, and where none came."""
    @property
    def response_headers(self) -> list[tuple[str, str]]:
        """The answer's."""
    @property
    def elapsed_s(self) -> float:
        """Since the attempt began; zero before it."""
    @property
    def failure(self) -> str | None:
        """Why no complete answer came: ``connect``, ``tls``, ``reset``, ``interrupted``, ``timeout``, ``protocol`` or ``request``."""
    @property
    def message(self) -> str | None:
        """What is known of the failure, for a person."""

@final
class Scripted:
    """A server that is a function, on a clock that only its answers, waits and :meth:`advance` move: a minute of waiting takes no time."""

    def __new__(cls, answer: Callable[[Attempted], Reply], /, seed: bytes | None = None, unix_s: float = 1_700_000_000.0) -> Scripted:
        """``answer`` is asked for each attempt; what it raises ends the call and is raised by it. ``seed`` (32 bytes) makes keys and waits the same each time."""
    @property
    def elapsed_ms(self) -> float:
        """What the clock says, since it was made."""
    @property
    def unix_s(self) -> float:
        """What its calendar says, in seconds since 1970."""
    @property
    def waits_ms(self) -> list[float]:
        """Each wait of the last call."""
    def advance(self, ms: float, /) -> None:
        """Lets time pass."""
    def cancel_after(self, ms: float | None, /) -> None:
        """The caller of the next call gives up this long after its begin."""

@final
class Attempted:
    """A request that a script is to answer."""

    @property
    def operation(self) -> str:
        """``"wallets_create"``."""
    @property
    def attempt(self) -> int:
        """From 1."""
    @property
    def method(self) -> str:
        """``"POST"``."""
    @property
    def url(self) -> str:
        """With its query."""
    @property
    def headers(self) -> list[tuple[str, str]]:
        """Credentials included."""
    @property
    def body(self) -> bytes:
        """Empty where the operation has none."""
    @property
    def timeout_ms(self) -> float:
        """What the attempt was given."""
    @property
    def elapsed_ms(self) -> float:
        """What the script's clock says."""

@final
class Reply:
    """How a script answers an attempt."""

    def __new__(
        cls,
        status: int = 200,
        headers: Iterable[tuple[str, str]] = ...,
        body: bytes | str | None = None,
        *,
        after_ms: float = 0.0,
        body_after_ms: float = 0.0,
        failure: str | None = None,
        bytes_sent: bool = True,
        message: str | None = None,
        body_failure: str | None = None,
    ) -> Reply:
        """The head comes ``after_ms`` after the sending, the body ``body_after_ms`` after that. ``failure`` (a word of :attr:`Exchange.failure`) stands
        in place of an answer, ``body_failure`` in place of the body; ``bytes_sent`` tells whether a byte of the request may have left, ``message``
        what an HTTP library would say."""

@final
class Pager:
    """Where a listing stands. It finds a list that leads in a circle."""

    def __new__(cls, cursor: str | None = None, /) -> Pager: ...
    @property
    def finished(self) -> bool:
        """There are no more pages."""
    @property
    def cursor(self) -> str | None:
        """What the next page is asked with."""
    def advance(self, next_cursor: str | None, has_more: bool, /) -> None:
        """Takes what a page said. Raises :class:`Failed` (``decode``) when the list would never end."""

@final
class Events:
    """Reads ``text/event-stream`` from pieces that are cut anywhere."""

    def __new__(cls, limit: int = ..., /) -> Events: ...
    def push(self, piece: bytes, /) -> list[tuple[str, str, str | None, int | None]]:
        """The events that are complete with this piece: type (empty: ``message``), data, last id, and how long to wait before coming again (ms). Raises
        :class:`Failed` (``decode``) when one is larger than the limit."""

@final
class SignInSteps:
    """A sign-in, step by step. It decides everything; whoever drives it sends, waits and shows."""

    def __new__(cls, settings: bytes, /) -> SignInSteps:
        """``settings`` is a JSON object: ``base_url``, ``client_id``, ``client_secret``, ``scope``; for the authorization code grant also ``redirect_uri``,
        ``verifier`` and ``state``. Without ``redirect_uri`` it is the device grant."""
    def next(self, event: bytes, unix_s: float, /) -> bytes:
        """What to do after an event, at this time of the calendar. Both are JSON objects. The event: empty (it begins, or the step before is done); ``status``,
        ``headers`` and ``body`` of an answer; ``failure``, ``bytes_sent`` and ``message`` where there was none; ``redirected``, an address. The step, of one
        member: ``send`` (``method``, ``url``, ``headers``, ``body``), ``open`` (an address), ``progress``, ``wait_ms``, or ``done`` (the tokens)."""

def define(operation: bytes, /) -> str:
    """Adds an operation to the table for the life of the process, and returns its id; the same description gives the same one.

    A JSON object: ``id``, ``method``, ``path``, ``parameters`` (``name``, ``in``: ``path``, ``query``, ``header``; ``required``), ``body`` (``none``,
    ``json``, ``form`` or a media type), ``idempotency_key``, ``retry`` (``safe``, ``idempotent``, ``never``), ``security`` (alternatives of
    ``bearer``, ``header:<name>``, ``cookie:<name>``), ``paginate`` (bool), ``result`` (``none``, ``json``, ``text``, ``events`` or a list of media
    types), ``status``. An id of the contract is refused.
    """

def operations() -> list[str]:
    """The ids of every operation of the contract."""

def describe(operation: str, /) -> bytes | None:
    """An operation as :func:`define` takes it; ``None`` when there is none of this id."""

def policy(runner: str, input: bytes, /) -> bytes:
    """A pure runner of ``openapi/vectors``, from input to outcome (JSON both): ``backoff``, ``base_url``, ``environment``, ``form``, ``paging``, ``redaction``,
    ``request``, ``retry_after``, ``traceparent``, ``webhook``. Raises ``ValueError`` for another one."""

def token_file(path: str, verb: str, tokens: str | None = None, /) -> str | None:
    """What a token store in this file does: ``"load"``, ``"save"`` (the tokens as JSON), ``"clear"``. Raises ``RuntimeError`` that says what to do."""

def webhook_sign(secrets: Sequence[str], id: str, timestamp: int, body: bytes, /) -> str:
    """The value of ``webhook-signature``, for each secret, the newest first. Raises ``ValueError(word, text)`` as :func:`webhook_verify`."""

def webhook_verify(
    secrets: Sequence[str], id: str | None, timestamp: str | None, signature: str | None, body: bytes, now: int, tolerance_s: int, /
) -> tuple[str, int]:
    """The id and time of a genuine delivery. Raises ``ValueError`` with two arguments: why it is refused (``secret``, ``id``, ``missing_header``, ``timestamp``,
    ``too_old``, ``too_new``, ``signature``), and the sentence for a person."""

def redact_url(url: str, /) -> str:
    """A URL as it may be printed."""

def redact_header(name: str, value: str, /) -> str:
    """A header's value as it may be printed."""

def redact_text(text: str, secrets: Sequence[str], /) -> str:
    """Somebody else's text as it may be printed: every URL in it redacted, and none of these secrets."""

def is_secret_name(name: str, /) -> Literal[True, False]:
    """Is this the name of a header, parameter or member whose value is a secret?"""

def forked() -> None:
    """Says that this process is another one than before. The module has the interpreter call it in a forked child."""

def shutdown() -> None:
    """Ends what runs in the background, within half a second. The module registers it with ``atexit``; later asynchronous calls are refused."""
