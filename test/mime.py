#!/usr/bin/env python3
"""What messages are made of, by our reader and by others: python3's email package, GMime (where it is installed), and
the expectations that lie beside the fixtures of MIME-tools and mime4j. Every file of ../shared/testsets/mime.tar.zst is
read, in a build with sanitizers; those that begin with a header are compared.

    test/mime.py [--show]      skips when ../shared is absent

A difference is fine when one of the other two reads the message as we do, or when EXPLAINED says why all three differ;
doc/VIOLATIONS.md has the reasons at length. --show prints every difference.
"""
import collections, email, hashlib, json, os, re, subprocess, sys, tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
SET = os.path.join(ROOT, '../shared/testsets/mime.tar.zst')
JUDGE = os.path.join(ROOT, 'build/asan/judge/mime')
NO_MAIL = re.compile(r'\.(xml|php|csv|vcf|json|pem|md)$')
HEADER = re.compile(rb'(From [^\n]*\n)?[!-9;-~]+[ \t]*:')

# Read differently by all three, or by us alone against both: why.
EXPLAINED = {
    'behind-base64': ('cjk/big5-base64.1',),
    'bad-type': ('multi-digest.msg', 'mime-bad-content-type.raw', 'mime-blank-media-name.raw'),
    'blanks-at-the-end': ('bilingual-simple.eml', 'attachment_message_rfc822_inline_image.eml'),
    'backslashes-in-names': ('multi-2evil.msg', 'multi-2evil.out'),
    'no-such-delimiter': ('phish_sender2.eml', 'phish_sender4.eml'),
    'no-empty-line': ('spam/015', 'spam/016'),
    'behind-delimiters': ('ending-boundaries.msg',),
    'blanks-in-boundaries': ('very-long-boundary.msg', 'very-very-long-boundary.msg', 'weird-boundary.msg'),
}
# Expectations beside fixtures that we do not share.
OTHERWISE = {
    'uuencoded-text': ('uu-junk.ref', 'uu-zeegee.ref'),  # files inside plain text are found later, not by the MIME reader
    'empty-parts': ('2002_06_12_doublebound.msg', 'double-bound.msg', 'double-bound.ref', 'multipartemptypart.msg'),
    'cut-base64': ('/frag.msg', 'multi-frag.msg', 'frag.ref'),
    'encoded-containers': ('multi-2gifs-base64.msg', 'bad-newlines-multiple-parts-base64.msg', 'base64encoded-rfc822message-nested.msg'),
    'no-empty-line': ('basic-plain-with-bad-header-separator.msg', 'hdr-fakeout.ref'),
    'no-such-delimiter': ('missing-inner-boundary.msg',),
    'blanks-in-boundaries': ('very-long-boundary.msg', 'very-very-long-boundary.msg', 'weird-boundary.msg'),
    'bad-type': ('multi-digest.ref',),
}


def digest(b):
    flat = re.sub(rb'[ \t]+\n', b'\n', b.rstrip(b'\r\n').replace(b'\r', b''))
    return hashlib.sha256(flat).hexdigest()[:24]


def by_python(data):
    out = []

    def walk(p):
        kind = p.get_content_type()
        if kind in ('message/delivery-status', 'message/disposition-notification'):
            out.append((kind, '', None))
        elif p.is_multipart():
            for child in p.get_payload():
                walk(child)
        else:
            body = p.get_payload(decode=True)
            out.append((kind, p.get_filename() or '', None if body is None else digest(body)))
    walk(email.message_from_bytes(data))
    return out


def by_gmime(data):
    out = []

    def walk(p):
        if p is None:
            return
        t = p.get_content_type()
        kind = (t.get_media_type() + '/' + t.get_media_subtype()).lower()
        if isinstance(p, GMime.Multipart):
            for i in range(p.get_count()):
                walk(p.get_part(i))
        elif isinstance(p, GMime.MessagePart):
            inner = p.get_message()
            if inner:
                walk(inner.get_mime_part())
            else:
                out.append((kind, '', None))
        else:
            body = b''
            if p.get_content():
                to = GMime.StreamMem.new()
                p.get_content().write_to_stream(to)
                body = bytes(to.get_byte_array() or b'')
            name = p.get_filename() if isinstance(p, GMime.Part) else None
            out.append((kind, name or '', digest(body)))
    m = GMime.Parser.new_with_stream(GMime.StreamMem.new_with_buffer(data)).construct_message(None)
    if m:
        walk(m.get_mime_part())
    return out


try:
    import gi
    gi.require_version('GMime', '3.0')
    from gi.repository import GMime
    GMime.init()
except (ImportError, ValueError):
    GMime = None


def flat(name):
    return re.sub(r'\s+', ' ', name).strip()


def compare(theirs, ours):
    """'same', or what differs first: 'types', 'content', 'names'."""
    if [x[0] for x in theirs] != [x[0] for x in ours]:
        return 'types'
    if any(a[2] and a[2] != b[2] for a, b in zip(theirs, ours)):
        return 'content'
    for a, b in zip(theirs, ours):
        # Python leaves encoded words in names as they are and cannot read raw bytes; GMime ends a name at a quote inside it.
        if flat(a[1]) != flat(b[1]) and '=?' not in a[1] and '\ufffd' not in a[1] and not b[1].startswith(a[1]):
            return 'names'
    return 'same'


def explained(table, path):
    return next((why for why, ends in table.items() if path.endswith(ends)), None)


def judge_messages(results, where, show):
    counts, bad = collections.Counter(), []
    for r in results:
        data = open(os.path.join(where, r['file']), 'rb').read()
        if not HEADER.match(data) or NO_MAIL.search(r['file']):
            counts['read, no message'] += 1
            continue
        ours = [(p['type'], p['name'], p['sha256']) for p in r['parts'] if p['leaf']]
        found = {}
        for name, reader in (('python', by_python), ('gmime', by_gmime if GMime else None)):
            if reader:
                try:
                    found[name] = compare(reader(data), ours)
                except (ValueError, LookupError, TypeError, AttributeError) as e:
                    found[name] = 'failed: ' + type(e).__name__
        for name, what in found.items():
            counts[f'{name}: {what}'] += 1
        if 'same' in found.values():
            counts['agreed'] += 1
            continue
        why = explained(EXPLAINED, r['file'])
        counts['explained: ' + why if why else 'not explained'] += 1
        if not why:
            bad.append(f"{r['file']}: {found}")
        if show:
            print(r['file'], found, why, ours)
    return counts, bad


def judge_mime_tools(results, where):
    """testmsgs/*.ref: Perl hashes of what each part is."""
    passed, bad = collections.Counter(), []
    for r in results:
        ref = os.path.join(where, re.sub(r'\.msg$', '.ref', r['file']))
        if not r['file'].endswith('.msg') or not os.path.exists(ref):
            continue
        text = open(ref, encoding='latin-1').read()
        want = {}
        for key, body in re.findall(r'"((?:Part_[\d_]+)|Msg)" => \{(.*?)\n  \}', text, re.S):
            fields = {k: re.sub(r'\\(.)', r'\1', v) for k, v in re.findall(r'"(\w+)" +=> "?((?:[^"\\\n]|\\.)*?)"?,?$', body, re.M)}
            if 'Size' in fields:
                want[key] = fields
        if not want:
            continue  # nothing is said about sizes
        order = sorted(want, key=lambda k: [int(n) for n in re.findall(r'\d+', k)])
        theirs = [(want[k].get('Type', ''), int(want[k]['Size'])) for k in order]
        ours = [(p['type'], p['decoded']) for p in r['parts'] if p['leaf']]
        if theirs == ours or ([t for t, _ in theirs] == [t for t, _ in ours] and
                              all(abs(a - b) <= 2 for (_, a), (_, b) in zip(theirs, ours))):  # the last line end
            passed['as expected'] += 1
        elif explained(OTHERWISE, ref):
            passed['otherwise'] += 1
        else:
            bad.append(f'{os.path.basename(ref)}: {theirs} but {ours}')
    return passed, bad


def judge_mime4j(results, where):
    """NAME_decoded.xml lists the leaves, with files of their content beside it."""
    passed, bad = collections.Counter(), []
    for r in results:
        xml = os.path.join(where, re.sub(r'\.msg$', '_decoded.xml', r['file']))
        if not r['file'].endswith('.msg') or not os.path.exists(xml):
            continue
        names = re.findall(r'<(?:text|binary)-body name="([^"]*)"', open(xml, encoding='utf-8', errors='replace').read())
        ours = [p for p in r['parts'] if p['leaf']]
        wrong = [] if len(names) == len(ours) else [f'{len(names)} leaves but {len(ours)}']
        for name, p in zip(names, ours):
            path = os.path.join(os.path.dirname(xml), name)
            if not wrong and os.path.exists(path):
                content = open(path, 'rb').read()
                if digest(content) not in (p['sha256'], p.get('text')):
                    wrong.append(name)
        if not wrong:
            passed['as expected'] += 1
        elif explained(OTHERWISE, r['file']):
            passed['otherwise'] += 1
        else:
            bad.append(f"{r['file']}: {wrong}")
    return passed, bad


def main():
    if not os.path.exists(SET):
        print('mime: skipped: no ../shared here\n0 passed, 0 failed')
        return
    subprocess.run(['make', '--no-print-directory', '-s', 'V=asan', 'build/asan/judge/mime'], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    show = '--show' in sys.argv
    with tempfile.TemporaryDirectory() as where:
        subprocess.run(['tar', '--zstd', '-xf', SET, '-C', where], check=True)
        files = sorted(os.path.relpath(os.path.join(b, n), where) for b, _, names in os.walk(where) for n in names)
        run = subprocess.run([JUDGE], input='\n'.join(files) + '\n', cwd=where, stdout=subprocess.PIPE, text=True,
                             env=dict(os.environ, ASAN_OPTIONS='detect_stack_use_after_return=0'))
        results = [json.loads(line) for line in run.stdout.splitlines()]
        bad = [] if run.returncode == 0 and len(results) == len(files) else [f'stopped after {len(results)} of {len(files)} files']
        print(f'mime: {len(results)} files read' + ('' if GMime else '; GMime skipped: not installed'))
        for judge in (judge_messages(results, where, show), judge_mime_tools(results, where), judge_mime4j(results, where)):
            print('  ' + ', '.join(f'{k} {v}' for k, v in sorted(judge[0].items())))
            bad += judge[1]
    print('\n'.join(bad[:60]))
    print(f'{len(files) - len(bad)} passed, {len(bad)} failed')
    sys.exit(bool(bad))


if __name__ == '__main__':
    main()
