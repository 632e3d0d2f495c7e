"""Virus engines of others, started privately: ClamAV's daemon with a signature file of the test's own (nothing is downloaded), and
c-icap with its virus_scan service in front of that daemon. Their packages are only unpacked (`UNPACK` in dev).
"""
import glob, hashlib, os, shutil, signal, socket, subprocess
from peers import PEERS, Unavailable
from posthouse import free_port, wait_until

EICAR = b'X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'
NAME = 'Local.Eicar'


def found(program):
    """The program, and the environment that it needs."""
    places = glob.glob(f'{PEERS}/*/usr/sbin') + glob.glob(f'{PEERS}/*/usr/bin')
    path = shutil.which(program, path=':'.join(['/usr/sbin', '/usr/bin', *places]))
    if not path:
        raise Unavailable(f'no {program}: ./dev unpacks it')
    libraries = ':'.join(glob.glob(f'{PEERS}/*/usr/lib/*-linux-gnu'))
    return path, dict(os.environ, LD_LIBRARY_PATH=libraries)


class Engine:
    def __init__(self, directory):
        self.dir, self.proc = directory, None
        os.makedirs(directory, exist_ok=True)

    def launch(self, args, env):
        self.log = open(os.path.join(self.dir, 'log'), 'ab')
        self.proc = subprocess.Popen(args, env=env, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def signal(self, number):
        self.proc.send_signal(number)

    def kill(self):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGCONT)
            self.proc.kill()
        if self.proc:
            self.proc.wait()
        self.proc = None


class Clamd(Engine):
    """Knows EICAR, and whatever the test adds."""

    def __init__(self, directory):
        super().__init__(directory)
        self.program, self.env = found('clamd')
        self.port, self.path = free_port(), os.path.join(directory, 'clamd.sock')
        os.makedirs(os.path.join(directory, 'db'), exist_ok=True)
        os.chmod(directory, 0o755)
        self.know(NAME, EICAR)
        with open(os.path.join(directory, 'clamd.conf'), 'w') as f:
            f.write(f'DatabaseDirectory {directory}/db\nLocalSocket {self.path}\nLocalSocketMode 666\nTCPSocket {self.port}\nTCPAddr 127.0.0.1\n'
                    f'Foreground yes\nMaxThreads 4\nStreamMaxLength 200M\nConcurrentDatabaseReload no\n')
            if os.geteuid() == 0:
                f.write('User root\n')

    def know(self, name, content):
        """A signature: the bytes anywhere in a file."""
        with open(os.path.join(self.dir, 'db', 'test.ndb'), 'a') as f:
            f.write(f'{name}:0:*:{content.hex()}\n')
        # The version that clamd tells comes from a database's head; local files have none, so one with a head goes beside it.
        self.revision = getattr(self, 'revision', 0) + 1

    def ask(self, command):
        with socket.create_connection(('127.0.0.1', self.port), 5) as s:
            s.sendall(b'z' + command + b'\0')
            return s.makefile('rb').read().decode().strip('\0')

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.launch([self.program, '--config-file=' + os.path.join(self.dir, 'clamd.conf')], self.env)

        def answers():
            if self.proc.poll() is not None:
                raise RuntimeError('clamd ended: ' + open(self.log.name, errors='replace').read()[-2000:])
            try:
                return self.ask(b'PING') == 'PONG'
            except OSError:
                return False
        wait_until('clamd', 60, answers)
        return self

    def config(self, name='clamav', local=False, descriptor=False, **keys):
        lines = [f'[engine "{name}"]', 'type = clamd', f'address = unix:{self.path}' if local else f'address = 127.0.0.1:{self.port}']
        if descriptor:
            lines.append('by = descriptor')
        return lines + [f'{k} = {v}' for k, v in keys.items()]


class CIcap(Engine):
    """The service /virus_scan; it asks the clamd given."""

    def __init__(self, directory, clamd):
        super().__init__(directory)
        self.program, self.env = found('c-icap')
        self.port = free_port()
        modules = glob.glob(f'{PEERS}/*/usr/lib/*-linux-gnu/c_icap') + glob.glob('/usr/lib/*-linux-gnu/c_icap')
        by_name = {os.path.basename(f): f for d in modules for f in glob.glob(d + '/*.so')}
        for name in ('virus_scan.so', 'clamd_mod.so'):
            if name not in by_name:
                raise Unavailable(f'no {name} of c-icap: ./dev unpacks it')
        magic = (glob.glob(f'{PEERS}/*/etc/c-icap/c-icap.magic') + glob.glob('/etc/c-icap/c-icap.magic'))[0]
        os.makedirs(directory + '/tmp', exist_ok=True)
        with open(os.path.join(directory, 'c-icap.conf'), 'w') as f:
            f.write(f'PidFile {directory}/pid\nCommandsSocket {directory}/ctl\nPort 127.0.0.1:{self.port}\nStartServers 1\nMaxServers 2\n'
                    f'ThreadsPerChild 4\nTmpDir {directory}/tmp\nServerLog {directory}/server.log\nAccessLog {directory}/access.log\n'
                    f'TemplateDir {directory}\nLoadMagicFile {magic}\nModule common {by_name["clamd_mod.so"]}\n'
                    f'clamd_mod.ClamdHost 127.0.0.1\nclamd_mod.ClamdPort {clamd.port}\nService virus_scan {by_name["virus_scan.so"]}\n'
                    'virus_scan.DefaultEngine clamd\nvirus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE DOCUMENT\n'
                    'virus_scan.SendPercentData 0\nvirus_scan.StartSendPercentDataAfter 200M\nvirus_scan.MaxObjectSize 100M\nvirus_scan.PassOnError off\n')

    def start(self):
        self.launch([self.program, '-N', '-D', '-d', '1', '-f', os.path.join(self.dir, 'c-icap.conf')], self.env)

        def answers():
            if self.proc.poll() is not None:
                raise RuntimeError('c-icap ended: ' + open(self.log.name, errors='replace').read()[-2000:])
            try:
                with socket.create_connection(('127.0.0.1', self.port), 5) as s:
                    s.sendall(b'OPTIONS icap://127.0.0.1/virus_scan ICAP/1.0\r\nHost: 127.0.0.1\r\nEncapsulated: null-body=0\r\n\r\n')
                    return s.recv(12) == b'ICAP/1.0 200'
            except OSError:
                return False
        wait_until('c-icap', 30, answers)
        return self

    def config(self, name='icap', **keys):
        return [f'[engine "{name}"]', 'type = icap', f'address = icap://127.0.0.1:{self.port}/virus_scan'] + [f'{k} = {v}' for k, v in keys.items()]
