"""TIFF files of every kind, written by hand: no library is asked, so that none can be wrong in the same way twice."""

import struct
import zlib

import numpy as np

NONE, LZW, DEFLATE, PACKBITS = 1, 5, 8, 32773


def lzw(data):
    """LZW as TIFF has it: codes of 9 to 12 bits, the highest first, widened one code early."""
    bits, count = 0, 0
    table, width = {bytes([value]): value for value in range(256)}, 9

    def put(code):
        nonlocal bits, count
        bits, count = bits << width | code, count + width

    put(256)
    word = b""
    for value in data:
        longer = word + bytes([value])
        if longer in table:
            word = longer
            continue
        put(table[word])
        table[longer] = len(table) + 2
        if len(table) + 2 >= (1 << width):
            width += 1
        if len(table) + 2 >= 4094:
            put(256)
            table, width = {bytes([value]): value for value in range(256)}, 9
        word = bytes([value])
    if word:
        put(table[word])
        if len(table) + 3 >= (1 << width) and width < 12:
            width += 1
    put(257)
    bits <<= -count % 8
    return bits.to_bytes((count + 7) // 8, "big")


def packbits(data):
    """Runs and literals; every literal here is one of up to 128 bytes."""
    out, at = b"", 0
    while at < len(data):
        run = 1
        while run < 128 and data[at : at + 1] * (run + 1) == data[at : at + run + 1]:
            run += 1
        if run > 2:
            out += struct.pack("bB", 1 - run, data[at])
            at += run
        else:
            piece = data[at : at + 100]
            out += struct.pack("b", len(piece) - 1) + piece
            at += len(piece)
    return out


PACKERS = {NONE: bytes, LZW: lzw, DEFLATE: zlib.compress, PACKBITS: packbits}


def _bytes(values, order, bits):
    """Rows of values ``(rows, columns, samples)`` as the bytes of the file."""
    if bits % 8 == 0:
        return values.astype(values.dtype.newbyteorder(order)).tobytes()
    rows = values.reshape(len(values), -1, 1) >> np.arange(bits - 1, -1, -1) & 1
    return np.packbits(rows.reshape(len(values), -1).astype(np.uint8), axis=1).tobytes()


def _differences(values, predictor, order):
    """What the predictor leaves of a chunk, as values or as bytes."""
    if predictor == 2:
        words = values.view(f"u{values.dtype.itemsize}").copy()
        words[:, 1:] = words[:, 1:] - words[:, :-1]
        return _bytes(words, order, 8 * values.dtype.itemsize)
    rows, columns, samples = values.shape
    high_first = values.astype(values.dtype.newbyteorder(">")).view(np.uint8).reshape(rows, columns * samples, -1)
    flat = high_first.transpose(0, 2, 1).reshape(rows, -1, samples).copy()
    flat[:, 1:] = flat[:, 1:] - flat[:, :-1]
    return flat.tobytes()


def tiff_file(
    pixels, *, order="<", compression=NONE, predictor=1, planar=False, photometric=1, bits=None, extras=(), tile=None,
    rows_per_strip=None, big=False, more=(), next_at=0,
):  # fmt: skip
    """The bytes of a TIFF that holds `pixels`, ``(H, W, S)``."""
    height, width, samples = pixels.shape
    bits = bits or 8 * pixels.dtype.itemsize
    rows, columns = tile or (rows_per_strip or height, width)
    chunks = []
    for plane in np.split(pixels, samples, axis=2) if planar else [pixels]:
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                part = plane[top : top + rows, left : left + columns]
                if tile:
                    part = np.pad(part, ((0, rows - part.shape[0]), (0, columns - part.shape[1]), (0, 0)))
                raw = (
                    _bytes(part, order, bits)
                    if predictor == 1 or compression == NONE
                    else _differences(part, predictor, order)
                )
                chunks.append(PACKERS[compression](raw))
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    offset_type = 16 if big else 4
    start = 16 if big else 8
    offsets = [start + sum(map(len, chunks[:index])) for index in range(len(chunks))]
    places = (324, 325) if tile else (273, 279)
    entries = [
        (256, 3, [width]), (257, 3, [height]), (258, 3, [bits] * samples), (259, 3, [compression]),
        (262, 3, [photometric]), (277, 3, [samples]), (284, 3, [2 if planar else 1]), (317, 3, [predictor]),
        (339, 3, [kind] * samples), (places[0], offset_type, offsets), (places[1], offset_type, list(map(len, chunks))),
        *([(338, 3, list(extras))] if extras else []), *more,
        *([(322, 3, [columns]), (323, 3, [rows])] if tile else [(278, 3, [rows])]),
    ]  # fmt: skip
    body = b"".join(chunks)
    body += b"\0" * (len(body) % 2)
    directory = _directory(sorted(entries), start + len(body), order, big, next_at)
    mark = b"II" if order == "<" else b"MM"
    if big:
        return mark + struct.pack(order + "HHHQ", 43, 8, 0, start + len(body)) + body + directory
    return mark + struct.pack(order + "HI", 42, start + len(body)) + body + directory


def _directory(entries, at, order, big, next_at):
    """Tags, and behind them the values that do not fit into theirs."""
    letters = {3: "H", 4: "I", 16: "Q"}
    count, offset, inline = ("Q", "Q", 8) if big else ("H", "I", 4)
    size = struct.calcsize(order + count) + len(entries) * (20 if big else 12) + inline
    table, behind = struct.pack(order + count, len(entries)), b""
    for tag, kind, values in entries:
        data = struct.pack(f"{order}{len(values)}{letters[kind]}", *values)
        if len(data) > inline:
            data, behind = struct.pack(order + offset, at + size + len(behind)), behind + data + b"\0" * (len(data) % 2)
        table += struct.pack(f"{order}HH{offset}", tag, kind, len(values)) + data.ljust(inline, b"\0")
    return table + struct.pack(order + offset, next_at) + behind
