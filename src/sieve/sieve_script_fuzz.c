/*
 * Any bytes as a script: it is one, or mistakes say where and why; and what is one runs over a letter without passing its limits.
 */
#include "base/mem.h"
#include "base/must.h"
#include "sieve/sieve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char letter[] =
	"From: a@example.com\r\nTo: b@example.com\r\nSubject: hello "
	"=?utf-8?q?w=C3=B6rld?=\r\nMessage-ID: <1@a>\r\n"
	"Content-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\n\r\ntext\r\n--b\r\n"
	"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nbody\r\n--b--\r\nend\r\n";

static void check_mistakes(const struct sieve_mistakes *m, slice text)
{
	size_t lines = 1;
	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	for (size_t i = 0; i < m->n; i++) {
		must(m->v[i].en.n && m->v[i].zh.n);
		must(m->v[i].line <= lines);
	}
}

static void run(const struct sieve_script *s, struct arena *a)
{
	struct sieve_result r;
	struct sieve_limits l = sieve_limits_default;
	struct sieve_input q = {.scripts = &s,
		.nscripts = 1,
		.included = &s,
		.nincluded = 1,
		.message = slice_z(letter)};
	l.steps = 100000;
	l.memory = 1 << 20;
	q.sender = S("a@example.com");
	q.recipient = S("b@example.com");
	q.separator = '+';
	q.limits = &l;
	sieve_run(&q, a, &r);
	must(r.nactions <= l.actions + 1 && r.nedits <= l.edits);
	must(r.end == SIEVE_ASKS || r.end == SIEVE_DONE ||
		r.actions[r.nactions - 1].kind == SIEVE_KEEP);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	struct sieve_mistakes m;
	struct sieve_source s = {.name = S("fuzz"), .text = slice_of(data, n)};
	const struct sieve_script *script = sieve_compile(&s, 0, &a, &m);
	check_mistakes(&m, s.text);
	if (script)
		run(script, &a);
	else
		must(m.n > 0);
	return 0;
}
