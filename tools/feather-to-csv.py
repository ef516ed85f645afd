#!/usr/bin/env python3
"""Convert a feather file of candles (Arrow IPC, as freqtrade and pandas write it) to the CSV that `btcai import` reads.

    python3 tools/feather-to-csv.py IN.feather OUT.csv

Needs nothing but Python 3. Reads feather version 2 (the Arrow IPC file format), uncompressed or LZ4, with columns of numbers (64 or 32 bit) and
one of timestamps or dates. The time column is written as whole units since 1970 under the name `timestamp`, in the unit the file has
(s, ms, us or ns), the others under their own names; missing values become empty fields, which import names. Zstd files, feather version 1,
dictionaries and nested columns are refused: open those with pandas and call to_csv.

The format: https://arrow.apache.org/docs/format/Columnar.html, sections "IPC File Format" and "Serialization and Interprocess
Communication"; its tables are FlatBuffers (Schema.fbs, Message.fbs, File.fbs); LZ4 frames: lz4_Frame_format.md.
"""

import struct
import sys

MAGIC = b"ARROW1"
MAX_BYTES = 1 << 30


class BadFile(Exception):
    pass


class Table:
    """A FlatBuffers table: fields are found through the vtable, by their number."""

    def __init__(self, data, position):
        self.data = data
        self.position = position
        self.vtable = position - struct.unpack_from("<i", data, position)[0]
        self.vtable_size = struct.unpack_from("<H", data, self.vtable)[0]

    @staticmethod
    def root(data, start=0):
        return Table(data, start + struct.unpack_from("<I", data, start)[0])

    def place(self, field):
        slot = 4 + 2 * field
        if slot >= self.vtable_size:
            return 0
        offset = struct.unpack_from("<H", self.data, self.vtable + slot)[0]
        return self.position + offset if offset else 0

    def scalar(self, field, kind, default):
        place = self.place(field)
        return struct.unpack_from("<" + kind, self.data, place)[0] if place else default

    def target(self, place):
        return place + struct.unpack_from("<I", self.data, place)[0]

    def table(self, field):
        place = self.place(field)
        return Table(self.data, self.target(place)) if place else None

    def vector(self, field):
        """(first element, count); (0, 0) when absent."""
        place = self.place(field)
        if not place:
            return 0, 0
        start = self.target(place)
        return start + 4, struct.unpack_from("<I", self.data, start)[0]

    def tables(self, field):
        start, count = self.vector(field)
        return [Table(self.data, self.target(start + 4 * i)) for i in range(count)]

    def text(self, field):
        start, count = self.vector(field)
        return bytes(self.data[start : start + count]).decode("utf-8", "replace")


def lz4_block(source, out, limit):
    """Appends one LZ4 block to `out`; matches may reach back into what is there."""
    i = 0
    while i < len(source):
        token = source[i]
        i += 1
        literals = token >> 4
        if literals == 15:
            while True:
                literals += source[i]
                i += 1
                if source[i - 1] != 255:
                    break
        out += source[i : i + literals]
        i += literals
        if i >= len(source):
            break
        distance = source[i] | source[i + 1] << 8
        i += 2
        length = (token & 15) + 4
        if token & 15 == 15:
            while True:
                length += source[i]
                i += 1
                if source[i - 1] != 255:
                    break
        start = len(out) - distance
        if distance == 0 or start < 0 or len(out) + length > limit:
            raise BadFile("an LZ4 block is damaged")
        while length > 0:
            piece = out[start : start + length]
            out += piece
            start += len(piece)
            length -= len(piece)


def lz4_frame(source, size):
    if struct.unpack_from("<I", source, 0)[0] != 0x184D2204:
        raise BadFile("a buffer is no LZ4 frame")
    flags = source[4]
    i = 6 + (8 if flags & 0x08 else 0) + (4 if flags & 0x01 else 0) + 1
    out = bytearray()
    while True:
        block = struct.unpack_from("<I", source, i)[0]
        i += 4
        if block == 0:
            break
        length = block & 0x7FFFFFFF
        piece = source[i : i + length]
        if block & 0x80000000:
            out += piece
        else:
            lz4_block(piece, out, size)
        i += length + (4 if flags & 0x10 else 0)
    if len(out) != size:
        raise BadFile("an LZ4 frame unpacks to %d bytes where %d were stated" % (len(out), size))
    return bytes(out)


# Numbers of the union Type in Schema.fbs.
TYPE_INT, TYPE_FLOAT, TYPE_DATE, TYPE_TIMESTAMP = 2, 3, 8, 10
UNITS = ("s", "ms", "us", "ns")


class Column:
    def __init__(self, field):
        self.name = field.text(0)
        kind = field.scalar(2, "B", 0)
        details = field.table(3)
        self.is_time = kind in (TYPE_DATE, TYPE_TIMESTAMP)
        self.scale = 1
        if field.tables(5) or field.table(4):
            raise BadFile("column %s is nested or a dictionary" % self.name)
        if kind == TYPE_INT:
            bits, signed = details.scalar(0, "i", 0), details.scalar(1, "B", 0)
            self.code = {8: "b", 16: "h", 32: "i", 64: "q"}[bits]
            self.code = self.code if signed else self.code.upper()
        elif kind == TYPE_FLOAT:
            precision = details.scalar(0, "h", 0)
            if precision not in (1, 2):
                raise BadFile("column %s holds half floats" % self.name)
            self.code = "f" if precision == 1 else "d"
        elif kind == TYPE_TIMESTAMP:
            self.code = "q"
            self.unit = UNITS[details.scalar(0, "h", 0)]
        elif kind == TYPE_DATE:
            milliseconds = details.scalar(0, "h", 1) == 1
            self.code, self.scale = ("q", 1) if milliseconds else ("i", 86_400_000)
        else:
            raise BadFile("column %s holds neither numbers nor times (type %d)" % (self.name, kind))
        self.values = []

    def take(self, rows, validity, data):
        width = struct.calcsize(self.code)
        if len(data) < rows * width:
            raise BadFile("column %s is cut short" % self.name)
        values = struct.unpack_from("<%d%s" % (rows, self.code), data)
        if validity:
            values = [v if validity[i >> 3] >> (i & 7) & 1 else None for i, v in enumerate(values)]
        self.values.extend(values)

    def text(self, row):
        value = self.values[row]
        if value is None or value != value:
            return ""
        return repr(value) if isinstance(value, float) else str(value * self.scale)


def buffer_bytes(body, start, length, compressed):
    data = body[start : start + length]
    if len(data) < length:
        raise BadFile("the file is cut short")
    if length == 0 or not compressed:
        return data
    size = struct.unpack_from("<q", data, 0)[0]
    if size == -1:
        return data[8:]
    if not 0 <= size <= MAX_BYTES:
        raise BadFile("a buffer states an impossible size")
    return lz4_frame(data[8:], size)


def read_batch(data, offset, metadata_length, columns):
    # A message: continuation mark, length, FlatBuffers Message, padding, then the body.
    skip = 8 if data[offset : offset + 4] == b"\xff\xff\xff\xff" else 4
    message = Table.root(data, offset + skip)
    batch = message.table(2)
    body = data[offset + metadata_length :]
    rows = batch.scalar(0, "q", 0)
    compression = batch.table(3)
    if compression is not None and compression.scalar(0, "b", 0) != 0:
        raise BadFile("it is compressed with zstd; write it with LZ4, or use pandas' to_csv")
    nodes, _ = batch.vector(1)
    buffers, count = batch.vector(2)
    if count < 2 * len(columns):
        raise BadFile("it has fewer buffers than its columns need")
    for i, column in enumerate(columns):
        nulls = struct.unpack_from("<q", batch.data, nodes + 16 * i + 8)[0]
        pieces = []
        for b in (2 * i, 2 * i + 1):
            start, length = struct.unpack_from("<qq", batch.data, buffers + 16 * b)
            pieces.append(buffer_bytes(body, start, length, compression is not None))
        column.take(rows, pieces[0] if nulls else b"", pieces[1])


def read_feather(data):
    if data.startswith(b"FEA1"):
        raise BadFile("it is feather version 1; open it with pandas and write version 2 or CSV")
    if not data.startswith(MAGIC) or not data.endswith(MAGIC):
        raise BadFile("it is no Arrow IPC file, or cut short")
    size = struct.unpack_from("<i", data, len(data) - 10)[0]
    footer = Table.root(data[len(data) - 10 - size : len(data) - 10])
    columns = [Column(field) for field in footer.table(1).tables(1)]
    blocks, count = footer.vector(3)
    for i in range(count):
        offset, metadata_length = struct.unpack_from("<qi", footer.data, blocks + 24 * i)
        read_batch(data, offset, metadata_length, columns)
    return columns


def main():
    if len(sys.argv) != 3:
        print(__doc__)
        return 1
    try:
        with open(sys.argv[1], "rb") as file:
            columns = read_feather(file.read(MAX_BYTES))
        times = [column for column in columns if column.is_time]
        if len(times) != 1:
            raise BadFile("it has %d columns of times where one must stand" % len(times))
    except OSError as error:
        print("%s: %s" % (sys.argv[1], error.strerror), file=sys.stderr)
        return 3
    except (BadFile, struct.error, IndexError, KeyError, AttributeError) as error:
        print("%s: cannot be converted: %s" % (sys.argv[1], error), file=sys.stderr)
        return 2
    names = ["timestamp" if column.is_time else column.name for column in columns]
    with open(sys.argv[2], "w", newline="\n") as out:
        out.write(",".join(names) + "\n")
        for row in range(len(columns[0].values)):
            out.write(",".join(column.text(row) for column in columns) + "\n")
    print("%s: %d rows, columns %s" % (sys.argv[2], len(columns[0].values), ", ".join(names)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
