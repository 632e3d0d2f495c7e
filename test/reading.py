#!/usr/bin/env python3
"""Examining hostile letters (reading, checks, rules, models) costs no more than their size is worth: instructions are counted (valgrind's callgrind) for
letters of one kind in two sizes, one four times the other. Then letters of 50 MiB, whose processor time and memory are
compared with small ones.

    test/reading.py [KIND ...]      skips the counting when valgrind is not installed
"""
import base64, glob, io, os, random, re, shutil, struct, subprocess, sys, tempfile, zipfile, zlib

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
JUDGE = [os.path.join(ROOT, 'build/release/judge/letter'), '--model', os.path.join(ROOT, 'data/learn/base.model')]
for _rules in sorted(glob.glob(os.path.join(ROOT, 'data/rules/*.rules'))):
    JUDGE += ['--rules', _rules]
JUDGE += ['--times', '1']
SMALL = 48 << 10
GROWTH = 4
MOST = 1.25          # times GROWTH: instructions of the larger one
FIXED = 3_000_000    # instructions that do not depend on the size
PER_BYTE = 6000      # instructions: nothing is allowed to cost more
LARGE = 50 << 20
LARGE_MEMORY = 700   # MiB: the letter, what is decoded of it, what is read from that


def repeat(piece):
    return lambda n: (piece.encode() if isinstance(piece, str) else piece) * (n // len(piece.encode() if isinstance(piece, str) else piece) + 1)


def text(piece, head='Content-Type: text/plain; charset=utf-8\n\n'):
    return lambda n: head.encode() + repeat(piece)(n)


def html(piece, before='', after=''):
    return lambda n: b'Content-Type: text/html; charset=utf-8\n\n' + before.encode() + repeat(piece)(n) + after.encode()


def attached(name, make):
    """The file that make(about so many bytes) gives, as an attachment."""
    def letter(n):
        return (f'Content-Type: application/octet-stream; name="{name}"\nContent-Transfer-Encoding: base64\n\n'.encode() +
                base64.encodebytes(make(n * 3 // 4)))
    return letter


def zipped(n, files=lambda n: [('a.txt', b'x' * n)], method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', method) as z:
        for name, data in files(n):
            z.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def zips_in_zips(n):
    data = b'x' * (n // 2)
    for i in range(20):
        data = zipped(n, lambda n: [(f'{i}.zip', data)], zipfile.ZIP_STORED)
    return data


def pdf(piece):
    return lambda n: b'%PDF-1.5\n' + repeat(piece)(n) + b'\ntrailer <</Root 1 0 R>>\n%%EOF\n'


def pdf_object(number, value, stream=None):
    return b'%d 0 obj %s' % (number, value) + (b' stream\n' + stream + b'\nendstream' if stream is not None else b'') + b' endobj\n'


def pdf_of(make):
    return attached('a.pdf', lambda n: b'%PDF-1.5\n' + make(n) + b'\ntrailer <</Root 1 0 R>>\n%%EOF\n')


def pdf_streams(value, stream):
    stream = zlib.compress(stream)
    return pdf_of(lambda n: b''.join(pdf_object(i + 1, value, stream) for i in range(n // (len(value) + len(stream) + 40))))


def pdf_parameters(n):
    parameters = b'<<' + repeat('/X 1')(n // 2) + b'>>'
    value = b'<</Type/ObjStm/N 1/First 1/Filter/Fl/DecodeParms 1 0 R>>'
    return pdf_object(1, parameters) + b''.join(pdf_object(i + 2, value, zlib.compress(b'x')) for i in range(n // 200))


def ole_loops(n):
    """A third of it the directory, a third the table of small sectors, in which every chain leads to itself behind the end."""
    third = n // 512 // 3
    tables = 2 * third // 128 + 1
    fat = [0xfffffffd] * tables + list(range(tables + 1, tables + 2 * third + 1))
    fat[tables + third - 1] = fat[tables + 2 * third - 1] = 0xfffffffe
    fat += [0xffffffff] * (tables * 128 - len(fat))
    head = struct.pack('<8s16x5H10x3I4x5I', b'\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 62, 3, 0xfffe, 9, 6, tables, tables, 0,
                       4096, tables + third, third, 0xfffffffe, 0)
    head += b''.join(struct.pack('<I', i if i < tables else 0xffffffff) for i in range(109))
    entry = lambda i: struct.pack('<64sHBx3I36xII4x', 'x'.encode('utf-16le'), 4, 2 if i else 5, 0xffffffff, i + 1, 1, 9 if i else 10**6, 4000)
    return (head.ljust(512, b'\0') + struct.pack(f'<{len(fat)}I', *fat[:tables * 128]) +
            b''.join(entry(i) for i in range(4 * third)) + struct.pack('<I', 9) * (128 * third))


def signed(n):
    def der(tag, body):
        return bytes([tag, 0x84]) + struct.pack('>I', len(body)) + body
    oid = lambda last: bytes.fromhex('06092a864886f70d0107') + bytes([last])
    algorithms = der(0x31, b'\x30\x03\x06\x01\x2a' * (n // 5))
    return der(0x30, oid(2) + der(0xa0, der(0x30, b'\2\1\1' + algorithms + der(0x30, oid(1) + der(0xa0, der(4, b'x'))) + der(0x31, b''))))


NAMES = ('From', 'To', 'Subject', 'Reply-To', 'Received', 'X-Mailer', 'Return-Path', 'Sender', 'Date', 'Message-ID', 'List-Id', 'Cc', 'References',
         'List-Unsubscribe', 'DKIM-Signature', 'Authentication-Results', 'X-Priority', 'User-Agent', 'Precedence', 'Received-SPF', 'ARC-Seal')


def png(n):
    """A square of noise of about n bytes. Chance decides whether something in it looks like a code, so it is the same noise each time."""
    side, noise = max(1, int(n ** .5)), random.Random(1)
    rows = zlib.compress(b''.join(b'\0' + noise.randbytes(side) for _ in range(side)), 1)
    chunk = lambda kind, data: struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 8, 0, 0, 0, 0)) + chunk(b'IDAT', rows) + chunk(b'IEND', b'')


def deep_multiparts(n):
    out, i = [], 0
    while sum(map(len, out[-1:])) >= 0 and i * 75 < n:
        out.append(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (i, i))
        i += 1
    return b''.join(out) + b'x\n' * 10


MIXED = 'Content-Type: multipart/mixed; boundary=b\n\n'
KINDS = {
    # the structure
    'headers': lambda n: repeat('X: y\n')(n) + b'\nx',
    'long header': lambda n: b'Subject: ' + repeat('=?utf-8?q?a?= ')(n) + b'\n\nx',
    'folded header': lambda n: b'Content-Type: text/plain' + repeat(';\n a="b"')(n) + b'\n\nx',
    'comments in header': lambda n: b'Content-Type: ' + repeat('(')(n) + b'\n\nx',
    'parts': lambda n: MIXED.encode() + repeat('--b\n\nx\n')(n),
    'empty parts': lambda n: MIXED.encode() + repeat('--b\n')(n),
    'part headers': lambda n: MIXED.encode() + repeat('--b\nContent-Type: text/html; charset=x\n\n<p>x\n')(n),
    'boundary bait': lambda n: b'Content-Type: multipart/mixed; boundary="' + b'-' * 60 + b'"\n\n' + repeat('-' * 61 + '\n')(n),
    'deep multiparts': deep_multiparts,
    'deep messages': lambda n: repeat('Content-Type: message/rfc822\n\n')(n),
    'all fields': lambda n: repeat(''.join(f'{x}: "a" <a@b.example>, c\n' for x in NAMES))(n) + b'\nx',
    'many names': lambda n: b''.join(b'X-%d: y\n' % i for i in range(n // 11)) + b'\nx',
    'addresses of From': lambda n: b'From: ' + repeat('"x" <a@b.example>, ')(n) + b'\n\nx',
    'no header end': lambda n: repeat('not a field\n')(n),
    'base64': text('QUJDREVGRw==\n', 'Content-Transfer-Encoding: base64\n\n'),
    'quoted-printable': text('=41=\n', 'Content-Transfer-Encoding: quoted-printable\n\n'),
    'uuencode': text('M' + '`' * 60 + '\n', 'Content-Transfer-Encoding: uuencode\n\nbegin 644 x\n'),
    # charsets
    'gb18030': text(b'\xc4\xe3\xba\xc3 ', 'Content-Type: text/plain; charset=gbk\n\n'),
    'unknown charset': text(b'\xc4\xe3\xff\xba ', 'Content-Type: text/plain; charset=x\n\n'),
    'escapes': text(b'\x1b$B\x1b(B', 'Content-Type: text/plain; charset=iso-2022-jp\n\n'),
    # HTML
    'elements': html('<div>'),
    'end tags': html('</div>', '<div>' * 300),
    'crossing tags': html('<b><p></b>'),
    'cells': html('<td>x'),
    'unclosed comments': html('<!-- '),
    'unclosed tags': html('<a '),
    'unclosed quotes': html('<a b="'),
    'attributes': html(' a=b', '<p', '>'),
    'long attribute': html('&amp;', '<a href="', '">'),
    'entities': html('&notin;&#65;&bogus'),
    'ampersands': html('&a'),
    'styles': html('<i style="color:red;font:0/0 a;background:url(x)">x'),
    'style bait': html('a b{', '<style>', '</style>'),
    'rules': html('.a{color:red}', '<style>', '</style>' + '<i class=a>x' * 1000),
    'at rules': html('@a{}', '<style>', '</style>'),
    'css comments': html('/*', '<style>', '</style>'),
    'classes': html('<i class="a a a a a a a a a a a a a a a a a">x', '<style>' + '.a{color:red}' * 500 + '</style>'),
    'links': html('<a href=http://e.com/a>x'),
    'pictures': html('<img src=cid:a width=1>'),
    'end tags of scripts': html('</scrip', '<script>'),
    # text
    'urls': text('http://e.com/a '),
    'url bait': text('http://'),
    'dots': text('a.b.'),
    'odd dots': text('a[.]'),
    'brackets': text('http://e.com/((('),
    'spelled': text('f-'),
    'spaced': text('a b '),
    'marks': text('a' + '\u0301' * 50),
    'lookalikes': text('раy'),
    'chinese': text('代开发票请联系'),
    'one word': text('x'),
    'growing': text('\ufdfa'),
    # bait for expressions
    'near misses': text('aaaaaaaaaaaaaaaa!'),
    'overlapping': text('payxpayx '),
    'digits': text('1234567890-'),
    'addresses': text('a@b.example '),
    'phrases': text('urgent 立即 account verify 发票 invoice payment '),
    'uu without end': text('begin 644 a.txt\n'),
    'drawn codes': text('████  ██ ████  ██  ██  ██  ████\n' * 40 + 'x\n'),
    'drawn in tables': html('<table>' + ('<tr>' + '<td bgcolor=black><td bgcolor=white>' * 15) * 30 + '</table>'),
    'uu in text': text('begin 644 a.txt\n#0V%T\n`\nend\n'),
    # attachments
    'zip of files': attached('a.zip', lambda n: zipped(n, lambda n: [(f'{i}', b'') for i in range(n // 100)], zipfile.ZIP_STORED)),
    'zips in zips': attached('a.zip', zips_in_zips),
    'stored zip': attached('a.zip', lambda n: zipped(n, method=zipfile.ZIP_STORED)),
    'pdf objects': attached('a.pdf', pdf('1 0 obj <</A [1 2 0 R (x)]>> endobj\n')),
    'pdf streams': attached('a.pdf', pdf('1 0 obj <</Filter /FlateDecode /Length 9>> stream\nx\nendstream endobj\n')),
    'pdf brackets': attached('a.pdf', pdf('<<[')),
    'pdf strings': attached('a.pdf', pdf('(')),
    'pdf text': attached('a.pdf', pdf('1 0 obj <</Length 40>> stream\nBT (x) Tj [(a) -300 (b)] TJ ET\nendstream endobj\n')),
    'pdf trailers': attached('a.pdf', pdf('trailer <<obj ')),
    'pdf open objects': attached('a.pdf', pdf('1 0 obj << endobj ')),
    'pdf launches': pdf_of(lambda n: b'1 0 obj <<' + repeat('/Launch 1 ')(n) + b'>> endobj'),
    'pdf nested links': pdf_of(lambda n: b'1 0 obj <<' + repeat('/URI<<')(n) + b'>> endobj'),
    'pdf same string': pdf_of(lambda n: pdf_object(1, b'(' + b'x' * (n // 2) + b')') + b'2 0 obj <<' + repeat('/URI 1 0 R')(n // 2) + b'>> endobj'),
    'pdf same array': pdf_of(lambda n: pdf_object(1, b'<</Type/Page/Contents 2 0 R>>') +
                             pdf_object(2, b'<<>>', b'BT [' + repeat('()')(n // 2) + b']' + repeat(' TJ')(n // 2))),
    'pdf same parameters': pdf_of(pdf_parameters),
    'pdf object streams': pdf_streams(b'<</Type/ObjStm/N 100/First 600/Filter/Fl>>', b''.join(b'%4d 0 ' % k for k in range(100)) + b'<<[<<'),
    'pdf files': pdf_streams(b'<</Type/EmbeddedFile>>', b'x'),
    'ole loops': attached('a.doc', ole_loops),
    'signed': attached('smime.p7m', signed),
    'onenote': attached('a.one', lambda n: bytes.fromhex('e4525c7b8cd8a74daeb15378d02996d3') +
                        repeat(bytes.fromhex('e716e3bd65261145a4c48d4d0b7a9eac') + b'\0' * 20 + b'x' * 50)(n)),
    'rtf groups': attached('a.rtf', lambda n: b'{\\rtf1' + repeat('{\\*\\b ')(n)),
    'rtf objects': attached('a.rtf', lambda n: b'{\\rtf1' + repeat('{\\object\\objdata 0105}')(n)),
    'calendar': attached('a.ics', lambda n: b'BEGIN:VCALENDAR\n' + repeat('BEGIN:VEVENT\nURL:http://e.com/x\nSUMMARY:x\nEND:VEVENT\n')(n)),
    'html attached': attached('a.html', repeat('<script>atob("aGVsbG8gd29ybGQ=")</script>')),
    'ole': attached('a.doc', lambda n: b'\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1' + repeat(b'\0\1\0\0')(n)),
    'tnef': attached('winmail.dat', lambda n: b'\x78\x9f\x3e\x22\0\1' + repeat(b'\2\x10\x80\1\0\1\0\0\0x\0\0')(n)),
    'messages attached': attached('a.eml', lambda n: repeat('Content-Type: message/rfc822\n\n')(n)),
    'picture': attached('a.png', png),
    'docx': attached('a.docx', lambda n: zipped(n, lambda n: [('[Content_Types].xml', b'<Types/>'), ('word/document.xml',
        b'<w:document>' + repeat('<w:p><w:t>x</w:t></w:p>')(n) + b'</w:document>')], zipfile.ZIP_STORED)),
    'xml entities': attached('a.docx', lambda n: zipped(n, lambda n: [('[Content_Types].xml', b'<Types/>'), ('word/document.xml',
        b'<!DOCTYPE d [<!ENTITY a "' + b'x' * 1000 + b'">]><d>' + repeat('&a;')(n) + b'</d>')], zipfile.ZIP_STORED)),
}
LARGE_KINDS = ('headers', 'parts', 'deep messages', 'boundary bait', 'elements', 'attributes', 'chinese', 'one word', 'phrases', 'near misses', 'stored zip', 'pdf objects', 'docx')


def count(letters, where):
    """Instructions of each letter, in one process."""
    prefix = os.path.join(where, 'counts')
    subprocess.run(['valgrind', '--tool=callgrind', '--callgrind-out-file=' + prefix, *JUDGE], input='\n'.join(letters) + '\n',
                   text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    counts = {}
    for name in os.listdir(where):
        if name.startswith('counts.'):
            dump = open(os.path.join(where, name)).read()
            trigger = re.search(r'desc: Trigger: Client Request: (.*)', dump)
            totals = re.search(r'^(?:summary|totals): (\d+)', dump, re.M)
            if trigger and totals:
                counts[trigger.group(1)] = int(totals.group(1))
    return [counts[p] for p in letters]


def check_growth(kinds, where):
    letters = []
    for i, kind in enumerate(kinds):
        for size in (SMALL, GROWTH * SMALL):
            letters.append(os.path.join(where, f'{i}.{size}'))
            open(letters[-1], 'wb').write(KINDS[kind](size))
    counts = count(letters, where)
    bad = []
    for kind, small, large in zip(kinds, counts[::2], counts[1::2]):
        size = GROWTH * SMALL
        wrong = large > MOST * GROWTH * small + FIXED or large > PER_BYTE * size
        print(f'{"NOT LINEAR" if wrong else "ok"} {kind}: {small / SMALL:.0f} and {large / size:.0f} instructions a byte')
        if wrong:
            bad.append(kind)
    return len(kinds) - len(bad), len(bad)


def spent(kind, size, where):
    path = os.path.join(where, 'large')
    open(path, 'wb').write(KINDS[kind](size))
    run = subprocess.run(['/usr/bin/env', 'python3', '-c', '''
import resource, subprocess, sys
subprocess.run(sys.argv[2:], input=sys.argv[1] + "\\n", text=True, check=True, stdout=subprocess.DEVNULL)
u = resource.getrusage(resource.RUSAGE_CHILDREN)
print(u.ru_utime + u.ru_stime, u.ru_maxrss // 1024)''', path, *JUDGE], check=True, text=True, stdout=subprocess.PIPE)
    seconds, mib = run.stdout.split()
    return float(seconds), int(mib)


def check_large(kinds, where):
    passed = failed = 0
    start, _ = spent('one word', 1, where)
    for kind in kinds:
        small, _ = spent(kind, LARGE // 10, where)
        large, mib = spent(kind, LARGE, where)
        wrong = large - start > 2 * 10 * max(small - start, .05) or mib > LARGE_MEMORY
        print(f'{"TOO MUCH" if wrong else "ok"} 50 MiB of {kind}: {large - start:.2f} s, {mib} MiB')
        passed, failed = passed + (not wrong), failed + wrong
    return passed, failed


def main():
    kinds = [k for k in sys.argv[1:] if k in KINDS] or list(KINDS)
    subprocess.run(['make', '--no-print-directory', '-s', 'build/release/judge/letter', 'V=release'], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as where:
        if shutil.which('valgrind'):
            passed, failed = check_growth(kinds, where)
        else:
            print('reading: counting skipped: no valgrind')
    with tempfile.TemporaryDirectory() as where:
        p, f = check_large([k for k in LARGE_KINDS if k in kinds], where)
    print(f'{passed + p} passed, {failed + f} failed')
    sys.exit(bool(failed + f))


if __name__ == '__main__':
    main()
