"""Writes small PST files (MS-PST), Unicode and ANSI, plain and with both of Outlook's "encryptions", so that tests know what is in them.

    Pst(path, ansi=True, codepage=936, crypt=2).write([Folder('Inbox', [Message(...)], folders=[...])])
"""
import functools, os, re, struct, uuid, zlib
from dataclasses import dataclass, field

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
T16, T32, BOOL, OBJECT, TIME, TEXT, BINARY = 2, 3, 11, 13, 0x40, 'text', 0x102
KEYWORDS = 0x8000  # the property of Outlook's categories in these files


@dataclass
class Message:
    subject: str = ''
    text: str = None
    html: bytes = None
    sender: tuple = None                           # name, address, kind
    to: list = field(default_factory=list)         # (type, name, address, kind)
    header: str = None
    kind: str = 'IPM.Note'
    flags: int = 1
    sent: int = 1700000000
    attachments: list = field(default_factory=list)  # (name, bytes or Message, content id)
    more: dict = field(default_factory=dict)       # id -> (type, value)


@dataclass
class Folder:
    name: str
    messages: list = field(default_factory=list)
    folders: list = field(default_factory=list)


@functools.cache
def tables():
    """mpbbR, mpbbS, mpbbI as the product has them; readpst says whether they are right."""
    source = open(f'{ROOT}/src/codec/pst_crypt.c').read()
    return [bytes(map(int, re.findall(r'\d+', re.search(r' %s\[256\] = \{(.*?)\}' % n, source, re.S).group(1)))) for n in ('forth', 'middle', 'back')]


def encrypt(how, bid, data):
    r, s, i = tables()
    if how == 1:
        return bytes(r[b] for b in data)
    out, key = bytearray(), (bid ^ bid >> 16) & 0xffff
    for b in data:  # it undoes itself
        low, high = key & 255, key >> 8
        b = s[(r[(b + low) & 255] + high) & 255]
        out.append((i[(b - high) & 255] - low) & 255)
        key = key + 1 & 0xffff
    return bytes(out)


def crc(data):
    return zlib.crc32(data, 0xffffffff) ^ 0xffffffff


class Pst:
    def __init__(self, path, ansi=False, codepage=None, crypt=0, damage=None):
        """damage(data): what is written instead, with checksums that are right"""
        self.damage = damage or (lambda data: data)
        self.path, self.ansi, self.crypt, self.codepage = path, ansi, crypt, codepage
        self.word = 4 if ansi else 8
        self.room = 8180 if ansi else 8176
        self.blocks, self.nodes, self.pages = [], [], []
        self.at, self.out, self.next_bid, self.next_nid = 0x4600, bytearray(0x4600), 4, 0x400

    def w(self, v):
        return struct.pack('<I' if self.ansi else '<Q', v)

    # ---- blocks ----

    def block(self, data, own=False):
        bid = self.next_bid | (2 if own else 0)
        self.next_bid += 4
        data = self.damage(data)
        if self.crypt and not own:
            data = encrypt(self.crypt, bid & 0xffffffff, data)
        size = (len(data) + (12 if self.ansi else 16) + 63) // 64 * 64
        self.out += bytes(-len(self.out) % 64)
        at = len(self.out)
        sign = ((at ^ bid) ^ (at ^ bid) >> 16) & 0xffff
        trailer = struct.pack('<HHII', len(data), sign, bid, crc(data)) if self.ansi else struct.pack('<HHIQ', len(data), sign, crc(data), bid)
        self.out += data + bytes(size - len(data) - len(trailer)) + trailer
        self.blocks.append((bid, at, len(data)))
        return bid

    def data(self, data):
        if len(data) <= self.room:
            return self.block(data)
        bids = [self.block(data[i:i + self.room]) for i in range(0, len(data), self.room)]
        return self.block(struct.pack('<BBHI', 1, 1, len(bids), len(data)) + b''.join(map(self.w, bids)), True)

    def subs(self, subs):
        if not subs:
            return 0
        body = b''.join(self.w(n) + self.w(d) + self.w(s) for n, d, s in sorted(subs))
        return self.block(struct.pack('<BBH', 2, 0, len(subs)) + (b'' if self.ansi else bytes(4)) + body, True)

    # ---- heaps ----

    def heap(self, kind, parts, root):
        """parts[i] has the number (i + 1) << 5"""
        body, ends = b'', [12]
        for x in parts:
            body += x
            ends.append(12 + len(body))
        pad = b'\0' if len(body) % 2 else b''
        head = struct.pack('<HBBI', 12 + len(body) + len(pad), 0xec, kind, root) + bytes(4)
        return head + body + pad + struct.pack('<HH', len(parts), 0) + struct.pack(f'<{len(ends)}H', *ends)

    def text(self, s):
        if self.codepage:
            return 0x1e, s.encode({936: 'gbk', 65001: 'utf-8'}.get(self.codepage, f'cp{self.codepage}'))
        return 0x1f, s.encode('utf-16-le')

    def value(self, type, v, parts, subs):
        if type == TEXT:
            type, v = self.text(v)
        if type in (T16, T32, BOOL):
            return type, v
        if type == TIME:
            v = struct.pack('<Q', (v + 11644473600) * 10000000)
        if not v:
            return type, 0
        if len(v) > 1000:
            nid = 0x1f + 0x20 * (0x300 + len(subs))
            subs.append((nid, self.data(v), 0))
            return type, nid
        parts.append(v)
        return type, len(parts) << 5

    def props(self, props, subs=()):
        subs, parts, rows = list(subs), [b'', b''], b''
        for id, (type, v) in sorted(props.items()):
            type, n = self.value(type, v, parts, subs)
            rows += struct.pack('<HHI', id, type, n)
        parts[0] = struct.pack('<BBBBI', 0xb5, 2, 6, 0, 2 << 5)
        parts[1] = rows
        return self.block(self.heap(0xbc, parts, 1 << 5)), self.subs(subs)

    def table(self, columns, rows):
        """columns: [(id, type)]; rows: [(number, {id: value})]"""
        parts, subs, at, cols = [b'', b'', b''], [], 8, []
        for i, (id, type) in enumerate([(0x67f2, T32), (0x67f3, T32)] + columns):
            t = (0x1e if self.codepage else 0x1f) if type == TEXT else type
            cols.append((id, type, t, 0 if i == 0 else 4 if i == 1 else at, i))
            at += 4 if i > 1 else 0
        size = at + (len(cols) + 7) // 8
        matrix, index = b'', b''
        for n, (number, values) in enumerate(rows):
            row, bits = bytearray(size), 0
            struct.pack_into('<II', row, 0, number, n)
            for id, type, t, offset, bit in cols:
                if bit < 2 or id in values:
                    row[at + bit // 8] |= 0x80 >> bit % 8
                if bit >= 2 and id in values:
                    struct.pack_into('<I', row, offset, self.value(type, values[id], parts, subs)[1])
            matrix += row
            index += struct.pack('<IH' if self.ansi else '<II', number, n)
        parts.append(matrix)
        info = struct.pack('<BBHHHHIII', 0x7c, len(cols), at, at, at, size, 2 << 5, len(parts) << 5, 0)
        info += b''.join(struct.pack('<HHHBB', t, id, offset, 4, bit) for id, _, t, offset, bit in sorted(cols))
        parts[0] = info
        parts[1] = struct.pack('<BBBBI', 0xb5, 4, 2 if self.ansi else 4, 0, 3 << 5)
        parts[2] = index
        return self.block(self.heap(0x7c, parts, 1 << 5)), self.subs(subs)

    # ---- messages ----

    def attachment(self, x, number):
        name, content, cid = x
        props, subs = {0x3705: (T32, 1), 0x3707: (TEXT, name), 0x0e20: (T32, 0), 0x370b: (T32, -1 & 0xffffffff)}, []
        if cid:
            props[0x3712] = (TEXT, cid)
        if isinstance(content, Message):
            data, sub = self.message(content)
            nid = 0x20 * (0x400 + number) + 4
            props[0x3705], props[0x3701] = (T32, 5), (OBJECT, struct.pack('<II', nid, 0))
            subs.append((nid, data, sub))
        else:
            props[0x3701] = (BINARY, content)
        return self.props(props, subs)

    def message(self, m):
        props = {0x001a: (TEXT, m.kind), 0x0037: (TEXT, m.subject), 0x0e07: (T32, m.flags), 0x300b: (BINARY, uuid.uuid4().bytes)}
        if m.sent:
            props[0x0039] = props[0x0e06] = props[0x3007] = props[0x3008] = (TIME, m.sent)
        if self.codepage:
            props[0x3ffd] = (T32, self.codepage)
        if m.text is not None:
            props[0x1000] = (TEXT, m.text)
        if m.html is not None:
            props[0x1013] = (BINARY, m.html)
        if m.header is not None:
            props[0x007d] = (TEXT, m.header)
        if m.sender:
            for ids in ((0x0042, 0x0065, 0x0064), (0x0c1a, 0x0c1f, 0x0c1e)):
                props.update({id: (TEXT, v) for id, v in zip(ids, m.sender)})
        props.update(m.more)
        subs = []
        if m.to:
            rows = [(i, {0x0c15: t, 0x3001: n, 0x3003: a, 0x3002: k}) for i, (t, n, a, k) in enumerate(m.to)]
            subs.append((0x692, *self.table([(0x0c15, T32), (0x3001, TEXT), (0x3002, TEXT), (0x3003, TEXT)], rows)))
        if m.attachments:
            nids = [0x8025 + 0x20 * i for i in range(len(m.attachments))]
            subs.append((0x671, *self.table([(0x0e20, T32), (0x3705, T32)], [(n, {0x3705: 1}) for n in nids])))
            subs += [(n, *self.attachment(x, i)) for i, (n, x) in enumerate(zip(nids, m.attachments))]
        return self.props(props, subs)

    # ---- folders and the file ----

    def node(self, nid, parent, data, sub=0):
        self.nodes.append((nid, data, sub, parent))

    def number(self, kind):
        self.next_nid += 1
        return self.next_nid << 5 | kind

    def contents(self, nid, kind, numbers):
        self.node(nid & ~31 | kind, 0, *self.table([(0x3001, TEXT)], [(n, {}) for n in numbers][:200]))

    def folder(self, f, parent, nid=None):
        nid = nid or self.number(2)
        self.node(nid, parent, *self.props({0x3001: (TEXT, f.name), 0x3602: (T32, len(f.messages)), 0x3603: (T32, 0), 0x360a: (BOOL, bool(f.folders))}))
        mails = []
        for m in f.messages:
            mails.append(self.number(4))
            self.node(mails[-1], nid, *self.message(m))
        below = [self.folder(x, nid) for x in f.folders]
        self.contents(nid, 0xd, below)
        self.contents(nid, 0xe, mails)
        self.contents(nid, 0xf, [])
        return nid

    def names(self):
        text = 'Keywords'.encode('utf-16-le')
        props = {1: (T32, 251), 2: (BINARY, b''), 3: (BINARY, struct.pack('<IHH', 0, 2 << 1 | 1, 0)), 4: (BINARY, struct.pack('<I', len(text)) + text)}
        self.node(0x61, 0, *self.props(props))

    def page(self, kind, level, size, entries):
        room, trailer = (496, 12) if self.ansi else (488, 16)
        body = b''.join(entries)
        body += bytes(room - len(body)) + struct.pack('<BBBB', len(entries), room // size, size, level) + (b'' if self.ansi else bytes(4))
        self.out += bytes(-len(self.out) % 512)
        at, bid = len(self.out), self.next_bid
        self.next_bid += 4
        head = struct.pack('<BBH', kind, kind, ((at ^ bid) ^ (at ^ bid) >> 16) & 0xffff)
        self.out += body + head + (struct.pack('<II', bid, crc(body)) if self.ansi else struct.pack('<IQ', crc(body), bid))
        return bid, at

    def tree(self, kind, size, rows):
        """rows: [(key, bytes)]"""
        per = (496 if self.ansi else 488) // size
        level, up = 0, 12 if self.ansi else 24
        while True:
            made = [(rows[i][0], *self.page(kind, level, size, [r[1] for r in rows[i:i + per]])) for i in range(0, len(rows), per)]
            if len(made) == 1:
                return made[0][1:]
            rows = [(k, self.w(k) + self.w(bid) + self.w(at)) for k, bid, at in made]
            level, size, per = level + 1, up, (496 if self.ansi else 488) // up

    def write(self, folders):
        top = self.number(2)
        entry = lambda nid: bytes(4) + bytes(16) + struct.pack('<I', nid)
        self.folder(Folder('Top of Outlook data file', [], folders), 0x122, top)
        trash = next((n for n, f in zip([x[0] for x in self.nodes if x[3] == top], folders) if f.name in ('Deleted Items', '已删除邮件')), 0)
        self.node(0x122, 0x122, *self.props({0x3001: (TEXT, ''), 0x3602: (T32, 0)}))
        self.contents(0x122, 0xd, [top])
        store = {0x0ff9: (BINARY, bytes(16)), 0x3001: (TEXT, 'Store'), 0x35e0: (BINARY, entry(top))}
        if trash:
            store[0x35e3] = (BINARY, entry(trash))
        self.node(0x21, 0, *self.props(store))
        self.names()
        nbt = [(n, self.w(n) + self.w(d) + self.w(s) + struct.pack('<I', p) + (b'' if self.ansi else bytes(4))) for n, d, s, p in sorted(self.nodes)]
        bbt = [(b, self.w(b) + self.w(at) + struct.pack('<HH', size, 2) + (b'' if self.ansi else bytes(4))) for b, at, size in sorted(self.blocks)]
        nodes, blocks = self.tree(0x81, 16 if self.ansi else 32, nbt), self.tree(0x80, 12 if self.ansi else 24, bbt)
        self.header(nodes, blocks)
        with open(self.path, 'wb') as f:
            f.write(self.out)

    def header(self, nodes, blocks):
        h = bytearray(564)
        struct.pack_into('<4sIHHHBB', h, 0, b'!BDN', 0, 0x4d53, 14 if self.ansi else 23, 19, 1, 1)
        refs = self.w(nodes[0]) + self.w(nodes[1]) + self.w(blocks[0]) + self.w(blocks[1])
        if self.ansi:
            struct.pack_into('<I', h, 0xa8, len(self.out))
            h[0xb8:0xb8 + 16] = refs
            h[460:462] = bytes([0x80, self.crypt])
        else:
            struct.pack_into('<Q', h, 0xb8, len(self.out))
            h[0xd8:0xd8 + 32] = refs
            h[512:514] = bytes([0x80, self.crypt])
            struct.pack_into('<I', h, 524, crc(bytes(h[8:524])))
        struct.pack_into('<I', h, 4, crc(bytes(h[8:8 + 471])))
        self.out[0:564] = h
