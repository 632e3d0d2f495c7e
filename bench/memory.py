#!/usr/bin/env python3
"""Memory under the two loads that kill small servers: idle TLS sessions, and a long queue.

    ./dev bench memory [--sessions 10000] [--messages 1000000]

Idle: that many sessions on the submissions port, after EHLO; unshared memory of all server processes a session.
Queue: that many messages for a dead backend; unshared memory of the queue process, before and after a restart.
"""
import argparse, json, os, resource, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../test/lib'))
from posthouse import Instance, ROOT, wait_until

TOOLS = os.path.join(ROOT, 'build/release/bench')


def anon(pid):
    for line in open(f'/proc/{pid}/status'):
        if line.startswith('RssAnon:'):
            return int(line.split()[1]) * 1024
    return 0


def by_role(p):
    total = {}
    for pid, role in p.processes().items():
        total[role] = total.get(role, 0) + anon(pid)
    return total


def slab():
    """Kernel memory of sockets and the like, which no process shows."""
    return sum(int(line.split()[1]) * 1024 for line in open('/proc/meminfo') if line.startswith('Slab:'))


def idle(count):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 1000), hard))  # what the client needs; the server asks for itself
    with Instance(config=['[connections]', f'max = {count + 100}', f'max_per_ip = {count + 100}'], listeners=('submissions',)) as p:
        p.start(wait=False)
        time.sleep(3)
        before, kernel = by_role(p), slab()
        load = subprocess.Popen([TOOLS + '/smtpload', '-T', '-c', str(count), '-I', '20', f'127.0.0.1:{p.ports["submissions"]}'],
                                stdout=subprocess.PIPE, text=True)
        got = json.loads(load.stdout.readline())
        time.sleep(12)
        after = by_role(p)
        each = (sum(after.values()) - sum(before.values())) / max(1, got['open'])
        print(f"idle TLS sessions: {got['open']} open, {each / 1024:.1f} KiB each in our processes, kernel slab of both ends "
              f"{(slab() - kernel) / max(1, got['open']) / 1024:.1f} KiB each; {got['error']}", flush=True)
        load.kill()
        load.wait()


def long_queue(count):
    with Instance(config=['[queue]', 'retry = 4h'], listeners=('mx',)) as p:
        p.setup_command('route add dead --protocol smtp --hosts 127.0.0.1:9 --tls none')
        p.setup_command('domain add backend.test --backend dead')
        p.start()
        started = time.monotonic()
        r = subprocess.run([TOOLS + '/smtpload', '-p', '-c', '20', '-m', '200', '-n', str(count), '-d', '1500', '-s', '1000', '-u', 'u%ld@backend.test',
                            '-U', '100000', f'127.0.0.1:{p.ports["mx"]}'], capture_output=True, text=True)
        took = time.monotonic() - started
        time.sleep(5)
        print(f"queue: {p.queued()} recipients after {took:.0f} s ({json.loads(r.stdout)['rate']:.0f}/s), queue process "
              f"{by_role(p)['queue'] / 1e6:.0f} MB", flush=True)
        p.stop(60)
        p.start()
        time.sleep(10)
        print(f"after a restart: queue process {by_role(p)['queue'] / 1e6:.0f} MB", flush=True)


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--sessions', type=int, default=10_000)
    a.add_argument('--messages', type=int, default=1_000_000)
    args = a.parse_args()
    if args.sessions:
        idle(args.sessions)
    if args.messages:
        long_queue(args.messages)


if __name__ == '__main__':
    main()
