#!/usr/bin/env python3
"""Encryption at rest: nothing of a letter is readable on the disk, a server without its key does not start, a store changes from one state to another with all its
mail, also when that is killed, and an encrypted store comes back from a backup with the backup's own key alone.

What may be read on the disk of an encrypted store is said in doc/en/encryption.md: names of databases, sizes, times, and DATA/kv (addresses of senders and hosts)."""
import base64, hashlib, imaplib, json, os, random, shutil, signal, smtplib, ssl, subprocess, sys, traceback
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, PASSWORD, PROGRAM

ANN = 'ann@local.test'
SECRETS = (b'Wombatsubject', b'quokkasender', b'Bandicootword', b'numbatfile', b'Echidnaname', base64.b64encode(b'wallabyattached'))
UNCOVERED = ('kv',)


def expect(right, what):
    if not right:
        raise AssertionError(what)


class Store(Instance):
    def __init__(self, directory=None, more=()):
        super().__init__(['[encryption]', 'key_file = /nowhere', '[backup]', 'target = /nowhere'], directory, listeners=('mx', 'lmtp', 'imaps'))
        self.key = self.dir + '/store.key'
        self.write_config(['[dns]', 'mode = forward', f'servers = 127.0.0.1@{self.nowhere.port}', '[encryption]', f'key_file = {self.key}',
                           '[backup]', f'target = {self.dir}/repository', *more])

    def code(self, *args):
        r = subprocess.run([PROGRAM, '--config', self.conf, *args], capture_output=True, text=True, timeout=120, env=self.environment)
        self.said = r.stdout + r.stderr
        return r.returncode

    def letters(self, first, n):
        with smtplib.LMTP('127.0.0.1', self.ports['lmtp']) as s:
            for i in range(first, first + n):
                data = base64.encodebytes(b'wallabyattached' + random.Random(i // 2).randbytes(60000 if i % 3 == 0 else 50)).decode()
                s.sendmail(f'quokkasender{i}@else.test', [ANN],
                           f'From: Echidnaname <quokkasender{i}@else.test>\r\nTo: {ANN}\r\nSubject: Wombatsubject {i}\r\nMessage-ID: <{i}@else.test>\r\n'
                           'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n'
                           f'Bandicootword number{i}\r\n--b\r\nContent-Type: application/octet-stream; name=numbatfile.bin\r\n'
                           f'Content-Transfer-Encoding: base64\r\n\r\n{data}\r\n--b--\r\n')

    def imap(self):
        context = ssl.create_default_context(cafile=self.cert_file)
        m = imaplib.IMAP4_SSL('localhost', self.ports['imaps'], ssl_context=context, timeout=20)
        m.login(ANN, PASSWORD)
        m.select('INBOX')
        return m

    def read(self):
        """Digests of all letters as a mail program reads them."""
        m = self.imap()
        _, parts = m.fetch('1:*', '(BODY.PEEK[])')
        m.logout()
        return sorted(hashlib.sha256(p[1]).hexdigest() for p in parts if isinstance(p, tuple))

    def shown(self):
        """(file, secret) of whatever can be read in DATA."""
        found = set()
        for root, dirs, files in os.walk(self.dir + '/data'):
            if os.path.relpath(root, self.dir + '/data') in UNCOVERED:
                continue
            for name in files:
                with open(os.path.join(root, name), 'rb') as f:
                    data = f.read()
                found |= {(os.path.relpath(os.path.join(root, name), self.dir), w) for w in SECRETS if w in data}
        return found

    def plain(self):
        """Databases that are plain: the end of their first page names no key."""
        found = []
        for root, _, files in os.walk(self.dir + '/data'):
            for name in files:
                if name.endswith('.sqlite'):
                    with open(os.path.join(root, name), 'rb') as f:
                        head = f.read(100)
                        size = int.from_bytes(head[16:18], 'big') if head else 0
                        f.seek(size - 64 if size > 64 else 0)
                        if head and (head[20] != 64 or f.read(4) == bytes(4)):
                            found.append(os.path.relpath(os.path.join(root, name), self.dir))
        return found

    def fails_to_start(self, why):
        before = {(r, f): os.stat(os.path.join(r, f)).st_mtime_ns for r, _, fs in os.walk(self.dir + '/data') for f in fs}
        r = subprocess.run([PROGRAM, 'serve', '--config', self.conf], capture_output=True, text=True, timeout=30, env=self.environment)
        expect(r.returncode == 78 and why in r.stderr, f'{why}: {r.returncode} {r.stderr}')
        after = {(r, f): os.stat(os.path.join(r, f)).st_mtime_ns for r, _, fs in os.walk(self.dir + '/data') for f in fs}
        expect(before == after, 'nothing is touched')
        expect(self.code('mailbox', 'list', ANN) == 1 and why in self.said, f'the command line: {self.said}')

    def keys(self):
        status = self.json('encryption', 'status')
        return status, {k['key']: k for k in status['keys']}


def made_encrypted_from_plain(p):
    p.setup_command('domain add local.test')
    p.setup_command(f'account add {ANN}')
    p.start()
    p.letters(0, 6)
    p.wait_mail(ANN, 6)
    letters = p.read()
    expect(p.code('encryption', 'on') != 0, 'no key file')
    p.cli('encryption', 'key')
    expect(oct(os.stat(p.key).st_mode)[-3:] == '400', 'mode of the key')
    expect(p.code('encryption', 'key') != 0, 'a key is not overwritten')
    expect(p.code('encryption', 'on') == 75, 'while the server runs')
    p.stop()
    expect({s for _, s in p.shown()} >= set(SECRETS), 'a plain store shows all of it, or this test tells nothing')
    p.cli('encryption', 'on')
    expect(p.code('encryption', 'on') != 0, 'twice')
    for _ in range(4):  # killed anywhere, begun again
        r = subprocess.Popen([PROGRAM, '--config', p.conf, 'encryption', 'convert'], env=p.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            r.wait(random.uniform(0.02, 0.25))
        except subprocess.TimeoutExpired:
            r.send_signal(signal.SIGKILL)
            r.wait()
    p.cli('encryption', 'convert')
    status, keys = p.keys()
    expect(status['encrypted'] and status['complete'] and not status['strange'], status)
    expect(p.shown() == set(), p.shown())
    p.start()
    expect(p.read() == letters, 'letters after the conversion')
    p.letters(6, 6)
    p.wait_mail(ANN, 12)
    m = p.imap()
    expect(m.search(None, 'TEXT', 'number7')[1] == [b'8'], 'search')
    expect(m.search(None, 'SUBJECT', 'Wombatsubject')[1][0].split() == [b'%d' % i for i in range(1, 13)], 'search by subject')
    m.logout()
    letters = p.read()
    p.cli('store', 'verify')
    p.cli('encryption', 'convert', '--packs')
    expect(p.shown() == set(), f'while it runs: {p.shown()}')
    who = p.processes()
    for pid, role in who.items():
        held = any('posthouse.keys' in os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd'))
        expect(held == (role == 'master'), f'{role} has the descriptor of the keys: {held}')
    p.stop()
    expect(p.shown() == set(), f'after it ran: {p.shown()}')
    return letters


def refused_without_its_key(p):
    os.rename(p.key, p.key + '.away')
    p.fails_to_start('the key is missing')
    expect(p.code('encryption', 'status') == 1 and 'the key is missing' in p.said, 'status tells without the key')
    with open(p.key, 'w') as f:
        f.write('00' * 32 + '\n')
    os.chmod(p.key, 0o400)
    shutil.chown(p.key, os.stat(p.key + '.away').st_uid)
    p.fails_to_start("the key is not this store's")
    os.remove(p.key)
    os.rename(p.key + '.away', p.key)
    os.chmod(p.key, 0o644)
    p.fails_to_start('may read the key')
    os.chmod(p.key, 0o400)


def keys_change(p, letters):
    before = p.keys()[0]['keys']
    p.cli('encryption', 'rotate')
    p.cli('encryption', 'key', p.dir + '/new.key')
    p.cli('encryption', 'rewrap', p.dir + '/new.key')
    p.fails_to_start("the key is not this store's")
    os.replace(p.dir + '/new.key', p.key)
    p.cli('encryption', 'convert')
    p.cli('encryption', 'drop')
    status, keys = p.keys()
    old = [k['key'] for k in before if k['key']]
    expect(status['complete'] and not set(old) & set(keys) and len(keys) == 2, status)
    p.start()
    expect(p.read() == letters, 'letters after a rotation')
    expect(p.code('reload') == 0, p.said)
    expect(p.read() == letters, 'letters after a reload')


def comes_back(p, letters):
    p.cli('backup', 'init', '--key', p.dir + '/backup.key')
    p.cli('backup', 'run')
    p.cli('backup', 'verify', '--key', p.dir + '/backup.key', '--databases')
    kept = subprocess.run(['grep', '-rlE', '|'.join(s.decode() for s in SECRETS), p.dir + '/repository'], capture_output=True, text=True).stdout
    expect(kept == '', f'readable in the repository: {kept}')
    got = p.json('restore', 'account', ANN, '--key', p.dir + '/backup.key', '--again', '--into', 'Back')
    m = p.imap()
    expect(m.select('Back')[1] == [b'%d' % len(letters)], got)
    m.logout()
    p.stop()
    with Store() as q:
        shutil.move(p.dir + '/repository', q.dir + '/repository')
        q.cli('restore', 'all', '--key', p.dir + '/backup.key')
        expect(oct(os.stat(q.key).st_mode)[-3:] == '400' and open(q.key).read() != open(p.key).read(), 'a key of its own')
        expect(q.shown() == set(), f'restored: {q.shown()}')
        q.start()
        expect(q.read() == letters, 'letters out of the backup')
        q.letters(50, 1)
        q.wait_mail(ANN, len(letters) + 1)
        q.stop()
        expect(q.keys()[0]['complete'] and q.shown() == set(), f'what is restored is encrypted: {q.keys()[0]} {q.shown()} {q.plain()}')


def made_plain_again(p, letters):
    p.cli('encryption', 'off')
    p.cli('encryption', 'convert')
    p.cli('encryption', 'drop')
    status, keys = p.keys()
    expect(not status['encrypted'] and list(keys) == [0] and not os.path.exists(p.dir + '/data/crypt'), status)
    os.remove(p.key)
    p.start()
    expect(p.read() == letters, 'letters of a plain store')
    p.cli('store', 'verify')
    p.stop()


def made_by_init():
    with Store() as p:
        conf, key, data = p.dir + '/made.conf', p.dir + '/made.key', p.dir + '/made'
        r = subprocess.run([PROGRAM, '--config', conf, 'init', '--domain', 'local.test', '--hostname', 'mx.local.test', '--data', data, '--run', p.dir + '/run2',
                            '--resolver', f'127.0.0.1@{p.nowhere.port}', '--encryption', key, '--stdin'],
                           input=PASSWORD + '\n', capture_output=True, text=True, timeout=60, env=p.environment)
        expect(r.returncode == 0, r.stdout + r.stderr)
        expect(oct(os.stat(key).st_mode)[-3:] == '400', 'mode of the key')
        status = json.loads(subprocess.run([PROGRAM, '--config', conf, 'encryption', 'status', '--json'], capture_output=True, text=True, timeout=60, env=p.environment).stdout)
        expect(status['encrypted'] and status['complete'], status)


passed = 0


def step(fn, *args):
    global passed
    got = fn(*args)
    passed += 1
    print('ok ' + fn.__name__.replace('_', ' '), flush=True)
    return got


try:
    with Store() as p:
        letters = step(made_encrypted_from_plain, p)
        step(refused_without_its_key, p)
        step(keys_change, p, letters)
        step(comes_back, p, letters)
        step(made_plain_again, p, letters)
    step(made_by_init)
except Exception:
    traceback.print_exc()
    sys.exit(print(f'{passed} passed, 1 failed') or 1)
print(f'{passed} passed, 0 failed')
