/*
 * content: what is in a letter. Reads a message once, whole (structure, texts, links wherever they
 * hide, attachments by their true type, pictures), lets every check look at it, asks the models,
 * and gives a report (report.h). Pure: no I/O, no clock, no lookups; works in the scan process, in
 * `posthouse explain`, in the trainer and in tests alike. Linear in the size of the message.
 *
 *	read.c		content_read: message -> struct content
 *	files.c		attachments and what is inside them (codec/extract.h)
 *	checks.c	the list of all checks; check_*.c: the families
 *	rules*.c	rules that are written, not programmed (rules.h)
 *	examine.c	all of it in order: content_examine
 *
 * It says nothing about what to do with the mail: that is policy.
 */
#pragma once
#include "codec/extract.h"
#include "codec/signal.h"
#include "learn/mail.h"
#include "learn/model.h"

struct rules;
struct yara_rules;
struct pictures_model;

/* ---- what is known besides the message; all may be empty ---- */

enum content_direction { CONTENT_INBOUND, CONTENT_OUTBOUND, CONTENT_INTERNAL };

struct content_context {
	enum content_direction direction;
	slice client_ip, client_name /* confirmed by DNS */, helo;
	slice sender; /* envelope; empty: null sender or not known */
	const slice *rcpts; /* of the envelope: a part of them may do */
	size_t nrcpts;
	size_t rcpts_total;
	slice login;
	bool proven; /* the domain in From: stands behind the message: DMARC pass, or a login of
			ours */
	bool verified; /* there was somebody who looked: else `proven` says nothing */
	bool wrote_before; /* a recipient got mail of this (proven) sender before */
	bool written_to; /* a recipient wrote to this sender before */
	uint64_t now; /* seconds since 1970, UTC; 0: not known */
	const struct signals *known; /* what others found out so far; NULL: nothing */
};

/* What the site has set up. */
struct content_person { /* whom swindlers like to impersonate */
	slice name; /* as written: "Zhang Wei", "张伟" */
	slice *addresses; /* that are truly his */
	size_t naddresses;
};
struct content_site {
	slice *domains; /* own, A-labels, lower case */
	size_t ndomains;
	slice *partners; /* domains that are imitated, too: banks, suppliers */
	size_t npartners;
	struct content_person *people;
	size_t npeople;
};

/* What judges. Any may be NULL; borrowed. */
struct content_tools {
	const struct url_names *names;
	const struct content_site *site;
	struct rules *rules; /* shipped and own, in one */
	struct yara_rules *yara; /* yara.h */
	int64_t yara_time; /* usec a letter */
	const struct learn_model *base; /* shipped */
	const struct learn_weights *local; /* the site's layer, or NULL */
	const struct learn_fuse *fuse; /* the site's calibration; NULL: the base model's */
	const struct learn_counts *counts; /* the site's statistics of words, or NULL */
	const struct pictures_model *pictures;
	const float *scores; /* of signals by id, or NULL */
};

/* ---- the letter, read ---- */

struct content_limits {
	unsigned files; /* attachments, and files in them, all together */
	unsigned depth; /* files inside files */
	uint64_t unpacked; /* bytes that come out of archives and documents, all together */
	size_t text; /* bytes of the text of attachments, all together */
	unsigned links; /* of attachments */
	unsigned pictures; /* that are decoded */
	uint64_t pixels; /* that are decoded, of all pictures together */
	uint64_t opened; /* bytes kept of files that others cannot see: CONTENT_OPENED */
};
extern const struct content_limits content_limits_default;

enum content_where { /* where a link was found */
	CONTENT_IN_TEXT,
	CONTENT_IN_HTML,
	CONTENT_IN_QR,
	CONTENT_IN_PDF,
	CONTENT_IN_OFFICE,
	CONTENT_IN_CALENDAR,
	CONTENT_IN_FILE, /* any other attachment */
};
struct content_link {
	struct url url;
	enum content_where where;
	slice text; /* of the link */
	int file; /* index, -1: the message's own text */
	enum html_link_kind kind;
	bool hidden, deceives;
};

struct content_file {
	int parent; /* the file it is inside of; -1: an attachment */
	unsigned part; /* index in mime */
	unsigned depth;
	slice name; /* UTF-8, may be empty */
	slice label; /* the declared type, of attachments */
	unsigned type; /* enum filetype (codec/filetype.h): what it truly is */
	slice bytes; /* decoded; kept when others cannot see it, else empty */
	uint64_t size;
	uint8_t digest[32]; /* SHA-256 */
	unsigned facts; /* enum extract_fact */
	slice detail; /* of the facts, for people */
	bool is_inline;
};

struct content_picture {
	int file; /* it is, or it is in; -1: in the text of the letter itself */
	unsigned width, height;
	uint64_t hash; /* perceptual: near pictures differ in few bits */
	float text; /* 0..1: how likely it is a picture of text */
	float photo; /* 0..1 */
	float background, edges, saturation, contrast; /* 0..1: codec/picture.h */
	unsigned colours; /* distinct ones, roughly */
	bool flat; /* hardly anything in it: the hash says nothing */
	unsigned qr; /* QR codes that were read; their links are in `links` */
	bool drawn; /* no picture, but a code made of letters or cells of a table */
	slice said; /* what the first of them says */
	bool animated, decoded;
	float spam; /* by the classifier: margin; 0 when it says nothing */
};

struct content {
	slice message;
	struct mime *mime;
	struct learn_mail mail; /* header, texts, links of the body; see there */
	slice from_name, from_address, reply_address,
		sender_address; /* decoded, address in A-labels */
	slice attached; /* text of attachments, UTF-8, lines end in LF */
	slice attached_normal; /* the same in one spelling */
	struct content_link *links; /* all: the body's and the attachments' */
	size_t nlinks;
	struct content_file *files;
	size_t nfiles;
	struct content_picture *pictures;
	size_t npictures;
	bool limited; /* a limit was reached: not all was looked at */
};

/* All memory from *a; borrows from `message`. */
void content_read(slice message, const struct content_tools *t, const struct content_limits *l,
	struct arena *a, struct content *ret);

/* ---- checks ---- */

struct content_exam { /* what a check sees */
	const struct content *c;
	const struct content_context *ctx; /* never NULL */
	const struct content_tools *tools;
	struct signals *signals; /* where findings go; also those of earlier checks */
	struct arena *a;
	unsigned bulk; /* 0..100: how much it is bulk mail (newsletters, notices); by check_bulk */
	struct checking *shared; /* checking.h: what several checks need, made when asked for */
};
enum content_cost { CONTENT_CHEAP, CONTENT_MEDIUM, CONTENT_DEAR };
struct content_check {
	const char *name;
	enum content_cost cost;
	void (*run)(struct content_exam *x);
};
/* In order; ends with a NULL name. */
extern const struct content_check content_checks[];
