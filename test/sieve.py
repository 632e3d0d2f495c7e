#!/usr/bin/env python3
"""Sieve against Pigeonhole's own cases (../shared/conformance/sieve.tar.zst): files of its test language, run by
test/judge/sieve.c upon the engine.

    test/sieve.py [FILE ...]     all of them, or those whose path contains one of the words

What is expected to fail stands in EXCEPTIONS with its reason; when it passes after all, that is a failure, too: the list tells the truth.
"""
import os, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import judge

PROGRAM = os.path.join(judge.ROOT, 'build', 'asan', 'judge', 'sieve')

DELIVERY = 'fields, envelope and loops of redirected letters are the business of delivery, and tested there'
ENVELOPE = "a setting of Dovecot's for the envelope of notices"
ABSENT = 'the script that it reads is not in the archive'
CRASHED = 'made to fail: it once crashed, and does not here'
VENDOR = "an extension of Dovecot's own"
ANSWER = 'an answer that must not be sent (the letter is to somebody else) is no action of the result'
DELIMITER = 'there is one separator of subaddresses, not a set'

# (file, test) -> why; test None: the whole file cannot be read
EXCEPTIONS = {
    ('compile/errors.svtest', 'Parser errors (FIXME: count only)'): 'a character that cannot be is one mistake, there two',
    ('compile/errors.svtest', 'Outgoing address errors (FIXME: count only)'): 'addresses beyond ASCII are addresses (RFC 6531)',
    ('execute/errors.svtest', 'Fileinto invalid folder name'): 'which names folders may have is known by the mailbox, not by the engine',
    ('execute/smtp.svtest', 'Redirect'): DELIVERY,
    ('execute/smtp.svtest', 'Redirect from <>'): DELIVERY,
    ('execute/smtp.svtest', 'Redirect from [recipient]'): DELIVERY,
    ('execute/smtp.svtest', 'Redirect from [original recipient]'): DELIVERY,
    ('execute/smtp.svtest', 'Redirect from [<explicit>]'): DELIVERY,
    ('execute/smtp.svtest', 'Redirect from [<>]'): DELIVERY,
    ('execute/smtp.svtest', 'Redirect from <> with [<explicit>]'): DELIVERY,
    ('execute/smtp.svtest', 'Redirect from [user email - fallback default]'): DELIVERY,
    ('execute/smtp.svtest', 'Redirect from [user email]'): DELIVERY,
    ('execute/smtp.svtest', 'Redirect mail loop (sieve_user_email)'): DELIVERY,
    ('execute/smtp.svtest', 'Redirect mail loop (final recipient)'): DELIVERY,
    ('execute/examples.svtest', 'Elvey example'): ABSENT,
    ('execute/examples.svtest', 'M. Johnson example'): ABSENT,
    ('execute/examples.svtest', 'RFC 3028 example'): ABSENT,
    ('execute/examples.svtest', 'Sieve examples'): ABSENT,
    ('execute/examples.svtest', 'Vivil example'): ABSENT,
    ('execute/examples.svtest', 'Jerry example'): ABSENT,
    ('execute/examples.svtest', 'M. Klose example'): ABSENT,
    ('execute/examples.svtest', 'Sanjay example'): ABSENT,
    ('execute/examples.svtest', 'Relational (RFC5231) example'): ABSENT,
    ('execute/examples.svtest', 'Subaddress (RFC5233) example'): ABSENT,
    ('extensions/enotify/limits.svtest', 'Notify prohibited'): 'limits are looked at when a script runs, not when it is written',
    ('extensions/enotify/mailto.svtest', 'Simple'): 'no X-Sieve field: RFC 5436 wants none, Auto-Submitted says it',
    ('extensions/enotify/mailto.svtest', 'Envelope config - sender'): ENVELOPE,
    ('extensions/enotify/mailto.svtest', 'Envelope config - recipient'): ENVELOPE,
    ('extensions/enotify/mailto.svtest', 'Envelope config - user_email'): ENVELOPE,
    ('extensions/environment/basic.svtest', 'Name'): 'the engine has its own name',
    ('extensions/extlists/errors.svtest', 'Compile errors'): 'redirect :list is no mistake here',
    ('extensions/reject/smtp.svtest', 'Basic'): 'the notice of a rejection is made by delivery',
    ('extensions/subaddress/config.svtest', 'Delimiter "-+"'): DELIMITER,
    ('extensions/subaddress/config.svtest', 'Delimiter "+-_"'): DELIMITER,
    ('extensions/vnd.dovecot/debug/execute.svtest', None): VENDOR,
    ('extensions/vnd.dovecot/environment/basic.svtest', None): VENDOR,
    ('extensions/vnd.dovecot/environment/variables.svtest', None): VENDOR,
    ('extensions/vnd.dovecot/report/execute.svtest', None): VENDOR,
    ('extensions/vnd.dovecot/report/errors.svtest', 'Invalid syntax (FIXME: count only)'): VENDOR,
    ('failures/fuzz1.svtest', 'Flag changes between stores'): CRASHED,
    ('failures/fuzz2.svtest', 'sometest'): CRASHED,
    ('failures/fuzz3.svtest', ''): CRASHED,
    ('failures/fuzz4.svtest', None): CRASHED,
    ('failures/mailbox-bad-utf8.svtest', 'Mailbox parameter with bad UTF-8'): CRASHED,
    ('multiscript/basic.svtest', 'Append'): ANSWER,
    ('multiscript/basic.svtest', 'Sequential Execute'): ANSWER,
}


def cases(path):
    """(name, passed, why) of each test in a file; name None: it could not be read."""
    done = subprocess.run([PROGRAM, os.path.basename(path)], cwd=os.path.dirname(path), capture_output=True, timeout=60)
    out = done.stdout.decode('utf-8', 'replace')
    for line in out.splitlines():
        if line.startswith('pass '):
            yield line[5:], True, ''
        elif line.startswith('fail '):
            name, _, why = line[5:].partition(': line ') if ': line ' in line else line[5:].partition(': ')
            yield name, False, why
        elif line.startswith('broken '):
            yield None, False, line[7:]
    if done.returncode:
        yield None, False, f'the judge ended with {done.returncode}: ' + done.stderr.decode('utf-8', 'replace')[:2000]


def main():
    passed = failed = 0
    used = set()
    try:
        top = os.path.join(judge.conformance('sieve'), 'pigeonhole')
    except judge.Skip as why:
        print(f'skipped: {why}')
        print('0 passed, 0 failed')
        return 0
    subprocess.run(['make', '--no-print-directory', 'V=asan', 'build/asan/judge/sieve'], cwd=judge.ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    files = sorted(os.path.relpath(os.path.join(d, f), top) for d, _, v in os.walk(top) for f in v if '.svtest' in f)
    chosen = [f for f in files if not sys.argv[1:] or any(w in f for w in sys.argv[1:])]
    for file in chosen:
        for name, ok, why in cases(os.path.join(top, file)):
            key = (file, name)
            if key in EXCEPTIONS:
                used.add(key)
                if ok:
                    failed += 1
                    print(f'FAIL {file}: {name}: passes, but is an exception')
            elif ok:
                passed += 1
            else:
                failed += 1
                print(f'FAIL {file}: {name or "the file"}: {why}')
    for file, name in sorted(used, key=str):
        print(f'explained: {file}: {name or "the file"}: {EXCEPTIONS[file, name]}')
    if len(chosen) == len(files):
        for file, name in sorted(set(EXCEPTIONS) - used, key=str):
            failed += 1
            print(f'FAIL {file}: {name}: an exception that is nowhere')
        if len(files) < 50:
            failed += 1
            print(f'FAIL only {len(files)} files in the archive')
    print(f'{len(used)} explained')
    print(f'{passed} passed, {failed} failed')
    return failed != 0


sys.exit(main())
