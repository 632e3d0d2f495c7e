#!/usr/bin/env python3
"""Reading hostile letters costs no more than their size is worth: instructions are counted (valgrind's callgrind) for
letters of one kind in two sizes, one four times the other. Then letters of 50 MiB, whose processor time and memory are
compared with small ones.

    test/reading.py [KIND ...]      skips the counting when valgrind is not installed
"""
import os, re, shutil, subprocess, sys, tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
JUDGE = os.path.join(ROOT, 'build/release/judge/letter')
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
}
LARGE_KINDS = ('headers', 'parts', 'deep messages', 'boundary bait', 'elements', 'attributes', 'chinese', 'one word')


def count(letters, where):
    """Instructions of each letter, in one process."""
    prefix = os.path.join(where, 'counts')
    subprocess.run(['valgrind', '--tool=callgrind', '--callgrind-out-file=' + prefix, JUDGE, '1'], input='\n'.join(letters) + '\n',
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
subprocess.run([sys.argv[1], "1"], input=sys.argv[2] + "\\n", text=True, check=True, stdout=subprocess.DEVNULL)
u = resource.getrusage(resource.RUSAGE_CHILDREN)
print(u.ru_utime + u.ru_stime, u.ru_maxrss // 1024)''', JUDGE, path], check=True, text=True, stdout=subprocess.PIPE)
    seconds, mib = run.stdout.split()
    return float(seconds), int(mib)


def check_large(kinds, where):
    passed = failed = 0
    start, _ = spent('one word', 1, where)
    for kind in kinds:
        small, _ = spent(kind, LARGE // 10, where)
        large, mib = spent(kind, LARGE, where)
        wrong = large - start > 2 * 10 * max(small - start, .02) or mib > LARGE_MEMORY
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
