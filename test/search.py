#!/usr/bin/env python3
"""Full-text search: mail that comes by SMTP and APPEND is found a moment later by words of every kind, in texts and in attachments; whatever is
asked, the answer is that of a server without an index, also while the index is behind, was killed, is damaged or gone.

    test/search.py [WORD ...]     the cases whose names contain one of the words
"""
import contextlib, email.message, email.policy, glob, imaplib, io, json, os, random, re, signal, smtplib, sqlite3, ssl, subprocess, sys, time, zipfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, PASSWORD, PROGRAM, wait_until
from tally import case, run_cases

ANN, BOB = 'ann@local.test', 'bob@local.test'


def expect(good, what):
    if not good:
        raise AssertionError(what)


# ---- files that other programs would have made ----

def pdf(text):
    stream = f'BT /F1 24 Tf 72 700 Td ({text}) Tj ET'
    objects = ['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
               '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
               f'<< /Length {len(stream)} >>\nstream\n{stream}\nendstream', '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>']
    out, places = b'%PDF-1.4\n', []
    for i, o in enumerate(objects, 1):
        places.append(len(out))
        out += f'{i} 0 obj\n{o}\nendobj\n'.encode()
    at = len(out)
    out += f'xref\n0 {len(objects) + 1}\n0000000000 65535 f \n'.encode() + b''.join(f'{p:010} 00000 n \n'.encode() for p in places)
    return out + f'trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{at}\n%%EOF\n'.encode()


def docx(text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
        z.writestr('[Content_Types].xml', '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
                   '<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType='
                   '"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType='
                   '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>')
        z.writestr('_rels/.rels', '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
                   '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
                   'Target="word/document.xml"/></Relationships>')
        z.writestr('word/document.xml', '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
                   f'<w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>')
    return out.getvalue()


def zipped(name, content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as z:
        z.writestr(name, content)
    return out.getvalue()


def letter(subject, text, *files, sender='Zoe <zoe@else.test>', charset='utf-8', html=None, **fields):
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m['From'], m['To'], m['Subject'] = sender, ANN, subject
    for k, v in fields.items():
        m[k.replace('_', '-')] = v
    m.set_content(text, charset=charset, cte='base64' if charset != 'utf-8' else None)
    if html:
        m.add_alternative(html, subtype='html')
    for name, kind, content in files:
        m.add_attachment(content, maintype=kind.split('/')[0], subtype=kind.split('/')[1], filename=name)
    return m.as_bytes()


# ---- a server and those who ask it ----

class Site(Instance):
    def __init__(self, *config, directory=None):
        super().__init__(config=['[filter]', 'mark = 0', 'reject = 0', 'quarantine = 0', *config], listeners=('mx', 'imaps'), directory=directory)

    def begin(self):
        for command in ('domain add local.test', f'account add {ANN}', f'account add {BOB}'):
            self.setup_command(command)
        self.start()
        return self

    def send(self, message, to=ANN):
        with smtplib.SMTP('127.0.0.1', self.ports['mx'], timeout=60) as s:
            s.sendmail('zoe@else.test', [to], message)

    def program(self, who=ANN):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        m = imaplib.IMAP4_SSL('127.0.0.1', self.ports['imaps'], ssl_context=context, timeout=60)
        m.login(who, PASSWORD)
        m.select('INBOX')
        return m

    def status(self):
        return self.json('search', 'status')

    def wait_indexed(self, seconds=30):
        wait_until('all mail is indexed', seconds, lambda: (s := self.status())['behind'] == 0 and s['emails'] > 0)

    def pid(self, role):
        return next((p for r, p in self.roles() if r == role), None)

    def roles(self):
        for line in self.cli('status').splitlines():
            m = re.match(r'(\S+)\s+\d+\s.*?(?:pid=)?(\d+)', line)
            if m:
                yield m.group(1), int(m.group(2))


def send_query(m, keys):
    """UIDs. Keys are bytes, texts travel as literals; parentheses stick to their keys."""
    tag = m._new_tag()
    out, glue = tag + b' UID SEARCH CHARSET UTF-8', True
    for k in keys:
        if k == b')':
            out += b')'
            continue
        out += b' ' if glue else b''
        glue = k != b'('
        out += k if isinstance(k, bytes) else b'{' + str(len(k.encode())).encode() + b'+}\r\n' + k.encode()
    m.send(out + b'\r\n')
    found = []
    while True:
        got = m.readline()
        if got.startswith(b'* SEARCH'):
            found = [int(x) for x in got.split()[2:]]
        if got.startswith(tag):
            expect(b' OK' in got[:len(tag) + 4], (out, got))
            return found


def ask(m, *keys):
    return send_query(m, keys)


LETTERS = [
    ('words', letter('Quarterly report', 'The numbers of Straße and café are Größe.\r\nA phrase goes over\r\ntwo lines here.')),
    ('chinese', letter('季度报告', '请查收附件中的合同文本，谢谢。我们明天在北京开会讨论预算问题。')),
    ('traditional', letter('會議通知', '請各位同仁準時參加會議，討論預算問題。')),
    ('japanese', letter('ご連絡', 'お世話になっております。明日の会議についてご確認ください。カタカナ')),
    ('korean', letter('안내', '회의 일정을 확인해 주세요. 감사합니다.')),
    ('gbk', letter('通知', '财务部门的发票已经寄出。', charset='gb18030')),
    ('html', letter('Newsletter', 'plain part', html='<html><body><p>Visible <b>won</b>derful</p><style>p{color:hiddenstyle}</style></body></html>')),
    ('pdf', letter('With a file', 'see the file', ('invoice.pdf', 'application/pdf', pdf('Zanzibar shipment total')))),
    ('docx', letter('文件', 'see the file', ('合同.docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', docx('采购合同 Kilimanjaro')))),
    ('zip', letter('Packed', 'see the file', ('pack.zip', 'application/zip', zipped('inside-madagascar.txt', 'hidden treasure text')))),
    ('header', letter('Odd fields', 'nothing here', X_Project='Bluebird 7', Comments='seldom (nested) words')),
    ('long', letter('Long', 'start ' + 'filler words ' * 30000 + ' needleattheend')),
]
# key, text -> names of the letters
FOUND = [
    ((b'TEXT', 'quarterly'), 'words'), ((b'BODY', 'strasse'), 'words'), ((b'BODY', 'CAFE'), 'words'), ((b'BODY', 'grosse'), 'words'),
    ((b'BODY', 'Größe'), 'words'), ((b'BODY', 'goes over two lines'), 'words'), ((b'BODY', 'umber'), 'words'),
    ((b'BODY', '合'), 'chinese docx'), ((b'BODY', '合同'), 'chinese docx'), ((b'BODY', '合同文本'), 'chinese'),
    ((b'BODY', '预算问题'), 'chinese traditional'), ((b'BODY', '預算'), 'chinese traditional'), ((b'SUBJECT', '会议'), 'traditional'),
    ((b'BODY', '北京'), 'chinese'), ((b'BODY', '京北'), ''), ((b'BODY', '会议'), 'traditional japanese'), ((b'BODY', '会議'), 'traditional japanese'),
    ((b'BODY', 'かくにん'), ''), ((b'BODY', '明日の会議'), 'japanese'), ((b'BODY', 'ｶﾀｶﾅ'), 'japanese'),
    ((b'BODY', '회의'), 'korean'), ((b'BODY', '감사합니다'), 'korean'), ((b'BODY', '发票'), 'gbk'), ((b'SUBJECT', '通知'), 'traditional gbk'),
    ((b'BODY', 'wonderful'), 'html'), ((b'BODY', 'hiddenstyle'), ''), ((b'TEXT', 'zanzibar'), 'pdf'), ((b'BODY', 'shipment total'), 'pdf'),
    ((b'BODY', 'kilimanjaro'), 'docx'), ((b'BODY', '采购合同'), 'docx'), ((b'BODY', 'invoice.pdf'), 'pdf'), ((b'TEXT', '合同.docx'), 'docx'),
    ((b'BODY', 'treasure'), 'zip'), ((b'BODY', 'madagascar'), 'zip'), ((b'TEXT', 'x-project: bluebird'), 'header'),
    ((b'HEADER X-Project', 'bird 7'), 'header'), ((b'HEADER Subject', 'odd'), 'header'), ((b'BODY', 'needleattheend'), 'long'),
    ((b'FROM', 'zoe@else'), ' '.join(n for n, _ in LETTERS)), ((b'FROM', 'nobody'), ''), ((b'NOT BODY', 'see the file'), 'words chinese traditional japanese korean gbk html header long'),
]


@case
def words_of_every_kind_are_found_at_once():
    with Site() as p:
        p.begin()
        m = p.program()
        for name, message in LETTERS[:-3]:
            p.send(message)
        for name, message in LETTERS[-3:]:
            expect(m.append('INBOX', None, None, message)[0] == 'OK', 'APPEND')
        p.wait_mail(ANN, len(LETTERS))
        came = time.monotonic()
        p.wait_indexed(10)
        took = time.monotonic() - came
        m.noop()
        order = {}
        for uid in range(1, len(LETTERS) + 1):
            subject = email.message_from_bytes(m.uid('FETCH', str(uid), '(BODY.PEEK[HEADER.FIELDS (SUBJECT)])')[1][0][1], policy=email.policy.default)['Subject']
            order[uid] = next(n for n, l in LETTERS if email.message_from_bytes(l, policy=email.policy.default)['Subject'] == subject)
        for keys, names in FOUND:
            found = {order[u] for u in ask(m, *keys)}
            expect(found == set(names.split()), (keys, names, found))
        # The last one to come is found, and not by waiting for it.
        p.send(letter('Fresh', 'A serendipitous 偶然 letter'))
        p.wait_mail(ANN, len(LETTERS) + 1)
        m.noop()
        expect(len(ask(m, b'BODY', 'serendipitous')) == 1 and len(ask(m, b'BODY', '偶然')) == 1, 'at once, indexed or not')
        expect(took < 5, f'indexed after {took:.1f} s')
        # Better ones first, words in any order.
        typ, data = m.uid('SEARCH', 'RETURN (RELEVANCY ALL)', 'FUZZY', 'TEXT', '"report quarterly"')
        expect(typ == 'OK', data)
        m.logout()


def sentences(rng):
    latin = 'alpha beta gamma delta Epsilon zeta-eta theta iota.kappa lambda/mu nu, xi; omicron pi rho sigma tau é naïve Straße 42 a1b2 foo@bar.test'.split()
    han = '的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经'
    kana = 'あいうえおかきくけこアイウエオガギグ'
    hangul = '가나다라마바사아자차카타파하'
    out = []
    for _ in range(rng.randint(3, 30)):
        kind = rng.random()
        if kind < .6:
            out.append(rng.choice(latin) + rng.choice(['', '', ',', '.', '!', '\r\n']))
        else:
            out.append(''.join(rng.choice(rng.choice([han, han, kana, hangul])) for _ in range(rng.randint(1, 8))))
    return rng.choice([' ', ' ', '']).join(out) if rng.random() < .2 else ' '.join(out)


def random_letters(rng, n):
    for i in range(n):
        files = []
        if rng.random() < .2:
            files.append((f'file{i}.csv', 'text/csv', sentences(rng).encode()))
        if rng.random() < .2:
            files.append((f'信{i}.eml', 'message/rfc822', None))
        body = sentences(rng)
        m = email.message.EmailMessage(policy=email.policy.SMTP)
        m['From'] = rng.choice(['Zoe Alpha <zoe@else.test>', '"Beta, Gamma" <beta@far.test>', '张三 <zhang@例子.测试>' if False else 'Zhang <zhang@x.test>'])
        m['To'] = ', '.join(rng.sample(['ann@local.test', 'Bob Theta <bob@local.test>', 'team@lists.test'], rng.randint(1, 3)))
        m['Subject'] = sentences(rng)[:80].replace('\r\n', ' ')
        m['X-Tag'] = rng.choice(['alpha one', 'beta two', 'gamma 三'])
        if rng.random() < .3:
            m.set_content(f'<p>{body}</p><div>{sentences(rng)}</div>', subtype='html')
        else:
            m.set_content(body, charset=rng.choice(['utf-8', 'utf-8', 'gb18030']), cte=rng.choice(['base64', 'quoted-printable']))
        for name, kind, content in files:
            if content is None:
                inner = email.message.EmailMessage(policy=email.policy.SMTP)
                inner['Subject'], inner['From'] = sentences(rng)[:60].replace('\r\n', ' '), 'in@side.test'
                inner.set_content(sentences(rng))
                m.add_attachment(inner)
            else:
                m.add_attachment(content, maintype='text', subtype='csv', filename=name)
        yield m.as_bytes()


START = 1_704_067_200  # 2024, a message a day


def random_query(rng, texts):
    def text():
        t = rng.choice(texts)
        n = rng.randint(1, 12)
        at = rng.randrange(max(1, len(t) - n))
        piece = re.sub(r'[\r\n]+', ' ', t[at:at + n])
        return piece if piece.strip() else 'alpha'

    def leaf():
        k = rng.choice([b'BODY', b'BODY', b'TEXT', b'TEXT', b'SUBJECT', b'FROM', b'TO', b'HEADER X-Tag', b'HEADER Subject', b'HEADER From'])
        return [k, rng.choice(['alpha', 'beta', 'from', 'to: ', 'subject: a', 'content-type', 'zoe', 'in@side']) if rng.random() < .15 else text()]

    def tree(depth):
        r = rng.random()
        if depth > 2 or r < .55:
            return leaf()
        if r < .7:
            return [b'OR', *tree(depth + 1), *tree(depth + 1)]
        if r < .8:
            return [b'NOT', *tree(depth + 1)]
        if r < .9:
            return [b'(', *tree(depth + 1), *tree(depth + 1), b')']
        return [rng.choice([b'SEEN', b'UNSEEN', b'LARGER 900', b'1:40', b'SMALLER 700 UNSEEN', b'SINCE 20-Jan-2024', b'BEFORE 10-Mar-2024 SINCE 1-Feb-2024',
                            b'NOT ON 3-Feb-2024', b'OR BEFORE 15-Jan-2024 SINCE 20-May-2024']), *leaf()]
    return tree(0)


def plain(raw):
    m = email.message_from_bytes(raw, policy=email.policy.default)
    return ' '.join([m['Subject'], m['From'], m['To']] + [part.get_content() for part in m.walk() if part.get_content_maintype() == 'text'])


@case
def the_answer_is_that_of_reading_every_message():
    rng = random.Random(int(os.environ.get('SEED', '7')))
    letters = list(random_letters(rng, 160))
    texts = [plain(l) for l in letters]
    queries = [random_query(rng, texts) for _ in range(220)]
    with Site() as p:
        p.begin()
        m = p.program()
        for i, l in enumerate(letters):
            m.append('INBOX', r'(\Seen)' if i % 3 else None, imaplib.Time2Internaldate(START + i * 86400), l)
        m.noop()
        p.wait_indexed()
        with_index = [send_query(m, q) for q in queries]
        m.logout()
        p.stop()
        config = open(p.conf).read()
        open(p.conf, 'w').write(config + '\n[search]\nenabled = no\n')
        p.start()
        m = p.program()
        expect(p.pid('indexer') is None and p.pid('texts') is None, 'no indexer without an index')
        differ = []
        for q, a in zip(queries, with_index):
            b = send_query(m, q)
            if a != b:
                differ.append((q, 'missing', sorted(set(b) - set(a)), 'extra', sorted(set(a) - set(b))))
        hits = sum(1 for a in with_index if a)
        m.logout()
        expect(not differ, f'{len(differ)} of {len(queries)} differ: {differ[:4]}')
        expect(hits > len(queries) / 3, f'only {hits} queries found anything')


def mail_of(m, uid):
    return m.uid('FETCH', str(uid), '(BODY.PEEK[])')[1][0][1]


@case
def mail_that_moves_and_goes():
    with Site() as p:
        p.begin()
        m = p.program()
        for i in range(30):
            m.append('INBOX', None, None, letter(f'number {i}', f'needle{i % 3} in the hay 草堆{i % 5}'))
        m.noop()
        p.wait_indexed()
        expect(len(ask(m, b'BODY', 'needle1')) == 10, 'all')
        m.create('Archive/2026')
        m._simple_command('UID', 'MOVE', '1:15', 'Archive/2026')
        m.noop()
        here = ask(m, b'BODY', 'needle1')
        m.select('Archive/2026')
        there = ask(m, b'BODY', 'needle1')
        expect(len(here) == 5 and len(there) == 5, (here, there))
        m.uid('STORE', ','.join(map(str, there[:2])), '+FLAGS', r'(\Deleted)')
        m.expunge()
        expect(ask(m, b'BODY', 'needle1') == there[2:], 'what was deleted is not found')
        m.rename('Archive/2026', 'Old')
        m.select('Old')
        expect(ask(m, b'BODY', 'needle1') == there[2:], 'a folder that was renamed')
        p.cli('mailbox', 'recover', ANN, '--since', '1h')
        m.noop()
        everywhere = p.json('search', 'find', ANN, 'needle1')
        expect(len(everywhere['messages']) == 10, everywhere)
        expect(all('needle1' in ''.join(s['text'] for s in h['snippets']) for h in everywhere['messages']), everywhere)
        expect({h['folder'] for h in everywhere['messages']} == {'INBOX', 'Old', 'Archive/2026'} or
               {h['folder'] for h in everywhere['messages']} == {'INBOX', 'Old'}, {h['folder'] for h in everywhere['messages']})
        m.logout()


@case
def pages_shares_and_what_people_type():
    with Site() as p:
        p.begin()
        m = p.program()
        for i in range(25):
            m.append('INBOX', None, None, letter(f'Budget {i:02}', f'预算 number {i}', sender='Carl <carl@else.test>' if i % 2 else 'Zoe <zoe@else.test>'))
        m.create('Team')
        m.append('Team', None, None, letter('Budget shared', '预算 for the team'))
        m._simple_command('SETACL', 'Team', BOB, 'lr')
        for i in range(260):  # a large folder answers for flags otherwise than a small one
            m.append('INBOX', r'(\Seen)', None, b'Subject: ballast\r\n\r\nballast %d\r\n' % i)
        for flags in (r'(\Seen)', None):
            m.append('Team', flags, None, letter('Ballast shared', 'ballast for the team'))
        m.noop()
        p.wait_indexed()
        first = p.json('search', 'find', ANN, 'from:zoe 预算', '--most', '10')
        expect(len(first['messages']) == 10 and first['more'], first)
        subjects = [h['subject'] for h in first['messages']]
        expect(subjects[0] == 'Budget shared' and subjects[1] == 'Budget 24', subjects)
        second = p.json('search', 'find', ANN, 'from:zoe 预算', '--most', '10', '--after', first['next'])
        expect(len(second['messages']) == 4 and not second['more'], second)
        expect(len({h['subject'] for h in first['messages'] + second['messages']}) == 14, 'no message twice, none left out')
        expect(len(p.json('search', 'find', ANN, 'ballast is:unread')['messages']) == 1, 'flags in large and small folders')
        expect([h['subject'] for h in p.json('search', 'find', ANN, 'budget -number')['messages']] == ['Budget shared'], 'without')
        expect([h['subject'] for h in p.json('search', 'find', ANN, '主题:"Budget 07"')['messages']] == ['Budget 07'], 'Chinese keys, phrases')
        expect(json.loads(p.cli('search', 'find', ANN, 'before:2001-01-01 budget', '--json', check=False))['messages'] == [], 'dates')
        seen = p.json('search', 'find', BOB, '预算')['messages']
        expect([h['subject'] for h in seen] == ['Budget shared'], seen)
        marks = seen[0]['snippets'][-1]
        expect([marks['text'].encode()[a:b].decode() for a, b in marks['marks']] == ['预算'], marks)
        bad = subprocess.run([PROGRAM, '--config', p.conf, 'search', 'find', ANN, 'before:soon'], capture_output=True, env=p.environment)
        expect(bad.returncode == 2 and b'2026-01-31' in bad.stderr, bad)
        shown = p.cli('search', 'find', ANN, 'shared')
        expect('Budget shared' in shown and 'Team' in shown, shown)
        m.logout()


@case
def killed_damaged_lost():
    with Site() as p:
        p.begin()
        m = p.program()
        words = [f'word{i:03}' for i in range(120)]
        for i, w in enumerate(words):
            m.append('INBOX', None, None, letter(f'subject {i}', f'{w} 单词{i}'))
            if i % 20 == 10:
                pid = p.pid('indexer' if i % 40 == 10 else 'texts')
                if pid:
                    os.kill(pid, signal.SIGKILL)
        m.noop()
        expect([len(ask(m, b'BODY', w)) for w in words] == [1] * len(words), 'while it is behind')
        p.wait_indexed()
        expect([len(ask(m, b'BODY', w)) for w in words] == [1] * len(words), 'when it is not')
        account = next(a['id'] for a in p.json('account', 'list')['accounts'] if a['address'] == ANN)
        path = f'{p.dir}/data/db/index-{account % 4:02}.sqlite'
        p.stop()
        # Garbage in the middle of the file; then no file at all; then what another version of the program left.
        for how in ('garbage', 'gone', 'no database', 'older version', 'newer version'):
            if how == 'garbage':
                subprocess.run(['sqlite3', path, 'PRAGMA wal_checkpoint(TRUNCATE)'], check=False, capture_output=True)
                with open(path, 'r+b') as f:
                    f.seek(4096)
                    f.write(os.urandom(max(4096, os.path.getsize(path) - 8192)))
            elif how == 'gone':
                for f in glob.glob(path + '*'):
                    os.unlink(f)
            elif how == 'no database':
                open(path, 'wb').write(os.urandom(8192))
            else:
                with contextlib.closing(sqlite3.connect(path)) as db:
                    db.execute('UPDATE schema_version SET version = version + ?', (-1 if how == 'older version' else 1,))
                    db.commit()
            p.start()
            m = p.program()
            expect([len(ask(m, b'BODY', w)) for w in words[::7]] == [1] * len(words[::7]), how)
            p.wait_indexed()
            wait_until(f'{how}: made anew', 20, lambda: p.status()['emails'] == len(words))
            expect([len(ask(m, b'BODY', w)) for w in words[::7]] == [1] * len(words[::7]), how + ', made anew')
            m.logout()
            p.stop()
        p.start()
        p.cli('search', 'reindex', ANN)
        m = p.program()
        expect([len(ask(m, b'BODY', w)) for w in words[::7]] == [1] * len(words[::7]), 'while it is made anew')
        p.wait_indexed()
        expect(p.status()['emails'] == len(words), p.status())
        m.logout()
        expect(subprocess.run([PROGRAM, '--config', p.conf, 'store', 'verify'], capture_output=True, env=p.environment).returncode == 0, 'verify')
        # An account goes whatever has become of its index, which is made anew without it.
        p.stop()
        with open(path, 'r+b') as f:
            f.seek(100)
            f.write(os.urandom(os.path.getsize(path) - 100))
        gone = subprocess.run([PROGRAM, '--config', p.conf, 'account', 'remove', ANN, '--with-mail', '--yes'], capture_output=True, text=True, env=p.environment)
        expect(gone.returncode == 0, gone.stderr)
        p.start()
        wait_until('the damaged index has gone', 20, lambda: not os.path.exists(path.replace('.sqlite', '.damaged')) and p.status()['emails'] == 0)


if __name__ == '__main__':
    sys.exit(run_cases(sys.argv[1:]))
