#!/usr/bin/env python3
"""Mail programs that people have, against one server: isync, OfflineIMAP, mutt, fetchmail, getmail, mpop, curl and imapflow.

    test/clients.py [WORD ...]      the cases whose names contain one of the words

What a program must have done is read from the server, and from its folders on the disk, not from what it says. A program that
is not there is skipped with a word; imapflow is installed by npm into build/ the first time.
"""
import base64, functools, hashlib, imaplib, os, pty, re, shutil, socket, ssl, subprocess, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import peers
from posthouse import PASSWORD, ROOT, Instance, wait_until
from tally import case, expect, run_cases

SYNC, OFFLINE, READER, FETCHED, FLOW = (f'{name}@local.test' for name in ('sync', 'offline', 'reader', 'fetched', 'flow'))
FOLDERS = {'INBOX': 60, '项目': 20, '项目/二〇二四年 报告': 40, 'Work/Projects/Deep/er': 30, 'A & B': 10, 'Büro "quoted"': 10, 'Junk': 12,
           'Void': 0}
NEW_FAR, NEW_NEAR = '新建/子 ~ & [box] 🗂', '本地&ü'
FLAGS = ['', r'\Seen', r'\Seen \Answered', r'\Flagged', r'\Draft \Seen', r'\Seen $Forwarded work']
LETTERS = 12  # in the inboxes of those that fetch
PLACES = [os.environ['PATH'], f'{peers.PEERS}/fetchmail/usr/bin']


def needs(name):
    """A case that has a program, found at its first argument; skipped without."""
    def wrap(f):
        found = shutil.which(name, path=os.pathsep.join(PLACES))

        @functools.wraps(f)
        def run():
            if found:
                f(found)
            else:
                print(f'skipped: {f.__name__}: {name} is not here')
        return case(run)
    return wrap


def run(*args, codes=(0,), **kw):
    r = subprocess.run(args, capture_output=True, text=True, timeout=50, env=dict(p.environment, HOME=p.dir), errors='replace', **kw)
    if r.returncode not in codes:
        raise AssertionError(f'{args}: exit {r.returncode}\n{r.stdout[-3000:]}{r.stderr[-3000:]}')
    return r.stdout + r.stderr


def place(name, text=None):
    """A path in the instance's folder; with `text` a file."""
    path = os.path.join(p.dir, name)
    if text is not None:
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(path, 0o600)
    return path


# ---- what the server has

def wire(name):
    """A folder's name in modified UTF-7."""
    return re.sub(r'[^\x20-\x7e]+', lambda f: '&' + base64.b64encode(f[0].encode('utf-16-be')).decode().rstrip('=').replace('/', ',') + '-',
                  name.replace('&', '&-'))


def quoted(name):
    return '"' + wire(name).replace('\\', '\\\\').replace('"', '\\"') + '"'


def imap(login):
    m = imaplib.IMAP4_SSL('localhost', p.ports['imaps'], ssl_context=ssl.create_default_context(cafile=p.cert_file), timeout=30)
    m.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # imaplib sends the end of a literal alone
    m.login(login, PASSWORD)
    return m


def good(answer):
    if answer[0] != 'OK':
        raise AssertionError(answer)
    return answer[1]


def letters():
    """Messages without end, all different: those of test/letters, and short ones."""
    folder = os.path.join(ROOT, 'test/letters/ham')
    real = [open(os.path.join(folder, name), 'rb').read() for name in sorted(os.listdir(folder))]
    for i in range(100000):
        head = f'X-Letter: {i}\r\n'.encode()
        plain = (f'From: a@far.test\r\nTo: b@local.test\r\nSubject: number {i}\r\nDate: Mon, 6 May 2024 10:{i % 60:02}:00 +0000\r\n'
                 f'Message-ID: <{i}@far.test>\r\n\r\ntext {i}\r\n.dot\r\n')
        yield head + (re.sub(rb'\r?\n', b'\r\n', real[i // 3 % len(real)]) if i % 3 == 0 else plain.encode())


def fill(login, folders):
    m, source = imap(login), letters()
    for name, count in folders.items():
        if name != 'INBOX':
            m.create(quoted(name))
        for i in range(count):
            good(m.append(quoted(name), f'({FLAGS[i % len(FLAGS)]})', imaplib.Time2Internaldate(1700000000 + i), next(source)))
    m.logout()


def digest(data):
    """Without what programs write in front or for themselves."""
    data = re.sub(rb'(?m)^X-(TUID|OfflineIMAP): .*\n', b'', data.replace(b'\r\n', b'\n'))
    data = data[max(data.find(b'X-Letter: '), 0):]
    return hashlib.sha256(data).hexdigest()[:12]


def names(m):
    return [re.search(rb'"/" (.*)$', line)[1].decode() for line in good(m.list()) if b'\\Noselect' not in line]


def initials(head):
    """Of a message's system flags."""
    return ''.join(sorted(f[1:2].decode() for f in imaplib.ParseFlags(head) if f[:1] == b'\\'))


def far(login):
    """Folder as on the wire -> sorted (digest, initials)."""
    m, found = imap(login), {}
    for name in names(m):
        count = int(good(m.select(name, readonly=True))[0])
        parts = [x for x in good(m.fetch('1:*', '(FLAGS BODY.PEEK[])')) if isinstance(x, tuple)] if count else []
        plain = re.sub(r'\\(.)', r'\1', name[1:-1]) if name.startswith('"') else name
        found[plain] = sorted((digest(text), initials(head)) for head, text in parts)
    m.logout()
    return found


def state(login):
    """What changes whenever something happens to a folder."""
    m = imap(login)
    found = sorted(good(m.status(name, '(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ UNSEEN)'))[-1] for name in names(m))
    m.logout()
    return found


# ---- what a program has on the disk

def maildirs(top):
    """As far(): folders with / between the levels."""
    found = {}
    for where, folders, _ in os.walk(top):
        if 'cur' not in folders or 'new' not in folders:
            continue
        messages = []
        for sub in ('cur', 'new'):
            for name in os.listdir(os.path.join(where, sub)):
                flags = name.split(':2,')[1] if ':2,' in name else ''
                long = ''.join(sorted({'S': 'S', 'R': 'A', 'F': 'F', 'D': 'D', 'T': 'D'}[c] for c in flags if c in 'SRFDT'))
                with open(os.path.join(where, sub, name), 'rb') as f:
                    messages.append((digest(f.read()), long))
        found[os.path.relpath(where, top)] = sorted(messages)
    return found


def message_files(top):
    return sorted(os.path.join(where, f) for where, _, found in os.walk(top) for f in found if os.path.basename(where) in ('cur', 'new'))


def same(what, near, distant):
    for name in sorted(near.keys() | distant.keys()):
        if near.get(name) != distant.get(name):
            here, there = (set(side.get(name, ['no folder'])) for side in (near, distant))
            raise AssertionError(f'{what}: {name!r}: only here {here - there}, only there {there - here}')


def change_far(login):
    """Flags, a move, a delete, new folders: as another mail program does."""
    m = imap(login)
    good(m.select('INBOX'))
    good(m.uid('STORE', '1:4', '+FLAGS', r'(\Flagged \Answered)'))
    good(m.uid('STORE', '2', '-FLAGS', r'(\Seen)'))
    good(m.uid('MOVE', '5:6', quoted('项目')))
    good(m.uid('STORE', '7:9', '+FLAGS', r'(\Deleted)'))
    good(m.uid('EXPUNGE', '7:9'))
    good(m.create(quoted(NEW_FAR)))
    good(m.uid('COPY', '10', quoted(NEW_FAR)))
    good(m.delete(quoted('Void')))
    m.logout()


def change_near(top):
    """The same from this side, in maildirs."""
    cur = os.path.join(top, wire('A & B'), 'cur')
    files = sorted(os.listdir(cur))
    if len(files) < 4:
        raise AssertionError(f'{cur}: {files}')
    base = [name.split(':2,')[0] for name in files]
    os.rename(f'{cur}/{files[0]}', f'{cur}/{base[0]}:2,FRS')
    os.unlink(f'{cur}/{files[1]}')
    os.rename(f'{cur}/{files[2]}', os.path.join(top, wire('项目'), 'cur', re.sub(r',.*', '', base[2]) + 'moved:2,S'))
    made = os.path.join(top, wire(NEW_NEAR))
    for sub in ('cur', 'new', 'tmp'):
        os.makedirs(os.path.join(made, sub))
    for i in range(3):
        with open(f'{made}/cur/1700000000.{i}_1.here:2,S', 'wb') as f:
            f.write(f'From: a@here.test\nSubject: 新 {i}\nMessage-ID: <near{i}@here.test>\n\nwritten here\n'.encode())


def both_ways(login, top, sync, folders):
    """A program that keeps folders on the disk like those of the server: at first, again with nothing to do, and after changes."""
    fill(login, folders)
    sync()
    before = state(login)
    same('first', maildirs(top), far(login))
    files = message_files(top)
    sync()
    expect('nothing was done on the server', state(login), before)
    expect('nothing was done here', message_files(top), files)
    change_far(login)
    change_near(top)
    sync()
    distant = far(login)
    same('changes', maildirs(top), distant)
    expect('the new folder', len(distant[wire(NEW_NEAR)]), 3)
    expect('messages that went', [len(distant[wire(n)]) for n in ('INBOX', '项目', 'A & B', NEW_FAR)], [55, 23, 8, 1])
    expect('flags that went', sum(flags == 'AFS' for _, flags in distant[wire('A & B')]), 1)
    m = imap(login)
    good(m.select('INBOX'))
    expect('keywords that stayed', len(good(m.search(None, 'KEYWORD', 'work'))[0].split()), 9)
    m.logout()
    before = state(login)
    sync()
    expect('nothing was done after it', state(login), before)


@needs('mbsync')
def mbsync_goes_both_ways(mbsync):
    top = place('mbsync')
    os.makedirs(top)
    rc = place('mbsyncrc', f'''IMAPAccount far
Host localhost
Port {p.ports['imaps']}
User {SYNC}
Pass "{PASSWORD}"
SSLType IMAPS
SystemCertificates no
CertificateFile {p.cert_file}

IMAPStore far
Account far

MaildirStore near
Path {top}/
Inbox {top}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
''')
    both_ways(SYNC, top, lambda: run(mbsync, '-c', rc, '-a'), FOLDERS)


@needs('offlineimap')
def offlineimap_goes_both_ways(offlineimap):
    top = place('offline')
    rc = place('offlineimaprc', f'''[general]
accounts = all
metadata = {place('offline-state')}
[Account all]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {top}
sep = /
customflag_a = work
[Repository far]
type = IMAP
remotehost = localhost
remoteport = {p.ports['imaps']}
remoteuser = {OFFLINE}
remotepass = {PASSWORD}
ssl = yes
sslcacertfile = {p.cert_file}
expunge = yes
customflag_a = work
''')
    # It puts names between quotes, but those in a name it does not escape.
    both_ways(OFFLINE, top, lambda: run('/usr/bin/python3', offlineimap, '-o', '-c', rc, '-u', 'basic'),
              {name.replace('"', "'"): count for name, count in FOLDERS.items()})


# ---- mutt

def on_terminal(*args):
    """A program that wants a terminal, until it ends."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(args[0], args, dict(p.environment, HOME=p.dir, TERM='xterm', LINES='40', COLUMNS='120'))
    said = b''
    killer = threading.Timer(20, lambda: os.kill(pid, 9))
    killer.start()
    try:
        while True:
            said += os.read(terminal, 4096)
    except OSError:  # how the end is told
        pass
    status = os.waitpid(pid, 0)[1]
    killer.cancel()
    os.close(terminal)
    if status:
        raise AssertionError(f'{args[0]}: status {status}: {said[-1500:]}')


@needs('mutt')
def mutt_reads_copies_and_deletes(mutt):
    fill(READER, {'INBOX': 12, '项目': 0})
    rc = place('muttrc', f'''set imap_user="{READER}" imap_pass="{PASSWORD}" folder="imaps://localhost:{p.ports['imaps']}/"
set ssl_ca_certificates_file="{p.cert_file}" certificate_file="{place('mutt-certs', '')}"
set delete=yes move=no copy=no confirmappend=no confirmcreate=no wait_key=no pipe_decode=no quit=yes mark_old=no header_cache="{place('mutt-cache')}"
set imap_qresync=yes imap_condstore=yes charset=utf-8
macro index <F5> "<tag-pattern>~s 'number [12]$'<enter><tag-prefix><copy-message>=项目<enter>"
''')
    out = place('mutt-out')
    on_terminal(mutt, '-n', '-F', rc, '-f', f'imaps://localhost:{p.ports["imaps"]}/INBOX', '-e',
                f'push "<limit>all<enter><F5><untag-pattern>.<enter><search>~s \'number 4$\'<enter><pipe-message>cat > {out}<enter>'
                '<delete-pattern>~s \'number [78]$\'<enter><search>~s \'number 10$\'<enter><flag-message><sync-mailbox><quit>"')
    with open(out, encoding='utf-8') as f:
        text = f.read()
    expect('the message', 'X-Letter: 4\n' in text and text.endswith('text 4\n.dot\n'), True)
    m = imap(READER)
    subjects = {}
    for name in ('INBOX', '项目'):
        good(m.select(quoted(name), readonly=True))
        got = good(m.fetch('1:*', '(FLAGS BODY.PEEK[HEADER.FIELDS (X-Letter)])'))
        subjects[name] = {int(x[1].split(b':')[1]): x[0] for x in got if isinstance(x, tuple)}
    m.logout()
    expect('deleted', sorted(subjects['INBOX']), [0, 1, 2, 3, 4, 5, 6, 9, 10, 11])
    expect('copied', sorted(subjects['项目']), [1, 2])
    expect('flagged', b'\\Flagged' in subjects['INBOX'][10], True)


# ---- those that fetch

def inbox(login):
    return len(far(login)['INBOX'])


@needs('fetchmail')
def fetchmail_fetches_once(fetchmail):
    def fetched(protocol, count, options):
        """Twice; the second time there is nothing."""
        out = place('fetchmail-out', '')
        rc = place('fetchmailrc', f'''set no syslog
set no bouncemail
poll localhost service {p.ports[protocol[:4].lower() + 's']} protocol {protocol} {'uidl' if protocol == 'POP3' else ''}
user "{FETCHED}" password "{PASSWORD}" ssl sslcertck sslcertfile "{p.cert_file}" {options} mda "cat >> '{out}'"
''')
        for code in (0, 1):  # 1: no mail
            run(fetchmail, '-f', rc, '--idfile', place(f'ids-{protocol}'), '--pidfile', place('fetchmail.pid'), codes=(code,))
            with open(out, 'rb') as f:
                expect(f'{protocol}, {options}: fetched', len(re.findall(rb'(?m)^X-Letter: ', f.read())), count)

    fill(FETCHED, {'INBOX': LETTERS})
    unread = sum('S' not in flags for _, flags in far(FETCHED)['INBOX'])
    fetched('POP3', LETTERS, 'keep')
    fetched('IMAP', unread, 'keep')
    expect('kept', inbox(FETCHED), LETTERS)
    for protocol in ('IMAP', 'POP3'):
        fetched(protocol, LETTERS, 'no keep fetchall')
        expect('left', inbox(FETCHED), 0)
        fill(FETCHED, {'INBOX': LETTERS})


def new_account(login):
    p.setup_command(f'account add {login}')
    fill(login, {'INBOX': LETTERS})


def fetched_again(login, top, fetch):
    """UIDLs of POP3: nothing is fetched twice, not even from a server that was started anew."""
    new_account(login)
    for sub in ('cur', 'new', 'tmp'):
        os.makedirs(f'{top}/{sub}')
        os.chmod(f'{top}/{sub}', 0o777)  # getmail delivers as nobody
    fetch()
    expect('fetched', len(os.listdir(top + '/new')), LETTERS)
    expect('the same', sorted(x for x, _ in maildirs(top)['.']), sorted(x for x, _ in far(login)['INBOX']))
    fetch()
    p.stop()
    p.start()
    fetch()
    expect('fetched again', len(os.listdir(top + '/new')), LETTERS)
    m = imap(login)
    good(m.append('INBOX', None, None, next(letters())))
    m.logout()
    fetch()
    expect('the new one', len(os.listdir(top + '/new')), LETTERS + 1)


@needs('getmail')
def getmail_knows_what_it_has(getmail):
    top = place('getmail')
    rc = place('getmailrc', f'''[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = {p.ports['pop3s']}
username = getmail@local.test
password = {PASSWORD}
ca_certs = {p.cert_file}
[destination]
type = Maildir
path = {top}/
{'user = nobody' if os.geteuid() == 0 else ''}
[options]
delete = false
read_all = false
delivered_to = false
received = false
''')
    fetched_again('getmail@local.test', top, lambda: run('/usr/bin/python3', getmail, '--getmaildir', p.dir, '--rcfile', rc))


@needs('mpop')
def mpop_knows_what_it_has(mpop):
    top = place('mpop')
    rc = place('mpoprc', f'''account all
host localhost
port {p.ports['pop3']}
tls on
tls_starttls on
tls_trust_file {p.cert_file}
user mpop@local.test
password {PASSWORD}
delivery maildir {top}
keep on
uidls_file {place('mpop-ids')}
''')
    fetched_again('mpop@local.test', top, lambda: run(mpop, '-C', rc, '-a'))


# ---- curl, imapflow

@needs('curl')
def curl_lists_fetches_appends_and_searches(curl):
    login = 'curl@local.test'
    new_account(login)

    def ask(protocol, path, *args):
        return run(curl, '-sS', '--max-time', '20', '--cacert', p.cert_file, '--user', f'{login}:{PASSWORD}',
                   f'{protocol}://localhost:{p.ports[protocol]}/{path}', *args)
    expect('list', '"INBOX"' in ask('imaps', '') or ' INBOX' in ask('imaps', ''), True)
    letter = place('letter', 'From: a@here.test\r\nSubject: appended 中文\r\nX-Letter: new\r\n\r\nby curl\r\n')
    ask('imaps', 'INBOX', '-T', letter)
    uid = re.search(r'SEARCH (\d+)', ask('imaps', 'INBOX?SUBJECT%20appended'))[1]
    expect('its place', int(uid), LETTERS + 1)
    with open(letter, encoding='utf-8', newline='') as f:
        expect('fetched', ask('imaps', f'INBOX;UID={uid}').replace('\n', '\r\n').replace('\r\r', '\r'), f.read().replace('\r\r', '\r'))
    expect('a section', 'by curl' in ask('imaps', f'INBOX;UID={uid};SECTION=TEXT'), True)
    expect('flags', 'Flagged' in ask('imaps', 'INBOX', '-X', r'STORE 1 +FLAGS \Flagged'), True)
    expect('no quota', re.search('QUOTA .*', ask('imaps', '', '-X', 'GETQUOTAROOT INBOX')), None)
    p.cli('account', 'quota', login, '1M')
    wait_until('a quota', 10, lambda: '* QUOTA "" (STORAGE ' in ask('imaps', '', '-X', 'GETQUOTAROOT INBOX'))
    expect('POP3 list', len(ask('pop3s', '').split()), 2 * (LETTERS + 1))
    expect('POP3 message', 'by curl' in ask('pop3s', str(LETTERS + 1)), True)
    expect('POP3 ids', len(set(ask('pop3s', '', '-X', 'UIDL').split()[1::2])), LETTERS + 1)
    ask('pop3s', '1', '-X', 'DELE', '-I')
    expect('deleted', inbox(login), LETTERS)


@needs('node')
def imapflow_does_what_web_programs_do(node):
    modules = os.path.join(ROOT, 'build/npm')
    if not os.path.exists(f'{modules}/node_modules/imapflow/package.json'):
        npm = shutil.which('npm')
        try:
            done = npm and subprocess.run([npm, 'install', '--no-audit', '--no-fund', '--silent', '--prefix', modules, 'imapflow@2'],
                                          timeout=40, capture_output=True).returncode == 0
        except subprocess.TimeoutExpired:
            done = False
        if not done:
            print('skipped: imapflow: npm cannot install it')
            return
    fill(FLOW, {'INBOX': 30, '项目/二〇二四年 报告': 5})
    said = run(node, os.path.join(ROOT, 'test/lib/imapflow.js'), os.path.join(modules, 'node_modules/imapflow'), str(p.ports['imaps']),
               p.cert_file, FLOW, PASSWORD)
    expect('the last word', said.strip().splitlines()[-1], 'done')


def main():
    global p
    with Instance(listeners=Instance.LISTENERS + Instance.READING) as p:
        p.setup_command('domain add local.test')
        for login in (SYNC, OFFLINE, READER, FETCHED, FLOW):
            p.setup_command(f'account add {login}')
        p.start()
        return run_cases(sys.argv[1:])


if __name__ == '__main__':
    sys.exit(main())
