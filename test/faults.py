#!/usr/bin/env python3
"""The world fails: a full disk, writes and syncs that fail, a locked database, a dead backend; a DNS that is silent or in trouble, a
key-value store that is gone, garbage or full, processes with the keys or for reading messages that hang or die.

    test/faults.py [--only NAME ...] [--seconds 8]

In each case clients get temporary failures at most, nothing that was answered 250 is lost, and the server recovers by
itself when the world does. Same bookkeeping as crash.py.
"""
import argparse, errno, os, random, shutil, signal, sqlite3, struct, subprocess, sys, tempfile, threading, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crash import Load, letters_verdict, setup, start_sink, verdict
from letters import Far, dkim
from posthouse import Instance, ROOT, free_port, wait_until


class Skip(Exception):
    pass


def loads_for(p, seconds, size=4096):
    return [Load(p, 'local', 0, 'user%ld@local.test', size, seconds, 4), Load(p, 'relay', 10_000_000, 'user%ld@backend.test', size, seconds, 4)]


def finish(loads):
    for load in loads:
        load.proc.wait()


def accepted(loads):
    return sum(sum(1 for _ in open(l.record)) for l in loads if os.path.exists(l.record))


def with_server(what, scenario, seconds, environment=None, directory=None, check_pids=True):
    """Runs scenario(p, sink_holder) between setup and comparison."""
    with Instance(environment=environment, directory=directory, config=['[queue]', 'retry = 1s 2s 2s 5s', '[store]', 'min_free = 0']) as p:
        port, record = free_port(), p.dir + '/sink-record'
        setup(p, port)
        sink = {'proc': start_sink(p, port, record), 'port': port, 'record': record}
        p.start()
        pids = dict(p.processes())
        loads = scenario(p, sink, seconds)
        finish(loads)
        survivors = p.processes()
        ok = verdict(p, loads, record, what)
        if check_pids and set(pids) - set(survivors):
            print('  processes ended:', {pid: pids[pid] for pid in set(pids) - set(survivors)})
            ok = False
        sink['proc'].kill()
        sink['proc'].wait()
        return ok


def fill(file):
    """Writes until the disk is full."""
    try:
        while file.write(b'x' * 65536):
            pass
    except OSError as e:
        assert e.errno == errno.ENOSPC


def disk_full(seconds):
    """Data on a small tmpfs that fills up; later it grows."""
    if os.geteuid():
        raise Skip('needs root')
    directory = tempfile.mkdtemp(prefix='posthouse-full-')
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=40m,mode=755', 'tmpfs', directory]).returncode:
        raise Skip('needs a tmpfs')

    def scenario(p, sink, seconds):
        ballast = open(os.path.join(directory, 'ballast'), 'wb', buffering=0)
        loads = loads_for(p, seconds, 50_000)
        time.sleep(seconds / 4)
        fill(ballast)
        before = accepted(loads)
        time.sleep(seconds / 3)
        while_full = accepted(loads) - before
        ballast.truncate(0)
        ballast.close()
        subprocess.run(['mount', '-o', 'remount,size=2g', directory], check=True)
        time.sleep(1)
        before = accepted(loads)
        wait_until('mail to be accepted again', 20, lambda: accepted(loads) > before or all(l.proc.poll() is not None for l in loads))
        again = accepted(loads) - before
        print(f'  {while_full} accepted while full, {again}+ after', flush=True)
        finish(loads)
        extra = loads_for_again(p)
        return loads + extra
    try:
        return with_server('disk full', scenario, seconds, directory=directory)
    finally:
        subprocess.run(['umount', '-l', directory])
        os.rmdir(directory)


def loads_for_again(p):
    """A little mail after recovery: it must all be taken."""
    load = Load(p, 'after', 30_000_000, 'user%ld@local.test', 4096, 2, 2)
    load.proc.wait()
    assert accepted([load]) > 0, 'nothing accepted after recovery'
    return [load]


def injected(number, share):
    """Writes and syncs fail with an errno, now and then, then for a while always, then never."""
    def case(seconds):
        build = os.path.join(ROOT, 'build/fault.so')
        subprocess.run(['cc', '-O1', '-fPIC', '-shared', '-o', build, os.path.join(ROOT, 'test/fault/fault.c'), '-ldl'], check=True)
        order = tempfile.NamedTemporaryFile(prefix='posthouse-fault-')
        order.write(struct.pack('II', 0, 0))
        order.flush()
        os.chmod(order.name, 0o644)

        def set_order(err, thousandths):
            order.seek(0)
            order.write(struct.pack('II', err, thousandths))
            order.flush()

        def scenario(p, sink, seconds):
            loads = loads_for(p, seconds)
            time.sleep(seconds / 6)
            set_order(number, share)
            time.sleep(seconds / 3)
            set_order(number, 1000)
            time.sleep(seconds / 6)
            set_order(0, 0)
            finish(loads)
            return loads + loads_for_again(p)
        return with_server(f'{errno.errorcode[number]} injected', scenario, seconds,
                           {'LD_PRELOAD': build, 'FAULT_FILE': order.name}, check_pids=False)
    return case


def locked(seconds):
    """Somebody else holds the write lock of the queue's database."""
    def scenario(p, sink, seconds):
        loads = loads_for(p, seconds)
        time.sleep(seconds / 4)
        db = sqlite3.connect(p.dir + '/data/db/queue.sqlite', isolation_level=None, timeout=10)
        db.execute('BEGIN IMMEDIATE')
        time.sleep(seconds / 3)
        db.execute('ROLLBACK')
        db.close()
        finish(loads)
        return loads + loads_for_again(p)
    return with_server('database locked', scenario, seconds)


def backend_dead(seconds):
    """The backend goes away in the middle and comes back."""
    def scenario(p, sink, seconds):
        loads = loads_for(p, seconds)
        time.sleep(seconds / 4)
        sink['proc'].kill()
        sink['proc'].wait()
        finish(loads)
        waiting = p.queued()
        print(f'  {waiting} waited for the backend', flush=True)
        assert waiting > 0
        sink['proc'] = start_sink(p, sink['port'], sink['record'])
        return loads
    return with_server('backend dead', scenario, seconds)


# ---- what mail is judged by and signed with ----

def with_letters(what, scenario, seconds, config=(), check_pids=True, before=lambda p: None):
    """Runs scenario(p, far, seconds) while letters of all kinds come, a third of the time each before, in and after it."""
    if dkim is None:
        raise Skip('python3-dkim is not installed')
    far = Far()
    try:
        with Instance(config=[*far.config, '[queue]', 'retry = 1s', *config]) as p:
            far.setup(p)
            before(p)
            p.start()
            pids = dict(p.processes())
            far.begin(p)
            time.sleep(seconds / 3)
            scenario(p, far, seconds / 3)
            kinds_flow(far, 'after it', 'users', 'strangers', 'forwards', 'reports')
            time.sleep(seconds / 3)
            far.end()
            p.wait_queue(0, 120)
            print(what, flush=True)
            return same_processes(p, pids, check_pids) and not p.json('store', 'verify')['problems'] and not letters_verdict(p, far)
    finally:
        far.stop()


def same_processes(p, pids, check):
    dead = {pid: role for pid, role in pids.items() if pid not in p.processes()}
    if dead and check:
        print('  processes ended:', dead)
    return not (dead and check)


def kinds_flow(far, when, *kinds):
    """A few more letters of each kind are accepted."""
    before = {kind: far.accepted(kind) for kind in kinds}
    for s in far.senders:
        if s.kind in kinds:
            try:
                wait_until(f'{s.kind} accepted {when}', 40, lambda: len(s.sent) > before[s.kind] + 2)
            except TimeoutError as e:
                raise TimeoutError(f'{e}; last: {s.why}') from None


def kinds_flow_while(far, *kinds):
    kinds_flow(far, 'meanwhile', *kinds)


def dns(mood):
    """No lookup succeeds for a while. Nothing is refused for good; our users need no DNS to submit."""
    def scenario(p, far, seconds):
        far.zone.mood, far.results = mood, {b'dkim=pass', b'dkim=temperror'}
        time.sleep(seconds)
        kinds_flow_while(far, 'users', 'strangers')
        far.zone.mood = None
    def case(seconds):
        return with_letters('dns ' + mood, scenario, seconds, ['[dns]', 'timeout = 1s', '[verify]', 'time_limit = 2s', 'dmarc_unknown = accept'])
    return case


def kv_gone(seconds):
    """The directory of the key-value store is removed, twice; the second time a file stands in its place for a while."""
    def scenario(p, far, seconds):
        kv = p.dir + '/data/kv'
        owner = os.stat(kv)
        shutil.rmtree(kv)
        kinds_flow_while(far, 'users', 'strangers', 'forwards')
        open(kv, 'w').close()
        time.sleep(seconds)
        kinds_flow_while(far, 'users', 'strangers', 'forwards')
        os.unlink(kv)
        os.mkdir(kv)
        os.chown(kv, owner.st_uid, owner.st_gid)
    return with_letters('kv gone', scenario, seconds)


def kv_garbage(seconds):
    """Nonsense over all of the store, in place, again and again. Whoever trusted a page may die of it, but is back at once."""
    def scenario(p, far, seconds):
        rng = random.Random(1)
        for _ in range(3):
            with open(p.dir + '/data/kv/data.mdb', 'r+b') as f:
                f.write(rng.randbytes(os.path.getsize(f.name)))
            time.sleep(seconds / 3)
        kinds_flow_while(far, 'users', 'strangers', 'forwards')
    return with_letters('kv garbage', scenario, seconds, check_pids=False)


def kv_full(seconds):
    """The store is on a disk of its own, which is full."""
    mounted = []

    def mount(p):
        p.prepare()
        kv = p.dir + '/data/kv'
        os.makedirs(kv, exist_ok=True)
        owner = os.stat(kv)
        options = f'size=1m,mode=750,uid={owner.st_uid},gid={owner.st_gid}'
        if os.geteuid() or subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', kv], stderr=subprocess.DEVNULL).returncode:
            raise Skip('needs a tmpfs')
        mounted.append(kv)

    def scenario(p, far, seconds):
        with open(mounted[0] + '/ballast', 'wb', buffering=0) as f:
            fill(f)
        time.sleep(seconds)
        kinds_flow_while(far, 'users', 'strangers', 'forwards')
        os.unlink(mounted[0] + '/ballast')
        subprocess.run(['umount', '-l', mounted[0]])  # and it is gone altogether
    try:
        return with_letters('kv full', scenario, seconds, before=mount)
    finally:
        for kv in mounted:
            subprocess.run(['umount', '-l', kv], stderr=subprocess.DEVNULL)


def pid_of(p, role):
    return next((pid for pid, name in p.processes().items() if name == role), None)


def kill_for(p, role, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid = pid_of(p, role)
        if pid:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def keys_stopped(seconds):
    """The process with the keys hangs: what must be signed waits, all else flows."""
    def scenario(p, far, seconds):
        far.keys_may_hang = True
        pid = pid_of(p, 'keys')
        os.kill(pid, signal.SIGSTOP)
        kinds_flow_while(far, 'strangers', 'reports')
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
    return with_letters('keys stopped', scenario, seconds)


def keys_killed(seconds):
    def scenario(p, far, seconds):
        far.keys_may_hang = True
        kill_for(p, 'keys', seconds)
        kinds_flow_while(far, 'strangers', 'reports')
    return with_letters('keys killed again and again', scenario, seconds, check_pids=False)


def reports_locked(seconds):
    """Somebody else holds the write lock of the reports' database: what is counted there waits, mail does not."""
    def scenario(p, far, seconds):
        db = sqlite3.connect(p.dir + '/data/db/report.sqlite', isolation_level=None, timeout=10)
        db.execute('BEGIN IMMEDIATE')
        time.sleep(seconds)
        kinds_flow_while(far, 'users', 'strangers', 'forwards')
        db.execute('ROLLBACK')
        db.close()
    return with_letters('reports locked', scenario, seconds)


def scan_stopped(seconds):
    """The process that reads messages stands still for longer than a message may take: reports wait, all else flows."""
    def scenario(p, far, seconds):
        pid = pid_of(p, 'scan')
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        kinds_flow_while(far, 'users', 'strangers', 'forwards', 'reports')
        os.kill(pid, signal.SIGCONT)
    return with_letters('scan stopped', scenario, seconds, check_pids=False)


def scan_killed(seconds):
    def scenario(p, far, seconds):
        kill_for(p, 'scan', seconds)
        kinds_flow_while(far, 'users', 'strangers', 'forwards')
    return with_letters('scan killed again and again', scenario, seconds, check_pids=False)


CASES = {'disk-full': disk_full, 'enospc': injected(errno.ENOSPC, 30), 'eio': injected(errno.EIO, 30), 'locked': locked,
         'backend-dead': backend_dead, 'dns-silent': dns('DROP'), 'dns-fails': dns('SERVFAIL'), 'kv-gone': kv_gone, 'kv-garbage': kv_garbage,
         'kv-full': kv_full, 'keys-stopped': keys_stopped, 'keys-killed': keys_killed, 'reports-locked': reports_locked,
         'scan-stopped': scan_stopped, 'scan-killed': scan_killed}


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--only', nargs='+', choices=CASES, default=CASES)
    a.add_argument('--seconds', type=float, default=8)
    args = a.parse_args()
    passed = failed = 0
    for name, case in CASES.items():
        if name not in args.only:
            continue
        try:
            ok = case(args.seconds)
        except Skip as e:
            print(f'{name}: skipped: {e}')
            continue
        except Exception as e:  # a broken case must not hide the others
            print(f'{name}: {type(e).__name__}: {e}')
            ok = False
        passed, failed = passed + bool(ok), failed + (not ok)
    print(f'{passed} passed, {failed} failed')
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
