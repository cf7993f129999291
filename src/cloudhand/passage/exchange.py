"""Move one request and its answer, or the bytes of a tunnel, between two connections."""

from __future__ import annotations

import asyncio

from cloudhand.passage import message
from cloudhand.passage.message import NO_BODY, BadMessage, Head, Length, UntilClose
from cloudhand.passage.reach import Wire
from cloudhand.passage.request import Request

_SWALLOW_LIMIT = 1024 * 1024  # bytes of a refused request's body that are worth reading
_SWALLOW_WITHIN = 5.0  # seconds
_LINGER_WITHIN = 10.0  # seconds for the other side to hang up after the last word
_SWITCHING = 101


class NoAnswer(Exception):
    """The host ended, or spoke no HTTP, before anything of an answer had gone to the client."""


async def exchange(client: Wire, request: Request, host: Wire) -> bool:
    """True when both connections can carry another request."""
    # At once: a host may answer, or ask for the body, before the body has come.
    upload = asyncio.create_task(_upload(client, request, host))
    try:
        keep = await _download(client, request, host)
        return keep and upload.done() and upload.result()
    finally:
        upload.cancel()
        await asyncio.wait([upload])


async def _upload(client: Wire, request: Request, host: Wire) -> bool:
    """Send a request on; False when it did not go out whole."""
    if not await _sent(host, request.onward.raw()):
        return False
    try:
        async for piece in message.body(client.reader, request.framing):
            if not await _sent(host, piece):
                return False
    except (BadMessage, OSError):
        host.abort()  # half a request must never look like a whole one
        return False
    return True


async def _sent(host: Wire, data: bytes) -> bool:
    try:
        await host.send(data)
    except OSError:
        return False  # its answer, if there is one, tells why
    return True


async def _download(client: Wire, request: Request, host: Wire) -> bool:
    while True:
        head, status = await _answer_head(host)
        framing = message.answer_framing(head, status=status, method=request.method)
        await client.send(head.raw())
        if status == _SWITCHING:
            await splice(client, host)
            await hang_up(host)
            return False
        if status >= 200:
            break
    try:
        async for piece in message.body(host.reader, framing):
            await client.send(piece)
    except BadMessage as error:
        raise EOFError(str(error)) from error
    return head.persistent and request.head.persistent and not isinstance(framing, UntilClose)


async def _answer_head(host: Wire) -> tuple[Head, int]:
    try:
        head = await message.read_head(host.reader)
        if head is None:
            raise NoAnswer("it hung up without an answer")
        return head, message.status_of(head)
    except (BadMessage, asyncio.LimitOverrunError) as error:
        raise NoAnswer("it answered something that is not HTTP") from error
    except OSError as error:
        raise NoAnswer(error.strerror or "the connection broke") from error


async def splice(one: Wire, other: Wire) -> None:
    """Carry bytes both ways until both sides have ended, or one is broken."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(one, other))
            group.create_task(_pump(other, one))
    except* OSError:
        one.abort()
        other.abort()


async def _pump(source: Wire, sink: Wire) -> None:
    async for piece in message.until_end(source.reader):
        await sink.send(piece)
    if sink.writer.can_write_eof():
        sink.writer.write_eof()
    else:
        sink.writer.close()  # TLS knows no half-closed connections


async def swallow(client: Wire, head: Head) -> bool:
    """Read the body of a request that goes nowhere; True when the next one can be read."""
    framing = message.request_framing(head)
    if framing == NO_BODY:
        return True
    # Whoever waits for leave to send its body shall not get it.
    too_large = isinstance(framing, Length) and framing.size > _SWALLOW_LIMIT
    if too_large or head.tokens(b"expect") & {b"100-continue"}:
        return False
    size = 0
    try:
        async with asyncio.timeout(_SWALLOW_WITHIN):
            async for piece in message.body(client.reader, framing):
                size += len(piece)
                if size > _SWALLOW_LIMIT:
                    return False
    except TimeoutError:
        return False
    return True


async def hang_up(wire: Wire) -> None:
    """End a connection after all that was sent has been read, or could have been."""
    # Not 0: a TLS transport of asyncio would then wait for ever.
    wire.writer.transport.set_write_buffer_limits(high=1, low=0)
    await wire.writer.drain()
    try:
        async with asyncio.timeout(_LINGER_WITHIN):
            if wire.writer.can_write_eof():
                wire.writer.write_eof()
                # Closing before the other side does would take back what it has not read yet.
                async for _ in message.until_end(wire.reader):
                    pass
            wire.writer.close()
            await wire.writer.wait_closed()
    except TimeoutError:
        wire.abort()
