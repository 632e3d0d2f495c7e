/* What lies below a session: TLS, compression, time, drains. */
#include "proto/imap/testing.h"

TEST(imap_starttls)
{
	struct world *w = imap_world();
	imap_world_tls(w);
	CHECK_IMAP(w,
		"C: a CAPABILITY\n"
		"S: * CAPABILITY <any> STARTTLS LOGINDISABLED\n"
		"S: a OK <any>\n"
		"C: b STARTTLS\n"
		"S: b OK <any>\n"
		"X:\n"
		"C: c CAPABILITY\n"
		"S: * CAPABILITY <any> ID AUTH=SCRAM-SHA-256-PLUS AUTH=PLAIN AUTH=TWO AUTH=LOGIN\n"
		"S: c OK <any>\n"
		"C: d STARTTLS\n"
		"S: d BAD <any>\n"
		"C: e LOGIN alice secret\n"
		"S: e OK <any>\n"
		"C: f SELECT INBOX\n"
		"W: f OK <any>\n"
		"C: g IDLE\n"
		"S: + idling\n"
		"M: INBOX one\n"
		"S: * 1 EXISTS\n"
		"S: * 1 RECENT\n"
		"C: DONE\n"
		"S: g OK <any>\n");
	/* What was said before in clear is no command under TLS: the handshake fails. */
	CHECK_IMAP(w, "T: b STARTTLS<crlf>c NOOP<crlf>\n"
		      "S: b BAD <any>\n"
		      "S: * BYE <any>\n"
		      "E:\n");
	CHECK_STR(slice_z(w->sum.end), S("tls"));
	served.tls_mode = SESSION_TLS_NO;
	CHECK_IMAP(w, "C: a STARTTLS\n"
		      "S: a BAD <any>\n");
	world_close(w);
}

TEST(imap_compress)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, "C: a COMPRESS DEFLATE\n"
		      "S: a BAD Log in first\n" LOGIN "C: b COMPRESS ZSTD\n"
		      "S: b NO [CANNOT] <any>\n"
		      "C: c COMPRESS DEFLATE\n"
		      "S: c OK <any>\n"
		      "Z:\n"
		      "C: d COMPRESS DEFLATE\n"
		      "S: d NO [COMPRESSIONACTIVE] <any>\n"
		      "C: e CAPABILITY\n"
		      "W: e OK <any>\n"
		      "C: f SELECT INBOX\n"
		      "W: f OK <any>\n"
		      "C: g IDLE\n"
		      "S: + idling\n"
		      "M: INBOX one\n"
		      "S: * 1 EXISTS\n"
		      "S: * 1 RECENT\n"
		      "C: DONE\n"
		      "S: g OK <any>\n"
		      "C: h LOGOUT\n"
		      "S: * BYE <any>\n"
		      "S: h OK <any>\n"
		      "E:\n");
	world_close(w);
}

TEST(imap_time)
{
	struct world *w = imap_world();
	served.limits.login_time = 100 * MSEC;
	CHECK_IMAP(w, "C: a NOOP\n"
		      "S: a OK <any>\n"
		      "S: * BYE Nothing was said for too long\n"
		      "E:\n");
	served.limits.login_time = MINUTE;
	served.limits.idle_time = 100 * MSEC;
	CHECK_IMAP(w, LOGIN "S: * BYE Nothing was said for too long\n"
			    "E:\n");
	CHECK_IMAP(w, LOGIN "C: a IDLE\n"
			    "S: + idling\n"
			    "S: * BYE Nothing was said for too long\n"
			    "E:\n");
	CHECK_STR(slice_z(w->sum.end), S("timeout"));
	served.limits.command_time = 100 * MSEC;
	CHECK_IMAP(w, LOGIN "T: a SELECT\n"
			    "S: * BYE Nothing was said for too long\n"
			    "E:\n");
	CHECK_IMAP(w, LOGIN "C: a SELECT {5}\n"
			    "S: + OK\n"
			    "T: IN\n"
			    "S: * BYE Nothing was said for too long\n"
			    "E:\n");
	world_close(w);
}

TEST(imap_drains)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, LOGIN "C2: l LOGIN bob secret\n"
			    "W2: l OK <any>\n"
			    "C2: a SELECT INBOX\n"
			    "W2: a OK <any>\n"
			    "C2: b IDLE\n"
			    "S2: + idling\n"
			    "T3: a LOGIN al\n" /* in the midst of a command: it is finished first */
			    "D:\n"
			    "S: * BYE The server is restarting, please connect again\n"
			    "E:\n"
			    "S2: * BYE The server is restarting, please connect again\n"
			    "E2:\n"
			    "C3: ice secret\n"
			    "S3: a OK <any>\n"
			    "S3: * BYE The server is restarting, please connect again\n"
			    "E3:\n");
	CHECK_STR(slice_z(w->sum.end), S("drain"));
	world_close(w);
}
