#!/usr/bin/env python3
"""Mail through the scan processes: signals, marks, refusals; what happens when they crash, hang, are missing or killed; own
rules and their reload; large messages; what held messages are.

    test/scan.py [WORD ...]     the cases whose names contain one of the words

Messages that crash or hang a scan process are made by test/fault/scan_fault.c.
"""
import email.message, email.policy, io, json, os, random, re, signal, smtplib, subprocess, sys, threading, time, zipfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PASSWORD, Instance, ROOT, wait_until
from tally import case, expect, run_cases
from zone import Zone

ME = 'u@local.test'
RULES = '''rule test-word 20
	en the word of this test
	text has abracadabra
rule test-other 0
	en another word
	text has openseme
'''
MARKS = ['[filter]', 'mark = 0.95', 'reject = 0', 'fields = always']


def letter(text='Hello, how are you?', subject='hello', extra='', sender='Ann <ann@far.test>'):
    return (f'From: {sender}\r\nTo: {ME}\r\nSubject: {subject}\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\n'
            f'Message-ID: <{random.getrandbits(60):x}@far.test>\r\n{extra}\r\n{text}\r\n').encode()


def send(p, message, sender='ann@far.test', rcpts=(ME,), timeout=60, login=None, source=None):
    """(code, text) of the answer to the message."""
    with smtplib.SMTP('127.0.0.1', p.ports['submission' if login else 'mx'], timeout=timeout, source_address=source and (source, 0)) as s:
        if login:
            s.starttls()
            s.login(login, PASSWORD)
        s.ehlo()
        s.mail(sender)
        for r in rcpts:
            s.rcpt(r)
        code, text = s.data(message)
        return code, text.decode()


def id_of(answer):
    return re.search(r'\b[0-9A-V]{13}\b', answer[1])[0]


class Server(Instance):
    def __init__(self, config=(), rules=RULES, fault=False):
        environment = {}
        if fault:
            library = os.path.join(ROOT, 'build/scan_fault.so')
            subprocess.run(['cc', '-O1', '-fPIC', '-shared', '-o', library, os.path.join(ROOT, 'test/fault/scan_fault.c'), '-ldl'], check=True)
            environment['LD_PRELOAD'] = library
        super().__init__(config=config, environment=environment)
        self.rules = os.path.join(self.dir, 'rules.d')
        os.mkdir(self.rules)
        self.write_rules(rules)
        text = open(self.conf, encoding='utf-8').read()
        if '[filter]' not in text:
            text += '[filter]\n'
        self.rewrite(text.replace('[filter]\n', f'[filter]\nrules = {self.rules}\n'))
        self.setup_command('domain add local.test')
        self.setup_command(f'account add {ME}')

    def rewrite(self, text):
        with open(self.conf, 'w', encoding='utf-8') as f:
            f.write(text)

    def write_rules(self, text):
        with open(os.path.join(self.rules, 'own.rules'), 'w', encoding='utf-8') as f:
            f.write(text)

    def scans(self):
        return [pid for pid, role in self.processes().items() if role == 'scan']

    def start(self, wait=True):
        super().start(wait)
        wait_until('the server', 20, lambda: 'event=server.ready' in self.log_tail(1 << 20))

    def serving(self):
        """Scan processes that have started."""
        return [int(pid) for pid in re.findall(r'^scan \d+ ready pid=(\d+)', self.cli('status', check=False), re.M)]

    def reload(self):
        """And until those of before have gone."""
        self.cli('reload')
        wait_until('the former processes', 30, lambda: 'draining' not in self.cli('status', check=False))

    def trace(self, answer):
        where = ('trace', id_of(answer))
        wait_until('the trace', 20, lambda: 'content' in self.cli(*where, check=False) or 'queued' in self.cli(*where, check=False))
        return self.cli(*where)

    def event(self, answer):
        """The event `content` in the trace of the message."""
        found = re.search(r' content +(.*)', self.trace(answer))
        return found[1] if found else ''

    def signals(self, answer):
        """The names of the signals in the trace of the message."""
        return set(re.findall(r'^ +[-+][\d.]+  ([\w-]+)', self.trace(answer), re.M))

    def held(self):
        """What is in the quarantine, a row for each recipient."""
        return json.loads(self.cli('quarantine', 'list', '--json', '--limit', '0', check=False))['recipients']

    def why(self, answer):
        return re.search(r' policy +(.*)', self.cli('trace', id_of(answer)))[1]


@case
def what_is_found_is_told():
    with Server(MARKS) as p:
        p.start()
        answer = send(p, letter(extra='X-Spam-Flag: NO\r\nX-Spam-Score: -9\r\nX-Spam-Status: No,\r\n\tscore=-5\r\n'))
        expect('accepted', answer[0], 250)
        text = p.wait_mail(ME, 1)
        expect('fields of the stranger', re.findall('X-Spam-Score|score=-5|X-Spam-Flag', text), [])
        expect('our field', bool(re.search(r'X-Spam-Status: No, score=[-\d.]+.* probability=0\.\d+ class=ordinary', text)), True)
        expect('in the trace', 'probability=0.' in p.event(answer), True)
        answer = send(p, letter('abracadabra'))
        text = p.wait_mail(ME, 2)
        expect('marked', bool(re.search(r'X-Spam-Flag: YES\r?\nX-Spam-Status: Yes, score=(.|\r?\n\s)*test-word=20.0', text)), True)
        expect('signal', 'test-word' in p.signals(answer), True)
        expect('verdict', 'mark' in p.event(answer), True)


@case
def refused_with_an_id():
    with Server(['[filter]', 'mark = 0.9', 'reject = 0.97', 'own_reject = 0']) as p:
        p.start()
        code, text = send(p, letter('abracadabra'))
        expect('code', code, 550)
        expect('text', bool(re.search(r'^5\.7\.1 Message [0-9A-V]{13} is not accepted for its content \[content\]$', text)), True)
        wait_until('its trace', 10, lambda: 'refused' in p.cli('trace', id_of((code, text)), check=False))
        expect('an honest one', send(p, letter())[0], 250)
        expect('to complain', send(p, letter('abracadabra'), rcpts=[f'postmaster@local.test'])[0], 250)
        p.cli('list', 'add', '--allow', '--sender', 'ann@far.test', check=False)


@case
def own_mail_has_its_own_limits():
    with Server(['[filter]', 'mark = 0', 'reject = 0', 'own_mark = 0', 'own_reject = 0.9']) as p:
        p.start()
        expect('a stranger', send(p, letter('abracadabra'))[0], 250)
        expect('a user', send(p, letter('abracadabra', sender=ME), sender=ME, login=ME)[0], 550)
        answer = send(p, letter(sender=ME), sender=ME, login=ME)
        expect('an honest user', (answer[0], answer[1][:3]), (250, '2.0'))
        expect('examined', 'probability=' in p.event(answer), True)


@case
def crashes_twice_and_is_held():
    with Server(MARKS + ['[scan]', 'processes = 2'], fault=True) as p:
        p.start()
        answer = send(p, letter('this-one-crashes'))
        expect('taken', answer[0], 250)
        held = p.held()
        expect('held', [(r['to'], r['class'], r['id']) for r in held], [(ME, 'unexamined', id_of(answer))])
        expect('why', 'could not be examined' in p.why(answer), True)
        expect('the event', 'verdict=hold' in p.event(answer), True)
        expect('others are examined', send(p, letter())[0], 250)
        expect('delivered is the other', 'X-Spam-Status: No' in p.wait_mail(ME, 1), True)
        expect('nothing else is held', len(p.held()), 1)
        p.cli('quarantine', 'release', id_of(answer), '--yes')
        expect('released', 'this-one-crashes' in p.wait_mail(ME, 2), True)
        p.wait_queue(0)
        crashes = [line for line in p.cli('metrics').splitlines() if 'crashes' in line and 'scan' in line]
        expect('crashes are counted', any(float(line.split()[-1]) >= 2 for line in crashes), True)


@case
def hangs_twice_and_is_held():
    with Server(MARKS + ['[scan]', 'time = 1s'], fault=True) as p:
        p.start()
        began = time.monotonic()
        answer = send(p, letter('this-one-hangs'))
        expect('taken', answer[0], 250)
        expect('soon', time.monotonic() - began < 15, True)
        expect('held', [r['class'] for r in p.held()], ['unexamined'])
        expect('others', send(p, letter())[0], 250)


@case
def slow_ones_delay_their_sender():
    """Laborious letters of one network, 12 seconds of work, and others' between them."""
    with Server(MARKS + ['[server]', 'edges = 1', '[scan]', 'processes = 2'], fault=True) as p:
        p.start()
        took, slow = [], []

        def work():
            slow.append(send(p, letter('this-one-is-slow'), source='127.0.5.1', timeout=120)[0])
        threads = [threading.Thread(target=work) for _ in range(48)]
        for t in threads:
            t.start()
        wait_until('a few of them', 30, lambda: len(slow) >= 4)
        for i in range(5):
            began = time.monotonic()
            expect('taken', send(p, letter(), source=f'127.0.{7 + i}.1')[0], 250)
            took.append(time.monotonic() - began)
        left = 48 - len(slow)
        for t in threads:
            t.join()
        expect('all of them', set(slow), {250})
        expect(f'others are quick: {took}', max(took) < 4 and left >= 8, True)


@case
def refusal_of_a_bad_one_keeps_others_going():
    """Twenty that crash among a hundred that do not, at once."""
    with Server(MARKS, fault=True) as p:
        p.start()
        answers = []

        def work(bad):
            answers.append((bad, send(p, letter('this-one-crashes' if bad else 'Good day'), timeout=120)))
        threads = [threading.Thread(target=work, args=(i % 6 == 0,)) for i in range(60)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        codes = {(bad, code) for bad, (code, _) in answers}
        expect('answers', codes <= {(True, 250), (False, 250), (True, 451), (False, 451)}, True)
        good = sum(1 for bad, (code, _) in answers if not bad and code == 250)
        wait_until('good ones', 30, lambda: len(p.mail(ME)) == good)
        held = {r['id'] for r in p.held()}
        expect('held are the bad ones', held, {id_of(a) for bad, a in answers if bad and a[0] == 250})


@case
def none_there_is_try_later():
    with Server(MARKS + ['[filter]', 'wait = 2s']) as p:
        p.start()
        for pid in p.scans():
            os.kill(pid, signal.SIGSTOP)
        expect('put off', send(p, letter())[0], 451)
        text = open(p.conf).read().replace('wait = 2s', 'wait = 2s\nunavailable = accept')
        for pid in p.scans():
            os.kill(pid, signal.SIGCONT)
        p.rewrite(text)
        p.reload()
        wait_until('the new ones', 10, lambda: len(p.scans()) == 2)
        for pid in p.scans():
            os.kill(pid, signal.SIGSTOP)
        answer = send(p, letter())
        expect('accepted', answer[0], 250)
        expect('signal', 'not-examined' in p.signals(answer), True)
        for pid in p.scans():
            os.kill(pid, signal.SIGCONT)


@case
def large_ones():
    with Server(MARKS + ['[scan]', 'max_size = 1m']) as p:
        p.start()
        filler = 'line of text\r\n' * 150000
        answer = send(p, letter('abracadabra\r\n' + filler))
        expect('accepted', answer[0], 250)
        expect('beginning was examined', 'test-word' in p.signals(answer), True)
        expect('signal', 'not-examined-size' in p.signals(answer), True)
        expect('whole', p.wait_mail(ME, 1).count('line of text'), 150000)
        answer = send(p, letter('abracadabra\r\n' + filler[:700000]))
        expect('a smaller one', 'not-examined-size' in p.signals(answer), False)
        p.rewrite(open(p.conf).read().replace('[filter]\n', '[filter]\ntoo_large = hold\n'))
        p.reload()
        answer = send(p, letter(filler))
        expect('accepted', answer[0], 250)
        expect('held', [r['class'] for r in p.held()], ['unexamined'])
        expect('why', 'too large to be examined whole' in p.why(answer), True)


@case
def rules_change_by_a_reload():
    with Server(MARKS) as p:
        p.start()
        expect('before', 'test-new' in p.signals(send(p, letter('openseme'))), False)
        p.write_rules('rule test-new 3\n\ten new\n\ttext has openseme\n')
        expect('not yet', 'test-new' in p.signals(send(p, letter('openseme'))), False)
        p.reload()
        expect('after', 'test-new' in p.signals(send(p, letter('openseme'))), True)
        p.write_rules('rule test-new three\n\tnonsense\n')
        expect('a mistake is refused', 'not reloaded' in p.cli('reload', check=False), True)
        for pid in p.scans():  # those that start again have the rules that are in force
            os.kill(pid, signal.SIGKILL)
        expect('still', 'test-new' in p.signals(send(p, letter('openseme'))), True)
        p.stop()
        p.start()  # and the mistake does not keep the server from starting
        answer = send(p, letter('openseme'))
        expect('shipped rules alone', (answer[0], 'test-new' in p.signals(answer)), (250, False))


@case
def killed_again_and_again():
    """200 connections at once; scan processes are killed all the time."""
    with Server(MARKS + ['[smtp "mx"]', 'max_rcpts = 100', '[connections]', 'max_per_ip = 1000']) as p:
        p.start()
        answers, stop = [], threading.Event()

        def work(i):
            for k in range(3):
                try:
                    answers.append((f'{i}-{k}', send(p, letter(f'number {i}-{k} ' + 'x' * (i * 700 if i % 10 == 0 else 10)), timeout=180)))
                except OSError as e:
                    answers.append((f'{i}-{k}', (0, str(e))))
        threads = [threading.Thread(target=work, args=(i,)) for i in range(200)]

        def killer():
            rng, n = random.Random(5), 0
            while not stop.is_set():
                pids = p.serving()
                if pids:
                    try:
                        os.kill(rng.choice(pids), signal.SIGKILL)
                        n += 1
                    except ProcessLookupError:
                        pass
                time.sleep(rng.uniform(0.02, 0.3))
            print('killed', n)
        k = threading.Thread(target=killer)
        k.start()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        stop.set()
        k.join()
        accepted = {n for n, (code, _) in answers if code == 250}
        print('accepted', len(accepted), 'of', len(answers), 'other answers', {a for _, a in answers if a[0] != 250})
        expect('most are accepted', len(accepted) > len(answers) * 0.9, True)
        expect('only "later" besides', {a[0] for _, a in answers} <= {250, 451, 421, 0}, True)
        held = p.held()
        wait_until('delivery', 60, lambda: len(p.mail(ME)) == len(accepted) - len(held))
        print('held', len(held))
        where = os.path.join(p.dir, 'export')
        p.cli('export', ME, where, '--format', 'eml')
        found = []
        for folder, _, names in os.walk(where):
            found += [open(os.path.join(folder, n), encoding='latin-1').read() for n in names if n.endswith('.eml')]
        numbers = {re.search(r'number (\d+-\d+)', t)[1] for t in found}
        expect('nothing lost', len(numbers), len(accepted) - len(held))
        expect('all delivered were examined', sum('probability=' not in t for t in found), 0)
        expect('few are held', len(held) <= 20, True)


@case
def links_are_looked_up():
    zone = Zone(['test.uri.test A 127.0.0.2', 'bad.example.uri.test A 127.0.0.2', 'evil.test.uri.test A 127.0.0.2'])
    try:
        with Server(MARKS + ['[dns]', 'mode = forward', f'servers = 127.0.0.1@{zone.port}', '[dnsbl "uri"]', 'zone = uri.test', 'type = uri',
                             'test_points = test invalid']) as p:
            p.start()
            answer = send(p, letter('See https://www.evil.test/login for more'))
            expect('found', 'dnsbl-uri' in p.signals(answer), True)
            answer = send(p, letter('See https://www.good.test/ for more'))
            expect('not found', 'dnsbl-uri' in p.signals(answer), False)
    finally:
        zone.stop()


def with_everything():
    """A letter with many kinds of things in it."""
    m = email.message.EmailMessage()
    m['From'], m['To'], m['Subject'] = 'Ann <ann@far.test>', ME, '发票 and more'
    m.set_content('See https://text.example/a')
    m.add_alternative('<p>See <a href="https://html.example/b">www.bank.example</a></p>', subtype='html')
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w') as z:
        z.writestr('invoice.pdf.exe', b'MZ' + bytes(1000))
        z.writestr('page.html', '<a href="https://zip.example/c">x</a>')
    m.add_attachment(packed.getvalue(), maintype='application', subtype='zip', filename='papers.zip')
    m.add_attachment(b'BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nURL:https://ics.example/d\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n', maintype='text', subtype='calendar')
    m.add_attachment(b'GIF89a' + bytes(30), maintype='image', subtype='gif', filename='x.gif')
    m.add_attachment(b'%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n', maintype='application', subtype='pdf', filename='a.pdf')
    return m.as_bytes(policy=email.policy.SMTP)


@case
def explained():
    with Server(MARKS) as p:
        p.start()
        answer = send(p, with_everything())
        expect('taken', answer[0], 250)
        expect('a program that calls itself a document is held', 'virus' in p.cli('quarantine', 'list'), True)
        text = p.cli('explain', id_of(answer))
        for part in ('multipart/mixed', 'papers.zip', 'invoice.pdf.exe', 'https://text.example/a', 'https://html.example/b', 'https://zip.example/c',
                     'https://ics.example/d', 'Probability of being spam', 'shipped model'):
            expect(part, part in text, True)
        file = os.path.join(p.dir, 'letter.eml')
        with open(file, 'wb') as f:
            f.write(letter('abracadabra'))
        found = p.json('explain', file)
        expect('signals', 'test-word' in [s['name'] for s in found['signals']], True)
        expect('probability', found['probability'] > 0.9, True)
        expect('in Chinese', '垃圾邮件概率' in p.cli('--lang', 'zh', 'explain', file), True)
        expect('no such file', 'No such file' in p.cli('explain', file + 'x', check=False), True)
        expect('no such message', 'neither in the queue' in p.cli('explain', '0G3K5N2M1P0QR', check=False), True)
        expect('nothing was denied to them', 'sandbox.denied' in p.log_tail(1 << 20), False)


@case
def codes_are_read_in_the_sandbox():
    import qrcodes
    out = io.BytesIO()
    qrcodes.drawn('https://login.bank-example.top/verify', 5).save(out, 'PNG')
    m = email.message.EmailMessage()
    m['From'], m['To'], m['Subject'] = 'Ann <ann@far.test>', ME, 'scan'
    m.set_content('Scan this.')
    m.add_attachment(out.getvalue(), maintype='image', subtype='png', filename='code.png')
    with Server(MARKS) as p:
        p.start()
        signals = p.signals(send(p, m.as_bytes(policy=email.policy.SMTP)))
        expect('signals', {'qr-link', 'qr-little-text'} <= signals, True)
        expect('nothing was denied', 'sandbox.denied' in p.log_tail(1 << 20), False)


@case
def mail_like_what_was_bad_is_known():
    words = ('abracadabra: please confirm the address of your parcel and pay the small fee within two days or it goes back to the shop that '
             'has sent it, because our driver could not find anybody at home this morning and the depot near the river keeps nothing longer '
             'than a week, as the rules of the house tell everyone who asks')
    with Server(MARKS + ['[fingerprints]', 'known_from = 1']) as p:
        p.start()
        for i in range(20):
            answer = send(p, letter(f'Dear number {i}, {words}'), sender=f'ann{i}@far.test')
        wait_until('it is known', 20, lambda: 'fp-text-bad' in p.signals(send(p, letter(f'Dear customer 77, {words}'))))
        expect('others are not', 'fp-text-bad' in p.signals(send(p, letter('See you at the meeting tomorrow morning at ten, I shall '
                                                                            'bring the plans for the new kitchen with me.'))), False)

        def say(kind, text):
            path = os.path.join(p.dir, 'said.eml')
            with open(path, 'wb') as f:
                f.write(letter(text))
            os.chmod(path, 0o644)
            p.cli('learn', kind, path)
        say('ham', f'Dear neighbour 5, {words}')
        wait_until('an administrator takes it back', 20, lambda: 'fp-text-bad' not in p.signals(send(p, letter(f'Dear aunt 3, {words}'))))
        other = ('our kitchen needs new plates and forks before the summer feast, so please bring what you can spare on Sunday after the '
                 'walk round the lake, where Martha will show the children how bread was baked when her grandmother still ran the mill '
                 'below the old bridge and nobody had to hurry')
        expect('not yet', 'fp-text-bad' in p.signals(send(p, letter(f'Dear all 7, {other}'))), False)
        say('spam', f'Dear friend 1, {other}')
        wait_until('or tells of it', 20, lambda: 'fp-text-bad' in p.signals(send(p, letter(f'Dear boss 9, {other}'))))


@case
def switched_off():
    with Server(['[filter]', 'enabled = no', 'fields = always']) as p:
        p.start()
        answer = send(p, letter('abracadabra'))
        expect('accepted', answer[0], 250)
        expect('no event', p.event(answer), '')


if __name__ == '__main__':
    sys.exit(run_cases(sys.argv[1:]))
