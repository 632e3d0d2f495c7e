"""Compound files (MS-CFB) written for tests: cfb({'WordDocument': bytes, 'Macros': {'VBA': {'ThisDocument': ...}}}).

One sector table, no small streams' economy beyond what the format demands; names as given. Also what stands in such
files: MS-OVBA compression without compressing, a Word document of pieces, the Packager's object.
"""
import struct

FREE, END, FAT = 0xffffffff, 0xfffffffe, 0xfffffffd


def cfb(tree, clsid=b'\0' * 16):
    entries, streams = [], []  # (name, kind, child, stream index, right)

    def add(name, node):
        at = len(entries)
        entries.append(None)
        if isinstance(node, dict):
            children = [add(n, v) for n, v in node.items()]
            for left, right in zip(children, children[1:]):
                entries[left][4] = right
            entries[at] = [name, 1, children[0] if children else FREE, None, FREE]
        else:
            streams.append(node)
            entries[at] = [name, 2, FREE, len(streams) - 1, FREE]
        return at
    add('Root Entry', tree)
    entries[0][1] = 5
    sectors, fat = [], []

    def put(data):
        start = len(sectors)
        for i in range(0, len(data), 512):
            sectors.append(data[i:i + 512].ljust(512, b'\0'))
            fat.append(len(sectors))
        if len(sectors) == start:
            return END
        fat[-1] = END
        return start
    mini, minifat, starts = b'', [], []
    for s in streams:
        if len(s) >= 4096:
            starts.append(put(s))
            continue
        starts.append(len(minifat) if s else END)
        for i in range(0, len(s), 64):
            mini += s[i:i + 64].ljust(64, b'\0')
            minifat.append(len(minifat) + 1)
        if s:
            minifat[-1] = END
    ministart = put(mini)
    minifat_start = put(b''.join(struct.pack('<I', x) for x in minifat))
    directory = b''
    for name, kind, child, stream, right in entries:
        wide = name.encode('utf-16le') + b'\0\0'
        start, size = (ministart, len(mini)) if kind == 5 else (starts[stream], len(streams[stream])) if kind == 2 else (0, 0)
        directory += wide.ljust(64, b'\0') + struct.pack('<HBBIII', len(wide), kind, 1, FREE, right, child) + clsid \
            + struct.pack('<IQQIQ', 0, 0, 0, start, size)
    dir_start = put(directory)
    nfat = 1
    while nfat * 128 < len(fat) + nfat:
        nfat += 1
    first = len(sectors)
    table = fat + [FAT] * nfat
    table += [FREE] * (nfat * 128 - len(table))
    sectors += [struct.pack('<128I', *table[i * 128:i * 128 + 128]) for i in range(nfat)]
    difat = [first + i for i in range(nfat)] + [FREE] * (109 - nfat)
    head = b'\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1' + b'\0' * 16 + struct.pack('<HHHHH', 0x3e, 3, 0xfffe, 9, 6) + b'\0' * 6
    head += struct.pack('<IIIIIIIII', 0, nfat, dir_start, 0, 4096, minifat_start, (len(minifat) + 127) // 128, END, 0)
    return head + struct.pack('<109I', *difat) + b''.join(sectors)


def ovba(text):
    """MS-OVBA 2.4.1 with literals alone."""
    data, out = text.encode('latin-1'), b'\1'
    for i in range(0, len(data), 3640):
        part = data[i:i + 3640]
        body = b''.join(b'\0' + part[k:k + 8] for k in range(0, len(part), 8))
        out += struct.pack('<H', 0xb000 | (len(body) + 2 - 3)) + body
    return out


def project(source):
    """Storages of a macro project with one module."""
    return {'VBA': {'dir': ovba('x'), '_VBA_PROJECT': b'\xcc\x61' + b'\0' * 30,
                    'ThisDocument': b'\1\2\3' * 20 + ovba('Attribute VB_Name = "ThisDocument"\r\n' + source)}}


def word(text, **storages):
    """Word 97: one piece of UTF-16."""
    body = text.encode('utf-16le')
    clx = b'\2' + struct.pack('<I', 16) + struct.pack('<II', 0, len(text)) + struct.pack('<HIH', 0, 0x400, 0)
    fib = bytearray(0x400)
    fib[0:2], fib[10:12] = b'\xec\xa5', struct.pack('<H', 0x200)
    fib[0x1a2:0x1aa] = struct.pack('<II', 0, len(clx))
    return cfb({'WordDocument': bytes(fib) + body, '1Table': clx, **storages})


def ole10native(name, data):
    n = name.encode()
    body = b'\2\0' + n + b'\0C:\\x\\' + n + b'\0' + b'\0\0\3\0' + struct.pack('<I', len(n) + 1) + n + b'\0' + struct.pack('<I', len(data)) + data
    return struct.pack('<I', len(body)) + body
