"""Other spam filters from Debian, run privately in an overlay (peers.Root): bogofilter, SpamAssassin, Rspamd with
Redis. Nothing of them reaches the network: tests that would need it are off, as they are for us.

Each has learn(spam, paths) and judge(paths) -> {path: (score, flagged at its default)}, and stop().
"""
import http.client, json, os, re, shutil, socket, subprocess, threading, time
import peers
from posthouse import free_port, wait_until

MAIL = '/srv/mail'  # where the messages are in the overlay


def in_parallel(items, function, threads=2):
    todo, done, lock = list(items), {}, threading.Lock()

    def work():
        while True:
            with lock:
                if not todo:
                    return
                item = todo.pop()
            try:
                value = function(item)
            except (OSError, ValueError, http.client.HTTPException):
                value = None
            with lock:
                done[item] = value
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    return done


class Filter:
    packages = ()

    def __init__(self, folder, root):
        self.folder, self.root, self.servers = folder, root, []
        self.start()

    def inside(self, path):
        return MAIL + path[len(self.folder):]

    def outside(self, path):
        return self.folder + path[len(MAIL):]

    def list(self, paths):
        """A file with the paths as seen inside; its name inside."""
        self.root.write('/srv/list', ''.join(self.inside(p) + '\n' for p in paths))
        return '/srv/list'

    def serve(self, port, *command):
        proc = self.root.start('nice', *command)
        self.servers.append(proc)

        def up():
            if proc.poll() is not None:
                raise peers.Unavailable(f'{command[0]} did not start, see {self.root.base}/out.log')
            try:
                socket.create_connection(('127.0.0.1', port), 1).close()
                return True
            except OSError:
                return False
        wait_until(command[0], 90, up)

    def stop(self):
        for proc in self.servers[::-1]:
            pids = peers.descendants(proc.pid)
            for sig in (15, 9):
                for pid in pids:
                    try:
                        os.kill(pid, sig)
                    except ProcessLookupError:
                        pass
                time.sleep(0.3)
            proc.wait()


class Bogofilter(Filter):
    name = 'bogofilter'

    def start(self):
        shutil.rmtree(self.root.path + '/srv/bogofilter', ignore_errors=True)
        os.makedirs(self.root.path + '/srv/bogofilter')

    def ask(self, list_file, *flags):
        with open(self.root.path + list_file) as stdin:
            return subprocess.run(['chroot', self.root.path, 'nice', 'bogofilter', '-d', '/srv/bogofilter', *flags, '-b'], stdin=stdin,
                                  stdout=subprocess.PIPE, text=True, errors='replace').stdout

    def learn(self, spam, paths):
        self.ask(self.list(paths), '-s' if spam else '-n')

    def judge(self, paths):
        found = {}
        for line in self.ask(self.list(paths), '-T').splitlines():
            fields = line.rsplit(' ', 2)
            if len(fields) == 3:
                found[self.outside(fields[0].strip())] = (float(fields[2]), fields[1] == 'S')
        return found


SPAMASSASSIN = '''use_bayes 1
use_bayes_rules 1
bayes_auto_learn 0
bayes_path /srv/spamassassin/bayes/bayes
bayes_file_mode 0777
dns_available no
skip_rbl_checks 1
use_pyzor 0
use_razor2 0
use_dcc 0
required_score 5.0
'''


class SpamAssassin(Filter):
    name = 'SpamAssassin'
    MAX = 512000  # spamc's own limit

    def start(self):
        self.port = free_port()
        shutil.rmtree(self.root.path + '/srv/spamassassin', ignore_errors=True)
        os.makedirs(self.root.path + '/srv/spamassassin/bayes')
        os.chmod(self.root.path + '/srv/spamassassin/bayes', 0o777)
        self.root.write('/etc/spamassassin/local.cf', SPAMASSASSIN)

    def learn(self, spam, paths):
        self.root.run('nice', 'sa-learn', '-L', '--spam' if spam else '--ham', '--no-sync', '-f', self.list(paths))
        self.root.run('nice', 'sa-learn', '-L', '--sync')
        self.root.run('chmod', '-R', 'a+rwX', '/srv/spamassassin')

    def one(self, path):
        with open(path, 'rb') as f:
            data = f.read()
        if len(data) > self.MAX:
            return 0.0, False
        with socket.create_connection(('127.0.0.1', self.port), 300) as s:
            s.sendall(b'CHECK SPAMC/1.5\r\nContent-length: %d\r\n\r\n' % len(data) + data)
            s.shutdown(socket.SHUT_WR)
            answer = b''.join(iter(lambda: s.recv(65536), b'')).decode('latin-1')
        score = float(re.search(r'^Spam: \w+ ; (-?[\d.]+)', answer, re.M).group(1))
        return score, score >= 5

    def judge(self, paths):
        if not self.servers:
            self.serve(self.port, 'spamd', '-L', '-x', '-i', '127.0.0.1', '-p', str(self.port), '-m', '2', '-u', 'debian-spamd', '-s', 'stderr')
        return {k: v for k, v in in_parallel(paths, self.one).items() if v}


OFF = ('rbl', 'spf', 'dkim', 'arc', 'dmarc', 'asn', 'mx_check', 'fuzzy_check', 'greylist', 'ratelimit', 'dkim_signing', 'url_redirector', 'rspamd_update')


class Rspamd(Filter):
    name = 'Rspamd'

    def start(self):
        self.port, self.control, redis = free_port(), free_port(), free_port()
        for folder in ('/var/lib/rspamd', '/srv/redis'):
            shutil.rmtree(self.root.path + folder, ignore_errors=True)
            os.makedirs(self.root.path + folder)
            os.chmod(self.root.path + folder, 0o777)
        local, override = '/etc/rspamd/local.d/', '/etc/rspamd/override.d/'
        for name in OFF:
            self.root.write(f'{override}{name}.conf', 'enabled = false;\n')
        self.root.write(override + 'worker-normal.inc', f'bind_socket = "127.0.0.1:{self.port}";\ncount = 2;\n')
        self.root.write(override + 'worker-controller.inc', f'bind_socket = "127.0.0.1:{self.control}";\nsecure_ip = "127.0.0.1";\n')
        self.root.write(override + 'worker-proxy.inc', 'enabled = false;\ncount = 0;\n')
        self.root.write(override + 'worker-fuzzy.inc', 'enabled = false;\ncount = 0;\n')
        self.root.write(local + 'options.inc', 'dns {\n nameserver = ["127.0.0.1:1"];\n timeout = 0.1s;\n retransmits = 1;\n}\n')
        self.root.write(local + 'redis.conf', f'servers = "127.0.0.1:{redis}";\n')
        self.root.write(local + 'classifier-bayes.conf', f'backend = "redis";\nservers = "127.0.0.1:{redis}";\nautolearn = false;\n')
        self.serve(redis, 'redis-server', '--port', str(redis), '--bind', '127.0.0.1', '--dir', '/srv/redis', '--save', '', '--appendonly', 'no')
        self.root.run('mkdir', '-p', '/run/rspamd')
        self.root.run('chmod', '777', '/run/rspamd')
        self.serve(self.control, 'rspamd', '-f', '-u', '_rspamd', '-g', '_rspamd')
        time.sleep(15)  # it compiles its patterns

    def post(self, port, path, name, headers):
        with open(name, 'rb') as f:
            body = f.read()
        c = http.client.HTTPConnection('127.0.0.1', port, timeout=120)
        c.request('POST', path, body, headers)
        answer = c.getresponse()
        text = answer.read()
        c.close()
        return answer.status, text

    def learn(self, spam, paths):
        where = '/learnspam' if spam else '/learnham'
        in_parallel(paths, lambda p: self.post(self.control, where, p, {'Learn-Type': 'bulk'}))

    def one(self, path):
        answer = json.loads(self.post(self.port, '/checkv2', path, {})[1])
        # The age of these collections is not what is measured.
        score = answer['score'] - answer['symbols'].get('DATE_IN_PAST', {}).get('score', 0)
        return score, score >= 6  # "add header"

    def judge(self, paths):
        return {k: v for k, v in in_parallel(paths, self.one).items() if v}


PACKAGES = ('bogofilter', 'spamassassin', 'spamd', 'redis-server', 'rspamd')
ALL = {c.name: c for c in (Bogofilter, SpamAssassin, Rspamd)}


def open_root(folder):
    """The overlay with all of them installed and `folder` under MAIL. Call the second result when done."""
    root = peers.Root('filters', *PACKAGES)
    where = root.path + MAIL
    os.makedirs(where, exist_ok=True)
    peers.run('mount', '--bind', folder, where)

    def close():
        subprocess.run(['umount', '-l', where], stderr=subprocess.DEVNULL)
        root.close()
    return root, close


