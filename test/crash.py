#!/usr/bin/env python3
"""Nothing is lost: kills any process, or all of them, at random moments under load, and compares.

    test/crash.py [--kills 200] [--seconds 120] [--seed N]

Load runs to a local domain and to a backend (smtpsink). Every message answered 250 is recorded by the
client (number, length, digest). In the end each must be in its mailbox or at the sink, byte for byte. Beside it run letters
(lib/letters.py): submitted and signed, verified, passed on by an alias, and reports; and letters with which policies do something
(lib/handled.py): held, split, changed, copied, approved, infected, and released.
Duplicates are counted and reported: a killed sender cannot know that its peer had taken a message. So they are bounded by
what the queue had under way each time it was killed; what can be told apart (reports, by their ids) is never there twice.
"""
import argparse, collections, hashlib, json, os, random, re, signal, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from handled import HOUSE, Handled
from letters import Far, dkim
from posthouse import Instance, ROOT, free_port, wait_until

UNDER_WAY = 40  # messages that the queue may have given away, and not yet noted, when it is killed: a few connections to each place
TOOLS = os.path.join(ROOT, 'build/release/bench')


def records(path):
    """number -> [(length, digest), ...]"""
    found = collections.defaultdict(list)
    if os.path.exists(path):
        for line in open(path):
            words = line.split()
            if len(words) == 3 and line.endswith('\n'):
                found[int(words[0])].append((int(words[1]), words[2]))
    return found


def mailbox_records(p, address, into):
    """Adds what the mailbox holds, read back through the command line."""
    where = os.path.join(p.dir, 'export-' + address)
    p.cli('export', address, where, '--format', 'eml')
    for folder, _, names in os.walk(where):
        for name in names:
            whole = open(os.path.join(folder, name), 'rb').read()
            at = whole.find(b'X-Load-Id: ')
            if at >= 0:
                number = int(re.match(rb'\d+', whole[at + 11:]).group())
                into[number].append((len(whole) - at, hashlib.sha256(whole[at:]).hexdigest()[:16]))


class Load:
    """One smtpload that goes on through broken connections."""

    def __init__(self, p, name, first, rcpt, size, seconds, conns, extra=()):
        self.record = os.path.join(p.dir, f'sent-{name}')
        self.proc = subprocess.Popen([TOOLS + '/smtpload', '-k', '-c', str(conns), '-n', '100000000', '-d', str(seconds), '-s', str(size),
                                      '-i', str(first), '-u', rcpt, '-U', '4', '-r', self.record, *extra, f'127.0.0.1:{p.ports["mx"]}'],
                                     stdout=subprocess.DEVNULL)


def start_sink(p, port, record):
    return subprocess.Popen([TOOLS + '/smtpsink', '-r', record, f'127.0.0.1:{port}', p.dir + '/sink.counters'])


def setup(p, sink_port):
    p.setup_command('domain add local.test')
    for i in range(4):
        p.setup_command(f'account add user{i}@local.test')
    p.setup_command(f'route add sink --protocol smtp --hosts [127.0.0.1]:{sink_port} --tls none')
    p.setup_command('domain add backend.test --backend sink')


def compare(p, loads, sink_record):
    """Returns (accepted, lost, damaged, duplicates)."""
    sent = collections.defaultdict(list)
    for load in loads:
        for number, what in records(load.record).items():
            sent[number] += what
    got = records(sink_record)
    for i in range(4):
        mailbox_records(p, f'user{i}@local.test', got)
    lost = [n for n in sent if n not in got]
    damaged = [n for n in sent if n in got and sent[n][0] not in got[n]]
    return len(sent), lost, damaged, sum(len(v) - 1 for v in got.values())


def wait_delivered(p):
    """Reports over which scan processes were killed twice wait for their next attempt: it comes now. Nothing else may."""
    try:
        p.wait_queue(0, 45)
    except TimeoutError:
        print(p.cli('status', check=False), p.cli('queue', 'list', check=False)[:4000], flush=True)
        p.cli('queue', 'retry', '--to', 'posthouse-reports@*', '--yes', check=False)
        p.wait_queue(0, 60)


def verdict(p, loads, sink_record, what, far=None, twice=None):
    """Waits until all is delivered and compares; `twice` bounds the duplicates."""
    wait_delivered(p)
    problems = p.json('store', 'verify')['problems']
    accepted, lost, damaged, duplicates = compare(p, loads, sink_record)
    print(f'{what}: {accepted} accepted, {len(lost)} lost, {len(damaged)} damaged, {duplicates} duplicates, {len(problems)} store problems',
          flush=True)
    for n in (lost + damaged)[:10]:
        print('  message', n, 'lost' if n in lost else 'damaged')
    for problem in problems[:10]:
        print('  ', problem)
    faults = letters_verdict(p, far) if far else []
    if far:
        duplicates += sum(far.twice.values())
    if twice is not None and duplicates > twice:
        print(f'  {duplicates} duplicates cannot be explained, only {twice}')
        return False
    return bool(accepted) and not lost and not damaged and not problems and not faults


def letters_verdict(p, far):
    faults = far.faults(p)
    if far.twice['reports']:
        faults.append('the same report is kept twice')
    if not all(s.sent for s in far.senders):
        faults.append('a kind of letter was never accepted')
    print(f'  letters: {far}; {len(faults)} faults; twice: {far.twice}', flush=True)
    for fault in faults[:10]:
        print('  ', fault)
    return faults


def kill_something(p, rng):
    """Kills one random process, or everything; brings the server back."""
    if p.master.poll() is not None:  # it did not come up, e.g. its ports were still held
        p.start(wait=False)
        return None
    targets = p.processes()
    role = 'all' if rng.random() < 0.12 else rng.choice(sorted(set(targets.values())))
    pid = rng.choice([pid for pid, name in targets.items() if name == role] or [0])
    if role in ('all', 'master'):
        if role == 'all':
            p.kill()
        else:
            os.kill(pid, signal.SIGKILL)
            p.master.wait()
        p.start(wait=False)
    else:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
    return role


def bring_back(p):
    """The server as it was, also when the last kill met its start: then it ends, as soon as what it has begun is done."""
    for _ in range(5):
        if p.master.poll() is not None:
            p.start(wait=False)
        try:
            p.wait_ready(60)
            wait_until('all roles', 30, lambda: p.master.poll() is not None or {'queue', 'keeper', 'web', 'engine'} <= set(p.processes().values()))
            p.master.wait(4)
        except RuntimeError:
            continue
        except subprocess.TimeoutExpired:
            return
    raise RuntimeError('it does not come back:\n' + p.log_tail())


def release_what_was_not_examined(p):
    """A letter over which scan processes were killed twice is in the quarantine: an administrator lets it go on."""
    held = json.loads(p.cli('quarantine', 'list', '--json', '--limit', '0', check=False))['recipients']
    classes = collections.Counter(r['class'] for r in held)
    print('held:', dict(classes), flush=True)
    if classes['unexamined']:
        p.cli('quarantine', 'release', '--class', 'unexamined', '--yes')
    return {r['class'] for r in held if not r['to'].endswith('@' + HOUSE)} <= {'unexamined'}


def handled_verdict(p, handled):
    faults = handled.faults(p)
    print(f'  handled by policies: {handled}; {len(faults)} faults', flush=True)
    for fault in faults[:10]:
        print('  ', fault)
    return not faults


def kill_again_and_again(p, args, rng):
    done, end = collections.Counter(), time.monotonic() + args.seconds
    longest = end + 60
    while sum(done.values()) < args.kills and time.monotonic() < end:
        time.sleep(rng.uniform(0.05, 2 * args.seconds / args.kills * 0.8))
        role = kill_something(p, rng)
        if role:
            done[role] += 1
        if role in ('all', 'master') and rng.random() < 0.7:  # else the next one is killed while it starts
            waited = time.monotonic()
            p.wait_listening(5)
            end += min(time.monotonic() - waited, longest - end)  # starting takes as long as the machine lets it
    print('kills:', sum(done.values()), dict(done), 'seed', args.seed, flush=True)
    return done


def kills(args):
    rng, far = random.Random(args.seed), Far()
    handled = Handled(far)
    with Instance(config=far.config + handled.config) as p:
        sink_port, record = free_port(), p.dir + '/sink-record'
        setup(p, sink_port)
        far.setup(p)
        handled.setup(p)
        far.keys_may_hang = True  # they are killed, too
        sink = start_sink(p, sink_port, record)
        p.start()
        loads = [Load(p, 'local', 0, 'user%ld@local.test', 4096, args.seconds + 90, 4),
                 Load(p, 'relay', 10_000_000, 'user%ld@backend.test', 4096, args.seconds + 90, 4, ['-p', '-m', '10']),
                 Load(p, 'large', 20_000_000, 'user%ld@backend.test', 300_000, args.seconds + 90, 2)]
        far.begin(p)
        handled.begin(p)
        done = kill_again_and_again(p, args, rng)
        bring_back(p)
        for load in loads:
            load.proc.terminate()
            load.proc.wait()
        far.end()
        handled.end()
        ends_of_queue = sum(done[role] for role in ('queue', 'master', 'all'))
        ok = release_what_was_not_examined(p)
        ok = verdict(p, loads, record, 'after kills', far, UNDER_WAY * ends_of_queue) and ok and sum(done.values()) >= args.kills * 0.9
        ok = handled_verdict(p, handled) and ok
        p.stop()
        sink.terminate()
        sink.wait()
        far.stop()
        return ok


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--kills', type=int, default=200)
    a.add_argument('--seconds', type=float, default=100)
    a.add_argument('--seed', type=int, default=random.randrange(1 << 30))
    args = a.parse_args()
    if dkim is None:
        print('skipped: python3-dkim is not installed\n0 passed, 0 failed')
        return
    ok = kills(args)
    print('1 passed, 0 failed' if ok else '0 passed, 1 failed')
    sys.exit(not ok)


if __name__ == '__main__':
    main()
