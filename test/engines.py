#!/usr/bin/env python3
"""Virus engines: the real clamd (with a signature file of the test's own that knows EICAR: nothing is downloaded) by stream and by
open file, the real c-icap in front of it, commands; several at once; YARA rules; EICAR in the wrappings of ../shared/testsets and in an
archive whose password stands in the letter. Then engines that are absent, slow, killed in the middle, and back again: nothing is lost,
and nothing that should have been looked at is delivered unlooked against what `down` says.

    test/engines.py [WORD ...]     the cases whose names contain one of the words
"""
import base64, email, email.policy, io, os, random, re, signal, smtplib, socket, sqlite3, subprocess, sys, tarfile, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import atexit, shutil, tempfile
from engines import CIcap, Clamd, EICAR, NAME
from peers import Unavailable
from posthouse import PASSWORD, Instance, ROOT, free_port, wait_until
from sink import Sink
from tally import case, check, expect, run_cases

ME = 'u@local.test'
SHARED = os.path.join(os.path.dirname(ROOT), 'shared')
PROGRAM = ['[engine "program"]', 'type = command', 'command = /usr/bin/grep -m1 -ao STANDARD-.*FILE', 'clean = 1', 'infected = 0',
           'virus = "STANDARD-%v-FILE"']
BY_FILE = ['[engine "by-file"]', 'type = command', 'command = /usr/bin/grep -c EICAR-STANDARD %f', 'clean = 1', 'infected = 0']
work = tempfile.mkdtemp(prefix='posthouse-engines-')
os.chmod(work, 0o755)
atexit.register(shutil.rmtree, work, True)
started = []


def clamd(fresh=False):
    """One for all cases that do not harm it."""
    if fresh or not hasattr(clamd, 'one'):
        engine = Clamd(tempfile.mkdtemp(prefix='clamd', dir=work)).start()
        started.append(engine)
        if fresh:
            return engine
        clamd.one = engine
    return clamd.one


def letter(text='Hello, how are you?', files=(), sender='Ann <ann@far.test>', subject='hello'):
    """files: (name, bytes)"""
    head = (f'From: {sender}\r\nTo: {ME}\r\nSubject: {subject}\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\n'
            f'Message-ID: <{random.getrandbits(60):x}@far.test>\r\nMIME-Version: 1.0\r\n')
    if not files:
        return f'{head}\r\n{text}\r\n'.encode()
    parts = f'--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n'
    for name, content in files:
        coded = base64.encodebytes(content).decode().replace('\n', '\r\n')
        parts += (f'--b\r\nContent-Type: application/octet-stream; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\n'
                  f'Content-Transfer-Encoding: base64\r\n\r\n{coded}')
    return f'{head}Content-Type: multipart/mixed; boundary="b"\r\n\r\n{parts}--b--\r\n'.encode()


def send(p, message, login=None, rcpts=(ME,), timeout=90):
    """(code, text) of the answer to the message."""
    with smtplib.SMTP('127.0.0.1', p.ports['submission' if login else 'mx'], timeout=timeout) as s:
        if login:
            s.starttls()
            s.login(login, PASSWORD)
        s.ehlo()
        s.mail(login or 'ann@far.test')
        for r in rcpts:
            s.rcpt(r)
        code, text = s.data(message)
        return code, text.decode()


def id_of(answer):
    return re.search(r'\b[0-9A-V]{13}\b', answer[1])[0]


class Server(Instance):
    def __init__(self, config, **keys):
        # Loading rules takes longer than most cases: once is enough.
        super().__init__(config=['[scan]', 'processes = 1', '[server]', 'edges = 1'] + config, **keys)
        self.setup_command('domain add local.test')
        self.setup_command(f'account add {ME}')

    def event(self, message, **keys):
        """The event `engines` of the trace of a message that is sent now: a dict."""
        answer = send(self, message, **keys)
        if answer[0] >= 400:
            return {'code': answer[0], 'text': answer[1]}
        return dict(self.traced(id_of(answer)), code=answer[0])

    def traced(self, id):
        line = re.search(r'  engines +(.*)', self.cli('trace', id))
        return {k: a or b for k, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', line[1])} if line else {}

    def metric(self, name, **labels):
        total = 0
        for line in self.cli('metrics').splitlines():
            if line.startswith(name + '{') and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rsplit(' ', 1)[1])
        return total

    def json_list(self, *args):
        import json
        return json.loads(self.cli(*args, '--json', check=False))['engines']

    def roles(self, role):
        return [pid for pid, r in self.processes().items() if r == role]

    def start(self, wait=True):
        super().start(wait)
        wait_until('the server', 30, lambda: 'event=server.ready' in self.log_tail(1 << 20))


def names(event):
    """engine -> virus"""
    return dict(x.split(': ', 1) for x in event.get('virus', '').split(', ') if ': ' in x)


@case
def several_are_asked_at_once_and_all_are_named():
    c = clamd()
    icap = CIcap(tempfile.mkdtemp(prefix='icap', dir=work), c).start()
    started.append(icap)
    with Server(c.config('tcp') + c.config('local', local=True) + c.config('open-file', local=True, descriptor=True) + icap.config() +
                icap.config('whole', preview='no') + PROGRAM + BY_FILE) as p:
        p.start()
        clean = p.event(letter())
        expect('a clean letter', clean, {'code': 250, 'result': 'clean'})
        event = p.event(letter(files=[('eicar.com', EICAR)]))
        expect('engines that found it', sorted(names(event)), ['icap', 'local', 'open-file', 'tcp', 'whole'])
        expect('its name', set(names(event).values()), {NAME + '.UNOFFICIAL'})
        event = p.event(letter(EICAR.decode()))
        expect('the commands, too', names(event).get('program'), 'ANTIVIRUS-TEST')
        expect('by its file', names(event).get('by-file'), '1')
        large = os.urandom(6_000_000)
        expect('six megabytes', p.event(letter(files=[('data.bin', large)])), {'code': 250, 'result': 'clean'})
        event = p.event(letter(files=[('data.bin', large), ('eicar.com', EICAR)]))
        expect('behind six megabytes', sorted(names(event)), ['icap', 'local', 'open-file', 'tcp', 'whole'])
        for pid, why in ((p.roles('engine')[0], 'engine'),):
            expect(why + ' is confined', open(f'/proc/{pid}/status').read().count('Seccomp:\t2'), 1)


@case
def the_same_bytes_are_not_looked_at_twice():
    c = clamd()
    with Server(c.config()) as p:
        p.start()
        same = letter(files=[('eicar.com', EICAR)])
        first, second = p.event(same), p.event(same)
        expect('the same answer', names(first), names(second))
        # The Received line that this server adds is not part of what is looked at.
        expect('given again', p.metric('posthouse_engine_answers_kept_total'), 1)


@case
def each_wrapping_of_the_set_is_found():
    archive = os.path.join(SHARED, 'testsets', 'av.tar.zst')
    if not os.path.exists(archive):
        print('wrappings: skipped: ../shared/testsets/av.tar.zst is not here')
        return
    tar = tarfile.open(fileobj=io.BytesIO(subprocess.run(['zstd', '-dc', archive], capture_output=True, check=True).stdout))
    files = sorted((os.path.basename(m.name), tar.extractfile(m).read()) for m in tar if m.isfile())
    missed, total = [], 0
    with Server(clamd().config(local=True)) as p:
        p.start()
        for name, content in files:
            forms = [('attached', letter(files=[(name, content)]))]
            if name.endswith('.eml'):
                forms.append(('itself', content.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')))
            for form, message in forms:
                total += 1
                event = p.event(message)
                if 'clamav' not in names(event):
                    missed.append(f'{name} {form}: {event}')
    print(f'wrappings: {total - len(missed)} of {total} found')
    expect('missed', missed, [])


@case
def what_a_password_of_the_letter_opens_is_shown_to_engines():
    if not shutil.which('zip'):
        print('passwords: skipped: no zip')
        return
    d = tempfile.mkdtemp(dir=work)
    with open(d + '/eicar.com', 'wb') as f:
        f.write(EICAR)
    with open(d + '/note.txt', 'w') as f:
        f.write('nothing')
    def packed(name, *files):
        subprocess.run(['zip', '-q', '-P', 'geheim77', name, *files], cwd=d, check=True)
        return open(os.path.join(d, name), 'rb').read()
    bad, good = packed('bad.zip', 'note.txt', 'eicar.com'), packed('good.zip', 'note.txt')
    with Server(clamd().config()) as p:
        p.start()
        expect('without a password', p.event(letter('Look at this.', [('a.zip', bad)])), {'code': 250, 'result': 'clean'})
        expect('with it', names(p.event(letter('The password is geheim77', [('a.zip', bad)]))), {'clamav': NAME + '.UNOFFICIAL'})
        expect('harmless', p.event(letter('The password is geheim77', [('a.zip', good)])), {'code': 250, 'result': 'clean'})
        asked = p.metric('posthouse_engine_requests_total')
        expect('letters and files', asked, 3 + 2 + 1)


@case
def yara_rules_look_at_files_text_and_header():
    d = tempfile.mkdtemp(dir=work)
    os.chmod(d, 0o755)
    with open(d + '/a.yar', 'w') as f:
        f.write('rule Bad_File { meta: class = "virus" en = "a file of the test" zh = "测试文件" strings: $a = "xyzzy-plugh" condition: '
                '$a and where == "file" and extension == ".dat" }\n'
                'rule Word { meta: score = "1.5" strings: $a = "abracadabra" condition: $a and where == "text" }\n'
                'rule Head { meta: score = 900 strings: $a = "Subject: magic" condition: $a and where == "header" }\n')
    with open(d + '/b.yara', 'w') as f:
        f.write('rule Broken { condition: nowhere }\n')
    with open(d + '/c.yara', 'w') as f:
        f.write('rule Last { strings: $a = "sesame" condition: $a }\n')
    with Server(['[yara]', f'rules = {d}', '[filter]', 'fields = always']) as p:
        p.start()
        expect('the broken file is named', len(re.findall(r'event=scan.yara.*b\.yara:1: ', p.log_tail(1 << 20))) >= 1, True)
        # Inside a zip.
        z = io.BytesIO()
        import zipfile
        with zipfile.ZipFile(z, 'w', zipfile.ZIP_DEFLATED) as f:
            f.writestr('in.dat', 'x' * 100 + 'xyzzy-plugh')
        trace = p.cli('trace', id_of(send(p, letter('abracadabra', [('a.zip', z.getvalue())], subject='magic'))))
        for rule, score, told in (('yara-Bad_File', 25.0, 'a file of the test'), ('yara-Word', 1.5, 'YARA'), ('yara-Head', 25.0, 'YARA')):
            found = re.search(r'\+(\S+) +%s\b' % rule, trace)
            expect(rule, bool(found and float(found[1]) == score), True)
        expect('the file after the broken one', 'yara-Last' in p.cli('trace', id_of(send(p, letter('open sesame')))), True)
        expect('class virus counts as infected', p.traced(id_of(send(p, letter(files=[('a.dat', b'xyzzy-plugh')])))).get('virus'), 'rules: yara-Bad_File')


@case
def what_one_finds_counts_though_another_is_down():
    c = clamd()
    with Server(c.config() + ['[engine "gone"]', 'type = clamd', f'address = 127.0.0.1:{free_port()}', 'down = pass']) as p:
        p.start()
        event = p.event(letter(files=[('eicar.com', EICAR)]))
        expect('found', names(event), {'clamav': NAME + '.UNOFFICIAL'})
        expect('named', event['failed'].startswith('gone: '), True)


class Slow:
    """Takes connections; says nothing, or what it is told after a while."""

    def __init__(self, answer=None, after=0):
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.port, self.taken, self.open, self.answer, self.after = self.socket.getsockname()[1], 0, [], answer, after
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                s = self.socket.accept()[0]
            except OSError:
                return
            self.taken += 1
            self.open.append(s)
            if self.answer is not None:
                threading.Thread(target=self.talk, args=(s,), daemon=True).start()

    def talk(self, s):
        time.sleep(self.after)
        try:
            s.sendall(self.answer)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.socket.close()
        for s in self.open:
            s.close()


@case
def a_dead_engine_is_not_waited_for_by_every_message():
    slow = Slow()
    with Server(['[engine "mute"]', 'type = clamd', f'address = 127.0.0.1:{slow.port}', 'timeout = 1s', 'down = pass']) as p:
        p.start()
        took = []
        for _ in range(8):
            began = time.monotonic()
            event = p.event(letter())
            took.append(time.monotonic() - began)
            expect('it failed', event.get('result'), 'failed')
        expect('the first waited', took[0] > 0.9, True)
        expect('the last did not', max(took[5:]) < 0.7, True)
        expect('told', 'event=engine.down' in p.log_tail(1 << 20), True)
        expect('gauge', p.metric('posthouse_engine_up', engine='mute'), 0)
    slow.close()


@case
def policies_do_not_deliver_unlooked_mail_by_accident():
    """Three engines that fail in three ways, one a direction, with each `down`. No policy, and one that delivers but says nothing about
    engines, change nothing of what `down` demands; one that speaks of engines decides. What was taken is in a mailbox, at the far host, or held; once."""
    document = os.path.join(work, 'document')
    with open(document, 'w') as f:
        f.write('[policy "told"]\nsubject = "*told*"\nengine_down = yes\ndo = quarantine:policy\n'
                '[policy "blind"]\nsubject = "*blind*"\ndo = deliver\n')
    os.chmod(document, 0o644)
    far = 'x@far.test'
    for down, blind in (('hold', 'unexamined'), ('defer', None), ('pass', 'delivered')):
        mute, cut, sink = Slow(), Slow(answer=b'', after=0.2), Sink()
        keys = [f'down = {down}', 'timeout = 1s', 'type = clamd']
        with Server(['[engine "absent"]', f'address = 127.0.0.1:{free_port()}', 'for = in', *keys,
                     '[engine "mute"]', f'address = 127.0.0.1:{mute.port}', 'for = internal', *keys,
                     '[engine "killed"]', f'address = 127.0.0.1:{cut.port}', 'for = out', *keys]) as p:
            p.setup_command(f'route add far --protocol smtp --hosts [127.0.0.1]:{sink.port} --tls none --match far.test')
            p.setup_command(f'policy set {document}')
            p.start()
            ways = {'absent': dict(), 'mute': dict(login=ME), 'killed': dict(login=ME, rcpts=(far,))}
            taken = set()
            for engine, way in ways.items():
                for word in ('none', 'blind', 'told'):
                    answer = send(p, letter(f'{random.random()}', [('eicar.com', EICAR)], ME if 'login' in way else 'ann@far.test', f'{word} {engine}'), **way)
                    expect(f'{down}: {word} {engine}', answer[0], 250 if word == 'told' or blind else 451)
                    if answer[0] == 250:
                        taken.add(f'{word} {engine}')
                        expect('it is named', p.traced(id_of(answer)).get('failed', '').startswith(engine + ': '), True)
            held = sorted((r['subject'], r['class']) for r in p.json('quarantine', 'list')['recipients'])
            wanted = [(f'told {e}', 'policy') for e in ways] + ([(f'{w} {e}', blind) for w in ('none', 'blind') for e in ways] if blind == 'unexamined' else [])
            expect(f'{down}: held', held, sorted(wanted))
            p.wait_queue(0)
            came = sorted([m['subject'] for m in p.json('mailbox', 'list', ME)['messages']] if p.mail(ME) else [])
            came += [re.search(rb'Subject: (.*)\r', m[2])[1].decode() for m in sink.got]
            expect(f'{down}: delivered', sorted(came), sorted(f'{w} {e}' for w in ('none', 'blind') for e in ways) if blind == 'delivered' else [])
            expect(f'{down}: nothing is lost', sorted(taken), sorted(came + [s for s, _ in held]))
        for x in (mute, cut):
            x.close()
        sink.stop()


@case
def it_is_asked_again_when_it_is_back():
    c = clamd(fresh=True)
    with Server(c.config(down='defer')) as p:
        p.start()
        expect('at first', p.event(letter())['code'], 250)
        c.kill()
        answers = [send(p, letter())[0] for _ in range(5)]
        expect('while it is gone', set(answers), {451})
        c.start()
        wait_until('the engine is noticed', 30, lambda: send(p, letter())[0] == 250, every=0.5)
        expect('and works', names(p.event(letter(files=[('eicar.com', EICAR)]))), {'clamav': NAME + '.UNOFFICIAL'})
    c.kill()


@case
def an_engine_killed_in_the_middle_loses_nothing():
    """Letters go on being sent while clamd is killed and started again: each is accepted after it was looked at, or put off; those with
    EICAR are never accepted as clean."""
    c = clamd(fresh=True)
    with Server(c.config(down='defer', timeout='10s')) as p:
        p.start()
        stop, outcomes, lock = threading.Event(), [], threading.Lock()

        def sender(n):
            while not stop.is_set():
                bad = random.random() < 0.5
                files = [('noise.bin', os.urandom(200_000))] + ([('eicar.com', EICAR)] if bad else [])
                try:
                    answer = send(p, letter(f'number {random.random()}', files))
                except (OSError, smtplib.SMTPException) as e:
                    answer = (0, str(e))
                with lock:
                    outcomes.append((bad, answer))
        threads = [threading.Thread(target=sender, args=(n,)) for n in range(3)]
        for t in threads:
            t.start()
        for _ in range(3):
            time.sleep(1)
            c.kill()
            time.sleep(0.5)
            c.start()
        wait_until('letters are accepted again', 30, lambda: outcomes[-1:] and outcomes[-1][1][0] == 250)
        stop.set()
        for t in threads:
            t.join()
        accepted = [(bad, id_of(a)) for bad, a in outcomes if a[0] == 250]
        print(f'killed: {len(outcomes)} sent, {len(accepted)} accepted, {sum(a[0] == 451 for _, a in outcomes)} put off')
        expect('only these answers', {a[0] for _, a in outcomes} <= {250, 451}, True)
        wrong = [id for bad, id in accepted if p.traced(id).get('result') != ('infected' if bad else 'clean')]
        expect('accepted without having been looked at', wrong, [])
        expect('both happened', len(accepted) > 0 and any(a[0] == 451 for _, a in outcomes), True)
    c.kill()


@case
def the_engine_process_killed_is_asked_again():
    c = clamd()
    with Server(c.config(down='hold')) as p:
        p.start()
        before = p.roles('engine')
        stop, outcomes = threading.Event(), []

        def sender():
            while not stop.is_set():
                outcomes.append(send(p, letter(f'{random.random()}', [('eicar.com', EICAR), ('noise.bin', os.urandom(100_000))])))
        t = threading.Thread(target=sender)
        t.start()
        for _ in range(4):
            time.sleep(0.7)
            for pid in p.roles('engine'):
                os.kill(pid, signal.SIGKILL)
        time.sleep(2)
        stop.set()
        t.join()
        expect('another process', p.roles('engine') != before, True)
        expect('all were taken', {code for code, _ in outcomes}, {250})
        results = [p.traced(id_of(a)).get('result') for a in outcomes]
        print(f'engine process: {len(results)} letters, {results.count("infected")} infected, {results.count("failed")} could not be looked at')
        expect('none passed as clean', 'clean' in results, False)
        expect('nearly all were looked at', results.count('failed') <= 1, True)
        expect('none was delivered as usual', results.count('infected') > 4, True)


@case
def a_command_has_limits():
    script = os.path.join(work, 'engine.sh')
    with open(script, 'w') as f:
        f.write('#!/bin/sh\nread line\ncase "$line" in\n*sleep*) sleep 100 & sleep 100 ;;\n*memory*) head -c 3000000000 /dev/zero | tail ;;\n'
                '*noise*) head -c 100000000 /dev/zero ;;\n*code*) echo strange; exit 77 ;;\n*crash*) kill -9 $$ ;;\nesac\nexit 0\n')
    os.chmod(script, 0o755)
    with Server(['[engine "own"]', 'type = command', f'command = {script}', 'timeout = 2s', 'memory = 200m', 'down = pass', 'for = in']) as p:
        p.start()
        # The engine reads the first line, which is From:
        for word, told in (('sleep', 'timed out|no answer|deadline|time'), ('code', 'exit code 77: strange'), ('crash', 'signal 9'), ('noise', 'own: '),
                           ('memory', 'own: |^$')):
            began = time.monotonic()
            event = p.event(letter(sender=f'{word} <ann@far.test>'))
            expect(f'{word}: in time', time.monotonic() - began < 5, True)
            expect(f'{word}: {event}', bool(re.search(told, event.get('failed', ''))), True)
            for _ in range(3):  # it counts as down after three failures in a row
                p.event(letter())
        left = subprocess.run(['pgrep', '-f', 'sleep 100'], capture_output=True, text=True).stdout.split()
        mine = [pid for pid in left if os.path.exists(f'/proc/{pid}/environ') and b'LANG=C\0' in open(f'/proc/{pid}/environ', 'rb').read() and
                open(f'/proc/{pid}/stat').read().split()[3] == '1']
        expect('nothing is left running', mine, [])
        expect('no file is left', os.listdir(os.path.join(p.dir, 'run', 'engine')), [])


@case
def a_reload_brings_other_engines():
    c = clamd()
    with Server([]) as p:
        p.start()
        expect('none: no process', p.roles('engine'), [])
        expect('none: nothing', p.event(letter(files=[('eicar.com', EICAR)])), {'code': 250})
        text = open(p.conf).read()
        with open(p.conf, 'w') as f:
            f.write(text + '\n'.join(c.config()) + '\n')
        p.cli('reload')
        wait_until('the engine', 30, lambda: 'result' in p.event(letter(files=[('eicar.com', EICAR)])), every=0.5)
        expect('found now', names(p.event(letter(files=[('eicar.com', EICAR)]))), {'clamav': NAME + '.UNOFFICIAL'})
        first = p.roles('engine')
        p.master.send_signal(signal.SIGHUP)
        wait_until('another process', 30, lambda: len(p.roles('engine')) == 1 and p.roles('engine') != first)
        expect('still found', names(p.event(letter(files=[('eicar.com', EICAR)]))), {'clamav': NAME + '.UNOFFICIAL'})
        with open(p.conf, 'w') as f:
            f.write(text)
        p.master.send_signal(signal.SIGHUP)
        wait_until('gone', 30, lambda: not p.roles('engine'))
        expect('nothing again', p.event(letter(files=[('eicar.com', EICAR)])), {'code': 250})


@case
def own_users_mail_is_looked_at_by_direction():
    c = clamd()
    with Server(c.config('all') + c.config('only-in', **{'for': 'in'}) + c.config('only-inside', **{'for': 'internal'}) +
                c.config('only-out', **{'for': 'out'})) as p:
        p.start()
        files = [('eicar.com', EICAR)]
        expect('in', sorted(names(p.event(letter(files=files)))), ['all', 'only-in'])
        expect('internal', sorted(names(p.event(letter(files=files, sender=ME), login=ME))), ['all', 'only-inside'])
        expect('out', sorted(names(p.event(letter(files=files, sender=ME), login=ME, rcpts=('x@elsewhere.test',)))), ['all', 'only-out'])


class Scripted:
    """A clamd that a test decides about: its version, and which words are viruses."""

    def __init__(self):
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.port, self.version, self.words, self.scans = self.socket.getsockname()[1], 1, [], 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                s = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.talk, args=(s,), daemon=True).start()

    def talk(self, s):
        with s, s.makefile('rb') as f:
            command = b''
            while not command.endswith(b'\0'):
                command += f.read(1) or b'\0'
            if command == b'zVERSION\0':
                s.sendall(b'ClamAV 1/%d/today\0' % self.version)
                return
            content = b''
            while n := int.from_bytes(f.read(4), 'big'):
                content += f.read(n)
            self.scans += 1
            found = [w for w in self.words if w in content]
            s.sendall(b'stream: ' + (b'Word.%d FOUND' % self.words.index(found[0]) if found else b'OK') + b'\0')

    def config(self, **keys):
        return ['[engine "scripted"]', 'type = clamd', f'address = 127.0.0.1:{self.port}'] + [f'{k} = {v}' for k, v in keys.items()]


@case
def with_new_signatures_recent_mail_is_looked_at_again():
    """Delivered mail in which a virus is found now moves into the quarantine, once; held spam becomes held virus; the administrator is told;
    what is harmless stays where it is."""
    c = Scripted()
    other = 'v@local.test'
    with Server(c.config() + ['[engines]', 'poll = 1s', '[alarm]', f'to = {other}', '[filter]', 'quarantine = 0.9999', 'rules = ' + work]) as p:
        with open(os.path.join(work, 'own.rules'), 'w') as f:
            f.write('rule hold-me 40\n\ten held\n\ttext has holdmeplease\n')
        p.setup_command(f'account add {other}')
        p.start()
        expect('taken', p.event(letter('xyzzy is harmless today', subject='soon bad'), rcpts=(ME, other))['result'], 'clean')
        expect('taken', p.event(letter('nothing at all', subject='good'))['result'], 'clean')
        held = send(p, letter('holdmeplease plugh', subject='held'))
        p.wait_mail(ME, 2)
        p.wait_mail(other, 1)
        expect('one is held', [r['subject'] for r in p.json('quarantine', 'list')['recipients']], ['held'])
        wait_until('the first look', 20, lambda: 'event=again.done' in p.log_tail(1 << 20))
        c.words, c.version = [b'xyzzy', b'plugh'], 2
        wait_until('the second look', 30, lambda: p.log_tail(1 << 20).count('event=again.done') == 2)
        expect('his mailbox', [m.get('subject', '') for m in p.mail(ME)] and len(p.mail(ME)), 1)
        rows = p.json('quarantine', 'list')['recipients']
        expect('in quarantine', sorted((r['to'], r['class'], r['subject'], r['sender']) for r in rows),
               [(ME, 'virus', 'held', 'ann@far.test'), (ME, 'virus', 'soon bad', 'ann@far.test'), (other, 'virus', 'soon bad', 'ann@far.test')])
        wait_until('the administrator is told', 20, lambda: len(p.mail(other)) >= 1)
        told = p.cli('mailbox', 'cat', other, str(max(m['uid'] for m in p.mail(other))))
        expect('told', 'virus' in told.lower() or '\u75c5\u6bd2' in told or 'base64' in told, True)
        # Released, it is not moved out again.
        p.cli('quarantine', 'release', '--to', other, '--subject', 'soon bad', '--yes')
        wait_until('the released one', 20, lambda: any(m['subject'] == 'soon bad' for m in p.mail(other)))
        looks = p.log_tail(1 << 20).count('event=again.done')
        p.cli('engine', 'rescan')
        wait_until('the third look', 30, lambda: p.log_tail(1 << 20).count('event=again.done') > looks)
        expect('nothing more is held', sorted((r['to'], r['state']) for r in p.json('quarantine', 'list', '--state', 'any')['recipients']),
               [(ME, 'waits'), (ME, 'waits'), (other, 'released')])
        expect('it is there', [m['subject'] for m in p.mail(other)].count('soon bad'), 1)


@case
def mail_of_backends_is_kept_and_looked_at_again():
    """[engines] keep: off, nothing is kept. On: a copy that only --kind recent shows; with new signatures it becomes a virus once, the
    administrator reads who has it, and the trace of the delivery says so. It leaves when its time is up."""
    c, sink = Scripted(), Sink()
    other, there, also = 'v@local.test', 'w@backend.test', 'x@backend.test'
    with Server(c.config() + ['[engines]', 'poll = 1s', '[alarm]', f'to = {other}', '[filter]', 'quarantine = 0']) as p:
        p.setup_command(f'account add {other}')
        p.setup_command(f'route add back --protocol smtp --hosts [127.0.0.1]:{sink.port} --tls none')
        p.setup_command('domain add backend.test --backend back')
        p.start()

        def recent():
            return p.json('quarantine', 'list', '--kind', 'recent')['recipients']
        send(p, letter('xyzzy is not kept'), rcpts=(there,))
        wait_until('delivered', 20, lambda: len(sink.got) == 1)
        expect('off: nothing is kept', recent(), [])
        text = open(p.conf).read()
        with open(p.conf, 'w') as f:
            f.write(text.replace('poll = 1s', 'poll = 1s\nkeep = 1d'))
        p.cli('reload')
        time.sleep(1)
        c.words = [b'plugh']
        answer = send(p, letter('xyzzy is harmless today', subject='soon bad'), rcpts=(ME, there, also))
        send(p, letter('plugh', subject='bad today'), rcpts=(there,))
        send(p, letter('nothing at all', subject='good'), rcpts=(there,))
        wait_until('delivered', 20, lambda: len(sink.got) >= 3)
        expect('kept: what goes to backends, not what was found', sorted((r['to'], r['subject'], r['class']) for r in recent()),
               [(there, 'good', 'none'), (there, 'soon bad', 'none'), (also, 'soon bad', 'none')])
        expect('the list is of held mail', [r['subject'] for r in p.json('quarantine', 'list')['recipients']], ['bad today'])
        c.words, c.version = [b'plugh', b'xyzzy'], 2
        wait_until('the copy is of class virus', 30, lambda: sum(r['class'] == 'virus' for r in recent()) == 2)
        expect('the other one is not', [r['subject'] for r in recent() if r['class'] != 'virus'], ['good'])
        wait_until('the administrator is told', 30, lambda: len(p.mail(other)) == 2)  # of the mailbox, and of the backend
        told = ''.join(email.message_from_string(p.cli('mailbox', 'cat', other, str(m['uid'])), policy=email.policy.default).get_body(('plain',)).get_content()
                       for m in p.mail(other))
        for what in (there, also, 'soon bad', 'scripted: Word.1', time.strftime('%b %Y', time.gmtime())):
            expect(f'he reads {what}', what in told, True)
        found = sorted(re.findall(r'infected .*?where=(\w+)', p.cli('trace', id_of(answer))))
        expect('in the trace of what was delivered', found, ['backend', 'backend', 'mailbox'])
        looks = p.log_tail(1 << 20).count('event=again.done')
        p.cli('engine', 'rescan')
        wait_until('another look', 30, lambda: p.log_tail(1 << 20).count('event=again.done') > looks)
        expect('told once', (len(p.mail(other)), p.cli('trace', id_of(answer)).count('infected ')), (2, 3))
        with sqlite3.connect(f'{p.dir}/data/db/queue.sqlite', timeout=20) as db:
            days = [round((a - b) / 86400e6, 3) for a, b in db.execute('SELECT expires_at, held_at FROM held WHERE kind = 4')]
        expect('for a day', set(days), {1.0})
    sink.stop()


@case
def the_command_line_asks_engines():
    c = clamd()
    with Server(c.config() + PROGRAM + ['[engine "gone"]', 'type = clamd', f'address = 127.0.0.1:{free_port()}']) as p:
        listed = {e['name']: e for e in p.json_list('engine', 'list')}
        expect('up', {n: e['up'] for n, e in listed.items()}, {'clamav': True, 'program': True, 'gone': False})
        expect('version', listed['clamav']['version'].startswith('ClamAV '), True)
        path = os.path.join(work, 'eicar.com')
        with open(path, 'wb') as f:
            f.write(EICAR)
        tested = {e['name']: (e['infected'], e['virus']) for e in p.json_list('engine', 'test', path)}
        expect('tested', tested, {'clamav': (True, NAME + '.UNOFFICIAL'), 'program': (True, 'ANTIVIRUS-TEST'), 'gone': (False, '')})


if __name__ == '__main__':
    try:
        clamd()
    except Unavailable as e:
        print(f'engines: skipped: {e}')
        print('0 passed, 0 failed')
        sys.exit(0)
    status = run_cases(sys.argv[1:])
    for engine in started:
        engine.kill()
    sys.exit(status)
