#!/usr/bin/env python3
"""Changes to the content of messages (src/codec/edit.h), looked at by others' eyes: python3's email package and GMime (where it is
installed) read each message before and after, openssl and gpg verify signatures. Every message of ../shared/testsets/mime.tar.zst is edited in several ways, and
messages made here: charsets, encodings, structures, signatures, odd HTML. In a build with sanitizers.

    test/edit.py [PART ...]    made signed fixtures large; without ../shared the fixtures are skipped

What must hold: all that was not to be changed decodes to the same bytes; each alternative has the banner once, above,
and the disclaimer once, below; parts that go are gone and their notice stands there; signed parts still verify.
"""
import base64, email, email.policy, html, json, os, re, subprocess, sys, tempfile, time, html.parser

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), d) for d in ('lib', '')]
from judge import Judge, Score, ROOT
from mime import GMime, by_gmime

SET = os.path.join(ROOT, '../shared/testsets/mime.tar.zst')
NO_MAIL = re.compile(r'\.(xml|php|csv|vcf|json|pem|md)$')
HEADER = re.compile(rb'(From [^\n]*\n)?[!-9;-~]+[ \t]*:')
BANNER, BELOW = 'Warning: this letter came from outside. 请当心：本邮件来自外部。', 'Example University – 示例大学'
ASCII, ASCII_BELOW = 'Careful: external sender', 'Sent by Example Ltd.'
CHANGED, BODY, SIGNED, LOST, ENCRYPTED, RECODED, NO_TEXT, SUBJECT = (1 << i for i in range(8))
UNREADABLE = re.compile('[\x80-\x9f\ue000-\uf8ff]')  # what no charset of letters gives
KNOWN = {'gb2312': 'gb18030', 'gbk': 'gb18030', 'x-gbk': 'gb18030'}
# Read otherwise by python, so that there is nothing to compare: why.
EXPLAINED = {
    'a type that is none: text to us, a file to GMime': ('empty-ctype-bad-content.raw', 'barren-content-type.raw', 'badctype1'),
    'encoding python does not know': ('content_transfer_encoding_with_semi_colon.eml',),
    'python takes a status apart that is none': ('delayed-broken.eml',),
    'without label, and python does not guess': ('mail_test_12', 'chardet-success-big-5.raw'),
}


def b64(data):
    return base64.b64encode(data).decode()


class Editor:
    def __init__(self, judge):
        self.judge = judge

    def __call__(self, message, **how):
        a = self.judge.ask(message=b64(message), **how)
        if 'error' in a:
            return None, a
        return base64.b64decode(a['message']), a


# ---- reading with other eyes ----

def leaves(message, inside=True):
    """(path, part) of what has content; messages inside are opened."""
    out = []

    def walk(p, path):
        kids = p.get_payload() if p.is_multipart() else None
        if kids and (inside or p.get_content_maintype() != 'message'):
            for i, k in enumerate(kids):
                walk(k, path + (p.get_content_type(),))
        else:
            out.append((path, p))
    walk(message, ())
    return out


def flat(b):
    return b.replace(b'\r\n', b'\n').rstrip(b'\n')


def content(p):
    body = p.get_payload(decode=True)
    if body is None:
        body = p.as_bytes()
    return flat(body)


def text_of(p):
    body = p.get_payload(decode=True) or b''
    charset = p.get_content_charset() or 'us-ascii'
    try:
        s = body.decode(KNOWN.get(charset, charset), 'replace')
    except LookupError:
        s = body.decode('utf-8', 'replace')
    return s.replace('\r\n', '\n')


class Shown(html.parser.HTMLParser):
    """Text of HTML in order, with what stands in <body> only."""

    def __init__(self, s):
        super().__init__(convert_charrefs=True)
        self.out, self.silent = [], 0
        self.feed(s)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.silent += tag in ('style', 'script', 'title')

    def handle_endtag(self, tag):
        self.silent -= tag in ('style', 'script', 'title') and self.silent > 0

    def handle_data(self, data):
        if not self.silent:
            self.out.append(data)

    def text(self):
        return ' '.join(''.join(self.out).split())


def shown(p):
    s = text_of(p)
    return Shown(s).text() if p.get_content_type() == 'text/html' else ' '.join(s.split())


def one(s):
    return ' '.join(s.split())


def is_ours(p):
    s = shown(p)
    return s in (one(BANNER), one(BELOW), ASCII, ASCII_BELOW)


def compare_rest(before, after, texts_may_change=True):
    """What is in `after`, but for the texts that got something, must be what is in `before`. A sentence, or None."""
    old, new = [p for _, p in leaves(before)], [p for _, p in leaves(after)]
    if len(new) > len(old):
        new = [p for p in new if not is_ours(p)]
    if len(old) != len(new):
        return f'{len(old)} parts before, {len(new)} after'
    for a, b in zip(old, new):
        kind = a.get_content_type()
        if kind != b.get_content_type() and re.fullmatch(r'[a-z0-9./+-]+', kind):
            return f'{a.get_content_type()} became {b.get_content_type()}'
        if content(a) == content(b):
            continue
        if not texts_may_change or not kind.startswith(('text/plain', 'text/html')):
            return f'{a.get_content_type()} {a.get_filename()} has other bytes'
        s, t = shown(a), shown(b)
        for ours in (BANNER, BELOW, ASCII, ASCII_BELOW):
            t = t.replace(one(ours), '', 1)
        if '\ufffd' in s or UNREADABLE.search(s):  # a label that is missing or lies: read better now
            s, t = (re.sub('[^ -~]', '', x) for x in (s, t))
        if ''.join(s.split()) != ''.join(t.split()):
            return f'the text changed: {one(s)[:150]!r} -> {one(t)[:150]!r}'
    return None


# ---- messages made here ----

def part(kind, body, encoding='8bit', extra='', params=''):
    if encoding == 'base64':
        body = base64.encodebytes(body).replace(b'\n', b'\r\n').rstrip()
    elif encoding == 'quoted-printable':
        import quopri
        body = quopri.encodestring(body.replace(b'\r\n', b'\n')).replace(b'\n', b'\r\n')
    return (f'Content-Type: {kind}{params}\r\nContent-Transfer-Encoding: {encoding}\r\n{extra}\r\n'.encode() + body)


def multi(kind, *parts, boundary='b1', preamble=b'', epilogue=b'', params=''):
    b = boundary.encode()
    return (f'Content-Type: multipart/{kind}; boundary="{boundary}"{params}\r\n\r\n'.encode() + preamble +
            b''.join(b'--' + b + b'\r\n' + p + b'\r\n' for p in parts) + b'--' + b + b'--\r\n' + epilogue)


TOP = b'From: a@example.org\r\nTo: b@example.org\r\nSubject: Hello\r\nMIME-Version: 1.0\r\n'
PICTURE = bytes(range(256)) * 40
PLAIN = b'Dear reader,\r\n\r\nthis is it.\r\n-- \r\nMe\r\n'
PAGE = b'<html><head><title>T</title><style>p{color:red}</style></head><body class=x><p>Dear reader</p></body></html>\r\n'
CHARSETS = {
    'utf-8': '你好，世界。Grüße', 'gb2312': '你好，世界', 'gbk': '你好，世界镕', 'gb18030': '你好，世界', 'big5': '你好，世界',
    'iso-8859-1': 'Grüße aus Köln', 'iso-8859-2': 'Příliš žluťoučký', 'iso-8859-15': 'Grüße', 'windows-1251': 'Привет',
    'koi8-r': 'Привет', 'iso-2022-jp': '日本語のテキスト', 'shift_jis': '日本語', 'euc-jp': '日本語', 'euc-kr': '안녕하세요', 'us-ascii': 'plain',
    'utf-16': 'sixteen', 'windows-1252': 'naïve'}


def made(score, edit):
    def check(name, message, alternatives, **how):
        out, a = edit(message, **how)
        if out is None:
            return score.check(name, False, a['error'])
        before, after = email.message_from_bytes(message), email.message_from_bytes(out)
        bad = [d for p in after.walk() for d in p.defects]
        score.check(name + ' valid', not bad, str(bad))
        wrong = compare_rest(before, after)
        score.check(name + ' rest', wrong is None, f'{wrong}')
        top, below = one(how.get('banner', '')), one(how.get('disclaimer', ''))
        texts = [shown(p) for _, p in leaves(after, inside=False) if p.get_content_type() in ('text/plain', 'text/html')]
        for ours, starts in ((top, True), (below, False)):
            if ours:
                having = [t for t in texts if ours in t]
                score.check(name + ' once', len(having) == alternatives and all(t.count(ours) == 1 for t in having),
                            f'{len(having)} of {len(texts)} texts have {ours!r}')
                at = all(t.startswith(ours) if starts else t.endswith(ours) for t in having)
                score.check(name + ' place', at, str(having)[:300])
        again, b = edit(message, **how)
        score.check(name + ' same again', again == out, 'another result')
        return out, a, after

    both = dict(banner=BANNER, disclaimer=BELOW)
    ascii_both = dict(banner=ASCII, disclaimer=ASCII_BELOW)
    for charset, text in CHARSETS.items():
        for encoding in ('8bit', 'quoted-printable', 'base64', '7bit'):
            raw = (text + '\r\nline two = x\r\n').encode(charset)
            if encoding == '7bit' and any(c > 127 for c in raw):
                continue
            if charset == 'utf-16' and encoding != 'base64':
                continue
            for kind in ('plain', 'html'):
                body = raw if kind == 'plain' else ('<html><body>' + text + '<br>line two</body></html>').encode(charset)
                m = TOP + part(f'text/{kind}', body, encoding, params=f'; charset={charset}')
                for how, name in ((both, 'cjk'), (ascii_both, 'ascii')):
                    r = check(f'{charset} {encoding} {kind} {name}', m, 1, **how)
                    if not r:
                        continue
                    out, a, after = r
                    kept = after.get_content_charset() == charset
                    odd = charset in ('utf-16',) or (kind == 'html' and charset == 'iso-2022-jp')
                    if name == 'ascii' and not odd or charset in ('utf-8', 'gbk', 'gb18030'):
                        score.check(f'{charset} {encoding} {kind} keeps its charset', kept, str(after['content-type']))
                    if name == 'ascii' and not odd and encoding != 'base64':
                        first = message_body(m).split(b'<body>')[-1][:14]
                        score.check(f'{charset} {encoding} {kind} keeps its bytes', first in out, repr(first))
    structures = {
        'plain': (TOP + part('text/plain', PLAIN, '7bit'), 1),
        'html': (TOP + part('text/html', PAGE, '7bit'), 1),
        'no mime': (b'From: a@example.org\r\nSubject: x\r\n\r\nOld letter\r\n', 1),
        'no subject, no end': (b'From: a@example.org\r\n\r\nOld letter without end', 1),
        'empty body': (b'From: a@example.org\r\nSubject: x\r\n\r\n', 1),
        'header alone': (b'From: a@example.org\r\nSubject: x\r\n', 1),
        'alternative': (TOP + multi('alternative', part('text/plain', PLAIN), part('text/html', PAGE)), 2),
        'alternative with calendar': (TOP + multi('alternative', part('text/plain', PLAIN), part('text/html', PAGE),
                                                  part('text/calendar', b'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n')), 2),
        'mixed': (TOP + multi('mixed', part('text/plain', PLAIN), part('image/png', PICTURE, 'base64', 'Content-Disposition: attachment; filename=a.png\r\n'),
                              preamble=b'This is MIME.\r\n', epilogue=b'the end\r\n'), 1),
        'mixed, alternative, related': (TOP + multi('mixed', multi('alternative', part('text/plain', PLAIN), multi('related',
            part('text/html', PAGE), part('image/png', PICTURE, 'base64', 'Content-ID: <p>\r\n'), boundary='b3'), boundary='b2'),
            part('application/pdf', PICTURE, 'base64', 'Content-Disposition: attachment; filename=a.pdf\r\n')), 2),
        'related with start': (TOP + multi('related', part('image/png', PICTURE, 'base64', 'Content-ID: <p>\r\n'),
                                           part('text/html', PAGE, extra='Content-ID: <root>\r\n'), params='; start="<root>"'), 1),
        'attachment alone': (TOP + part('application/pdf', PICTURE, 'base64', 'Content-Disposition: attachment; filename=a.pdf\r\n'), 1),
        'attached text': (TOP + multi('mixed', part('text/plain', b'a file\r\n', extra='Content-Disposition: attachment; filename=a.txt\r\n')), 1),
        'report': (TOP + multi('report', part('text/plain', PLAIN), part('message/delivery-status', b'Reporting-MTA: dns; x\r\n\r\nAction: failed\r\n', '7bit'),
                               part('text/rfc822-headers', b'Subject: y\r\n', '7bit'), params='; report-type=delivery-status'), 1),
        'digest': (TOP + multi('digest', b'\r\nSubject: one\r\n\r\nfirst\r\n', b'\r\nSubject: two\r\n\r\nsecond\r\n'), 1),
        'forwarded': (TOP + multi('mixed', part('text/plain', PLAIN), b'Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ninner text\r\n'), 1),
        'message alone': (TOP + b'Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ninner text\r\n', 1),
        'calendar alone': (TOP + part('text/calendar', b'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n'), 1),
        'flowed': (TOP + part('text/plain', b'A flowed \r\nparagraph.\r\n', '7bit', params='; charset=us-ascii; format=flowed'), 1),
        'long lines': (TOP + part('text/html', b'<html><body>' + b'x ' * 4000 + b'</body></html>', 'quoted-printable'), 1),
        'soft end': (TOP + b'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nabc=\r\n', 1),
        'soft end without line': (TOP + b'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nabc=', 1),
        'blank end': (TOP + b'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nabc   ', 1),
        'mbox line': (b'From a Mon Jan  1 00:00:00 2024\r\n' + TOP + part('text/plain', PLAIN, '7bit'), 1),
    }
    for name, (m, n) in structures.items():
        for how in (both, ascii_both, dict(banner=ASCII), dict(disclaimer=BELOW)):
            if 'mbox' in name:
                how = {k: v for k, v in how.items()}
            check(f'{name} {"+".join(how)}', m, n, **how)
    subjects(score, edit)
    pages(score, edit)
    stripped(score, edit)


def body_of(data):
    """Behind the empty line; None: there is none."""
    found = re.search(rb'\n\r?\n', data)
    return data[found.end():] if found else None


def message_body(m):
    return m.split(b'\r\n\r\n', 1)[1]


def subjects(score, edit):
    def subject(out):
        m = email.message_from_bytes(out)
        h = email.header.make_header(email.header.decode_header(m['subject']))
        return ''.join(str(h).splitlines())
    for raw, tag, want in (
            (b'Hello', '[SPAM] ', '[SPAM] Hello'), (b'', '[SPAM] ', '[SPAM]'), (b'Re: [SPAM] Hello', '[SPAM] ', 'Re: [SPAM] Hello'),
            (b'=?utf-8?B?5L2g5aW9?=', '[SPAM] ', '[SPAM] 你好'), (b'=?utf-8?B?5L2g5aW9?=', '【垃圾】 ', '【垃圾】 你好'),
            (b'=?utf-8?B?5L2g5aW9?=', '【垃圾】', '【垃圾】你好'), (b'Hello', '【垃圾】 ', '【垃圾】 Hello'),
            (b'=?gb2312?B?xOO6w8rAvec=?=', '[疑似] ', '[疑似] 你好世界'), (b'x' * 70, '[SPAM] ', '[SPAM] ' + 'x' * 70),
            (b'folded\r\n over\r\n\tlines', '[SPAM] ', '[SPAM] folded over\tlines'), (b'Hello', '[SPAM]', '[SPAM]Hello')):
        m = b'From: a@example.org\r\nSubject: ' + raw + b'\r\nTo: x@example.org\r\n\r\nbody\r\n'
        out, a = edit(m, tag=tag)
        score.check(f'subject {raw[:20]} {tag}', subject(out) == want, f'{subject(out)!r}, not {want!r}')
        again, b = edit(out, tag=tag)
        score.check(f'subject {raw[:20]} {tag} twice', again == out, repr(again[:200]))
        rest = re.sub(rb'Subject:.*?\r\n(?=\S)', b'', out, flags=re.S)
        score.check(f'subject {raw[:20]} rest', rest == re.sub(rb'Subject:.*?\r\n(?=\S)', b'', m, flags=re.S), repr(out))
        score.check(f'subject {raw[:20]} lines', all(len(l) < 200 for l in out.split(b'\r\n')), repr(out))
    raw8 = b'From: a@example.org\r\nSubject: \xe4\xbd\xa0\xe5\xa5\xbd\r\n\r\nbody\r\n'
    out, _ = edit(raw8, tag='【垃圾】')
    score.check('subject 8-bit', b' \xe4\xbd\xa0\xe5\xa5\xbd\r\n' in out and b'=?utf-8?B?' in out, repr(out))
    out, _ = edit(b'From: a@example.org\r\n\r\nbody\r\n', tag='[SPAM] ')
    score.check('subject missing', subject(out) == '[SPAM]', repr(out))
    out, _ = edit(b'\r\nno header\r\n', tag='[SPAM] ', fields=['X-Note: 你好'])
    m = email.message_from_bytes(out)
    score.check('no header', m['subject'] == '[SPAM]' and m.get_payload() == 'no header\r\n', repr(out))
    out, a = edit(raw8, fields=['X-Note: 你好世界', 'X-Plain: yes'])
    m = email.message_from_bytes(out)
    note = str(email.header.make_header(email.header.decode_header(m['x-note'])))
    score.check('fields', out.endswith(raw8) and note == '你好世界' and m['x-plain'] == 'yes' and a['notes'] == CHANGED, repr(out))
    for bad in ('no field', ': x', 'a b: c'):
        out, a = edit(raw8, fields=[bad])
        score.check(f'field {bad}', out is None and a['error'].startswith('proto'), str(a))


def pages(score, edit):
    """Above and below what is shown, whatever the tags are."""
    for name, page in {
            'no tags': 'just text', 'no body': '<html><head><title>t</title></head>Hello', 'no head': '<p>Hello',
            'upper': '<HTML><BODY BGCOLOR="#fff">Hello</BODY></HTML>', 'twice': '<html><body>Hello</body></html><html><body>World</body></html>',
            'behind the end': '<html><body>Hello</body></html>World', 'in a comment': '<!-- <body> --><html><body>Hello</body></html>',
            'in a style': '<html><head><style>/* <body> */ p{}</style></head><body>Hello</body></html>',
            'body in quotes': '<html><body title="a>b">Hello</body></html>', 'doctype': '<!DOCTYPE html><html><body>Hello</body></html>',
            'late body': '<div>Hello</div><body>World</body>', 'open table': '<body><table><tr><td>Hello',
            'open comment': '<body>Hello<!-- World', 'open style': '<p>Hello<style>p{}', 'cut tag': '<p>Hello<a href="x',
            'word': '<html xmlns:o="urn:x"><head><!--[if gte mso 9]><xml></xml><![endif]--></head><body lang=ZH-CN><div class=WordSection1>Hello</div></body></html>',
            'only white': '<html><head></head>\n \n<body>\n Hello</body></html>', 'textarea': '<body><textarea></body></textarea>Hello</body>'}.items():
        for encoding in ('7bit', 'quoted-printable', 'base64'):
            m = TOP + part('text/html', page.encode(), encoding, params='; charset=us-ascii')
            out, a = edit(m, banner=BANNER, disclaimer='<below> & "done"')
            text = shown(email.message_from_bytes(out))
            good = text.startswith(one(BANNER)) and text.count(one(BANNER)) == 1 and text.count('<below> & "done"') == 1
            score.check(f'page {name} {encoding}', good and text.index('<below>') > text.rindex('Hello' if 'Hello' in text else one(BANNER)), repr(text))
            if 'Hello' in page:
                score.check(f'page {name} {encoding} text', 'Hello' in text, repr(text))
    out, _ = edit(TOP + part('text/html', PAGE, '7bit'), banner='b', banner_html='<b id=q>bold</b>')
    score.check('page with html', b'<b id=q>bold</b>' in out, repr(out[-600:]))


def find(a, want):
    return [i for i, p in enumerate(a['parts']) if want in (p['type'], p['name'])]


def stripped(score, edit):
    notice = '附件 evil.exe（12 字节）已被取出：病毒。'
    picture = part('image/png', PICTURE, 'base64', 'Content-Disposition: inline; filename=p.png\r\nContent-ID: <p>\r\n')
    evil = part('application/x-msdownload', b'MZ evil', 'base64', 'Content-Disposition: attachment; filename=evil.exe\r\n')
    inner = b'Content-Type: message/rfc822\r\n\r\n' + TOP + multi('mixed', part('text/plain', PLAIN), evil, boundary='in')
    cases = {
        'attachment': TOP + multi('mixed', part('text/plain', PLAIN), evil, picture, preamble=b'pre\r\n', epilogue=b'epi\r\n'),
        'inline picture': TOP + multi('related', part('text/html', PAGE), evil, picture),
        'nested': TOP + multi('mixed', part('text/plain', PLAIN), inner, picture),
        'alone': TOP + evil,
        'only child': TOP + multi('mixed', evil),
        'in alternative': TOP + multi('alternative', part('text/plain', PLAIN), part('text/html', PAGE), evil),
        'unclosed': (TOP + multi('mixed', part('text/plain', PLAIN), evil))[:-8],
        'tnef': TOP + multi('mixed', part('text/plain', PLAIN), part('application/ms-tnef', b'x\x9f', 'base64', 'Content-Disposition: attachment; filename=evil.exe\r\n')),
        'message whole': TOP + multi('mixed', part('text/plain', PLAIN), b'Content-Type: message/rfc822\r\n\r\nSubject: in\r\n' + evil),
    }
    for name, m in cases.items():
        _, a = edit(m)
        index = find(a, 'evil.exe')
        if not score.check(f'strip {name} there', len(index) == 1, str(a['parts'])):
            continue
        for banner in ('', BANNER):
            out, a = edit(m, banner=banner, strip=[{'part': index[0], 'block': -1, 'notice': notice}])
            after = email.message_from_bytes(out)
            bad = [d for p in after.walk() for d in p.defects]
            score.check(f'strip {name} valid', not bad or name == 'unclosed', str(bad))
            score.check(f'strip {name} gone', not any(p.get_filename() == 'evil.exe' for p in after.walk()) and
                        b'TVogZXZpb' not in out, repr(out[-900:]))
            said = sum(notice in shown(p) for _, p in leaves(after))
            score.check(f'strip {name} notice', said == (2 if name == 'in alternative' else 1), repr(out[-900:]))
            before = [content(p) for _, p in leaves(email.message_from_bytes(m)) if p.get_filename() == 'p.png']
            score.check(f'strip {name} rest', before == [content(p) for _, p in leaves(after) if p.get_filename() == 'p.png'], '')
            if banner and name != 'in alternative':
                score.check(f'strip {name} banner', sum(one(BANNER) in shown(p) for _, p in leaves(after)) == 1, repr(out[-900:]))
    uu = b'Hello\r\nbegin 644 one.bin\r\n#0V%T\r\n`\r\nend\r\nbetween\r\nbegin 644 two.bin\r\n#0V%T\r\n`\r\nend\r\nbye\r\n'
    for encoding in ('7bit', 'quoted-printable', 'base64'):
        out, a = edit(TOP + part('text/plain', uu, encoding), strip=[{'part': 0, 'block': 1, 'notice': notice}])
        text = text_of(email.message_from_bytes(out))
        score.check(f'strip uu {encoding}', 'one.bin' in text and 'two.bin' not in text and notice in text and
                    text.endswith('bye\n') and 'between' in text, repr(text))
    out, a = edit(cases['attachment'], strip=[{'part': 99, 'block': -1, 'notice': ''}])
    score.check('strip what is not there', out is None and a['error'].startswith('proto'), str(a))
    all_gone = TOP + multi('mixed', evil, evil, evil)
    out, a = edit(all_gone, strip=[{'part': i, 'block': -1, 'notice': f'n{i}'} for i in (1, 2, 3)])
    kids = email.message_from_bytes(out).get_payload()
    score.check('strip all', [k.get_payload().strip() for k in kids] == ['n1', 'n2', 'n3'], repr(out))


# ---- signed and encrypted ----

def signed(score, edit):
    with tempfile.TemporaryDirectory(prefix='edit-') as d:
        key, cert = os.path.join(d, 'key'), os.path.join(d, 'cert')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '3',
                        '-subj', '/CN=a@example.org', '-addext', 'extendedKeyUsage=emailProtection'], check=True, capture_output=True)
        inner = part('text/plain', 'Grüße\r\n'.encode(), 'quoted-printable', params='; charset=utf-8')

        def smime(*args):
            made = subprocess.run(['openssl', 'smime', '-crlfeol', '-signer', cert, '-inkey', key, *args], input=inner, capture_output=True, check=True)
            return b'From: a@example.org\r\nSubject: x\r\n' + re.sub(rb'\r?\n', b'\r\n', made.stdout)

        def verifies(p):
            path = os.path.join(d, 'm')
            open(path, 'wb').write(p)
            return subprocess.run(['openssl', 'smime', '-verify', '-noverify', '-in', path], capture_output=True).returncode == 0

        def only(out, raw):
            """The bytes of the signed part inside of what we made."""
            b = email.message_from_bytes(out).get_boundary().encode()
            pieces = [p[2:] if p.startswith(b'\r\n') else p for p in (b'\r\n' + out).split(b'\r\n--' + b)]
            return [p for p in pieces if raw in p]
        for name, m in {'detached': smime('-sign'), 'opaque': smime('-sign', '-nodetach')}.items():
            score.check(f'signed {name} verifies before', verifies(m), '')
            for how in (dict(banner=BANNER), dict(disclaimer=BELOW), dict(banner=BANNER, disclaimer=BELOW, tag='[x] ')):
                out, a = edit(m, **how)
                mark = b'multipart/signed' if name == 'detached' else b'application/x-pkcs7-mime'
                mark = mark if mark in m else b'application/pkcs7-mime'
                found = only(out, mark)
                score.check(f'signed {name} {"+".join(how)}', len(found) == 1 and verifies(found[0]), repr(out[:1500]))
                score.check(f'signed {name} notes', a['notes'] & SIGNED and not a['notes'] & LOST, str(a['notes']))
                texts = [shown(p) for _, p in leaves(email.message_from_bytes(out))]
                score.check(f'signed {name} texts', all(one(how[k]) in texts for k in how if k != 'tag'), str(texts))
            wrapped = TOP + multi('mixed', m.split(b'\r\n', 2)[2], part('text/plain', b'a list footer\r\n'), boundary='list')
            out, a = edit(wrapped, banner=BANNER)
            found = only(out, b'multipart/signed' if name == 'detached' else b'pkcs7-mime')
            score.check(f'signed {name} in a list', len(found) == 1 and verifies(found[0].strip(b'\r\n') + b'\r\n'), repr(out[:1500]))
        m = smime('-sign')
        _, a = edit(m)
        out, a = edit(m, strip=[{'part': find(a, 'text/plain')[0], 'block': -1, 'notice': 'gone'}])
        score.check('signed, part taken out', a['notes'] & LOST and email.message_from_bytes(out).get_content_type() == 'multipart/mixed', str(a['notes']))
        pgp = TOP + part('text/plain', b'-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nx\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\nabc\r\n-----END PGP SIGNATURE-----\r\n')
        out, a = edit(pgp, banner=BANNER)
        score.check('pgp in the text', message_body(pgp) in out and a['notes'] & SIGNED, repr(out))
        by_gpg(score, edit, d)
        crypt = TOP + multi('encrypted', part('application/pgp-encrypted', b'Version: 1\r\n'), part('application/octet-stream', b'-----BEGIN PGP MESSAGE-----\r\n'),
                            params='; protocol="application/pgp-encrypted"')
        out, a = edit(crypt, banner=BANNER, disclaimer=BELOW)
        score.check('encrypted', message_body(crypt) in out and a['notes'] & ENCRYPTED, repr(out))


def by_gpg(score, edit, d):
    """PGP/MIME (RFC 3156): the signature holds over the part as it lies in the wrapping."""
    gpg = ['gpg', '--homedir', d, '--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '']
    try:
        subprocess.run([*gpg, '--quick-gen-key', 'a@example.org', 'ed25519', 'sign', '1d'], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        print('signed: gpg: skipped: it is not here')
        return
    inner = part('text/plain', 'Grüße\r\n'.encode(), 'quoted-printable', params='; charset=utf-8')
    mark = subprocess.run([*gpg, '--armor', '--detach-sign'], input=inner, capture_output=True, check=True).stdout.replace(b'\n', b'\r\n')
    m = TOP + multi('signed', inner, part('application/pgp-signature', mark, '7bit'), boundary='sig',
                    params='; protocol="application/pgp-signature"; micalg=pgp-sha512')
    for how in (dict(banner=BANNER), dict(banner=BANNER, disclaimer=BELOW, tag='[x] ')):
        out, a = edit(m, **how)
        pieces = out.split(b'--sig\r\n')
        names = [os.path.join(d, n) for n in ('signed-part', 'signature')]
        for name, data in zip(names, (pieces[1][:-2], message_body(pieces[2]))):
            open(name, 'wb').write(data)
        good = subprocess.run([*gpg, '--verify', names[1], names[0]], capture_output=True)
        score.check(f'gpg {"+".join(how)}', good.returncode == 0 and a['notes'] & SIGNED, good.stderr.decode())
    subprocess.run(['gpgconf', '--homedir', d, '--kill', 'all'], capture_output=True)


# ---- what others collected ----

def fixtures(score, edit):
    if not os.path.exists(SET):
        print('fixtures: skipped: ../shared/testsets/mime.tar.zst is not here')
        return
    with tempfile.TemporaryDirectory(prefix='edit-') as d:
        subprocess.run(['tar', '-x', '-f', SET, '-C', d], check=True)
        for folder, _, files in sorted(os.walk(d)):
            for f in sorted(files):
                path = os.path.join(folder, f)
                data = open(path, 'rb').read()
                if not NO_MAIL.search(f) and HEADER.match(data):
                    fixture(score, edit, os.path.relpath(path, d), data)


def files_by_gmime(data):
    """All but the texts; None: it gives names that are no text."""
    try:
        return [p for p in by_gmime(data) if p[0] not in ('text/plain', 'text/html')]
    except UnicodeDecodeError:
        return None


def fixture(score, edit, name, data):
    out, a = edit(data)
    score.check(f'{name} unchanged', out == data and a['notes'] == 0, 'other bytes without an edit')
    out, a = edit(data, tag='[T] ')
    old, new = body_of(data), body_of(out)
    score.check(f'{name} tag', old is None or old == new, 'the body changed')
    for why, names in EXPLAINED.items():
        if name.endswith(names):
            return score.differs(name, why)
    before = email.message_from_bytes(data)
    broken = any(p.defects for p in before.walk())
    for how in (dict(banner=BANNER, disclaimer=BELOW), dict(banner=ASCII, disclaimer=ASCII_BELOW)):
        out, a = edit(data, **how)
        if not score.check(f'{name} edited', out is not None, str(a)[:200]) or broken:
            continue
        after = email.message_from_bytes(out)
        wrong = compare_rest(before, after)
        score.check(f'{name} rest', wrong is None, str(wrong))
        score.check(f'{name} banner', any(one(how['banner']) in shown(p) for _, p in leaves(after)), '')
        files = GMime and [files_by_gmime(m) for m in (data, out)]
        if files and None not in files:
            score.check(f'{name} by GMime', files[0] == files[1], f'{files[0]} -> {files[1]}')


def large(score, edit):
    """30 MiB: linear, and quick enough to be waited for."""
    block = base64.encodebytes(os.urandom(22 << 20)).replace(b'\n', b'\r\n')
    m = TOP + multi('mixed', part('text/plain', PLAIN), b'Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=a.zip\r\n\r\n' + block)
    text = TOP + part('text/plain', b'some words in a line of text\r\n' * (400 << 10), 'quoted-printable')
    page = TOP + part('text/html', b'<p>some words <b>in</b> a line of text</p>\r\n' * (200 << 10), 'base64')
    for name, message in (('attachment', m), ('text', text), ('page', page)):
        out, a = edit(message, banner=BANNER, disclaimer=BELOW, tag='[x] ')
        print(f'{name}: {len(message) >> 20} MiB in {a["seconds"]:.2f} s, with sanitizers')
        score.check(f'large {name}', a['seconds'] < 30, f'{a["seconds"]} s')
    deep = b''.join(f'Content-Type: multipart/mixed; boundary=b{i}\r\n\r\n--b{i}\r\n'.encode() for i in range(60))
    wide = TOP + multi('alternative', *[part('text/plain', b'x\r\n')] * 3000)
    for name, message in (('deep', TOP + deep + b'\r\nx'), ('wide', wide), ('boundaries', TOP + b'Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\n' + b'=_' * 500000)):
        out, a = edit(message, banner=BANNER, disclaimer=BELOW)
        score.check(f'odd {name}', out is not None and a['seconds'] < 5, str(a)[:100])


def main(parts):
    passed = failed = 0
    with Judge('edit') as judge:
        edit = Editor(judge)
        for name in parts or ('made', 'signed', 'fixtures', 'large'):
            score = Score(name)
            began = time.time()
            globals()[name](score, edit)
            print(f'{name}: {score.passed}/{score.total()} in {time.time() - began:.1f} s', flush=True)
            passed, failed = passed + score.passed, failed + score.failed
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
