#!/usr/bin/env python3
"""Mail from files and into files: mbox of all kinds, Maildir, letters, archives, PST; odd names, killed commands, there and back.

    test/formats.py [WORD ...]     the cases whose names contain one of the words
"""
import email, email.policy, glob, hashlib, imaplib, json, os, random, shutil, ssl, struct, subprocess, sys, tarfile, zipfile, zlib
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import pst
from posthouse import PASSWORD, PROGRAM, ROOT, Instance
from tally import case, expect, run_cases

ODD = ['Work', 'Work/2026', '工作/项目 "甲"', 'a.b/c.d', "it's & that", '100%/~x', 'back\\slash', 'Entwürfe']


def person(name):
    p.setup_command(f'account add {name}@one.test')
    return f'{name}@one.test'


def imported(who, path, *more, code=0):
    r = subprocess.run([PROGRAM, '--config', p.conf, 'import', who, path, '--json', *more], capture_output=True, text=True, timeout=60)
    expect(f'exit code ({r.stderr} {r.stdout})', r.returncode, code)
    return json.loads(r.stdout)['imports'][0]


def folders(who):
    return {f['name']: f for f in p.json('mailbox', 'folders', who)['folders']}


def state(who):
    """All of a mailbox as a mail program sees it: folder -> [(bytes, flags, date)]."""
    out = {}
    with imaplib.IMAP4('127.0.0.1', p.ports['imap']) as m:
        m.starttls(ssl._create_unverified_context())
        m.login(who, PASSWORD)
        m.enable('UTF8=ACCEPT')
        for name in folders(who):
            m.select('"' + name.replace('\\', '\\\\').replace('"', '\\"') + '"', readonly=True)
            got = m.fetch('1:*', '(FLAGS INTERNALDATE BODY.PEEK[])')[1] if m.untagged_responses.get('EXISTS', [b'0'])[-1] != b'0' else []
            out[name] = sorted((hashlib.sha256(g[1]).hexdigest(), sorted(f for f in imaplib.ParseFlags(g[0]) if f != b'\\Recent'),
                                imaplib.Internaldate2tuple(g[0])) for g in got if isinstance(g, tuple))
    return out


def raw_letters(who):
    with imaplib.IMAP4('127.0.0.1', p.ports['imap']) as m:
        m.starttls(ssl._create_unverified_context())
        m.login(who, PASSWORD)
        m.enable('UTF8=ACCEPT')
        for name in folders(who):
            n = m.select('"' + name.replace('"', '\\"') + '"', readonly=True)[1]
            if n == [b'0']:
                continue
            yield from (g[1] for g in m.fetch('1:*', '(BODY.PEEK[])')[1] if isinstance(g, tuple))


def letter(i, body='hello\n'):
    return (f'From: joe@far.test\nTo: ann@one.test\nSubject: =?utf-8?q?letter_{i}?=\nMessage-ID: <{i}@far.test>\n'
            f'Date: Sun, 22 Nov 2026 0{i % 10}:11:10 +0800\n\n{body}').encode()


def texts(who, folder='INBOX'):
    rows = p.json('mailbox', 'list', who, '--folder', folder)['messages']
    return [(subprocess.run([PROGRAM, '--config', p.conf, 'mailbox', 'cat', who, str(m['uid']), '--folder', folder],
                            capture_output=True).stdout, m['flags'], m['received_at'][:19]) for m in rows]


@case
def mbox_with_notes():
    who = person('mbox')
    path = f'{p.dir}/Old Mail.mbox'
    with open(path, 'wb') as f:
        f.write(b'From joe@far.test Sun Nov 22 20:17:01 2026\nStatus: RO\nX-Status: AF\nX-Keywords: work $Later\n' + letter(1, '>From x\n>>From y\n') + b'\n')
        f.write(b'From joe@far.test Sun Nov 22 20:18:01 2026\n' + letter(2) + b'\n')
        f.write(b'From joe@far.test Sun Nov 22 20:18:01 2026\n' + letter(2) + b'\n')
    r = imported(who, path, '--verify')
    expect('copied', (r['copied'], r['verified'], r['refused']), (3, 3, 0))
    got = texts(who, 'Old Mail')
    expect('bytes', got[0][0], letter(1, 'From x\n>From y\n').replace(b'\n', b'\r\n'))
    expect('flags and date', (sorted(got[0][1].split()), got[0][2]), (['$Later', '\\Answered', '\\Flagged', '\\Seen', 'work'], '2026-11-22T20:17:01'))
    r = imported(who, path)
    expect('again', (r['copied'], r['present']), (0, 3))
    with open(path, 'ab') as f:
        f.write(b'From joe@far.test Sun Nov 22 20:19:01 2026\n' + letter(3) + b'\n')
    expect('one more', imported(who, path)['copied'], 1)
    data = open(path, 'rb').read().replace(b'Status: RO\nX-Status: AF', b'Status: O\nX-Status: F')
    open(path, 'wb').write(data)
    expect('flags that changed there', imported(who, path, '--flags')['flagged'], 1)
    expect('are changed here', '\\Seen' in texts(who, 'Old Mail')[0][1], False)


def make_maildir(root):
    want = {}
    def put(folder, name, data, sub='cur', at=None):
        d = root if folder == 'INBOX' else f'{root}/.{folder}'
        for s in ('cur', 'new', 'tmp'):
            os.makedirs(f'{d}/{s}', exist_ok=True)
        with open(f'{d}/{sub}/{name}', 'wb') as f:
            f.write(data)
        os.utime(f'{d}/{sub}/{name}', (at, at))
    put('INBOX', '1795000000.1.host,S=9:2,FS', letter(1), at=1795000000)
    put('INBOX', '1795000001.2.host', letter(2), 'new', at=1795000001)
    put('INBOX', '1795000002.3.host:2,RPTDab', letter(3), at=1700000000)
    put('INBOX', '1795000003.4.host:2,S', letter(4), 'tmp', at=1795000003)
    put('&XeVPXA-.a\\2eb', '1795000004.5.host:2,', letter(5), at=1795000004)
    for s in ('cur', 'new', 'tmp'):
        os.makedirs(f'{root}/.Empty/{s}')
    with open(f'{root}/dovecot-keywords', 'w') as f:
        f.write('0 work\n1 $Later\n')
    with open(f'{root}/subscriptions', 'w') as f:
        f.write('V\t2\n\n工作\ta.b\n')


@case
def maildir_with_all():
    who, root = person('maildir'), f'{p.dir}/Maildir'
    make_maildir(root)
    os.symlink('/etc/passwd', f'{root}/cur/1795000009.9.host:2,S')
    os.mkfifo(f'{root}/cur/1795000010.9.host:2,S')
    r = imported(who, root)
    expect('copied', (r['copied'], r['refused'], r['folders']), (4, 0, 3))
    got = texts(who)
    expect('flags', [sorted(g[1].split()) for g in got], [['\\Flagged', '\\Seen'], sorted(['\\Answered', '\\Deleted', '\\Draft', '$Forwarded', 'work', '$Later']), []])
    expect('dates', [g[2] for g in got], ['2026-11-18T11:06:40', '2023-11-14T22:13:20', '2026-11-18T11:06:41'])
    expect('folders', ('工作/a.b' in folders(who), 'Empty' in folders(who)), (True, True))
    os.rename(f'{root}/new/1795000001.2.host', f'{root}/cur/1795000001.2.host:2,S')
    r = imported(who, root, '--flags')
    expect('moved to cur', (r['copied'], r['flagged']), (0, 1))
    tar = f'{p.dir}/maildir.tgz'
    with tarfile.open(tar, 'w:gz') as t:
        t.add(root, 'Maildir', filter=lambda i: i if i.isfile() or i.isdir() else None)
    other = person('tarred')
    r = imported(other, tar)
    expect('from a tar', (r['copied'], r['refused']), (4, 0))
    expect('the same there', {k: v for k, v in state(other).items() if v}.keys(), {k: v for k, v in state(who).items() if v}.keys())
    flags = lambda rows: sorted(sorted(g[1].split()) for g in rows)
    expect('flags from a tar', flags(texts(other)), flags(texts(who)))


@case
def letters_and_archives():
    who, root = person('eml'), f'{p.dir}/letters'
    for i, name in enumerate(ODD):
        os.makedirs(f'{root}/{name}', exist_ok=True)
        with open(f'{root}/{name}/{i}.eml', 'wb') as f:
            f.write(letter(i))
    with open(f'{root}/readme.txt', 'w') as f:
        f.write('no mail')
    r = imported(who, root, '--into', 'From/disk')
    expect('copied', (r['copied'], r['other_files']), (len(ODD), 1))
    expect('folders', {f'From/disk/{n}' for n in ODD} <= set(folders(who)), True)
    z = f'{p.dir}/letters.zip'
    with zipfile.ZipFile(z, 'w', zipfile.ZIP_DEFLATED) as f:
        f.writestr('../../../../tmp/evil.eml', letter(50))
        f.writestr('/etc/evil.eml', letter(51))
        f.writestr('Box.mbox', b'From a@b Sun Nov 22 20:17:01 2026\n' + letter(52) + b'\n')
        f.writestr('one.eml', letter(53))
        f.writestr('工作/one.eml', letter(54))
        f.writestr('two.eml', letter(53))
    other = person('zip')
    r = imported(other, z)
    expect('copied', (r['copied'], r['refused']), (6, 0))
    expect('nothing escaped', [os.path.exists(x) for x in ('/tmp/evil.eml', '/etc/evil.eml')], [False, False])
    r = imported(other, z)
    expect('again', (r['copied'], r['present']), (0, 6))
    with open(f'{p.dir}/bad.zip', 'wb') as f:
        f.write(open(z, 'rb').read()[:700])
    imported(other, f'{p.dir}/bad.zip', code=2)


@case
def odd_sources():
    who = person('odd')
    def made(name, data):
        with open(f'{p.dir}/{name}', 'wb') as f:
            f.write(data)
        return f'{p.dir}/{name}'
    failing = lambda path: 'error' in subprocess.run([PROGRAM, '--config', p.conf, 'import', who, path, '--json'], capture_output=True, text=True).stdout
    expect('nothing there', failing(f'{p.dir}/nowhere'), True)
    expect('empty', failing(made('empty', b'')), True)
    expect('no mail', failing(made('bytes', bytes(range(256)) * 10)), True)
    expect('no PST', failing(made('x.pst', b'!BDN' + b'\0' * 1000)), True)
    expect('one letter', imported(who, made('one.eml', letter(1)))['copied'], 1)
    expect('a dry run', imported(who, made('two.eml', letter(2)), '--dry-run')['copied'], 1)
    expect('writes nothing', len(texts(who)), 1)
    table = made('accounts.csv', f'address,path\r\n{who},{p.dir}/two.eml\r\n{person("odd2")},{p.dir}/one.eml\r\n'.encode())
    got = p.json('import', '--accounts', table)['imports']
    expect('a table', [g['copied'] for g in got], [1, 1])


def rich():
    """An account with everything that can get lost."""
    who, path = person(f'rich{random.randrange(10**9)}'), f'{p.dir}/rich.mbox'
    bodies = ['hello\n', 'From x\n>From y\nFrom joe@far.test Sun Nov 22 20:17:01 2026\n', '', '\n\n\n', 'no end', 'x' * 200000 + '\n', '\u4f60\u597d\n',
              'lone \r cr\r\r\n', 'Status: RO\n\n']
    for n, name in enumerate(ODD + ['INBOX']):
        if os.path.exists(path):
            os.remove(path)
        path = f'{p.dir}/rich-{n}.mbox'
        with open(path, 'wb') as f:
            for i, body in enumerate(bodies):
                words = ' '.join(f'w{k}' for k in range(i))
                f.write(f'From joe@far.test Sun Nov 22 20:17:{i:02} 2026\nStatus: {"RO" if i % 2 else "O"}\nX-Status: {"AFTD"[:i % 5]}\nX-Keywords: {words} $Forwarded\n'.encode())
                f.write(letter(n * 100 + i, body.replace('\nFrom', '\n>From').replace('From x', '>From x').replace('\n>>From y', '\n>>From y')) + b'\n\n')
        expect('imported', imported(who, path, '--into', name)['copied'], len(bodies))
    return who


def exported(who, path, *more):
    return p.json('export', who, path, *more)['exports'][0]


def there_and_back(format):
    who = rich()
    before = state(who)
    expect('letters', sum(map(len, before.values())) >= 9 * len(ODD), True)
    out = f'{p.dir}/out-{format}' + ('.zip' if format == 'zip' else '')
    r = exported(who, out, '--format', format)
    expect('all are written', (r['written'], r['present']), (sum(map(len, before.values())), 0))
    other = person('back' + format)
    expect('all come back', imported(other, out)['copied'], r['written'])
    after = state(other)
    for folder in sorted(before):
        expect(f'{folder}', after.get(folder), before[folder])
    expect('folders', sorted(after), sorted(before))
    if format == 'zip':
        expect('a zip that is there', 'exports' in p.cli('export', who, out, '--format', 'zip', '--json', check=False), True)
        with zipfile.ZipFile(out) as z:
            expect('python reads it', z.testzip(), None)
    elif format != 'mbox':
        r = exported(who, out, '--format', format)
        expect('again', (r['written'], r['present']), (0, sum(map(len, before.values()))))


@case
def maildir_there_and_back():
    there_and_back('maildir')


@case
def mbox_there_and_back():
    there_and_back('mbox')


@case
def eml_there_and_back():
    there_and_back('eml')


@case
def zip_there_and_back():
    there_and_back('zip')


@case
def a_killed_import_is_repeated():
    who, path = person('killed'), f'{p.dir}/big.mbox'
    with open(path, 'wb') as f:
        for i in range(3000):
            f.write(b'From joe@far.test Sun Nov 22 20:17:01 2026\n' + letter(i, f'{i}\n' * 50) + b'\n')
    kills = 0
    for n in range(6):
        c = subprocess.Popen([PROGRAM, '--config', p.conf, 'import', who, path], stdout=subprocess.DEVNULL)
        try:
            c.wait(0.12 + 0.07 * n)
            break
        except subprocess.TimeoutExpired:
            c.kill()
            c.wait()
            kills += 1
    imported(who, path)
    rows = p.json('mailbox', 'list', who, '--folder', 'big')['messages']
    expect('all, once', (len(rows), len({r['message_id'] for r in rows})), (3000, 3000))
    expect('it was killed', kills > 0, True)


@case
def a_killed_export_is_repeated():
    for format in ('maildir', 'eml', 'mbox'):
        who, out, kills = 'killed@one.test', f'{p.dir}/killed-{format}', 0
        begun = {'maildir': f'{out}/.big/cur/*', 'eml': f'{out}/big/*.eml', 'mbox': f'{out}/big.mbox.part'}[format]
        for most in (1, 500):  # it is killed in the middle: when so many letters are there
            c = subprocess.Popen([PROGRAM, '--config', p.conf, 'export', who, out, '--format', format], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while c.poll() is None and len(glob.glob(begun)) < (most if format != 'mbox' else 1):
                pass
            kills += c.poll() is None
            c.kill()
            c.wait()
        exported(who, out, '--format', format)
        back = person(f'killed-{format}')
        expect('all come back, once', imported(back, out)['copied'], 3000)
        rows = p.json('mailbox', 'list', back, '--folder', 'big')['messages']
        expect('each', len({r['message_id'] for r in rows}), 3000)
        expect('it was killed', kills > 0, True)


@case
def parts_and_domains():
    out = f'{p.dir}/domain'
    got = p.json('export', '--domain', 'one.test', out, '--format', 'zip')['exports']
    expect('every account', len(got) >= 5, True)
    expect('as a zip each', all(os.path.exists(f'{out}/{g["account"]}.zip') for g in got), True)
    r = exported('mbox@one.test', f'{p.dir}/one', '--format', 'eml', '--folder', 'Old Mail', '--since', '2026-11-22T20:17:30')
    expect('a folder, since then', (r['folders'], r['written']), (1, 3))


# ---- PST files, archives of others ----

CHINESE = [pst.Folder('收件箱', [
    pst.Message('项目进度', '正文：今天天气不错。\n', '<p>正文<img src="cid:tu@one"></p>'.encode('gbk'), ('张三', 'zhang@far.test', 'SMTP'),
                [(1, '李四', 'li@one.test', 'SMTP'), (2, 'Bob', '/O=FAR/OU=A/CN=BOB', 'EX'), (3, '王五', 'wang@far.test', 'SMTP')],
                attachments=[('图.png', b'\x89PNG' * 5000, 'tu@one'), ('季度报告.txt', '附件'.encode('gbk') * 20000, None)],
                more={0x3fde: (pst.T32, 936), 0x1081: (pst.T32, 102), 0x1090: (pst.T32, 2), 0x1035: (pst.TEXT, '<1@far.test>'), 0x0017: (pst.T32, 2)}),
    pst.Message('外层', '有附件', attachments=[('内部.eml', pst.Message('内层', '里面的正文', sender=('赵六', 'zhao@far.test', 'SMTP')), None)], flags=0)],
    [pst.Folder('项目', [pst.Message('子文件夹', 'x')])]),
    pst.Folder('已发送邮件', [pst.Message('发出', 'sent', to=[(1, 'Joe', 'joe@far.test', 'SMTP')])]),
    pst.Folder('已删除邮件', [pst.Message('删除', 'deleted')]),
    pst.Folder('联系人', [pst.Message(f'c{i}', kind='IPM.Contact') for i in range(3)] + [pst.Message('a', kind='IPM.Appointment')])]


def parsed(who, folder):
    return [(email.message_from_bytes(raw, policy=email.policy.default), sorted(flags.split())) for raw, flags, _ in texts(who, folder)]


@case
def pst_of_every_kind():
    for ansi, codepage, crypt in ((False, None, 0), (False, None, 2), (True, 936, 1), (True, 936, 2)):
        path, who = f'{p.dir}/all-{ansi}-{crypt}.pst', person(f'pst{ansi}{crypt}'.lower())
        pst.Pst(path, ansi, codepage, crypt).write(CHINESE)
        r = imported(who, path)
        expect('counts', (r['messages'], r['copied'], r['refused'], r['left_out']['contacts'], r['left_out']['appointments']), (5, 5, 0, 3, 1))
        expect('by folder', [(f['folder'], f['found'], f['imported'], f['present'], f['left_out'], f['failed']) for f in r['by_folder']],
               [('收件箱', 2, 2, 0, 0, 0), ('收件箱/项目', 1, 1, 0, 0, 0), ('已发送邮件', 1, 1, 0, 0, 0), ('已删除邮件', 1, 1, 0, 0, 0), ('联系人', 4, 0, 0, 4, 0)])
        r = imported(who, path, '--verify')
        expect('again', (r['copied'], r['present'], r['verified'], r['different']), (0, 5, 5, 0))
        if crypt == 0 or (ansi and crypt == 1):
            continue
        (m, flags), (outer, unread) = parsed(who, 'INBOX')
        expect('header', [str(m[h]) for h in ('subject', 'from', 'to', 'cc', 'bcc', 'date', 'message-id', 'importance')],
               ['项目进度', '张三 <zhang@far.test>', '李四 <li@one.test>', 'Bob <IMCEAEX-_O=FAR_OU=A_CN=BOB@exchange.invalid>', '王五 <wang@far.test>',
                'Tue, 14 Nov 2023 22:13:20 +0000', '<1@far.test>', 'high'])
        expect('flags', (flags, unread), (['\\Answered', '\\Flagged', '\\Seen'], []))
        expect('text', m.get_body(('plain',)).get_content().splitlines(), ['正文：今天天气不错。'])
        expect('html', m.get_body(('html',)).get_content().strip(), '<p>正文<img src="cid:tu@one"></p>')
        files = {x.get_filename(): (x.get_content(), x.get_content_disposition()) for x in m.walk() if x.get_filename()}
        expect('files', files['图.png'], (b'\x89PNG' * 5000, 'inline'))
        expect('more files', files['季度报告.txt'], ('附件'.encode('gbk') * 20000, 'attachment'))
        inner = next(x for x in outer.walk() if x.get_content_type() == 'message/rfc822').get_content()
        expect('a message inside', (inner['subject'], inner['from'], inner.get_content().strip()), ('内层', '赵六 <zhao@far.test>', '里面的正文'))
        uses = {f.get('use'): f['name'] for f in p.json('mailbox', 'folders', who)['folders'] if f.get('use')}
        where = {name: [str(x['subject']) for x, _ in parsed(who, name)] for name in folders(who)}
        expect('sent and deleted', ([n for n, v in where.items() if v == ['发出']], [n for n, v in where.items() if v == ['删除']]),
               ([uses.get('sent', '已发送邮件')], [uses.get('trash', '已删除邮件')]))
        expect('below the inbox', where['INBOX/项目'], ['子文件夹'])


@case
def pst_as_others_read_it():
    """readpst reads what this suite writes; what others wrote is read as their own readers read it."""
    if not shutil.which('readpst'):
        print('skipped: readpst is not here')
        return
    for ansi, codepage, crypt in ((False, None, 2), (True, 936, 1)):
        path, out = f'{p.dir}/judge-{ansi}.pst', f'{p.dir}/judge-{ansi}'
        pst.Pst(path, ansi, codepage, crypt).write(CHINESE)
        os.makedirs(out)
        subprocess.run(['readpst', '-e', '-C', 'GBK', '-o', out, path], check=True, capture_output=True)
        got = [email.message_from_bytes(open(f, 'rb').read(), policy=email.policy.default) for f in glob.glob(f'{out}/**/*.eml', recursive=True)]
        expect('attachments', hashlib.sha256('附件'.encode('gbk') * 20000).hexdigest() in
               {hashlib.sha256(x.get_payload(decode=True) or b'').hexdigest() for m in got for x in m.walk()}, True)
    modules = os.path.join(ROOT, 'build/npm')
    if not os.path.exists(f'{modules}/node_modules/pst-extractor') and shutil.which('npm'):
        try:
            subprocess.run(['npm', 'install', '--no-audit', '--no-fund', '--silent', '--prefix', modules, 'pst-extractor@1'], timeout=60)
        except subprocess.TimeoutExpired:
            pass
    if not os.path.exists(f'{modules}/node_modules/pst-extractor'):
        print('skipped: the files of pst-extractor: npm cannot install it')
    samples = glob.glob(os.path.join(ROOT, 'build/npm/node_modules/pst-extractor/example/testdata/*.?st'))
    for n, path in enumerate(samples):
        who, out = person(f'sample{n}'), f'{p.dir}/sample{n}'
        os.makedirs(out)
        r = imported(who, path)
        expect('nothing is refused', (r['refused'], r['copied'] > 0), (0, True))
        subprocess.run(['readpst', '-e', '-t', 'e', '-o', out, path], check=True, capture_output=True)
        theirs = [email.message_from_bytes(open(f, 'rb').read()) for f in glob.glob(f'{out}/**/*.eml', recursive=True)]
        ours = [email.message_from_bytes(raw) for raw in raw_letters(who)]
        # Calendars are made by readpst itself; of one workbook it gives other bytes behind 4096 than the blocks (with their checksums) and pst-extractor do.
        files = {hash_of(x) for x in parts_of(theirs) if x.get_filename() not in (None, 'rtf-body.rtf', 'sharris1001wk4.xls') and x.get_content_type() != 'text/calendar'}
        expect('the judge sees some', len(files) > 1, True)
        expect('attachments', files - {hash_of(x) for x in parts_of(ours)}, set())
        expect('message ids', {m['message-id'] for m in theirs if m['message-id']} - {m['message-id'] for m in ours}, set())


def parts_of(messages):
    return [x for m in messages for x in m.walk() if not x.is_multipart()]


def hash_of(part):
    return hashlib.sha256(part.get_payload(decode=True) or b'').hexdigest()


@case
def damaged_pst_files():
    rng, who, path = random.Random(7), person('damaged'), f'{p.dir}/damaged.pst'
    def flip(data):
        data = bytearray(data)
        for _ in range(rng.choice((0, 0, 0, 1, 4))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(data)
    ends = set()
    for n in range(25):
        pst.Pst(path, ansi=n % 2, codepage=936 if n % 2 else None, damage=flip).write(CHINESE)
        if n % 5 == 4:
            os.truncate(path, rng.randrange(os.path.getsize(path)))
        r = subprocess.run([PROGRAM, '--config', p.conf, 'import', who, path, '--json'], capture_output=True, text=True, timeout=60)
        expect('no crash', (0 <= r.returncode < 100, [x for x in (r.stdout + r.stderr).splitlines() if 'signal' in x]), (True, []))
        ends.add(r.returncode)
    expect('some are damaged', ends != {0}, True)
    pst.Pst(path).write([pst.Folder('A', [pst.Message(f's{i}', 't' * 3000) for i in range(40)])])
    data = bytearray(open(path, 'rb').read())
    at = data.find(b's\x001\x007\x00')  # a byte of one letter: its checksum says so, the others come
    data[at] ^= 1
    open(path, 'wb').write(data)
    other = person('onebad')
    r = imported(other, path, code=1)
    expect('39 of 40', (r['copied'], r['refused'], r['by_folder'][0]['found'], r['by_folder'][0]['failed']), (39, 1, 40, 1))
    data[at] ^= 1
    open(path, 'wb').write(data)
    expect('the last one', imported(other, path)['copied'], 1)


@case
def a_killed_pst_import_is_repeated():
    who, path = person('killedpst'), f'{p.dir}/killed.pst'
    pst.Pst(path).write([pst.Folder(f'F{k}', [pst.Message(f's{k}.{i}', 't' * 500) for i in range(300)]) for k in range(4)])
    for delay in (0.1, 0.2, 0.3):
        c = subprocess.Popen([PROGRAM, '--config', p.conf, 'import', who, path], stdout=subprocess.DEVNULL)
        try:
            c.wait(delay)
        except subprocess.TimeoutExpired:
            c.kill()
            c.wait()
    imported(who, path)
    got = [r['subject'] for k in range(4) for r in p.json('mailbox', 'list', who, '--folder', f'F{k}')['messages']]
    expect('all, once', (len(got), len(set(got))), (1200, 1200))


@case
def hostile_archives():
    who, z = person('hostile'), f'{p.dir}/gbk.zip'
    write_gbk_zip(z, [(n.encode('gbk'), letter(i)) for i, n in enumerate(('收件箱/项目一.eml', '归档/二.eml', '../../etc/三.eml', '/abs/四.eml'))])
    expect('names in GBK', imported(who, z)['copied'], 4)
    expect('folders', {'收件箱', '归档', 'etc', 'abs'} <= set(folders(who)), True)
    head, mega = zlib.compressobj(9, zlib.DEFLATED, -15), zlib.compressobj(9, zlib.DEFLATED, -15)
    first = head.compress(b'From a@b.test Sun Nov 22 20:17:01 2026\n\n') + head.flush(zlib.Z_FULL_FLUSH)
    block = mega.compress(bytes(1 << 20)) + mega.flush(zlib.Z_FULL_FLUSH)
    write_gbk_zip(z, [(b'bomb.mbox', first + block * 1500 + b'\3\0')], method=8, size=(1500 << 20) + 41)
    r = subprocess.run([PROGRAM, '--config', p.conf, 'import', who, z], capture_output=True, text=True, timeout=120)
    expect('a bomb', (r.returncode, 'far more than it is' in r.stderr + r.stdout or r.stderr + r.stdout), (2, True))
    write_gbk_zip(z, ((b'd%d/n%d.txt' % (i % 100, i), b'') for i in range(20000)))
    r = imported(who, z)
    expect('many files', (r['other_files'], r['copied']), (20000, 0))


def write_gbk_zip(path, entries, method=0, size=None):
    """Names as they are, without the flag that says UTF-8."""
    out, central, n = bytearray(), bytearray(), 0
    for name, data in entries:
        head = struct.pack('<HHHHHIIIHH', 20, 0, method, 0, 0x5b76, zlib.crc32(data), len(data), size or len(data), len(name), 0)
        central += b'PK\1\2' + struct.pack('<H', 20) + head + struct.pack('<HHHII', 0, 0, 0, 0, len(out)) + name
        out += b'PK\3\4' + head + name + data
        n += 1
    zip64 = b''
    if n > 0xffff:
        zip64 = b'PK\6\6' + struct.pack('<QHHIIQQQQ', 44, 45, 45, 0, 0, n, n, len(central), len(out)) + b'PK\6\7' + struct.pack('<IQI', 0, len(out) + len(central), 1)
    with open(path, 'wb') as f:
        f.write(out + central + zip64 + b'PK\5\6' + struct.pack('<HHHHIIH', 0, 0, min(n, 0xffff), min(n, 0xffff), len(central), len(out), 0))


if __name__ == '__main__':
    with Instance(config=['[imap "imap"]', 'auth_plaintext = yes'], listeners=('imap',)) as p:
        p.setup_command('domain add one.test')
        p.start()
        sys.exit(run_cases(sys.argv[1:]))
