#!/usr/bin/env python3
"""The quarantine through a running server: what is held is found, shown, released exactly once (also when many ask at once
and when the command is killed), to aliases as they are now; undo; permissions of the command line; export. And the accident
that a quarantine must undo: 14,000 messages held by mistake, all released exactly once by one command within a minute.

    test/quarantine.py [--held 14000]

Rows are made by build/*/judge/quarantine, which adds what the edge would add; with --held fewer of them.
"""
import argparse, collections, csv, io, json, os, re, signal, subprocess, sys, time, zipfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PROGRAM, ROOT, Instance, wait_until
from tally import check, result

JUDGE = os.path.join(ROOT, 'build/release/judge/quarantine')
LETTER = (b'From: Eve <eve@partner.test>\r\nTo: bob@local.test\r\nSubject: =?utf-8?B?5Y+R56Wo?=\r\nMIME-Version: 1.0\r\n'
          b'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n'
          b'<p>Pay <a href="http://evil.test/x">http://bank.test</a><img src="http://track.test/1.gif"></p>\r\n'
          b'--b\r\nContent-Type: application/pdf; name="bill.pdf"\r\n\r\n%PDF-1.4 nothing\r\n--b--\r\n')
SIGNALS = 'bayes-spam=3.0 spf-fail=2.5 rule-made-up=1.0(=cmd)'


def run(p, *words, lang='en'):
    r = subprocess.run([PROGRAM, '--config', p.conf, '--lang', lang, *words], capture_output=True, text=True, timeout=180)
    return r.returncode, r.stdout + r.stderr


def expect(p, words, code, *parts, lang='en'):
    got, out = run(p, *words, lang=lang)
    missing = [s for s in parts if s not in out]
    check(f'{" ".join(words[:6])} ({lang})', got == code and not missing, f'exit {got}, not {code}; missing {missing} in\n{out}')
    return out


def hold(p, count, *rcpts, sender='eve@partner.test', signals=SIGNALS, class_='spam', letter=LETTER):
    path = p.dir + '/letter'
    with open(path, 'wb') as f:
        f.write(letter)
    os.chmod(path, 0o644)
    r = subprocess.run([JUDGE, 'hold', p.dir + '/data', str(count), path, sender, signals, class_, *rcpts], capture_output=True, text=True,
                       timeout=300)
    if r.returncode:
        raise RuntimeError(r.stderr)
    subprocess.run(['chown', '-R', '--reference', p.dir + '/data', p.dir + '/data'], check=True)
    return r.stdout.split()


def show(p, id):
    return json.loads(run(p, 'quarantine', 'show', id, '--json')[1])


def states(p, id):
    return [r['state'] for r in show(p, id)['recipients']]


def lessons(p):
    return p.json('learn', 'list')['lessons']


def looking(p):
    id = hold(p, 1, 'bob@local.test', 'team@local.test')[0]
    expect(p, ['quarantine', 'list'], 0, id, 'bob@local.test', 'team@local.test', 'Whole quarantine: 1 messages')
    expect(p, ['quarantine', 'list', '--to', 'bob@local.test', '--signal', 'spf-fail', '--class', 'spam', '--since', '1h'], 0, id)
    expect(p, ['quarantine', 'list', '--signal', 'nothing-has-it'], 3)
    expect(p, ['quarantine', 'list', '--class', 'nonsense'], 2, '--class is')
    expect(p, ['quarantine', 'list', '--least', '2'], 2, 'from 0 to 1')
    expect(p, ['quarantine', 'show', id], 0, 'held: accepted, not delivered', 'probability 0.970', 'no: to him it looks delivered')
    expect(p, ['quarantine', 'show', id], 0, '扣留：已接收，未投递', '垃圾邮件', '收件人 0', lang='zh')
    expect(p, ['quarantine', 'show', 'nonsense'], 2, 'not a message id')
    out = expect(p, ['quarantine', 'preview', id], 0, 'Pay', 'http://evil.test/x', 'bill.pdf')
    check('nothing active in the preview', '<img' not in out and '<a' not in out, out)
    check('who looked is written down', 'viewed' in run(p, 'quarantine', 'show', id)[1])
    file = p.dir + '/original.eml'
    expect(p, ['quarantine', 'download', id, '--output', file], 0)
    check('the original, byte for byte', open(file, 'rb').read() == b'Received: from judge by here\r\n' + LETTER)
    expect(p, ['quarantine', 'download', id, '--output', file], 1)
    expect(p, ['why', id], 0, 'in quarantine', 'spam', 'posthouse quarantine release ' + id, 'Why, by weight')
    expect(p, ['why', '--from', 'eve@partner.test', '--to', 'bob@local.test'], 0, '在隔离区', '判断依据', lang='zh')
    expect(p, ['why', '--from', 'nobody@partner.test'], 3)
    expect(p, ['why'], 2, 'which message?')
    expect(p, ['trace', id], 0, 'quarantined', 'bob@local.test')
    expect(p, ['trace', '--to', 'team@local.test', '--status', 'quarantined'], 0, 'quarantined')
    return id


def releasing(p, id):
    before = len(p.mail('bob@local.test'))
    expect(p, ['quarantine', 'release', id + '/0'], 0, 'released: 1', 'undo')
    got = p.wait_mail('bob@local.test', before + 1)
    check('the original, with one field more', got.endswith(LETTER.decode().replace('\r\n', '\n'))
          and 'X-Posthouse-Released: ' in got.split('Received: from judge')[0], got)
    expect(p, ['quarantine', 'release', id + '/0'], 0, 'it was so before: 1')
    time.sleep(0.5)
    check('once', len(p.mail('bob@local.test')) == before + 1)
    # An alias that was made after the message came, to two people.
    p.setup_command('alias add team@local.test bob@local.test ann@local.test')
    expect(p, ['quarantine', 'release', id + '/1'], 0, 'released: 1')
    p.wait_mail('ann@local.test', 1)
    p.wait_mail('bob@local.test', before + 2)
    check('states', states(p, id) == ['released', 'released'], states(p, id))
    expect(p, ['trace', id], 0, 'released')
    new = show(p, id)['recipients'][0]['released_as']
    expect(p, ['trace', new], 0, 'delivered', 'from=' + id)


def changing(p):
    a, b = hold(p, 2, 'bob@local.test')
    expect(p, ['quarantine', 'delete', a], 0, 'deleted: 1')
    expect(p, ['quarantine', 'release', a], 1, 'not possible in their state')
    no = json.loads(run(p, 'quarantine', 'operations', '--json')[1])['operations']
    undo = [o['operation'] for o in no if o['verb'] == 'delete'][0]
    expect(p, ['quarantine', 'undo', str(undo)], 0, 'as before: 1')
    check('it waits again', states(p, a) == ['waits'])
    expect(p, ['quarantine', 'undo', '999999'], 3)
    expect(p, ['quarantine', 'ask', a], 0)
    check('asked for', states(p, a) == ['asked'])
    expect(p, ['quarantine', 'refuse', a], 0)
    expect(p, ['quarantine', 'approve', a], 1)
    before = len(p.mail('ann@local.test'))
    expect(p, ['quarantine', 'forward', b, '--to-address', 'ann@local.test'], 0, 'forwarded: 1')
    p.wait_mail('ann@local.test', before + 1)
    check('a copy changes nothing', states(p, b) == ['waits'])
    expect(p, ['quarantine', 'release', b, '--to-address', 'nobody@local.test'], 3, 'goes nowhere')
    check('still waits', states(p, b) == ['waits'])
    expect(p, ['quarantine', 'release', b, '--allow', '--teach'], 0, 'released: 1')
    entries = json.loads(run(p, 'list', 'show', '--user', 'bob@local.test', '--json')[1])['entries']
    check('the sender is allowed, for this recipient', [e['what'] for e in entries] == ['eve@partner.test'], entries)
    wait_until('the lesson', 20, lambda: lessons(p))
    check('the filter was told', len(lessons(p)) == 1, lessons(p))


def exporting(p):
    hold(p, 1, 'bob@local.test', sender='=cmd|calc@partner.test')
    hold(p, 1, 'bob@local.test', sender='\u3000\uff1dcmd@wide.test')
    file = p.dir + '/held'
    expect(p, ['quarantine', 'export', '--output', file + '.csv'], 0, 'rows:')
    raw = open(file + '.csv', 'rb').read()
    rows = list(csv.reader(io.StringIO(raw.decode('utf-8-sig'))))
    check('CSV: mark and head', raw.startswith(b'\xef\xbb\xbf') and rows[0][0] == 'id' and len({len(r) for r in rows}) == 1, rows[:2])
    check('CSV: no formulas', not any(cell[:1] in '=+-@' and cell for r in rows for cell in r), rows)
    check('CSV: defused in wide characters', any("'\u3000\uff1dcmd@wide.test" in r for r in rows), rows)
    check('CSV: defused', any("'=cmd|calc@partner.test" in r for r in rows), rows)
    expect(p, ['quarantine', 'export', '--output', file + '.xlsx'], 0, 'rows:')
    with zipfile.ZipFile(file + '.xlsx') as z:
        sheet = z.read('xl/worksheets/sheet1.xml').decode()
    check('xlsx: text, no formulas', '=cmd|calc' in sheet and '<f>' not in sheet, sheet[:500])
    expect(p, ['quarantine', 'export', '--output', file + '.doc'], 2, '*.csv or *.xlsx')


def at_once(p):
    """Many commands release the same messages; some of them are killed."""
    before = len(p.mail('race@local.test'))
    ids = hold(p, 60, 'race@local.test', sender='race@partner.test')
    command = [PROGRAM, '--config', p.conf, 'quarantine', 'release', '--from', 'race@partner.test', '--yes']
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(6)]
    for n, c in enumerate(running[:3]):
        time.sleep(0.02 * n)
        c.send_signal(signal.SIGKILL)
    for c in running:
        c.wait(60)
    subprocess.run(command, capture_output=True, timeout=60)
    p.wait_mail('race@local.test', before + len(ids), 60)
    time.sleep(1)
    check('each exactly once', len(p.mail('race@local.test')) == before + len(ids), len(p.mail('race@local.test')) - before)
    check('all released', all(states(p, id) == ['released'] for id in ids[::10]))


def accident(p, held):
    """A wrong rule held all of these."""
    p.setup_command('account add many@local.test')
    small = b'From: a@b.test\r\nSubject: order\r\n\r\nAn honest letter.\r\n'
    hold(p, held, 'many@local.test', signals='rule-wrong=9.0 bayes-spam=1.0', sender='shop@partner.test', letter=small)
    expect(p, ['quarantine', 'release', '--signal', 'rule-wrong'], 2, f'{held} recipients of {held} messages', 'Nothing was changed')
    # Undo while nothing can leave: the server is stopped.
    p.stop()
    expect(p, ['quarantine', 'delete', '--signal', 'rule-wrong', '--yes'], 0, f'deleted: {held}')
    undo = json.loads(run(p, 'quarantine', 'operations', '--json')[1])['operations'][0]['operation']
    expect(p, ['quarantine', 'undo', str(undo)], 0, f'as before: {held}')
    expect(p, ['quarantine', 'release', '--signal', 'rule-wrong', '--yes'], 0, f'released: {held}')
    undo = json.loads(run(p, 'quarantine', 'operations', '--json')[1])['operations'][0]['operation']
    expect(p, ['quarantine', 'undo', str(undo)], 0, f'as before: {held}')
    check('the queue is as it was', p.queued() == 0, p.queued())
    others = p.json('store', 'stat')['mailbox_messages']
    p.start()
    began = time.time()
    command = [PROGRAM, '--config', p.conf, 'quarantine', 'release', '--signal', 'rule-wrong', '--yes']
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until('the first releases', 20, lambda: run(p, 'quarantine', 'list', '--signal', 'rule-wrong', '--state', 'released', '--limit', '1')[0] == 0, 0.01)
    first.send_signal(signal.SIGKILL)  # the same command goes on
    first.wait()
    r = subprocess.run(command, capture_output=True, text=True, timeout=120)
    took = time.time() - began
    print(f'{held} released in {took:.1f} s: {r.stdout.splitlines()[:1]}')
    check('released within a minute', took < 60 and r.returncode in (0, 3), f'{took}: {r.stdout}{r.stderr}')
    wait_until('all delivered', 180, lambda: p.queued() == 0, 1)
    n = p.json('store', 'stat')['mailbox_messages'] - others
    check('each was delivered exactly once', n == held, n)


def main():
    args = argparse.ArgumentParser()
    args.add_argument('--held', type=int, default=1000)
    held = args.parse_args().held
    subprocess.run(['make', '-s', '-C', ROOT, 'build/release/judge/quarantine'], check=True, stdout=subprocess.DEVNULL)
    with Instance() as p:
        p.prepare()
        for c in ('domain add local.test', 'account add bob@local.test', 'account add ann@local.test', 'account add race@local.test'):
            p.setup_command(c)
        p.start()
        releasing(p, looking(p))
        changing(p)
        exporting(p)
        at_once(p)
        accident(p, held)
        expect(p, ['store', 'verify'], 0)
    result()


main()
