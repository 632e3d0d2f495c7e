/*
 * What attachments say against a letter (FEATURES D13): programs and scripts, names that deceive,
 * archives that hide, documents that run something or load it from elsewhere, web pages that ask
 * for passwords. The facts are found by files.c; here is what they are worth.
 *
 * Honest people send archives of source code, forms with macros, tables with a password. So what
 * counts is the plain trick, and what is rare by itself counts little.
 */
#include "codec/filetype.h"
#include "content/checking.h"
#include "content/checks.h"

enum {
	FEW_FILES = 6, /* in an archive whose purpose is one of them */
	FEW_WORDS = 400, /* bytes of a letter that says little */
	LURE_TEXT = 1500, /* bytes of text of all attachments */
	LURE_LINKS = 3,
};

struct looking {
	struct content_exam *x;
	const struct content *c;
	const struct content_file *f;
	slice shown; /* the name, or the type */
};

static void found(const struct looking *l, enum signal_id id)
{
	checking_found(l->x, id, 1, l->shown);
}

static void found_why(const struct looking *l, enum signal_id id)
{
	slice why = l->f->detail;
	checking_found(l->x, id, 1,
		why.n ? arena_printf(l->x->a, "%.*s: %.*s", SFMT(l->shown), SFMT(why)) : l->shown);
}

/* ---- what it is inside of ---- */

static const struct content_file *outer(const struct content *c, const struct content_file *f)
{
	return f->parent < 0 ? NULL : &c->files[f->parent];
}

/* The nearest file around it that is of these classes. */
static const struct content_file *inside_of(
	const struct content *c, const struct content_file *f, unsigned classes)
{
	while ((f = outer(c, f)) != NULL)
		if (filetype_is((enum filetype)f->type, classes))
			return f;
	return NULL;
}

static bool runs(unsigned type)
{
	return filetype_is((enum filetype)type, FILETYPE_PROGRAM) || type == FILETYPE_JS ||
	       type == FILETYPE_VBS || type == FILETYPE_ENCODED || type == FILETYPE_WSF ||
	       type == FILETYPE_SCT || type == FILETYPE_HTA || type == FILETYPE_PS1 ||
	       type == FILETYPE_BAT || type == FILETYPE_LNK || type == FILETYPE_SCF ||
	       type == FILETYPE_LIBRARY || type == FILETYPE_APPLESCRIPT || type == FILETYPE_MSC;
}

/* Is there little else in the archive? Libraries of a program count as the program. */
static bool is_its_purpose(const struct content *c, const struct content_file *archive)
{
	int index = (int)(archive - c->files);
	unsigned files = 0;
	for (size_t i = 0; i < c->nfiles; i++)
		files += c->files[i].parent == index;
	return files <= FEW_FILES;
}

/* ---- programs ---- */

static void program_in_archive(const struct looking *l, const struct content_file *archive)
{
	if (archive->facts & EXTRACT_ENCRYPTED)
		found(l, SIGNAL_ARCHIVE_ENCRYPTED_PROGRAM);
	found(l, is_its_purpose(l->c, archive) ? SIGNAL_ARCHIVE_PROGRAM
					       : SIGNAL_ARCHIVE_PROGRAM_AMONG);
}

static void look_at_program(const struct looking *l)
{
	enum filetype t = (enum filetype)l->f->type;
	const struct content_file *archive =
		inside_of(l->c, l->f, FILETYPE_ARCHIVE | FILETYPE_DISK);
	if (inside_of(l->c, l->f, FILETYPE_PROGRAM))
		return; /* part of the program around it */
	if (inside_of(l->c, l->f, FILETYPE_DOCUMENT) && runs(t))
		found(l, SIGNAL_DOCUMENT_PROGRAM);
	else if (archive && runs(t))
		program_in_archive(l, archive);
	else if (archive)
		return;
	else if (t == FILETYPE_URL)
		found(l, SIGNAL_FILE_WEB_SHORTCUT);
	else if (filetype_is(t, FILETYPE_SHORTCUT))
		found_why(l, runs(t) ? SIGNAL_FILE_SHORTCUT : SIGNAL_FILE_WEB_SHORTCUT);
	else if (filetype_is(t, FILETYPE_PROGRAM))
		found(l, SIGNAL_FILE_PROGRAM);
	else
		found(l, runs(t) && t != FILETYPE_BAT ? SIGNAL_FILE_SCRIPT : SIGNAL_FILE_COMMANDS);
}

/* ---- names ---- */

static void look_at_name(const struct looking *l)
{
	unsigned facts = l->f->facts;
	bool dangerous = runs(l->f->type);
	if (facts & EXTRACT_DISGUISED) {
		enum signal_id id =
			dangerous ? SIGNAL_FILE_PROGRAM_DISGUISED : SIGNAL_FILE_DISGUISED;
		checking_found(l->x, id, 1,
			arena_printf(l->x->a, "%.*s: %s", SFMT(l->shown),
				filetype_name((enum filetype)l->f->type)));
	}
	if (facts & EXTRACT_DOUBLE_NAME)
		found(l, SIGNAL_FILE_DOUBLE_NAME);
	if (facts & EXTRACT_BIDI_NAME)
		found(l, SIGNAL_FILE_BIDI_NAME);
	if (facts & EXTRACT_BLANKS_NAME)
		found(l, SIGNAL_FILE_BLANKS_NAME);
}

/* ---- archives and disks ---- */

static bool is_rare(unsigned type)
{
	switch (type) {
	case FILETYPE_ACE:
	case FILETYPE_ARJ:
	case FILETYPE_ALZ:
	case FILETYPE_EGG:
	case FILETYPE_LZH:
	case FILETYPE_CAB:
	case FILETYPE_WIM:
	case FILETYPE_UUE:
	case FILETYPE_COMPRESS:
	case FILETYPE_LZIP:
	case FILETYPE_CPIO:
		return true;
	default:
		return false;
	}
}

static void look_at_archive(const struct looking *l)
{
	unsigned facts = l->f->facts;
	bool nested = inside_of(l->c, l->f, FILETYPE_ARCHIVE) != NULL;
	if (filetype_is((enum filetype)l->f->type, FILETYPE_DISK))
		found(l, SIGNAL_FILE_DISK);
	if (is_rare(l->f->type) && !nested)
		found(l, SIGNAL_ARCHIVE_RARE);
	if (facts & EXTRACT_ENCRYPTED)
		found(l, nested ? SIGNAL_ARCHIVE_ENCRYPTED_NESTED : SIGNAL_ARCHIVE_ENCRYPTED);
	if (facts & EXTRACT_OPENED)
		found(l, SIGNAL_ARCHIVE_PASSWORD_TOLD);
	if ((facts & (EXTRACT_ENCRYPTED | EXTRACT_EMBEDDED)) ==
		(EXTRACT_ENCRYPTED | EXTRACT_EMBEDDED))
		found_why(l, SIGNAL_ARCHIVE_ENCRYPTED_PROGRAM);
	if (facts & EXTRACT_DAMAGED && !(facts & EXTRACT_ENCRYPTED))
		found(l, SIGNAL_ARCHIVE_DAMAGED);
	/* A compressed tar is one archive. */
	if (nested && l->f->type != FILETYPE_TAR)
		found(l, SIGNAL_ARCHIVE_NESTED);
}

/* ---- documents ---- */

static void look_at_pdf(const struct looking *l)
{
	unsigned facts = l->f->facts;
	if (facts & EXTRACT_SCRIPT)
		found(l, SIGNAL_PDF_SCRIPT);
	if (facts & EXTRACT_SCRIPT && facts & EXTRACT_AUTORUN)
		found(l, SIGNAL_PDF_AUTORUN);
	if (facts & EXTRACT_LAUNCH)
		found_why(l, SIGNAL_PDF_LAUNCH);
}

static void look_at_document(const struct looking *l)
{
	unsigned facts = l->f->facts;
	if (facts & EXTRACT_MACRO)
		found(l, SIGNAL_MACRO);
	if (facts & EXTRACT_MACRO && facts & EXTRACT_AUTORUN)
		found(l, SIGNAL_MACRO_AUTORUN);
	if (facts & EXTRACT_SUSPICIOUS_MACRO)
		found_why(l, SIGNAL_MACRO_SUSPICIOUS);
	if (facts & EXTRACT_REMOTE)
		found_why(l, SIGNAL_DOCUMENT_REMOTE);
	if (facts & EXTRACT_EXPLOIT)
		found_why(l, SIGNAL_DOCUMENT_EXPLOIT);
	if (facts & EXTRACT_ENCRYPTED)
		found(l, SIGNAL_DOCUMENT_ENCRYPTED);
	if (l->f->type == FILETYPE_ONENOTE)
		found(l, SIGNAL_DOCUMENT_ONENOTE);
	if (l->f->type == FILETYPE_PDF)
		look_at_pdf(l);
}

/* ---- web pages ---- */

static void look_at_page(const struct looking *l)
{
	unsigned facts = l->f->facts;
	bool attached = !inside_of(l->c, l->f, FILETYPE_ARCHIVE | FILETYPE_DOCUMENT);
	if (facts & EXTRACT_SMUGGLING)
		found_why(l, SIGNAL_PAGE_SMUGGLING);
	if (!attached)
		return;
	if (facts & EXTRACT_FORM)
		found(l, slice_find(l->f->detail, S("password")) < l->f->detail.n
				 ? SIGNAL_PAGE_PASSWORD
				 : SIGNAL_PAGE_FORM);
	if (facts & EXTRACT_SCRIPT)
		found(l, l->f->type == FILETYPE_SVG ? SIGNAL_DRAWING_SCRIPT : SIGNAL_PAGE_SCRIPT);
	if (l->f->parent < 0 && l->f->type == FILETYPE_HTML && l->c->mail.text.n < FEW_WORDS)
		found(l, SIGNAL_PAGE_ONLY);
}

/* Few words in a few PDFs, and a link. */
static void look_for_lure(struct content_exam *x)
{
	const struct content *c = x->c;
	unsigned pdfs = 0, links = 0;
	for (size_t i = 0; i < c->nfiles; i++)
		pdfs += c->files[i].type == FILETYPE_PDF;
	for (size_t i = 0; i < c->nlinks; i++)
		links += c->links[i].where == CONTENT_IN_PDF;
	if (pdfs == 1 && links && links <= LURE_LINKS && c->attached.n < LURE_TEXT &&
		c->mail.text.n < FEW_WORDS)
		checking_found(x, SIGNAL_PDF_LURE, 1, S(""));
}

static void look_at(const struct looking *l)
{
	enum filetype t = (enum filetype)l->f->type;
	look_at_name(l);
	if (filetype_is(t, FILETYPE_DANGEROUS))
		look_at_program(l);
	if (filetype_is(t, FILETYPE_ARCHIVE | FILETYPE_DISK))
		look_at_archive(l);
	if (filetype_is(t, FILETYPE_DOCUMENT))
		look_at_document(l);
	if (filetype_is(t, FILETYPE_WEB))
		look_at_page(l);
	if (l->f->facts & EXTRACT_BOMB)
		found(l, SIGNAL_FILE_BOMB);
	if (l->f->facts & EXTRACT_DEEP)
		found(l, SIGNAL_FILE_DEEP);
}

void content_check_files(struct content_exam *x)
{
	for (size_t i = 0; i < x->c->nfiles; i++) {
		const struct content_file *f = &x->c->files[i];
		struct looking l = {x, x->c, f, f->name};
		if (!l.shown.n)
			l.shown = slice_z(filetype_name((enum filetype)f->type));
		look_at(&l);
	}
	look_for_lure(x);
}
