"""A reader of TensorBoard's event files that needs no TensorBoard: records with their checksums, and the fields of protobuf messages."""
import struct
from types import SimpleNamespace


def crc32c(data):
    """RFC 3720, B.4: the reversed polynomial 0x82F63B78. Of "123456789" it is 0xE3069283."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    """TensorFlow's tensorflow/core/lib/hash/crc32c.h."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    """The records of a file: uint64 length, uint32 checksum of the length, data, uint32 checksum of the data."""
    at = 0
    while at < len(data):
        length, check = struct.unpack_from("<QI", data, at)
        assert check == masked(data[at:at + 8]), f"checksum of the length at byte {at}"
        record = data[at + 12:at + 12 + length]
        assert len(record) == length, f"record at byte {at} is cut"
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(record), f"checksum of the record at byte {at}"
        yield record
        at += 16 + length


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def fields(message):
    """{number: [values]}; a value is an int, or the bytes of a fixed or length-delimited field."""
    found, at = {}, 0
    while at < len(message):
        key, at = varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(message, at)
        else:
            size, at = varint(message, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = message[at:at + size], at + size
            assert len(value) == size
        found.setdefault(key >> 3, []).append(value)
    return found


def only(message, *numbers):
    """The value of the single field `numbers[0]`, in it that of `numbers[1]`, ..."""
    for number in numbers:
        (message,) = fields(message)[number]
    return message


def event_of(record):
    """time, step, version, session (1: START), scalars {tag: value}, texts {tag: text}, hparams {tag: HParamsPluginData}."""
    parts = fields(record)
    event = SimpleNamespace(time=struct.unpack("<d", parts[1][0])[0], step=parts.get(2, [0])[0], version=parts.get(3, [b""])[0].decode(),
                            session=only(parts[7][0], 1) if 7 in parts else 0, scalars={}, texts={}, hparams={})
    for value in fields(parts[5][0])[1] if 5 in parts else []:
        of = fields(value)
        tag = of[1][0].decode()
        if 2 in of:
            event.scalars[tag] = struct.unpack("<f", of[2][0])[0]
            continue
        plugin = only(of[9][0], 1)
        if only(plugin, 1) == b"text":
            assert only(of[8][0], 1) == 7 and only(of[8][0], 2, 2, 1) == 1  # DT_STRING of shape [1]
            event.texts[tag] = only(of[8][0], 8).decode()
        else:
            assert only(plugin, 1) == b"hparams"
            event.hparams[tag] = only(plugin, 2)
    return event


def read(path):
    return [event_of(record) for record in records(path.read_bytes())]


def files(folder):
    return sorted(folder.glob("events.out.tfevents.*"))


def shown(folder):
    """[(step, {tag: value})] of all files as TensorBoard shows them: a session's start drops what is there from its step on."""
    events = []
    for path in files(folder):
        for event in read(path):
            if event.session == 1:
                events = [(step, scalars) for step, scalars in events if step < event.step]
            if event.scalars:
                events.append((event.step, event.scalars))
    return events


def settings_of(content):
    """The hyperparameters of a SessionStartInfo."""
    found = {}
    for entry in fields(only(content, 3))[1]:
        value = fields(only(entry, 2))
        name = only(entry, 1).decode()
        found[name] = struct.unpack("<d", value[2][0])[0] if 2 in value else value[3][0].decode() if 3 in value else bool(value[4][0])
    return found
