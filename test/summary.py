#!/usr/bin/env python3
"""Summaries (codec/summary.h) beside Python's email package, over other projects' test messages: envelope, structure, encoded beginnings
and decoded sizes. Where both differ the reason must be one of those below.

    test/summary.py [--show]        every difference
"""
import collections, email, email.utils, json, os, re, subprocess, sys, tempfile
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SET = os.path.join(ROOT, '../shared/testsets/mime.tar.zst')
JUDGE = os.path.join(ROOT, 'build/asan/judge/summary')
MESSAGES = re.compile(r'\.(msg|eml|txt|mime|mbox)$')


OTHERWISE = {  # Python's reading is the odd one
    'long-header.eml': 'longer than a record keeps (SUMMARY_CUT)',
    'issue-40.eml': 'a line that is no field ends the header for Python alone',
    'mix_caps_content_type.eml': 'a name and an address without brackets',
    'raw_email_multiple_from.eml': 'two @',
    'example13.eml': 'blanks before the colon (RFC 5322 A.6.3)',
}


def unfold(value):
    if value is None:
        return None
    value = re.sub(r'\r?\n(?=[ \t])', '', value)
    return re.sub(r'[\x00-\x1f\x7f]', ' ', value).strip()


def raw(m, name):
    """As the bytes have it, as Latin-1."""
    for k, v in m.raw_items():
        if k.lower() == name:
            return unfold(str(v).encode('ascii', 'surrogateescape').decode('latin-1') if not isinstance(v, str) or v.isascii() or
                          any('\udc80' <= c <= '\udcff' for c in v) else v)
    return None


def addresses(m, names):
    values = [raw_all for name in names for raw_all in (str(v) for k, v in m.raw_items() if k.lower() == name)]
    return [a.lower() for _, a in email.utils.getaddresses([unfold(v) for v in values]) if '@' in a]


def ours(v):
    return [f'{mailbox}@{host}'.lower() for _, mailbox, host in v if host]


def leaves(m):
    if m.get_content_maintype() in ('multipart', 'message') and m.is_multipart():
        return [x for p in m.get_payload() for x in leaves(p)]
    return [m.get_content_type()]


def our_leaves(parts):
    return [f"{p['type']}/{p['subtype']}".lower() for p in parts if not p['multipart'] and not p['message']]


def why(content, m, field, mine, theirs):
    """Why both may differ, or None."""
    header = content.split(b'\n\n')[0].split(b'\r\n\r\n')[0]
    if field in ('from', 'to', 'cc'):
        if re.search(rb'(?im)^(from|to|cc):[^\n]*(\n[ \t][^\n]*)*[\x80-\xff"\\<(:;]', header) or b'=?' in header:
            return 'quoted, routed, commented, grouped or 8-bit addresses'
        return None
    if field in ('subject', 'message_id', 'date'):
        if m.defects or not re.match(rb'[!-9;-~]+[ \t]*:', content):
            return 'a malformed header'
        if re.search(rb'\r(?!\n)|[\x80-\xff]|\x00', header):
            return 'bare CR, NUL or 8-bit'
        return None
    if m.defects or any(p.defects for p in m.walk()):
        return 'defects'
    if re.search(rb'(?i)content-transfer-encoding:\s*(base64|quoted|x-uue)', content) and b'message/' in content.lower():
        return 'an encoded message is not looked into'
    if re.search(rb'(?i)^content-type:\s*(?![a-z0-9.+-]+/[a-z0-9.+-]+\s*(;|$|\r))', content, re.M):
        return 'a type that is none'
    if re.search(rb'(?i)message/(partial|delivery-status|external-body|http|sip|disposition|news|s-http|global)', content):
        return 'Python looks into every message/*, we into whole messages'
    if re.search(rb'(?i)boundary', content) and (b'(' in content or b'\r\n ' in content or b'--' in content):
        return 'boundaries: prefixes of each other, comments, missing ends'
    return None


def compare(name, content, r, show):
    m = email.message_from_bytes(content)
    if not r['parts']:
        return collections.Counter(), [f'{name}: no summary']
    found = {'subject': (r['subject'], raw(m, 'subject')), 'message_id': (r['message_id'], raw(m, 'message-id')),
             'date': (r['date'], raw(m, 'date')), 'from': (ours(r['from'])[:1], addresses(m, ['from'])[:1]),
             'to': (ours(r['to']), addresses(m, ['to'])), 'cc': (ours(r['cc']), addresses(m, ['cc'])),
             'leaves': (our_leaves(r['parts']), leaves(m))}
    counts, bad = collections.Counter(), []
    for field, (mine, theirs) in found.items():
        if mine == theirs:
            counts['alike'] += 1
            continue
        reason = OTHERWISE.get(os.path.basename(name)) or why(content, m, field, mine, theirs)
        counts[reason or 'unexplained'] += 1
        if not reason:
            bad.append(f'{name}: {field}: {mine!r}, Python {theirs!r}')
        elif show:
            print(f'{name}: {field}: {mine!r}, Python {theirs!r} ({reason})')
    return counts, bad


def main():
    if not os.path.exists(SET):
        print('summary: skipped: no ../shared here\n0 passed, 0 failed')
        return
    subprocess.run(['make', '--no-print-directory', '-s', 'V=asan', 'build/asan/judge/summary'], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    show = '--show' in sys.argv
    with tempfile.TemporaryDirectory() as where:
        subprocess.run(['tar', '--zstd', '-xf', SET, '-C', where], check=True)
        files = sorted(os.path.relpath(os.path.join(b, n), where) for b, _, names in os.walk(where) for n in names if MESSAGES.search(n) and '_decoded' not in n)
        run = subprocess.run([JUDGE], input='\n'.join(files) + '\n', cwd=where, stdout=subprocess.PIPE, text=True)
        results = [json.loads(line) for line in run.stdout.split('\n') if line]
        total, bad = collections.Counter(), [] if run.returncode == 0 and len(results) == len(files) else [f'stopped after {len(results)} of {len(files)} files']
        for name, r in zip(files, results):
            with open(os.path.join(where, name), 'rb') as f:
                counts, wrong = compare(name, f.read(), r, show)
            total += counts
            bad += wrong
        sizes = sorted(r['bytes'] for r in results)
        print(f'summary: {len(files)} messages; half of the records below {sizes[len(sizes) // 2]} bytes, nine tenths below {sizes[len(sizes) * 9 // 10]}')
        print('  ' + '; '.join(f'{k}: {v}' for k, v in total.most_common()))
    print('\n'.join(bad[:60]))
    print(f'{total["alike"]} passed, {len(bad)} failed')
    sys.exit(bool(bad))


if __name__ == '__main__':
    main()
