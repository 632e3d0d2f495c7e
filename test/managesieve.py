#!/usr/bin/env python3
"""ManageSieve with programs that people have (sieve-connect, sievelib, Emacs, the library that Roundcube uses) and with bare sockets: what is put is there byte for byte, what is
wrong is refused with its line, TLS cannot be slipped past, and nobody sees the scripts of others.

    test/managesieve.py [WORD ...]     the cases whose names contain one of the words
"""
import base64, imaplib, json, os, re, shutil, smtplib, socket, ssl, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, PASSWORD, wait_until
from tally import case, expect, run_cases

TLS = ssl._create_unverified_context()
ANN, BOB = 'ann@one.test', 'bob@one.test'
GOOD = 'require ["fileinto", "mailbox"];\r\n# 订单\r\nif header :contains "subject" "订单" { fileinto :create "工作/订单"; }\r\n'
BAD = 'require "fileinto";\r\nfileinto "x"\r\n'


class Line:
    """A session without a library: says lines, hears answers up to OK, NO or BYE."""

    def __init__(self, tls=True, login=None):
        self.s = socket.create_connection(('127.0.0.1', p.ports['sieve']), timeout=20)
        self.f = self.s.makefile('rb')
        self.greeting = self.hear()
        if tls:
            self.say('STARTTLS')
            self.s = TLS.wrap_socket(self.s)
            self.f = self.s.makefile('rb')
            self.greeting = self.hear()
        if login:
            word = base64.b64encode(f'\0{login}\0{PASSWORD}'.encode()).decode()
            expect('login', self.say(f'AUTHENTICATE "PLAIN" "{word}"')[-1][:2], 'OK')

    def hear(self):
        heard = []
        while True:
            line = self.f.readline().decode()
            size = re.search(r'\{(\d+)\}\r\n$', line)
            if size:
                line += self.f.read(int(size[1])).decode() + self.f.readline().decode()
            heard.append(line.removesuffix('\r\n'))
            if not line or re.match(r'(OK|NO|BYE)\b', line):
                return heard

    def say(self, text):
        self.s.sendall(text.encode() + b'\r\n')
        return self.hear()

    def put(self, name, script):
        return self.say(f'PUTSCRIPT "{name}" {{{len(script.encode())}+}}\r\n{script}')


def connect(*args, stdin=None):
    """sieve-connect as Ann."""
    r = subprocess.run(['sieve-connect', '--server', '127.0.0.1', '--port', str(p.ports['sieve']), '--user', ANN, '--notlsverify', '--authmech', 'PLAIN',
                        '--passwordfd', '0', *args], input=PASSWORD + '\n', capture_output=True, text=True, timeout=60, env=p.environment, cwd=p.dir)
    if r.returncode:
        raise AssertionError(f'{args}: exit {r.returncode}\n{r.stdout}{r.stderr}')
    return r.stdout


@case
def sieve_connect_puts_and_gets():
    if not shutil.which('sieve-connect'):
        print('skipped: sieve_connect_puts_and_gets: sieve-connect is not here')
        return
    path = os.path.join(p.dir, 'orders.sieve')
    with open(path, 'w', newline='', encoding='utf-8') as f:
        f.write(GOOD)
    connect('--localsieve', path, '--remotesieve', 'orders', '--upload')
    connect('--remotesieve', 'orders', '--activate')
    expect('listed as active', bool(re.search(r'"?orders"? ACTIVE', connect('--list'))), True)
    back = os.path.join(p.dir, 'back.sieve')
    connect('--remotesieve', 'orders', '--localsieve', back, '--download')
    with open(back, newline='', encoding='utf-8') as f:
        expect('the same script', f.read(), GOOD)
    connect('--deactivate')
    connect('--remotesieve', 'orders', '--delete')
    expect('none left', 'orders' in connect('--list'), False)


@case
def sievelib_manages_scripts():
    try:
        from sievelib.managesieve import Client
    except ImportError:
        print('skipped: sievelib_manages_scripts: python3-sievelib is not here')
        return
    ssl._create_default_https_context = ssl._create_unverified_context
    c = Client('127.0.0.1', p.ports['plain'])
    expect('logged in', c.connect(BOB, PASSWORD, starttls=False, authmech='PLAIN'), True)
    expect('put', c.putscript('规则', GOOD), True)
    expect('checked', c.checkscript(GOOD), True)
    expect('mistake', c.checkscript(BAD), False)
    expect('activated', c.setactive('规则'), True)
    expect('listed', c.listscripts(), ('规则', []))
    expect('renamed', c.renamescript('规则', 'new'), True)
    expect('got', c.getscript('new').replace('\n', '\r\n').strip(), GOOD.strip())
    expect('room', c.havespace('x', 100), True)
    expect('active stays', c.deletescript('new'), False)
    c.setactive('')
    expect('deleted', c.deletescript('new'), True)
    c.logout()


PHP = r"""<?php
error_reporting(E_ALL & ~E_DEPRECATED);
require 'Net/Sieve.php';
function good($what, $r) {
    if (is_a($r, 'PEAR_Error')) { echo "$what: ", $r->getMessage(), "\n"; exit(1); }
    return $r;
}
[$port, $user, $password, $script, $bad] = json_decode(file_get_contents('php://stdin'));
$s = new Net_Sieve();
$tls = ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false, 'allow_self_signed' => true]];
good('connect', $s->connect('127.0.0.1', $port, $tls, true));
good('login', $s->login($user, $password, 'PLAIN'));
good('install', $s->installScript('工作 "one"', $script, true));
$wrong = $s->installScript('bad', $bad);
$got = ['encrypted' => $s->hasExtension('fileinto'), 'list' => good('list', $s->listScripts()), 'active' => good('active', $s->getActive()),
    'script' => good('get', $s->getScript('工作 "one"')), 'space' => good('space', $s->haveSpace('x', 1000)),
    'refused' => is_a($wrong, 'PEAR_Error') ? $wrong->getMessage() : ''];
good('deactivate', $s->setActive(''));
good('remove', $s->removeScript('工作 "one"'));
$got['left'] = good('list', $s->listScripts());
good('bye', $s->disconnect());
echo json_encode($got);
"""


@case
def roundcubes_library_manages_scripts():
    if not shutil.which('php') or not os.path.exists('/usr/share/php/Net/Sieve.php'):
        print('skipped: roundcubes_library_manages_scripts: php-net-sieve is not here')
        return
    path = os.path.join(p.dir, 'client.php')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(PHP)
    r = subprocess.run(['php', path], input=json.dumps([p.ports['sieve'], ANN, PASSWORD, GOOD, BAD]), capture_output=True, text=True, timeout=60)
    try:
        got = json.loads(r.stdout[r.stdout.index('{'):])
    except ValueError:
        raise AssertionError(r.stdout + r.stderr)
    expect('listed and active', (got['list'], got['active'], got['left']), (['工作 "one"'], '工作 "one"', []))
    expect('the same script', got['script'].strip(), GOOD.strip())
    expect('capabilities, room', (got['encrypted'], got['space']), (True, True))
    expect('a mistake has its line', bool(re.search(r'\b[23]:\d+', got['refused'])), True)


EMACS = """
(require 'sieve-manage) (require 'auth-source)
(setq auth-sources (list (expand-file-name "authinfo" default-directory)) network-security-level 'low sieve-manage-log nil
      nsm-settings-file (expand-file-name "nsm" default-directory))
(let ((b (sieve-manage-open "127.0.0.1" PORT 'network 'plain)) (out (generate-new-buffer "out")))
  (sieve-manage-authenticate b)
  (princ (format "put %s\n" (car (sieve-manage-putscript "emacs" "keep;\r\n" b))))
  (princ (format "bad %s\n" (car (sieve-manage-putscript "bad" "kep;\r\n" b))))
  (princ (format "active %s\n" (car (sieve-manage-setactive "emacs" b))))
  (princ (format "list %S\n" (sieve-manage-listscripts b)))
  (princ (format "space %s\n" (car (sieve-manage-havespace "x" 100 b))))
  (sieve-manage-getscript "emacs" out b)
  (princ (format "script %S\n" (with-current-buffer out (buffer-string))))
  (sieve-manage-setactive "" b)
  (princ (format "gone %s\n" (car (sieve-manage-deletescript "emacs" b))))
  (sieve-manage-close b))
"""


@case
def emacs_manages_scripts():
    if not shutil.which('emacs'):
        print('skipped: emacs_manages_scripts: emacs is not here')
        return
    for name, text in (('client.el', EMACS.replace('PORT', str(p.ports['sieve']))),
                       ('authinfo', f'machine 127.0.0.1 port sieve login {BOB} password "{PASSWORD}"\n')):
        with open(os.path.join(p.dir, name), 'w', encoding='utf-8') as f:
            f.write(text)
    r = subprocess.run(['emacs', '-Q', '--batch', '-l', 'client.el'], capture_output=True, text=True, timeout=60, cwd=p.dir,
                       env=dict(p.environment, HOME=p.dir), stdin=subprocess.DEVNULL)
    got = dict(line.split(' ', 1) for line in r.stdout.splitlines() if ' ' in line)
    if not got:
        raise AssertionError(r.stdout + r.stderr)
    expect('answers', [got.get(w) for w in ('put', 'bad', 'active', 'space', 'gone')], ['OK', 'NO', 'OK', 'OK', 'OK'])
    expect('listed and active', got['list'], '((active . "emacs"))')
    expect('the same script', 'keep;' in got['script'], True)


@case
def capabilities_change_with_tls():
    a = Line(tls=False)
    caps = '\n'.join(a.greeting)
    expect('STARTTLS, no mechanisms', ('"STARTTLS"' in caps, '"SASL" ""' in caps), (True, True))
    expect('no login in clear', a.say('AUTHENTICATE "PLAIN" "AGEAYg=="')[-1][:19], 'NO (ENCRYPT-NEEDED)')
    b = '\n'.join(Line().greeting)
    expect('under TLS', ('"STARTTLS"' in b, 'SCRAM-SHA-256' in b, 'fileinto' in b, '"VERSION" "1.0"' in b), (False, True, True, True))


@case
def words_before_tls_do_not_count():
    s = socket.create_connection(('127.0.0.1', p.ports['sieve']), timeout=20)
    f = s.makefile('rb')
    while not f.readline().startswith(b'OK'):
        pass
    s.sendall(b'STARTTLS\r\nNOOP "smuggled"\r\n')
    expect('begin', f.readline()[:2], b'OK')
    try:
        t = TLS.wrap_socket(s)
        heard = t.recv(65536)
    except (ssl.SSLError, ConnectionError):
        heard = b''
    expect('not heard', b'smuggled' in heard, False)


@case
def scripts_are_their_owners():
    a, b = Line(login=ANN), Line(login=BOB)
    expect('put', a.put('mine', GOOD)[-1][:2], 'OK')
    expect('others see nothing', b.say('LISTSCRIPTS'), ['OK'])
    expect('nor read it', b.say('GETSCRIPT "mine"')[-1][:16], 'NO (NONEXISTENT)')
    expect('nor by a path', b.say('GETSCRIPT "../ann@one.test/mine"')[-1][:2], 'NO')
    expect('it is there', a.say('GETSCRIPT "mine"')[0].split('\r\n', 1)[1], GOOD)
    expect('gone', a.say('DELETESCRIPT "mine"'), ['OK'])


@case
def mistakes_have_their_lines():
    a = Line(login=ANN)
    said = a.put('bad', BAD)[-1]
    expect('refused, with a line', (said[:2], bool(re.search(r'\b[23]:\d+', said))), ('NO', True))
    expect('not stored', a.say('LISTSCRIPTS'), ['OK'])


@case
def limits_are_told():
    a = Line(login=ANN)
    expect('too long', a.put('long', '#' * 300000)[-1][:18], 'NO (QUOTA/MAXSIZE)')
    for i in range(16):
        expect(f'script {i}', a.put(f's{i}', 'keep;')[-1], 'OK')
    expect('too many', a.put('one more', 'keep;')[-1][:21], 'NO (QUOTA/MAXSCRIPTS)')
    expect('room for a longer one of a name', a.say('HAVESPACE "s3" 100')[-1], 'OK')
    for i in range(16):
        a.say(f'DELETESCRIPT "s{i}"')
    for _ in range(25):
        heard = a.say('xyzzy')[-1]
        if heard.startswith('BYE'):
            return
    raise AssertionError('nonsense goes on for ever')


@case
def delivery_follows_at_once():
    a = Line(login=ANN)
    expect('put', a.put('now', GOOD)[-1], 'OK')
    expect('active', a.say('SETACTIVE "now"')[-1], 'OK')

    def letters(folder):
        with imaplib.IMAP4_SSL('127.0.0.1', p.ports['imaps'], ssl_context=TLS) as m:
            m.login(ANN, PASSWORD)
            ok, n = m.select(folder, readonly=True)
            return int(n[0]) if ok == 'OK' else 0
    time.sleep(1.3)  # servers see changes within a second
    with smtplib.SMTP('127.0.0.1', p.ports['mx'], timeout=20) as s:
        s.sendmail('x@stranger.test', [ANN], 'Subject: =?utf-8?b?6K6i5Y2V?= 7\r\nFrom: x@stranger.test\r\n\r\nhello\r\n')
    wait_until('the folder', 15, lambda: letters('"&XeVPXA-/&i6JTVQ-"') == 1)
    a.say('SETACTIVE ""')
    a.say('DELETESCRIPT "now"')


@case
def simple_rules_are_a_script_until_it_is_changed_by_hand():
    form = {'rules': [{'name': '订单', 'match': 'any', 'conditions': [{'field': 'subject', 'op': 'contains', 'values': ['订单']}],
                       'actions': [{'do': 'move', 'folder': '工作/订单'}], 'stop': True}]}
    path = os.path.join(p.dir, 'form.json')
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(form, f)
    p.cli('sieve', 'put', ANN, 'simple', path, '--form')
    a = Line(login=ANN)
    script = a.say('GETSCRIPT "simple"')[0].split('\r\n', 1)[1]
    expect('a script', 'fileinto :create "工作/订单"' in script, True)
    expect('the form is kept', json.loads(p.cli('sieve', 'show', ANN, 'simple', '--form')), form)
    expect('put', a.put('simple', script + '# by hand\r\n')[-1], 'OK')
    expect('no form any more', 'by hand' in p.cli('sieve', 'show', ANN, 'simple', '--form', check=False), True)
    del form['rules'][0]['match']
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(form, f)
    expect('told where', 'rules[0].match' in p.cli('sieve', 'put', ANN, 'simple', path, '--form', check=False), True)
    a.say('DELETESCRIPT "simple"')


with Instance(config=['[managesieve "plain"]', 'auth_plaintext = yes', '[filter]', 'enabled = no'], listeners=('mx', 'imaps', 'sieve', 'plain')) as p:
    p.setup_command('domain add one.test')
    for who in (ANN, BOB):
        p.setup_command(f'account add {who}')
    p.start()
    sys.exit(run_cases(sys.argv[1:]))
