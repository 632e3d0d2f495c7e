/* NOTIFY (RFC 5465), with METADATA and IDLE; two sessions of one account, and another account. */
#include "proto/imap/testing.h"

#define TWO                                                                                        \
	LOGIN "C2: l LOGIN alice secret\n"                                                         \
	      "W2: l OK <any>\n"

TEST(imap_notify)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, LOGIN
		"C: a CREATE Lists\n"
		"W: a OK <any>\n"
		"C: b NOTIFY SET (PERSONAL (MessageNew))\n"
		"S: b BAD <any>\n"
		"C: c NOTIFY SET (PERSONAL (AnnotationChange))\n"
		"S: c NO [BADEVENT (MessageNew <any> ServerMetadataChange)] <any>\n"
		"C: c2 NOTIFY SET (PERSONAL (Strange MailboxName))\n"
		"S: c2 NO [BADEVENT <any>] <any>\n"
		"C: c3 NOTIFY SET (SELECTED (MailboxMetadataChange))\n"
		"S: c3 BAD <any>\n"
		"C: d SELECT INBOX\n"
		"W: d OK <any>\n"
		"C: e NOTIFY SET STATUS (SELECTED (MessageNew (FLAGS ENVELOPE) MessageExpunge "
		"FlagChange)) (MAILBOXES Lists (MessageNew MessageExpunge)) (PERSONAL (MailboxName "
		"SubscriptionChange))\n"
		"S: * STATUS Lists (MESSAGES 0 UIDNEXT 1 UIDVALIDITY <any> UNSEEN 0)\n"
		"S: e OK <any>\n"
		"M: INBOX one\n"
		"S: * 1 EXISTS\n"
		"S: * 1 RECENT\n"
		"S: * 1 FETCH (UID 1 FLAGS (\\Recent) ENVELOPE (<any>one<any>))\n"
		"M: Lists two\n"
		"S: * STATUS Lists (MESSAGES 1 UIDNEXT 2 UIDVALIDITY <any> UNSEEN 1)\n"
		"C2: l LOGIN alice secret\n"
		"W2: l OK <any>\n"
		"C2: a CREATE New\n"
		"W2: a OK <any>\n"
		"S: * LIST (<any>) \"/\" New\n"
		"C2: b RENAME New Newer\n"
		"W2: b OK <any>\n"
		"S: * LIST (<any>) \"/\" Newer (\"OLDNAME\" (New))\n"
		"C2: c DELETE Newer\n"
		"W2: c OK <any>\n"
		"S: * LIST (\\NonExistent) \"/\" Newer\n"
		"C: f NOTIFY NONE\n"
		"S: f OK <any>\n");
	world_close(w);
}

/* What this session has done itself is not told to it. */
TEST(imap_notify_leaves_out_what_the_session_did)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, TWO
		"C: a NOTIFY SET (PERSONAL (MailboxName SubscriptionChange MailboxMetadataChange "
		"ServerMetadataChange))\n"
		"S: a OK <any>\n"
		"C: b CREATE Own\nS: b OK <any>\n"
		"C: c SUBSCRIBE Own\nS: c OK <any>\n"
		"C: d SETMETADATA Own (/private/comment \"mine\")\nS: d OK <any>\n"
		"C: e RENAME Own Owned\nS: e OK <any>\n"
		"C: f DELETE Owned\nS: f OK <any>\n"
		"C2: a CREATE Other\nW2: a OK <any>\n"
		"S: * LIST (\\HasNoChildren) \"/\" Other\n"
		"C2: b SUBSCRIBE Other\nW2: b OK <any>\n"
		"S: * LIST (\\Subscribed \\HasNoChildren) \"/\" Other\n"
		"C2: c UNSUBSCRIBE Other\nW2: c OK <any>\n"
		"S: * LIST (\\HasNoChildren) \"/\" Other\n"
		"C: g NOOP\nS: g OK <any>\n");
	world_close(w);
}

/* RFC 5465 5.4: those below a folder that was renamed go untold; the one above has changed, too. */
TEST(imap_notify_tells_of_levels)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, TWO "C: a CREATE Work\nS: a OK <any>\n"
			  "C: a2 CREATE Work/Old/Q1\nS: a2 OK <any>\n"
			  "C: b NOTIFY SET (PERSONAL (MailboxName))\nS: b OK <any>\n"
			  "C2: a CREATE Work/New\nW2: a OK <any>\n"
			  "S: * LIST (\\HasNoChildren) \"/\" Work/New\n"
			  "S: * LIST (\\HasChildren) \"/\" Work\n"
			  "C2: b RENAME Work/Old Work/Older\nW2: b OK <any>\n"
			  "S: * LIST (\\HasChildren) \"/\" Work/Older (\"OLDNAME\" (Work/Old))\n"
			  "C2: c DELETE Work/New\nW2: c OK <any>\n"
			  "S: * LIST (\\NonExistent) \"/\" Work/New\n"
			  "S: * LIST (\\HasChildren) \"/\" Work\n"
			  "C: c NOOP\nS: c OK <any>\n");
	world_close(w);
}

/* Several groups can be of one folder; one with NONE ends what those behind it say. */
TEST(imap_notify_groups_add_up)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, TWO "C: a CREATE Lists\nS: a OK <any>\n"
			  "C: a2 CREATE Quiet\nS: a2 OK <any>\n"
			  "C: b NOTIFY SET (MAILBOXES Quiet NONE) (MAILBOXES Lists (MessageNew "
			  "MessageExpunge)) (PERSONAL (SubscriptionChange))\nS: b OK <any>\n"
			  "C2: a SUBSCRIBE Lists\nW2: a OK <any>\n"
			  "S: * LIST (\\Subscribed \\HasNoChildren) \"/\" Lists\n"
			  "M: Lists one\n"
			  "S: * STATUS Lists (MESSAGES 1 <any>)\n"
			  "M: Quiet two\n"
			  "C2: b SUBSCRIBE Quiet\nW2: b OK <any>\n"
			  "M: Lists three\n"
			  "S: * STATUS Lists (MESSAGES 2 <any>)\n"
			  "C: c NOOP\nS: c OK <any>\n");
	world_close(w);
}

/* Without SELECTED, and after NONE, the selected folder stays as it is known (RFC 5465 3.1, 5); in IDLE, too (section 4). */
TEST(imap_notify_none_is_a_snapshot)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, TWO "M: INBOX one\nM: INBOX two\n"
			  "C2: a SELECT INBOX\nW2: a OK <any>\n"
			  "C: a SELECT INBOX\nW: a OK <any>\n"
			  "C: b NOTIFY NONE\nS: b OK <any>\n"
			  "M: INBOX three\n"
			  "C2: b STORE 1 +FLAGS (\\Deleted)\nW2: b OK <any>\n"
			  "C2: c EXPUNGE\nW2: c OK <any>\n"
			  "C: c NOOP\nS: c OK <any>\n"
			  "C: d IDLE\nS: + idling\nC: DONE\nS: d OK <any>\n"
			  "C: e FETCH 2 UID\nS: * 2 FETCH (UID 2)\nS: e OK <any>\n"
			  "C: f FETCH 1 UID\nS: f OK [EXPUNGEISSUED] <any>\n"
			  "C: g NOTIFY SET (SELECTED (MessageNew MessageExpunge))\n"
			  "S: * 1 EXPUNGE\nS: * 2 EXISTS\nS: * <any> RECENT\nS: g OK <any>\n"
			  "C2: d STORE 1 +FLAGS (\\Flagged)\nW2: d OK <any>\n"
			  "M: INBOX four\n"
			  "S: * 3 EXISTS\nS: * <any> RECENT\n" /* and no flags */
			  "C: h STORE 1 +FLAGS (\\Seen)\n"
			  "S: * 1 FETCH (UID 2 FLAGS (\\Flagged \\Seen<any>))\nS: h OK <any>\n");
	world_close(w);
}

/* What was asked for of new messages comes with those that a command tells of, but not of own ones (RFC 5465 5.2). */
TEST(imap_notify_fetches_new_messages)
{
	struct world *w = imap_world();
	CHECK_IMAP(w,
		LOGIN "C: a SELECT INBOX\nW: a OK <any>\n"
		      "C: b NOTIFY SET (SELECTED (MessageNew (UID RFC822.SIZE) MessageExpunge))\n"
		      "S: b OK <any>\n"
		      "C: c APPEND INBOX {8+}\nT: A: 5<crlf><crlf>\nC: \n"
		      "S: * 1 EXISTS\nS: * 1 RECENT\nS: c OK [APPENDUID <any> 1] Stored\n"
		      "C: d COPY 1 INBOX\n"
		      "S: * 2 EXISTS\nS: * 2 RECENT\nS: d OK [COPYUID <any> 1 2] Copied\n"
		      "M: INBOX three\n"
		      "S: * 3 EXISTS\nS: * 3 RECENT\nS: * 3 FETCH (UID 3 RFC822.SIZE <any>)\n");
	world_close(w);
}

/* RFC 5465 5.6, 5.7: names without values, also of what was removed; private ones are nobody else's. */
TEST(imap_notify_metadata)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, TWO
		"C: a CREATE Plan\nS: a OK <any>\n"
		"C: a2 SETACL Plan bob@local.test lr\nS: a2 OK <any>\n"
		"C3: l LOGIN bob secret\nW3: l OK <any>\n"
		"C: b NOTIFY SET (PERSONAL (MailboxMetadataChange ServerMetadataChange))\n"
		"S: b OK <any>\n"
		"C3: a SETMETADATA \"Other Users/alice@local.test/Plan\" (/private/comment \"x\")\n"
		"S3: a OK <any>\n"
		"C2: a SETMETADATA Plan (/shared/comment \"x\" /private/comment \"y\")\n"
		"W2: a OK <any>\n"
		"S: * METADATA Plan /private/comment /shared/comment\n"
		"C2: b SETMETADATA \"\" (/private/vendor/x/y \"1\")\nW2: b OK <any>\n"
		"S: * METADATA \"\" /private/vendor/x/y\n"
		"C2: c SETMETADATA Plan (/shared/comment NIL)\nW2: c OK <any>\n"
		"S: * METADATA Plan /shared/comment\n"
		"C2: d CREATE Next\nW2: d OK <any>\n"
		"C2: e SETMETADATA Next (/private/comment \"n\")\nW2: e OK <any>\n"
		"C: c NOOP\nW: c OK <any>\n");
	world_close(w);
}

/* A folder that can be seen but not read (RFC 5465 3.1, 5.4). */
TEST(imap_notify_of_what_may_not_be_read)
{
	struct world *w = imap_world();
	CHECK_IMAP(w,
		LOGIN "C2: l LOGIN bob secret\nW2: l OK <any>\n"
		      "C: a CREATE Plan\nS: a OK <any>\n"
		      "C: b SETACL Plan bob@local.test l\nS: b OK <any>\n"
		      "C2: a NOTIFY SET (MAILBOXES (Nowhere \"Other Users/alice@local.test/Plan\" "
		      "\"Other Users/alice@local.test/INBOX\") (MessageNew MessageExpunge "
		      "MailboxName))\n"
		      "S2: * LIST (\\NoAccess) \"/\" \"Other Users/alice@local.test/Plan\"\n"
		      "S2: a OK <any>\n"
		      "M: Plan one\n"
		      "C: c SETACL Plan bob@local.test lr\nS: c OK <any>\n"
		      "M: Plan two\n"
		      "S2: * STATUS \"Other Users/alice@local.test/Plan\" (MESSAGES 2 <any>)\n"
		      "C: d DELETEACL Plan bob@local.test\nS: d OK <any>\n"
		      "S2: * LIST (\\NonExistent) \"/\" \"Other Users/alice@local.test/Plan\"\n");
	world_close(w);
}
