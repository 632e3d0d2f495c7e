#!/usr/bin/env python3
"""What the site learns: from administrators, archives, users and honeypots; that mail is judged by it within seconds and
without a restart; taking back; going back to a version; bad versions; attempts at poisoning; killed processes.

    test/learning.py [WORD ...]     the cases whose names contain one of the words

Letters are made of words: neutral ones that all have, and those of a theme that no language has.
"""
import email.message, email.policy, io, os, random, re, signal, smtplib, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import Instance, wait_until
from tally import case, expect, run_cases
from PIL import Image, ImageDraw

ME, OTHER = 'me@local.test', 'other@local.test'
PLAIN = ('meeting report project attached schedule review team lunch travel notes design draft agenda customer server release ticket weekly '
         'summary morning please thanks regards office number question answer table window').split()
THEMES = {name: [f'{name[:3]}{a}{b}' for a in ('zor', 'quel', 'min', 'flor', 'cas') for b in ('vian', 'par', 'trax', 'bid', 'dril')]
          for name in ('alpha', 'bravo', 'carol', 'delta')}


def letter(theme, n):
    r = random.Random(f'{theme} {n}')
    words = [r.choice(THEMES[theme] if i % 3 == 0 else PLAIN) for i in range(90)]
    lines = [' '.join(words[i:i + 9]) for i in range(9, 90, 9)]
    return (f'From: A B <{theme}{r.randrange(20)}@{theme}{r.randrange(5)}.example>\r\nTo: x@local.test\r\nSubject: {" ".join(words[:6])}\r\n'
            f'Date: Sun, 22 Nov 2026 09:00:00 +0000\r\nMessage-ID: <{theme}.{n}@far.example>\r\nMIME-Version: 1.0\r\n'
            'Content-Type: text/plain; charset=utf-8\r\n\r\n' + '\r\n'.join(lines) + '\r\n')


class Site(Instance):
    def __init__(self, *config):
        super().__init__(config=['[filter]', 'mark = 0.9', 'fields = always', '[learning]', 'pause = 200ms', *config])
        self.letters = tempfile.mkdtemp(dir=self.dir)
        os.chmod(self.letters, 0o755)
        self.sent = 0
        self.setup_command('domain add local.test')
        for who in (ME, OTHER):
            self.setup_command(f'account add {who}')

    def files(self, theme, first, n):
        """A directory with so many letters."""
        d = tempfile.mkdtemp(dir=self.letters)
        os.chmod(d, 0o755)
        for i in range(first, first + n):
            with open(f'{d}/{i}.eml', 'w', newline='') as f:
                f.write(letter(theme, i))
        return d

    def start(self, wait=True):
        super().start(wait)
        wait_until('the server', 20, lambda: 'event=server.ready' in self.log_tail(1 << 20))

    def learn(self, *words):
        return self.cli('learn', *words)

    def learned(self):
        return self.json('learn', 'status')

    def settled(self, more_than, seconds=30):
        """Nothing waits, and a version newer than that was made and put into service, or refused."""
        def state():
            s = self.learned()
            decided = s['version'] == s['newest_version'] or s['newest_refused']
            return s['waiting'] == 0 and s['newest_version'] > more_than and decided and s
        return wait_until('a version', seconds, state, 0.2)

    def taught(self, *how):
        before = self.learned()['newest_version']
        for words in how:
            self.learn(*words)
        return self.settled(before)

    def two_kinds(self):
        """alpha is spam, bravo honest."""
        return self.taught(('import', '--spam', self.files('alpha', 0, 200)), ('import', '--ham', self.files('bravo', 0, 200)))

    def probability(self, theme, n, to=ME):
        with smtplib.SMTP('127.0.0.1', self.ports['mx'], timeout=60) as s:
            s.sendmail('stranger@far.example', [to], letter(theme, n))
        self.sent += 1
        count = len(self.mail(to))
        text = self.wait_mail(to, self.counts.setdefault(to, 0) + 1)
        self.counts[to] = count = len(self.mail(to))
        return float(re.search(r'probability=([\d.]+)', text)[1])

    def judged_as(self, theme, to, low, high):
        """A letter to me, whatever the address is called."""
        before = len(self.mail(ME))
        with smtplib.SMTP('127.0.0.1', self.ports['mx'], timeout=60) as s:
            s.sendmail('stranger@far.example', [to], letter(theme, hash(to)))
        p = float(re.search(r'probability=([\d.]+)', self.wait_mail(ME, before + 1))[1])
        self.counts[ME] = before + 1
        expect(f'probability {p} of {theme} for {to} between {low} and {high}', low <= p <= high, True)

    counts = None

    def judged(self, theme, n, low, high, to=ME, seconds=10):
        """The probability of letters of the theme comes to lie there within seconds."""
        if self.counts is None:
            self.counts = {}
        end = time.monotonic() + seconds
        while True:
            p = self.probability(theme, n, to)
            if low <= p <= high or time.monotonic() > end:
                expect(f'probability {p} of {theme} for {to} between {low} and {high}', low <= p <= high, True)
                return
            n += 1
            time.sleep(0.3)


@case
def learned_and_taken_back():
    with Site() as p:
        p.start()
        p.judged('alpha', 10000, 0, 0.89)
        state = p.two_kinds()
        expect('lessons', (state['site_spam'], state['site_ham'], state['rejected']), (200, 200, 0))
        p.judged('alpha', 10100, 0.9, 1)
        p.judged('bravo', 10100, 0, 0.3)
        text = p.cli('mailbox', 'cat', ME, str(max(m['uid'] for m in p.mail(ME))))
        expect('one more kind', p.taught(('spam', p.files('carol', 0, 30)))['site_spam'], 230)
        p.judged('carol', 10100, 0.9, 1)
        p.learn('forget', *[str(l['lesson']) for l in p.json('learn', 'list', '--limit', '30')['lessons']])
        p.judged('carol', 10200, 0, 0.89)
        p.judged('alpha', 10200, 0.9, 1)
        expect('taken back', p.learned()['unlearned'], 30)
        expect('told twice', p.learn('spam', p.files('alpha', 0, 200)).strip(), 'Letters to be learned: 200.')
        wait_until('reading', 20, lambda: p.learned()['waiting'] == 0)
        expect('counts once', p.learned()['site_spam'], 200)


@case
def versions_and_going_back():
    with Site() as p:
        p.start()
        first = p.two_kinds()['version']
        second = p.taught(('ham', p.files('carol', 0, 60)))['version']
        expect('newer', second > first, True)
        third = p.taught(('import', '--ham', p.files('carol', 100, 100)))['version']
        k = p.json('learn', 'compare', '0', str(third))
        expect('better than nothing', k['second']['caught'] > k['first']['caught'], True)
        p.judged('alpha', 1, 0.9, 1)
        p.learn('use', 'none')
        p.judged('alpha', 10300, 0, 0.89)
        p.learn('use', str(first))
        p.judged('alpha', 10400, 0.9, 1)
        expect('pinned', (p.learned()['version'], p.learned()['pinned']), (first, True))
        p.learn('spam', p.files('delta', 0, 5))
        wait_until('reading', 20, lambda: p.learned()['waiting'] == 0)
        time.sleep(3)
        expect('still that one', p.learned()['version'], first)
        p.learn('use', 'latest')
        wait_until('a newer one', 20, lambda: p.learned()['version'] > third)
        expect('no such version', 'there is no version 99999' in p.cli('learn', 'use', '99999', check=False), True)


@case
def a_bad_version_is_refused():
    with Site() as p:
        p.start()
        good = p.two_kinds()['version']
        state = p.taught(('import', '--spam', p.files('bravo', 1000, 400)))  # honest mail in the wrong archive
        expect('refused', (state['newest_refused'], state['version']), (True, good))
        expect('why', 'honest letters taken for spam' in state['why'], True)
        expect('in the log', 'learn.version_refused' in p.log_tail(1 << 20), True)
        p.judged('bravo', 10000, 0, 0.3)
        expect('told', 'was not put into service' in p.learn('status'), True)
        expect('told in Chinese', '未启用' in p.cli('--lang', 'zh', 'learn', 'status'), True)


@case
def one_user_does_not_decide_for_all():
    with Site() as p:
        p.start()
        p.two_kinds()
        p.cli('alias', 'add', 'alias@local.test', ME)
        p.learn('spam', '--user', ME.upper(), p.files('bravo', 0, 500))
        wait_until('reading', 40, lambda: p.learned()['waiting'] == 0)
        state = p.learned()
        expect('100 a day', (state['site_spam'], state['rejected']), (200, 400))
        p.judged('bravo', 10000, 0, 0.3, to=OTHER)
        p.judged('bravo', 10000, 0.5, 1, to=ME)  # what he asked for
        for spelling in ('Me+shop@LOCAL.test', 'alias@local.test'):
            p.judged_as('bravo', spelling, 0.5, 1)
        trust = p.json('learn', 'users')['users'][0]['trust_percent']
        expect('he is trusted less', trust < 50, True)
        p.learn('forget', '--user', ME)
        p.judged('bravo', 10100, 0, 0.3, to=ME, seconds=15)


@case
def users_who_agree_decide():
    with Site() as p:
        p.start()
        p.two_kinds()
        d = p.files('carol', 0, 20)
        for who in ('a@local.test', 'b@local.test'):
            p.learn('spam', '--user', who, d)
        wait_until('reading', 20, lambda: p.learned()['waiting'] == 0)
        expect('two are not enough', p.learned()['site_spam'], 200)
        p.learn('spam', '--user', 'c@local.test', d)
        wait_until('reading', 20, lambda: p.learned()['waiting'] == 0)
        expect('three are', p.learned()['site_spam'], 260)
        p.judged('carol', 10000, 0.7, 1, to=OTHER)


@case
def honeypots():
    with Site('honeypots = trap@local.test bait') as p:
        p.start()
        with smtplib.SMTP('127.0.0.1', p.ports['mx'], timeout=60) as s:
            for i in range(40):
                s.sendmail('s@far.example', ['trap@local.test' if i % 2 else 'bait@local.test'], letter('delta', i))
            expect('others', s.sendmail('s@far.example', ['bait@local.test', OTHER], letter('delta', 100)), {})
        p.wait_queue(0)
        wait_until('lessons', 30, lambda: p.learned()['site_spam'] == 41)
        lesson = p.json('learn', 'list', '--limit', '1')['lessons'][0]
        expect('lesson', (lesson['source'], lesson['verdict'], lesson['weight_percent']), ('honeypot', 'spam', 80))
        expect('the other one got it', len(p.mail(OTHER)), 1)
        expect('in the trace', 'learned as spam' in p.cli('trace', '--to', 'trap@local.test', '--details'), True)
        expect('route', 'honeypot' in p.cli('route', 'test', 'trap@local.test'), True)
        p.taught(('import', '--ham', p.files('bravo', 0, 60)))
        p.judged('delta', 10000, 0.7, 1, to=ME)


@case
def honeypots_have_limits():
    with Site('honeypots = trap@local.test', 'honeypot_day = 5') as p:
        p.setup_command('list add allow friend.example --insist')
        p.start()

        def send(sender, theme, n):
            with smtplib.SMTP('127.0.0.1', p.ports['mx'], timeout=60) as s:
                for i in range(n):
                    s.sendmail(sender, ['trap@local.test'], letter(theme, i))
            p.wait_queue(0)
            wait_until('reading', 20, lambda: p.learned()['waiting'] == 0)
        send('news@friend.example', 'carol', 3)
        expect('a friend teaches nothing', p.learned()['site_spam'], 0)
        expect('in the trace', 'a sender with a good name' in p.cli('trace', '--from', 'news@friend.example', '--details'), True)
        send('s@far.example', 'delta', 12)
        expect('five a day', (p.learned()['site_spam'], p.learned()['rejected']), (5, 0))


@case
def killed_while_learning():
    with Site() as p:
        p.start()
        spam, ham = p.files('alpha', 0, 300), p.files('bravo', 0, 300)
        p.learn('import', '--spam', spam)
        p.learn('import', '--ham', ham)
        for i in range(12):
            pids = [pid for pid, role in p.processes().items() if role == 'learn']
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.2 + 0.15 * (i % 4))
        p.kill()
        p.start()
        wait_until('everything', 60, lambda: (lambda s: s['waiting'] == 0 and s['site_spam'] == 300 and s['site_ham'] == 300)(p.learned()))
        state = p.learned()
        expect('neither lost nor doubled', (state['spam'], state['ham'], state['rejected']), (300, 300, 0))
        wait_until('a version', 30, lambda: p.learned()['version'] > 0)
        p.judged('alpha', 10000, 0.9, 1, seconds=20)
        left = [f for f in os.listdir(p.dir + '/data/learn/versions') if not re.fullmatch(r'\d{6}\.(site|twin)', f)]
        wait_until('no half files', 30, lambda: not [f for f in os.listdir(p.dir + '/data/learn/versions') if '.new' in f]) if left else None


@case
def what_is_no_letter():
    with Site() as p:
        p.start()
        empty = os.path.join(p.letters, 'empty.eml')
        open(empty, 'w').close()
        expect('empty', 'empty' in p.cli('learn', 'spam', empty, check=False), True)
        expect('missing', 'No such file' in p.cli('learn', 'spam', p.letters + '/none', check=False), True)
        expect('both kinds', '--spam or --ham' in p.cli('learn', 'import', p.letters, check=False), True)
        mbox = os.path.join(p.letters, 'all.mbox')
        with open(mbox, 'w', newline='') as f:
            for i in range(5):
                f.write('From x Sun Nov 22 09:00:00 2026\n' + letter('alpha', i).replace('\r\n', '\n') + '\n')
        expect('an mbox', p.taught(('spam', mbox))['site_spam'], 5)
        rubbish = os.path.join(p.letters, 'rubbish')
        with open(rubbish, 'wb') as f:
            f.write(os.urandom(300000))
        p.learn('ham', rubbish)
        wait_until('reading', 20, lambda: p.learned()['waiting'] == 0)


def banner(n):
    """Large bright letters on one colour, as advertisements are drawn."""
    r = random.Random(f'banner {n}')
    im = Image.new('RGB', (r.randrange(380, 620), r.randrange(260, 420)), r.choice([(255, 240, 60), (255, 255, 255), (220, 30, 30)]))
    text = Image.new('L', (im.width // 3, im.height // 3), 0)
    d = ImageDraw.Draw(text)
    for y in range(4, text.height - 12, 14):
        d.text((4, y), ' '.join(r.choice(['BUY', 'NOW', 'CHEAP', 'PILLS', '80% OFF', 'CLICK', 'WIN']) for _ in range(6)), fill=255)
    im.paste(r.choice([(0, 0, 160), (0, 90, 0), (20, 20, 20)]), mask=text.resize(im.size, Image.NEAREST))
    return im


def photograph(n):
    """Soft shapes in many colours with the noise of a sensor."""
    r = random.Random(f'photograph {n}')
    small = Image.new('RGB', (9, 7))
    small.putdata([tuple(r.randrange(30, 220) for _ in range(3)) for _ in range(63)])
    im = small.resize((r.randrange(380, 620), r.randrange(260, 420)), Image.BICUBIC)
    noise = Image.effect_noise(im.size, 18).convert('RGB')
    return Image.blend(im, noise, 0.12)


def encoded(im, form):
    out = io.BytesIO()
    im.save(out, form)
    return out.getvalue()


def letter_with(picture, n):
    m = email.message.EmailMessage()
    m['From'], m['To'], m['Subject'] = 'A B <a@far.example>', ME, f'picture {n}'
    m['Message-ID'], m['Date'] = f'<picture.{n}@far.example>', 'Sun, 22 Nov 2026 09:00:00 +0000'
    m.set_content('Here is the picture that we spoke about yesterday.\n')
    m.add_attachment(encoded(picture, 'JPEG'), maintype='image', subtype='jpeg', filename=f'p{n}.jpg')
    return m.as_bytes(policy=email.policy.SMTP)


class Gallery(Site):
    def pictures(self, draw, n, write):
        d = tempfile.mkdtemp(dir=self.letters)
        os.chmod(d, 0o755)
        for i in range(n):
            with open(f'{d}/{i}', 'wb') as f:
                f.write(write(draw(i), i))
        return d

    def fires(self, picture, n):
        """Does mail with it have the signal when it comes?"""
        with smtplib.SMTP('127.0.0.1', self.ports['mx'], timeout=60) as s:
            s.sendmail('a@far.example', [ME], letter_with(picture, n))
        self.sent += 1
        return 'picture-spam' in self.wait_mail(ME, self.sent).split('\n\n')[0].split('\r\n\r\n')[0]

    def changed(self, there, since):
        wait_until('scan processes to know', 20, lambda: re.search(f'learn.pictures_in_service .*there={there}', self.log_tail(1 << 20)[since:]))


@case
def pictures():
    with Gallery() as p:
        p.start()
        expect('nothing yet', p.fires(banner(1000), 1000), False)
        expect('status', 'no classifier' in p.learn('status'), True)
        spam, ham = p.pictures(banner, 60, letter_with), p.pictures(photograph, 60, letter_with)
        few = p.pictures(photograph, 20, letter_with)
        text = p.cli('learn', 'pictures', '--spam', spam, '--ham', few, check=False)
        expect('too few', '60 different pictures of spam and 20 others: at least 40' in text, True)
        expect('none is made', p.learned()['pictures_made_at'], None)
        text = p.cli('learn', 'pictures', '--spam', spam, '--ham', p.pictures(lambda i: banner(i + 500), 60, letter_with), check=False)
        expect('the same on both sides', 'look too much alike' in text, True)
        expect('in Chinese', '过于相似' in p.cli('--lang', 'zh', 'learn', 'pictures', '--spam', spam, '--ham',
                                             p.pictures(lambda i: banner(i + 500), 60, letter_with), check=False), True)
        expect('no option', 'which pictures' in p.cli('learn', 'pictures', '--spam', spam, check=False), True)
        k = p.json('learn', 'pictures', '--spam', spam, spam, '--ham', ham)
        expect('pictures', (k['pictures_spam'], k['different_spam'], k['pictures_ham'], k['different_ham']), (120, 60, 60, 60))
        expect('rates', (k['caught'] >= 54, k['accused'] <= 3), (True, True))
        p.changed('yes', 0)
        for i in range(3):
            expect(f'unseen banner {i}', p.fires(banner(1001 + i), 1001 + i), True)
            expect(f'unseen photograph {i}', p.fires(photograph(2001 + i), 2001 + i), False)
        state = p.learned()
        expect('status', (state['pictures_spam'], state['pictures_ham'], state['pictures_damaged']), (60, 60, False))
        expect('explained', 'picture-spam' in p.cli('explain', os.path.join(p.pictures(lambda i: banner(i + 3000), 1, letter_with), '0')), True)
        p.stop()
        p.start()
        expect('after a restart', p.fires(banner(1010), 1010), True)
        at = len(p.log_tail(1 << 20))
        p.learn('pictures', '--forget')
        p.changed('no', at)
        expect('forgotten', p.fires(banner(1020), 1020), False)
        expect('again', 'no model of pictures' in p.cli('learn', 'pictures', '--forget', check=False), True)


@case
def pictures_without_letters():
    with Gallery() as p:
        p.start()
        spam = p.pictures(banner, 50, lambda im, i: encoded(im, 'PNG'))
        ham = p.pictures(photograph, 50, letter_with)
        with open(spam + '/rubbish.png', 'wb') as f:
            f.write(b'\x89PNG\r\n\x1a\n' + os.urandom(3000))
        p.learn('pictures', '--spam', spam, '--ham', ham)
        p.changed('yes', 0)
        expect('banner', p.fires(banner(1000), 1000), True)
        expect('photograph', p.fires(photograph(1000), 1001), False)
        path = p.dir + '/data/learn/pictures.model'
        with open(path, 'r+b') as f:
            f.seek(200)
            f.write(b'rotten')
        expect('damaged', 'damaged' in p.learn('status'), True)
        wait_until('refused', 20, lambda: 'learn.use' in p.log_tail(1 << 20))
        p.stop()
        p.start()
        expect('mail still comes', p.fires(banner(1001), 1002), False)


if __name__ == "__main__":
    sys.exit(run_cases(sys.argv[1:]))
