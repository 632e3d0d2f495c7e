#!/usr/bin/env python3
"""Feature packs through a running server: built, signed, installed from a file, a directory and an https URL; what is
tampered with, cut or older is refused; trials that pass and trials that refuse; going back; processes killed meanwhile;
no message refused or unexamined while versions change.

    test/features.py [WORD ...]     the cases whose names contain one of the words
"""
import http.server, json, os, random, re, shutil, signal, smtplib, ssl, sys, tempfile, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PROGRAM, Instance, wait_until
from tally import case, expect, run_cases
from zone import Zone

ME = 'u@local.test'
PLAIN = {'a.rules': 'rule vendor-word 20\n\ten the word of this test\n\ttext has abracadabra\n'}
OTHER = {'a.rules': 'rule vendor-other 20\n\ten another word\n\ttext has openseme\n'}
HOLDS_ALL = {'a.rules': 'rule vendor-all 30\n\ten everything\n\ttext has letter\n'}


def letter(text):
    return (f'From: Ann <ann@far.test>\r\nTo: {ME}\r\nSubject: hello\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\n'
            f'Message-ID: <{random.getrandbits(60):x}@far.test>\r\n\r\nThis is a letter of today, {text}\r\n').encode()


def send(p, text='how are you?', sender='ann@far.test'):
    """(code, text) of the answer."""
    with smtplib.SMTP('127.0.0.1', p.ports['mx'], timeout=60) as s:
        s.ehlo()
        s.mail(sender)
        code, answer = s.rcpt(ME)
        if code != 250:
            return code, answer.decode()
        code, answer = s.data(letter(text))
        return code, answer.decode()


def found(p, text):
    """The names of the signals of a letter with that text."""
    answer = send(p, text)
    where = ('trace', re.search(r'\b[0-9A-V]{13}\b', answer[1])[0])
    wait_until('the trace', 20, lambda: 'content' in p.cli(*where, check=False))
    return set(re.findall(r'^ +[-+][\d.]+  ([\w-]+)', p.cli(*where), re.M))


class Server(Instance):
    """With a key of its own that it trusts."""
    def __init__(self, config=(), features=(), **more):
        self.work = tempfile.mkdtemp(prefix='posthouse-packs-')
        super().__init__(config=['[filter]', 'mark = 0.95', 'reject = 0', *config], **more)
        self.serial = 0
        self.key = self.make_key('one')
        with open(self.conf, 'a', encoding='utf-8') as f:
            f.write('\n'.join(['[features]', f'keys = {self.public}', *features]) + '\n')
        self.setup_command('domain add local.test')
        self.setup_command(f'account add {ME}')

    def __exit__(self, *exc):
        super().__exit__(*exc)
        shutil.rmtree(self.work, ignore_errors=True)

    def make_key(self, name):
        self.public = self.cli('features', 'keygen', f'{self.work}/{name}.pem').split()[-1]
        return f'{self.work}/{name}.pem'

    def build(self, files, *more, name='vendor', serial=None, key=None, out=None):
        self.serial = serial or self.serial + 1
        directory = tempfile.mkdtemp(dir=self.work)
        for file, text in files.items():
            with open(os.path.join(directory, file), 'wb') as f:
                f.write(text if isinstance(text, bytes) else text.encode())
        out = out or f'{self.work}/{name}-{self.serial}.pack'
        self.cli('features', 'build', directory, '--name', name, '--version', f'1.{self.serial}', '--serial', str(self.serial),
                 '--key', key or self.key, '--out', out, *more)
        return out

    def install(self, pack, *more):
        return self.cli('features', 'install', pack, *more)

    def versions(self):
        return self.json('features', 'list')['versions']

    def in_force(self):
        return {v['name']: v['number'] for v in self.versions() if v['in_force']}

    def history(self):
        return self.json('features', 'history', '--all')['history']

    def wait_in_force(self, name, number, seconds=90):
        wait_until(f'version {number}', seconds, lambda: self.in_force().get(name) == number, 0.1)

    def refused(self, pack, words, *more):
        text = self.cli('features', 'install', pack, *more, check=False)
        expect(f'refused: {words}', (words in text, 'Version' in text), (True, False))


@case
def installed_from_a_file():
    with Server() as p:
        pack = p.build(PLAIN, '--notes-en', 'more words', '--notes-zh', '更多词语')
        expect('check', 'everything in it can be used' in p.cli('features', 'check', pack), True)
        p.start()
        expect('before', 'vendor-word' in found(p, 'abracadabra'), False)
        began = time.monotonic()
        p.install(pack, '--now')
        expect('after', 'vendor-word' in found(p, 'abracadabra'), True)
        expect('within seconds', time.monotonic() - began < 20, True)
        expect('in force', p.in_force(), {'vendor': 1})
        expect('its notes', 'more words' in p.cli('features', 'show', '1'), True)
        last = p.history()[-1]
        expect('history', (last['what'], last['rules']['added']), ('in-force', {'count': 1, 'names': ['vendor-word']}))
        expect('rule show', 'features:vendor/a.rules' in p.cli('rule', 'show', 'vendor-word'), True)
        p.install(p.build(OTHER), '--now')
        signals = found(p, 'abracadabra openseme')
        expect('the second', ('vendor-other' in signals, 'vendor-word' in signals), (True, False))
        p.cli('features', 'rollback')
        signals = found(p, 'abracadabra openseme')
        expect('rolled back', ('vendor-other' in signals, 'vendor-word' in signals), (False, True))
        p.install(p.build(OTHER, name='corp'), '--now')
        signals = found(p, 'abracadabra openseme')
        expect('two packs', {'vendor-other', 'vendor-word'} <= signals, True)
        p.stop()
        p.start()
        expect('after a restart', {'vendor-other', 'vendor-word'} <= found(p, 'abracadabra openseme'), True)
        p.cli('features', 'remove', 'corp')
        expect('removed', 'vendor-other' in found(p, 'openseme'), False)
        p.cli('reload')
        expect('after a reload', 'vendor-word' in found(p, 'abracadabra'), True)


@case
def a_shipped_file_is_replaced():
    with Server() as p:
        shipped = [r for r in p.json('rule', 'list', '--all')['rules'] if r['state'] == 'on'][0]
        file = shipped['file'].split(':')[1]
        p.install(p.build({file: PLAIN['a.rules']}), '--now')
        rules = p.json('rule', 'list', '--all')['rules']
        expect('the shipped one', [r['name'] for r in rules if r['file'] == f'shipped:{file}'], [])
        expect('in its place', [r['name'] for r in rules if r['file'] == f'features:vendor/{file}'], ['vendor-word'])


@case
def what_is_wrong_is_refused():
    with Server() as p:
        good = p.build(PLAIN)
        data = open(good, 'rb').read()
        p.start()
        p.install(good, '--now')
        stranger = p.make_key('stranger')
        p.refused(p.build(OTHER, key=stranger), 'no trusted key has signed this pack')
        p.refused(p.build(OTHER, serial=0 + 1, key=stranger, out=f'{p.work}/x.pack'), 'no trusted key')
        for i in range(0, len(data), max(1, len(data) // 12)):  # each byte: the unit tests
            broken = bytearray(data)
            broken[i] ^= 0x20
            open(f'{p.work}/broken.pack', 'wb').write(broken)
            text = p.cli('features', 'install', f'{p.work}/broken.pack', '--now', check=False)
            expect(f'byte {i}', p.in_force(), {'vendor': 1})
        open(f'{p.work}/cut.pack', 'wb').write(data[:len(data) // 2])
        p.refused(f'{p.work}/cut.pack', 'not a pack')
        newer = p.build(OTHER, serial=9)
        p.install(newer, '--now')
        older = p.build(PLAIN, serial=8)
        p.refused(older, 'older')
        p.refused(good, 'older', '--now')
        p.cli('features', 'rollback', '1')
        expect('the administrator may go back', p.in_force(), {'vendor': 1})
        for what, directory, more, words in (('bad rules', bad_rules(p), (), 'a.rules'), ('a newer program', good_rules(p), ('--needs', '99.0'), 'needs version 99.0')):
            text = p.cli('features', 'build', directory, '--name', 'vendor', '--version', '1', '--key', p.key, '--out', f'{p.work}/bad.pack', *more, check=False)
            expect(what, (words in text, os.path.exists(f'{p.work}/bad.pack')), (True, False))
        expect('in force at last', 'vendor-word' in found(p, 'abracadabra'), True)


def rules_in_a_directory(p, text):
    directory = tempfile.mkdtemp(dir=p.work)
    with open(os.path.join(directory, 'a.rules'), 'w', encoding='utf-8') as f:
        f.write(text)
    return directory


def bad_rules(p):
    return rules_in_a_directory(p, 'rule broken 5\n\ten x\n\ttext frobs x\n')


def good_rules(p):
    return rules_in_a_directory(p, PLAIN['a.rules'])


@case
def keys_change():
    with Server() as p:
        first, old_public = p.key, p.public
        second = p.make_key('two')
        new_public = p.public
        p.refused(p.build(OTHER, key=second, serial=5), 'no trusted key')
        p.install(p.build(PLAIN, '--next-key', new_public, serial=6), '--now')
        p.install(p.build(OTHER, key=second, serial=7), '--now')
        expect('history', [h['key'] for h in p.history() if h['what'] == 'key'], [new_public])
        text = open(p.conf, encoding='utf-8').read()
        open(p.conf, 'w', encoding='utf-8').write(text.replace('[features]\n', f'[features]\nrevoked = {old_public}\n'))
        p.refused(p.build(PLAIN, key=first, serial=8), 'no trusted key')
        both = p.build(PLAIN, key=second, serial=9)
        p.cli('features', 'sign', both, '--key', first)
        p.install(both, '--now')


class Source:
    """An https server over a directory."""
    def __init__(self, directory, cert, key):
        source = self
        self.asked, self.not_modified, self.cut = [], 0, None

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                source.asked.append(self.path)
                path = os.path.join(directory, os.path.basename(self.path))
                if not os.path.exists(path):
                    self.send_error(404)
                    return
                data = open(path, 'rb').read()
                tag = f'"{hash(data)}"'
                if self.headers.get('If-None-Match') == tag:
                    source.not_modified += 1
                    self.send_response(304)
                    self.send_header('ETag', tag)
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header('ETag', tag)
                self.send_header('Content-Length', str(len(data)))
                self.end_headers()
                cut = source.cut and self.path.endswith('.pack')
                self.wfile.write(data[:len(data) // 2] if cut else data)

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def add_to_config(p, lines):
    text = open(p.conf, encoding='utf-8').read()
    open(p.conf, 'w', encoding='utf-8').write(text.replace('[features]\n', '[features]\n' + ''.join(l + '\n' for l in lines)))


@case
def from_a_directory():
    shelf = tempfile.mkdtemp(prefix='posthouse-shelf-')
    os.chmod(shelf, 0o755)
    with Server(features=[f'source = {shelf}', 'canary = no']) as p:
        p.build(PLAIN, out=f'{shelf}/v1.pack')
        p.cli('features', 'index', shelf)
        p.start()
        p.wait_in_force('vendor', 1)
        expect('judged', 'vendor-word' in found(p, 'abracadabra'), True)
        data = open(p.build(OTHER, out=f'{shelf}/v2.pack'), 'rb').read()
        p.cli('features', 'index', shelf)
        open(f'{shelf}/v2.pack', 'wb').write(data[:-40])  # still being copied
        p.cli('features', 'fetch')
        wait_until('the complaint', 20, lambda: 'features.pack' in p.log_tail(100000))
        expect('the old one stays', p.in_force(), {'vendor': 1})
        open(f'{shelf}/v2.pack', 'wb').write(data)
        p.cli('features', 'fetch')
        p.wait_in_force('vendor', 2)
        p.cli('features', 'rollback')
        p.cli('features', 'fetch')
        time.sleep(2)
        expect('what was rolled back does not come again', p.in_force(), {'vendor': 1})
    shutil.rmtree(shelf)


@case
def from_a_url():
    zone = Zone(['mx.post.test A 127.0.0.1'])
    with Server(['[dns]', 'mode = forward', f'servers = 127.0.0.1@{zone.port}'], ['canary = no', 'every = 1m']) as p:
        shelf = os.path.join(p.work, 'shelf')
        os.mkdir(shelf)
        source = Source(shelf, p.cert_file, p.key_file)
        add_to_config(p, [f'source = https://mx.post.test:{source.port}/packs/index.json'])
        text = open(p.conf, encoding='utf-8').read()
        open(p.conf, 'w', encoding='utf-8').write(text.replace('[tls]\n', f'[tls]\nca = {p.cert_file}\n'))
        p.build(PLAIN, out=f'{shelf}/v1.pack')
        p.cli('features', 'index', shelf)
        p.start()
        p.wait_in_force('vendor', 1)
        expect('judged', 'vendor-word' in found(p, 'abracadabra'), True)
        p.cli('features', 'fetch')
        wait_until('not modified', 20, lambda: source.not_modified)
        source.cut = True
        p.build(OTHER, out=f'{shelf}/v2.pack')
        p.cli('features', 'index', shelf)
        p.cli('features', 'fetch')
        wait_until('the half', 20, lambda: '/packs/v2.pack' in source.asked)
        time.sleep(1)
        expect('the old one stays', p.in_force(), {'vendor': 1})
        source.cut = False
        p.cli('features', 'fetch')
        p.wait_in_force('vendor', 2)
        expect('judged', 'vendor-other' in found(p, 'openseme'), True)


@case
def trials():
    with Server(features=['canary_letters = 12', 'canary_differ = 10', 'canary_time = 10m']) as p:
        p.start()
        p.install(p.build(PLAIN))
        wait_until('the trial', 30, lambda: 'features.trial' in p.log_tail(100000))
        expect('not yet', p.in_force(), {})

        def letters_until(check):
            for i in range(120):
                expect('accepted', send(p, f'number {i}')[0], 250)
                if check():
                    return
                time.sleep(0.1)
            raise AssertionError(f'after all letters: {p.history()}\n{p.cli("features", "canary", check=False)}')
        letters_until(lambda: p.in_force() == {'vendor': 1})
        last = p.history()[-1]
        expect('history', (last['what'], last['trial']['letters'] >= 12), ('in-force', True))
        p.install(p.build(HOLDS_ALL))
        letters_until(lambda: any(h['what'] == 'refused' for h in p.history()))
        last = p.history()[-1]
        expect('refused', (last['what'], last['number'], last['trial']['more_spam'] >= 2), ('refused', 2, True))
        example = last['trial']['examples'][0]
        expect('with examples', ('+vendor-all' in example['rules'], 'content' in p.cli('trace', example['id'])), (True, True))
        expect('the old one stays', p.in_force(), {'vendor': 1})
        expect('honest mail', 'vendor-all' in found(p, 'hello'), False)
        expect('nothing is tried', 'Nothing' in p.cli('features', 'canary', check=False), True)
        p.cli('features', 'use', '2', '--now')
        expect('against better advice', 'vendor-all' in found(p, 'hello'), True)
        p.cli('features', 'rollback')
        expect('rolled back', 'vendor-all' in found(p, 'hello'), False)


@case
def little_mail():
    with Server(features=['canary_time = 2s']) as p:
        p.start()
        p.install(p.build(PLAIN))
        p.wait_in_force('vendor', 1)
        expect('with a note', 'few letters' in p.history()[-1].get('note', ''), True)


@case
def lists_come_and_go():
    with Server() as p:
        p.cli('list', 'add', '--allow', '--sender', 'ann@mine.test', check=False)
        p.start()
        expect('before', send(p, sender='bob@bad.test')[0], 250)
        p.install(p.build({'bad.list': 'block domain bad.test\n'}), '--now')
        wait_until('the entry', 20, lambda: 'bad.test' in p.cli('list', 'show', check=False) or send(p, sender='bob@bad.test')[0] >= 500)
        wait_until('refused', 20, lambda: send(p, sender='bob@bad.test')[0] >= 500)
        p.install(p.build(PLAIN), '--now')
        wait_until('taken again', 20, lambda: send(p, sender='bob@bad.test')[0] == 250)


@case
def signatures_for_clamd():
    directory = tempfile.mkdtemp(prefix='posthouse-clamav-')
    os.chmod(directory, 0o777)  # as root the server is another user
    with Server(features=[f'clamav = {directory}']) as p:
        open(f'{directory}/own.ndb', 'w').write('x')
        p.start()
        p.install(p.build({'test.hdb': '44d88612fea8a8f36de82e1278abb02f:68:Test\n'}), '--now')
        wait_until('the file', 20, lambda: os.path.exists(f'{directory}/posthouse-vendor-test.hdb'))
        p.install(p.build(PLAIN), '--now')
        wait_until('gone', 20, lambda: os.listdir(directory) == ['own.ndb'])
    shutil.rmtree(directory)


@case
def killed_while_installing():
    """Each time something is in force, whole: the old or the new."""
    with Server(features=['canary = no']) as p:
        packs = [p.build(PLAIN), p.build(OTHER)]
        p.start()
        p.install(packs[0], '--now')
        p.install(packs[1], '--now')
        for i in range(6):
            number = 1 + i % 2
            want = threading.Thread(target=lambda: p.cli('features', 'rollback', str(number), check=False))
            want.start()
            time.sleep(random.random() * 0.6)
            p.kill()
            want.join()
            p.start()
            now = p.in_force()['vendor']
            signals = found(p, 'abracadabra openseme')
            expect(f'kill {i}: version {now}', ('vendor-word' in signals, 'vendor-other' in signals), (now == 1, now == 2))
        for i in range(4):  # the features process alone, again and again
            for pid, role in p.processes().items():
                if role == 'features':
                    os.kill(pid, signal.SIGKILL)
            p.cli('features', 'rollback', str(1 + i % 2))
        p.wait_in_force('vendor', 2)
        wait_until('judged by it', 20, lambda: 'vendor-other' in found(p, 'openseme'))


@case
def nobody_waits_for_a_switch():
    with Server() as p:
        p.install(p.build(PLAIN), '--now')
        p.install(p.build(OTHER), '--now')
        p.start()
        answers, stop = [], threading.Event()

        def flood():
            while not stop.is_set():
                began = time.monotonic()
                answers.append((*send(p, 'abracadabra openseme'), time.monotonic() - began))
        senders = [threading.Thread(target=flood) for _ in range(3)]
        for t in senders:
            t.start()
        for i in range(5):
            p.cli('features', 'rollback', str(1 + i % 2))
            time.sleep(0.5)
        stop.set()
        for t in senders:
            t.join()
        expect('all were taken', {a[0] for a in answers}, {250})
        expect('there were some', len(answers) > 20, True)
        for answer in random.sample(answers, min(30, len(answers))):
            where = re.search(r'\b[0-9A-V]{13}\b', answer[1])[0]
            text = wait_until('the trace', 20, lambda: (lambda t: 'content' in t and t)(p.cli('trace', where, check=False)))
            signals = set(re.findall(r'^ +[-+][\d.]+  ([\w-]+)', text, re.M))
            expect('judged by one of them', len(signals & {'vendor-word', 'vendor-other'}), 1)
            expect('examined', 'not-examined' in signals, False)


if __name__ == '__main__':
    sys.exit(run_cases(sys.argv[1:]))
