"""A small S3 service for tests: path-style buckets in memory. Every request's AWS Signature Version 4 is worked out anew here and compared, the
digest of the content too. It can fail on demand.

    with S3(key='AK', secret='SK', bucket='mail') as s:   s.port, s.objects, s.fail = [503, ...], s.refused
"""
import datetime, hashlib, hmac, http.server, threading, urllib.parse
from xml.sax.saxutils import escape


class S3:
    def __init__(self, key='AKEXAMPLE', secret='secret/of+the=store', bucket='mail', region='test-1', page=7):
        self.key, self.secret, self.bucket, self.region, self.page = key, secret, bucket, region, page
        self.objects, self.fail, self.refused, self.requests = {}, [], 0, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version, wbufsize = 'HTTP/1.1', 1 << 16

            def log_message(self, *args):
                pass

            def do(self):
                body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
                status, answer, headers = outer.answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if 'Content-Length' not in headers:
                    self.send_header('Content-Length', str(len(answer)))
                self.end_headers()
                if self.command != 'HEAD':
                    self.wfile.write(answer)

            do_GET = do_PUT = do_HEAD = do_DELETE = do

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()

    @staticmethod
    def error(status, code):
        return status, f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>no</Message></Error>'.encode(), {'Content-Type': 'application/xml'}

    def signed(self, method, target, headers, body):
        """Whether the request was signed by who knows the secret, over what has come."""
        fields = dict(f.strip().split('=', 1) for f in headers.get('authorization', '').removeprefix('AWS4-HMAC-SHA256 ').split(',') if '=' in f)
        credential = fields.get('Credential', '').split('/')
        if len(credential) != 5 or credential[0] != self.key or credential[2:] != [self.region, 's3', 'aws4_request']:
            return False
        if headers.get('x-amz-content-sha256') != hashlib.sha256(body).hexdigest():
            return False
        when = headers.get('x-amz-date', '')
        now = datetime.datetime.now(datetime.timezone.utc)
        if abs((now - datetime.datetime.strptime(when, '%Y%m%dT%H%M%SZ').replace(tzinfo=datetime.timezone.utc)).total_seconds()) > 900:
            return False
        parts = urllib.parse.urlsplit(target)
        query = '&'.join(f'{urllib.parse.quote(k, safe="-_.~")}={urllib.parse.quote(v, safe="-_.~")}'
                         for k, v in sorted(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)))
        path = urllib.parse.quote(urllib.parse.unquote(parts.path), safe='/-_.~')
        names = fields['SignedHeaders'].split(';')
        if not {'host', 'x-amz-date', 'x-amz-content-sha256'} <= set(names):
            return False
        canonical = '\n'.join([method, path, query, *(f'{n}:{" ".join(headers.get(n, "").split())}' for n in names), '', ';'.join(names),
                               headers['x-amz-content-sha256']])
        scope = '/'.join(credential[1:])
        text = '\n'.join(['AWS4-HMAC-SHA256', when, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ('AWS4' + self.secret).encode()
        for step in credential[1:]:
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        return hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), fields['Signature'])

    def answer(self, method, target, headers, body):
        self.requests += 1
        if self.fail:
            status = self.fail.pop(0)
            if status:
                return self.error(status, 'SlowDown')
        if not self.signed(method, target, headers, body):
            self.refused += 1
            return self.error(403, 'SignatureDoesNotMatch')
        parts = urllib.parse.urlsplit(target)
        bucket, _, name = urllib.parse.unquote(parts.path)[1:].partition('/')
        if bucket != self.bucket:
            return self.error(404, 'NoSuchBucket')
        if not name:
            return self.list(dict(urllib.parse.parse_qsl(parts.query)))
        if method == 'PUT':
            self.objects[name] = body
            return 200, b'', {}
        if method == 'DELETE':
            self.objects.pop(name, None)
            return 204, b'', {}
        if name not in self.objects:
            return self.error(404, 'NoSuchKey')
        data = self.objects[name]
        if method == 'HEAD':
            return 200, b'', {'Content-Length': str(len(data))}
        if headers.get('Range'):
            first, last = headers['Range'].removeprefix('bytes=').split('-')
            if int(first) >= len(data):
                return self.error(416, 'InvalidRange')
            return 206, data[int(first):int(last) + 1], {}
        return 200, data, {}

    def list(self, query):
        names = sorted(n for n in self.objects if n.startswith(query.get('prefix', '')) and n > query.get('continuation-token', ''))
        some, more = names[:self.page], len(names) > self.page
        entries = ''.join(f'<Contents><Key>{escape(n)}</Key><Size>{len(self.objects[n])}</Size></Contents>' for n in some)
        token = f'<NextContinuationToken>{escape(some[-1])}</NextContinuationToken>' if more else ''
        return 200, (f'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>{str(more).lower()}'
                     f'</IsTruncated>{token}{entries}</ListBucketResult>').encode(), {'Content-Type': 'application/xml'}
