#!/usr/bin/env python3
"""What the door of a running server learns and uses: reputation of addresses and of origins behind a trusted hop, greylisting whose
retry is judged by what is known then, the automatic whitelist, refusals in the trace.

    test/door.py
"""
import os, smtplib, ssl, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PASSWORD, PROGRAM, Instance, wait_until
from zone import Zone

CONFIG = """[server]
edges = 2
[dns]
mode = forward
[smtp "mx"]
xclient_from = 127.0.0.0/8
tarpit = 0s
[source "unknown"]
greet_delay = 0s
delay = 0s
[greylist]
delay_min = 2s
delay_max = 2s
[reputation]
trusted_hops = 203.0.113.9
[connections]
traced_refusals = 5"""
RECORDS = ['5.100.51.198.in-addr.arpa PTR mail.good.test', 'mail.good.test A 198.51.100.5', 'good.test TXT v=spf1 ip4:198.51.100.5 -all',
           'friend.test TXT v=spf1 ip4:192.0.2.0/25 -all', 'friend.test MX 10 mx.friend.test', 'mx.friend.test A 127.0.0.1',
           'pool.test TXT v=spf1 ip4:192.0.2.0/25 ip4:203.0.115.0/24 -all', 'everyone.test TXT v=spf1 +all',
           '9.113.0.203.in-addr.arpa PTR out.webmail.test', 'out.webmail.test A 203.0.113.9']
passed = failed = 0


def check(what, good, got=''):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f'FAIL {what}: {got}', flush=True)


def send(p, ip, sender, **more):
    helo = more.pop('helo', 'nobody.invalid')
    c = smtplib.SMTP('127.0.0.1', p.ports['mx'], local_hostname=helo, timeout=20)
    try:
        c.ehlo('proxy.test')
        c.docmd('XCLIENT', f'ADDR={ip}')
        c.ehlo()
        rcpt = more.get('rcpt', 'bob@local.test')
        for verb in (f'MAIL FROM:<{sender}>', f'RCPT TO:<{rcpt}>', 'DATA'):
            code, text = c.docmd(verb)
            if code >= 400:
                return code, text.decode()
        c.send((more.get('header', '') + f'From: {sender}\r\nTo: {rcpt}\r\nSubject: Minutes of the meeting\r\nDate: Sun, 22 Nov 2026 06:00:00 +0000\r\n'
                f'Message-ID: <{time.time_ns()}@x.test>\r\n\r\nDear Bob,\r\n\r\nthe minutes of the meeting on Tuesday are ready. Please tell me by Friday '
                'whether the report about the second test should be in them.\r\n\r\nRegards\r\nEve\r\n.\r\n').encode())
        code, text = c.getreply()
        return code, text.decode()
    finally:
        c.close()


def shown(p, *words):
    """What the command says, once the store has written what was learnt."""
    time.sleep(0.5)
    r = subprocess.run([PROGRAM, '--config', p.conf, *words], capture_output=True, text=True, timeout=60)
    return r.stdout + r.stderr


def good_senders_become_known(p):
    for i in range(15):
        code, text = send(p, '198.51.100.5', f'a{i}@good.test', helo='mail.good.test')
        check('good mail', code == 250, text)
    out = shown(p, 'reputation', 'show', 'ip', '198.51.100.5')
    check('learnt of the address', '15 messages' in out, out)
    out = shown(p, 'reputation', 'show', 'domain', 'good.test')
    check('learnt of the domain', '15 messages' in out, out)
    send(p, '198.51.100.5', 'last@good.test', helo='mail.good.test')
    wait_until('the trace', 10, lambda: 'last@good.test' in shown(p, 'trace', '--from', 'last@good.test', '--json'))
    out = trace(p, 'last@good.test')
    check('known by its reputation', 'known' in out and 'rep-address-good' in out, out)


def trace(p, sender, lang='en'):
    """The messages of that sender, explained."""
    return shown(p, '--lang', lang, 'trace', '--from', sender, '--details')


def origins(p):
    """Behind the trusted hop only, and not by what anybody writes."""
    field = 'X-Originating-IP: [192.0.2.77]\r\n'
    hop = 'Received: from [192.0.2.77] by out.webmail.test with HTTP; Sun, 22 Nov 2026 06:00:00 +0000\r\n'
    for header in (field, hop):
        code, text = send(p, '203.0.113.9', 'user@webmail.test', helo='out.webmail.test', header=header)
        check('through the hop', code == 250, text)
    out = shown(p, 'reputation', 'show', 'origin', '192.0.2.77')
    check('learnt of the origin', 'origin' in out and '2 messages' in out, out)
    send(p, '198.51.100.5', 'b@good.test', helo='mail.good.test', header=field.replace('.77', '.78'))
    out = shown(p, 'reputation', 'show', 'origin', '192.0.2.78')
    check('nobody invents an origin', 'messages' not in out, out)


def greylisting(p):
    code, text = send(p, '192.0.2.50', 'a@pool.test', helo='192.0.2.50')
    check('doubtful: come again', code == 450 and '[greylist]' in text, (code, text))
    code, text = send(p, '203.0.115.50', 'a@pool.test', helo='203.0.115.50')
    check('too early from another host of the pool', code == 450, (code, text))
    send(p, '192.0.2.60', 'x@everyone.test')
    time.sleep(2.2)
    code, text = send(p, '203.0.115.51', 'b@pool.test', helo='203.0.115.51')
    check('the pool has come back', code == 250, (code, text))
    code, text = send(p, '192.0.3.60', 'x@everyone.test')
    check('who lets everybody send has no pool', code == 450, (code, text))
    send(p, '192.0.2.52', 'c@worse.test')
    time.sleep(2.2)
    p.cli('list', 'add', 'block', 'worse.test')
    time.sleep(1.2)
    code, text = send(p, '192.0.2.52', 'c@worse.test')
    check('a retry is judged by what is known then', code == 550 and '[blocked]' in text, (code, text))
    p.cli('list', 'remove', 'worse.test')
    time.sleep(1.2)
    p.cli('list', 'add', 'allow', '192.0.2.53')
    time.sleep(1.2)
    code, text = send(p, '192.0.2.53', 'd@worse.test')
    check('an allowed address does not wait', code == 250, (code, text))


def friends(p):
    code, text = send(p, '192.0.2.70', 'fay@friend.test', helo='192.0.2.70')
    check('nobody wrote to her yet', code == 450, (code, text))
    context = ssl._create_unverified_context()
    with smtplib.SMTP_SSL('127.0.0.1', p.ports['submissions'], context=context, timeout=20) as c:
        c.login('bob@local.test', PASSWORD)
        c.sendmail('bob@local.test', ['fay@friend.test', 'gus@friend.test'], 'From: bob@local.test\r\nTo: fay@friend.test\r\nSubject: hello\r\n\r\nHello\r\n')
    time.sleep(0.5)
    code, text = send(p, '192.0.2.71', 'gus@friend.test', helo='other.invalid')
    check('she may answer at once', code == 250, (code, text))
    code, text = send(p, '192.0.3.71', 'gus@friend.test', helo='[192.0.2.99]')
    check('a forger in her name may not', code >= 400, (code, text))


def refusals(p):
    for i in range(12):
        code, text = send(p, f'203.0.113.{20 + i}', f'h{i}@spam.test', helo='mx.post.test')
        check('refused', code == 550 and 'helo-ours' in text and '[score]' in text, (code, text))
    wait_until('rows', 10, lambda: 'h4@spam.test' in shown(p, 'trace', '--from', 'h4@spam.test', '--json'))
    check('refusals of one network are gathered', 'h9@spam.test' not in shown(p, 'trace', '--from', 'h9@spam.test', '--json'))
    en, zh = trace(p, 'h1@spam.test'), trace(p, 'h1@spam.test', 'zh')
    check('explained', 'a stranger calls itself by our name' in en, en)
    check('the code, too', '信号总分过高' in zh and 'an allow entry or [source] lifts it' in en, zh)
    check('explained in Chinese', '外来者在 HELO 中自称是本系统' in zh, zh)
    code, text = send(p, '203.0.113.99', 'h@spam.test', helo='mx.post.test', rcpt='postmaster@local.test')
    check('complaints reach postmaster', code == 250, (code, text))


def main():
    zone = Zone(RECORDS)
    config = CONFIG.split('\n')
    config.insert(config.index('mode = forward') + 1, f'servers = 127.0.0.1@{zone.port}')
    with Instance(config) as p:
        for command in ('domain add local.test', 'account add bob@local.test'):
            p.setup_command(command)
        p.start()
        for part in (good_senders_become_known, origins, greylisting, friends, refusals):
            part(p)
        p.stop()
        p.start()
        wait_until('the row of the many', 10, lambda: '203.0.113.0/24' in shown(p, 'trace', '--client', '203.0.113.0/24', '--json'))
        print(f'door: {passed} passed, {failed} failed', flush=True)
        if failed and '-v' in sys.argv:
            print(p.log_tail(20000))
    sys.exit(1 if failed else 0)


main()
