#!/usr/bin/env python3
"""Dovecot's scripted IMAP tests against a running server.

    IMAPTEST=PROGRAM test/imaptest.py [CASE ...]     all of them, or those named

IMAPTEST is imaptest's program, or a folder of its sources (then it is built in a copy, with dovecot-dev of the system or where
DOVECOT_CONFIG says). The cases come from ../shared/conformance. Without one or the other this is skipped. Each case runs alone, on an account
of its own. Those that ask for capabilities that are not offered (URLAUTH, CONTEXT) are counted as skipped.
"""
import os, re, shutil, subprocess, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, PASSWORD, ROOT, free_port

CASES = os.path.join(os.path.dirname(ROOT), 'shared/conformance/imap.tar.zst')


def skip(why):
    print(f'skipped: {why}')
    print('0 passed, 0 failed')
    sys.exit(0)


def build(source, where):
    """The program, made in a copy of its sources."""
    copy = os.path.join(where, 'source')
    shutil.copytree(source, copy)
    options = ['--with-dovecot=' + os.path.dirname(os.environ['DOVECOT_CONFIG'])] if 'DOVECOT_CONFIG' in os.environ else []
    for command in (['autoreconf', '-fi'], ['./configure', *options], ['make', '-j2']):
        if command[0] == 'autoreconf' and os.path.exists(os.path.join(copy, 'configure')):
            continue
        r = subprocess.run(command, cwd=copy, capture_output=True, text=True)
        if r.returncode:
            skip(f'imaptest cannot be built here: {(r.stderr or r.stdout).strip().splitlines()[-1]}')
    return os.path.join(copy, 'src/imaptest')


def program(where):
    given = os.environ.get('IMAPTEST')
    if not given:
        skip('IMAPTEST does not say where imaptest is')
    if os.path.isdir(given):
        made = os.path.join(given, 'src/imaptest')
        return made if os.access(made, os.X_OK) else build(given, where)
    if not os.access(given, os.X_OK):
        skip(f'{given} cannot be run')
    return given


def run_case(imaptest, port, user, tests, name, where):
    """'ok', 'skipped', or what went wrong."""
    alone = os.path.join(where, 'case')
    shutil.rmtree(alone, ignore_errors=True)
    os.mkdir(alone)
    for f in {name, name + '.mbox', 'default.mbox'}:
        if os.path.exists(os.path.join(tests, f)):
            shutil.copy(os.path.join(tests, f), alone)
    try:
        r = subprocess.run([imaptest, 'host=127.0.0.1', f'port={port}', f'user={user}', f'pass={PASSWORD}',
                            f'mbox={alone}/default.mbox', f'test={alone}'], capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        return 'no end after 60 s'
    said = (r.stdout + r.stderr).decode('utf-8', 'replace')
    if re.search(r'test groups: 0 failed, 1 skipped', said):
        return 'skipped'
    return 'ok' if r.returncode == 0 and re.search(r'test groups: 0 failed', said) else said.strip()


def main():
    if not os.path.exists(CASES):
        skip(f'{CASES} is not there')
    with tempfile.TemporaryDirectory(prefix='posthouse-imaptest-') as where:
        imaptest = program(where)
        subprocess.run(['tar', 'xf', CASES, '-C', where], check=True)
        tests = next(d for d, _, files in os.walk(where) if 'default.mbox' in files)
        names = sys.argv[1:] or sorted(f for f in os.listdir(tests) if not f.endswith('.mbox') and os.path.isfile(os.path.join(tests, f)))
        port = free_port()
        config = ['[imap "imap"]', f'listen = 127.0.0.1:{port}', 'tls = no', 'auth_plaintext = yes', 'bad_commands = 1000']
        passed = failed = 0
        skipped = []
        with Instance(config=config) as p:
            p.setup_command('domain add local.test')
            for i in range(len(names)):
                p.setup_command(f'account add test{i}@local.test')
            p.start()
            for i, name in enumerate(names):
                result = run_case(imaptest, port, f'test{i}@local.test', tests, name, where)
                if result == 'ok':
                    passed += 1
                    print('ok', name)
                elif result == 'skipped':
                    skipped.append(name)
                else:
                    failed += 1
                    print('FAILED', name, '\n' + result)
        if skipped:
            print('skipped (capabilities that are not offered):', ' '.join(skipped))
        print(f'{passed} passed, {failed} failed')
        return failed != 0


if __name__ == '__main__':
    sys.exit(main())
