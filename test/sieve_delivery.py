#!/usr/bin/env python3
"""What rules do to mail, through a running server: SMTP in, mailboxes and an SMTP server of others out. Every action of Sieve, the
administrator's scripts, scripts that are hostile, processes that are killed meanwhile: nothing is lost, nothing comes twice.

    test/sieve_delivery.py [WORD ...]     the cases whose names contain one of the words
"""
import http.server, json, os, signal, smtplib, sqlite3, ssl, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import email, email.policy
from posthouse import Instance, PASSWORD, free_port, wait_until
from sink import Sink
from tally import case, run_cases

ANN, BOB = 'ann@local.test', 'bob@local.test'
STOP = 'if header :contains "Subject" "{}" {{ {} stop; }}\n'


class Site(Instance):
    def __init__(self, *config, sink=None, setup=()):
        self.ids = {}
        super().__init__(config=['[filter]', 'mark = 0', 'reject = 0', 'quarantine = 0', '[scan]', 'processes = 2', *config],
                         listeners=('mx', 'submission', 'imap'))
        for command in ('domain add local.test', f'account add {ANN} --name "Ann Example"', f'account add {BOB}',
                        f'alias add info@local.test {ANN}', *setup):
            self.setup_command(command)
        port = sink.port if sink else free_port()
        self.setup_command(f'route add far --protocol smtp --hosts [127.0.0.1]:{port} --tls none --match far.test')

    def put(self, who, text, *options, name='main'):
        args = ['--system', name] if who is None else [who, name]
        return self.cli('sieve', 'put', *args, '-', *(options or (('--activate',) if who else ())), stdin=text)

    def send(self, to, subject, sender='zoe@far.test', header='', body='A letter.'):
        with smtplib.SMTP('127.0.0.1', self.ports['mx'], timeout=60) as s:
            s.sendmail(sender, [to], f'From: Zoe <zoe@far.test>\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Sun, 22 Nov 2026 09:11:10 +0800\r\n'
                       f'Message-ID: <{time.time_ns()}@far.test>\r\n{header}\r\n{body}\r\n')

    def submit(self, to, subject, sender=BOB):
        with smtplib.SMTP('127.0.0.1', self.ports['submission'], timeout=60) as s:
            s.starttls(context=ssl._create_unverified_context())
            s.login(sender, PASSWORD)
            s.sendmail(sender, [to], f'From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nx\r\n')

    def letters(self, address):
        """(folder, flags and keywords, subject) of all."""
        if address not in self.ids:
            self.ids.update((a['address'], a['id']) for a in self.json('account', 'list')['accounts'])
        account = self.ids[address]
        db = sqlite3.connect(f'{self.dir}/data/db/mail-{account % 4:02}.sqlite', timeout=30)
        rows = db.execute('SELECT f.name, m.flags, m.keywords, e.summary, e.id FROM message m JOIN folder f ON f.account_id = m.account_id AND'
                          ' f.id = m.folder_id JOIN email e ON e.id = m.email_id WHERE m.account_id = ?', (account,)).fetchall()
        db.close()
        return rows

    def found(self, address, subject):
        return sorted((name, flags, words) for name, flags, words, summary, _ in self.letters(address) if subject.encode() in summary)

    def ended(self, address, subject):
        """Waits until it has left the queue: its timeline."""
        def done():
            rows = [r for r in self.json('trace', '--to', address)['rows'] if r['subject'] == subject]
            return rows[0] if rows and all(r['status'] != 'queued' for r in rows) else None
        return wait_until(f'the end of "{subject}"', 20, done)

    def where(self, address, subject):
        self.ended(address, subject)
        return [name for name, _, _ in self.found(address, subject)]

    def texts(self, address):
        """Of the inbox: also letters of the server, which have no summary."""
        return [self.cli('mailbox', 'cat', address, str(m['uid'])) for m in self.mail(address)] if self.letters(address) else []

    def text(self, address, subject):
        for folder, *_ in self.found(address, subject):
            for m in self.json('mailbox', 'list', address, '--folder', folder)['messages']:
                raw = self.cli('mailbox', 'cat', address, str(m['uid']), '--folder', folder)
                if f'Subject: {subject}' in raw:
                    return raw
        raise AssertionError(f'no "{subject}"')


def expect(good, what):
    if not good:
        raise AssertionError(what)


def parse(raw):
    return email.message_from_string(raw if isinstance(raw, str) else raw.decode(), policy=email.policy.default)


def events(row):
    return [e for e in row['timeline'] if e['event'] == 'rule']


# ---- what scripts can do ----

ANNS = '''require ["fileinto", "copy", "imap4flags", "reject", "ereject", "vacation", "vacation-seconds", "duplicate", "editheader", "enotify",
 "mailbox", "special-use", "variables", "environment", "spamtest", "relational", "comparator-i;ascii-numeric"];
''' + ''.join(STOP.format(*v) for v in (
    ('one folder', 'fileinto "Work/2026";'),
    ('two folders', 'fileinto "A"; fileinto :flags ["\\\\Flagged", "$Todo"] "B"; keep;'),
    ('same folder', 'fileinto "C"; fileinto "C"; fileinto "INBOX"; keep;'),
    ('into trash', 'fileinto :specialuse "\\\\Trash" :create "Rubbish";'),
    ('thrown', 'discard;'),
    ('seen', 'keep :flags "\\\\Seen";'),
    ('sent on', 'redirect "x@far.test";'),
    ('copied', 'redirect :copy "y@far.test";'),
    ('to myself', 'redirect "info@local.test";'),
    ('refused', 'reject "I do not want this.";'),
    ('away', 'vacation :seconds 7200 :handle "h1" :subject "I am away" "Back on Monday.";'),
    ('mime answer', 'vacation :handle "h2" :mime "Content-Type: text/html\r\nFrom: evil@x\r\n\r\n<b>away</b>";'),
    ('modified', 'addheader "X-Seen-By" "rules"; deleteheader "X-Secret"; addheader :last "X-Last" "end"; keep;'),
    ('twice changed', 'fileinto "Plain"; addheader "X-New" "1"; fileinto "New";'),
    ('sent changed', 'addheader "X-Way" "rules"; redirect "z@far.test";'),
    ('tell me', 'notify :message "mail came" "mailto:n@far.test";'),
    ('tell them', 'notify :message "hook" "https://localhost:{}/in";'),
    ('bad folder', 'fileinto "Other Users/bob@local.test/INBOX";'),
)) + 'if duplicate :header "X-Id" { fileinto "Twice"; }\n'


@case
def every_action_is_carried_out():
    sink = Sink()
    port = free_port()
    try:
        with Site(sink=sink) as p:
            hooks = Hooks(p, port)
            p.put(ANN, ANNS.replace('localhost:{}', f'localhost:{port}'))
            p.start()
            stored(p)
            sent(p, sink)
            answered(p, sink)
            edited(p, sink)
            duplicates(p)
            told(p, sink, hooks)
    finally:
        sink.stop()


def stored(p):
    for subject, want in (('nothing said', ['INBOX']), ('one folder', ['Work/2026']), ('two folders', ['A', 'B', 'INBOX']),
                          ('same folder', ['C', 'INBOX']), ('into trash', ['Trash']), ('thrown', []), ('seen', ['INBOX']),
                          ('bad folder', ['INBOX']), ('to myself', ['INBOX'])):
        if subject == 'into trash':
            m = __import__('imaplib').IMAP4('127.0.0.1', p.ports['imap'])
            m.starttls(ssl._create_unverified_context())
            m.login(ANN, PASSWORD)  # makes the usual folders
            m.logout()
        p.send(ANN, subject)
        got = p.where(ANN, subject)
        expect(got == want, f'{subject}: {got}')
    ids = {e for _, _, _, summary, e in p.letters(ANN) if b'two folders' in summary}
    expect(len(ids) == 1, 'one email in three folders')
    expect(('B', 4, '$Todo') in p.found(ANN, 'two folders'), p.found(ANN, 'two folders'))
    expect(p.found(ANN, 'seen') == [('INBOX', 1, '')], p.found(ANN, 'seen'))
    rule, = events(p.ended(ANN, 'thrown'))
    expect(rule['script'] == 'main' and int(rule['line']) > 5 and rule['action'] == 'discard', rule)
    faults = p.json('sieve', 'log', ANN)['errors']
    expect(len(faults) == 1 and 'not one' in faults[0]['error'] and faults[0]['line'] > 5, faults)
    p.send(ANN, 'bad folder')
    wait_until('the second', 15, lambda: p.json('sieve', 'log', ANN)['errors'][0]['times'] == 2)
    notices = lambda: [t for t in p.texts(ANN) if 'X-Posthouse-Notice: script' in t]
    wait_until('the notice', 15, notices)
    time.sleep(2.5)
    expect(len(notices()) == 1, 'told once')


def sent(p, sink):
    p.send(ANN, 'sent on')
    sender, rcpts, raw = sink.wait(1)
    expect(rcpts == ['x@far.test'] and sender.startswith('SRS0=') and f'Delivered-To: {ANN}'.encode() in raw, (sender, rcpts))
    expect(p.where(ANN, 'sent on') == [], 'no copy')
    p.send(ANN, 'copied')
    expect(sink.wait(2)[1] == ['y@far.test'] and p.where(ANN, 'copied') == ['INBOX'], 'a copy stays')
    # Their system sends it back: it stays.
    with smtplib.SMTP('127.0.0.1', p.ports['mx']) as s:
        s.sendmail('zoe@far.test', [ANN], raw.replace(b'Subject: sent on', b'Subject: sent on, back'))
    expect(p.where(ANN, 'sent on, back') == ['INBOX'] and len(sink.got) == 2, 'no loop')
    # A refusal is told to those who wrote it; what nobody answers for goes to Junk.
    p.submit(ANN, 'refused by rule')
    row = p.ended(ANN, 'refused by rule')
    expect(row['status'] == 'bounced', row['status'])
    wait_until('the report with the reason', 15, lambda: [t for t in p.texts(BOB) if 'I do not want this.' in t])
    p.send(ANN, 'refused stranger')
    expect(p.where(ANN, 'refused stranger') == ['Junk'], 'nobody is told who may not have written it')
    p.send(ANN, 'refused null', sender='')
    expect(p.where(ANN, 'refused null') == ['Junk'], 'no bounce of a bounce')


def answered(p, sink):
    n = len(sink.got)
    p.send(ANN, 'away one', sender='max@far.test')
    sender, rcpts, raw = sink.wait(n + 1)
    m = parse(raw)
    expect(sender == '' and rcpts == ['max@far.test'] and m['Subject'] == 'I am away' and m['Auto-Submitted'] == 'auto-replied', m['Subject'])
    expect(m['From'].addresses[0].addr_spec == ANN and 'Back on Monday.' in m.get_content(), m['From'])
    p.send(ANN, 'away two', sender='max@far.test')
    p.send(ANN, 'away list', sender='l@far.test', header='List-Id: <x>\r\n')
    p.send(ANN, 'mime answer', sender='max@far.test')
    m = parse(sink.wait(n + 2)[2])
    expect(m.get_content_type() == 'text/html' and '<b>away</b>' in m.get_content() and len(m.get_all('From')) == 1, m.as_string())
    for subject in ('away two', 'away list', 'mime answer'):
        expect(p.where(ANN, subject) == ['INBOX'], subject)
    time.sleep(2.5)
    expect(len(sink.got) == n + 2, 'each sender once, no list')


def edited(p, sink):
    p.send(ANN, 'modified', header='X-Secret: 7\r\nX-Other: 8\r\n', body='The same body.')
    expect(p.where(ANN, 'modified') == ['INBOX'], 'modified')
    raw = p.text(ANN, 'modified')
    head, _, body = raw.partition('\n\n')
    expect('X-Seen-By: rules' in head and 'X-Secret' not in head and 'X-Other: 8' in head and head.strip().endswith('X-Last: end'), head)
    expect('The same body.' in body and raw.count('Return-Path:') == 1 and raw.count(f'Delivered-To: {ANN}') == 1, raw)
    p.send(ANN, 'twice changed')
    expect(p.where(ANN, 'twice changed') == ['New', 'Plain'], p.where(ANN, 'twice changed'))
    new = p.json('mailbox', 'list', ANN, '--folder', 'New')['messages'][0]['uid']
    plain = p.json('mailbox', 'list', ANN, '--folder', 'Plain')['messages'][0]['uid']
    expect('X-New: 1' in p.cli('mailbox', 'cat', ANN, str(new), '--folder', 'New'), 'New')
    expect('X-New' not in p.cli('mailbox', 'cat', ANN, str(plain), '--folder', 'Plain'), 'Plain')
    n = len(sink.got)
    p.send(ANN, 'sent changed')
    _, rcpts, raw = sink.wait(n + 1)
    expect(rcpts == ['z@far.test'] and b'X-Way: rules' in raw and b'A letter.' in raw and b'Return-Path' not in raw, raw)
    expect('Everything' in p.cli('store', 'verify') or p.json('store', 'verify'), 'verify')


def duplicates(p):
    for n in range(3):
        p.send(ANN, f'dup {n}', header='X-Id: same\r\n')
        got = p.where(ANN, f'dup {n}')
        expect(got == (['Twice'] if n else ['INBOX']), f'dup {n}: {got}')
    # Both at once: one is the first.
    threads = [threading.Thread(target=p.send, args=(ANN, f'race {n}'), kwargs={'header': 'X-Id: race\r\n'}) for n in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    got = sorted(sum((p.where(ANN, f'race {n}') for n in range(6)), []))
    expect(got == ['INBOX'] + ['Twice'] * 5, got)


def told(p, sink, hooks):
    n = len(sink.got)
    p.send(ANN, 'tell me')
    sender, rcpts, raw = sink.wait(n + 1)
    m = parse(raw)
    expect(sender == '' and rcpts == ['n@far.test'] and m['Auto-Submitted'].startswith('auto-notified') and m['Message-ID'], m.as_string())
    p.send(ANN, 'tell them')
    expect(p.where(ANN, 'tell them') == ['INBOX'], 'kept')
    got = wait_until('the webhook', 60, lambda: hooks.got if hooks.got else None)[0][1]
    expect(got['message'] == 'hook' and got['recipient'] == ANN and got['subject'] == 'tell them', got)


class Hooks:
    """An HTTPS server whose certificate the instance trusts. `answers`: by path, what the first requests get: a status, None (the connection
    breaks) or a threading.Event (nothing until it is set); then 204."""

    def __init__(self, p, port, answers=None):
        self.got, self.answers, self.p = [], answers or {}, p
        hooks = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
                path = self.path.strip('/')
                status = hooks.answers[path].pop(0) if hooks.answers.get(path) else 204
                hooks.got.append((path, body))
                if isinstance(status, threading.Event):
                    status.wait(30)
                    status = 204
                if status is None:
                    return
                self.send_response(status)
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *args):
                pass  # the client went away
        self.server = Server(('127.0.0.1', port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(p.cert_file, p.key_file)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.zone = zone_with_localhost(p)
        self.configure()

    def configure(self, private='yes'):
        self.p.write_config(['[filter]', 'mark = 0', 'reject = 0', 'quarantine = 0', '[scan]', 'processes = 2', '[sieve]', 'webhook_hosts = localhost',
                             f'webhook_private = {private}', '[tls]', f'ca = {self.p.cert_file}', '[dns]', 'mode = forward',
                             f'servers = 127.0.0.1@{self.zone}'])

    def subjects(self, path):
        return [body['subject'] for at, body in list(self.got) if at == path]


def zone_with_localhost(p):
    from zone import Zone
    p.nowhere = Zone(['localhost. A 127.0.0.1'])
    return p.nowhere.port


# ---- the administrator's, and what goes wrong ----

@case
def the_administrators_scripts_run_first_and_last():
    sink = Sink()
    try:
        with Site('[delivery]', 'forward_outside = no', sink=sink, setup=['domain add other.test', 'account add cat@other.test']) as p:
            p.put(None, 'require ["fileinto", "editheader"]; addheader "X-Admin" "before";\n' + STOP.format('admin only', 'fileinto "Admin";'),
                  '--place', 'before', '--domain', 'local.test', name='first')
            p.put(None, 'require "fileinto"; if header :contains "Subject" "late" { fileinto "Late"; }', '--place', 'after', name='last')
            p.put(None, 'require "fileinto"; fileinto "Lib";', '--place', 'library', name='lib')
            p.put(ANN, 'require ["include", "fileinto"];\n' + STOP.format('library', 'include :global "lib";') + STOP.format('outside', 'redirect "q@far.test";') +
                  STOP.format('mine', 'fileinto "Mine";'))
            p.start()
            for to, subject, want in ((ANN, 'admin only', ['Admin']), (ANN, 'mine, latest', ['Mine']), (ANN, 'late one', ['Late']), (BOB, 'late two', ['Late']),
                                      (ANN, 'library', ['Lib']), ('cat@other.test', 'admin only', ['INBOX']), (ANN, 'outside', ['INBOX'])):
                p.send(to, subject)
                got = p.where(to, subject)
                expect(got == want, f'{to} {subject}: {got}')
            expect('X-Admin: before' in p.text(ANN, 'late one'), 'its edit')
            expect(not sink.got, 'nothing left')
            p.cli('sieve', 'activate', '--system', 'last', '--none')
            wait_until('that it is off', 10, lambda: (p.send(BOB, f'late {time.time_ns()}'), time.sleep(0.4), p.wait_queue(0),
                                                      'INBOX' in [r[0] for r in p.letters(BOB)])[-1])
            names = [s['name'] for s in p.json('sieve', 'list', '--system')['scripts']]
            expect(names == ['first', 'last', 'lib'], names)
            # A test of the same on a file, with nothing done.
            letter = os.path.join(p.dir, 'letter.eml')
            with open(letter, 'w') as f:
                f.write(f'From: zoe@far.test\nTo: {ANN}\nSubject: mine\n\nx\n')
            got = p.json('sieve', 'test', ANN, letter)
            expect([(a['action'], a['to'], a['script']) for a in got['actions']] == [('fileinto', 'Mine', 'main')] and not got['failed'], got)
            expect('12:' not in p.cli('sieve', 'check', '-', stdin='keep;') and '1:' in p.cli('sieve', 'check', '-', stdin='kep;', check=False), 'check')
            expect('Mine' in p.cli('sieve', 'show', ANN), 'show')
            expect('active' in p.cli('sieve', 'remove', ANN, 'main', check=False), 'an active one stays')
            expect(p.cli('sieve', 'put', ANN, 'bad', '-', stdin='fileinto "x";', check=False).count('fileinto'), 'a bad one is not stored')
    finally:
        sink.stop()


HOSTILE = {
    'regex': 'require ["regex", "variables", "body"]; set "a" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; if body :raw :regex "(a*)*(a*)*(a|aa)*(a|aa)*b" { discard; }',
    'grow': 'require "variables"; set "a" "0123456789abcdef";\n' + 'set "a" "${a}${a}${a}${a}";\n' * 400 + 'if string "${a}" "x" { discard; }',
    'steps': 'require ["variables", "body"];\n' + 'if body :contains ["aaaaaaaaab", "aaaaaaaac", "aaaaaaaad"] { discard; }\n' * 3000,
    'redirects': ''.join(f'redirect "a{n}@far.test";\n' for n in range(200)),
    'folders': 'require "fileinto";\n' + ''.join(f'fileinto "f{n}";\n' for n in range(500)),
    'deep': 'require "fileinto";\n' + 'if true {' * 31 + 'fileinto "Deep";' + '}' * 31,
    'include itself': 'require "include"; include :personal "main";',
    'include nothing': 'require "include"; include :personal "none";',
    'flags': 'require ["imap4flags"]; addflag ["' + '", "'.join(f'$k{n}' for n in range(2000)) + '"]; keep;',
    'headers': 'require "editheader";\n' + ''.join(f'addheader "X-{n}" "{"v" * 900}";\n' for n in range(120)),
    'parts': 'require ["foreverypart", "mime", "extracttext", "variables"]; foreverypart { extracttext "t"; foreverypart { extracttext "u"; } }',
    'wild': 'if header :matches "Subject" "' + '*a' * 200 + '*b" { discard; }',
    'notify': 'require "enotify";\n' + ''.join(f'notify "mailto:m{n}@far.test";\n' for n in range(30)),
    'odd name': 'require "fileinto"; fileinto "' + 'x/' * 200 + 'y";',
}


@case
def hostile_scripts_cost_no_letter():
    sink = Sink()
    try:
        people = {name: f'eve{n}@local.test' for n, name in enumerate(HOSTILE)}
        with Site('[sieve]', 'time = 3s', sink=sink, setup=[f'account add {who}' for who in people.values()]) as p:
            for name, who in people.items():
                p.put(who, HOSTILE[name])
            p.start()
            body = 'a' * 60000 + '\r\n' + ('b' * 900 + '\r\n') * 40
            for name, who in people.items():
                p.send(who, f'hostile {name}', body=body)
            for name, who in people.items():
                row = p.ended(who, f'hostile {name}')
                where = [f for f, *_ in p.found(who, f'hostile {name}')]
                kept = where or any(e['action'] == 'redirect' for e in events(row))
                expect(kept and len(where) <= 33, f'{name}: {where}: {row["timeline"][-2:]}')
            faults = p.json('sieve', 'log')['errors']
            expect(len(faults) >= 5 and len({f['account'] for f in faults}) == len(faults), [(f['account'], f['error']) for f in faults])
            p.send(BOB, 'others go on')
            expect(p.where(BOB, 'others go on') == ['INBOX'], 'others')
            expect(len(sink.got) <= 8, f'{len(sink.got)} letters left')
    finally:
        sink.stop()


# ---- webhooks ----

@case
def webhooks_come_at_least_once_and_in_order():
    port, block = free_port(), threading.Event()
    people = {path: f'{path}@local.test' for path in ('busy', 'broken', 'gone', 'late', 'killed', 'inside', 'old')}
    with Site(setup=[f'account add {who}' for who in people.values()]) as p:
        hooks = Hooks(p, port, {'busy': [503, 500], 'broken': [None], 'gone': [410], 'late': [threading.Event()], 'killed': [block]})
        for path, who in people.items():
            p.put(who, f'require "enotify"; notify "https://localhost:{port}/{path}";')
        p.start()
        wait_until('it is whole', 30, lambda: 'event=server.ready' in p.log_tail(100000))
        p.send(people['killed'], 'killed')
        wait_until('it is being posted', 20, lambda: hooks.subjects('killed'))
        for path in ('late', 'broken', 'gone'):
            p.send(people[path], path)
        for n in range(3):
            p.send(people['busy'], f'busy {n}')
        p.wait_queue(0)
        pid, = [pid for pid, role in p.processes().items() if role == 'queue']
        os.kill(pid, signal.SIGKILL)
        block.set()
        wait_until('it is posted again', 30, lambda: len(hooks.subjects('killed')) == 2)
        wait_until('three in their order', 30, lambda: hooks.subjects('busy') == ['busy 0', 'busy 0', 'busy 0', 'busy 1', 'busy 2'])
        wait_until('the one whose connection broke', 30, lambda: hooks.subjects('broken') == ['broken'] * 2)
        wait_until('what is refused for good is given up', 30, lambda: 'rules.webhook_dropped' in p.log_tail(200000))
        expect(hooks.subjects('gone') == ['gone'], 'and not tried again')
        wait_until('the one that nobody answered for ten seconds', 40, lambda: hooks.subjects('late') == ['late'] * 2)
        wait_until('all were taken', 15, lambda: not waiting(p))
        # To this machine only where that is allowed; what was not taken for a day is given up.
        hooks.configure(private='no')
        p.cli('reload')
        p.send(people['inside'], 'inside')
        wait_until('it was tried', 20, lambda: [tries for tries, in waiting(p) if tries])
        expect(not hooks.subjects('inside'), 'it got through')
        change(p, 'UPDATE webhook SET made_at = made_at - 2 * 86400000000, next_at = 1')
        wait_until('it is given up', 20, lambda: not waiting(p))
        wait_until('that is told', 10, lambda: 'private' in p.log_tail(20000))


def waiting(p):
    db = sqlite3.connect(f'{p.dir}/data/db/queue.sqlite', timeout=30)
    rows = db.execute('SELECT tries FROM webhook').fetchall()
    db.close()
    return rows


def change(p, query):
    db = sqlite3.connect(f'{p.dir}/data/db/queue.sqlite', timeout=30)
    db.execute(query)
    db.commit()
    db.close()


# ---- a mailbox without room ----

@case
def a_full_mailbox_does_not_hold_up_what_rules_send():
    sink = Sink()
    try:
        with Site(sink=sink) as p:
            p.put(ANN, 'require ["copy", "vacation", "fileinto"]; redirect :copy "x@far.test"; vacation :subject "away" "Not here."; fileinto "Filed";')
            p.put(BOB, 'require "fileinto"; fileinto "Filed";')
            p.cli('account', 'quota', ANN, '1k')
            p.cli('account', 'quota', BOB, '1k')
            p.start()
            for who in (ANN, BOB):
                p.send(who, 'large', body='x' * 3000)
            sink.wait(2)
            subjects = sorted(parse(raw)['Subject'] for _, _, raw in sink.got)
            expect(subjects == ['away', 'large'], subjects)
            wait_until('each waits for room', 20, lambda: p.queued() == 2 and p.json('queue', 'list')['recipients'] and
                       all('full' in r['reason'] for r in p.json('queue', 'list')['recipients']))
            expect(not p.found(ANN, 'large'), 'in the mailbox')
            for who in (ANN, BOB):
                p.cli('account', 'quota', who, '1m')
            wait_until('there is room', 30, lambda: (p.cli('queue', 'retry', '--all', '--yes', check=False), p.queued() == 0)[-1], every=0.5)
            for who in (ANN, BOB):
                expect([f for f, *_ in p.found(who, 'large')] == ['Filed'], p.found(who, 'large'))
            expect(len(sink.got) == 2, f'{len(sink.got)} letters left')
    finally:
        sink.stop()


# ---- killed meanwhile ----

@case
def scan_processes_that_hang_cost_no_letter():
    with Site('[filter]', 'enabled = no', '[scan]', 'time = 1s', '[sieve]', 'time = 1s', setup=['account add eve@local.test']) as p:
        p.put(ANN, 'require "fileinto"; fileinto "Filed";')
        p.start()
        wait_until('it is whole: a process killed before ends the server', 30, lambda: 'event=server.ready' in p.log_tail(100000))
        stopped = [pid for pid, role in p.processes().items() if role == 'scan']
        expect(len(stopped) == 2, stopped)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            p.send(ANN, 'hung')
            p.send(BOB, 'no rules')
            wait_until('others do not wait', 20, lambda: len(p.letters(BOB)) == 1)
            wait_until('it was tried, or is kept', 40, lambda: p.letters(ANN) or [r for r in p.json('queue', 'list')['recipients'] if r['attempts'] > 0])
        finally:
            for pid in stopped:
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    pass
        p.cli('queue', 'retry', '--to', ANN, '--yes', check=False)
        p.wait_queue(0, 60)
        got = [f for f, *_ in p.letters(ANN)]
        expect(got in (['Filed'], ['INBOX']), got)
        p.send(ANN, 'after that')
        wait_until('it goes on', 20, lambda: len(p.letters(ANN)) == 2)


LETTERS = 30


@case
def killed_processes_lose_nothing_and_repeat_nothing():
    sink = Sink()
    try:
        with Site(sink=sink) as p:
            p.put(ANN, 'require ["fileinto", "copy", "editheader", "duplicate"];\nif duplicate { fileinto "Twice"; stop; }\n'
                  'fileinto "A"; fileinto "B"; addheader "X-K" "1"; fileinto "C"; redirect :copy "x@far.test";')
            p.start()
            wait_until('it is whole: a process killed before ends the server', 30, lambda: 'event=server.ready' in p.log_tail(100000))
            stop = threading.Event()

            def killer():
                """The scan processes while they run scripts, the queue process between everything."""
                for n in range(12):
                    roles = ('queue',) if n % 3 else ('scan',)
                    for pid in [pid for pid, role in p.processes().items() if role in roles][:1]:
                        try:
                            os.kill(pid, signal.SIGKILL)
                        except ProcessLookupError:
                            pass
                    if stop.wait(0.6):
                        return
            thread = threading.Thread(target=killer)
            thread.start()
            until = time.monotonic() + 120
            try:
                for n in range(LETTERS):
                    while True:
                        try:
                            p.send(ANN, f'killed {n:03}.')
                            break
                        except (smtplib.SMTPException, OSError):
                            expect(time.monotonic() < until, f'letter {n} is not taken: {p.log_tail(1500)}')
                            time.sleep(0.2)
            finally:
                stop.set()
                thread.join()
            p.wait_queue(0, 60)
            for n in range(LETTERS):
                got = [f for f, *_ in p.found(ANN, f'killed {n:03}.')]
                expect(got == ['A', 'B', 'C'], f'killed {n}: {got}')
            wait_until('copies', 20, lambda: len(sink.got) >= LETTERS)
            p.wait_queue(0, 60)
            subjects = [parse(raw)['Subject'] for _, _, raw in sink.got]
            missing = [n for n in range(LETTERS) if f'killed {n:03}.' not in subjects]
            expect(not missing, f'lost: {missing}')
            p.stop()
            p.cli('store', 'verify')
    finally:
        sink.stop()


if __name__ == '__main__':
    sys.exit(run_cases(sys.argv[1:], at_once=3))
