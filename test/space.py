#!/usr/bin/env python3
"""A relay's disk use stays bounded: under load the space of messages that left comes back, without being asked.

    test/space.py [--seconds 20]

Relays far more bytes than the store may keep. While the load runs the store must shrink at least once; after
it only the pack that is still being written may stay. Then mail that waited, and whose packs are old, leaves too.
"""
import argparse, os, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from crash import Load, setup, start_sink
from posthouse import Instance, free_port, wait_until

MIB = 1 << 20
PACK = 128 * MIB
SIZE = 100_000
ENOUGH = 6 * PACK  # relayed at least, else the test has shown nothing


def blob_bytes(p):
    total = 0
    for name in os.listdir(p.dir + '/data/blob'):
        try:
            total += os.stat(os.path.join(p.dir, 'data/blob', name)).st_blocks * 512
        except FileNotFoundError:
            pass
    return total


def relayed(load):
    return SIZE * sum(1 for _ in open(load.record)) if os.path.exists(load.record) else 0


def under_load(p, seconds):
    """(most bytes seen, largest fall from a high while the load ran, bytes relayed)"""
    load = Load(p, 'relay', 0, 'user%ld@backend.test', SIZE, 10 * seconds, 20)
    started, high, most, fall = time.monotonic(), 0, 0, 0
    try:
        while time.monotonic() - started < seconds or (relayed(load) < ENOUGH and time.monotonic() - started < 8 * seconds):
            now = blob_bytes(p)
            high = max(high, now)
            most, fall = max(most, now), max(fall, high - now)
            time.sleep(0.1)
    finally:
        load.proc.terminate()
        load.proc.wait()
    return most, fall, relayed(load)


def check(what, good):
    print(('ok ' if good else 'FAIL ') + what, flush=True)
    return 0 if good else 1


def fits(p, most, seconds):
    try:
        wait_until('the space', seconds, lambda: blob_bytes(p) <= most, 0.5)
    except TimeoutError:
        pass
    return blob_bytes(p) <= most


def old_packs(p):
    """What waited for longer than the quick collection looks back leaves as well."""
    for name in os.listdir(p.dir + '/data/blob'):
        if name.endswith('.pack'):
            os.utime(os.path.join(p.dir, 'data/blob', name), (time.time() - 7200,) * 2)


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--seconds', type=int, default=20)
    args = a.parse_args()
    failed, checks = 0, 6
    with Instance(config=['[server]', 'edges = 1', '[smtp "mx"]', 'trusted = 127.0.0.1', '[queue]', 'retry = 1s']) as p:
        port, record = free_port(), p.dir + '/sink-record'
        setup(p, port)
        sink = start_sink(p, port, record)
        p.start()
        try:
            most, fall, total = under_load(p, args.seconds)
            failed += check(f'relayed {total // MIB} MiB, at most {most // MIB} MiB of it on the disk', total >= ENOUGH)
            failed += check(f'space came back under load ({fall // MIB} MiB at once)', fall >= PACK // 2)
            p.wait_queue(0, 60)
            failed += check('afterwards at most the open pack is left', fits(p, PACK + 8 * MIB, 30))
            # The backend stops; the next mail waits through a restart, after which nobody writes its packs.
            sink.kill()
            sink.wait()
            load = Load(p, 'waiting', 10_000_000, 'user%ld@backend.test', SIZE, 3, 10)
            load.proc.wait()
            p.stop()
            left = blob_bytes(p)
            failed += check(f'mail waits ({left // MIB} MiB)', left > 10 * MIB and p.queued() > 0)
            old_packs(p)
            sink = start_sink(p, port, record)
            p.start()
            p.wait_queue(0, 90)
            p.stop()
            p.start()  # it looks at packs of all ages soon after the start, then every few minutes
            failed += check('the space of old packs comes back', fits(p, 8 * MIB, 30))
            failed += check('nothing but this was logged as failed', b'keeper.failed' not in open(p.log.name, 'rb').read())
        finally:
            sink.kill()
            sink.wait()
    print(f'space: {checks - failed} passed, {failed} failed')
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
