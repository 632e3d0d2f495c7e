#!/usr/bin/env python3
"""The Debian package on a machine of its own: built, installed, upgraded, removed, purged.

    test/package.py [--keep]

The machine is a fresh minimal Debian (debootstrap, kept in build/peers/package/base), an overlay on it, and
systemd-nspawn, which boots it with systemd as process 1 in a network namespace without a way out. So apt installs the
package as on a server, and the server runs under its real, hardened unit. --keep leaves the overlay for a look.

Needs root, overlayfs and the packages systemd-container, debootstrap, dpkg-dev, debhelper; skips with a word otherwise.
Without lintian that one check is skipped. It does not test a purge with the dialog on a screen, only preseeded answers.
"""
import argparse, ctypes, glob, os, re, shutil, signal, sqlite3, subprocess, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
from posthouse import PASSWORD, ROOT, wait_until
from peers import PEERS, Unavailable

BASE = os.path.join(PEERS, 'package')
DEBS = os.path.join(ROOT, 'build/package')
PACKAGES = 'systemd,systemd-sysv,dbus,adduser,iproute2'
ENV = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C.UTF-8', 'HOME': '/root', 'DEBIAN_FRONTEND': 'noninteractive'}
ADMIN = 'admin@example.org'
UPGRADED = ('directory', 'queue', 'trace')  # databases whose schema has grown since 0.1.0

# Run by this machine's python inside the other's network namespace. Arguments: number, text. A letter of a person: others are held.
SEND = '''
import smtplib, sys
from email.utils import formatdate
number, text = sys.argv[1:]
with smtplib.SMTP('127.0.0.1', 25, timeout=30) as s:
    s.ehlo('client.test')
    s.sendmail('sender@sender.test', ['%s'], 'From: Sender <sender@sender.test>\\r\\nTo: %s\\r\\nDate: ' + formatdate() + '\\r\\nMessage-ID: <' + number +
               '@sender.test>\\r\\nSubject: letter ' + number + '\\r\\n\\r\\n' + text + '\\r\\nSee you on Monday at the meeting about the new bridge.\\r\\n')
''' % (ADMIN, ADMIN)
CERTIFICATE = '''
import smtplib, ssl
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with smtplib.SMTP('127.0.0.1', 25, timeout=30) as s:
    s.starttls(context=context)
    print(ssl.DER_cert_to_PEM_cert(s.sock.getpeercert(True)))
'''
# A session that lasts until its stdin closes; it must survive a reload.
SESSION = '''
import smtplib, sys
s = smtplib.SMTP('127.0.0.1', 25, timeout=30)
print(s.ehlo('client.test')[0], flush=True)
sys.stdin.read()
print(s.noop()[0], flush=True)
'''

passed, failed = 0, []


def check(name, ok, detail=''):
    global passed
    if ok:
        passed += 1
        print('ok', name, flush=True)
    else:
        failed.append(name)
        print('FAILED', name, str(detail).strip()[-2000:], flush=True)


def need():
    if os.geteuid():
        raise Unavailable('needs root')
    for program, package in (('systemd-nspawn', 'systemd-container'), ('debootstrap', 'debootstrap'), ('dpkg-buildpackage', 'dpkg-dev'),
                             ('dh', 'debhelper')):
        if not shutil.which(program):
            raise Unavailable('needs ' + package)


def start_build(version):
    os.makedirs(DEBS, exist_ok=True)
    log = open(f'{DEBS}/build-{version}.log', 'wb')
    return subprocess.Popen(['nice', ROOT + '/pkg/debian/build', version, f'{DEBS}/{version}'], stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def built(process, version):
    if process.wait():
        raise RuntimeError(f'the build of {version} failed, see {DEBS}/build-{version}.log')
    return glob.glob(f'{DEBS}/{version}/posthouse_{version}_*.deb')[0]


def next_version(version):
    head, _, last = version.rpartition('.')
    return f'{head}.{int(last) + 1}'


class Machine:
    """A minimal Debian that is booted and thrown away."""

    def __init__(self):
        self.base, self.root = BASE + '/base', BASE + '/root'
        self.nspawn = self.init = None
        self.make_base()

    def quiet(self, what, *command):
        with open(BASE + '/base.log', 'ab') as log:
            if subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=ENV).returncode:
                raise Unavailable(f'{what} failed, see {BASE}/base.log')

    def make_base(self):
        if os.path.exists(BASE + '/installed'):
            return
        shutil.rmtree(self.base, ignore_errors=True)
        os.makedirs(BASE, exist_ok=True)
        self.quiet('debootstrap', 'debootstrap', '--variant=minbase', '--include=' + PACKAGES, 'bookworm', self.base)
        open(BASE + '/installed', 'w').close()

    def fetch_dependencies(self, deb):
        """Downloads what the package depends on, without installing it: later there is no network."""
        shutil.copy(deb, self.base + '/root/posthouse.deb')
        self.quiet('downloading dependencies', 'chroot', self.base, 'apt-get', 'install', '-y', '--no-install-recommends', '--download-only',
                   '/root/posthouse.deb')

    def boot(self):
        for sub in ('upper', 'work'):
            shutil.rmtree(f'{BASE}/{sub}', ignore_errors=True)
        for sub in ('upper', 'work', 'root'):
            os.makedirs(f'{BASE}/{sub}', exist_ok=True)
        options = f'lowerdir={self.base},upperdir={BASE}/upper,workdir={BASE}/work'
        if subprocess.run(['mount', '-t', 'overlay', 'overlay', '-o', options, self.root], stderr=subprocess.DEVNULL).returncode:
            raise Unavailable('needs overlayfs')
        self.nspawn = subprocess.Popen(
            ['systemd-nspawn', '--boot', '--quiet', '--private-network', '--resolv-conf=off', '--register=no', '--keep-unit',
             '--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self', '--link-journal=no', '--console=pipe', f'--machine=posthouse-{os.getpid()}', '-D', self.root],
            stdin=subprocess.DEVNULL, stdout=open(BASE + '/boot.log', 'wb'), stderr=subprocess.STDOUT, start_new_session=True, env=ENV)
        try:
            wait_until('the machine to boot', 60, self.is_running, 0.2)
        except TimeoutError:
            raise Unavailable(f'systemd-nspawn cannot boot here, see {BASE}/boot.log') from None

    def is_running(self):
        if self.nspawn.poll() is not None:
            raise Unavailable(f'systemd-nspawn cannot boot here, see {BASE}/boot.log')
        children = open(f'/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children').read().split()
        if len(children) != 1 or open(f'/proc/{children[0]}/comm').read() != 'systemd\n':
            return False
        self.init = children[0]
        return self.run('systemctl', 'is-system-running').stdout.strip() in ('running', 'degraded')

    def run(self, *command, stdin=None, env=None):
        """Output and exit status; stderr goes with stdout."""
        return subprocess.run(['nsenter', '-t', self.init, '-a', '-r', '-w', *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, input=stdin or '', env={**ENV, **(env or {})}, timeout=180)

    def out(self, *command):
        return self.run(*command).stdout.strip()

    def network(self, script, *args):
        """A python script of this machine in the other's network; a Popen."""
        return subprocess.Popen(['nsenter', '-t', self.init, '-n', sys.executable, '-c', script, *args], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def apt(self, *args):
        return self.run('apt-get', '-y', '--no-install-recommends', *args)

    def install(self, deb, *args):
        shutil.copy(deb, self.root + '/root/')
        return self.apt('install', *args, '/root/' + os.path.basename(deb))

    def stop(self, keep):
        if self.nspawn and self.nspawn.poll() is None:
            self.nspawn.send_signal(signal.SIGTERM)  # an orderly shutdown
            try:
                self.nspawn.wait(30)
            except subprocess.TimeoutExpired:
                if self.init:
                    os.kill(int(self.init), signal.SIGKILL)
                self.nspawn.kill()
                self.nspawn.wait()
        subprocess.run(['umount', '-l', self.root], stderr=subprocess.DEVNULL)
        if not keep:
            for sub in ('upper', 'work'):
                shutil.rmtree(f'{BASE}/{sub}', ignore_errors=True)


class Checks:
    def __init__(self, machine):
        self.m, self.sent = machine, 0

    def state(self):
        return self.m.out('systemctl', 'is-active', 'posthouse')

    def main_pid(self):
        return self.m.out('systemctl', 'show', '-P', 'MainPID', 'posthouse')

    def works(self, name, command, *args, **kw):
        r = command(*args, **kw)
        check(name, r.returncode == 0, r.stdout)
        return r.stdout

    def send(self, name):
        """A letter through port 25; then all letters so far are in the mailbox."""
        self.sent += 1
        p = self.m.network(SEND, str(self.sent), f'text {self.sent}')
        answer = p.communicate(timeout=60)[0]
        check(name + ': port 25 accepts a letter', p.returncode == 0, answer)
        self.mail_is_there(name)

    def letters(self):
        found = set()
        for uid in range(1, self.sent + 1):
            m = re.search(r'^text (\d+)', self.m.out('posthouse', 'mailbox', 'cat', ADMIN, str(uid)), re.M)
            if m:
                found.add(int(m.group(1)))
        return found

    def mail_is_there(self, name):
        try:
            wait_until('all letters', 15, lambda: self.letters() == set(range(1, self.sent + 1)), 0.3)
            check(f'{name}: all {self.sent} letters are in the mailbox', True)
        except TimeoutError:
            check(f'{name}: all {self.sent} letters are in the mailbox', False,
                  self.m.out('posthouse', 'queue', 'list') + self.m.out('journalctl', '-u', 'posthouse', '-n', '20', '--no-pager'))

    def owner(self, path):
        return self.m.out('stat', '-c', '%U:%G %a', path)

    # The life of a package, in order.

    def contents(self, deb):
        files = subprocess.run(['dpkg-deb', '-c', deb], capture_output=True, text=True, check=True).stdout
        for page in ('man1/posthouse.1', 'man5/posthouse.conf.5'):
            for where in ('', 'zh_CN/'):
                check(f'has man page {where}{page}', f'/usr/share/man/{where}{page}.gz\n' in files, files)
        if not shutil.which('lintian'):
            print('lintian: skipped, not installed')
            return
        r = subprocess.run(['lintian', '--fail-on', 'error,warning', deb], capture_output=True, text=True)
        check('lintian has no errors and no warnings', r.returncode == 0, r.stdout + r.stderr)

    def installation(self, deb):
        out = self.works('apt installs it with what it depends on', self.m.install, deb)
        check('and says what to do next', 'posthouse init --domain' in out, out)
        check('directories', [self.owner('/var/lib/posthouse'), self.owner('/etc/posthouse')] ==
              ['posthouse:posthouse 750', 'root:posthouse 750'], self.owner('/var/lib/posthouse') + self.owner('/etc/posthouse'))
        check('not enabled, not started', (self.m.out('systemctl', 'is-enabled', 'posthouse'), self.state()) == ('disabled', 'inactive'))
        zh = self.m.out('gzip', '-dc', '/usr/share/man/zh_CN/man1/posthouse.1.gz')
        en = self.m.out('gzip', '-dc', '/usr/share/man/man1/posthouse.1.gz')
        check('man pages are in their languages', '名称' in zh and '名称' not in en, en[:200])

    def first_steps(self):
        self.works('posthouse init', self.m.run, 'posthouse', 'init', '--domain', 'example.org', '--hostname', 'mx.example.org', '--admin', ADMIN,
                   '--stdin', stdin=PASSWORD + '\n')
        self.works('check-config', self.m.run, 'posthouse', 'check-config')
        self.works('systemctl enable --now', self.m.run, 'systemctl', 'enable', '--now', 'posthouse')
        check('active', self.state() == 'active', self.m.out('systemctl', 'status', '--no-pager', 'posthouse'))
        self.send('installed')

    def places(self, name):
        """What only the server may read: keys, what is remembered of senders, mail."""
        data = '/var/lib/posthouse/'
        wanted = {data + sub: 'posthouse:posthouse 700' for sub in ('keys', 'keys/db', 'keys/snapshot', 'kv', 'db', 'blob', 'auth', 'mirror', 'learn', 'features', 'snapshot')}
        wanted |= {data + file: 'posthouse:posthouse 600' for file in ('keys/db/keyring.sqlite', 'kv/data.mdb', 'db/directory.sqlite', 'db/queue.sqlite',
                                                                       'db/report.sqlite')}
        found = {path: self.owner(path) for path in wanted}
        check(f'{name}: owner and mode of the places in DATA', found == wanted, {p: found[p] for p in wanted if found[p] != wanted[p]})
        roles = set(re.findall(r'^(\w+)', self.m.out('posthouse', 'status'), re.M))
        expected = {'edge', 'queue', 'auth', 'keys', 'scan', 'learn', 'features', 'keeper', 'web'}
        check(f'{name}: every process runs that needs no configuration', expected <= roles, expected - roles)

    def pids(self):
        """Of all processes of the unit, under whichever layout of cgroups there is."""
        lists = (f'/sys/fs/cgroup/{where}system.slice/posthouse.service/cgroup.procs' for where in ('', 'systemd/', 'unified/'))
        return sorted(set(re.findall(r'^\d+$', self.m.out('cat', *lists), re.M)))

    def confinement(self):
        pids = self.pids()
        check('several processes', len(pids) >= 4, pids)
        uid = self.m.out('id', '-u', 'posthouse')
        statuses = {pid: self.m.out('cat', f'/proc/{pid}/status') for pid in pids}
        for what, pattern in (('as user posthouse', rf'^Uid:\s+{uid}\s+{uid}\s'), ('without new privileges', r'^NoNewPrivs:\s+1'),
                              ('with a system call filter', r'^Seccomp:\s+2'), ('with at most the right to bind ports', r'^CapBnd:\s+0000000000000[04]00')):
            bad = [s.split('\n')[0] for s in statuses.values() if not re.search(pattern, s, re.M)]
            check('all processes run ' + what, not bad, bad)
        status = self.m.out('posthouse', 'status')
        own = re.findall(r'sandbox=(\S+)', status)
        if ctypes.CDLL(None).syscall(444, None, 0, 1) < 0:  # landlock_create_ruleset: its version
            print('the sandbox of each process: skipped, this kernel has no landlock')
        else:
            check("under the unit every process's own sandbox is complete", len(own) >= 4 and set(own) == {'complete'}, status)
        score = self.m.out('systemd-analyze', 'security', '--no-pager', '--threshold=30', 'posthouse')
        check('systemd-analyze security: exposure under 3', re.search(r'exposure level for posthouse.service: [0-2]\.\d', score), score[-300:])
        print(score.split('\n')[-1])

    def reload(self):
        session = self.m.network(SESSION)
        check('a session is open', session.stdout.readline() == '250\n')
        before = self.main_pid()
        self.works('systemctl reload', self.m.run, 'systemctl', 'reload', 'posthouse')
        check('reload keeps the master', (self.state(), self.main_pid()) == ('active', before), self.main_pid())
        check('reload keeps the session', session.communicate('', timeout=60)[0] == '250\n')
        conf = self.m.root + '/etc/posthouse/posthouse.conf'
        good = open(conf).read()
        with open(conf, 'a') as f:
            f.write('\n[nonsense]\nx = 1\n')
        r = self.m.run('systemctl', 'reload', 'posthouse')
        check('a reload with a mistake is refused and the server goes on', r.returncode != 0 and self.state() == 'active', r.stdout)
        with open(conf, 'w') as f:
            f.write(good)
        self.works('reload after mending', self.m.run, 'systemctl', 'reload', 'posthouse')
        self.send('reloaded')

    def certificate_hook(self):
        """The deploy hook of the manual, word for word, with a certificate that only root can read."""
        manual = open(ROOT + '/doc/en/install.md', encoding='utf-8').read()
        hook = re.search(r'```\n(#!/bin/sh\n# /etc/letsencrypt/.*?)```', manual, re.S).group(1)
        live = self.m.root + '/etc/letsencrypt/live/mx.example.org'
        os.makedirs(live)
        os.chmod(self.m.root + '/etc/letsencrypt/live', 0o700)
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj',
                        '/CN=mx.example.org', '-keyout', live + '/privkey.pem', '-out', live + '/fullchain.pem'],
                       check=True, stderr=subprocess.DEVNULL)
        with open(self.m.root + '/etc/posthouse/posthouse.conf', 'a') as f:
            f.write('\n[tls]\ncertificate = /etc/posthouse/certificate.pem\nkey = /etc/posthouse/key.pem\n')
        with open(self.m.root + '/root/hook', 'w') as f:
            f.write(hook)
        os.chmod(self.m.root + '/root/hook', 0o755)
        self.works("the manual's deploy hook", self.m.run, '/root/hook', env={'RENEWED_LINEAGE': '/etc/letsencrypt/live/mx.example.org'})
        check('the key is not for everyone', self.owner('/etc/posthouse/key.pem') == 'root:posthouse 640', self.owner('/etc/posthouse/key.pem'))
        shown = self.m.network(CERTIFICATE).communicate(timeout=60)[0]
        check('the new certificate is in service', shown.strip() == open(live + '/fullchain.pem').read().strip(), shown)

    def crash(self):
        before = self.main_pid()
        self.m.run('sh', '-c', 'kill -KILL ' + before)
        try:
            wait_until('the restart', 20, lambda: self.state() == 'active' and self.main_pid() not in ('0', before), 0.3)
        except TimeoutError:
            pass
        check('systemd starts it again after a crash', self.state() == 'active' and self.main_pid() != before, self.state())
        self.send('restarted')

    def upgrade(self, deb, version):
        before, conf = self.main_pid(), self.m.out('cat', '/etc/posthouse/posthouse.conf')
        self.works('apt upgrades it', self.m.install, deb)
        check('the new version', version in self.m.out('posthouse', 'version'), self.m.out('posthouse', 'version'))
        check('a running server was restarted', self.state() == 'active' and self.main_pid() != before, f'{self.state()} {before} {self.main_pid()}')
        exe = self.m.out('readlink', f'/proc/{self.main_pid()}/exe')
        check('the running program is the new one', exe == '/usr/bin/posthouse', exe)
        check('still enabled', self.m.out('systemctl', 'is-enabled', 'posthouse') == 'enabled')
        check('the configuration is as it was', self.m.out('cat', '/etc/posthouse/posthouse.conf') == conf)
        self.send('upgraded')
        self.m.run('systemctl', 'stop', 'posthouse')
        self.works('installing it again while it is stopped', self.m.install, deb, '--reinstall')
        check('does not start it', self.state() == 'inactive', self.state())
        self.m.run('systemctl', 'start', 'posthouse')

    def older_store(self):
        """Mail and settings as version 0.1.0 left them: schemas taken back, what came later not there."""
        self.m.run('systemctl', 'stop', 'posthouse')
        data = self.m.root + '/var/lib/posthouse/'
        for name in UPGRADED:
            db = sqlite3.connect(f'{data}db/{name}.sqlite', isolation_level=None)
            for version, down in db.execute('SELECT version, down FROM schema_version WHERE version > 1 ORDER BY version DESC').fetchall():
                db.executescript(down)
                db.execute('DELETE FROM schema_version WHERE version = ?', (version,))
            db.close()
        for name in os.listdir(data + 'db'):
            if name.startswith(('report.', 'tlspolicy.')):
                os.unlink(data + 'db/' + name)
        for sub in ('keys', 'kv', 'mirror', 'learn', 'features'):
            shutil.rmtree(data + sub, ignore_errors=True)

    def schema_upgrade(self, deb):
        self.older_store()
        self.works('apt installs over an older store', self.m.install, deb, '--reinstall')
        self.works('the start brings it up to date', self.m.run, 'systemctl', 'start', 'posthouse')
        check('active on the older store', self.state() == 'active', self.m.out('journalctl', '-u', 'posthouse', '-n', '20', '--no-pager'))
        snapshots = self.m.out('sh', '-c', 'ls /var/lib/posthouse/snapshot')
        check('with snapshots of what was', all(f'{name}-v1-' in snapshots for name in UPGRADED), snapshots)
        self.places('older store')
        self.send('older store')
        self.works('its domain gets keys', self.m.run, 'posthouse', 'dkim', 'add', 'example.org')
        check('its quarantine can be used', self.m.run('posthouse', 'quarantine', 'list').returncode in (0, 1), self.m.out('posthouse', 'quarantine', 'list'))
        check('and lists', 'evil.test' in self.works('list add', self.m.run, 'posthouse', 'list', 'add', 'block', 'evil.test') +
              self.m.out('posthouse', 'list', 'show'))

    def removal(self, deb):
        conf = self.m.out('cat', '/etc/posthouse/posthouse.conf')
        self.works('apt removes it', self.m.apt, 'remove', 'posthouse')
        check('the program is gone', not os.path.exists(self.m.root + '/usr/bin/posthouse'))
        pids, ports = self.pids(), self.m.out('ss', '-ltnp')
        check('nothing runs', not pids and 'LISTEN' not in ports, f'{pids} {ports} {self.m.out("journalctl", "-u", "posthouse", "-n", "20", "--no-pager")}')
        check('mail and configuration stay', os.listdir(self.m.root + '/var/lib/posthouse') and
              self.m.out('cat', '/etc/posthouse/posthouse.conf') == conf)
        self.works('apt installs it again', self.m.install, deb)
        self.m.run('systemctl', 'start', 'posthouse')
        self.send('installed again')

    def purge(self, deb):
        uid = self.owner('/var/lib/posthouse')
        out = self.works('apt purges it without an answer', self.m.apt, 'purge', 'posthouse')
        check('and says that mail is kept', 'mail is kept in /var/lib/posthouse' in out, out)
        check('mail stays with its owner, configuration goes', self.owner('/var/lib/posthouse') == uid == 'posthouse:posthouse 750' and
              not os.path.exists(self.m.root + '/etc/posthouse'), self.owner('/var/lib/posthouse'))
        self.works('apt installs it again after the purge', self.m.install, deb)
        self.works('init again', self.m.run, 'posthouse', 'init', '--domain', 'example.org', '--hostname', 'mx.example.org', '--admin', ADMIN,
                   '--stdin', stdin=PASSWORD + '\n')
        self.works('start again', self.m.run, 'systemctl', 'start', 'posthouse')
        self.send('after the purge')
        self.works('preseeding', self.m.run, 'debconf-set-selections', stdin='posthouse posthouse/purge-mail boolean true\n')
        self.works('apt purges it, answered yes', self.m.apt, 'purge', 'posthouse')
        check('mail, configuration and user are gone', not os.path.exists(self.m.root + '/var/lib/posthouse') and
              not os.path.exists(self.m.root + '/etc/posthouse') and 'no such user' in self.m.out('id', 'posthouse'), self.m.out('id', 'posthouse'))


def errors_in_journal(machine):
    lines = machine.out('journalctl', '-u', 'posthouse', '--no-pager', '-o', 'cat').split('\n')
    bad = [l for l in lines if 'level=error' in l and 'nonsense' not in l]
    check('no error in the journal but the mistake that was made', not bad, '\n'.join(bad[:10]))


def whole_life(machine, debs, version):
    c = Checks(machine)
    c.contents(debs[0])
    c.installation(debs[0])
    c.first_steps()
    c.places('first start')
    c.confinement()
    c.reload()
    c.certificate_hook()
    c.crash()
    c.upgrade(debs[1](), version)
    c.schema_upgrade(debs[1]())
    c.removal(debs[1]())
    errors_in_journal(machine)
    c.purge(debs[1]())


def main():
    options = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    options.add_argument('--keep', action='store_true')
    keep = options.parse_args().keep
    machine, builds = None, []
    try:
        need()
        version = open(ROOT + '/VERSION').read().strip()
        higher = next_version(version)
        builds.append(start_build(version))
        machine = Machine()
        first = built(builds[0], version)
        builds.append(start_build(higher))
        machine.fetch_dependencies(first)
        machine.boot()
        whole_life(machine, [first, lambda: built(builds[1], higher)], higher)
    except Unavailable as e:
        print(f'package: skipped, {e}')
    except (RuntimeError, OSError, subprocess.SubprocessError) as e:
        check('the test itself', False, e)
    finally:
        if machine:
            machine.stop(keep)
        for b in builds:
            b.wait()
    print(f'{passed} passed, {len(failed)} failed')
    sys.exit(bool(failed))


main()
