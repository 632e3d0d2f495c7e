#!/usr/bin/env python3
"""./dev run, as somebody sees it who has just got the sources: it starts in seconds, and every command that it prints works.

    test/demo.py

In a directory of the test's own. Skips with a word when the demo's ports are taken.
"""
import os, re, shutil, signal, subprocess, sys, tempfile, threading, time, urllib.request
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import ROOT, wait_until
from tally import check, result

START_SECONDS = 15
# Words in a printed command, and what its output must have.
SHOWN = [('mailbox cat alice', 'dkim=pass'), ('trace --subject pay', 'DMARC'), ('trace --from service', 'disposition=quarantine'), ('quarantine list', 'phishing, certain'), ('policy show', '[policy "phishing"]'), ('trace --to manager', 'delivered'),
         ('digest preview', 'phishing, certain'), ('domain dns', 'v=DKIM1; k=rsa'), ('domain check', '0 to mend'), ('lookup dmarc', 'policy: reject'), ('reputation show', 'elsewhere.example'),
         ('report list', 'elsewhere.example'), ('report received', 'elsewhere.example'), ('list add', ''), ('smtps://', ''), ('imaps://', 'Subject:'), ('session list', '')]


def shell(line):
    r = subprocess.run(['bash', '-c', line], cwd=ROOT, capture_output=True, text=True, timeout=90)
    return r.returncode, r.stdout + r.stderr


def commands(text):
    lines = [line.strip() for line in text.split('\n')]
    return [line for line in lines if re.match(r'\S*build/release/posthouse |printf |curl ', line)]


def try_all(found):
    for words, wanted in SHOWN:
        line = next((c for c in found if words in c), None)
        if not line:
            check(f'the demo shows a command with "{words}"', False, found)
            continue
        if words == 'report list':
            wait_until('the counts', 40, lambda: shell(line)[0] == 0, 1)
        code, out = shell(line)
        check(line.replace(ROOT, '.')[:100], code == 0 and wanted in out, f'{code} {out}')
    check('all commands that are shown are tried', len(found) == len(SHOWN), found)
    last = next(c for c in found if 'mailbox cat' in c).split(' mailbox')[0] + ' mailbox cat bob@post.example 2'
    wait_until("Alice's letter", 20, lambda: shell(last)[0] == 0, 0.3)
    check("Alice's letter is signed", 'DKIM-Signature' in shell(last)[1], shell(last)[1])


def look_at_page():
    check('a page of the digest is shown', run.page)
    if run.page:
        page = urllib.request.urlopen(urllib.request.Request(run.page.group(0), headers={'Accept-Language': 'en'}), timeout=30).read().decode()
        check('the page has what is held and what can be done', 'mail-notice.example' in page and '<form' in page, page)


def run(where):
    demo = subprocess.Popen([sys.executable, ROOT + '/tools/demo', where], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            text=True, env={**os.environ, 'LC_ALL': 'C.UTF-8'})
    text, started = [], time.monotonic()
    reader = threading.Thread(target=lambda: text.extend(demo.stdout), daemon=True)
    reader.start()
    try:
        wait_until('the demo', 60, lambda: 'Ctrl-C' in ''.join(text) or demo.poll() is not None)
        took = time.monotonic() - started
        if demo.poll() is not None and 'cannot be used' in ''.join(text):
            print('demo: skipped: ' + ''.join(text).strip())
            return False
        check(f'it runs after {took:.1f} s', demo.poll() is None and took < START_SECONDS, ''.join(text))
        run.page = re.search(r'http://127\.0\.0\.1:\d+/d/\S+', ''.join(text))
        return commands(''.join(text)) if demo.poll() is None else []
    finally:
        run.stop = lambda: (demo.send_signal(signal.SIGINT), check('Ctrl-C ends it', demo.wait(30) == 0, demo.returncode))


def main():
    where = tempfile.mkdtemp(prefix='posthouse-demo-')
    os.chmod(where, 0o755)
    try:
        found = run(where + '/demo')
        if found is not False:
            try:
                look_at_page()
                try_all(found)
            except (TimeoutError, OSError) as e:
                check(str(e), False)
            run.stop()
    finally:
        shutil.rmtree(where, ignore_errors=True)
    return result()


sys.exit(main())
