/*
 * pst: mail stores of Outlook (MS-PST): .pst and .ost of all versions: ANSI (Outlook 97), Unicode, and Unicode with pages of 4096 bytes (Outlook 2013's .ost);
 * plain, "compressible" and "high" encryption, which are a matter of tables and not of keys. Letters come out as RFC 5322 messages.
 *
 *	pst_ndb.c	nodes and blocks: header, trees of pages, data	pst_crypt.c	what Outlook calls encryption
 *	pst_ltp.c	heaps, properties, tables			pst_text.c	properties as text, charsets, dates
 *	pst.c		folders and what is in them			pst_item.c	what kind of item, flags, key
 *	pst_mail.c	a message as MIME				pst_fields.c	its header
 *	pst_body.c	its texts					pst_rtf.c	HTML that was packed into RTF
 *
 * Reading is bounded by the enums below whatever the file says, and linear in what comes out. What is damaged is left out and told; the rest is read.
 * Nothing of a file's size is held in memory but a line a node. Called by mail/import_pst.c, in a confined process.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum {
	PST_NODES_MAX = 2000000, /* folders and items */
	PST_DEPTH_MAX = 40, /* folders in each other */
	PST_FOLDERS_MAX = 100000,
	PST_EMBEDDED_MAX = 8, /* messages in each other */
	PST_ATTACHMENTS_MAX = 2000, /* of a message */
	PST_RECIPIENTS_MAX = 20000,
	PST_KEY_MAX = 64, /* hexadecimal digits */
	PST_WHY_MAX = 200,
};

struct pst;
/* Where the bytes are. False: cannot be read. */
struct pst_source {
	bool (*read)(void *arg, uint64_t at, void *room, size_t n);
	void *arg;
	uint64_t size;
	bool unchecked; /* checksums are not looked at: for fuzzers */
};

/* NULL, with why: none, or not one that can be read. */
struct pst *pst_open(const struct pst_source *s, char why[PST_WHY_MAX]);
void pst_close(struct pst *p);
static inline void auto_pst(struct pst **p)
{
	pst_close(*p);
}

enum pst_use { PST_ORDINARY, PST_INBOX, PST_SENT, PST_TRASH, PST_DRAFTS, PST_JUNK, PST_OUTBOX };

struct pst_folder {
	uint32_t nid; /* stays the same as long as the file lives */
	slice path; /* UTF-8, "/" between levels, "_" for one inside a name */
	enum pst_use use;
	bool is_mail; /* it is made for mail, not for contacts, appointments ... */
	size_t items; /* in it, of all kinds */
};

enum pst_kind { /* of items */
	PST_MAIL,
	PST_CONTACT,
	PST_CALENDAR,
	PST_TASK,
	PST_NOTE,
	PST_JOURNAL,
	PST_OTHER, /* settings, caches */
	PST_DAMAGED, /* cannot be read */
	PST_KINDS,
};

enum pst_flag { PST_READ = 1, PST_REPLIED = 2, PST_FLAGGED = 4, PST_DRAFT = 8, PST_FORWARDED = 16 };

struct pst_item {
	enum pst_kind kind;
	char key[PST_KEY_MAX +
		 1]; /* the same for the same message however often the file is read, and
				      whatever else changed in it; made of what it is, not where */
	unsigned flags; /* enum pst_flag */
	int64_t received_at; /* usec since 1970; 0: not told */
	slice subject, categories; /* UTF-8; categories separated by '\n' */
	uint32_t nid;
	struct pst_props *props; /* for pst_mail */
};

struct pst_visitor {
	/* Folders come before what is in them. False: no more. */
	bool (*folder)(void *arg, const struct pst_folder *f);
	bool (*item)(void *arg, const struct pst_item *i);
	void *arg;
};

struct pst_report {
	bool stopped; /* by the visitor */
	unsigned damaged_pages; /* of the index: what they named is lost */
	size_t cut; /* folders beyond the limits */
	size_t lost; /* items whose folder is gone: they came in a folder "Recovered" */
};
/* False: not a single folder can be read. */
bool pst_walk(struct pst *p, const struct pst_visitor *v, struct pst_report *ret);

/* The message as MIME, within out's limit. False: pst_why(). Of an attachment that cannot be read a line of text says so in its place; *ret_lost: how many. */
bool pst_mail(struct pst *p, const struct pst_item *i, struct buf *out, unsigned *ret_lost);
/* What was wrong last; never empty after a failure. */
const char *pst_why(const struct pst *p);
