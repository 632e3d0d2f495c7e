#!/usr/bin/env python3
"""Own accounts that send as nobody sends by hand (section [outbound]), by real submissions: a stolen account is stopped after
some hundred recipients, what waits of it is held, the administrator has a letter; all others go on. A teacher who
writes to 300 pupils is not stopped.

    test/outbound.py [WORD ...]     the cases whose names contain one of the words
"""
import os, smtplib, ssl, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, PASSWORD, free_port, wait_until
from sink import Sink
from tally import case, expect, run_cases

THIEF, COLLEAGUE, BOSS, OTHER = 'victim@local.test', 'colleague@local.test', 'boss@local.test', 'else@other.test'
TLS = ssl._create_unverified_context()
RULE = '''rule test-word 20
	en the word of this test
	text has abracadabra
'''


class Site(Instance):
    """far.test is a system of others; nobody answers there unless a sink is given."""

    def __init__(self, *config, sink=None, rules=''):
        super().__init__(config=['[alarm]', f'to = {BOSS}', '[caps]', 'login_messages_15m = 0', 'login_rcpts_15m = 0', *config])
        for domain in ('local.test', 'other.test', 'school.test'):
            self.setup_command(f'domain add {domain}')
        for who in (THIEF, COLLEAGUE, BOSS, OTHER):
            self.setup_command(f'account add {who}')
        self.setup_command(f'alias add @school.test {OTHER}')
        if rules:
            os.mkdir(self.dir + '/rules.d')
            with open(self.dir + '/rules.d/own.rules', 'w', encoding='utf-8') as f:
                f.write(rules)
            text = open(self.conf, encoding='utf-8').read()
            with open(self.conf, 'w', encoding='utf-8') as f:
                f.write(text.replace('[filter]\n', f'[filter]\nrules = {self.dir}/rules.d\n'))
        port = sink.port if sink else free_port()
        self.setup_command(f'route add far --protocol smtp --hosts [127.0.0.1]:{port} --tls none --match far.test')
        self.start()

    def login(self, who):
        s = smtplib.SMTP('127.0.0.1', self.ports['submission'], timeout=60)
        s.starttls(context=TLS)
        s.login(who, PASSWORD)
        return s

    def send(self, who, rcpts, body='hello', session=None):
        """How many recipients were taken; None and the reply when the message was refused."""
        s = session or self.login(who)
        try:
            refused = s.sendmail(who, rcpts, f'From: {who}\r\nTo: you\r\nSubject: x\r\n\r\n{body}\r\n')
            return len(rcpts) - len(refused), ''
        except smtplib.SMTPRecipientsRefused as e:
            return 0, str(next(iter(e.recipients.values())))
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as e:
            return None, f'{e.smtp_code} {e.smtp_error.decode()}'
        finally:
            if not session:
                s.close()
            time.sleep(0.3)  # until the other edge knows what this one has counted

    def suspended(self):
        return {s['who']: s for s in self.json('outbound', 'list')['suspended']}

    def states(self, sender):
        rows = self.json('queue', 'list', '--from', sender)['recipients']
        return [r['state'] for r in rows]


def far(first, n):
    return [f'user{i}@far.test' for i in range(first, first + n)]


@case
def a_stolen_account_is_stopped():
    with Site() as p:
        s, taken, why = p.login(THIEF), 0, ''
        for i in range(1000):  # 5,000 recipients
            n, why = p.send(THIEF, far(5 * i, 5), session=s)
            if n is None:
                break
            taken += n
        expect('recipients that were taken', 200 <= taken < 300, True)
        expect('the reply', why.startswith('550 5.7.1') and 'suspended' in why, True)
        n, why = p.send(THIEF, far(9000, 1))
        expect('the next one is refused at MAIL', (n, why[:9]), (None, '550 5.7.1'))
        found = p.suspended()
        expect('who is suspended', list(found), [THIEF])
        expect('why', (found[THIEF]['why'], 'usually 0' in found[THIEF]['detail']), ('sudden', True))
        wait_until('all that waits is held', 20, lambda: set(p.states(THIEF)) == {'held'})
        shown = p.json('outbound', 'show', THIEF)
        expect('held', (shown['suspended'], shown['held'], shown['outside_hour']), (True, taken, taken))
        expect('a colleague', p.send(COLLEAGUE, far(0, 3)), (3, ''))
        expect('another organisation', p.send(OTHER, far(0, 3)), (3, ''))
        letter = p.wait_mail(BOSS, 1, 30)
        expect('the alarm names it', THIEF in letter, True)
        p.cli('outbound', 'lift', THIEF)
        time.sleep(1.5)
        expect('lifted', p.suspended(), {})
        expect('still held', set(p.states(THIEF)), {'held'})


@case
def lifting_can_release_what_was_held():
    with Site('[outbound]', 'sudden_minimum = 20') as p:
        p.send(THIEF, far(0, 15))
        n, why = p.send(THIEF, far(100, 15))
        expect('stopped', n, None)
        wait_until('held', 20, lambda: set(p.states(THIEF)) == {'held'})
        p.cli('outbound', 'lift', THIEF, '--release')
        wait_until('released', 10, lambda: 'held' not in p.states(THIEF))
        time.sleep(1.2)
        n, why = p.send(THIEF, ['inside@school.test'])
        expect('may send again', (n, why), (1, ''))


@case
def a_teacher_is_not_stopped():
    with Site() as p:
        pupils = [f'pupil{i}@school.test' for i in range(300)]
        s = p.login(COLLEAGUE)
        for at in range(0, 300, 100):
            expect('pupils', p.send(COLLEAGUE, pupils[at:at + 100], session=s), (100, ''))
        expect('and parents', p.send(COLLEAGUE, far(0, 60), session=s), (60, ''))
        expect('nobody is suspended', p.suspended(), {})


@case
def the_surplus_over_a_cap_is_put_off():
    with Site('[outbound]', 'outside_hour = 10', 'inside_hour = 4', 'sudden_factor = 0') as p:
        n, _ = p.send(COLLEAGUE, far(0, 25))
        expect('of 25', n, 10)
        n, why = p.send(COLLEAGUE, far(100, 1))
        expect('of one more', (n, '452' in why and 'outbound-cap' in why), (0, True))
        n, _ = p.send(COLLEAGUE, [f'p{i}@school.test' for i in range(6)])
        expect('inside has its own', n, 4)
        expect('another account', p.send(THIEF, far(0, 10))[0], 10)
        expect('nobody is suspended', p.suspended(), {})


@case
def recipients_that_do_not_exist():
    sink = Sink(refuse=[f'user{i}@far.test' for i in range(1000)])
    with Site('[outbound]', 'failing_minimum = 20', sink=sink) as p:
        for i in range(4):
            p.send(THIEF, far(10 * i, 10))
        found = wait_until('a suspension', 30, p.suspended)
        expect('who and why', (list(found), found[THIEF]['why']), ([THIEF], 'failing'))
        time.sleep(1.2)
        expect('refused', p.send(THIEF, far(900, 1))[0], None)
        expect('a colleague', p.send(COLLEAGUE, ['good@far.test'])[0], 1)
    sink.stop()


@case
def spam_again_and_again():
    with Site('[outbound]', 'spam_minimum = 5', '[filter]', 'mark = 0.9', rules=RULE) as p:
        s = p.login(COLLEAGUE)
        for i in range(8):
            expect('honest letters', p.send(COLLEAGUE, far(i, 1), session=s), (1, ''))
        answers = [p.send(THIEF, far(i, 1), body='buy abracadabra now') for i in range(8)]
        expect('taken until it is sure', [n for n, _ in answers], [1] * 4 + [None] * 4)
        expect('why', (p.suspended()[THIEF]['why'], 'spam' in answers[4][1]), ('spam', True))
        expect('the colleague', p.send(COLLEAGUE, far(90, 1), session=s), (1, ''))


@case
def exceptions_and_switching_off():
    with Site('[outbound]', f'exceptions = {THIEF}', 'sudden_minimum = 10', 'outside_hour = 5') as p:
        expect('excepted', p.send(THIEF, far(0, 50)), (50, ''))
        expect('others', p.send(COLLEAGUE, far(0, 50))[0], 5)
    with Site('[outbound]', 'enabled = no', 'sudden_minimum = 10', 'outside_hour = 5') as p:
        expect('off', p.send(THIEF, far(0, 50)), (50, ''))


@case
def an_administrator_suspends():
    with Site() as p:
        p.send(THIEF, far(0, 3))
        out = p.cli('outbound', 'suspend', '@local.test', '--for', '1h', '--because', 'moved')
        expect('told', '3' in out, True)
        time.sleep(1.2)
        for who in (THIEF, COLLEAGUE):
            expect(who, p.send(who, far(0, 1))[0], None)
        expect('another organisation', p.send(OTHER, far(0, 1))[0], 1)
        found = p.suspended()['@local.test']
        expect('row', (found['why'], found['detail'], found['until'] is not None), ('admin', 'moved', True))
        expect('text', 'moved' in p.cli('outbound', 'list'), True)
        p.stop()  # it outlives a restart
        p.start()
        expect('after a restart', p.send(THIEF, far(0, 1))[0], None)
        p.cli('outbound', 'lift', '@local.test')
        expect('twice', 'not suspended' in p.cli('outbound', 'lift', '@local.test', check=False), True)
        expect('nonsense', 'whom' in p.cli('outbound', 'suspend', 'nobody', check=False), True)


if __name__ == '__main__':
    sys.exit(run_cases(sys.argv[1:]))
