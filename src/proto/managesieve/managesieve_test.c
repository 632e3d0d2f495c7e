/* Whole sessions: what a client says and what it hears, on a real store. The capabilities of the language are cut out of what is heard. */
#include "base/test.h"
#include "proto/managesieve/managesieve_testing.h"

#define LOGIN "AUTHENTICATE \"PLAIN\" \"AGFsaWNlAHNlIGNyZXQ=\"\r\n"
#define IN "OK \"Logged in\"\r\n"
#define OUT "LOGOUT\r\n"
#define BYE "OK \"Bye\"\r\n"
#define KEEP "{7+}\r\nkeep;\r\n\r\n"
#define T TRANSCRIPT

/* What follows the greeting. */
static slice behind_greeting(slice heard)
{
	size_t at = slice_find(heard, S("\"VERSION\" \"1.0\"\r\nOK\r\n"));
	return at < heard.n ? slice_skip(heard, at + strlen("\"VERSION\" \"1.0\"\r\nOK\r\n"))
			    : S("no greeting");
}

static void check(struct world *w, const struct transcript *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		AUTO(buf) struct buf out = BUF(1 << 20);
		w->full = v[i].full;
		w->temporary = v[i].temporary;
		world_say(w, session_run, v[i].in, v[i].offer_tls, &out);
		CHECK_STR(behind_greeting(buf_slice(&out)), slice_z(v[i].out));
		CHECK_STR(slice_z(w->end), slice_z(v[i].end));
	}
}
#define CHECK_ALL(w, table) check(w, table, sizeof(table) / sizeof *(table))

static const struct transcript before_login[] = {
	T("logout", OUT, BYE, "logout"),
	T("closed", "", "", "closed"),
	T("noop", "NOOP\r\nnoop \"a \\\"b\"\r\n" OUT,
		"OK \"Nothing done\"\r\nOK (TAG \"a \\\"b\") \"Done\"\r\n" BYE, "logout"),
	T("not yet", "LISTSCRIPTS\r\n" OUT, "NO \"Log in first\"\r\n" BYE, "logout"),
	T("unknown", "XYZZY\r\n" OUT, "NO \"Unknown command\"\r\n" BYE, "logout"),
	T("no commands", "\r\n a\r\n\"x\"\r\nNOOP \"\r\nNOOP {x}\r\n",
		"NO \"This is no command\"\r\nNO \"This is no command\"\r\nNO \"Unknown "
		"command\"\r\n"
		"NO \"This is no command\"\r\nNO \"This is no command\"\r\nBYE \"Too many bad "
		"commands\"\r\n",
		"commands"),
	T("wrong password", "AUTHENTICATE \"PLAIN\" \"AGFsaWNlAHdyb25n\"\r\n" OUT,
		"NO \"Wrong user name or password\"\r\n" BYE, "logout"),
	T("asked for", "AUTHENTICATE \"PLAIN\"\r\n\"AGFsaWNlAHNlIGNyZXQ=\"\r\n" OUT,
		"\"\"\r\n" IN BYE, "logout"),
	T("in two steps", "AUTHENTICATE \"TWO\" \"\"\r\n{20+}\r\nAGFsaWNlAHNlIGNyZXQ=\r\n" OUT,
		"\"U2F5IGl0\"\r\nOK (SASL \"dj1wcm9vZg==\") \"Logged in\"\r\n" BYE, "logout"),
	T("cancelled", "AUTHENTICATE \"TWO\" \"\"\r\n\"*\"\r\n" OUT,
		"\"U2F5IGl0\"\r\nNO \"Authentication cancelled\"\r\n" BYE, "logout"),
	T("not offered", "AUTHENTICATE \"SCRAM-SHA-256-PLUS\"\r\n" OUT,
		"NO \"This mechanism is not offered\"\r\n" BYE, "logout"),
	T("in clear", LOGIN OUT, "NO (ENCRYPT-NEEDED) \"Say STARTTLS first\"\r\n" BYE, "logout",
		.offer_tls = true),
	T("too many sessions", LOGIN,
		"BYE (TRYLATER) \"Too many sessions of this account, close some\"\r\n", "scripts",
		.full = true),
	T("nobody can say", LOGIN OUT,
		"NO (TRYLATER) \"Logins cannot be checked at the moment\"\r\n" BYE, "logout",
		.temporary = true),
	T("out again", LOGIN "UNAUTHENTICATE\r\nLISTSCRIPTS\r\n" OUT,
		IN "OK \"Logged out\"\r\nNO \"Log in first\"\r\n" BYE, "logout"),
};

TEST(managesieve_before_login)
{
	struct world *w = world_open();
	CHECK_ALL(w, before_login);
	world_close(w);
}

/* In this order: what one leaves the next one finds. */
static const struct transcript scripts[] = {
	T("none", LOGIN "LISTSCRIPTS\r\n" OUT, IN "OK\r\n" BYE, "logout"),
	T("put", LOGIN "PUTSCRIPT \"a\" " KEEP "LISTSCRIPTS\r\nGETSCRIPT \"a\"\r\n" OUT,
		IN "OK\r\n\"a\"\r\nOK\r\n{7}\r\nkeep;\r\n\r\nOK\r\n" BYE, "logout"),
	T("room",
		LOGIN "HAVESPACE \"b\" 100\r\nHAVESPACE \"b\" 99999999\r\nHAVESPACE \"\" 1\r\n" OUT,
		IN "OK\r\nNO (QUOTA/MAXSIZE) \"There is no room for so long a script\"\r\n"
		   "NO \"a script needs a name\"\r\n" BYE,
		"logout"),
	T("active",
		LOGIN
		"SETACTIVE \"a\"\r\nLISTSCRIPTS\r\nDELETESCRIPT \"a\"\r\nSETACTIVE \"x\"\r\n" OUT,
		IN "OK\r\n\"a\" ACTIVE\r\nOK\r\nNO (ACTIVE) \"This script is active\"\r\n"
		   "NO (NONEXISTENT) \"There is no script of this name\"\r\n" BYE,
		"logout"),
	T("renamed",
		LOGIN "RENAMESCRIPT \"a\" \"\xe8\xa7\x84\xe5\x88\x99\"\r\nLISTSCRIPTS\r\nPUTSCRIPT "
		      "\"a\" " KEEP
		      "RENAMESCRIPT \"a\" \"\xe8\xa7\x84\xe5\x88\x99\"\r\nRENAMESCRIPT \"x\" "
		      "\"y\"\r\n" OUT,
		IN "OK\r\n\"\xe8\xa7\x84\xe5\x88\x99\" ACTIVE\r\nOK\r\nOK\r\n"
		   "NO (ALREADYEXISTS) \"There is a script of this name\"\r\n"
		   "NO (NONEXISTENT) \"There is no script of this name\"\r\n" BYE,
		"logout"),
	T("none active",
		LOGIN "SETACTIVE \"\"\r\nDELETESCRIPT "
		      "\"\xe8\xa7\x84\xe5\x88\x99\"\r\nLISTSCRIPTS\r\n" OUT,
		IN "OK\r\nOK\r\n\"a\"\r\nOK\r\n" BYE, "logout"),
	T("arguments",
		LOGIN
		"SETACTIVE\r\nSETACTIVE 1\r\nHAVESPACE \"a\" \"b\"\r\nLISTSCRIPTS \"x\"\r\n" OUT,
		IN "NO \"These are not the arguments of this command\"\r\n"
		   "NO \"These are not the arguments of this command\"\r\n"
		   "NO \"These are not the arguments of this command\"\r\n"
		   "NO \"These are not the arguments of this command\"\r\n" BYE,
		"logout"),
};

TEST(managesieve_scripts)
{
	struct world *w = world_open();
	CHECK_ALL(w, scripts);
	world_close(w);
}

/* A script with mistakes is not stored, and the client hears where they are; one that is too long is read to its end. */
TEST(managesieve_mistakes)
{
	struct world *w = world_open();
	AUTO(buf) struct buf in = BUF(1 << 20), out = BUF(1 << 20);
	buf_put(&in, S(LOGIN "PUTSCRIPT \"bad\" {8+}\r\nfrobble;\r\nCHECKSCRIPT "
			     "{5+}\r\nkeep;\r\nPUTSCRIPT \"long\" {300000+}\r\n"));
	for (int i = 0; i < 300000; i++)
		buf_byte(&in, '#');
	buf_put(&in, S("\r\nLISTSCRIPTS\r\n" OUT));
	buf_byte(&in, 0);
	world_say(w, session_run, in.p, false, &out);
	slice rest = behind_greeting(buf_slice(&out));
	CHECK(slice_starts(rest, S(IN "NO ")));
	CHECK(slice_find(rest, S("frobble")) < rest.n);
	CHECK(slice_ends(rest, S("OK\r\nNO (QUOTA/MAXSIZE) \"This is longer than a script may "
				 "be\"\r\nOK\r\n" BYE)));
	world_close(w);
}
