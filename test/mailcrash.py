#!/usr/bin/env python3
"""Mailboxes are as they were answered to be: mail programs change them while any process, or all of them, are killed.

    test/mailcrash.py [--kills 50] [--seconds 30] [--seed N]

Each of some accounts has one mail program that appends, flags, copies, moves, replaces, expunges, and makes, renames and deletes
folders, while mail is delivered. It keeps a model: what was answered OK is in it. What was under way when the connection broke has
happened as a whole or not at all; which, is read after the next login, and from then on it stays so. What is moved to a folder that another
account shares is there, too, or in both places, never nowhere. In the end all is read back, byte for byte, with
what QRESYNC says since earlier states, and again after repair and gc.
"""
import argparse, collections, copy, hashlib, os, random, re, signal, smtplib, sys, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from imapline import Broken, Line, Refused, fetched, uids, vanished
from posthouse import PASSWORD, Instance, wait_until
from tally import check, result

ACCOUNTS = [f'user{i}@local.test' for i in range(8)]
DROP, SHARED = 'drop@local.test', 'Other Users/drop@local.test/Drop'  # who shares a folder with all
FLAGS = ['\\Seen', '\\Answered', '\\Flagged', '\\Draft', '$Work', 'red', 'blue']
SIZES = (200, 1500, 6000, 60000)  # bytes of a message
MANY = 18  # messages of a folder from which on more is taken out than put in
LEAST = 10  # kills, however slow the machine is
MARK = b'X-Mail-Id: '


class Folder:
    def __init__(self, validity, next_uid):
        self.validity, self.next, self.high = validity, next_uid, 0
        self.read_next = next_uid  # UIDNEXT as it was read: what is delivered has UIDs from here on, also below those of what came since
        self.messages = {}  # uid -> (id, flags)
        self.pending = []  # (id, flags): may have come, with what UID is not known
        self.modseqs = {}  # uid -> (modseq, flags) as last read
        self.states = []  # (modseq, next, {uid: flags}): what a program may come back with


class Change:
    """What a command does when it is done."""

    def __init__(self, name):
        self.name, self.flags, self.gone, self.come = name, {}, [], []  # (folder, uid) -> flags; (folder, uid); (folder, id, flags)
        self.made = self.deleted = self.renamed = None
        self.given = []  # ids that go to the shared folder


class Model:
    """An account as its mail program knows it."""

    def __init__(self):
        self.folders, self.deliveries, self.removed = {}, set(), collections.Counter()
        self.ever = {}  # (folder name, UIDVALIDITY, uid) -> id

    def apply(self, change, new_uids=None):
        """new_uids: of what comes, in order, or None: not known."""
        for (name, uid), flags in change.flags.items():
            self.folders[name].messages[uid] = (self.folders[name].messages[uid][0], flags)
        for name, uid in change.gone:
            letter = self.folders[name].messages.pop(uid)[0]
            if change.name != 'move':  # what goes to another account can come back, too
                self.removed[letter] += 1
        for i, (name, letter, flags) in enumerate(change.come):
            f = self.folders[name]
            if new_uids is None:
                f.pending.append((letter, flags))
            else:
                f.messages[new_uids[i]] = (letter, flags)
                f.next = max(f.next, new_uids[i] + 1)
        if change.made:
            self.folders[change.made] = Folder(0, 0)
        if change.deleted:
            self.removed.update(letter for letter, _ in self.folders.pop(change.deleted).messages.values())
        if change.renamed:
            old, new = change.renamed
            for name in [n for n in self.folders if n == old or n.startswith(old + '/')]:
                self.folders[new + name[len(old):]] = self.folders.pop(name)

    def differs(self, actual):
        """What is not as it should be. actual: name -> Folder as it was read."""
        if set(actual) != set(self.folders):
            return [f'folders {sorted(set(actual) ^ set(self.folders))} are not the same']
        return [fault for name in actual for fault in self.folder_differs(name, self.folders[name], actual[name])]

    def is_delivered(self, name, letter, flags):
        return name == 'INBOX' and letter.startswith('d') and letter not in self.deliveries and not flags

    def folder_differs(self, name, mine, now):
        if mine.validity and mine.validity != now.validity:
            yield f'{name}: UIDVALIDITY {now.validity}, was {mine.validity}'
        if now.next < mine.next or now.high < mine.high:
            yield f'{name}: UIDNEXT {now.next} after {mine.next}, HIGHESTMODSEQ {now.high} after {mine.high}'
        for uid, what in mine.messages.items():
            if now.messages.get(uid) != what:
                yield f'{name}: UID {uid} is {now.messages.get(uid)}, not {what}'
        extra = sorted(now.messages.keys() - mine.messages.keys())
        others = [uid for uid in extra if not self.is_delivered(name, *now.messages[uid])]
        if extra and extra[0] < mine.read_next or others and others[0] < mine.next:
            yield f'{name}: UIDs {extra} came, of these delivered not {others}; UIDNEXT was {mine.read_next}, then {mine.next}'
        if [now.messages[uid] for uid in others] != mine.pending:
            yield f'{name}: {[now.messages[uid] for uid in others]} came, not {mine.pending}'
        for uid, (modseq, flags) in now.modseqs.items():
            before = mine.modseqs.get(uid)
            if modseq > now.high or before and (modseq < before[0] or modseq == before[0] and flags != before[1]):
                yield f'{name}: UID {uid} has MODSEQ {modseq} and {set(flags)}, had {before}; the folder has {now.high}'

    def adopt(self, actual):
        """It is so from now on. Faults: a UID that was another message's."""
        faults = []
        for name, now in actual.items():
            for uid, (letter, flags) in now.messages.items():
                if self.ever.setdefault((name, now.validity, uid), letter) != letter:
                    faults.append(f'{name}: UID {uid} was {self.ever[name, now.validity, uid]} and is {letter}')
                if letter.startswith('d'):
                    self.deliveries.add(letter)
            now.states = self.folders[name].states[-9:] if name in self.folders else []
            now.states.append((now.high, now.next, {uid: flags for uid, (_, flags) in now.messages.items()}))
        self.folders = actual
        return faults


def read_folder(line, name, whole):
    """A Folder; and the bytes of its messages, by UID."""
    told, _ = line.select(name)
    f = Folder(told['UIDVALIDITY'], told['UIDNEXT'])
    f.high = told['HIGHESTMODSEQ']
    what = 'BODY.PEEK[]' if whole else 'BODY.PEEK[HEADER.FIELDS (X-Mail-Id)]'
    data = {}
    if f.next > 1:  # what is delivered from now on is not of this state
        for uid, (flags, modseq, text) in fetched(line.command(f'UID FETCH 1:{f.next - 1} (FLAGS MODSEQ {what})')).items():
            at = text.find(MARK) + len(MARK)
            letter = text[at:text.find(b'\r\n', at)].decode() if at >= len(MARK) else '?'
            f.messages[uid], f.modseqs[uid], data[uid] = (letter, flags), (modseq, flags), text
    return f, data


def read_all(line, whole=False):
    names = [re.search(r'"/" "?([^"]*)"?$', text).group(1) for text, _ in line.command('LIST "" "*"') if text.startswith('* LIST')]
    names = [name for name in names if not name.startswith('Other Users')]
    read = {name: read_folder(line, name, whole) for name in names}
    return {name: f for name, (f, _) in read.items()}, {(name, uid): text for name, (_, data) in read.items() for uid, text in data.items()}


class Program(threading.Thread):
    """The mail program of an account."""

    def __init__(self, p, address, seed, digests):
        super().__init__(daemon=True)
        self.p, self.address, self.rng, self.digests = p, address, random.Random(seed), digests
        self.model, self.line, self.over, self.number = Model(), None, False, 0
        self.under_way, self.given, self.perhaps = None, collections.Counter(), collections.Counter()
        self.answered, self.broken, self.happened, self.refused, self.faults = collections.Counter(), 0, 0, collections.Counter(), []

    def connect(self):
        """A login with the right password may wait, but is never said to be wrong."""
        while True:
            try:
                self.line = Line(self.p.ports['imap'], self.address, PASSWORD)
                return
            except Broken:
                pass
            except Refused as e:
                self.refused[str(e)[:70]] += 1
                if 'AUTHENTICATIONFAILED' in str(e):
                    self.faults.append(f'login refused: {e}')
            time.sleep(0.1)

    def sync(self):
        """Reads all and compares; what was under way has happened or not."""
        actual, _ = read_all(self.line)
        before, faults = self.model.differs(actual), []
        if before and self.under_way:
            after = copy.deepcopy(self.model)
            after.apply(self.under_way)
            faults = after.differs(actual)
            if not faults:
                self.model, self.happened = after, self.happened + 1
                self.given.update(self.under_way.given)
            else:
                faults = [f'{self.under_way.name} is half done: {vars(self.under_way)}', *before[:3], 'or', *faults[:3]]
        elif before and self.model.folders:
            faults = before
        elif self.under_way:
            self.perhaps.update(self.under_way.given)
        self.faults += [f'{self.address}: {fault}' for fault in faults + self.model.adopt(actual)]
        self.under_way = None

    def run(self):
        try:
            self.work()
        except Exception as e:
            self.faults.append(f'{self.address}: {type(e).__name__} {e} in {self.under_way and self.under_way.name}')
            raise

    def work(self):
        synced = False
        while not self.over or not synced:
            try:
                if not self.line:
                    self.connect()
                if not synced or self.rng.random() < 0.02:
                    self.sync()
                    synced = True
                if not self.over:
                    self.something()
            except Broken:
                self.broken += 1
                self.line.close()
                self.line, synced = None, False
            except Refused as e:  # then it was not done
                self.refused[str(e)[:120]] += 1
                self.under_way, synced = None, False

    # ---- what it does

    def letter(self):
        """Its id and its bytes."""
        self.number += 1
        letter = f'{self.address[:5]}.{self.number}'
        text = (f'From: {self.address}\r\nMessage-ID: <{letter}@prog.test>\r\nSubject: {letter}\r\n'.encode() + MARK + letter.encode() + b'\r\n\r\n')
        size = self.rng.choice(SIZES)
        while len(text) < size:
            text += self.rng.randbytes(30).hex().encode() + b'\r\n'
        self.digests[letter] = hashlib.sha256(text).digest()
        return letter, text

    def some_flags(self):
        return frozenset(self.rng.sample(FLAGS, self.rng.randrange(4)))

    def folder(self, full=False):
        """A folder to work on; None: there is none with messages."""
        return self.rng.choice([n for n, f in self.model.folders.items() if f.messages or not full] or [None])

    def something(self):
        full = max(len(f.messages) for f in self.model.folders.values()) > MANY
        deeds = ['append', 'multiappend', 'store', 'store', 'copy', 'move', 'replace', 'delete'] + ['expunge'] * (6 if full else 2)
        if self.rng.random() < 0.15:
            deeds = ['make', 'make', 'rename', 'rename', 'remove', 'remove', 'give']
        getattr(self, self.rng.choice(deeds))()

    def do(self, change, words, literals=()):
        """new UIDs are in the answer: [APPENDUID v set], [COPYUID v set set]."""
        self.under_way = change
        untagged = self.line.command(words, literals)
        said = re.search(r'\[(?:APPENDUID \d+|COPYUID \d+ [\d:,]+) ([\d:,]+)\]', ' '.join([self.line.said, *(t for t, _ in untagged)]))
        new = uids(said.group(1)) if said else []
        if len(new) != len(change.come or change.given) or any(uid < self.model.folders[c[0]].next for uid, c in zip(new, change.come)):
            self.faults.append(f'{self.address}: {words[:60]} gave UIDs {new}: {self.line.said}')
        self.model.apply(change, new)
        self.given.update(change.given)
        self.under_way = None
        self.answered[change.name] += 1

    def append(self, n=1):
        name, change = self.folder(), Change('append' if n == 1 else 'multiappend')
        words, literals = f'APPEND "{name}"', []
        for _ in range(n):
            (letter, text), flags = self.letter(), self.some_flags()
            change.come.append((name, letter, flags))
            words += f' ({" ".join(flags)}) {{}}'
            literals.append(text)
        self.do(change, words, literals)

    def multiappend(self):
        self.append(self.rng.randrange(2, 7))

    def some(self, most):
        """A folder that is open now, some UIDs of it in order."""
        name = self.folder(full=True)
        if not name:
            return None, []
        self.line.open(name)
        have = sorted(self.model.folders[name].messages)
        return name, sorted(self.rng.sample(have, min(len(have), self.rng.randrange(1, most))))

    def store(self, deed=None, flags=None):
        name, some = self.some(8)
        if not some:
            return
        deed, flags, change = deed or self.rng.choice(['+', '-', '']), flags or self.some_flags(), Change('store')
        for uid in some:
            had = self.model.folders[name].messages[uid][1]
            change.flags[name, uid] = had | flags if deed == '+' else had - flags if deed == '-' else flags
        self.do(change, f'UID STORE {",".join(map(str, some))} {deed}FLAGS ({" ".join(flags)})')

    def delete(self):
        self.store('+', frozenset(['\\Deleted']))

    def copy(self, verb='copy'):
        (name, some), to, change = self.some(6), self.folder(), Change(verb)
        if not some or to == name:
            return
        for uid in some:
            change.come.append((to, *self.model.folders[name].messages[uid]))
            if verb == 'move':
                change.gone.append((name, uid))
        self.do(change, f'UID {verb.upper()} {",".join(map(str, some))} "{to}"')

    def move(self):
        self.copy('move')

    def give(self):
        """Moves to another account: these are two databases."""
        (name, some), change = self.some(4), Change('give')
        if some:
            change.gone = [(name, uid) for uid in some]
            change.given = [self.model.folders[name].messages[uid][0] for uid in some]
            self.do(change, f'UID MOVE {",".join(map(str, some))} "{SHARED}"')

    def replace(self):
        (name, some), to, change = self.some(2), self.folder(), Change('replace')
        if not some:
            return
        (letter, text), flags = self.letter(), self.some_flags()
        change.gone, change.come = [(name, some[0])], [(to, letter, flags)]
        self.do(change, f'UID REPLACE {some[0]} "{to}" ({" ".join(flags)}) {{}}', [text])

    def expunge(self):
        name, _ = self.some(2)
        if name:
            change = Change('expunge')
            change.gone = [(name, uid) for uid, (_, flags) in self.model.folders[name].messages.items() if '\\Deleted' in flags]
            self.do(change, 'EXPUNGE' if self.rng.random() < 0.5 else 'UID EXPUNGE 1:*')

    # ---- folders

    def own(self):
        return [n for n in self.model.folders if n.startswith('W')]

    def fresh(self):
        """A name that is free, not always one that never was."""
        name = self.rng.choice([f'W{self.rng.randrange(6)}', f'W{self.rng.randrange(6)}/in'])
        if name in self.model.folders or '/' in name and name.split('/')[0] not in self.model.folders:
            return None
        return name

    def make(self):
        change = Change('make')
        change.made = self.fresh()
        if change.made:
            self.do(change, f'CREATE "{change.made}"')
            self.sync()  # its UIDVALIDITY

    def rename(self):
        change, old, new = Change('rename'), self.rng.choice(self.own() or ['']), self.fresh()
        if old and new and '/' not in new:
            self.line.open('INBOX')
            change.renamed = (old, new)
            self.do(change, f'RENAME "{old}" "{new}"')

    def remove(self):
        leaves = [n for n in self.own() if not any(m.startswith(n + '/') for m in self.model.folders)]
        if len(leaves) > 2:
            self.line.open('INBOX')
            change = Change('remove')
            change.deleted = self.rng.choice(leaves)
            self.do(change, f'DELETE "{change.deleted}"')


class Deliveries(threading.Thread):
    """Mail that comes from elsewhere."""

    def __init__(self, p, seed, digests):
        super().__init__(daemon=True)
        self.p, self.rng, self.digests, self.over = p, random.Random(seed), digests, False
        self.accepted = collections.defaultdict(set)

    def run(self):
        number, server = 0, None
        while not self.over:
            number += 1
            to, letter = self.rng.choice(ACCOUNTS), f'd{number}'
            text = b''.join([MARK, letter.encode(), b'\r\nFrom: zoe@else.test\r\nMessage-ID: <', letter.encode(), b'@prog.test>\r\nSubject: ', letter.encode(),
                             b'\r\n\r\n', self.rng.randbytes(30).hex().encode() + b'\r\n'])
            self.digests[letter] = hashlib.sha256(text).digest()
            try:
                server = server or smtplib.SMTP('127.0.0.1', self.p.ports['mx'], timeout=30)
                server.sendmail('zoe@else.test', [to], text)
                self.accepted[to].add(letter)
                time.sleep(0.03)
            except (OSError, smtplib.SMTPException):
                server = None
                time.sleep(0.1)


# ---- the killer

def ready(p):
    """How often it was said that the server is ready."""
    p.log.flush()
    with open(p.log.name, 'rb') as f:
        return f.read().count(b'event=server.ready')


def start(p):
    """Nothing is killed before it is ready."""
    before = ready(p)
    p.start(wait=False)
    wait_until('the server to be ready', 60, lambda: ready(p) > before)


def kill_something(p, rng, role=None):
    targets = p.processes()
    role = role or rng.choice(['all', 'master', 'access', 'access', 'access', *sorted(set(targets.values()) - {'master', 'access'})])
    pids = [pid for pid, name in targets.items() if name == role]
    if role == 'all':
        p.kill()
    elif pids:
        try:
            os.kill(rng.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            return None
    else:
        return None
    if role in ('all', 'master'):
        p.master.wait()
        start(p)
    return role


def kill_again_and_again(p, args, rng):
    done, end = collections.Counter(), time.monotonic() + args.seconds
    while sum(done.values()) < args.kills and (time.monotonic() < end or sum(done.values()) < LEAST):
        time.sleep(rng.uniform(0.05, max(0.1, 1.6 * (end - time.monotonic()) / (args.kills - sum(done.values())))))
        missing = {'access', 'all', 'master'} - set(done)
        role = kill_something(p, rng, missing and rng.choice(sorted(missing)))
        if role:
            done[role] += 1
    return done


# ---- in the end

def qresync_faults(line, name, folder):
    """What the server says to a program that comes back with an earlier state, beside what is there now."""
    for modseq, next_uid, then in folder.states[:-1]:
        line.command('UNSELECT') if line.selected else None
        _, untagged = line.select(name, f' (QRESYNC ({folder.validity} {modseq}))')
        gone, changed = vanished(untagged), {uid: f[0] for uid, f in fetched(untagged).items()}
        truly = {uid: folder.messages[uid][1] for uid, (seq, _) in folder.modseqs.items() if seq > modseq}
        mine = {uid: flags for uid, flags in then.items() if uid not in gone} | changed
        if changed != truly or mine != {uid: flags for uid, (_, flags) in folder.messages.items()}:
            yield f'{name} since {modseq}: {changed} changed, {truly} truly; it then has {sorted(mine)}, truly {sorted(folder.messages)}'
        if not then.keys() - folder.messages.keys() <= gone or gone & folder.messages.keys() or any(uid >= folder.next for uid in gone):
            yield f'{name} since {modseq}: {sorted(gone)} vanished, {sorted(then.keys() - folder.messages.keys())} truly'


def account_faults(p, program, accepted):
    """All of an account, byte for byte."""
    line, model = Line(p.ports['imap'], program.address, PASSWORD), program.model
    actual, data = read_all(line, whole=True)
    faults = model.differs(actual) + model.adopt(actual)
    for (name, uid), text in data.items():
        letter = actual[name].messages[uid][0]
        text = text[text.find(MARK):] if letter.startswith('d') else text
        if hashlib.sha256(text).digest() != program.digests.get(letter):
            faults.append(f'{name}: UID {uid}, {letter} has other bytes')
    faults += [f'delivery {letter} is lost' for letter in sorted(accepted - model.deliveries)]
    for name, folder in actual.items():
        faults += qresync_faults(line, name, folder)
    line.close()
    return [f'{program.address}: {fault}' for fault in faults]


def removed_faults(p, program):
    """What was expunged can come back: once for each time it was."""
    have = collections.Counter(r['subject'] for r in p.json('mailbox', 'removed', program.address)['removed'] if r['can_return'])
    return [f'{program.address}: removed, {have[letter]} times, not {n}: {letter}' for letter, n in program.model.removed.items() if have[letter] != n] + \
           [f'{program.address}: {letter} can come back, and was never removed' for letter in have.keys() - program.model.removed.keys()]


def given_faults(p, programs):
    line = Line(p.ports['imap'], DROP, PASSWORD)
    folder, data = read_folder(line, 'Drop', True)
    line.close()
    have = collections.Counter(letter for letter, _ in folder.messages.values())
    surely, perhaps = (sum((getattr(x, what) for x in programs), collections.Counter()) for what in ('given', 'perhaps'))
    print(f'given to another account: {sum(surely.values())}, in both places: {sum(have.values()) - sum(surely.values())} of {sum(perhaps.values())} perhaps')
    for letter in have.keys() | surely.keys():
        if not surely[letter] <= have[letter] <= surely[letter] + perhaps[letter]:
            yield f'{letter}, given {surely[letter]} times and perhaps {perhaps[letter]} times more, is there {have[letter]} times'
    for uid, text in data.items():
        letter = folder.messages[uid][0]
        if hashlib.sha256(text[text.find(MARK):] if letter.startswith('d') else text).digest() != programs[0].digests.get(letter):
            yield f'{letter} has other bytes in the shared folder'


def compare(p, programs, deliveries, when):
    started = time.monotonic()
    faults = [f for program in programs for f in account_faults(p, program, deliveries.accepted[program.address]) + removed_faults(p, program)]
    faults += given_faults(p, programs)
    check(f'{when}: every mailbox is as it was answered to be', not faults, f'{len(faults)} faults\n  ' + '\n  '.join(faults[:20]))
    for command in (('mailbox', 'verify'), ('store', 'verify')):
        problems = p.cli(*command, '--json', check=False)
        check(f'{when}: {" ".join(command)} ({time.monotonic() - started:.1f} s)', re.search(r'"problems": ?\[\s*\]', problems), problems[:2000])


def say(programs, deliveries, done, args):
    answered, refused = sum((x.answered for x in programs), collections.Counter()), sum((x.refused for x in programs), collections.Counter())
    print(f'kills: {sum(done.values())} {dict(done)} seed {args.seed}')
    print(f'answered OK: {sum(answered.values())} {dict(answered)}; delivered: {sum(map(len, deliveries.accepted.values()))}')
    print(f'connections broken: {sum(x.broken for x in programs)}; what was under way then had happened {sum(x.happened for x in programs)} times; '
          f'removed: {sum(sum(x.model.removed.values()) for x in programs)}; kept: {sum(len(f.messages) for x in programs for f in x.model.folders.values())}')
    print('refused:', dict(refused), flush=True)
    return answered


def run(p, args):
    rng, digests = random.Random(args.seed), {}
    for command in ['domain add local.test', *(f'account add {a}' for a in [*ACCOUNTS, DROP])]:
        p.setup_command(command)
    start(p)
    p.wait_ready()
    owner = Line(p.ports['imap'], DROP, PASSWORD)
    owner.command('CREATE Drop')
    owner.command('SETACL Drop anyone lrswi')
    owner.close()
    deliveries, programs = Deliveries(p, args.seed, digests), [Program(p, a, f'{args.seed} {a}', digests) for a in ACCOUNTS]
    for thread in [deliveries, *programs]:
        thread.start()
    wait_until('all programs to work', 30, lambda: all(x.answered for x in programs))
    done = kill_again_and_again(p, args, rng)
    p.wait_ready(60)
    deliveries.over = True
    deliveries.join(60)
    for x in programs:
        x.over = True
        x.join(60)
    p.wait_queue(0, 60)
    answered = say(programs, deliveries, done, args)
    faults = [f for x in programs for f in x.faults] + [f'{x.address} does not end' for x in programs if x.is_alive()]
    check('what was answered is there, what was under way is whole', not faults, f'{len(faults)} faults\n  ' + '\n  '.join(faults[:20]))
    check('every kind of command was answered', len(answered) == 11, answered)
    check('enough was killed', sum(done.values()) >= min(LEAST, args.kills) and done['access'] and done['all'] and done['master'], done)
    compare(p, programs, deliveries, 'after the kills')
    p.stop()
    p.cli('mailbox', 'repair')
    p.cli('store', 'repair')
    start(p)
    p.wait_ready()
    compare(p, programs, deliveries, 'after repair')
    p.cli('store', 'gc')
    compare(p, programs, deliveries, 'after gc')


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--kills', type=int, default=50)
    a.add_argument('--seconds', type=float, default=30)
    a.add_argument('--seed', type=int, default=random.randrange(1 << 30))
    config = ['[filter]', 'mark = 0', 'reject = 0', 'quarantine = 0', '[access]', 'max_per_ip = 1000', '[imap "imap"]', 'auth_plaintext = yes']
    with Instance(config=config, listeners=('mx', 'imap')) as p:
        run(p, a.parse_args())
    sys.exit(result())


if __name__ == '__main__':
    main()
