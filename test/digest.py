#!/usr/bin/env python3
"""Digests, notices and users' reports, through a running server; letters are read by Python's email package.

    test/digest.py [WORDS_IN_NAMES ...]

What is held is put into the quarantine's tables here, so that times and classes are what a case needs; how mail gets there is
test/policy's matter.
"""
import base64, email, email.policy, html, html.parser, itertools, json, os, random, re, signal, smtplib, sqlite3, sys, time, traceback, urllib.error, urllib.parse, urllib.request
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import judge
from posthouse import Instance, PASSWORD, free_port, wait_until

HELD, WAITS = 1, 0
SPAM, SUSPICIOUS, VIRUS = 1, 3, 6
HOUR = 3600 * 1000000
numbers = itertools.count(random.randrange(1 << 15))
MSG_EPOCH_MS = 1577836800000  # ids count milliseconds since 2020


def id_text(number):
    digits = '0123456789ABCDEFGHIJKLMNOPQRSTUV'
    return ''.join(digits[number >> 5 * i & 31] for i in range(12, -1, -1))


class Page(html.parser.HTMLParser):
    """Checks that every element is closed in its order; collects links and text."""
    VOID = {'meta', 'br', 'img', 'hr', 'input', 'link'}

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.text, self.tags = [], [], '', set()
        self.feed(text)
        self.close()
        assert not self.open, f'left open: {self.open}'

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.links += [v for k, v in attributes if k in ('href', 'src')]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f'</{tag}> closes {self.open[-3:]}'
        self.open.pop()

    def handle_data(self, data):
        self.text += data


class Letter:
    def __init__(self, raw):
        self.m = email.message_from_string(raw, policy=email.policy.default)
        assert self.m.get_content_type() == 'multipart/alternative', self.m.get_content_type()
        text, page = self.m.iter_parts()
        assert (text.get_content_type(), page.get_content_type()) == ('text/plain', 'text/html')
        self.text, self.html = text.get_content(), page.get_content()
        self.page = Page(self.html)
        assert not self.page.tags & {'script', 'img', 'iframe', 'form', 'link'}, self.page.tags
        assert not self.m.defects and not text.defects and not page.defects
        assert all(len(l) < 1000 and l.isascii() for l in raw.split('\n'))
        self.subject = str(self.m['subject'])
        self.links = self.page.links
        assert set(self.links) == set(re.findall(r'https?://\S+', self.text)), 'text and HTML have other links'


class Case:
    CONFIG = ['[digest]', 'enabled = yes', 'jitter = 0s', 'url = https://mail.home.test', 'zone = UTC', 'every = 1h']

    def __init__(self, *config):
        self.p = Instance(config=[*self.CONFIG, *config])
        self.p.setup_command('domain add home.test')
        for user in ('ann', 'bob', 'boss'):
            self.p.setup_command(f'account add {user}@home.test')
        self.p.prepare()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if exc[0]:
            print(self.p.log_tail(), file=sys.stderr)
        self.p.__exit__()

    def db(self, name='queue'):
        return sqlite3.connect(f'{self.p.dir}/data/db/{name}.sqlite', timeout=30, isolation_level=None)

    def hold(self, to, subject='offer', *, n=1, age=HOUR * 2, cls=SPAM, p=0.95, sender='x@evil.test', virus='', author='"Shop" <x@evil.test>'):
        """`n` held messages of `age`, as the edge would add them."""
        now = int(time.time() * 1e6)
        db = self.db()
        db.execute('BEGIN IMMEDIATE')
        term = {}
        for name in ('k1', f'c{cls}'):
            db.execute('INSERT INTO held_term (name) VALUES (?) ON CONFLICT DO NOTHING', (name,))
            term[name] = db.execute('SELECT id FROM held_term WHERE name = ?', (name,)).fetchone()[0]
        ids = []
        for i in range(n):
            at = now - age
            id_ = ((at // 1000 - MSG_EPOCH_MS) << 21) + (5 << 15) + (next(numbers) & 0x7fff)
            hour = at // HOUR // 6 * 6
            local, domain = to.split('@')
            db.execute('INSERT INTO held VALUES (?,?,?,?,0,?,0,0,2048,0,?,?,?,?,0,\'\',?,?,?,?,?,?)', (
                id_, id_, HELD, cls, int((p + i * 1e-4) * 1e6), at, at, now + 30 * 24 * HOUR, hour, sender, 'evil.test/x', '192.0.2.1 evil.test',
                virus, subject if n == 1 else f'{subject} {i}', author))
            db.execute("INSERT INTO held_more VALUES (?,'','','','','spf-fail=2.5 dnsbl=4.0(zen.example)','','','')", (id_,))
            db.execute("INSERT INTO held_rcpt VALUES (?,0,0,?,?,?,'',0,'local',?,'',0,'')", (id_, hour, f'{domain}/{local}', to, at))
            db.executemany('INSERT INTO held_by_term VALUES (?,?,1)', [(t, id_) for t in term.values()])
            ids.append(id_)
        db.execute('COMMIT')
        db.close()
        return ids

    def hold_later(self, subject, *to):
        """One is held for each while the server runs, then time goes on."""
        for address in to:
            self.hold(address, subject, age=10 * 1000000)
        wait_until('their rows', 30, lambda: set(to) <= {name for name, since, at in self.due()})
        time.sleep(1)
        self.clock(3 * HOUR)

    def start(self):
        self.p.start()
        return self

    def letter(self, address, count=1, seconds=40):
        return Letter(self.p.wait_mail(address, count, seconds))

    def held(self):
        """(id as people see it, state) of each recipient."""
        db = self.db()
        rows = db.execute('SELECT msg, state FROM held_rcpt ORDER BY msg, idx').fetchall()
        db.close()
        return [(id_text(m), s) for m, s in rows]

    def due(self):
        db = self.db()
        rows = db.execute('SELECT name, since, due_at FROM digest_due ORDER BY name').fetchall()
        db.close()
        return rows

    def look(self):
        """The queue process looks at once."""
        self.p.cli('report', 'send-now', check=False)

    def clock(self, usec):
        """As if so much time had passed: all that digests know of the past is that much older."""
        db = self.db()
        db.execute('BEGIN IMMEDIATE')
        db.execute('UPDATE digest_due SET since = since - ?, due_at = due_at - ?', (usec, usec))
        db.execute('UPDATE digest_last SET sent_at = sent_at - ?, seen_at = seen_at - ?', (usec, usec))
        db.execute('UPDATE held SET held_at = held_at - ?', (usec,))
        db.execute('UPDATE digest_mark SET read_at = read_at - ?', (usec,))
        db.execute('COMMIT')
        db.close()


# ---- digests ----

def digest_lists_what_is_held():
    with Case() as c:
        c.hold('ann@home.test', '<b>Buy</b> \u202egnp.exe', p=0.97)
        c.hold('ann@home.test', '您的发票', p=0.61, cls=SUSPICIOUS, sender='a@b.test', author='王小明 <a@b.test>')
        c.start()
        l = c.letter('ann@home.test')
        assert '2 messages' in l.subject, l.subject
        assert l.text.index('您的发票') < l.text.index('<b>Buy</b>'), 'likely mistakes come first'
        assert '\u202e' not in l.text + l.html and '&lt;b&gt;Buy' in l.html
        assert 'Release' in l.text and 'Delete' in l.text and '王小明' in l.page.text
        assert all(x.startswith('https://mail.home.test/d/') for x in l.links), l.links
        assert len(set(l.links)) >= 9, len(set(l.links))
        m = l.m
        assert m['auto-submitted'] == 'auto-generated' and m['x-posthouse-notice'] == 'digest'
        assert m['return-path'] in ('<>', None) and m['message-id'] and m['date']
        assert c.p.mail('bob@home.test') == []


def chinese_by_setting_of_the_domain():
    with Case() as c:
        c.p.cli('digest', 'set', '@home.test', '--language', 'zh', '--zone', 'Asia/Shanghai')
        c.hold('ann@home.test')
        c.start()
        l = c.letter('ann@home.test')
        assert l.subject == '有 1 封邮件被拦截，请查看', l.subject
        assert '放行' in l.text and '垃圾邮件' in l.text and l.m['content-language'] == 'zh-CN'
        local = time.gmtime(time.time() - 7200 + 8 * 3600)
        assert f'{local.tm_year}年{local.tm_mon}月{local.tm_mday}日 {local.tm_hour:02}:' in l.text, l.text
        assert '邮件隔离区' in str(m := l.m['from']), m


def viruses_have_no_verbs():
    for protected in ('list', 'hide'):
        with Case('[digest]', f'protected = {protected}') as c:
            c.hold('ann@home.test', 'infected', cls=VIRUS, virus='Eicar-Test')
            c.hold('ann@home.test', 'offer')
            c.start()
            l = c.letter('ann@home.test')
            assert ('infected' in l.text) == (protected == 'list'), l.text
            if protected == 'list':
                at = l.text.index('infected')
                part = l.text[at:at + 400].split('\n\n')[0]
                assert 'Release:' not in part and 'only the administrator' in part.lower() and 'Eicar-Test' in part, part


def a_hundred_rows_then_a_link():
    with Case() as c:
        c.hold('ann@home.test', 'n', n=101)
        c.start()
        l = c.letter('ann@home.test')
        assert l.subject.startswith('100 messages'), l.subject
        assert '101 messages wait in all; 100 are listed here' in l.text
        assert 'See all' in l.text and '\n100. n 99\n' in l.text and '\n101. ' not in l.text


def only_what_is_new_and_nothing_without_it():
    with Case() as c:
        ann, bob = 'ann@home.test', 'bob@home.test'
        c.p.cli('digest', 'set', bob, '--all')
        for to in (ann, bob):
            c.hold(to, 'alpha')
        c.start()
        assert all('alpha' in c.letter(to).text for to in (ann, bob))
        c.clock(3 * HOUR)
        c.look()
        time.sleep(2)
        assert len(c.p.mail(ann)) == len(c.p.mail(bob)) == 1, 'nothing is new'
        c.hold_later('beta', ann, bob)
        l = c.letter(ann, 2)
        assert 'beta' in l.text and 'alpha' not in l.text
        assert '2 messages wait in all; 1 are listed here' in l.text
        l = c.letter(bob, 2)
        assert 'beta' in l.text and 'alpha' in l.text


def times_follow_the_settings():
    with Case() as c:
        now = time.gmtime()
        c.p.cli('digest', 'set', 'ann@home.test', '--every', '24h', '--hour', str((now.tm_hour + 3) % 24), '--zone', 'UTC')
        c.p.cli('digest', 'set', 'bob@home.test', '--every', '7d', '--hour', '8', '--weekday', 'monday', '--zone', '+08:00')
        c.hold('ann@home.test', age=10 * 1000000)
        c.hold('bob@home.test', age=10 * 1000000)
        c.start()
        due = {name: at for name, since, at in wait_until('two rows', 30, lambda: len(c.due()) == 2 and c.due())}
        ann, bob = (time.gmtime(due[u + '@home.test'] / 1e6) for u in ('ann', 'bob'))
        assert (ann.tm_hour, ann.tm_min) == ((now.tm_hour + 3) % 24, 0), ann
        assert (bob.tm_wday, bob.tm_hour, bob.tm_min) == (0, 0, 0), bob  # 8 at +08:00
        assert 0 < due['bob@home.test'] / 1e6 - time.time() <= 7 * 86400
        c.p.cli('digest', 'set', 'bob@home.test', '--every', '1h', '--zone', 'UTC')  # all times are made anew
        wait_until('the new time', 30, lambda: dict((n, d) for n, s, d in c.due()).get('bob@home.test', 1 << 62) / 1e6 - time.time() <= 3600)
        c.clock(25 * HOUR)
        c.letter('ann@home.test')
        assert c.p.json('digest', 'show', 'ann@home.test')['listed'] == 1


def switched_off():
    with Case() as c:
        c.p.cli('digest', 'set', '@home.test', '--off')
        c.p.cli('digest', 'set', 'bob@home.test', '--on')
        c.hold('ann@home.test')
        c.hold('bob@home.test')
        c.start()
        c.letter('bob@home.test')
        assert c.p.mail('ann@home.test') == [] and all(n != 'ann@home.test' for n, s, d in c.due())
        c.p.cli('digest', 'send', 'ann@home.test')  # somebody wants it all the same
        c.letter('ann@home.test')


def groups_and_more_readers():
    with Case() as c:
        c.p.cli('digest', 'set', 'group:it', '--covers', '@home.test', '--to', 'boss@home.test', '--every', '1h')
        c.p.cli('digest', 'set', 'ann@home.test', '--to', 'bob@home.test')
        c.hold('ann@home.test', 'for ann', p=0.9)
        c.hold('bob@home.test', 'for bob', p=0.8)
        c.p.cli('digest', 'set', 'bob@home.test', '--off')
        c.start()
        boss = c.letter('boss@home.test')
        assert boss.text.index('for bob') < boss.text.index('for ann') and 'To: ann@home.test' in boss.text
        c.letter('ann@home.test')
        bob = c.letter('bob@home.test')
        assert 'for ann' in bob.text and 'for bob' not in bob.text


def never_to_others():
    with Case('[learning]', 'honeypots = trap') as c:
        c.p.cli('route', 'add', 'backend', '--hosts', '127.0.0.1:9', '--protocol', 'smtp')
        c.p.cli('domain', 'add', 'backend.test', '--backend', 'backend', '--no-keys')
        for to in ('nobody@home.test', 'trap@home.test', 'a@elsewhere.test', 'unknown@backend.test'):
            c.hold(to)
        c.hold('ann@home.test')
        c.start()
        c.letter('ann@home.test')
        wait_until('nothing is due', 30, lambda: c.due() == [])
        assert c.p.queued() == 0


def once_each_when_killed():
    with Case() as c:
        c.p.cli('alias', 'add', '@home.test', 'boss@home.test')
        users = [f'u{i}@home.test' for i in range(60)]
        for u in users:
            c.hold(u)
        c.start()
        wait_until('the whole server', 60, lambda: 'event=server.ready' in c.p.log_tail(1 << 20))
        for _ in range(8):
            time.sleep(random.uniform(0.2, 1.5))
            for pid, role in c.p.processes().items():
                if role == 'queue':
                    os.kill(pid, signal.SIGKILL)
        wait_until('all digests', 120, lambda: len(c.p.mail('boss@home.test')) >= len(users))
        wait_until('an empty queue', 60, lambda: c.p.queued() == 0)
        time.sleep(2)
        db = c.db()
        names = db.execute('SELECT COUNT(*) FROM digest_last').fetchone()[0]
        db.close()
        assert (names, len(c.p.mail('boss@home.test'))) == (len(users), len(users))


def preview_and_list():
    with Case() as c:
        c.p.cli('digest', 'set', 'ann@home.test', '--language', 'zh', '--every', '4h')
        c.hold('ann@home.test', '优惠')
        text = c.p.cli('digest', 'preview', 'ann@home.test')
        assert '优惠' in text and '垃圾邮件' in text and 'http' not in text
        Page(c.p.cli('digest', 'preview', 'ann@home.test', '--html'))
        s = c.p.json('digest', 'list')['settings'][0]
        assert s['name'] == 'ann@home.test' and s['every'] == '4h' and s['language'] == 'zh'
        for bad in (['--every', '90m'], ['--every', '8d'], ['--hour', '24'], ['--zone', 'Mars/Base'], ['--language', 'fr'], ['--on', '--off'],
                    ['--covers', '*'], ['--to', 'no address']):
            try:
                c.p.cli('digest', 'set', 'bob@home.test', *bad)
                raise AssertionError(f'{bad} was taken')
            except RuntimeError:
                pass
        c.p.cli('digest', 'unset', 'ann@home.test')
        assert c.p.json('digest', 'list')['settings'] == []


# ---- links, with mail that came and was held ----

POLICY = '[policy "strangers"]\nfrom = *@evil.test\ndo = quarantine:spam\n'


def hold_by_policy(c):
    """Started with a policy that holds; one letter for ann is sent. Its id."""
    path = c.p.dir + '/policies'
    with open(path, 'w') as f:
        f.write(POLICY)
    os.chmod(path, 0o644)
    c.p.cli('policy', 'set', path)
    c.start()
    with smtplib.SMTP('127.0.0.1', c.p.ports['mx']) as s:
        s.ehlo('a.evil.test')
        s.mail('shop@evil.test')
        s.rcpt('ann@home.test')
        code, text = s.data((SPAM_LETTER % b'held offer').replace(b'\n', b'\r\n'))
        assert code == 250, (code, text)
    wait_until('a held letter', 20, lambda: c.held())
    return c.held()[0][0]


def fetch(url, form=None):
    data = urllib.parse.urlencode(form).encode() if form else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=30) as r:
            return r.status, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def links_lead_to_pages():
    port = free_port()
    with Case('[digest]', f'url = http://127.0.0.1:{port}', '[web]', f'listen = 127.0.0.1:{port}', 'tls = none') as c:
        hold_by_policy(c)
        c.p.cli('digest', 'send', 'ann@home.test')
        l = c.letter('ann@home.test')
        before = c.held()
        for url in l.links:  # as link scanners do
            status, page = fetch(url)
            assert status == 200, (status, url)
        assert c.held() == before and len(c.p.mail('ann@home.test')) == 1, 'looking changes nothing'
        release = re.search(r'Release: (\S+)', l.text).group(1)
        assert fetch(release[:-3] + ('AAA' if release[-3:] != 'AAA' else 'BBB'))[0] >= 400
        page = fetch(release)[1]
        proof = html.unescape(re.search(r'name="?proof"? value="([^"]+)"', page).group(1))
        assert fetch(release, {'proof': proof})[0] == 200
        raw = c.p.wait_mail('ann@home.test', 2)
        assert 'held offer' in raw and 'Buy cheap watches' in raw


def held_mail_reported_as_ham_is_let_out():
    with Case() as c:
        id_ = hold_by_policy(c)
        ours = f'Received: from a.evil.test ([127.0.0.1])\n\tby mx.post.test with ESMTP id {id_};\n\tSun, 22 Nov 2026 10:00:00 +0000\n'
        submit(c, 'report-ham@home.test', forwarded(ours.encode() + SPAM_LETTER % b'held offer'))
        wait_until('both letters', 40, lambda: len(c.p.mail('ann@home.test')) == 2)
        got = [c.p.cli('mailbox', 'cat', 'ann@home.test', str(m['uid'])) for m in c.p.mail('ann@home.test')]
        assert any('Buy cheap watches' in g for g in got), got
        answer = Letter(next(g for g in got if 'X-Posthouse-Notice' in g))
        assert 'has been released to you' in answer.text, answer.text
        wait_until('a lesson', 30, lambda: [x['verdict'] for x in lessons(c)] == ['ham'])


# ---- notices ----

def add_notice(c, kind, to='', about=0, key='', data=''):
    db = c.db()
    db.execute('INSERT INTO notice (kind, recipient, about, idx, name, data, at, more) VALUES (?,?,?,-1,?,?,?,0)',
               (kind, to, about, key, data, int(time.time() * 1e6)))
    db.close()


def notices_leave():
    with Case('[alarm]', 'to = boss@home.test', 'language = zh') as c:
        held = c.hold('ann@home.test', 'contract', cls=8, sender='bob@home.test')[0]
        c.start()
        add_notice(c, 1, 'ann@home.test', about=held, data=json.dumps({'text': 'Contracts need a second pair of eyes.'}))
        l = c.letter('ann@home.test')
        assert l.subject == 'Please approve: contract' and 'second pair of eyes' in l.text and len(l.links) == 3, (l.subject, l.links)
        add_notice(c, 8, data=json.dumps({'what_en': 'an engine is down', 'what_zh': '引擎故障', 'todo_zh': '请启动 clamd', 'lines': ['clamd']}))
        l = c.letter('boss@home.test')
        assert '告警：引擎故障' in l.subject and '请启动 clamd' in l.text
        add_notice(c, 2, 'bob@home.test', about=held)
        l = c.letter('bob@home.test')
        assert l.m['auto-submitted'] == 'auto-replied' and 'Your message is held' in l.subject
        add_notice(c, 3, 'nobody@home.test', about=held)  # leads nowhere: dropped
        wait_until('an empty outbox', 20, lambda: c.db().execute('SELECT COUNT(*) FROM notice').fetchone() == (0,))


# ---- what users report ----

SPAM_LETTER = b'''Received: from a.evil.test (a.evil.test [192.0.2.1]) by mx.other.test with ESMTP; Sun, 22 Nov 2026 10:00:00 +0000
From: =?utf-8?b?5LyY5oOg?= <shop@evil.test>
To: ann@home.test
Subject: %s
Message-ID: <1@evil.test>
Date: Sun, 22 Nov 2026 10:00:00 +0000

Buy cheap watches now, limited offer, click http://evil.test/x to get yours today before all of them are gone.
'''


def forwarded(*letters, encoded=False, head=b''):
    out = b'From: ann@home.test\nTo: report-spam@home.test\nSubject: report\nMessage-ID: <r1@home.test>\n' + head
    out += b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nspam\n'
    for l in letters:
        out += b'--b\nContent-Type: message/rfc822\n'
        out += b'Content-Transfer-Encoding: base64\n\n' + base64.encodebytes(l) if encoded else b'\n' + l
    return out + b'--b--\n'


def submit(c, to, message, user='ann@home.test'):
    with smtplib.SMTP('127.0.0.1', c.p.ports['submission']) as s:
        s.starttls()
        s.login(user, PASSWORD)
        s.sendmail(user, [to], message.replace(b'\n', b'\r\n'))


def lessons(c):
    return [l for l in c.p.json('learn', 'list').get('lessons', []) if l.get('source') == 'report']


def report_becomes_a_lesson():
    with Case() as c:
        c.start()
        submit(c, 'report-spam@home.test', forwarded(SPAM_LETTER % b'one', SPAM_LETTER % b'two, and more of it'))
        l = c.letter('ann@home.test')
        assert l.subject == 'Thank you for reporting spam' and 'one' in l.text and 'two' in l.text, l.text
        assert l.m['auto-submitted'] == 'auto-replied' and l.m['in-reply-to'] == '<r1@home.test>'
        assert '优惠' in l.text and 'learns from it' in l.text
        got = wait_until('two lessons', 30, lambda: len(lessons(c)) >= 2 and lessons(c))
        assert all(x['verdict'] == 'spam' for x in got) and {x['user'] for x in got} == {'ann@home.test'}, got
        submit(c, 'report-ham@home.test', forwarded(SPAM_LETTER % b'three', encoded=True))
        assert c.letter('ann@home.test', 2).subject == 'Thank you for reporting wanted mail'
        wait_until('a third one', 30, lambda: any(x['verdict'] == 'ham' for x in lessons(c)))


def how_to_report_is_told():
    with Case() as c:
        c.start()
        submit(c, 'report-spam@home.test', b'From: ann@home.test\nSubject: Fwd: x\n\nlook\n\n---------- Forwarded message ---------\nFrom: x\nSubject: y\n\nbuy\n')
        l = c.letter('ann@home.test')
        assert 'could not be used' in l.subject and 'attachment' in l.text, l.text
        submit(c, 'report-spam@home.test', b'From: ann@home.test\nSubject: hello\n\nspam everywhere\n')
        assert 'There is no mail in your message' in c.letter('ann@home.test', 2).text
        submit(c, 'report-spam@home.test', b'From: ann@home.test\nAuto-Submitted: auto-replied\nSubject: I am away\n\nuntil Monday\n')
        c.p.wait_queue(0)
        time.sleep(1)
        assert len(c.p.mail('ann@home.test')) == 2, 'machines get no answer'


def feedback_says_what_it_is():
    with Case() as c:
        c.start()
        for kind in (b'abuse', b'not-spam'):
            arf = (b'From: ann@home.test\nSubject: complaint\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n'
                   b'--b\nContent-Type: text/plain\n\nreport\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: ' + kind +
                   b'\nUser-Agent: t/1\nVersion: 1\n\n--b\nContent-Type: message/rfc822\n\n' + SPAM_LETTER % kind + b'--b--\n')
            submit(c, 'report-spam@home.test', arf)
        wait_until('both lessons', 30, lambda: sorted(x['verdict'] for x in lessons(c)) == ['ham', 'spam'])


def strangers_cannot_report():
    with Case() as c:
        c.start()
        with smtplib.SMTP('127.0.0.1', c.p.ports['mx']) as s:
            s.ehlo('stranger.test')
            s.mail('x@stranger.test')
            code, text = s.rcpt('report-spam@home.test')
            assert code == 550 and b'5.7.1' in text, (code, text)


def reports_are_limited():
    with Case('[reports]', 'letters_per_hour = 1') as c:
        c.start()
        submit(c, 'report-spam@home.test', forwarded(SPAM_LETTER % b'one', SPAM_LETTER % b'two'))
        l = c.letter('ann@home.test')
        assert 'could not be used' in l.subject and 'within an hour' in l.text and 'learns from it' in l.text
        wait_until('one lesson', 30, lambda: len(lessons(c)) == 1)


CASES = [digest_lists_what_is_held, chinese_by_setting_of_the_domain, viruses_have_no_verbs, a_hundred_rows_then_a_link,
         only_what_is_new_and_nothing_without_it, times_follow_the_settings, switched_off, groups_and_more_readers, never_to_others,
         once_each_when_killed, preview_and_list, links_lead_to_pages,
         held_mail_reported_as_ham_is_let_out, notices_leave, report_becomes_a_lesson, how_to_report_is_told, feedback_says_what_it_is,
         strangers_cannot_report, reports_are_limited]


def run(case):
    """True: it passed. Most of a case is waiting, so several run at a time."""
    try:
        case()
        print(f'ok {case.__name__}', flush=True)
        return True
    except Exception as e:
        print(f'{traceback.format_exc()}FAIL {case.__name__}: {e}', flush=True)
        return False


def main():
    words = sys.argv[1:]
    cases = [c for c in CASES if not words or any(w in c.__name__ for w in words)]
    with ThreadPoolExecutor(5) as pool:
        passed = sum(pool.map(run, cases))
    print(f'{passed} passed, {len(cases) - passed} failed')
    return passed != len(cases)


if __name__ == '__main__':
    sys.exit(main())
