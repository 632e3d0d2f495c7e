#!/usr/bin/env python3
"""Letters that policy changes, through the running server: disclaimers on what our users send, signed over what really leaves;
banners, tags and notices on what comes; the original kept; what broke named; seals for backends.

    test/edited.py [WORD ...]     the cases whose names contain one of the words

What an edit does to the content itself is judged in test/edit.py. python3-dkim verifies signatures and seals.
"""
import email, os, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import tally
from posthouse import PROGRAM, wait_until
from tally import case, expect, run_cases
import signing
from signing import BOTH, House, message
tally.CASES.clear()  # those of the module that we take the house from

BANNER = '外部邮件，请当心。'
POLICIES = f'''[policy "banner"]
direction = in
to = *@home.test *@backend.test
subject_tag = "[外部] "
banner_zh = "{BANNER}"
[policy "strip"]
direction = in
attachment = program
do = strip
[policy "clean"]
virus = found
do = clean
[policy "disclaimer"]
direction = out
disclaimer_en = "Sent by Home Ltd."
'''
EVIL = ('From: x@strange.test\r\nTo: ann@home.test\r\nSubject: tool\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'
        '--b\r\nContent-Type: text/plain; charset=gbk\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}\r\n'
        '--b\r\nContent-Type: application/octet-stream; name=evil.exe\r\nContent-Disposition: attachment; filename=evil.exe\r\n'
        'Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n')


ENGINE = ['[engine "own"]', 'type = command', 'command = /usr/bin/grep -m1 -ao STANDARD-.*FILE', 'clean = 1', 'infected = 0',
          'virus = "STANDARD-%v-FILE"']  # the name in the notice is no virus
EICAR = 'X5O!P%@AP[4\\PZX54(P^)7CC)7}$' + 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'


def program():
    import base64, struct
    dos = b'MZ' + b'\0' * 58 + struct.pack('<I', 64)
    return base64.b64encode(dos + b'PE\0\0' + struct.pack('<HHIIIHH', 0x14c, 1, 0, 0, 0, 224, 0x102) + b'\x0b\x01' + b'\0' * 400).decode()


def house(*config):
    h = House(config=['[filter]', 'mark = 0', *config])
    h.p.setup_command(f'route add back --protocol smtp --hosts [127.0.0.1]:{h.sink.port} --tls none')
    h.p.setup_command('domain add backend.test --backend back --keys')
    path = os.path.join(h.p.dir, 'policies')
    open(path, 'w', encoding='utf-8').write(POLICIES)
    h.p.cli('policy', 'set', path)
    return h


def text_of(data):
    m = email.message_from_bytes(data if isinstance(data, bytes) else data.encode('utf-8', 'surrogateescape'))
    parts = [p for p in m.walk() if p.get_content_type() == 'text/plain']
    return [p.get_payload(decode=True).decode(p.get_content_charset() or 'us-ascii').replace('\r\n', '\n') for p in parts]


def originals(p):
    return [r for r in p.json('quarantine', 'list', '--kind', 'all')['recipients'] if r['kind'] == 'original']


@case
def what_leaves_is_signed_as_it_leaves():
    with house() as h:
        h.publish()
        h.submit(message('hello\r\n'))
        _, _, data = h.sink.wait(1)
        expect('text', text_of(data), ['hello\n\nSent by Home Ltd.\n'])
        expect('signatures', h.verified(data), BOTH)
        expect('only one set of them', data.lower().count(b'dkim-signature:'), len(BOTH))
        h.submit(message('z' * 70 + '\r\n' + 'yy\r\n' * 200000))
        _, _, data = h.sink.wait(2)
        expect('signatures of a large one', h.verified(data), BOTH)
        h.submit(message('between us\r\n'), to='bob@other.test')
        expect('inside nothing is added', text_of(h.p.wait_mail('bob@other.test', 1)), ['between us\n'])


@case
def what_comes_has_its_banner():
    with house() as h:
        h.deliver(message('hello\r\n', author='x@strange.test'), 'x@strange.test', 'ann@home.test')
        got = h.p.wait_mail('ann@home.test', 1)
        expect('text', text_of(got), [BANNER + '\n\nhello\n'])
        m = email.message_from_string(got)
        expect('subject', str(email.header.make_header(email.header.decode_header(m['subject']))), '[外部] 你好 there')
        expect('others have none', (h.deliver(message('hello\r\n'), 'x@strange.test', 'bob@other.test'),
                                    text_of(h.p.wait_mail('bob@other.test', 1))), ({}, ['hello\n']))
        kept = originals(h.p)
        expect('the original is kept', len(kept), 1)


@case
def a_letter_without_header_gets_one():
    with house() as h:
        h.deliver(b'only text, no header\r\n', 'x@strange.test', 'ann@home.test')
        got = h.p.wait_mail('ann@home.test', 1)
        m = email.message_from_string(got)
        expect('text', text_of(got), [BANNER + '\n\nonly text, no header\n'])
        expect('subject', str(email.header.make_header(email.header.decode_header(m['subject']))), '[外部]')
        expect('defects', m.defects, [])


@case
def attachments_give_way_to_notices():
    with house() as h:
        data = EVIL.format('\u4f60\u597d', program()).encode('gbk')
        h.deliver(data, 'x@strange.test', 'ann@home.test')
        wait_until('the letter', 15, lambda: h.p.mail('ann@home.test'))
        got = subprocess.run([PROGRAM, '--config', h.p.conf, 'mailbox', 'cat', 'ann@home.test', str(h.p.mail('ann@home.test')[0]['uid'])],
                             capture_output=True, check=True).stdout
        expect('the program is gone', program()[:40].encode() in got, False)
        texts = text_of(got)
        expect('the text keeps its charset', (texts[0], b'charset=gbk' in got), (BANNER + '\n\n\u4f60\u597d', True))
        expect('the notice names it', ('evil.exe' in texts[1], 'removed' in texts[1], '已移除' in texts[1]), (True, True, True))
        trace = h.p.cli('trace', '--to', 'ann@home.test')
        expect('the timeline', ('changed' in trace, 'evil.exe' in trace), (True, True))


@case
def what_broke_is_named_and_sealed():
    with house('[signing]', 'arc = forwards') as h:
        h.publish()
        h.submit(message('from our own\r\n', author='ann@home.test'))
        _, _, signed = h.sink.wait(1)
        h.deliver(signed[signed.index(b'DKIM-Signature'):], 'ann@home.test', 'jim@backend.test')
        _, _, data = h.sink.wait(2)
        expect('the banner', BANNER in text_of(data)[0], True)
        trace = h.p.cli('trace', '--to', 'jim@backend.test')
        expect('what broke', 'dkim:home.test' in trace, True)
        import dkim
        cv, results, why = dkim.ARC(data).verify(dnsfunc=h.txt)
        expect('a seal that holds', (cv, why), (b'pass', 'success'))


def infected(subject, attachment):
    return (f'From: x@strange.test\r\nTo: ann@home.test\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'
            '--b\r\n\r\nhello\r\n--b\r\nContent-Type: application/octet-stream; name=good.bin\r\n\r\nfine\r\n'
            f'--b\r\nContent-Type: application/octet-stream; name=bad.com\r\n\r\n{attachment}\r\n--b--\r\n').encode()


@case
def viruses_are_taken_out():
    with house(*ENGINE) as h:
        h.deliver(infected('x', EICAR), 'x@strange.test', 'ann@home.test')
        got = h.p.wait_mail('ann@home.test', 1)
        m = email.message_from_string(got)
        expect('names', [p.get_filename() for p in m.walk() if p.get_filename()], ['good.bin'])
        texts = text_of(got)
        expect('the notice', ('bad.com' in texts[1], 'virus' in texts[1], 'ANTIVIRUS-TEST' in texts[1], EICAR in got), (True, True, True, False))
        expect('the original is kept', len(originals(h.p)), 1)
        expect('the timeline', 'stripped:1' in h.p.cli('trace', '--to', 'ann@home.test'), True)


@case
def what_cannot_be_cleaned_is_held():
    with house(*ENGINE) as h:
        h.deliver(infected(EICAR, 'fine'), 'x@strange.test', 'ann@home.test')
        rows = wait_until('a held letter', 15, lambda: h.p.json('quarantine', 'list')['recipients'])
        expect('as virus', (rows[0]['class'], h.p.mail('ann@home.test')), ('virus', []))


def main():
    if signing.dkim is None:
        print('skipped: python3-dkim is not here')
        print('0 passed, 0 failed')
        return 0
    return run_cases(sys.argv[1:])


if __name__ == '__main__':
    sys.exit(main())
