#!/usr/bin/env python3
"""Mail programs: IMAP and POP3 as real clients speak them, limits, sessions that are listed, ended, kept and lost.

    test/access.py [WORD ...]       the cases whose names contain one of the words
"""
import imaplib, os, poplib, re, signal, smtplib, socket, socketserver, ssl, subprocess, sys, threading, time, zlib
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PASSWORD, Instance, free_port, wait_until
from tally import case, expect, run_cases

ALICE, BOB, CAROL = 'alice@local.test', 'bob@local.test', 'carol@local.test'
PER_ADDRESS, PER_ACCOUNT, LOGIN_TIME = 40, 6, 5
MESSAGES = 3


def config(proxied):
    return ['[access]', f'max_per_ip = {PER_ADDRESS}', f'max_per_account = {PER_ACCOUNT}', f'login_time = {LOGIN_TIME}s',
            '[imap "proxied"]', f'listen = 127.0.0.1:{proxied}', 'proxy_from = 127.0.0.1', 'auth_plaintext = yes',
            '[pop3 "pop3"]', 'login_failures = 2', '[auth]', 'failure_delay = 200ms', '[web]', f'listen = 127.0.0.1:{web}', 'tls = implicit']


def context():
    return ssl.create_default_context(cafile=p.cert_file)


def imap(login=ALICE, password=PASSWORD, port='imaps'):
    m = imaplib.IMAP4_SSL('localhost', p.ports[port], ssl_context=context(), timeout=20)
    if login:
        m.login(login, password)
    return m


def pop3(login=ALICE, password=PASSWORD):
    q = poplib.POP3_SSL('localhost', p.ports['pop3s'], context=context(), timeout=20)
    if login:
        q.user(login)
        q.pass_(password)
    return q


def deliver(to, n, start=0):
    with smtplib.SMTP('127.0.0.1', p.ports['mx']) as s:
        for i in range(start, start + n):
            s.sendmail('carl@elsewhere.test', [to], f'From: carl@elsewhere.test\r\nTo: {to}\r\nSubject: number {i}\r\n\r\n.a dot\r\ntext {i}\r\n')


def sessions(*options):
    return p.json('session', 'list', *options)['sessions']


def over(m):
    """The connection has ended, whatever was said before."""
    try:
        m.noop()
    except (imaplib.IMAP4.abort, imaplib.IMAP4.error, poplib.error_proto, OSError):
        return True
    return False


def curl(*args):
    r = subprocess.run(['curl', '-sS', '--max-time', '20', '--cacert', p.cert_file, '--user', f'{ALICE}:{PASSWORD}', *args],
                       capture_output=True, text=True)
    if r.returncode:
        raise AssertionError(f'curl {args}: {r.returncode} {r.stderr}')
    return r.stdout


# ---- clients

@case
def curl_reads_by_imap_and_pop3():
    for scheme, extra in (('imaps', ()), ('imap', ('--ssl-reqd',))):
        url = f'{scheme}://localhost:{p.ports[scheme]}'
        expect(f'{scheme} folders', 'INBOX' in curl(url, *extra), True)
        text = curl(f'{url}/INBOX;MAILINDEX=1', *extra)
        expect(f'{scheme} message', 'Subject: number 0' in text and '.a dot' in text, True)
    for scheme, extra in (('pop3s', ()), ('pop3', ('--ssl-reqd',))):
        url = f'{scheme}://localhost:{p.ports[scheme]}'
        expect(f'{scheme} list', len(curl(url + '/', *extra).split('\n')) >= MESSAGES, True)
        text = curl(f'{url}/1', *extra)
        expect(f'{scheme} message', 'Subject: number 0' in text and '\n.a dot' in text, True)


@case
def curl_logs_in_by_other_mechanisms():
    for scheme in ('imaps', 'pop3s'):
        for mechanism in ('PLAIN', 'LOGIN', 'SCRAM-SHA-256'):
            try:
                curl('--login-options', f'AUTH={mechanism}', f'{scheme}://localhost:{p.ports[scheme]}/')
            except AssertionError as e:
                if mechanism != 'SCRAM-SHA-256' or '67' not in str(e):  # Debian's curl may be built without it
                    raise


@case
def imaplib_and_poplib_read():
    m, q = imap(), pop3()
    expect('IMAP messages', m.select()[1], [b'%d' % MESSAGES])
    expect('POP3 messages', q.stat()[0], MESSAGES)
    size = int(re.search(rb'RFC822.SIZE (\d+)', m.fetch('1', '(RFC822.SIZE)')[1][0]).group(1))
    expect('the same size', int(q.list(1).split()[2]), size)
    got = b'\r\n'.join(q.retr(1)[1]) + b'\r\n'
    expect('octets', len(got), size)
    expect('the same message', got, m.fetch('1', '(BODY.PEEK[])')[1][0][1])
    expect('top', q.top(1, 1)[1][-1], b'.a dot')
    q.quit()
    m.logout()


@case
def pop3_deletes_at_quit_alone_and_ids_stay():
    deliver(BOB, 4)
    p.wait_mail(BOB, 4)
    q, other = pop3(BOB), pop3(BOB)
    ids = q.uidl()[1]
    q.dele(1)
    q.dele(3)
    expect('not yet', other.stat()[0], 4)
    q.quit()
    later = pop3(BOB)
    kept = [i.split()[1] for i in (ids[1], ids[3])]
    expect('what is left', [i.split()[1] for i in later.uidl()[1]], kept)
    try:
        other.retr(1)
        raise AssertionError('a deleted message was read')
    except poplib.error_proto as e:
        expect('it is gone', 'not there any more' in str(e), True)
    later.dele(1)
    later.close()  # without QUIT
    m = imap(BOB)
    expect('seen by IMAP', m.select()[1], [b'2'])
    log = p.json('mailbox', 'log', BOB) if 'log' in p.cli('mailbox', '--help') else None
    expect('the log knows', log is None or 'pop3' in str(log), True)
    m.logout()
    p.stop()
    p.start()
    q = pop3(BOB)
    expect('after a restart', [i.split()[1] for i in q.uidl()[1]], kept)
    q.quit()


@case
def bare_line_ends_are_sent_right():
    m = imap(CAROL)
    m.send(b'x1 APPEND INBOX {31}\r\n')
    expect('go on', m.readline()[:1], b'+')
    m.send(b'Subject: bare\n\none\n.two\nno end!' + b'\r\n')
    line = m.readline()
    while not line.startswith(b'x1 '):
        line = m.readline()
    expect('taken', line[:5], b'x1 OK')
    q = pop3(CAROL)
    expect('lines', q.retr(1)[1], [b'Subject: bare', b'', b'one', b'.two', b'no end!'])
    expect('its size from then on', int(q.list(1).split()[2]), 31 + 4 + 2)
    q.dele(1)
    q.quit()
    m.logout()


# ---- TLS

@case
def nothing_in_clear_before_tls():
    m = imaplib.IMAP4('localhost', p.ports['imap'])
    expect('LOGINDISABLED', 'LOGINDISABLED' in m.capabilities, True)
    try:
        m.login(ALICE, PASSWORD)
        raise AssertionError('logged in')
    except imaplib.IMAP4.error:
        pass
    m.starttls(context())
    expect('after STARTTLS', 'LOGINDISABLED' in m.capabilities, False)
    m.login(ALICE, PASSWORD)
    m.logout()
    q = poplib.POP3('localhost', p.ports['pop3'])
    expect('no USER', 'USER' in q.capa(), False)
    try:
        q.user(ALICE)
        raise AssertionError('USER taken')
    except poplib.error_proto:
        pass
    q.stls(context())
    q.user(ALICE)
    q.pass_(PASSWORD)
    q.quit()


@case
def openssl_speaks_starttls():
    for name, protocol in (('imap', 'imap'), ('pop3', 'pop3')):
        r = subprocess.run(['openssl', 's_client', '-starttls', protocol, '-connect', f'127.0.0.1:{p.ports[name]}', '-CAfile', p.cert_file, '-verify_return_error',
                            '-brief'], input='a LOGOUT\r\nQUIT\r\n', capture_output=True, text=True, timeout=20)
        expect(f'{name}: {r.stderr[-300:]}', 'Verification: OK' in r.stderr, True)


@case
def commands_behind_starttls_do_not_count():
    for name, start, behind in (('imap', b'a STARTTLS\r\n', b'b NOOP\r\n'), ('pop3', b'STLS\r\n', b'CAPA\r\n')):
        with socket.create_connection(('localhost', p.ports[name]), 10) as s:
            s.recv(1000)
            s.sendall(start + behind)
            time.sleep(0.2)
            try:
                with context().wrap_socket(s, server_hostname='localhost') as t:
                    t.settimeout(3)
                    heard = t.recv(1000)
            except (OSError, ssl.SSLError):
                heard = b''
            expect(f'{name} said', heard, b'')


# ---- limits

@case
def who_does_not_log_in_is_closed():
    started, held = time.monotonic(), {name: socket.create_connection(('localhost', p.ports[name]), 10) for name in ('imap', 'imaps', 'pop3', 'pop3s')}
    for name, s in held.items():
        s.settimeout(LOGIN_TIME + 10)
        while s.recv(1000):
            pass
        took = time.monotonic() - started
        expect(f'{name} after {took:.1f} s', LOGIN_TIME - 1 < took < LOGIN_TIME + 4, True)
        s.close()


def as_many_as_may(held):
    """All that one address may have, in `held`; False while connections of before still count."""
    for s in held:
        s.close()
    held[:] = [socket.create_connection(('127.0.0.1', p.ports['imap']), 10) for _ in range(PER_ADDRESS)]
    return all([s.recv(4) == b'* OK' for s in held])


@case
def many_connections_of_one_address():
    held = []
    try:
        wait_until('room for all', 10, lambda: as_many_as_may(held))
        with socket.create_connection(('127.0.0.1', p.ports['imap']), 10) as s:
            expect('one more', s.recv(5), b'* BYE')
        with socket.create_connection(('127.0.0.1', p.ports['pop3']), 10) as s:
            expect('one more, POP3', s.recv(16), b'-ERR [SYS/TEMP] ')
    finally:
        for s in held:
            s.close()
    wait_until('room', 10, lambda: socket.create_connection(('127.0.0.1', p.ports['imap']), 10).recv(4) == b'* OK')


@case
def many_sessions_of_one_account():
    held = [imap(BOB) for _ in range(PER_ACCOUNT)]
    try:
        pop3(BOB)
        raise AssertionError('one session too many')
    except poplib.error_proto as e:
        expect('words', 'Too many sessions' in str(e), True)
    pop3(CAROL).quit()
    held.pop().logout()
    wait_until('room', 5, lambda: len(sessions('--account', BOB)) < PER_ACCOUNT)
    pop3(BOB).quit()
    for m in held:
        m.logout()


@case
def wrong_passwords_end_the_connection():
    q = pop3(None)
    for _ in range(3):
        try:
            q.user(CAROL)
            q.pass_('wrong')
        except (poplib.error_proto, OSError) as e:
            last = e
    expect('over', over(q), True)
    m = imap(None)
    for _ in range(4):
        try:
            m.login(CAROL, 'wrong')
        except (imaplib.IMAP4.error, OSError) as e:
            last = e
    expect('over', over(m), True)
    del last


# ---- sessions

@case
def sessions_are_listed_and_ended():
    m, other, q = imap(), imap(CAROL), pop3()
    m.xatom('ID', '("name" "tester" "version" "7")')
    m.select('Archive', readonly=True)
    one = next(s for s in sessions('--account', ALICE, '--service', 'imap'))
    for key, value in (('login', ALICE), ('ip', '127.0.0.1'), ('folder', 'Archive'), ('tls', 'TLSv1.3')):
        expect(key, one[key], value)
    expect('program', 'tester' in one['client'], True)
    expect('POP3', [s['service'] for s in sessions('--account', ALICE) if s['service'] == 'pop3'], ['pop3'])
    p.cli('session', 'end', one['id'])
    started = time.monotonic()
    wait_until('its end', 5, lambda: over(m), 0.1)
    expect(f'soon ({time.monotonic() - started:.1f} s)', time.monotonic() - started < 2, True)
    expect('others stay', (other.noop()[0], q.noop()[:3]), ('OK', b'+OK'))
    p.cli('session', 'end', ALICE)
    wait_until('the end of all of hers', 5, lambda: over(q), 0.1)
    expect('hers are gone', sessions('--account', ALICE), [])
    expect('another one stays', other.noop()[0], 'OK')
    r = subprocess.run([os.environ.get('POSTHOUSE') or p_program(), '--config', p.conf, 'session', 'end', ALICE], capture_output=True)
    expect('nothing to end', r.returncode, 3)
    other.logout()


def p_program():
    import posthouse
    return posthouse.PROGRAM


def end_idle(m):
    m.send(b'DONE\r\n')
    while not m.readline().startswith(b'i1 OK'):
        pass


def idling(login=ALICE):
    m = imap(login)
    m.select()
    m.send(b'i1 IDLE\r\n')
    while not m.readline().startswith(b'+'):
        pass
    return m


@case
def who_may_not_any_more_is_out():
    for what, undo in (('disable', 'enable'), ('suspend', 'resume'), ('password', None)):
        m, idle, q, other = imap(CAROL), idling(CAROL), pop3(CAROL), imap(BOB)
        started = time.monotonic()
        if what == 'password':
            p.cli('account', 'passwd', CAROL, '--stdin', stdin='another horse 8\n')
        else:
            p.cli('account', what, CAROL)
        wait_until(f'{what}: the end', 6, lambda: not sessions('--account', CAROL), 0.1)
        took = time.monotonic() - started
        expect(f'{what}: soon ({took:.1f} s)', took < 3, True)
        expect(f'{what}: told', b'BYE' in idle.readline(), True)
        expect(f'{what}: over', (over(m), over(q)), (True, True))
        expect(f'{what}: another one stays', other.noop()[0], 'OK')
        other.logout()
        if undo:
            p.cli('account', undo, CAROL)
    p.cli('account', 'passwd', CAROL, '--stdin', stdin=PASSWORD + '\n')
    imap(CAROL).logout()


@case
def a_service_that_is_switched_off_ends_its_sessions_alone():
    m, q = imap(CAROL), pop3(CAROL)
    p.cli('account', 'set', CAROL, '--deny', 'pop3')
    wait_until('the end', 6, lambda: over(q), 0.1)
    expect('IMAP stays', m.noop()[0], 'OK')
    try:
        pop3(CAROL)
        raise AssertionError('logged in')
    except poplib.error_proto as e:
        expect(f'told: {e}', '[AUTH]' in str(e) and 'Wrong' not in str(e), True)
    p.cli('account', 'set', CAROL, '--deny', 'none')
    pop3(CAROL).quit()
    m.logout()


@case
def new_mail_is_told_at_once():
    m = idling()
    started = time.monotonic()
    deliver(ALICE, 1, 99)
    line = m.readline()
    took = time.monotonic() - started
    expect(f'{line} after {took:.2f} s', b'EXISTS' in line and took < 2, True)
    end_idle(m)
    m.store('%d' % (MESSAGES + 1), '+FLAGS', '\\Deleted')
    m.expunge()
    m.logout()


@case
def a_killed_process_takes_nobody_else_along():
    held = [imap(login) for login in (ALICE, BOB, CAROL, ALICE, BOB, CAROL, ALICE, BOB)]
    by_pid = {}
    for s in sessions():
        by_pid.setdefault(s['pid'], []).append(s['id'])
    expect('two processes', len(by_pid) >= 1, True)
    victim = max(by_pid, key=lambda pid: len(by_pid[pid]))
    os.kill(victim, signal.SIGKILL)
    wait_until('its end', 5, lambda: not os.path.exists(f'/proc/{victim}') or victim not in p.processes())
    alive = [m for m in held if not over(m)]
    expect('those of the others live', len(alive), sum(len(v) for pid, v in by_pid.items() if pid != victim))
    expect('the list knows', len(sessions()), len(alive))
    imap().logout()
    wait_until('a new one', 10, lambda: list(p.processes().values()).count('access') == 2)
    for m in alive:
        m.logout()
    many_sessions_of_one_account()  # nothing of the dead is still counted


@case
def a_reload_keeps_sessions():
    m, idle = imap(), idling(BOB)
    before = {s['pid'] for s in sessions()}
    p.cli('reload')
    expect('it goes on', m.select()[0], 'OK')
    other = imap(CAROL)
    expect('a new one is served by another process', {s['pid'] for s in sessions('--account', CAROL)} & before, set())
    deliver(BOB, 1, 7)
    line = idle.readline()
    expect('and is told', b'EXISTS' in line, True)
    end_idle(idle)
    for x in (m, other, idle):
        x.logout()
    wait_until('the end of the former processes', 10, lambda: list(p.processes().values()).count('access') == 2)


def certificate(name, *names):
    cert, key = (os.path.join(p.dir, f'{name}.{kind}.pem') for kind in ('cert', 'key'))
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj', f'/CN={names[0]}',
                    '-addext', 'subjectAltName=' + ','.join(f'DNS:{n}' for n in names), '-keyout', key, '-out', cert], check=True, stderr=subprocess.DEVNULL)
    os.chmod(key, 0o644)
    return [f'[tls "{name}"]', f'certificate = {cert}', f'key = {key}']


def shown(port, host, starttls=None):
    """The name of the certificate that a listener shows who asks for this host."""
    r = subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{port}', *(['-starttls', starttls] if starttls else []),
                        *(['-servername', host] if host else ['-noservername'])], input='', capture_output=True, text=True, timeout=20)
    return re.search(r'subject=CN = (\S+)', r.stdout).group(1)


def crashed():
    return p.log_tail(1 << 24).count('event=process.crashed')


@case
def a_certificate_for_each_name():
    places = [(p.ports['imaps'], None), (p.ports['imap'], 'imap'), (p.ports['pop3s'], None), (p.ports['pop3'], 'pop3'), (p.ports['mx'], 'smtp'), (web, None)]
    asked = ('mail.firm.test', 'MAIL.other.test', 'a.wild.test', 'a.b.wild.test', 'mx.post.test', 'unknown.test', None)
    firm = certificate('firm', 'mail.firm.test')
    before = [shown(port, 'mail.firm.test', starttls) for port, starttls in places]
    expect('one certificate', set(before), {'mx.post.test'})
    p.write_config([*config(proxied), *firm, *certificate('other', 'mail.other.test', '*.wild.test')])
    p.cli('reload')
    for port, starttls in places:
        got = [shown(port, host, starttls) for host in asked]
        expect(f'{starttls or "TLS"} on {port}', got, ['mail.firm.test', 'mail.other.test', 'mail.other.test'] + ['mx.post.test'] * 4)
    m = imaplib.IMAP4_SSL('localhost', p.ports['imaps'], ssl_context=context(), timeout=20)  # the default, and SCRAM bound to it
    m.login(ALICE, PASSWORD)
    m.logout()
    p.write_config([*config(proxied), '[tls "firm"]', f'certificate = {p.dir}/nowhere', f'key = {p.dir}/nowhere'])
    crashes = crashed()
    r = p.cli('reload', check=False)
    expect('the reload says which certificate', ('[tls "firm"]' in r, f'{p.dir}/nowhere' in r), (True, True))
    expect('no process was tried with it', crashed(), crashes)
    expect('a file that is not there refuses the reload', shown(p.ports['imaps'], 'mail.firm.test'), 'mail.firm.test')
    p.write_config([*config(proxied), '[tls "firm"]', firm[1]])
    expect('half of it is a mistake', 'certificate and key must both be given' in p.cli('config', 'show', check=False), True)
    p.write_config(config(proxied))
    p.cli('reload')
    expect('taken back', shown(p.ports['imaps'], 'mail.firm.test'), 'mx.post.test')


# ---- around it

@case
def behind_a_balancer():
    with socket.create_connection(('127.0.0.1', proxied), 10) as s:
        s.sendall(b'PROXY TCP4 192.0.2.7 192.0.2.1 4711 143\r\n')
        f = s.makefile('rb')
        expect('greeting', f.readline()[:4], b'* OK')
        s.sendall(f'a LOGIN {ALICE} "{PASSWORD}"\r\n'.encode())
        while not f.readline().startswith(b'a OK'):
            pass
        expect('whose it is', [x['login'] for x in sessions('--ip', '192.0.2.7')], [ALICE])
    with socket.create_connection(('127.0.0.1', proxied), 10) as s:
        s.sendall(b'a CAPABILITY\r\n')
        expect('without a header', s.recv(100), b'')


@case
def compressed():
    m = imap()
    expect('offered', 'COMPRESS=DEFLATE' in m.capabilities or b'COMPRESS=DEFLATE' in m.capability()[1][0], True)
    m.send(b'c1 COMPRESS DEFLATE\r\n')
    expect('taken', m.readline()[:5], b'c1 OK')
    out, back = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)

    def ask(command, tag):
        m.sock.sendall(out.compress(command) + out.flush(zlib.Z_SYNC_FLUSH))
        text = b''
        while tag not in text:
            text += back.decompress(m.sock.recv(4096))
        return text
    expect('select', b'EXISTS' in ask(b'c2 SELECT INBOX\r\n', b'c2 OK'), True)
    time.sleep(7)  # it rests meanwhile
    expect('fetch', b'number 1' in ask(b'c3 FETCH 1:* (BODY.PEEK[])\r\n', b'c3 OK'), True)
    expect('logout', b'BYE' in ask(b'c4 LOGOUT\r\n', b'BYE'), True)


@case
def counters():
    m, q = imap(), pop3()
    m.logout()
    q.quit()
    time.sleep(0.2)
    text = p.cli('metrics')
    for name, label in (('connections', 'protocol="imap"'), ('connections', 'protocol="pop3"'), ('logins', 'result="ok"'), ('bytes', 'direction="out"'), ('commands', 'protocol="imap"')):
        lines = [l for l in text.split('\n') if l.startswith(f'posthouse_access_{name}_total{{') and label in l]
        expect(f'{name} {label} in {lines}', sum(float(l.split()[-1]) for l in lines) > 0, True)


class Clamd(socketserver.BaseRequestHandler):
    """Knows the virus only since it has new signatures."""
    knows = False

    def handle(self):
        got = b''
        while piece := self.request.recv(65536):
            got += piece
            end = b'\0' if got[:1] == b'z' else b'\n'
            if got[1:8] == b'VERSION':
                self.request.sendall(b'ClamAV 1.0/1/now' + end)
                got = b''
            elif got[1:9] == b'INSTREAM' and got.endswith(bytes(4)):
                self.request.sendall((b'stream: Made.Virus FOUND' if self.knows and b'evil' in got else b'stream: OK') + end)
                return


@case
def what_has_a_virus_is_not_read():
    global p
    with socketserver.ThreadingTCPServer(('127.0.0.1', 0), Clamd) as clamd:
        clamd.daemon_threads = True
        threading.Thread(target=clamd.serve_forever, daemon=True).start()
        was = p
        with Instance(config=['[engine "own"]', 'type = clamd', f'address = 127.0.0.1:{clamd.server_address[1]}', 'for = read'],
                      listeners=('mx', 'imaps', 'pop3s')) as p:
            try:
                p.setup_command('domain add local.test')
                p.setup_command(f'account add {ALICE}')
                p.start()
                with smtplib.SMTP('127.0.0.1', p.ports['mx']) as s:
                    for word in ('good', 'evil'):
                        s.sendmail('carl@elsewhere.test', [ALICE], f'Subject: {word}\r\n\r\n{word} text\r\n')
                p.wait_mail(ALICE, 2)
                Clamd.knows = True
                m, q = imap(), pop3()
                m.select()
                expect('IMAP', [m.fetch(n, '(BODY.PEEK[])')[0] for n in '12'], ['OK', 'NO'])
                expect('asked for as read', [m.fetch(n, '(BODY[])')[0] for n in '12'], ['OK', 'NO'])
                expect('noted as read', [b'\\Seen' in m.fetch(n, '(FLAGS)')[1][0] for n in '12'], [True, False])
                expect('its envelope', b'evil' in m.fetch('2', '(ENVELOPE)')[1][0], True)
                expect('POP3', q.retr(1)[0][:3], b'+OK')
                try:
                    q.retr(2)
                    raise AssertionError('handed out')
                except poplib.error_proto as e:
                    expect('why', 'virus' in str(e), True)
                m.logout()
                q.quit()
            finally:
                p = was
        clamd.shutdown()


def main():
    global p, proxied, web
    proxied, web = free_port(), free_port()
    with Instance(config=config(proxied), listeners=('mx', 'imap', 'imaps', 'pop3', 'pop3s')) as p:
        p.setup_command('domain add local.test')
        for who in (ALICE, BOB, CAROL):
            p.setup_command(f'account add {who}')
        p.start()
        deliver(ALICE, MESSAGES)
        p.wait_mail(ALICE, MESSAGES)
        code = run_cases(sys.argv[1:])
        if code:
            print(p.log_tail(4000))
    return code


sys.exit(main())
