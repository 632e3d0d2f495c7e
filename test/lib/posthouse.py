"""A private posthouse instance for tests: own directory, own ports, its own configuration.

    with Instance(config=['[smtp "mx"]', 'max_rcpts = 100']) as p:
        p.setup_command('domain add local.test')
        p.start()
        p.cli('queue', 'list', '--json')
"""
import json, os, random, shlex, shutil, signal, socket, subprocess, sys, tempfile, time
from zone import Zone

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get('POSTHOUSE', os.path.join(ROOT, 'build/release/posthouse'))
PASSWORD = 'correct horse 7'


given = set()


def lowest_ephemeral():
    with open('/proc/sys/net/ipv4/ip_local_port_range') as f:
        return int(f.read().split()[0])


def free_port():
    """A loopback port that nobody listens on now. Below those that the kernel gives to outgoing connections: one of these
    would take it before the server binds it."""
    lowest = lowest_ephemeral()
    while True:
        port = random.randrange(10000, lowest) if lowest > 12000 else 0
        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', port))
            except OSError:
                continue
            port = s.getsockname()[1]
        if port not in given:
            given.add(port)
            return port


def wait_until(what, seconds, check, every=0.05):
    end = time.monotonic() + seconds
    while True:
        got = check()
        if got:
            return got
        if time.monotonic() > end:
            raise TimeoutError(f'waited {seconds} s for {what}')
        time.sleep(every)


class Instance:
    LISTENERS = ('mx', 'submission', 'submissions', 'lmtp')
    READING = ('imap', 'imaps', 'pop3', 'pop3s')
    SIEVE = ('sieve', 'plain')
    IMPLICIT = ('submissions', 'imaps', 'pop3s')

    def __init__(self, config=(), directory=None, environment=None, listeners=LISTENERS):
        self.dir = tempfile.mkdtemp(prefix='posthouse-test-') if directory is None else directory
        os.chmod(self.dir, 0o755)
        self.ports = {name: free_port() for name in listeners}
        self.environment = dict(os.environ, LC_ALL='C.UTF-8', **(environment or {}))
        self.conf = os.path.join(self.dir, 'posthouse.conf')
        self.master = None
        self.log = open(os.path.join(self.dir, 'log'), 'ab')
        self.cert()
        # Nothing of a test asks the machine's resolver: without a zone of the test's own all names do not exist.
        self.nowhere = None if '[dns]' in config else Zone([])
        if self.nowhere:
            config = [*config, '[dns]', 'mode = forward', f'servers = 127.0.0.1@{self.nowhere.port}']
        self.write_config(config)

    def cert(self):
        self.cert_file, self.key_file = self.dir + '/cert.pem', self.dir + '/key.pem'
        if not os.path.exists(self.cert_file):
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
                            '-subj', '/CN=mx.post.test', '-addext', 'subjectAltName=DNS:mx.post.test,DNS:localhost,IP:127.0.0.1',
                            '-keyout', self.key_file, '-out', self.cert_file], check=True, stderr=subprocess.DEVNULL)
            os.chmod(self.key_file, 0o644)

    def write_config(self, extra):
        """extra: lines; sections given there are merged with the base configuration."""
        sections = {'[server]': ['hostname = mx.post.test', f'data = {self.dir}/data', f'run = {self.dir}/run', 'edges = 2'],
                    '[tls]': [f'certificate = {self.cert_file}', f'key = {self.key_file}']}
        for name, port in self.ports.items():
            if name in self.SIEVE:
                sections[f'[managesieve "{name}"]'] = [f'listen = 127.0.0.1:{port}']
            elif name in self.READING:  # mail programs
                sections[f'[{name[:4]} "{name}"]'] = [f'listen = 127.0.0.1:{port}'] + (['tls = implicit'] if name in self.IMPLICIT else [])
            else:
                sections[f'[smtp "{name}"]'] = [f'listen = 127.0.0.1:{port}', f'kind = {name}']
        where = None
        for line in extra:
            if line.startswith('['):
                where = sections.setdefault(line, [])
                continue
            key = line.split('=')[0].strip()
            where[:] = [l for l in where if l.split('=')[0].strip() != key] + [line]
        with open(self.conf, 'w', encoding='utf-8') as f:
            for head, lines in sections.items():
                f.write('\n'.join([head] + lines) + '\n')

    def cli(self, *args, check=True, stdin=None):
        r = subprocess.run([PROGRAM, '--config', self.conf, *args], input=stdin, capture_output=True, text=True, timeout=120,
                           env=self.environment)
        if check and r.returncode:
            raise RuntimeError(f'posthouse {" ".join(args)}: exit {r.returncode}\n{r.stdout}{r.stderr}')
        return r.stdout + r.stderr

    def json(self, *args):
        return json.loads(self.cli(*args, '--json'))

    def json_any(self, *args):
        """Exit code and `step` of a command that may fail."""
        r = subprocess.run([PROGRAM, '--config', self.conf, *args, '--json'], capture_output=True, text=True, timeout=120, env=self.environment)
        return r.returncode, json.loads(r.stdout).get('step')

    def prepare(self):
        self.cli('store', 'stat')

    def setup_command(self, command, password=PASSWORD):
        args = shlex.split(command)
        if args[:2] == ['domain', 'add']:  # unsigned mail is easier to look at; with --keys the usual way
            args = args[:-1] if '--keys' in args else args + ['--no-keys']
        if args[:2] == ['account', 'add']:
            self.cli(*args, '--stdin', stdin=password + '\n')
        else:
            self.cli(*args)

    def start(self, wait=True):
        self.master = subprocess.Popen([PROGRAM, 'serve', '--config', self.conf], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                                       env=self.environment)
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=20):
        def greets():
            if self.master.poll() is not None:
                raise RuntimeError('posthouse serve ended:\n' + self.log_tail())
            for name, port in self.ports.items():
                try:
                    with socket.create_connection(('127.0.0.1', port), 1) as s:
                        s.settimeout(2)
                        if name not in self.IMPLICIT and not s.recv(3):
                            return False
                except OSError:
                    return False
            return True
        wait_until('the server', seconds, greets)

    def wait_listening(self, seconds):
        """At most so long, until it greets; it may also end meanwhile."""
        try:
            self.wait_ready(seconds)
        except (RuntimeError, TimeoutError):
            pass

    def processes(self):
        """pid -> role of the running server, the master included."""
        found = {}
        if not self.master or self.master.poll() is not None:
            return found
        found[self.master.pid] = 'master'
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                stat = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
                if int(stat[1]) == self.master.pid:
                    words = open(f'/proc/{pid}/cmdline').read().split('\0')
                    found[int(pid)] = words[2] if len(words) > 2 else '?'
            except (OSError, IndexError):
                continue
        return found

    def stop(self, seconds=30):
        if self.master and self.master.poll() is None:
            self.master.send_signal(signal.SIGTERM)
            try:
                self.master.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        self.master = None

    def kill(self):
        """SIGKILL for all processes at once, as when the power fails (but for the page cache)."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.master.wait()

    def log_tail(self, n=6000):
        self.log.flush()
        with open(self.log.name, 'rb') as f:
            f.seek(max(0, os.path.getsize(self.log.name) - n))
            return f.read().decode('utf-8', 'replace')

    def queued(self):
        return int(self.json('store', 'stat')['queue_recipients'])

    def wait_queue(self, count, seconds=30):
        wait_until(f'{count} queued recipients', seconds, lambda: self.queued() == count)

    def mail(self, address):
        return self.json('mailbox', 'list', address)['messages']

    def wait_mail(self, address, count, seconds=15):
        """The newest message of the mailbox as text, once it holds that many."""
        wait_until(f'{count} messages for {address}', seconds, lambda: len(self.mail(address)) >= count)
        messages = self.mail(address)
        if len(messages) > count:
            raise RuntimeError(f'{len(messages)} messages for {address}, not {count}')
        return self.cli('mailbox', 'cat', address, str(max(m['uid'] for m in messages))) if messages else ''

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        try:
            self.stop()
        finally:
            self.log.close()
            if self.nowhere:
                self.nowhere.stop()
            if not os.environ.get('KEEP'):
                shutil.rmtree(self.dir, ignore_errors=True)
