#!/usr/bin/env python3
"""Full-text search in one mailbox beside Dovecot with its index from Debian (fts-xapian) and notmuch: the same messages, the same questions.

    ./dev bench search [-n 100000] [--peers dovecot,notmuch] [--dovecot 3000] [--minutes 60] [--reps 15] [--keep] [--corpora ../shared/corpora]

Messages are those of the corpora, then new ones put together of them: the sender of one, the subject of another, sentences of several of the
same language. They stay in build/bench/search (and so do filled mailboxes, with --keep): a run that broke off goes on where it was.

words     warm answers of what people look for, median over reps in which each program is asked in turn; client and server, over IMAP (notmuch:
          its program, which begins anew each time)
complete  what is found, compared with the same server reading every message ([search] enabled = no)
size      of the index against the folded text; CPU of indexing: messages a CPU second, all processes that take part

Dovecot's index takes long to make (it keeps all pieces of words): it gets the first messages only, as many as are asked for or as it
takes in within the minutes (with --keep the next run goes on from there), and is judged by these.

Needs root (Dovecot and notmuch run in an overlay).
"""
import argparse, email, email.message, email.policy, email.utils, imaplib, os, pickle, random, re, resource, shutil, socket, statistics, subprocess, sys, tarfile, time
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../test/lib'), HERE]
import peers
from posthouse import Instance, ROOT, free_port

WORK = os.path.join(ROOT, 'build/bench/search')
USER = 'ann@local.test'
PASSWORD = 'correct-horse-7'
TEXT_MAX = 20_000
START = 1_700_000_000
STEP = 600  # seconds between two messages


# ---- messages ----

def read_corpus(directory):
    out = []
    for name in sorted(os.listdir(directory)):
        if not name.endswith('.tar.zst'):
            continue
        zstd = subprocess.Popen(['zstd', '-dc', os.path.join(directory, name)], stdout=subprocess.PIPE)
        with tarfile.open(fileobj=zstd.stdout, mode='r|') as tar:
            for member in tar:
                if member.isfile() and 0 < member.size < 1_000_000 and not member.name.endswith(('.tsv', '.md')):
                    out.append((name, tar.extractfile(member).read()))
        zstd.wait()
    return out


def words_of(raw):
    """Sender, subject, text of a message, as far as Python can read it."""
    try:
        m = email.message_from_bytes(raw, policy=email.policy.default)
        part = m.get_body(('plain', 'html'))
        text = part.get_content() if part else ''
        if part is not None and part.get_content_subtype() == 'html':
            text = re.sub(r'<(style|script).*?</\1>|<[^>]*>', ' ', text, flags=re.S | re.I)
        sender = re.sub(r'[\r\n]', ' ', str(m['From'] or 'nobody@example.test'))
        subject = re.sub(r'[\r\n]', ' ', str(m['Subject'] or ''))
        for s in (sender, subject, text):
            s.encode()
        return sender[:200], subject[:200], text[:TEXT_MAX]
    except Exception:  # corpora hold whatever there is
        return None


def compose(rng, pool, i):
    """A new message of the parts of others."""
    parts = [rng.choice(pool) for _ in range(3)]
    sender, subject = parts[0][0], rng.choice(parts)[1]
    lines = []
    for p in parts:
        own = [l for l in p[2].splitlines() if l.strip()]
        at = rng.randrange(len(own)) if own else 0
        lines += own[at:at + rng.randint(4, 25)]
    m = email.message.EmailMessage(policy=email.policy.SMTP.clone(utf8=False))
    try:
        m['From'] = sender
    except Exception:
        m['From'] = f'"sender {i}" <sender{i}@example.test>'
    m['To'], m['Subject'] = f'Ann <{USER}>', re.sub(r'[\x00-\x1f]', ' ', subject)
    m['Message-ID'] = f'<{i}.{rng.getrandbits(40):x}@bench.test>'
    m['Date'] = email.utils.formatdate(START + i * STEP)
    m.set_content('\n'.join(lines) or 'nothing', charset='utf-8', cte=rng.choice(['quoted-printable', 'base64', '8bit']))
    return m.as_bytes()


def make_messages(directory, n):
    """A file of all, with their places beside."""
    path = f'{WORK}/messages-{n}'
    if os.path.exists(path + '.places'):
        return path, pickle.load(open(path + '.places', 'rb'))
    rng = random.Random(1)
    raw = read_corpus(directory)
    rng.shuffle(raw)
    first = raw[:n]
    pools = {}
    for name, r in raw:
        w = words_of(r)
        if w:
            pools.setdefault(name, []).append(w)
    names = [name for name, _ in raw if name in pools]
    places = []
    with open(path, 'wb') as f:
        i = 0
        while i < n:
            if i < len(first):
                message = re.sub(rb'\r?\n', b'\r\n', first[i][1])
            else:
                try:
                    message = compose(rng, pools[rng.choice(names)], i)
                except Exception:
                    continue
            places.append((f.tell(), len(message)))
            f.write(message)
            i += 1
    with open(path + '.places', 'wb') as f:
        pickle.dump(places, f)
    return path, places


def message(f, place):
    f.seek(place[0])
    return f.read(place[1])


# ---- questions ----

def questions(path, places):
    """Words that are there: taken from the messages themselves, each time the same."""
    rng = random.Random(2)
    han, latin, phrases, senders = {}, {}, [], {}
    with open(path, 'rb') as f:
        for place in rng.sample(places, min(3000, len(places))):
            w = words_of(message(f, place))
            if not w:
                continue
            senders[w[0].split('<')[-1].strip('>')] = senders.get(w[0].split('<')[-1].strip('>'), 0) + 1
            for run in set(re.findall(r'[\u4e00-\u9fff]{2,}', w[2])):
                for k in range(len(run) - 1):
                    han[run[k:k + 2]] = han.get(run[k:k + 2], 0) + 1
            for word in set(re.findall(r'[a-z]{5,12}', w[2].lower())):
                latin[word] = latin.get(word, 0) + 1
            line = [l for l in w[2].splitlines() if re.fullmatch(r'[A-Za-z ]{30,200}', l.strip())]
            if line:
                phrases.append(' '.join(line[0].split()[1:4]))
    by_count = lambda d: sorted(d, key=lambda k: (-d[k], k))
    h, l, s = by_count(han), by_count(latin), by_count(senders)
    out = [('Chinese word, often', 'BODY', h[20]), ('Chinese word', 'BODY', h[len(h) // 20]), ('Chinese word, rare', 'BODY', h[-1]),
           ('word, often', 'BODY', l[30]), ('word', 'BODY', l[len(l) // 20]), ('rare word', 'BODY', l[-1]), ('no such word', 'BODY', 'qzxjkvwy'),
           ('phrase', 'BODY', sorted(phrases)[len(phrases) // 2]), ('phrase 2', 'BODY', sorted(phrases)[len(phrases) // 3]),
           ('sender', 'FROM', s[5]), ('sender, rare', 'FROM', s[-1]), ('subject', 'SUBJECT', l[len(l) // 40])]
    return out + [('everywhere', 'TEXT', l[len(l) // 15]), ('a month', None, None), ('a month and a word', None, l[30])]


def keys(q):
    label, key, text = q
    if key:
        return [key, text]
    day = lambda i: time.strftime('%d-%b-%Y', time.gmtime(START + i * STEP))
    return ['SINCE', day(2000), 'BEFORE', day(2000 + 30 * 144)] + (['BODY', text] if text else [])


class Asking:
    """One session over plain IMAP."""

    def __init__(self, port, user, folder='INBOX'):
        self.m = imaplib.IMAP4('127.0.0.1', port, timeout=900)
        self.m.login(user, PASSWORD)
        self.m.select(folder, readonly=True)

    def ask(self, q):
        m = self.m
        tag = m._new_tag()
        line = tag + b' UID SEARCH CHARSET UTF-8'
        for k in keys(q):
            raw = k.encode()
            if raw.isascii() and not raw.isupper() and not re.fullmatch(rb'\d\d-\w{3}-\d{4}', raw):
                line += b' "' + raw + b'"'
            elif raw.isascii():
                line += b' ' + raw
            else:
                m.send(line + b' {%d}\r\n' % len(raw))
                while not m.readline().startswith(b'+'):
                    pass
                line = raw
        m.send(line + b'\r\n')
        found = []
        while True:
            got = m.readline()
            if got.startswith(b'* SEARCH'):
                found = [int(x) for x in got.split()[2:] if x.isdigit()]
            if got.startswith(tag):
                if b' OK' not in got[:len(tag) + 4]:
                    raise RuntimeError(got)
                return found

    def close(self):
        self.m.logout()


def has_files(path, place):
    with open(path, 'rb') as f:
        m = email.message_from_bytes(message(f, place))
    return any(p.get_content_maintype() not in ('text', 'multipart', 'message') for p in m.walk())


def measure(programs, qs, reps):
    """By program and question: median in milliseconds, what is found. Each is asked in turn, so that all have the same noise."""
    out = {name: {} for name in programs}
    for q in qs:
        found = {name: p.ask(q) for name, p in programs.items()}
        times = {name: [] for name in programs}
        for _ in range(reps):
            for name, p in programs.items():
                started = time.perf_counter()
                p.ask(q)
                times[name].append(1e3 * (time.perf_counter() - started))
        for name in programs:
            out[name][q[0]] = (statistics.median(times[name]), found[name])
    return out


def fill(port, user, path, places, have=0):
    """By APPEND, many a command; message i gets UID i + 1."""
    m = imaplib.IMAP4('127.0.0.1', port, timeout=900)
    m.login(user, PASSWORD)
    started = time.monotonic()
    m.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with open(path, 'rb') as f:
        for at in range(have, len(places), 100):
            tag = m._new_tag()
            line = tag + b' APPEND INBOX'
            for i in range(at, min(at + 100, len(places))):
                raw = message(f, places[i])
                when = time.strftime('%d-%b-%Y %H:%M:%S +0000', time.gmtime(START + i * STEP)).encode()
                m.send(line + b' "' + when + b'" {%d}\r\n' % len(raw))
                while not (got := m.readline()).startswith(b'+'):
                    if got.startswith(tag):
                        raise RuntimeError((i, got))
                line = raw
            m.send(line + b'\r\n')
            while not (got := m.readline()).startswith(tag):
                pass
            if b' OK' not in got[:len(tag) + 4]:
                raise RuntimeError(got)
    m.logout()
    return time.monotonic() - started


def cpu_of(pid):
    with open(f'/proc/{pid}/stat') as f:
        return sum(map(int, f.read().rsplit(')', 1)[1].split()[11:15])) / os.sysconf('SC_CLK_TCK')


def size_of(*paths):
    total = 0
    for path in paths:
        for where, _, files in os.walk(path):
            total += sum(os.path.getsize(os.path.join(where, f)) for f in files)
        if os.path.isfile(path):
            total += os.path.getsize(path)
    return total


# ---- those that are measured ----

class Posthouse:
    name = 'posthouse'

    def __init__(self, n):
        self.dir = f'{WORK}/posthouse-{n}'
        os.makedirs(self.dir, exist_ok=True)

    def start(self, indexed):
        self.p = Instance(directory=self.dir, listeners=('mx', 'imap'), config=['[filter]', 'enabled = no', '[imap "imap"]', 'auth_plaintext = yes', 'max_messages = 0',
                                                                           '[search]', f'enabled = {"yes" if indexed else "no"}'])
        if not os.path.exists(self.dir + '/ready'):
            for command in ('domain add local.test', f'account add {USER}'):
                self.p.setup_command(command, password=PASSWORD)
            open(self.dir + '/ready', 'w').close()
        self.p.start()
        self.port = self.p.ports['imap']

    def stop(self):
        if hasattr(self, 'asking'):
            self.asking.close()
        self.p.stop()

    def messages(self):
        return int(imap_count(self.port, USER))

    def pids(self):
        out = {}
        for line in self.p.cli('status').splitlines():
            m = re.match(r'(\S+)\s+\d+\s.*?pid=(\d+)', line) or re.match(r'(\S+)\s+\d+\s+\S+\s+(\d+)', line)
            if m:
                out[m.group(1)] = int(m.group(2))
        return out


def imap_count(port, user):
    m = imaplib.IMAP4('127.0.0.1', port, timeout=300)
    m.login(user, PASSWORD)
    n = m.select('INBOX', readonly=True)[1][0]
    m.logout()
    return n


def start_posthouse(path, places):
    s = Posthouse(len(places))
    s.start(False)
    have = s.messages()
    took = fill(s.port, USER, path, places, have)
    print(f'posthouse: {len(places)} messages ({have} were there), appended in {took:.0f} s', flush=True)
    s.stop()
    s.start(True)
    started, status, cpu = time.monotonic(), s.p.json('search', 'status'), 0
    if status['behind']:
        pids = s.pids()
        while s.p.json('search', 'status')['behind']:
            time.sleep(1)
        took = time.monotonic() - started
        cpu = sum(cpu_of(pids[r]) for r in ('indexer', 'texts'))
        done = status['behind']
        print(f"posthouse: indexed {done} messages in {took:.0f} s, {cpu:.1f} s CPU ({cpu_of(pids['texts']):.1f} of it texts): "
              f'{done / cpu:.0f} messages a CPU second', flush=True)
        idle = cpu_of(pids['indexer'])
        while True:  # merges
            time.sleep(3)
            now = cpu_of(pids['indexer'])
            if now - idle < 0.1:
                break
            idle = now
        print(f"posthouse: with all merges {sum(cpu_of(pids[r]) for r in ('indexer', 'texts')):.1f} s CPU", flush=True)
    st = s.p.json('search', 'status')
    print(f"posthouse: index {st['bytes'] / 1e6:.1f} MB in {st['segments']} segments for {st['text_bytes'] / 1e6:.1f} MB of text: "
          f"{100 * st['bytes'] / st['text_bytes']:.1f} %; {st['cut']} messages not wholly", flush=True)
    files = sum(size_of(f'{s.dir}/data/db/index-{k:02}.sqlite') for k in range(4)) if os.path.isdir(f'{s.dir}/data/db') else 0
    if files:
        print(f"posthouse: its files are {files / 1e6:.1f} MB", flush=True)
    s.asking = Asking(s.port, USER)
    s.ask = s.asking.ask
    return s


def judge(path, places, qs):
    """The same server, reading every message; once for the same messages and questions."""
    kept = f'{WORK}/truth-{len(places)}'
    if os.path.exists(kept):
        with open(kept, 'rb') as f:
            asked, out = pickle.load(f)
        if asked == qs:
            return out
    s = Posthouse(len(places))
    s.start(False)
    asking = Asking(s.port, USER)
    out = {q[0]: asking.ask(q) for q in qs}
    asking.close()
    s.stop()
    with open(kept, 'wb') as f:
        pickle.dump((qs, out), f)
    return out


DOVECOT_FTS = '''
mail_plugins = fts fts_xapian
plugin {
  plugin = fts fts_xapian
  fts = xapian
  fts_xapian = partial=2 full=20 verbose=0
  fts_autoindex = no
  fts_enforced = yes
}
service indexer-worker {
  vsz_limit = 2G
}
'''


class Dovecot:
    PORTION = 2500
    USER = 'user0@local.test'

    def __init__(self, path, places, minutes, cert, key):
        self.have_path = f'{WORK}/dovecot-have'
        self.have = int(open(self.have_path).read()) if os.path.exists(self.have_path) else 0
        ports = [free_port() for _ in range(3)]
        self.server = peers.dovecot(cert, key, ports, PASSWORD, extra=DOVECOT_FTS, name='dovecot-fts', more=('dovecot-fts-xapian',), fresh=not self.have)
        try:
            self.fill(path, places, minutes, ports[0])
            self.asking = Asking(ports[0], self.USER)
            self.ask = self.asking.ask
        except BaseException:
            self.server.stop()
            raise

    def fill(self, path, places, minutes, port):
        before, started, had = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), self.have
        while self.have < len(places) and time.monotonic() - started < 60 * minutes:
            upto = min(self.have + self.PORTION, len(places))
            fill(port, self.USER, path, places[:upto], imap_count(port, self.USER))
            self.server.root.run('doveadm', '-c', '/etc/dovecot/bench.conf', 'index', '-u', self.USER, 'INBOX')
            self.have = upto
            with open(self.have_path, 'w') as f:
                f.write(str(upto))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if self.have > had:
            print(f'dovecot: {self.have - had} messages indexed in {time.monotonic() - started:.0f} s, {cpu:.1f} s CPU: '
                  f'{(self.have - had) / max(cpu, .01):.0f} messages a CPU second', flush=True)
        found = subprocess.run(f'find {self.server.root.path}/var/mail/bench -path "*xapian*" -type f -printf "%s\\n"', shell=True, capture_output=True, text=True)
        print(f'dovecot: index {sum(map(int, found.stdout.split())) / 1e6:.1f} MB for {self.have} messages', flush=True)

    def stop(self):
        self.asking.close()
        self.server.stop()


class Notmuch:
    def __init__(self, path, places):
        self.root = peers.Root('notmuch', 'notmuch')
        self.mail = f'{self.root.path}/var/mail/notmuch'
        self.call = ['chroot', self.root.path, 'env', 'NOTMUCH_CONFIG=/etc/notmuch-bench', 'LC_ALL=C.UTF-8', 'notmuch']
        if not os.path.exists(f'{WORK}/notmuch-{len(places)}'):
            self.fill(path, places)
        print(f"notmuch: index {size_of(self.mail + '/.notmuch') / 1e6:.1f} MB", flush=True)

    def fill(self, path, places):
        shutil.rmtree(self.mail, ignore_errors=True)
        for sub in ('cur', 'new', 'tmp'):
            os.makedirs(f'{self.mail}/box/{sub}')
        with open(path, 'rb') as f:
            for i, place in enumerate(places):
                with open(f'{self.mail}/box/cur/{i + 1}:2,', 'wb') as out:
                    raw = message(f, place).replace(b'\r\n', b'\n')
                    # Its messages are those with a Message-ID of their own.
                    out.write(f'Message-ID: <uid{i + 1}@bench.test>\n'.encode() + re.sub(rb'(?im)^message-id:.*\n([ \t].*\n)*', b'', raw, count=1))
        self.root.write('/etc/notmuch-bench', '[database]\npath=/var/mail/notmuch\n[new]\ntags=\n[maildir]\nsynchronize_flags=false\n')
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run([*self.call, 'new', '--quiet'], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f'notmuch: indexed in {time.monotonic() - started:.0f} s, {cpu:.1f} s CPU: {len(places) / cpu:.0f} messages a CPU second', flush=True)
        open(f'{WORK}/notmuch-{len(places)}', 'w').close()

    def ask(self, q):
        _, key, text = q
        if not key:
            words = [f'date:@{START + 2000 * STEP}..@{START + (2000 + 30 * 144) * STEP}'] + ([text] if text else [])
        else:
            words = [{'FROM': 'from:', 'SUBJECT': 'subject:'}.get(key, '') + f'"{text}"']
        got = subprocess.run([*self.call, 'search', '--output=messages', '--exclude=false', '--', *words], capture_output=True, text=True)
        return sorted(int(m) for m in re.findall(r'id:uid(\d+)@', got.stdout))

    def stop(self):
        self.root.close()


def main():
    a = argparse.ArgumentParser()
    a.add_argument('-n', type=int, default=100_000)
    a.add_argument('--peers', default='dovecot,notmuch')
    a.add_argument('--dovecot', type=int, default=3000)
    a.add_argument('--minutes', type=float, default=60)
    a.add_argument('--reps', type=int, default=15)
    a.add_argument('--keep', action='store_true')
    a.add_argument('--corpora', default=os.path.join(ROOT, '../shared/corpora'))
    args = a.parse_args()
    if not os.path.isdir(args.corpora):
        print('search: skipped: no corpora here')
        return
    os.makedirs(WORK, exist_ok=True)
    path, places = make_messages(args.corpora, args.n)
    qs = questions(path, places)
    print(f'{len(places)} messages, {os.path.getsize(path) / 1e6:.0f} MB', flush=True)
    programs = {'posthouse': start_posthouse(path, places)}
    s = programs['posthouse']
    for name, start in (('dovecot', lambda: Dovecot(path, places[:args.dovecot], args.minutes, s.dir + '/cert.pem', s.dir + '/key.pem')),
                        ('notmuch', lambda: Notmuch(path, places))):
        if name in args.peers.split(','):
            try:
                programs[name] = start()
            except peers.Unavailable as e:
                print(f'without {name}:', e)
    load = os.getloadavg()[0]
    results = measure(programs, qs, args.reps)
    print(f'warm answers; load of the machine {load:.1f} before, {os.getloadavg()[0]:.1f} after', flush=True)
    for q in qs:
        print(f'{q[0]:24}' + ''.join(f'{n:>14} {r[q[0]][0]:9.2f} ms {len(r[q[0]][1]):7} found' for n, r in results.items()), flush=True)
    for p in programs.values():
        p.stop()
    truth = judge(path, places, qs)
    print(f"{'':24}{'there':>8}" + ''.join(f'{n:>14} ms {"missing":>8}{"extra":>7}' for n in results))
    for q in qs:
        want = set(truth[q[0]])
        line = f'{q[0]:24}{len(want):8}'
        for name, r in results.items():
            took, found = r[q[0]]
            there = {u for u in want if u <= programs['dovecot'].have} if name == 'dovecot' else want
            extra = set(found) - there
            star = '*' if extra and all(has_files(path, places[u - 1]) for u in extra) else ' '
            line += f'{took:14.2f}    {len(there - set(found)):8}{len(extra):6}{star}'
        print(line + f"   {q[2] or ''}", flush=True)
    print('* all of them have files attached: the server that reads does not look into them')
    if not args.keep:
        for state in ('dovecot-have', f'notmuch-{args.n}', f'truth-{args.n}'):
            if os.path.exists(f'{WORK}/{state}'):
                os.unlink(f'{WORK}/{state}')
        shutil.rmtree(f'{WORK}/posthouse-{args.n}', ignore_errors=True)


if __name__ == '__main__':
    main()
