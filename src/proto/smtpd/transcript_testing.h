/*
 * Transcripts: what a client says and what it must hear, byte for byte; run whole, byte by byte and
 * in pieces of seven, which must make no difference.
 */
#pragma once
#include "proto/smtpd/smtpd_testing.h"

struct transcript {
	const char *name, *conf; /* conf: further lines for [smtp] */
	const char *ip; /* NULL: 192.0.2.1 */
	const char *in;
	size_t in_n; /* 0: strlen(in) */
	const char *out; /* message ids are written ID */
	const char *kept; /* messages accepted (fake_accept), NULL: none */
	const char *told; /* refusals reported and the end; NULL: not looked at */
};

#define G "220 mail.example.com ESMTP Posthouse\r\n"
#define HELO "HELO c.test\r\n"
#define HELO_OK "250 mail.example.com\r\n"
#define GH G HELO_OK
#define MX "kind = mx\nsync = no\n"
#define MAIL_OK "250 2.1.0 Sender ok\r\n"
#define RCPT_OK "250 2.1.5 Recipient ok\r\n"
#define GO "354 Go ahead, end with <CRLF>.<CRLF>\r\n"
#define KEPT "250 2.0.0 Kept as ID\r\n"
#define QUIT "QUIT\r\n"
#define BYE "221 2.0.0 Bye\r\n"
#define MAIL_A "MAIL FROM:<a@x.test>\r\n"
#define RCPT_ALICE "RCPT TO:<alice@example.com>\r\n"
#define RCPT_BOB "RCPT TO:<bob@example.com>\r\n"
#define NO_USER "550 5.1.1 No such user here\r\n"
#define CAPS_BEFORE                                                                                \
	"250-mail.example.com\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n"          \
	"250-BINARYMIME\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n" \
	"250-LIMITS MAILMAX=1000 RCPTMAX=1000\r\n"
#define CAPS CAPS_BEFORE "250 HELP\r\n"
#define SUBMISSION "kind = submission\nauth_plaintext = yes\n"
#define CAPS_SUBMISSION CAPS_BEFORE "250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n250 HELP\r\n"
#define AUTH_ALICE "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"
#define AUTH_OK "235 2.7.0 Logged in\r\n"

/* Message ids become "ID". */
static inline void without_ids(struct buf *out, slice in)
{
	slice mark = S("ept as ");
	size_t at;
	while ((at = slice_find(in, mark)) < in.n) {
		buf_put(out, slice_first(in, at + mark.n));
		buf_put(out, S("ID"));
		in = slice_skip(in, at + mark.n + 13);
	}
	buf_put(out, in);
}

struct run {
	const struct transcript *t;
	size_t step;
	struct fake *fake;
};

static inline void run_one(void *arg)
{
	struct run *r = arg;
	const struct transcript *t = r->t;
	struct arena a = {0};
	struct conf *conf;
	struct smtpd_service service;
	struct net_addr peer, local;
	fake_service(slice_z(t->conf), NULL, &a, &conf, &service);
	fake_peers(t->ip ? t->ip : "192.0.2.1", &peer, &local);
	slice in = slice_of(t->in, t->in_n ? t->in_n : strlen(t->in));
	smtpd_serve(&r->fake->hub, script_io(r->fake, in, r->step), &service, &fake_ops, r->fake,
		&peer, &local);
	conf_free(conf);
	arena_done(&a);
}

static inline bool check_transcript(const struct transcript *t, size_t step)
{
	struct fake f;
	fake_init(&f, 1 << 24);
	loop_main(run_one, &(struct run){t, step, &f});
	struct buf out = BUF(1 << 24);
	without_ids(&out, buf_slice(&f.out));
	bool same = slice_eq(buf_slice(&out), slice_z(t->out)) &&
		    slice_eq(buf_slice(&f.kept), slice_z(t->kept ? t->kept : "")) &&
		    (!t->told || slice_eq(buf_slice(&f.told), slice_z(t->told)));
	if (!same)
		fprintf(stderr,
			"transcript \"%s\" in steps of %zu:\n--- said\n%.*s--- kept\n%.*s--- "
			"told\n%.*s---\n",
			t->name, step, SFMT(buf_slice(&out)), SFMT(buf_slice(&f.kept)),
			SFMT(buf_slice(&f.told)));
	buf_done(&out);
	fake_done(&f);
	return same;
}

static inline void check_transcripts(const struct transcript *t, size_t n)
{
	static const size_t steps[] = {SIZE_MAX, 1, 7};
	unsigned wrong = 0;
	loop_init();
	for (size_t i = 0; i < n; i++) {
		bool same = true;
		for (size_t k = 0; k < 3 && same; k++)
			same = check_transcript(&t[i], steps[k]);
		wrong += !same;
	}
	loop_done();
	CHECK_INT(wrong, 0);
}
#define CHECK_TRANSCRIPTS(table) check_transcripts(table, sizeof(table) / sizeof(table)[0])
