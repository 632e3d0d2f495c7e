#!/usr/bin/env python3
"""Runs the protocol scripts (test/*/*.script), in parallel, each on its own instance.

    test/scripts.py [-j N] [PART OF NAME ...]
"""
import argparse, concurrent.futures, glob, os, subprocess, sys, tempfile, time
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, 'lib'))
import script
from posthouse import Instance
from zone import Zone


class ScriptInstance(Instance):
    def __init__(self, config, dns):
        self.zone = Zone(dns) if dns else None
        if self.zone:
            config = ['[dns]', 'mode = forward', f'servers = 127.0.0.1@{self.zone.port}'] + config
        super().__init__(config=config)

    def stop(self, *a):
        try:
            super().stop(*a)
        finally:
            if self.zone:
                self.zone.stop()


def run_one(path, cert):
    started = time.monotonic()
    instances = []

    def make(config, dns):
        instances.append(ScriptInstance(config, dns))
        return instances[0]
    try:
        script.Run(script.Case(path), make, cert).go()
        error = None
    except Exception as e:  # one broken case must not hide the others
        error = f'{type(e).__name__}: {e}' if not isinstance(e, script.Failed) else str(e)
    for p in instances:
        p.__exit__(None, None, None)
    return path, error, time.monotonic() - started


def main():
    a = argparse.ArgumentParser()
    a.add_argument('-j', type=int, default=os.cpu_count() * 2)
    a.add_argument('names', nargs='*')
    args = a.parse_args()
    paths = [p for p in sorted(glob.glob(HERE + '/*/*.script')) if not args.names or any(n in p for n in args.names)]
    passed = failed = 0
    with tempfile.TemporaryDirectory() as d:
        cert = d + '/cert.pem', d + '/key.pem'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
                        '/CN=backend.test', '-addext', 'subjectAltName=DNS:backend.test,IP:127.0.0.1', '-keyout', cert[1], '-out', cert[0]],
                       check=True, stderr=subprocess.DEVNULL)
        with concurrent.futures.ThreadPoolExecutor(args.j) as pool:
            for path, error, seconds in pool.map(lambda p: run_one(p, cert), paths):
                name = os.path.relpath(path, HERE)
                passed, failed = passed + (not error), failed + bool(error)
                print(f'FAIL {name}\n{error}' if error else f'ok {name} ({seconds:.1f} s)', flush=True)
    print(f'scripts: {passed} passed, {failed} failed')
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
