#!/usr/bin/env python3
"""Logging in (sections [auth] and [password]): passwords of programs, second factors, rules and expiry, services that are off,
suspension, lockout and bans, what is remembered, the log, timing. By submission; mail programs use the same process.

    test/logins.py [WORD ...]     the cases whose names contain one of the words
"""
import base64, hashlib, hmac, imaplib, os, poplib, random, smtplib, socket, sqlite3, ssl, struct, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, PASSWORD, PROGRAM, free_port, wait_until
from tally import case, run_cases

TLS = ssl._create_unverified_context()
ANN, BOB = 'ann@local.test', 'bob@local.test'
FAST = ['[auth]', 'failure_delay = 0', 'failure_delay_max = 0']


def expect(good, what):
    if not good:
        raise AssertionError(what)


class Site(Instance):
    def __init__(self, *config, auth=(), reading=False):
        super().__init__(config=[*FAST, *auth, *config], listeners=(*self.LISTENERS, *(('imaps', 'pop3s') if reading else ())))
        self.setup_command('domain add local.test')
        for who in (ANN, BOB):
            self.setup_command(f'account add {who}')
        self.start()

    def session(self, name='laptop.test'):
        s = smtplib.SMTP('127.0.0.1', self.ports['submission'], timeout=90)
        s.ehlo(name)
        s.starttls(context=TLS)
        s.ehlo(name)
        return s

    def login(self, who, password, mech='PLAIN'):
        """The reply: (235, ...), (535, ...)"""
        s = self.session()
        try:
            if mech == 'LOGIN':
                s.docmd('AUTH LOGIN', base64.b64encode(who.encode()).decode())
                return s.docmd(base64.b64encode(password.encode()).decode())
            return s.docmd('AUTH PLAIN', base64.b64encode(f'\0{who}\0{password}'.encode()).decode())
        except smtplib.SMTPServerDisconnected:
            return 421, b''
        finally:
            s.close()

    def ask(self, *args, stdin=None):
        """Exit code and what was said."""
        r = subprocess.run([PROGRAM, '--config', self.conf, *args], input=stdin, capture_output=True, text=True, timeout=120,
                           env=self.environment)
        return r.returncode, r.stdout + r.stderr

    def imap(self, who, password):
        """'OK', or what the server says against it."""
        m = imaplib.IMAP4_SSL('localhost', self.ports['imaps'], ssl_context=TLS, timeout=60)
        try:
            return m.login(who, password)[0]
        except imaplib.IMAP4.error as e:
            return str(e)
        finally:
            m.shutdown()

    def far(self, who, password, ip, program='laptop'):
        """By IMAP, as if from this address (a PROXY header): did it come in?"""
        with socket.create_connection(('127.0.0.1', FAR_PORT), 60) as s:
            f = s.makefile('rwb')

            def ask(line):
                f.write(line.encode() + b'\r\n')
                f.flush()
                while True:
                    got = f.readline().decode()
                    if not got or got.startswith('a '):
                        return got
            f.write(f'PROXY TCP4 {ip} 192.0.2.25 4000 143\r\n'.encode())
            f.flush()
            f.readline()
            ask(f'a ID ("name" "{program}")')
            return ask(f'a LOGIN {who} "{password}"').startswith('a OK')

    def pop3(self, who, password):
        q = poplib.POP3_SSL('localhost', self.ports['pop3s'], context=TLS, timeout=60)
        try:
            q.user(who)
            return q.pass_(password).decode()[:3]
        except poplib.error_proto as e:
            return str(e)
        finally:
            q.close()

    def app(self, who, label, *more):
        return self.json('app-password', 'add', who, label, *more)['password']

    def counter(self, name, labels=''):
        out = self.cli('metrics')
        return sum(float(l.rsplit(' ', 1)[1]) for l in out.splitlines() if l.startswith(name) and labels in l)

    def logins(self, *args):
        return self.json('login', 'list', *args)['logins']


def totp(secret, at=None):
    key = base64.b32decode(secret + '=' * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack('>Q', int(at or time.time()) // 30), hashlib.sha1).digest()
    at = mac[19] & 15
    return f'{(struct.unpack(">I", mac[at:at + 4])[0] & 0x7fffffff) % 1000000:06}'


@case
def application_passwords():
    with Site() as p:
        phone = p.app(ANN, 'phone', '--services', 'imap,smtp')
        reader = p.app(ANN, 'reader', '--services', 'imap')
        expect(len(phone) == 24, phone)
        for mech in ('PLAIN', 'LOGIN'):
            expect(p.login(ANN, phone, mech)[0] == 235, f'{mech} with an application password')
        expect(p.login(ANN, phone.replace('-', ' ').upper())[0] == 235, 'as people type it')
        expect(p.login(BOB, phone)[0] == 535, 'of another account')
        code, text = p.login(ANN, reader)
        expect(code == 535 and b'5.7.13' in text and b'other services' in text, f'for another service: {text}')
        expect(p.login(ANN, PASSWORD)[0] == 235, 'the main password goes on')
        wait_until('its use', 5, lambda: [a for a in p.json('app-password', 'list', ANN)['app_passwords']
                                          if a['label'] == 'phone' and a['used_at'] and a['used_for'] == 'smtp'])
        p.cli('app-password', 'revoke', ANN, 'phone')
        expect(p.login(ANN, phone)[0] == 535, 'revoked')
        short = p.app(ANN, 'short', '--expires', '2s')
        expect(p.login(ANN, short)[0] == 235, 'before it expires')
        time.sleep(2.1)
        expect(p.login(ANN, short)[0] == 535, 'after')
        code, text = p.ask('app-password', 'add', ANN, 'reader')
        expect(code != 0 and 'already' in text, text)


@case
def mail_programs():
    """The same by IMAP and POP3, with the words of those protocols; sessions end when what they came in by does."""
    with Site(reading=True) as p:
        both, one = p.app(ANN, 'both', '--services', 'imap,pop3'), p.app(ANN, 'one', '--services', 'pop3')
        expect(p.imap(ANN, both) == 'OK' and p.pop3(ANN, both) == '+OK' and p.pop3(ANN, one) == '+OK', 'application passwords')
        expect('other services' in p.imap(ANN, one), p.imap(ANN, one))
        expect('AUTHENTICATIONFAILED' in p.imap(ANN, 'wrong') and '[AUTH]' in p.pop3(ANN, 'wrong'), 'wrong')
        open_one = imaplib.IMAP4_SSL('localhost', p.ports['imaps'], ssl_context=TLS, timeout=60)
        open_one.login(ANN, both)
        other = imaplib.IMAP4_SSL('localhost', p.ports['imaps'], ssl_context=TLS, timeout=60)
        other.login(ANN, PASSWORD)
        p.cli('app-password', 'revoke', ANN, 'both')
        def over():
            try:
                return open_one.noop()[0] == 'BYE'
            except imaplib.IMAP4.abort:
                return True
        wait_until('its end', 10, over)
        expect(other.noop()[0] == 'OK', 'the session of the main password goes on')
        p.cli('account', 'passwd', ANN, '--stdin', '--must-change', stdin='correct horse 8\n')
        expect('EXPIRED' in p.imap(ANN, 'correct horse 8'), p.imap(ANN, 'correct horse 8'))
        open_one = other
        wait_until('its end', 10, over)


@case
def second_factor():
    with Site() as p:
        secret = p.json('second-factor', 'setup', ANN)['secret']
        expect(p.login(ANN, PASSWORD)[0] == 235, 'not before it is confirmed')
        expect(p.ask('second-factor', 'confirm', ANN, '--stdin', stdin='000000\n')[0] != 0, 'a wrong code')
        out = p.cli('second-factor', 'confirm', ANN, '--stdin', stdin=totp(secret) + '\n')
        expect(len([l for l in out.splitlines() if len(l.strip()) == 11 and l.startswith('  ')]) == 10, out)
        code, text = p.login(ANN, PASSWORD)
        expect(code == 535 and b'application password' in text, f'the main password: {text}')
        expect(b'application' not in p.login(ANN, 'wrong')[1], 'who does not know the password learns nothing')
        try:
            with p.session() as s:
                s.login(ANN, PASSWORD, initial_response_ok=True)
        except smtplib.SMTPAuthenticationError as e:
            expect(e.smtp_code == 535, str(e))
        else:
            expect(False, 'some mechanism took it')
        expect(p.login(ANN, p.app(ANN, 'phone'))[0] == 235, 'an application password')
        expect(p.login(BOB, PASSWORD)[0] == 235, 'others are not concerned')
        p.cli('second-factor', 'remove', ANN)
        expect(p.login(ANN, PASSWORD)[0] == 235, 'taken away')


@case
def second_factor_for_all():
    with Site(auth=['second_factor = required']) as p:
        code, text = p.login(ANN, PASSWORD)
        expect(code == 535 and b'second factor' in text, text)
        expect(p.login(ANN, p.app(ANN, 'phone'))[0] == 235, 'an application password')
    with Site(auth=['second_factor = required', 'second_factor_classes = special']) as p:
        expect(p.login(ANN, PASSWORD)[0] == 235, 'another class')
    with Site(auth=['second_factor = required', 'second_factor_classes = special standard']) as p:
        expect(p.login(ANN, PASSWORD)[0] == 535, 'its class')


@case
def rules_and_expiry():
    with Site('[password]', 'classes = 3', 'minimum = 10', 'history = 2', 'max_age = 1d') as p:
        def passwd(password, *more):
            return p.ask('account', 'passwd', ANN, '--stdin', *more, stdin=password + '\n')
        for bad, why in (('Short 7', 'shorter'), ('correct horse', 'kinds'), ('Password123!', 'many people'), ('Ann@local.test', 'address'),
                         (PASSWORD, 'used before')):
            code, text = passwd(bad)
            expect(code != 0 and why in text, f'{bad}: {text}')
        expect(passwd('Correct horse 8')[0] == 0, 'a good one')
        expect(p.login(ANN, 'Correct horse 8')[0] == 235 and p.login(ANN, PASSWORD)[0] == 535, 'in force at once')
        expect(passwd('Correct horse 9', '--must-change')[0] == 0, 'an initial one')
        code, text = p.login(ANN, 'Correct horse 9')
        expect(code == 535 and b'must be changed' in text, text)
        expect(b'must be changed' not in p.login(ANN, 'Correct horse 8')[1], 'only to who knows it')
        db = p.dir + '/data/auth/db/credential.sqlite'
        with sqlite3.connect(db) as c:
            c.execute('UPDATE credential SET must_change = 0, changed_at = changed_at - 86401000000')
        c.close()
        code, text = p.login(ANN, 'Correct horse 9')
        expect(code == 535 and b'must be changed' in text, f'too old: {text}')
        expect(p.login(ANN, p.app(ANN, 'phone'))[0] == 235, 'application passwords do not age with it')


@case
def suspended_and_disabled():
    with Site() as p:
        expect(p.login(ANN, PASSWORD)[0] == 235, 'before')
        wrong = p.login(ANN, 'wrong')
        p.cli('account', 'suspend', ANN, '--reason', 'a test')
        expect(p.login(ANN, PASSWORD) == wrong, 'suspended sounds as wrong')
        expect(p.json('account', 'suspended')['suspended'][0]['reason'] == 'a test', 'the list')
        p.cli('account', 'resume', ANN)
        expect(p.login(ANN, PASSWORD)[0] == 235, 'resumed')
        p.cli('account', 'disable', BOB)
        expect(p.login(BOB, PASSWORD) == wrong and p.login('nobody@local.test', PASSWORD) == wrong, 'disabled, unknown')


@case
def remembered_passwords():
    """The slow check once, then not: until the password changes; and never for a wrong one."""
    with Site() as p:
        def hashes():
            time.sleep(0.1)
            return p.counter('posthouse_auth_hashed_total')
        before = hashes()
        for _ in range(5):
            expect(p.login(ANN, PASSWORD)[0] == 235, 'right')
        expect(hashes() == before + 1, f'{hashes() - before} slow checks of five logins')
        for _ in range(3):
            expect(p.login(ANN, 'wrong')[0] == 535, 'wrong')
        expect(hashes() == before + 4, 'each wrong one is checked')
        p.cli('account', 'passwd', ANN, '--stdin', stdin='correct horse 8\n')
        expect(p.login(ANN, PASSWORD)[0] == 535, 'the old one, which was remembered')
        expect(p.login(ANN, 'correct horse 8')[0] == 235, 'the new one')
        p.cli('account', 'disable', ANN)
        expect(p.login(ANN, 'correct horse 8')[0] == 535, 'remembered, but disabled')
    with Site(auth=['remember = 0']) as p:
        before = p.counter('posthouse_auth_hashed_total')
        for _ in range(3):
            p.login(ANN, PASSWORD)
        expect(p.counter('posthouse_auth_hashed_total') == before + 3, 'switched off')


@case
def lockout():
    with Site(auth=['trusted = 192.0.2.1', 'failures_per_login = 5', 'failures_per_ip = 1000', 'ban_after = 0'], reading=True) as p:
        for _ in range(5):
            p.imap(ANN, 'wrong')
        expect(p.imap(ANN, PASSWORD) != 'OK', 'locked out')
        expect(p.imap(BOB, PASSWORD) == 'OK', 'another account')
        for _ in range(6):
            p.imap(BOB, 'wrong')
        expect(p.imap(BOB, PASSWORD) == 'OK', 'not from where the owner logged in lately')


@case
def bans():
    with Site(auth=['trusted = 192.0.2.1', 'failures_per_login = 1000', 'failures_per_ip = 1000', 'ban_after = 4'], reading=True) as p:
        p.cli('ban', 'add', '127.0.0.0/8', '--for', '1h', '--reason', 'a test')
        expect(p.imap(ANN, PASSWORD) != 'OK', 'banned by hand')
        expect(p.json('ban', 'list')['bans'][0]['reason'] == 'a test', 'the list')
        p.stop()
        p.start()
        expect(p.imap(ANN, PASSWORD) != 'OK', 'also after a restart')
        p.cli('ban', 'remove', '127.0.0.0/8')
        expect(p.imap(ANN, PASSWORD) == 'OK', 'lifted')
        for _ in range(4):
            p.imap(ANN, 'wrong')
        wait_until('the ban', 5, lambda: p.json('ban', 'list')['bans'])
        expect(p.imap(ANN, PASSWORD) != 'OK', 'banned for guessing')
        p.cli('ban', 'remove', '127.0.0.1')
        expect(p.imap(ANN, PASSWORD) == 'OK', 'lifted again')
    with Site(auth=['failures_per_ip = 3', 'ban_after = 4'], reading=True) as p:
        for _ in range(8):
            p.imap(ANN, 'wrong')
        expect(p.imap(BOB, PASSWORD) == 'OK' and not p.json('ban', 'list')['bans'], 'trusted networks are not')


@case
def growing_delay():
    with Site('[auth]', 'failure_delay = 200ms', 'failure_delay_max = 800ms', reading=True) as p:
        def took():
            t = time.monotonic()
            p.imap(ANN, 'wrong')
            return time.monotonic() - t
        first = took()
        for _ in range(9):
            p.imap(ANN, 'wrong')
        late = took()
        expect(first >= 0.2 and late - first > 0.35, f'{first:.3f} s, then {late:.3f} s')
        expect(took() < 3, 'bounded')
        t = time.monotonic()
        expect(p.imap(ANN, PASSWORD) == 'OK' and time.monotonic() - t < 0.6, 'the right password does not wait')


@case
def the_log():
    with Site() as p:
        for _ in range(3):
            p.login(ANN, PASSWORD)
        p.login(ANN, 'wrong')
        p.login('nobody@local.test', 'wrong')
        p.login(ANN, p.app(ANN, 'phone'))
        wait_until('five rows', 5, lambda: len(p.logins()) >= 4)
        rows = p.logins(ANN)
        ok = [r for r in rows if r['result'] == 'ok' and r['how'] == 'password']
        expect(len(ok) == 1 and ok[0]['times'] == 3, f'{ok}')
        expect(ok[0]['service'] == 'smtp' and ok[0]['ip'] == '127.0.0.1' and ok[0]['client'] == 'laptop.test' and ok[0]['secure'], f'{ok}')
        expect([r['how'] for r in rows if r['how'].startswith('app:')] == ['app:phone'], f'{rows}')
        expect([r['why'] for r in rows if r['result'] == 'failed'] == ['wrong password'], f'{rows}')
        expect(p.logins('nobody@local.test')[0]['why'] == 'no such account', 'unknown')
        expect(all(r['result'] == 'failed' for r in p.logins('--result', 'failed')) and len(p.logins('--result', 'failed')) == 2, 'filter')
        expect('wrong password' in p.cli('login', 'list', ANN), 'for people')
        for row in p.logins():
            expect(PASSWORD not in str(row), 'a password in the log')


FAR_PORT = free_port()
PROXY = ['[imap "far"]', f'listen = 127.0.0.1:{FAR_PORT}', 'auth_plaintext = yes', 'proxy_from = 127.0.0.1', '[alarm]', f'to = {BOB}', 'language = en']


def letters(p, who):
    return [m for m in p.mail(who)]


@case
def new_places():
    """Not in the first days; then once for a place that is new; never for the same again."""
    with Site(*PROXY, auth=['new_place_after = 2s']) as p:
        for _ in range(2):
            expect(p.far(ANN, PASSWORD, '198.51.100.7'), 'home')
        expect(p.far(ANN, PASSWORD, '198.51.100.99', 'desk'), 'the same network')
        time.sleep(2.2)
        expect(p.far(ANN, PASSWORD, '198.51.100.8'), 'home again')
        expect(p.far(ANN, PASSWORD, '203.0.113.5', 'elsewhere'), 'far away')
        p.wait_mail(ANN, 1)
        expect(p.far(ANN, PASSWORD, '203.0.113.6', 'elsewhere'), 'there again')
        time.sleep(3)
        got = letters(p, ANN)
        expect(len(got) == 1, f'{len(got)} letters')
        text = p.cli('mailbox', 'cat', ANN, str(got[0]['uid']))
        expect('never seen' in got[0]['subject'] and '203.0.113.5' in text, text)


@case
def from_everywhere():
    with Site(*PROXY, auth=['stolen_networks = 5']) as p:
        for i in range(4):
            expect(p.far(ANN, PASSWORD, f'198.51.{i}.7'), f'network {i}')
        expect(p.far(ANN, PASSWORD, '198.51.1.9'), 'one of them again')
        p.far(ANN, PASSWORD, '198.51.9.7')
        wait_until('the suspension', 5, lambda: p.json('account', 'suspended')['suspended'])
        expect(not p.far(ANN, PASSWORD, '198.51.0.7'), 'suspended')
        p.wait_mail(BOB, 1)
        p.cli('account', 'resume', ANN)
        expect(p.far(ANN, PASSWORD, '198.51.0.7'), 'resumed')
    with Site(*PROXY, auth=['stolen_networks = 3', 'stolen = alarm']) as p:
        for i in range(4):
            expect(p.far(ANN, PASSWORD, f'198.51.{i}.7'), f'alarm alone: {i}')
        p.wait_mail(BOB, 1)
        expect(not p.json('account', 'suspended')['suspended'], 'alarm alone')
    with Site(*PROXY, auth=['stolen_networks = 3', f'stolen_exempt = {ANN}']) as p:
        for i in range(6):
            expect(p.far(ANN, PASSWORD, f'198.51.{i}.7'), f'exempt: {i}')
        time.sleep(1)
        expect(not p.json('account', 'suspended')['suspended'], 'exempt')


@case
def sends_like_a_stolen_one():
    """Its sending is stopped by [outbound]; a place that is new besides: nobody logs in any more."""
    with Site(*PROXY, '[outbound]', 'sudden_minimum = 20', '[caps]', 'login_messages_15m = 0', 'login_rcpts_15m = 0') as p:
        p.setup_command('route add far --protocol smtp --hosts [127.0.0.1]:1 --tls none --match far.test')
        for who in (ANN, BOB):
            expect(p.far(who, PASSWORD, '198.51.100.7'), 'home')
        for who, ip in ((ANN, '203.0.113.5'), (BOB, '198.51.100.7')):
            expect(p.far(who, PASSWORD, ip), 'before')
            s = p.session()
            s.login(who, PASSWORD)
            for i in range(60):
                try:
                    s.sendmail(who, [f'user{i}-{k}@far.test' for k in range(10)], f'From: {who}\r\nTo: you\r\nSubject: x{i}\r\n\r\nhello {i}\r\n')
                except smtplib.SMTPException:
                    break
            s.close()
            wait_until(f'{who} is stopped', 10, lambda: [x for x in p.json('outbound', 'list')['suspended'] if x['who'] == who])
        found = wait_until('the suspension', 40, lambda: p.json('account', 'suspended')['suspended'], every=1)
        time.sleep(2)
        expect([f['address'] for f in p.json('account', 'suspended')['suspended']] == [ANN], f'Bob, who is at home, only sends no more: {found}')


@case
def guessed():
    with Site(*PROXY, auth=['stolen_failures = 6', 'ban_after = 0']) as p:
        expect(p.far(ANN, PASSWORD, '198.51.100.7'), 'home')
        for i in range(6):
            p.far(f'user{i}@local.test', 'wrong', '203.0.113.5')
        expect(p.far(BOB, PASSWORD, '203.0.113.5'), 'the very first login says nothing')
        p.far(ANN, PASSWORD, '203.0.113.5')
        found = wait_until('the suspension', 5, lambda: p.json('account', 'suspended')['suspended'])
        expect([f['address'] for f in found] == [ANN], f'{found}')


@case
def timing():
    """An unknown account, a disabled one, a suspended one, one with a remembered password and a wrong one: the same time."""
    with Site('[imap "imaps"]', 'login_failures = 100', auth=['failures_per_login = 100000', 'ban_after = 0'], reading=True) as p:
        p.setup_command('account add cat@local.test')
        p.cli('account', 'disable', BOB)
        p.cli('account', 'suspend', 'cat@local.test')
        p.imap(ANN, PASSWORD)
        m = imaplib.IMAP4_SSL('localhost', p.ports['imaps'], ssl_context=TLS, timeout=60)
        times = {who: [] for who in (ANN, BOB, 'cat@local.test', 'nobody@local.test', 'no.such.user@elsewhere.test')}
        for i in range(50):
            for who in random.sample(list(times), len(times)):
                t = time.perf_counter()
                try:
                    m.login(who, PASSWORD if who in (BOB, 'cat@local.test') else f'wrong {i}')
                    expect(False, f'{who} came in')
                except imaplib.IMAP4.abort:
                    m = imaplib.IMAP4_SSL('localhost', p.ports['imaps'], ssl_context=TLS, timeout=60)
                except imaplib.IMAP4.error:
                    times[who].append(time.perf_counter() - t)
        # The fast ones of each: what else runs on the machine makes some slow, nothing makes them fast.
        typical = {who: sorted(v)[2] for who, v in times.items()}
        print({k: f'{v * 1000:.2f} ms' for k, v in typical.items()})
        low, high = min(typical.values()), max(typical.values())
        expect(low > 0.01 and high - low < 0.15 * low, f'{typical}')


if __name__ == '__main__':
    sys.exit(run_cases(sys.argv[1:]))
