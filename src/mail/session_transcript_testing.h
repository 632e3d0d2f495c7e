/*
 * Sessions in one go: what a client says all at once, what it hears, how it ended. For proto/pop3 and proto/managesieve; answers that depend
 * on each other in time are for proto/imap/testing.h.
 */
#pragma once
#include "base/test.h"
#include "mail/session.h"
#include "mail/session_testing.h"

struct session_run { /* of the folder's session_run(), which serves one session in a loop of its own */
	struct world *w;
	struct io *io;
	bool offer_tls;
};

static inline struct session_service session_test_service(const struct session_run *r)
{
	if (r->offer_tls)
		world_certificate(r->w);
	return (struct session_service){
		.tls = r->w->tls,
		.tls_mode = r->offer_tls ? SESSION_TLS_OFFER : SESSION_TLS_NO,
		.auth_plaintext = !r->offer_tls,
		.hostname = S("mx.post.test"),
		.version = S("1"),
		.limits = {MINUTE, 30 * MINUTE, 5, 3},
		.mechs = world_mechs,
		.nmechs = WORLD_MECHS,
	};
}

struct transcript {
	const char *name, *in, *out, *end;
	bool offer_tls, full, temporary;
};
#define TRANSCRIPT(n, said, heard, ended, ...)                                                     \
	{                                                                                          \
		.name = n, .in = said, .out = heard, .end = ended, ##__VA_ARGS__                   \
	}

static inline void world_say(struct world *w, void (*session)(void *run), const char *in,
	bool offer_tls, struct buf *out)
{
	struct session_run r = {w, io_mem(slice_z(in), out), offer_tls};
	loop_main(session, &r);
}

static inline bool world_heard(struct world *w, const struct transcript *t, slice out)
{
	if (slice_eq(out, slice_z(t->out)) && strcmp(w->end, t->end) == 0)
		return true;
	fprintf(stderr, "transcript \"%s\":\n--- said\n%.*s--- end %s\n", t->name, SFMT(out),
		w->end);
	return false;
}

/* How many of them went otherwise. */
static inline unsigned world_transcripts(
	struct world *w, void (*session)(void *run), const struct transcript *t, size_t n)
{
	unsigned wrong = 0;
	for (size_t i = 0; i < n; i++) {
		AUTO(buf) struct buf out = BUF(1 << 20);
		w->full = t[i].full;
		w->temporary = t[i].temporary;
		world_say(w, session, t[i].in, t[i].offer_tls, &out);
		wrong += !world_heard(w, &t[i], buf_slice(&out));
	}
	return wrong;
}
#define CHECK_TRANSCRIPTS(w, session, table)                                                       \
	CHECK_INT(world_transcripts(w, session, table, sizeof(table) / sizeof *(table)), 0)
