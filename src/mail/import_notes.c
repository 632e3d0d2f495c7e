/*
 * What stands beside letters in a source of files (import_file.h): folders with their uses, and flags and dates of letters, as export.c writes them; Dovecot's
 * lists of keywords and of subscriptions. Files that are no such thing count for nothing.
 */
#include "base/mem.h"
#include "base/time.h"
#include "codec/csv.h"
#include "codec/maildir.h"
#include "mail/import_file_impl.h"

/* "1795378621.000123" */
static int64_t read_time(slice s)
{
	uint64_t seconds, micros = 0;
	slice whole;
	if (!slice_cut(&s, '.', &whole) || !slice_u64(whole, &seconds) ||
		seconds > (uint64_t)INT64_MAX / SECOND - 1 ||
		(s.p && (s.n != 6 || !slice_u64(s, &micros))))
		return 0;
	return (int64_t)(seconds * SECOND + micros);
}

/* "\Seen \Flagged" */
static unsigned read_flags(slice s)
{
	static const slice names[] = {S_INIT("\\Seen"), S_INIT("\\Answered"), S_INIT("\\Flagged"),
		S_INIT("\\Deleted"), S_INIT("\\Draft")};
	unsigned flags = 0;
	slice word;
	while (slice_cut(&s, ' ', &word))
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (slice_ieq(word, names[i]))
				flags |= 1u << i;
	return flags;
}

static void take_message(struct import_files *f, slice box, const slice *cells, size_t n)
{
	struct file_note *note = ARENA_NEW(&f->notes_mem, struct file_note);
	if (n < 4 || !cells[0].n)
		return;
	*note = (struct file_note){read_time(cells[1]), read_flags(cells[2]), cells[3]};
	map_put(&f->notes, arena_printf(&f->notes_mem, "%.*s/%.*s", SFMT(box), SFMT(cells[0])),
		note);
}

static enum mailbox_use read_use(slice s)
{
	static const slice names[] = {[MAILBOX_USE_ARCHIVE] = S_INIT("archive"),
		[MAILBOX_USE_DRAFTS] = S_INIT("drafts"),
		[MAILBOX_USE_JUNK] = S_INIT("junk"),
		[MAILBOX_USE_SENT] = S_INIT("sent"),
		[MAILBOX_USE_TRASH] = S_INIT("trash")};
	for (size_t i = 1; i < sizeof names / sizeof *names; i++)
		if (names[i].n && slice_eq(s, names[i]))
			return (enum mailbox_use)i;
	return MAILBOX_USE_NONE;
}

static void take_folder(struct import_files *f, const slice *cells, size_t n)
{
	struct file_folder *folder = ARENA_NEW(&f->mem, struct file_folder);
	if (n < 4 || !cells[0].n || !cells[1].n)
		return;
	*folder = (struct file_folder){
		arena_dup(&f->mem, cells[1]), read_use(cells[2]), slice_eq(cells[3], S("yes"))};
	map_put(&f->folders, cells[0], folder);
}

/* A header line first. */
static void take_rows(struct import_files *f, const struct place *p, slice text)
{
	struct csv csv = csv_begin(text);
	slice *cells = ARENA_ARRAY(&f->notes_mem, slice, CSV_COLUMNS_MAX);
	bool messages = p->kind == PLACE_MESSAGES;
	size_t n;
	for (bool head = true; csv_next(&csv, &f->notes_mem, cells, &n) == CSV_ROW; head = false) {
		if (head && !slice_eq(cells[0], messages ? S("file") : S("directory")))
			return;
		if (!head && messages)
			take_message(f, p->box, cells, n);
		else if (!head)
			take_folder(f, cells, n);
	}
	f->told_folders |= !messages;
}

static void take_words(struct import_files *f, slice box, slice text)
{
	struct file_words *w = ARENA_NEW(&f->mem, struct file_words);
	slice line, word;
	unsigned n;
	while (slice_cut(&text, '\n', &line))
		if (maildir_word(line, &n, &word))
			w->v[n] = arena_dup(&f->mem, word);
	map_put(&f->words, box, w);
}

/* Dovecot: "V\t2", an empty line, then names with tabs between levels; before that, and Courier: plain names. */
static void take_subscriptions(struct import_files *f, slice text)
{
	slice line;
	bool second = slice_starts(text, S("V\t2"));
	while (slice_cut(&text, '\n', &line)) {
		line = slice_trim(line);
		if (!line.n || slice_starts(line, S("V\t")))
			continue;
		map_put(&f->subscribed,
			maildir_folder(line, second ? '\t' : f->how->separator, &f->notes_mem), f);
	}
	f->told_subscriptions = true;
}

static int read_all(struct import_files *f, const struct file_in *in, slice *ret, struct err *e)
{
	AUTO(buf) struct buf all = BUF(IMPORT_NOTES_MAX);
	size_t n;
	do {
		if (in->read(in->arg, f->room, FILE_ROOM, &n, e) < 0)
			return -1;
		buf_put(&all, slice_of(f->room, n));
	} while (n && buf_ok(&all));
	if (!buf_ok(&all))
		return err_set(
			e, ERR_PROTO, "a file of notes is larger than %d bytes", IMPORT_NOTES_MAX);
	*ret = arena_dup(&f->notes_mem, buf_slice(&all));
	return 0;
}

int import_notes(
	struct import_files *f, const struct place *p, const struct file_in *in, struct err *e)
{
	slice text;
	if (p->kind != PLACE_FOLDERS && p->kind != PLACE_MESSAGES && p->kind != PLACE_WORDS &&
		p->kind != PLACE_SUBSCRIPTIONS)
		return 0;
	if (read_all(f, in, &text, e) < 0)
		return -1;
	if (slice_starts(text, S("\xef\xbb\xbf")))
		text = slice_skip(text, 3);
	if (p->kind == PLACE_WORDS)
		take_words(f, p->box, text);
	else if (p->kind == PLACE_SUBSCRIPTIONS)
		take_subscriptions(f, text);
	else if (p->kind == PLACE_MESSAGES || slice_eq(p->box, S(".")))
		take_rows(f, p, text);
	return 0;
}

int import_told_folders(struct import_files *f, struct err *e)
{
	slice box;
	void *v;
	for (size_t i = 0; map_next(&f->folders, &i, &box, &v);) {
		const struct file_folder *folder = v;
		if (import_enter(f, box, folder->path, e) < 0 || import_leave(f, e) < 0)
			return -1;
	}
	return 0;
}
