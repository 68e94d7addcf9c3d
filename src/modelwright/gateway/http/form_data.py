"""Reads a row from `multipart/form-data` as its bytes come: files for inputs of such kinds, texts for others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Receive

from modelwright.core.messages import Problem, RequestError
from modelwright.core.signature import Signature
from modelwright.gateway.config import LimitsConfig
from modelwright.gateway.http import exchange

FORM = b"multipart/form-data"
MOST_PARTS = 2000  # a set of 1,000 members has as many
_PLAIN_TRANSFER = {"", "7bit", "8bit", "binary"}
_UTF8 = {"", "utf-8", "utf8", "us-ascii"}
_MOST_BYTES = 4  # of a character in UTF-8

Given = bytes | str | list[str] | None


def is_form(headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether the body says that it is a form."""
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower() == FORM


async def read(
    headers: Mapping[bytes, bytes],
    receive: Receive,
    signature: Signature,
    files: Collection[str],
    limits: LimitsConfig,
) -> Mapping[str, Given]:
    """Return the row of a form: the bytes of a file, a text (several of one name are a list), by input.

    files: the inputs whose kinds hold files. A part with a file name, or with a type that is no text, is a file; one
    without a name of its own and empty (a form on a page, in which nothing was chosen) is missing. A name that is no
    input keeps no bytes. Raises RequestError (400 for what is no form, 413 for what is too large, 422 for a file
    where a value is wanted) or ClientLeftError.
    """
    _, options = parse_options_header(headers[b"content-type"].decode("latin-1"))
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise RequestError(Problem("request.bad-form", boundary=True), 400)
    form = _Form(signature, files, limits)
    reader = _Reader(form, boundary)
    most = limits.of_form(len(files))
    if b"content-encoding" in headers:  # unpacked whole: what it holds is bounded as one
        body = await exchange.read_body(headers, receive, most, limits.body_timeout_s)
        reader.feed(exchange.unpacked(headers, body, most))
    else:
        await exchange.feed_body(headers, receive, most, limits.body_timeout_s, reader.feed)
    return reader.row()


@dataclass
class _Part:
    """One part: its headers by lower-case name, and from their end its name and whether it is a file."""

    headers: dict[str, str] = field(default_factory=dict)
    name: str = ""
    is_file: bool = False
    blank_name: bool = False  # a file whose name is empty: none was chosen
    kept: bool = True
    data: bytearray = field(default_factory=bytearray)


class _Reader:
    """Feeds the parser, and turns its events into parts."""

    def __init__(self, form: _Form, boundary: bytes) -> None:
        self._form = form
        self._part = _Part()
        self._field, self._value = bytearray(), bytearray()
        self._read = 0
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                    "on_header_end": self._header,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._all,
                },
            )
        except FormParserError:  # a boundary beyond all reason
            raise RequestError(Problem("request.bad-form", boundary=True), 400) from None

    def feed(self, data: bytes) -> None:
        """Read some bytes; raises RequestError."""
        if not data:
            return
        try:
            self._parser.write(data)
        except FormParserError as error:
            position = self._read + max(getattr(error, "offset", 0), 0)
            raise RequestError(Problem("request.bad-form", position=position), 400) from None
        self._read += len(data)

    def row(self) -> Mapping[str, Given]:
        """Return the row, once all was fed; raises RequestError for a form that was cut short."""
        if not self._ended:
            raise RequestError(Problem("request.bad-form", cut=True), 400)
        return self._form.row

    def _begin(self) -> None:
        self._part = _Part()

    def _header(self) -> None:
        name, value = self._field.decode("latin-1").lower(), self._value.decode("latin-1").strip()
        self._field, self._value = bytearray(), bytearray()
        if name in self._part.headers:
            raise RequestError(Problem("request.bad-form", position=self._read), 400)
        self._part.headers[name] = value

    def _headers_finished(self) -> None:
        self._form.begin(self._part)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.kept:
            self._part.data += memoryview(data)[start:end]
            self._form.require_size(self._part)

    def _end(self) -> None:
        self._form.end(self._part)

    def _all(self) -> None:
        self._ended = True


class _Form:
    """Gathers the row, and refuses what does not belong into it before it is kept."""

    def __init__(self, signature: Signature, files: Collection[str], limits: LimitsConfig) -> None:
        self.row: dict[str, Given] = {}
        self._inputs = {one.name: one for one in signature.inputs}
        self._files = files
        self._limits = limits
        self._parts = 0

    def begin(self, part: _Part) -> None:
        """Read a part's headers; raises RequestError."""
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise RequestError(Problem("request.too-many-parts", most=MOST_PARTS))
        given = part.headers.get("content-disposition", "")
        sort, options = parse_options_header(given)
        name = _utf8(options.get(b"name", b""))
        if sort != b"form-data" or not name:
            raise RequestError(Problem("request.bad-form", nameless=True), 400)
        part.name = name
        if name not in self._inputs:
            part.kept = False  # the row keeps the name, and whoever reads the row refuses it
            return
        of_type, parameters = parse_options_header(part.headers.get("content-type", ""))
        named = b"filename" in options or "filename*" in given
        part.is_file = named or (bool(of_type) and not of_type.startswith(b"text/"))
        part.blank_name = options.get(b"filename") == b""
        transfer = part.headers.get("content-transfer-encoding", "").lower()
        charset = parameters.get(b"charset", b"").decode("latin-1").lower()
        if transfer not in _PLAIN_TRANSFER:
            raise RequestError(Problem("request.bad-form", name=name, encoding=transfer[:40]), 400)
        if not part.is_file and charset not in _UTF8:
            raise RequestError(Problem("request.bad-form", name=name, charset=charset[:40]), 400)
        if part.is_file and name not in self._files:
            raise RequestError(Problem("request.file-for-value", name=name, kind=self._inputs[name].kind))
        if part.is_file and name in self.row:
            raise RequestError(Problem("request.part-twice", name=name))

    def require_size(self, part: _Part) -> None:
        """Raise RequestError for a part that has become too large."""
        if part.is_file:
            if len(part.data) > self._limits.file:
                raise file_too_large(part.name, self._limits.file)
        elif len(part.data) > _MOST_BYTES * self._most_text(part.name):
            raise _text_too_long(part.name, len(part.data) // _MOST_BYTES, self._most_text(part.name))

    def end(self, part: _Part) -> None:
        """Keep a part in the row; raises RequestError."""
        name = part.name
        if not part.kept:
            self.row[name] = None
        elif part.is_file:
            self.row[name] = None if part.blank_name and not part.data else bytes(part.data)
        else:
            text = _utf8(bytes(part.data), name)
            if len(text) > self._most_text(name):
                raise _text_too_long(name, len(text), self._most_text(name))
            before = self.row.get(name)
            if name not in self.row:
                self.row[name] = text
            elif isinstance(before, bytes) or name in self._files:
                raise RequestError(Problem("request.part-twice", name=name))
            else:
                self.row[name] = [*(before if isinstance(before, list) else [str(before or "")]), text]

    def _most_text(self, name: str) -> int:
        return self._limits.text_of_file if name in self._files else self._limits.text


def file_too_large(name: str, most: int, where: str | None = None) -> RequestError:
    """Return the refusal of a file that is too large."""
    return RequestError(Problem("request.file-too-large", where=where, name=name, most=most), 413)


def _text_too_long(name: str, length: int, most: int) -> RequestError:
    return RequestError(Problem("request.text-too-long", name=name[:60], length=length, most=most))


def _utf8(data: bytes, name: str | None = None) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise RequestError(Problem("request.bad-form", name=name, utf8=True), 400) from None
