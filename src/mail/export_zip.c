/* A zip as it is written (export.h), by libarchive: a stream, with 64-bit sizes where they are needed. */
#include "base/mem.h"
#include "base/time.h"
#include "mail/export_impl.h"

#include <archive.h>
#include <archive_entry.h>

static int failed(struct exporting *x, struct err *e)
{
	const char *text = archive_error_string(x->zip);
	return err_set(e, ERR_TEMP, "writing the zip: %s", text ? text : "out of memory");
}

int export_zip_begin(struct exporting *x, int fd, struct err *e)
{
	x->zip = archive_write_new();
	if (archive_write_set_format_zip(x->zip) != ARCHIVE_OK ||
		archive_write_set_options(x->zip, "zip:hdrcharset=UTF-8") < ARCHIVE_WARN ||
		archive_write_open_fd(x->zip, fd) != ARCHIVE_OK)
		return failed(x, e);
	return 0;
}

int export_zip_put(struct exporting *x, slice name, slice bytes, int64_t at, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct archive_entry *entry = archive_entry_new();
	archive_entry_set_pathname_utf8(entry, arena_strz(&a, name));
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0600);
	archive_entry_set_size(entry, (la_int64_t)bytes.n);
	archive_entry_set_mtime(entry, at / SECOND, 0);
	int r = archive_write_header(x->zip, entry);
	archive_entry_free(entry);
	if (r < ARCHIVE_WARN)
		return failed(x, e);
	if (bytes.n && archive_write_data(x->zip, bytes.p, bytes.n) != (la_ssize_t)bytes.n)
		return failed(x, e);
	return 0;
}

int export_zip_end(struct exporting *x, struct err *e)
{
	int r = x->zip && archive_write_close(x->zip) != ARCHIVE_OK ? failed(x, e) : 0;
	archive_write_free(x->zip);
	x->zip = NULL;
	return r;
}
