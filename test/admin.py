#!/usr/bin/env python3
"""An administrator changes the queue under load: hold, release, retry, bounce, delete, as fast as the commands run.

    test/admin.py [--seconds 20] [--seed N]

Load runs to a local domain and to a sink that is stopped now and then, so that changes meet deliveries
under way. In the end every message that was answered 250 is delivered byte for byte exactly once, or was returned
to its sender, or was deleted, and the trace says which. Nobody is told that a message failed which was delivered.
"""
import argparse, atexit, collections, os, random, re, signal, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, free_port
from crash import Load, TOOLS, mailbox_records, records, start_sink

SENDER = 'sender@back.test'  # its reports stay here
CONFIG = ['[queue]', 'retry = 1s 2s', '[delivery]', 'per_destination = 5']


def setup(p, sink_port):
    p.setup_command('domain add local.test')
    p.setup_command('domain add back.test')
    p.setup_command(f'account add {SENDER}')
    for i in range(4):
        p.setup_command(f'account add user{i}@local.test')
    p.setup_command(f'route add sink --protocol smtp --hosts [127.0.0.1]:{sink_port} --tls none')
    p.setup_command('domain add backend.test --backend sink')


def change_something(p, rng):
    """One command of an administrator; returns its verb."""
    verb = rng.choice(['hold', 'release', 'retry', 'bounce', 'delete', 'hold', 'release', 'retry'])
    rows = p.json('queue', 'list', '--limit', '200')['recipients']
    if verb in ('bounce', 'delete'):
        rows = [r for r in rows if r['from'] and r['to'] != SENDER]  # a report that is deleted would be missed
        picked = [f"{r['id']}/{r['recipient']}" for r in rng.sample(rows, min(len(rows), 3))]
    else:
        picked = [r['id'] for r in rng.sample(rows, min(len(rows), 20))]
    if rng.random() < 0.3 and verb in ('hold', 'release', 'retry'):
        picked = ['--domain', 'backend.test']
    if not picked:
        return None
    p.cli('queue', verb, *picked, '--yes', check=False)
    return verb


def ends(p):
    """Load number -> how each of its recipients ended, by the trace."""
    found = collections.defaultdict(list)
    for row in p.json('trace', '--from', SENDER, '--since', '1h', '--limit', '1000000')['rows']:
        found[row['id']].append(row['status'])
    return found


def numbers_in_reports(p):
    """Numbers of the messages whose sender was told of a failure."""
    told = []
    where = os.path.join(p.dir, 'reports')
    p.cli('export', SENDER, where, '--format', 'eml')
    for folder, _, names in os.walk(where):
        for name in names:
            text = open(os.path.join(folder, name), 'rb').read()
            if b'Action: failed' in text:
                told += [int(n) for n in re.findall(rb'^X-Load-Id: (\d+)', text, re.M)[:1]]
    return collections.Counter(told)


def play(p, rng, seconds, sink):
    """Changes at random while the sink stands still now and then. Returns how many of each verb."""
    done, end = collections.Counter(), time.monotonic() + seconds
    while time.monotonic() < end:
        verb = change_something(p, rng)
        done.update([verb] if verb else [])
        if rng.random() < 0.08:  # the peer stands still, or is gone for a moment
            sink.send_signal(signal.SIGSTOP)
            time.sleep(rng.uniform(0.1, 0.5))
            sink.send_signal(signal.SIGCONT)
    return done


def judge(p, loads, record):
    """Prints what is wrong; the number of accepted messages and of faults."""
    sent = {}
    for load in loads:
        for number, what in records(load.record).items():
            sent[number] = what[0]
    got = records(record)
    for i in range(4):
        mailbox_records(p, f'user{i}@local.test', got)
    told = numbers_in_reports(p)
    deleted = sum(states.count('deleted') for states in ends(p).values())
    missing = [n for n in sent if n not in got and not told[n]]
    faults = [f'{len(missing)} messages are missing, {deleted} were deleted'] if len(missing) > deleted else []
    faults += [f'message {n} came {len(got[n])} times' for n in got if len(got[n]) > 1]
    faults += [f'message {n} is damaged' for n in sent if n in got and sent[n] not in got[n]]
    faults += [f'message {n} was delivered and returned' for n in told if n in got]
    faults += [f'message {n} was returned {told[n]} times' for n in told if told[n] > 1]
    faults += [str(problem) for problem in p.json('store', 'verify')['problems']]
    print(f'{len(sent)} accepted, {len(got)} delivered, {len(told)} returned, {deleted} deleted, {len(missing)} missing')
    for fault in faults[:20]:
        print('  ', fault)
    return len(sent), len(faults)


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--seconds', type=float, default=20)
    a.add_argument('--seed', type=int, default=random.randrange(1 << 30))
    args = a.parse_args()
    rng, sink_port = random.Random(args.seed), free_port()
    with Instance(config=CONFIG) as p:
        setup(p, sink_port)
        p.start()
        record, common = p.dir + '/sink-record', ['-f', SENDER]
        loads = [Load(p, 'local', 0, 'user%ld@local.test', 4096, args.seconds, 1, common),
                 Load(p, 'relay', 10_000_000, 'user%ld@backend.test', 4096, args.seconds, 2, common)]
        sink = start_sink(p, sink_port, record)
        atexit.register(sink.kill)
        done = play(p, rng, args.seconds, sink)
        for load in loads:
            load.proc.terminate()
            load.proc.wait()
        p.cli('queue', 'release', '--state', 'held', '--yes', check=False)
        p.wait_queue(0, 60)
        print('changes:', dict(done), 'seed', args.seed, flush=True)
        accepted, faults = judge(p, loads, record)
    ok = accepted and not faults and sum(done.values()) >= args.seconds and all(done[v] for v in ('hold', 'release', 'bounce', 'delete'))
    print('1 passed, 0 failed' if ok else '0 passed, 1 failed')
    sys.exit(not ok)


if __name__ == '__main__':
    main()
