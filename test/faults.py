#!/usr/bin/env python3
"""The world fails: a full disk, writes and syncs that fail, a locked database, a dead backend.

    test/faults.py [--only NAME] [--seconds 8]

In each case clients get temporary failures, nothing that was answered 250 is lost, and the server recovers by
itself when the world does. Same bookkeeping as crash.py.
"""
import argparse, errno, os, sqlite3, struct, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crash import Load, setup, start_sink, verdict
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


def disk_full(seconds):
    """Data on a small tmpfs that fills up; later it grows."""
    if os.geteuid():
        raise Skip('needs root')
    directory = tempfile.mkdtemp(prefix='posthouse-full-')
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=40m,mode=755', 'tmpfs', directory]).returncode:
        raise Skip('needs a tmpfs')

    def scenario(p, sink, seconds):
        ballast = open(os.path.join(directory, 'ballast'), 'wb')
        loads = loads_for(p, seconds, 50_000)
        time.sleep(seconds / 4)
        try:
            while True:
                ballast.write(b'x' * 65536)
                ballast.flush()
        except OSError as e:
            assert e.errno == errno.ENOSPC
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


CASES = {'disk-full': disk_full, 'enospc': injected(errno.ENOSPC, 30), 'eio': injected(errno.EIO, 30), 'locked': locked,
         'backend-dead': backend_dead}


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--only', choices=CASES)
    a.add_argument('--seconds', type=float, default=8)
    args = a.parse_args()
    passed = failed = 0
    for name, case in CASES.items():
        if args.only and name != args.only:
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
