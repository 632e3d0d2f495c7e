#!/usr/bin/env python3
"""`posthouse backup` and `posthouse restore` beside a running server: backups under load and the disaster drill, a message out of an old backup,
runs that are killed, repositories that are damaged, keys, targets that fail, buckets, the schedule, what happens before an upgrade.

    test/backup.py [WORD ...]     the cases whose names contain one of the words
"""
import base64, hashlib, hmac, imaplib, json, os, shutil, signal, smtplib, sqlite3, ssl, struct, subprocess, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, PASSWORD, PROGRAM, wait_until
from s3server import S3
from tally import case, run_cases

ANN, BOB = 'ann@local.test', 'bob@local.test'
PASSPHRASE = 'correct horse battery staple'


def expect(good, what):
    if not good:
        raise AssertionError(what)


class Site(Instance):
    def __init__(self, *config, target=None, init=True):
        super().__init__(config=['[filter]', 'mark = 0', 'reject = 0', 'quarantine = 0', '[scan]', 'processes = 1', '[backup]', 'every = 0', *config],
                         listeners=('mx', 'imaps'))
        self.repository = self.dir + '/repository'
        self.key = self.dir + '/backup.key'
        with open(self.conf, 'a') as f:  # [backup] is the last section but for those of Instance: named again, it goes on
            f.write(f'[backup]\ntarget = {target or self.repository}\n')
        for command in ('domain add local.test', f'account add {ANN}', f'account add {BOB}'):
            self.setup_command(command)
        if init:
            self.cli('backup', 'init', '--key', self.key)

    def send(self, n, to=ANN, size=500, subject='letter', words=lambda n, size: [f'{n} {i} {hash((n, i))}' for i in range(size // 24)]):
        with smtplib.SMTP('127.0.0.1', self.ports['mx'], timeout=60) as s:
            s.sendmail('zoe@else.test', [to], f'From: Zoe <zoe@else.test>\r\nTo: {to}\r\nSubject: {subject} {n}\r\nMessage-ID: <{n}@else.test>\r\n\r\n'
                       + '\r\n'.join(words(n, size)) + '\r\n')

    def program(self, who=ANN, password=PASSWORD):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        m = imaplib.IMAP4_SSL('127.0.0.1', self.ports['imaps'], ssl_context=context, timeout=30)
        m.login(who, password)
        expect(m.select('INBOX')[0] == 'OK', 'SELECT')
        return m

    def run(self, *args, stdin=None):
        return subprocess.run([PROGRAM, '--config', self.conf, *args], capture_output=True, text=True, input=stdin, env=self.environment, timeout=60)

    def code(self, *args, **more):
        return self.run(*args, **more).returncode

    def backup(self):
        return self.json('backup', 'run')

    def verify(self, *args):
        r = self.run('backup', 'verify', '--key', self.key, '--json', *args)
        return r.returncode, json.loads(r.stdout) if r.stdout else r.stderr

    def ids(self, address=ANN):
        return [m['message_id'] for m in self.mail(address)]


class Load:
    """Mail comes in and a mail program changes flags until stop()."""

    def __init__(self, site):
        self.site, self.answered, self.took, self.over, self.wrong = site, [], [], False, []
        self.threads = [threading.Thread(target=self.guard, args=(f,)) for f in (self.send, self.change)]
        for t in self.threads:
            t.start()

    def guard(self, f):
        try:
            f()
        except Exception as e:
            self.wrong.append(e)

    def send(self):
        n = 0
        while not self.over:
            n += 1
            started = time.monotonic()
            self.site.send(f'load-{n}', size=200000 if n % 10 == 0 else 3000)
            self.took.append(time.monotonic() - started)
            self.answered.append(f'<load-{n}@else.test>')

    def change(self):
        m, n = self.site.program(), 0
        while not self.over:
            n += 1
            m.noop()
            m.uid('STORE', '1:*', '+FLAGS' if n % 2 else '-FLAGS', r'(\Flagged)')
        m.logout()

    def stop(self):
        self.over = True
        for t in self.threads:
            t.join()
        if self.wrong:
            raise self.wrong[0]


def totp(secret):
    mac = hmac.new(base64.b32decode(secret + '=' * (-len(secret) % 8)), struct.pack('>Q', int(time.time()) // 30), hashlib.sha1).digest()
    at = mac[19] & 15
    return f'{(struct.unpack(">I", mac[at:at + 4])[0] & 0x7fffffff) % 1000000:06}'


def p99(v):
    return sorted(v)[int(len(v) * 0.99)] * 1000 if v else 0


@case
def everything_comes_back():
    with Site() as p:
        p.start()
        load = Load(p)
        wait_until('some mail', 20, lambda: len(load.answered) >= 30)
        quiet = len(load.took)
        first = p.backup()
        later = []
        for _ in range(4):
            wait_until('more mail', 20, lambda: len(load.answered) >= len(later) + 30)
            later = list(load.answered)
            last = p.backup()
        wait_until('mail after it', 20, lambda: len(load.answered) > len(later) + 10)
        load.stop()
        expect(last['new_bytes'] < first['bytes'], (first, last))
        print(f'   p99 of a letter: {p99(load.took[:quiet]):.0f} ms without, {p99(load.took[quiet:]):.0f} ms beside backups', flush=True)
        p.kill()
        p.master = None
        shutil.rmtree(p.dir + '/data')
        expect(p.code('restore', 'all', '--key', p.key) == 0, 'restore')
        expect(p.code('restore', 'all', '--key', p.key) != 0, 'never over something')
        expect(p.run('store', 'verify').stdout.strip() == 'The store is whole.', p.run('store', 'verify').stdout)
        expect(p.code('mailbox', 'verify') == 0, 'mailbox verify')
        p.start()
        p.wait_queue(0)
        there = p.ids()
        expect(set(later) <= set(there), set(later) - set(there))
        expect(len(there) == len(set(there)), 'twice')
        expect(p.code('backup', 'run') != 0, 'another installation')
        p.cli('backup', 'adopt', '--key', p.key)
        after = p.backup()
        expect(after['new_bytes'] < first['bytes'] / 2, after)
        p.program().logout()  # passwords are there, too
        code, found = p.verify('--databases')
        expect(code == 0 and found['databases'] > 20, found)


@case
def a_message_of_an_old_backup():
    with Site() as p:
        p.start()
        for n in range(1, 6):
            p.send(n, size=100000 if n == 3 else 500)
            p.wait_mail(ANN, n)  # one after another: their UIDs are in this order
        m = p.program()
        m.uid('STORE', '3', '+FLAGS', r'(\Flagged \Seen $Work)')
        m.create('Work')
        m.uid('COPY', '1:2', 'Work')
        original = p.cli('mailbox', 'cat', ANN, '3')
        old = p.backup()['id']
        m.uid('STORE', '2:3', '+FLAGS', r'(\Deleted)')
        m.expunge()
        m.delete('Work')
        p.backup()
        key = ('--key', p.key)
        expect(p.code('restore', 'message', ANN, *key, '--subject', 'letter 3') == 2, 'not in the newest')
        expect(p.code('restore', 'message', ANN, *key, '--backup', old, '--from', 'zoe@') == 2, 'which?')
        found = p.json('restore', 'message', ANN, *key, '--backup', old, '--from', 'ZOE', '--list')['messages']
        expect([f['subject'] for f in found if f['folder'] == 'INBOX'] == [f'letter {n}' for n in range(1, 6)] and len(found) == 7, found)
        got = p.json('restore', 'message', ANN, *key, '--backup', old, '--message-id', '3@else.test')
        expect(got == {'restored': 1, 'present': 0, 'unreadable': 0}, got)
        wait_until('it in the open mailbox', 10, lambda: (m.noop(), m.uid('SEARCH', 'ALL')[1][0].split())[1] == [b'1', b'4', b'5', b'6'])
        flags = m.uid('FETCH', '6', '(FLAGS)')[1][0].decode()
        expect(r'\Flagged' in flags and r'\Seen' in flags and '$Work' in flags, flags)
        expect(p.cli('mailbox', 'cat', ANN, '6') == original, 'its bytes')
        got = p.json('restore', 'message', ANN, *key, '--backup', old, '--message-id', '<3@else.test>')
        expect(got['present'] == 1 and got['restored'] == 0, got)
        got = p.json('restore', 'folder', ANN, 'Work', *key, '--backup', old)
        expect(got['restored'] == 1 and got['present'] == 1, got)  # letter 1 is in INBOX still
        got = p.json('restore', 'folder', ANN, 'Work', *key, '--backup', old, '--again', '--into', 'Rescued/今天')
        expect(got['restored'] == 2 and len(p.json('mailbox', 'list', ANN, '--folder', 'Rescued/今天')['messages']) == 2, got)
        got = p.json('restore', 'account', ANN, *key, '--backup', old)
        expect(got['restored'] == 0, got)
        aside = p.dir + '/aside'
        for form, count in (('eml', 7), ('mbox', 2), ('maildir', 7)):
            p.cli('restore', 'account', ANN, *key, '--backup', old, '--to', f'{aside}/{form}', '--format', form)
            files = [os.path.join(d, f) for d, _, names in os.walk(f'{aside}/{form}') for f in names]
            expect(len(files) == count, (form, files))
        with open(f'{aside}/eml/INBOX/3.eml', newline='') as f:
            expect(f.read().replace('\r\n', '\n') == original.replace('\r\n', '\n'), 'eml')
        expect(open(f'{aside}/mbox/INBOX.mbox').read().count('\nFrom MAILER-DAEMON') == 4, 'mbox')
        expect(p.code('restore', 'account', 'nobody@local.test', *key) == 3, 'no such account')
        expect(p.code('mailbox', 'verify') == 0 and p.code('store', 'verify') == 0, 'verify')
        m.logout()


@case
def an_account_that_is_gone():
    script = 'require "fileinto"; if header :contains "subject" "invoice" { fileinto "Work"; }'
    with Site() as p:
        p.start()
        p.send(1)
        p.wait_mail(ANN, 1)
        ann, bob = p.program(), p.program(BOB)
        for folder in ('Work', 'Work/Empty'):
            expect(ann.create(folder)[0] == 'OK', folder)
        eve = 'eve@local.test'
        p.setup_command('account add ' + eve)
        expect(ann.setacl('INBOX', BOB, 'lr')[0] == 'OK' and bob.setacl('INBOX', ANN, 'lrs')[0] == 'OK', 'SETACL')
        expect(ann.setacl('INBOX', eve, 'lr')[0] == 'OK' and p.program(eve).setacl('INBOX', ANN, 'lr')[0] == 'OK', 'SETACL')
        for command in (f'account set {ANN} --name Ann --quota 500m --field title=Director', f'account own {ANN} ann.w@local.test taken@local.test',
                        f'group add staff@local.test {ANN}', f'group add past@local.test {ANN}', 'maillist add dev@local.test', f'maillist join dev@local.test {ANN}',
                        f'retention set Work forever --account {ANN}'):
            p.cli(*command.split())
        p.cli('forward', 'set', ANN, 'zoe@else.test')
        p.wait_mail(ANN, 2)  # she is told
        p.wait_queue(0)
        held = len(p.mail(ANN))
        p.cli('sieve', 'put', ANN, 'main', '-', '--activate', stdin=script)
        program = p.cli('app-password', 'add', ANN, 'phone', '--services', 'imap')
        phone = next(w for w in program.split() if w.count('-') == 4)
        secret = p.json('second-factor', 'setup', BOB)['secret']
        p.cli('second-factor', 'confirm', BOB, '--stdin', stdin=totp(secret) + '\n')
        number = p.json('account', 'show', ANN)
        p.backup()
        for who in (ANN, BOB, eve):
            p.cli('account', 'remove', who, '--with-mail', '--yes')
        p.setup_command('account add ' + eve)  # somebody else
        p.cli('group', 'remove', 'past@local.test')
        p.setup_command('account add taken@local.test')
        key = ('--key', p.key)
        expect(p.code('restore', 'account', ANN, '--mail-only', *key) == 3 == p.code('restore', 'message', ANN, '--all', *key), 'mail only')
        done = p.json('restore', 'account', ANN, *key)
        named = {(x['kind'], x['name']) for x in done['account']['brought']}
        lost = {(x['kind'], x['name']) for x in done['account']['missing']}
        expect(done['restored'] == held >= 1 and not done['account']['went_on'], done)
        expect(named >= {('alias', 'ann.w@local.test'), ('group', 'staff@local.test'), ('list', 'dev@local.test'), ('script', 'main'), ('retention', 'Work'),
                         ('forward', 'zoe@else.test'), ('password', ''), ('app-password', 'phone'), ('class', 'standard')}, named)
        expect(lost == {('alias', 'taken@local.test'), ('group', 'past@local.test'), ('grant', BOB), ('granted', BOB), ('grant', eve), ('granted', eve)}, lost)
        now = p.json('account', 'show', ANN)
        expect([now[k] for k in ('name', 'quota', 'fields')] == [number[k] for k in ('name', 'quota', 'fields')] and now['fields'], (number, now))
        ann = p.program()  # with its old password
        expect(ann.status('Work/Empty', '(MESSAGES)')[0] == 'OK', 'an empty folder')
        expect([s['name'] for s in p.json('sieve', 'list', ANN)['scripts'] if s['active']] == ['main'] and script in p.cli('sieve', 'show', ANN), 'script')
        expect(ANN in p.cli('group', 'members', 'staff@local.test') and ANN in p.cli('maillist', 'members', 'dev@local.test'), 'memberships')
        expect('zoe@else.test' in p.cli('forward', 'list'), 'forward')
        p.send(2, subject='invoice')
        wait_until('its script', 15, lambda: len(p.json('mailbox', 'list', ANN, '--folder', 'Work')['messages']) == 1)
        done = p.json('restore', 'account', BOB, *key)
        named = {(x['kind'], x['name']) for x in done['account']['brought']}
        expect(named >= {('factor', ''), ('recovery-code', ''), ('grant', ANN), ('granted', ANN + '/INBOX')} and done['account']['missing'] == [], done)
        expect('10' in p.cli('second-factor', 'show', BOB), 'second factor')
        again = p.json('restore', 'account', ANN, *key)
        expect('account' not in again and again == {'restored': 0, 'present': held, 'unreadable': 0}, again)
        p.cli('account', 'delete', BOB)
        deleted = p.run('restore', 'account', BOB, *key)
        expect(deleted.returncode != 0 and 'recovered' in deleted.stderr, deleted)
        p.stop()
        half = sqlite3.connect(p.dir + '/data/db/directory.sqlite')
        with half:  # as one leaves it that was killed after its first step
            half.execute('UPDATE account SET deleted_at = 253402300799000000 WHERE address = ?', (ANN,))
            half.execute('UPDATE meta SET version = version + 1')
        half.close()
        half = sqlite3.connect(p.dir + '/data/auth/db/credential.sqlite')
        with half:
            for table in ('credential', 'app_password'):
                half.execute(f'DELETE FROM {table}')
        half.close()
        p.start()
        done = p.json('restore', 'account', ANN, *key)
        expect(done['account']['went_on'] and done['restored'] == 0 and done['present'] == held, done)
        p.program()
        shared = p.program(password=phone).list('""', '"Other Users/*"')[1]
        expect(shared == [None], shared)  # whose they were is deleted
        expect(p.code('mailbox', 'verify') == 0 and p.code('store', 'verify') == 0, 'verify')


@case
def a_killed_backup_goes_on():
    with Site('max_rate = 16m') as p:
        p.start()
        for n in range(20):
            p.send(n, size=2500000, words=lambda n, size: base64.encodebytes(os.urandom(size * 3 // 4)).decode().split('\n'))
        p.wait_mail(ANN, 20)
        run = subprocess.Popen([PROGRAM, '--config', p.conf, 'backup', 'run'], env=p.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until('something sent', 20, lambda: any(names for _, _, names in os.walk(p.repository + '/data')))
        second = p.run('backup', 'run')
        expect(second.returncode != 0 and 'another backup is under way' in second.stderr, second)
        run.kill()
        run.wait()
        with open(p.conf) as f:
            text = f.read().replace('max_rate = 16m', 'max_rate = 0')
        with open(p.conf, 'w') as f:
            f.write(text)
        expect(p.json('backup', 'list')['generations'] == [], 'not half a backup')
        made = p.backup()
        expect(made['sent_bytes'] < made['bytes'] * 0.6, made)
        expect(p.verify('--databases')[0] == 0, 'verify')
        expect(len(p.json('backup', 'list')['generations']) == 1 == len(p.json('backup', 'list', '--key', p.key)['generations']), 'list')


@case
def damage_and_keys():
    with Site() as p:
        p.start()
        for n in range(3):
            p.send(n, size=200000)
        p.wait_mail(ANN, 3)
        p.backup()
        one = p.run('backup', 'init', '--key', p.dir + '/other.key')
        expect(one.returncode != 0 and 'already' in one.stderr, one)
        with open(p.key) as f:
            key = f.read()
        with open(p.dir + '/wrong.key', 'w') as f:
            last = key.rstrip()[-1]
            f.write(key.rstrip()[:-1] + ('0' if last != '0' else '1') + '\n')
        wrong = p.run('backup', 'verify', '--key', p.dir + '/wrong.key')
        expect(wrong.returncode == 1 and 'does not open' in wrong.stderr, wrong)
        expect(p.code('backup', 'list', '--stdin', stdin=PASSPHRASE + '\n') == 1, 'no passphrase yet')
        p.cli('backup', 'key', 'add', 'safe', '--key', p.key, '--stdin', stdin=PASSPHRASE + '\n')
        expect([k['label'] for k in p.json('backup', 'key', 'list')['keys']] == ['safe'], 'keys')
        expect(p.code('backup', 'verify', '--stdin', stdin=PASSPHRASE + '\n') == 0, 'by the passphrase')
        expect(p.code('backup', 'verify', '--stdin', stdin=PASSPHRASE + 'x\n') == 1, 'by another one')
        names = subprocess.run(['grep', '-rlaE', 'else.test|letter|ann@', p.repository], capture_output=True, text=True).stdout
        expect(names == '' and key.split()[-1] not in subprocess.run(['cat', p.dir + '/data/backup/repository'], capture_output=True, text=True).stdout, 'secrets')
        expect(oct(os.stat(p.key).st_mode)[-3:] == '600', 'mode of the key')
        objects = [os.path.join(d, f) for d, _, names in os.walk(p.repository + '/data') for f in names]
        largest = max(objects, key=os.path.getsize)
        with open(largest, 'r+b') as f:
            f.seek(os.path.getsize(largest) // 2)
            byte = f.read(1)
            f.seek(-1, 1)
            f.write(bytes([byte[0] ^ 1]))
        code, found = p.verify()
        expect(code == 1 and [x['kind'] for x in found['problems']] == ['object-damaged'] and os.path.basename(largest) in found['problems'][0]['text'], found)
        os.unlink(largest)
        expect(p.verify('--percent', '0')[1]['problems'][0]['kind'] == 'object-missing', 'missing')


@case
def targets_that_fail():
    with Site() as p:
        p.start()
        p.send(1)
        p.wait_mail(ANN, 1)
        p.backup()
        os.rename(p.repository, p.repository + '.away')
        gone = p.run('backup', 'run')
        expect(gone.returncode != 0 and 'mounted' in gone.stderr, gone)
        os.mkdir(p.repository)
        empty = p.run('backup', 'run')
        expect(empty.returncode != 0 and 'no repository in' in empty.stderr and os.listdir(p.repository) == [], empty)
        if os.geteuid() or subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=40m', 'none', p.repository], stderr=subprocess.DEVNULL).returncode:
            print('   full target: skipped, it needs root', flush=True)
            return
        try:
            subprocess.run(['cp', '-a', p.repository + '.away/.', p.repository], check=True)
            for n in range(20):
                p.send(n + 2, size=3000000 if n == 0 else 600000)
            p.wait_mail(ANN, 21)
            room = os.statvfs(p.repository)
            with open(p.repository + '/filler', 'wb') as f:
                f.write(bytes(room.f_bavail * room.f_frsize - 300000))
            full = p.run('backup', 'run')
            expect(full.returncode == 75 and 'is full' in full.stderr, full)
            os.unlink(p.repository + '/filler')
            p.backup()
            expect(p.verify('--databases')[0] == 0, 'whole again')
        finally:
            subprocess.run(['umount', p.repository])


@case
def into_a_bucket():
    with S3() as s:
        settings = (f'endpoint = http://127.0.0.1:{s.port}', f'region = {s.region}', f's3_key = {s.key}', f's3_secret = {s.secret}')
        with Site(*settings, target='s3://mail/site one') as p:
            p.start()
            for n in range(10):
                p.send(n, size=150000)
            p.wait_mail(ANN, 10)
            s.fail = [503, 0, 500, 0, 429]
            p.backup()
            expect(s.fail == [] and s.refused == 0, 'tried again')
            expect(all(name.startswith('site one/') for name in s.objects) and len(s.objects) >= 4, list(s.objects))
            for n in range(3):
                p.backup()
            expect(len(p.json('backup', 'list', '--key', p.key)['generations']) == 4, 'pages of lists')
            expect(p.verify('--databases')[0] == 0, 'verify')
            p.cli('restore', 'config', '--key', p.key, '--to', p.dir + '/etc')
            expect(open(p.dir + '/etc/posthouse.conf').read() == open(p.conf).read() and s.secret in open(p.dir + '/etc/effective.conf').read(), 'configuration')
            p.stop()
            shutil.rmtree(p.dir + '/data')
            p.cli('restore', 'all', '--key', p.key)
            expect(p.code('store', 'verify') == 0 and len(p.mail(ANN)) == 10, 'restored')
            s.secret = 'another'
            denied = p.run('backup', 'adopt', '--key', p.key)
            expect(denied.returncode != 0 and 'SignatureDoesNotMatch' in denied.stderr, denied)


@case
def by_the_schedule():
    with S3() as s:
        settings = ('every = 1h', f'endpoint = http://localhost:{s.port}', f'region = {s.region}', f's3_key = {s.key}', f's3_secret = {s.secret}',
                    'keep_last = 2', 'keep_daily = 0', 'keep_weekly = 0', 'keep_monthly = 0')
        with Site(*settings, target='s3://mail') as p:
            p.start()
            p.send(1)
            made = wait_until('the first backup', 30, lambda: p.json('backup', 'list')['generations'], every=0.3)
            expect(made[0]['why'] == 'schedule', made)
            wait_until('its process to tell', 10, lambda: 'posthouse_backup_runs_total{role="backup",instance="0",result="good"} 1' in p.cli('metrics')
                       or 'result="good"' in p.cli('metrics'))
            for n in range(3):
                p.backup()
            expect(len(p.json('backup', 'list')['generations']) == 2, 'those that are over go')
            expect(len([n for n in s.objects if n.startswith('gen/')]) == 2 and p.verify()[0] == 0, 'in the bucket, too')
            expect(s.refused == 0, 'signatures')
            p.stop()
            state = sqlite3.connect(p.dir + '/data/backup/db/backup.sqlite')
            with state:
                state.execute('UPDATE generation SET started_at = started_at - 400000000000')
            state.close()
            s.fail = [403] * 1000
            p.start()
            wait_until('the alarm', 20, lambda: 'posthouse_backup_overdue' in p.cli('metrics') and 'event=backup.overdue' in p.log_tail(20000), every=0.3)
            expect('event=backup.failed' in p.log_tail(20000), 'the failure')
            s.fail = []


@case
def before_an_upgrade():
    with Site() as p:
        p.prepare()
        db = sqlite3.connect(p.dir + '/data/db/report.sqlite')
        with db:  # as the program before this one had left it
            version, down = db.execute('SELECT version, down FROM schema_version ORDER BY version DESC LIMIT 1').fetchone()
        for statement in (s for s in down.replace('{{WITHOUT_ROWID}}', 'WITHOUT ROWID').replace('{{BLOB}}', 'BLOB').replace('{{AUTO_KEY}}', 'INTEGER PRIMARY KEY AUTOINCREMENT').replace('{{KEY}}', 'INTEGER PRIMARY KEY').split(';') if s.strip()):
            db.execute(statement)
        db.execute('DELETE FROM schema_version WHERE version = ?', (version,))
        db.commit()
        left = db.execute('SELECT COUNT(*) FROM schema_version').fetchone()[0]
        db.close()
        if not left:
            print('   skipped: that database has had one schema only', flush=True)
            return
        p.start()
        made = p.json('backup', 'list')['generations']
        expect([g['why'] for g in made] == ['upgrade'], made)
        p.stop()
        p.start()
        expect(len(p.json('backup', 'list')['generations']) == 1, 'only when something changes')
        p.stop()
        os.mkdir(p.dir + '/data/restoring')
        p.start(wait=False)
        expect(p.master.wait(20) != 0 and 'a restore was not finished' in p.log_tail(), 'half a restore is not served')


if __name__ == '__main__':
    sys.exit(run_cases(sys.argv[1:]))
